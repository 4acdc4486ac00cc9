"""
Architecture of the convolutional autoencoder
=============================================

This example reproduces the seventh figure of :doc:`the article </index>`. The encoder
applies two convolutions, each of which halves height and width, and then fully connected
layers. The decoder has the same layers in reverse order. ``init="random"`` uses these
networks alone, as in the article.
"""

from gallery_data import load_images

from skae import ConvAutoencoder
from skae.displays import ArchitectureDisplay

images = load_images()
ae = ConvAutoencoder(
    n_components=32,
    image_shape=images.image_shape,
    conv_channels=(16, 32),
    hidden_layer_sizes=(128,),
    init="random",
    latent_activation="sigmoid",
    output_activation="sigmoid",
    max_epochs=images.epochs(mnist=1, digits=1),
    random_state=0,
).fit(images.X)

# %%
# Shapes of images are channels x height x width. The output of the first convolution has
# more elements than the image. The number of elements decreases only afterwards.

ArchitectureDisplay.from_estimator(ae)

# %%
# The convolutions have few parameters, because the same kernels of 3 x 3 pixels are used
# at all positions. Nearly all parameters are in the fully connected layers.

print(ae.summary())
