"""
Removing noise
==============

A denoising autoencoder is given rows with noise while it is trained, and asked for the
rows without. Then it takes noise off rows that it has never seen.
"""

import numpy as np
from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import ReconstructionDisplay

images = load_images()
settings = {"max_epochs": images.epochs(mnist=20, digits=50), "random_state": 0}
plain = DenseAutoencoder(**settings).fit(images.X)
denoising = DenseAutoencoder(noise="gaussian", noise_level=0.3, **settings).fit(images.X)

rng = np.random.default_rng(0)
noise = rng.normal(0, 0.3, images.X_test.shape)
noisy = (images.X_test + noise).clip(0, 1).astype(np.float32)
for name, ae in (("plain", plain), ("denoising", denoising)):
    error = ((ae.reconstruct(noisy) - images.X_test) ** 2).mean()
    print(f"{name:10}  distance from the digits without noise: {error:.4f}")
print(
    f"{'none':10}  distance from the digits without noise: "
    f"{((noisy - images.X_test) ** 2).mean():.4f}"
)

# %%
# Noisy digits above, what is restored of them below. The errors are the distance between
# the two: here they are what was taken away.

ReconstructionDisplay.from_estimator(
    denoising, noisy[:10], image_shape=images.image_shape
)
