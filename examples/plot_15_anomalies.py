"""
Anomaly detection
=================

An autoencoder reconstructs samples best that are similar to its training data. In this
example, the training data contain no 0s, so that 0s have large reconstruction errors.
``score_samples`` returns minus the mean squared error of each sample.
"""

import matplotlib.pyplot as plt
import numpy as np
from gallery_data import load_images
from sklearn.metrics import roc_auc_score

from skae import DenseAutoencoder
from skae.displays import ReconstructionDisplay

images = load_images()
known = images.y != 0
ae = DenseAutoencoder(
    8, max_epochs=images.epochs(mnist=20, digits=50), random_state=0
).fit(images.X[known])

scores = ae.score_samples(images.X_test)
is_zero = images.y_test == 0
print(f"area under the ROC curve: {roc_auc_score(is_zero, -scores):.3f}")

# %%
# The histogram shows the errors of the test images. Most 0s have larger errors than
# nearly all other digits.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
bins = np.linspace(0, np.quantile(-scores, 0.999), 25)
ax.hist(-scores[~is_zero], bins, density=True, color="#0072b2", label="other digits")
ax.hist(
    -scores[is_zero],
    bins,
    density=True,
    color="#d55e00",
    alpha=0.7,
    label="0, not in the training data",
)
ax.set(
    xlabel="mean squared error of a test image",
    ylabel="density",
    title="Reconstruction errors of known and unknown digits",
)
ax.legend()

# %%
# These are the ten test images with the largest errors. Most are 0s. Their
# reconstructions look like other digits.

worst = scores.argsort()[:10]
display = ReconstructionDisplay.from_estimator(
    ae, images.X_test[worst], image_shape=images.image_shape
)
display.ax_.set_title("Test digits with the largest errors")
