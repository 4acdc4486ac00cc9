"""
Codes in three dimensions
=========================

The article's sixth figure: one component more than in two dimensions.
"""

from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import LatentScatterDisplay

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
# The class apart stays apart: the 1s of MNIST, the 0s of scikit-learn's digits. Some
# others that met in two dimensions part in the third; most still touch.

LatentScatterDisplay.from_estimator(
    ae, images.X, images.y, n_dimensions=3, random_state=0
)
