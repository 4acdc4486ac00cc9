"""
Finding what does not belong
============================

An autoencoder restores what it was trained on. Here it has never seen a 0, so that 0s
come back badly: ``score_samples``, minus the mean squared error of each row, tells them
apart.
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
# Most 0s lie right of all but few of the other digits.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
bins = np.linspace(0, np.quantile(-scores, 0.999), 25)
ax.hist(-scores[~is_zero], bins, density=True, color="#0072b2", label="other digits")
ax.hist(
    -scores[is_zero],
    bins,
    density=True,
    color="#d55e00",
    alpha=0.7,
    label="0, never seen",
)
ax.set(
    xlabel="mean squared error of a test image",
    ylabel="density",
    title="Images like none of the training rows have larger errors",
)
ax.legend()

# %%
# The ten test images with the largest errors. Most are 0s, of which the decoder makes
# digits that it knows.

worst = scores.argsort()[:10]
ReconstructionDisplay.from_estimator(
    ae, images.X_test[worst], image_shape=images.image_shape
)
