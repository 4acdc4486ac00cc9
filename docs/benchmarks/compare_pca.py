"""Held-out reconstruction error of DenseAutoencoder, divided by that of PCA.

It reads the tables of scikit-learn and generated ones, and all .npz files with an array X
in the folder that --tables names; if they have an array y, rows with y == 1 are anomalies
and left out. Each table is split in halves at random; at most --rows rows of the first
half train. Columns are standardised by the training rows. Both methods have half as many
components as there are columns, and default parameters else. The page "Compared with PCA"
shows the output:

    python docs/benchmarks/compare_pca.py --tables folder > table.md
"""

import argparse
import pathlib
import time

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA

from skae import DenseAutoencoder, DenseVariationalAutoencoder

MAX_TEST_ROWS = 3000
NEGLIGIBLE = 1e-6  # share of the variance


def waveform(rng, n_samples=1500):
    """Breiman's waveforms: sums of two of three triangles, with noise."""
    triangles = np.array(
        [np.maximum(6 - np.abs(np.arange(1, 22) - center), 0) for center in (7, 11, 15)]
    )
    pairs = np.array([(0, 2), (0, 1), (2, 1)])[rng.integers(0, 3, n_samples)]
    share = rng.random((n_samples, 1))
    mixed = share * triangles[pairs[:, 0]] + (1 - share) * triangles[pairs[:, 1]]
    return mixed + rng.normal(size=mixed.shape)


def low_rank(rng, n_samples, n_features, rank, noise):
    """A linear model with normal noise: nothing is better than PCA."""
    factors = rng.normal(size=(n_samples, rank)) @ rng.normal(size=(rank, n_features))
    return factors + noise * rng.normal(size=factors.shape)


def load_tables(folder):
    """Return the tables by name, without anomalies."""
    rng = np.random.default_rng(0)
    tables = {
        "breast cancer": datasets.load_breast_cancer().data,
        "diabetes": datasets.load_diabetes().data,
        "digits": datasets.load_digits().data,
        "iris": datasets.load_iris().data,
        "wine": datasets.load_wine().data,
        "(generated) waveform": waveform(rng),
        "(generated) rank 5, 600 x 20": low_rank(rng, 600, 20, 5, 0.3),
        "(generated) rank 8, 300 x 100": low_rank(rng, 300, 100, 8, 1.0),
        "(generated) rank 10, 160 x 1000": low_rank(rng, 160, 1000, 10, 0.1),
        "(generated) exactly rank 5": low_rank(rng, 400, 20, 5, 0.0),
        "(generated) normal": rng.normal(size=(1000, 20)),
        "(generated) log-normal": np.exp(low_rank(rng, 1000, 10, 10, 0.0) / 2),
    }
    for path in sorted(pathlib.Path(folder).glob("*.npz")) if folder else []:
        with np.load(path) as file:
            X = file["X"].astype(float)
            tables[path.stem] = X[file["y"] == 0] if "y" in file else X
    return tables


def split(X, seed, max_rows):
    """Return training and test rows, standardised by the training rows."""
    order = np.random.default_rng(seed).permutation(len(X))
    n_train = min(len(X) // 2, max_rows)
    train, test = X[order[:n_train]], X[order[n_train : n_train + MAX_TEST_ROWS]]
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std == 0] = 1
    return (train - mean) / std, (test - mean) / std


def mean_squared(errors):
    """Return the mean of squares."""
    return float(np.mean(np.square(errors)))


def measure(train, test, seed):
    """Return the error of PCA, and error and seconds of the autoencoder."""
    n_components = max(train.shape[1] // 2, 1)
    n_components = min(n_components, len(train))
    pca = PCA(n_components, random_state=seed).fit(train)
    pca_error = mean_squared(pca.inverse_transform(pca.transform(test)) - test)
    start = time.perf_counter()
    ae = DenseAutoencoder(n_components, random_state=seed).fit(train)
    seconds = time.perf_counter() - start
    error = mean_squared(ae.reconstruct(test) - test)
    start = time.perf_counter()
    vae = DenseVariationalAutoencoder(n_components, random_state=seed).fit(train)
    vae_seconds = time.perf_counter() - start
    varies = train.std(axis=0) > 0
    samples = vae.sample(2000, random_state=seed)
    spread = np.mean(samples.std(axis=0)[varies] / train.std(axis=0)[varies])
    return {
        "PCA": pca_error,
        "error": error,
        "variance": float(test.var(axis=0).mean()),
        "trained": ae.n_iter_ > 0,
        "seconds": seconds,
        "variational": vae_seconds,
        "spread": spread,
    }


def main():
    """Measure all tables, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", help="folder with .npz files")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--rows", type=int, default=750)
    parser.add_argument("--only", help="names that contain this")
    options = parser.parse_args()
    print(
        "| table | training rows | columns | error / PCA's | trained | seconds |"
        " variational / plain seconds | std of samples / of data |"
    )
    print("|---|---|---|---|---|---|---|---|")
    ratios = []
    for name, X in load_tables(options.tables).items():
        if options.only and options.only not in name:
            continue
        runs = []
        for seed in range(options.splits):
            train, test = split(X, seed, options.rows)
            runs.append(measure(train, test, seed))
        mean = {key: np.mean([run[key] for run in runs]) for key in runs[0]}
        lost = max(run["error"] / run["variance"] for run in runs)
        ratio = np.mean([run["error"] / max(run["PCA"], 1e-12) for run in runs])
        text = f"{ratio:.2f}" if lost > NEGLIGIBLE else "both below 1e-6"
        if lost > NEGLIGIBLE:
            ratios.append(ratio)
        n_trained = sum(run["trained"] for run in runs)
        print(
            f"| {name} | {len(train)} | {train.shape[1]} | {text} |"
            f" {n_trained} of {len(runs)} | {mean['seconds']:.2f} |"
            f" {mean['variational'] / mean['seconds']:.1f} | {mean['spread']:.2f} |",
            flush=True,
        )
    print(
        f"\nGeometric mean {np.exp(np.mean(np.log(ratios))):.3f}, worst "
        f"{max(ratios):.3f}, above 1.02 in {np.mean(np.array(ratios) > 1.02):.0%} of "
        f"{len(ratios)} tables."
    )


if __name__ == "__main__":
    main()
