"""
The dense autoencoder, layer by layer
=====================================

The article's first figure: a small encoder of fully connected layers, a code of 32
numbers between 0 and 1, and a decoder that is the larger of the two. To make new digits
is the harder work.
"""

from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import ArchitectureDisplay

images = load_images()
ae = DenseAutoencoder(
    n_components=32,
    hidden_layer_sizes=(128,),
    decoder_hidden_layer_sizes=(256, 512),
    latent_activation="sigmoid",
    max_epochs=images.epochs(mnist=1, digits=1),
    random_state=0,
).fit(images.X)

# %%
# Each bar is a layer, as wide as the logarithm of how many numbers it puts out. The waist
# is the code: all that the decoder gets to know of an image.

ArchitectureDisplay.from_estimator(ae)

# %%
# ``summary`` says the same in text. Where an image is larger than its code, most
# parameters are in the layers beside the pixels.

print(ae.summary())
