"""
Digits from random codes
========================

The article's third figure: codes are drawn from a normal distribution with mean 0.5 and
standard deviation 0.2, as if that were what the encoder puts out, and decoded.
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
    latent_activation="sigmoid",
    lr=1e-3,
    lr_schedule="constant",
    batch_size=32,
    max_epochs=images.epochs(mnist=20, digits=50),
    random_state=0,
).fit(images.X)

# %%
# Few look like a digit; most are faint pieces of several. Of MNIST, hardly one is clearly
# a 1, although every ninth training image is.

rng = np.random.default_rng(0)
codes = rng.normal(0.5, 0.2, size=(100, 32))
SampleDisplay.from_predictions(
    ae.inverse_transform(codes),
    image_shape=images.image_shape,
    title="Codes from N(0.5, 0.2)",
)

# %%
# Nothing is wrong with the decoder. ``sample`` draws codes from a density that ``fit``
# has fitted to the codes of the training rows, and hands them to the same decoder:

SampleDisplay.from_estimator(
    ae,
    100,
    image_shape=images.image_shape,
    random_state=0,
    title="Codes from the fitted mixture",
)
