"""
Reconstructions during training
===============================

This example reproduces the second figure of :doc:`the article </index>`: reconstructions
of the same test digits after different numbers of epochs. The callback
``ReconstructionRecorder`` records them during training. It does not change the trained
model. With ``init="random"``, the networks learn from nothing, as in the article;
:doc:`by default </how_it_works>`, training starts at PCA.
"""

from gallery_data import load_images

from skae import DenseAutoencoder
from skae.callbacks import ReconstructionRecorder
from skae.displays import LossCurveDisplay, ReconstructionDisplay

images = load_images()
ae = DenseAutoencoder(
    n_components=32,
    hidden_layer_sizes=(128,),
    decoder_hidden_layer_sizes=(256, 512),
    init="random",
    latent_activation="sigmoid",
    output_activation="sigmoid",
    lr=1e-3,
    lr_schedule="constant",
    batch_size=32,
    max_epochs=images.epochs(mnist=20, digits=50),
    validation_fraction=0.1,
    callbacks=[ReconstructionRecorder(images.X_test[:10])],
    random_state=0,
).fit(images.X)

# %%
# The first line shows the original digits. Epoch 0 is the untrained network: all
# reconstructions are grey. In the first epochs, it learns which pixels are dark in many
# images. Later, it learns to tell the digits apart.

recorder = dict(ae.callbacks_)["ReconstructionRecorder"]
recorder.plot(image_shape=images.image_shape)

# %%
# The loss curves show how the training converges. The dashed line is the loss on the
# validation set, 10% of the training images.

LossCurveDisplay.from_estimator(ae)

# %%
# After training, ``ReconstructionDisplay`` compares test digits with their
# reconstructions. The number below each digit is its mean squared error.

ReconstructionDisplay.from_estimator(
    ae, images.X_test[:10], image_shape=images.image_shape
)
