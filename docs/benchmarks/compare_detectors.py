"""Area under the ROC curve of AutoencoderDetector and other outlier detectors.

It reads all .npz files in a folder with arrays X and y, where y == 1 marks outliers. Two
settings are measured: half of the normal samples train, and the others are scored with
the outliers; and all samples train and are scored. At most 5,000 samples train. Other
detectors get standardised columns, and have their default parameters. Detectors of PyOD
are included if it is installed. The page "Results of anomaly detection" has the output:

    python docs/benchmarks/compare_detectors.py tables > table.md
"""

import argparse
import importlib
import importlib.util
import pathlib
import warnings

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from skae import AutoencoderDetector

MAX_TRAIN, MAX_TEST, MAX_OUTLIERS = 5_000, 5_000, 2_000
PYOD = {
    "PyOD AutoEncoder": ("auto_encoder", "AutoEncoder"),
    "PyOD VAE": ("vae", "VAE"),
    "PyOD DeepSVDD": ("deep_svdd", "DeepSVDD"),
    "PyOD ECOD": ("ecod", "ECOD"),
}


def neighbours(train, test, is_same):
    """Return the distance to the fifth neighbour, the score of PyOD's KNN."""
    index = NearestNeighbors(n_neighbors=5).fit(train)
    distances, _ = index.kneighbors(None if is_same else test)
    return distances[:, -1]


def skae_scores(score):
    """Return the function of the detector with a score."""

    def scores(train, test, seed, is_same):
        detector = AutoencoderDetector(anomaly_score=score, random_state=seed)
        return -detector.fit(train).score_samples(test)

    return scores


def local_factor(train, test, is_same):
    """Return the local outlier factor."""
    if is_same:
        return -LocalOutlierFactor().fit(train).negative_outlier_factor_
    return -LocalOutlierFactor(novelty=True).fit(train).score_samples(test)


def pyod_scores(module, name, train, test, seed):
    """Return the scores of a detector of PyOD."""
    kind = getattr(importlib.import_module(f"pyod.models.{module}"), name)
    options = {"n_features": train.shape[1]} if name == "DeepSVDD" else {}
    if name != "ECOD":
        options["random_state"] = seed
    return kind(**options).fit(train).decision_function(test)


def detectors(names):
    """Return the functions of train, test, seed and whether both are the same."""
    functions = {
        "skae": skae_scores("auto"),
        "skae, residual": skae_scores("residual"),
        "skae, reconstruction": skae_scores("reconstruction"),
        "skae, density": skae_scores("density"),
        "5th neighbour": lambda train, test, seed, same: neighbours(train, test, same),
        "IsolationForest": lambda train, test, seed, same: (
            -(IsolationForest(random_state=seed).fit(train).score_samples(test))
        ),
        "LocalOutlierFactor": lambda train, test, seed, same: local_factor(
            train, test, same
        ),
        "OneClassSVM": lambda train, test, seed, same: (
            -(OneClassSVM().fit(train).score_samples(test))
        ),
    }
    if importlib.util.find_spec("pyod") is not None:
        for title, (module, name) in PYOD.items():
            functions[title] = lambda train, test, seed, same, module=module, name=name: (
                pyod_scores(module, name, train, test, seed)
            )
    return {name: functions[name] for name in functions if names in ("", name)}


def split(X, y, seed):
    """Return training samples, samples to score and their labels, for both settings."""
    rng = np.random.default_rng(seed)
    normal = rng.permutation(np.flatnonzero(y == 0))
    outliers = rng.permutation(np.flatnonzero(y == 1))[:MAX_OUTLIERS]
    n_train = min(len(normal) // 2, MAX_TRAIN)
    others = normal[len(normal) // 2 :][:MAX_TEST]
    some = rng.permutation(len(X))[:MAX_TRAIN]
    return {
        "trained on normal samples": (normal[:n_train], np.r_[others, outliers]),
        "trained on everything": (some, some),
    }


def main():
    """Measure all tables, and print two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="one detector")
    options = parser.parse_args()
    functions = detectors(options.only)
    results = {}
    for path in sorted(options.tables.glob("*.npz")):
        with np.load(path) as file:
            X, y = file["X"].astype(float), file["y"]
        for seed in range(options.seeds):
            for setting, (train, test) in split(X, y, seed).items():
                scaler = StandardScaler().fit(X[train])
                A, B = scaler.transform(X[train]), scaler.transform(X[test])
                for name, function in functions.items():
                    scores = function(A, B, seed, train is test)
                    auc = roc_auc_score(y[test], np.nan_to_num(scores))
                    key = setting, path.stem, name
                    results.setdefault(key, []).append(auc)
    tables = sorted({table for _, table, _ in results})
    for setting in ("trained on normal samples", "trained on everything"):
        print(f"\n### Area under the ROC curve, {setting}\n")
        print("| table | " + " | ".join(functions) + " |")
        print("|---|" + "---:|" * len(functions))
        means = {
            (table, name): np.mean(results[setting, table, name])
            for table in tables
            for name in functions
        }
        for table in tables:
            row = (f"{means[table, name]:.3f}" for name in functions)
            print(f"| {table} | " + " | ".join(row) + " |")
        average = (np.mean([means[t, name] for t in tables]) for name in functions)
        print("| **mean** | " + " | ".join(f"**{a:.3f}**" for a in average) + " |")


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
