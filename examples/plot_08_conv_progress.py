"""
A film of the training
======================

The article's eighth figure: what the convolutional autoencoder restores of ten test
digits after each epoch, as a GIF.
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
    latent_activation="sigmoid",
    lr=1e-3,
    lr_schedule="constant",
    batch_size=32,
    max_epochs=images.epochs(mnist=10, digits=30),
    callbacks=[ReconstructionRecorder(images.X_test[:10])],
    random_state=0,
).fit(images.X)

# %%
# Blots at first, then digits, then the strokes of just this writer.

recorder = dict(ae.callbacks_)["ReconstructionRecorder"]
recorder.save_gif("conv_progress.gif")
