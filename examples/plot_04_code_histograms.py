"""
What codes are distributed like
===============================

Why random codes make such bad digits shows in the article's fourth figure: histograms of
single numbers of the codes.
"""

from gallery_data import load_images

from skae import DenseAutoencoder
from skae.displays import LatentHistogramDisplay

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
# No two are alike, and hardly one is normal: some lean to 0, some to 1, some are flat,
# and some have two peaks. The line is the mixture that ``fit`` has fitted to the codes,
# which follows them.

LatentHistogramDisplay.from_estimator(ae, images.X, components=range(9))
