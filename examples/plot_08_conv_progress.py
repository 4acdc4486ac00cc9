"""
Animation of the training
=========================

This example reproduces the eighth figure of :doc:`the article </index>`: an animated GIF
of ten test digits and their reconstructions by a convolutional autoencoder. The callback
``ReconstructionRecorder`` records one frame after each epoch. With ``init="random"``, the
networks learn from nothing, as in the article.
"""

from gallery_data import load_images

from skae import ConvAutoencoder
from skae.callbacks import ReconstructionRecorder

images = load_images()
ae = ConvAutoencoder(
    n_components=32,
    image_shape=images.image_shape,
    conv_channels=(16, 32),
    hidden_layer_sizes=(128,),
    init="random",
    latent_activation="sigmoid",
    output_activation="sigmoid",
    lr=1e-3,
    lr_schedule="constant",
    batch_size=32,
    max_epochs=images.epochs(mnist=10, digits=30),
    callbacks=[ReconstructionRecorder(images.X_test[:10])],
    random_state=0,
).fit(images.X)

# %%
# The first reconstructions are blurred spots. Then they become digits, and finally they
# show the handwriting of the individual images.

recorder = dict(ae.callbacks_)["ReconstructionRecorder"]
recorder.save_gif("conv_progress.gif")
