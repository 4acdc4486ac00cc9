"""
Latent space of a variational autoencoder
=========================================

A variational autoencoder decodes random latent codes during training. Therefore, it can
also decode codes between those of the training images. This example shows a grid of
decoded codes, and interpolations between images.
"""

import numpy as np
from gallery_data import load_images

from skae import DenseVariationalAutoencoder
from skae.displays import InterpolationDisplay, LatentGridDisplay

images = load_images()
settings = {"max_epochs": images.epochs(mnist=20, digits=50), "random_state": 0}

# %%
# With two latent components, one figure shows the whole latent space. Each image is
# decoded from a point of a grid. Neighbouring digits change gradually into one another.

flat = DenseVariationalAutoencoder(2, **settings).fit(images.X)
LatentGridDisplay.from_estimator(flat, images.X, image_shape=images.image_shape)

# %%
# With 16 latent components, the digits are sharper. Each line interpolates between the
# latent codes of two test images. Most of the images between them look like digits.

vae = DenseVariationalAutoencoder(16, **settings).fit(images.X)
first = [np.flatnonzero(images.y_test == digit)[0] for digit in range(10)]
starts, ends = images.X_test[first[:5]], images.X_test[first[5:]]
InterpolationDisplay.from_estimator(vae, starts, ends, image_shape=images.image_shape)
