"""
Latent codes in two dimensions
==============================

This example reproduces the fifth figure of :doc:`the article </index>`. KernelPCA reduces
the latent codes from 32 components to 2. Colours and markers show the classes. The
networks are the article's, with random initial weights: ``init="random"``.
"""

from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import LatentScatterDisplay

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
    random_state=0,
).fit(images.X)

# %%
# With MNIST, one class is separate: the 1s, on the right. All other classes overlap, for
# example 4s with 7s and 9s. With scikit-learn's digits, two classes are separate: the 4s
# at the top and the 0s on the right.

LatentScatterDisplay.from_estimator(ae, images.X, images.y, random_state=0)

# %%
# With ``thumbnails=True``, some of the images are drawn at their latent codes. Images
# with similar codes look similar.

LatentScatterDisplay.from_estimator(
    ae,
    images.X,
    images.y,
    random_state=0,
    thumbnails=True,
    image_shape=images.image_shape,
)
