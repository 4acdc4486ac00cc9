"""
Anomaly detection with images
=============================

An ``AutoencoderDetector`` finds samples that are unlike its training data. In this
example, the training data contain no 0s, so that 0s are outliers. For images, the score
is the log-density of the latent code.
"""

import numpy as np
from gallery_data import load_images, scratch
from sklearn.metrics import roc_auc_score

from skae import AutoencoderDetector, DenseAutoencoder
from skae.displays import AnomalyDisplay

images = load_images()
shape = (-1, *images.image_shape[-2:])
known = images.X[images.y != 0].reshape(shape)
X_test, is_zero = images.X_test.reshape(shape), images.y_test == 0

ae = DenseAutoencoder(max_epochs=images.epochs(mnist=20, digits=50), random_state=0)
detector = AutoencoderDetector(ae, false_alarm_rate=0.05, random_state=0).fit(known)
scores = detector.score_samples(X_test)
print(f"area under the ROC curve: {roc_auc_score(is_zero, -scores):.3f}")

# %%
# The histogram shows the scores of the test images. Samples below the threshold are
# outliers. It was chosen with held-out training images, so that about 5% of the known
# digits are below it.

AnomalyDisplay.from_estimator(detector, X_test)
is_outlier = detector.predict(X_test) == -1
print(f"0s that are detected: {is_outlier[is_zero].mean():.0%}")
print(f"false alarms: {is_outlier[~is_zero].mean():.0%}")

# %%
# This is the most unusual test image. The map shows which pixels its reconstruction
# misses.

AnomalyDisplay.from_estimator(detector, X_test, sample=scores.argmin())

# %%
# The map also finds scratches. A white line is drawn over each of 200 known digits. The
# pixels with the largest parts of the score, as many as the line has, are compared with
# those of the line.

scratched, is_scratched = scratch(X_test[~is_zero][:200], random_state=0)
maps = detector.feature_scores(scratched)
found = [
    line.ravel()[np.argsort(part, axis=None)[-line.sum() :]].mean()
    for part, line in zip(maps, is_scratched, strict=True)
    if line.any()
]
print(f"pixels of the scratch among those with the largest parts: {np.mean(found):.0%}")
AnomalyDisplay.from_estimator(detector, scratched, sample=0)
