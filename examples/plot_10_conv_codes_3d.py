"""
Convolutional codes in three dimensions
=======================================

The article's tenth figure: KernelPCA of the convolutional autoencoder's codes.
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
    latent_activation="sigmoid",
    lr=1e-3,
    lr_schedule="constant",
    batch_size=32,
    max_epochs=images.epochs(mnist=10, digits=30),
    random_state=0,
).fit(images.X)

# %%
# The classes that lie apart are those of the dense autoencoder: the 1s of MNIST, the 0s
# of scikit-learn's digits.

LatentScatterDisplay.from_estimator(
    ae, images.X, images.y, n_dimensions=3, random_state=0
)
