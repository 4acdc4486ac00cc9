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
# Of MNIST, one class lies apart: the 1s, on the right. All others meet, 4s with 7s and 9s
# for instance. Of scikit-learn's digits, it is the 4s above and the 0s on the right that
# keep to themselves.

LatentScatterDisplay.from_estimator(ae, images.X, images.y, random_state=0)

# %%
# The same with some of the images at the places of their codes. Neighbours look alike.

LatentScatterDisplay.from_estimator(
    ae,
    images.X,
    images.y,
    random_state=0,
    thumbnails=True,
    image_shape=images.image_shape,
)
