"""
Digits from random latent codes
===============================

This example reproduces the third figure of :doc:`the article </index>`. Latent codes are
drawn from a normal distribution with mean 0.5 and standard deviation 0.2, and decoded.
This would generate digits if the encoder's codes had that distribution. The networks are
the article's, with random initial weights: ``init="random"``.
"""

import numpy as np
from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import SampleDisplay

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
# Few images look like digits. Most are faint fragments of several digits. With MNIST,
# hardly any image is clearly a 1, although 11% of the training images are.

rng = np.random.default_rng(0)
codes = rng.normal(0.5, 0.2, size=(100, 32))
SampleDisplay.from_predictions(
    ae.inverse_transform(codes),
    image_shape=images.image_shape,
    title="Latent codes from N(0.5, 0.2)",
)

# %%
# The decoder is not the reason. ``fit`` also fits a Gaussian mixture to the latent codes
# of the training images. ``sample`` draws codes from this mixture and decodes them with
# the same decoder. Most of these images are digits.

SampleDisplay.from_estimator(
    ae,
    100,
    image_shape=images.image_shape,
    random_state=0,
    title="Latent codes from the fitted mixture",
)
