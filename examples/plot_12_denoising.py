"""
Denoising
=========

A denoising autoencoder is trained with noise: its input is a noisy image, and its target
is the image without noise. After training, it removes noise from unseen images.
``noise="gaussian"`` adds normal noise to the training input.
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
print("mean squared distance from the test images without noise")
print(f"noisy images            {((noisy - images.X_test) ** 2).mean():.4f}")
for name, ae in (("plain autoencoder", plain), ("denoising autoencoder", denoising)):
    error = ((ae.reconstruct(noisy) - images.X_test) ** 2).mean()
    print(f"{name:22}  {error:.4f}")

# %%
# The first line shows noisy digits, and the second line their reconstructions without
# noise. The mean squared errors are high here, because they measure the removed noise.

display = ReconstructionDisplay.from_estimator(
    denoising, noisy[:10], image_shape=images.image_shape
)
display.ax_.set_title("Noisy digits and their reconstructions")
