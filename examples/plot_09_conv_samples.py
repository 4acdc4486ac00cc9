"""
Digits from random codes, with convolutions
===========================================

The article's ninth figure: the convolutional decoder gets codes from the same normal
distribution as the dense one.
"""

import numpy as np
from gallery_data import load_images

from skae import ConvAutoencoder
from skae.displays import SampleDisplay

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
# Of MNIST, strokes are stronger than those of the dense decoder, and more are digits: 3s,
# 5s and 8s above all, but hardly a 1. Of scikit-learn's digits, nearly all are the same
# blur.

rng = np.random.default_rng(0)
codes = rng.normal(0.5, 0.2, size=(100, 32))
SampleDisplay.from_predictions(
    ae.inverse_transform(codes),
    image_shape=images.image_shape,
    title="Codes from N(0.5, 0.2)",
)
