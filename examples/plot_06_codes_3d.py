"""
Latent codes in three dimensions
================================

This example reproduces the sixth figure of :doc:`the article </index>`. KernelPCA reduces
the latent codes to three components instead of two. The networks are the article's, with
random initial weights: ``init="random"``.
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
# The classes that are separate in two dimensions are separate here too: the 1s of MNIST,
# and the 0s of scikit-learn's digits. The third component separates some of the other
# classes. Most of them still overlap.

LatentScatterDisplay.from_estimator(
    ae, images.X, images.y, n_dimensions=3, random_state=0
)
