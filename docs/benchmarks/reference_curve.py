"""Reconstruction error and accuracy of latent codes by the number of components.

For each number of components, it fits PCA and skae's estimators with default parameters
to random training images, and measures on all test images: the mean squared error of the
reconstructions, and the accuracy of two classifiers on the latent codes. Each fit is one
line of JSON in the results. Fits that are in the results are not repeated, so that a run
can be stopped and resumed:

    python docs/benchmarks/reference_curve.py --seeds 0 1 2
    python docs/benchmarks/reference_curve.py --models conv --seeds 0
    python docs/benchmarks/reference_curve.py --draw

--draw measures nothing. It writes the picture and the tables of the page "Reference
curve" from the results. With one busy core and 10,000 images, a fit takes half a minute
to some minutes, those with convolutions the longest.
"""

import argparse
import collections
import json
import pathlib
import re
import time

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import ConvAutoencoder, DenseAutoencoder, DenseVariationalAutoencoder
from skae.datasets import fetch_images

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE / "reference_curve.md"
PICTURE = HERE / "images" / "reference-curve-{}.png"
RESULTS = HERE / "results" / "reference-curve.jsonl"

N_COMPONENTS = (2, 4, 8, 16, 32, 64)
MODELS = {
    "pca": lambda k, seed: PCA(k, random_state=seed),
    "dense": lambda k, seed: DenseAutoencoder(k, latent_density=None, random_state=seed),
    "conv": lambda k, seed: ConvAutoencoder(k, latent_density=None, random_state=seed),
    "variational": lambda k, seed: DenseVariationalAutoencoder(
        k, latent_density=None, random_state=seed
    ),
}
LABELS = {
    "pca": "PCA",
    "dense": "DenseAutoencoder",
    "conv": "ConvAutoencoder",
    "variational": "DenseVariationalAutoencoder",
}
STYLES = {  # colours for colour-blind readers, Okabe and Ito 2008
    "pca": ("#666666", "s"),
    "dense": ("#0072B2", "o"),
    "conv": ("#D55E00", "^"),
    "variational": ("#009E73", "D"),
}
COLUMNS = {
    "error": ("Mean squared error of test images", "{:.4f}"),
    "linear": ("Accuracy of LogisticRegression on the codes", "{:.3f}"),
    "neighbors": ("Accuracy of the 5 nearest neighbours of the codes", "{:.3f}"),
}


def main():
    options = parse_options()
    if options.draw:
        draw(options)
    else:
        measure_all(options)


def measure_all(options):
    """Measure what is not in the results yet, and append it."""
    train, test = (
        fetch_images(options.dataset, subset=part, download_if_missing=False)
        for part in ("train", "test")
    )
    for seed in options.seeds:
        order = np.random.default_rng(seed).permutation(len(train.data))[: options.images]
        data = train.data[order], train.target[order], test.data, test.target
        for name in options.models:
            for k in options.components:
                key = {
                    "dataset": options.dataset,
                    "images": options.images,
                    "model": name,
                    "components": k,
                    "seed": seed,
                }
                if not is_measured(key, options.results):
                    row = key | measure(MODELS[name](k, seed), *data)
                    print(row, flush=True)
                    with open(options.results, "a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")


def read(path):
    """Return the fits in a file of results, one dictionary each."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def is_measured(key, path):
    return any(key.items() <= row.items() for row in read(path))


def measure(model, X, y, X_test, y_test):
    """Fit a model; return its test error, the accuracies on its codes, and seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    model.fit(X)
    seconds = time.perf_counter() - start, time.process_time() - cpu
    codes, codes_test = model.transform(X), model.transform(X_test)
    errors = model.inverse_transform(codes_test) - X_test
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    neighbors = KNeighborsClassifier(5)
    scaled = make_pipeline(StandardScaler(), KNeighborsClassifier(5))
    return {
        "error": float(np.mean(errors.astype(np.float64) ** 2)),
        "linear": linear.fit(codes, y).score(codes_test, y_test),
        "neighbors": neighbors.fit(codes, y).score(codes_test, y_test),
        "neighbors_scaled": scaled.fit(codes, y).score(codes_test, y_test),
        "epochs": int(getattr(model, "n_iter_", 0)),
        "seconds": seconds[0],
        "cpu_seconds": seconds[1],
    }


def draw(options):
    """Write the picture of the data set, and its tables to the page."""
    rows = [
        row
        for row in read(options.results)
        if row["dataset"] == options.dataset and row["images"] == options.images
    ]
    if not rows:
        raise SystemExit(
            f"{options.results} has no fit of {options.dataset} with {options.images} "
            "images. Run this script without --draw first."
        )
    fits = by_model(rows)
    plot(fits, pathlib.Path(str(PICTURE).format(options.dataset)))
    text = tables(fits)
    begin, end = (f"<!-- {word} {options.dataset} -->" for word in ("begin", "end"))
    page = PAGE.read_text(encoding="utf-8")
    replaced = re.sub(
        f"{begin}.*?{end}", lambda _: f"{begin}\n\n{text}\n\n{end}", page, flags=re.S
    )
    PAGE.write_text(replaced, encoding="utf-8")
    print(text)


def by_model(rows):
    """Return lists of fits by model and number of components."""
    fits = collections.defaultdict(list)
    for row in rows:
        fits[row["model"], row["components"]].append(row)
    return fits


def tables(fits):
    """Return the Markdown tables of the page."""
    return "\n\n".join(
        f"**{title}**\n\n{table(fits, column, form)}"
        for column, (title, form) in COLUMNS.items()
    )


def values(fits, name, k, column):
    return [row[column] for row in fits.get((name, k), [])]


def table(fits, column, form):
    """Return a Markdown table of means over the seeds, one line for each model."""
    sizes = sorted({k for _, k in fits})
    lines = ["| model | seeds | " + " | ".join(map(str, sizes)) + " |"]
    lines.append("|---|---:|" + "---:|" * len(sizes))
    for name in MODELS:
        counts = [len(values(fits, name, k, column)) for k in sizes]
        cells = [
            form.format(np.mean(values(fits, name, k, column))) if n else ""
            for k, n in zip(sizes, counts, strict=True)
        ]
        low, high = min(counts), max(counts)
        n_seeds = f"{low}" if low == high else f"{low} to {high}"
        lines.append(f"| {LABELS[name]} | {n_seeds} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(fits, path):
    """Plot the errors and accuracies against the number of components."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
    for ax, (column, (title, _)) in zip(axes, COLUMNS.items(), strict=True):
        for name, (colour, marker) in STYLES.items():
            sizes = sorted(k for model, k in fits if model == name)
            runs = [values(fits, name, k, column) for k in sizes]
            means = [np.mean(of_seeds) for of_seeds in runs]
            ax.plot(sizes, means, color=colour, marker=marker, label=LABELS[name])
            low, high = ([f(of_seeds) for of_seeds in runs] for f in (min, max))
            ax.fill_between(sizes, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.set_xscale("log", base=2)
        ax.set_xticks(N_COMPONENTS, N_COMPONENTS)
        ax.set_title(title.replace(" of ", "\nof ", 1), fontsize=10)
        ax.set(xlabel="components")
        ax.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].yaxis.set_minor_formatter("")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=["mnist", "fashion-mnist"], default="mnist")
    parser.add_argument("--images", type=int, default=10_000, help="to train with")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--components", nargs="+", type=int, default=N_COMPONENTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--draw", action="store_true", help="draw what was measured")
    return parser.parse_args()


if __name__ == "__main__":
    main()
