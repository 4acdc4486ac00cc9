"""
Anomaly detection in signals
============================

A ``ConvAutoencoder`` also learns from signals, which are images of one row. The signals
of this example are simulated heartbeats. They have 128 time steps and the shape (samples,
1, 128).
"""

import matplotlib.pyplot as plt
import numpy as np
from gallery_data import epochs, simulate_heartbeats
from sklearn.metrics import roc_auc_score

from skae import AutoencoderDetector, ConvAutoencoder
from skae.displays import AnomalyDisplay

X_train, _ = simulate_heartbeats(600, random_state=0)
X_test, _ = simulate_heartbeats(200, random_state=1)
X_unusual, is_changed = simulate_heartbeats(100, unusual=True, random_state=2)

figure, axes = plt.subplots(1, 2, figsize=(7, 2.4), sharey=True)
for ax, signals, title in zip(
    axes, (X_test, X_unusual), ("normal", "unusual"), strict=True
):
    ax.plot(signals[:4, 0].T, linewidth=1)
    ax.set(title=title, xlabel="time step")
    ax.spines[["top", "right"]].set_visible(False)

# %%
# Two kinds of heartbeats are unusual: the last wave is upside down, or there is a short
# disturbance. The detector is trained on normal heartbeats only. The score "neighbors"
# compares signals and their residuals with those of the training data.

ae = ConvAutoencoder(8, max_epochs=epochs(30), random_state=0)
detector = AutoencoderDetector(ae, anomaly_score="neighbors", random_state=0)
detector.fit(X_train)

scores = [detector.score_samples(X) for X in (X_test, X_unusual)]
auc = roc_auc_score(np.repeat([0, 1], [200, 100]), -np.concatenate(scores))
print(f"area under the ROC curve: {auc:.3f}")
print(f"false alarms: {(detector.predict(X_test) == -1).mean():.0%}")

# %%
# When is a heartbeat unusual? The colour shows the part of the score of each time step.
# The first signal has a disturbance, and the last wave of the second one is upside down.

_, axes = plt.subplots(2, 1, figsize=(7, 4.6), layout="constrained")
for sample, ax in enumerate(axes):
    AnomalyDisplay.from_estimator(detector, X_unusual, sample=sample, ax=ax)

# %%
# In this simulation, it is known which time steps were changed. For each signal, the time
# steps with the largest parts of the score are compared with these, in the same number.

parts = detector.feature_scores(X_unusual)
found = []
for part, changed in zip(parts[:, 0], is_changed[:, 0], strict=True):
    largest = np.argsort(part)[-changed.sum() :]
    found.append(changed[largest].mean())
print(f"changed time steps among those with the largest parts: {np.mean(found):.0%}")
