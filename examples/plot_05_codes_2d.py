"""
Codes in two dimensions
=======================

Codes of 32 numbers, brought to two by KernelPCA: the article's fifth figure.
"""

from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import LatentScatterDisplay

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
    random_state=0,
).fit(images.X)

# %%
# TODO

LatentScatterDisplay.from_estimator(ae, images.X, images.y, random_state=0)

# %%
# The same with images where there is room for them.

LatentScatterDisplay.from_estimator(
    ae,
    images.X,
    images.y,
    random_state=0,
    thumbnails=True,
    image_shape=images.image_shape,
)
