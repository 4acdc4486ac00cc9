"""
Distribution of the latent codes
================================

This example reproduces the fourth figure of :doc:`the article </index>`: histograms of
single latent components. They explain why random codes from a normal distribution
generate poor digits. The networks are the article's, with random initial weights:
``init="random"``.
"""

from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import LatentHistogramDisplay

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
# The components have different distributions. Some are close to normal, and others are
# skewed or have two peaks. The components also depend on one another, which histograms do
# not show. The line is the Gaussian mixture that ``fit`` fitted to the latent codes. It
# follows the histograms.

LatentHistogramDisplay.from_estimator(ae, images.X, components=range(9))
