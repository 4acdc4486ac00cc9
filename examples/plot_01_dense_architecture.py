"""
Architecture of the dense autoencoder
=====================================

This example reproduces the first figure of :doc:`the article </index>`. The encoder is a
small network of fully connected layers. Its output is a latent code of 32 components
between 0 and 1. The decoder is larger than the encoder, because generating images is the
harder task. ``init="random"`` uses these networks alone, as in the article.
"""

from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import ArchitectureDisplay

images = load_images()
ae = DenseAutoencoder(
    n_components=32,
    hidden_layer_sizes=(128,),
    decoder_hidden_layer_sizes=(256, 512),
    init="random",
    latent_activation="sigmoid",
    output_activation="sigmoid",
    max_epochs=images.epochs(mnist=1, digits=1),
    random_state=0,
).fit(images.X)

# %%
# Each bar is a layer. Its width is the logarithm of the number of its outputs. The latent
# code is the narrowest part: the decoder reconstructs the image from the code alone.

ArchitectureDisplay.from_estimator(ae)

# %%
# ``summary`` returns the same layers as text. Most parameters are in the first layer of
# the encoder and the last layer of the decoder, because an image has more elements than
# its latent code.

print(ae.summary())
