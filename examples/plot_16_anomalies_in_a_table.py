"""
Anomaly detection in a table
============================

An ``AutoencoderDetector`` learns what benign tumours look like, and marks samples that
differ. The table has 30 measurements of each tumour. Malignant tumours are not used for
training.
"""

from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderDetector, DenseAutoencoder
from skae.displays import AnomalyDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_benign = train_test_split(X[y == 1], test_size=0.3, random_state=0)
X_malignant = X[y == 0]
print(f"{len(X_train)} benign samples for training, {len(X_benign)} for testing")

# %%
# The estimator is a Pipeline: it standardises the columns, because their units differ.
# The area under the ROC curve compares the scores of benign and malignant samples that
# were not used for training.

ae = DenseAutoencoder(15, random_state=0)
detector = AutoencoderDetector(make_pipeline(StandardScaler(), ae), random_state=0)
detector.fit(X_train)

is_malignant = [False] * len(X_benign) + [True] * len(X_malignant)
X_test = X.loc[[*X_benign.index, *X_malignant.index]]
auc = roc_auc_score(is_malignant, -detector.score_samples(X_test))
print(f"area under the ROC curve: {auc:.3f}")

# %%
# The p-value of a sample tells how often a benign sample is at least as unusual. A
# threshold of 5% is the default of ``predict``. About 5% of the benign samples have a
# p-value below it: these are the false alarms.

for name, samples in (("benign", X_benign), ("malignant", X_malignant)):
    share = (detector.p_values(samples) <= 0.05).mean()
    print(f"{name}: {share:.0%} have a p-value of at most 0.05")

AnomalyDisplay.from_estimator(detector, X_malignant)

# %%
# Which columns are unusual? The bars are the parts of the score of one malignant sample.
# Each label shows the value of the column and, in brackets, its reconstruction.

least_usual = detector.score_samples(X_malignant).argmin()
AnomalyDisplay.from_estimator(detector, X_malignant, sample=least_usual)
