"""
Digits from random latent codes, with convolutions
==================================================

This example reproduces the ninth figure of :doc:`the article </index>`. The convolutional
autoencoder decodes latent codes from the same normal distribution as the dense one in
:doc:`/gallery/plot_03_dense_samples`. The networks are the article's, with random initial
weights: ``init="random"``.
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
# With MNIST, the strokes are clearer than those of the dense decoder. More images look
# like digits, mostly 3s, 5s and 8s, but hardly any like a 1. With scikit-learn's digits,
# nearly all images show the same blurred shape.

rng = np.random.default_rng(0)
codes = rng.normal(0.5, 0.2, size=(100, 32))
SampleDisplay.from_predictions(
    ae.inverse_transform(codes),
    image_shape=images.image_shape,
    title="Latent codes from N(0.5, 0.2)",
)
