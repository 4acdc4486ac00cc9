"""
Better from epoch to epoch
==========================

What the dense autoencoder restores of the same test digits as training goes on: the
article's second figure. A ``ReconstructionRecorder`` among the callbacks keeps the
reconstructions of the rows that it is given; training is the same as without it.
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
    latent_activation="sigmoid",
    lr=1e-3,
    lr_schedule="constant",
    batch_size=32,
    max_epochs=images.epochs(mnist=20, digits=50),
    validation_fraction=0.1,
    callbacks=[ReconstructionRecorder(images.X_test[:10])],
    random_state=0,
).fit(images.X)

# %%
# The first row holds the digits themselves. Below them, epoch 0 is the untrained network,
# which puts out the same gray for each; the first epochs find where there is ink at all,
# and the later ones which digit it is.

recorder = dict(ae.callbacks_)["ReconstructionRecorder"]
recorder.plot(image_shape=images.image_shape)

# %%
# The loss says when it happened. The dashed line is the loss of rows that were held out.

LossCurveDisplay.from_estimator(ae)

# %%
# At the end, each digit's mean squared error stands below it.

ReconstructionDisplay.from_estimator(
    ae, images.X_test[:10], image_shape=images.image_shape
)
