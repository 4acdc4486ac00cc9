"""
Convolutional latent codes in three dimensions
==============================================

This example reproduces the tenth figure of :doc:`the article </index>`. KernelPCA reduces
the latent codes of the convolutional autoencoder to three components. The networks are
the article's, with random initial weights: ``init="random"``.
"""

from gallery_data import load_images

from skae import ConvAutoencoder
from skae.displays import LatentScatterDisplay

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
    random_state=0,
).fit(images.X)

# %%
# The same classes are separate as with the dense autoencoder: the 1s of MNIST, and the 0s
# of scikit-learn's digits. Most other classes overlap.

LatentScatterDisplay.from_estimator(
    ae, images.X, images.y, n_dimensions=3, random_state=0
)
