"""
Walking through the codes of a variational autoencoder
======================================================

A variational autoencoder is trained with codes that are drawn, so that what lies between
the codes of training rows can be decoded, too.
"""

import numpy as np
from gallery_data import load_images

from skae import DenseVariationalAutoencoder
from skae.displays import InterpolationDisplay, LatentGridDisplay

images = load_images()
settings = {"max_epochs": images.epochs(mnist=20, digits=50), "random_state": 0}

# %%
# With codes of two numbers, all that it knows fits one picture: a grid over both,
# decoded. Digits go over into their neighbours.

flat = DenseVariationalAutoencoder(2, **settings).fit(images.X)
LatentGridDisplay.from_estimator(flat, images.X, image_shape=images.image_shape)

# %%
# With codes of 16 numbers, digits are sharper, and steps between two of them go through
# digits, or nearly so.

vae = DenseVariationalAutoencoder(16, **settings).fit(images.X)
first = [np.flatnonzero(images.y_test == digit)[0] for digit in range(10)]
starts, ends = images.X_test[first[:5]], images.X_test[first[5:]]
InterpolationDisplay.from_estimator(vae, starts, ends, image_shape=images.image_shape)
