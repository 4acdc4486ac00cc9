"""Area under the ROC curve of AutoencoderDetector and other outlier detectors.

It reads all .npz files in a folder with arrays X and y, where y == 1 marks outliers. Two
settings are measured: half of the normal samples train, and the others are scored with
the outliers; and all samples train and are scored. At most 5,000 samples train. Other
detectors get standardised columns, and have their default parameters. Detectors of PyOD
are included if it is installed. The page "Results of anomaly detection" has the output:

    python docs/benchmarks/compare_detectors.py tables > table.md

Two more measurements are those of outliers among the training samples, and of the
features that are named for samples with one shuffled value:

    python docs/benchmarks/compare_detectors.py tables --measure contamination
    python docs/benchmarks/compare_detectors.py tables --measure explanations
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

# Outliers among the training samples: their shares, and limits of the training samples.
SHARES = (0, 0.01, 0.05, 0.1, 0.2)
MAX_CONTAMINATED, MIN_CONTAMINATED = 2_000, 30

# Samples with one shuffled value, and the least number for the mean of a table.
MAX_SHUFFLED, MIN_NAMED = 1_000, 10

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


def skae_scores(score, contamination="auto"):
    """Return the function of the detector with a score."""

    def scores(train, test, seed, is_same):
        detector = AutoencoderDetector(
            anomaly_score=score, contamination=contamination, random_state=seed
        )
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
    return {
        name: functions[name]
        for name in functions
        if not names or name in names.split(";")
    }


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


def measure_auc(tables, functions, seeds):
    """Measure all tables in both settings, and print two tables in Markdown."""
    results = {}
    for table, X, y in tables:
        for seed in range(seeds):
            for setting, (train, test) in split(X, y, seed).items():
                scaler = StandardScaler().fit(X[train])
                A, B = scaler.transform(X[train]), scaler.transform(X[test])
                for name, function in functions.items():
                    scores = function(A, B, seed, train is test)
                    auc = roc_auc_score(y[test], np.nan_to_num(scores))
                    results.setdefault((setting, table, name), []).append(auc)
    names = sorted({table for _, table, _ in results})
    for setting in ("trained on normal samples", "trained on everything"):
        print(f"\n### Area under the ROC curve, {setting}\n")
        print("| table | " + " | ".join(functions) + " |")
        print("|---|" + "---:|" * len(functions))
        means = {
            (table, name): np.mean(results[setting, table, name])
            for table in names
            for name in functions
        }
        for table in names:
            row = (f"{means[table, name]:.3f}" for name in functions)
            print(f"| {table} | " + " | ".join(row) + " |")
        average = (np.mean([means[t, name] for t in names]) for name in functions)
        print("| **mean** | " + " | ".join(f"**{a:.3f}**" for a in average) + " |")


def split_contaminated(X, y, share, seed):
    """Return training samples with a share of outliers, and other samples to score.

    Half of the outliers are scored, and the others may train. If they are too few for the
    share, there are fewer normal training samples, too.
    """
    rng = np.random.default_rng(seed)
    normal = rng.permutation(np.flatnonzero(y == 0))
    outliers = rng.permutation(np.flatnonzero(y == 1))
    n_normal = min(len(normal) // 2, MAX_CONTAMINATED)
    n_outliers = min(round(share / (1 - share) * n_normal), len(outliers) // 2)
    if share > 0:
        n_normal = min(n_normal, round(n_outliers * (1 - share) / share))
    others = normal[len(normal) // 2 :][:MAX_TEST]
    scored = outliers[len(outliers) // 2 :][:MAX_OUTLIERS]
    train = np.r_[normal[:n_normal], outliers[:n_outliers]]
    return train, np.r_[others, scored]


def measure_contamination(tables, functions, seeds):
    """Measure training samples with outliers, and print a table in Markdown."""
    results = {}
    names = [*functions, "skae, share known"]
    for table, X, y in tables:
        for share in SHARES:
            known = {names[-1]: skae_scores("auto", share if share > 0 else "auto")}
            for seed in range(seeds):
                train, test = split_contaminated(X, y, share, seed)
                if len(train) < MIN_CONTAMINATED:
                    continue
                scaler = StandardScaler().fit(X[train])
                A, B = scaler.transform(X[train]), scaler.transform(X[test])
                for name, function in (functions | known).items():
                    scores = np.nan_to_num(function(A, B, seed, False))
                    auc = roc_auc_score(y[test], scores)
                    results.setdefault((share, name), {}).setdefault(table, []).append(
                        auc
                    )
    print("\n### Area under the ROC curve, outliers among the training samples\n")
    print("| share of outliers | tables | " + " | ".join(names) + " |")
    print("|---:|---:|" + "---:|" * len(names))
    for share in SHARES:
        by_table = [results[share, name] for name in names]
        means = [np.mean([np.mean(aucs) for aucs in row.values()]) for row in by_table]
        cells = " | ".join(f"{mean:.3f}" for mean in means)
        print(f"| {share:.0%} | {len(by_table[0])} | {cells} |")


def named_first(X, y, seed):
    """Return for which samples with one shuffled value this feature is named first.

    Returns
    -------
    dict of str to ndarray of bool
        For a choice of samples, whether the feature has the largest part of the score.
    """
    train, test = split(X, y, seed)["trained on normal samples"]
    test = test[y[test] == 0][:MAX_SHUFFLED]
    scaler = StandardScaler().fit(X[train])
    A, B = scaler.transform(X[train]), scaler.transform(X[test])
    rng = np.random.default_rng(seed)
    samples, feature = np.arange(len(B)), rng.integers(A.shape[1], size=len(B))
    shuffled = B.copy()
    shuffled[samples, feature] = A[rng.integers(len(A), size=len(B)), feature]
    detector = AutoencoderDetector(random_state=seed).fit(A)
    is_named = detector.feature_scores(shuffled).argmax(axis=1) == feature
    moved = np.abs(shuffled - B)[samples, feature]
    p_before, p_after = detector.p_values(B), detector.p_values(shuffled)
    return {
        "all": is_named,
        "the value has changed": is_named[moved > 0],
        "it has moved by a standard deviation or more": is_named[moved >= 1],
        "p-value at most 0.05": is_named[p_after <= 0.05],
        "p-value at most 0.05, and above it before": is_named[
            (p_after <= 0.05) & (p_before > 0.05)
        ],
        "p-value at most 0.01": is_named[p_after <= 0.01],
    }


def measure_explanations(tables, functions, seeds):
    """Measure which features are named first, and print a table in Markdown."""
    results = {}
    for _, X, y in tables:
        found = [named_first(X, y, seed) for seed in range(seeds)]
        for choice in found[0]:
            is_named = np.concatenate([one[choice] for one in found])
            if len(is_named) >= MIN_NAMED:
                results.setdefault(choice, []).append(is_named.mean())
    print("\n### The shuffled feature is named first\n")
    print("| samples | tables | share, mean over tables |")
    print("|---|---:|---:|")
    for choice, shares in results.items():
        print(f"| {choice} | {len(shares)} | {np.mean(shares):.0%} |")


MEASUREMENTS = {
    "auc": measure_auc,
    "contamination": measure_contamination,
    "explanations": measure_explanations,
}


def read(folder):
    """Yield the name, the samples and the labels of each table."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            yield path.stem, file["X"].astype(float), file["y"]


def main():
    """Print the measurement of all tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--only", default="", help="names of detectors, separated by semicolons"
    )
    parser.add_argument("--measure", choices=MEASUREMENTS, default="auc")
    options = parser.parse_args()
    measure = MEASUREMENTS[options.measure]
    measure(read(options.tables), detectors(options.only), options.seeds)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
