"""
The convolutional autoencoder, layer by layer
=============================================

The article's seventh figure. The encoder convolves and halves the image twice before its
fully connected layers; the decoder does the same backwards.
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
    latent_activation="sigmoid",
    max_epochs=images.epochs(mnist=1, digits=1),
    random_state=0,
).fit(images.X)

# %%
# Shapes are channels, height, width. The first convolution makes more numbers of an image
# than it has pixels; only then they become fewer.

ArchitectureDisplay.from_estimator(ae)

# %%
# The convolutions have few parameters, since each looks at 3 x 3 pixels only, wherever
# these are. Nearly all are in the fully connected layers.

print(ae.summary())
