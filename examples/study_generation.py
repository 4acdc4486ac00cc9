"""Compare autoencoders and latent densities as generative models: a study.

python examples/study_generation.py            # MNIST if available, else digits
python examples/study_generation.py --dataset digits --seeds 0 --quick

The study trains the two autoencoders of a public blog article, which trains dense and
convolutional autoencoders in Keras on MNIST. As there, they start from random weights
(init="random"). It samples them from the article's distribution of latent codes and from
each density of skae. It does the same with the default, variational and regularised
autoencoders of skae, which start at PCA. All samples are measured with the features of
one classifier. The table and the findings are printed and written to the folder --out,
with an image of 100 samples for each line of the table. On two CPU cores, three seeds on
MNIST take an hour and a half. With --jobs 2, which trains two models at a time, two seeds
take 40 minutes.
"""

import argparse
import collections
import os
import pathlib
import re
import time

os.environ["MPLBACKEND"] = "agg"  # in the processes of --jobs, too

import joblib
import matplotlib.pyplot as plt
import numpy as np
import study_findings
from sklearn.base import BaseEstimator
from study_judge import Judge, load

from skae import (
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)
from skae.densities import LatentGaussianMixture
from skae.displays import SampleDisplay

ARTICLE = {
    "init": "random",
    "latent_activation": "sigmoid",
    "output_activation": "sigmoid",
    "lr": 1e-3,
    "lr_schedule": "constant",
    "batch_size": 200,
}
DENSE = {"hidden_layer_sizes": (128,), "decoder_hidden_layer_sizes": (256, 512)}
CONV = {"hidden_layer_sizes": (128,)}


class ArticleNormal(BaseEstimator):
    """The article's distribution of latent codes, N(0.5, 0.2), whatever the data."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def sample(self, n_samples=1, random_state=None):
        return random_state.normal(0.5, 0.2, size=(n_samples, self.n_features_in_))


def models(image_shape):
    """Yield names, unfitted estimators and lists of named densities."""
    conv = {"image_shape": image_shape}
    article = ("N(0.5, 0.2)", ArticleNormal())
    finer = ("LatentGaussianMixture(200)", LatentGaussianMixture(200, max_iter=8))
    mixtures = [*named("gaussian_mixture"), finer]
    fitted = named("normal", "gaussian", "gaussian_mixture", "kde")
    prior = named("standard_normal", "gaussian_mixture")
    yield (
        "article, dense",
        DenseAutoencoder(**ARTICLE | DENSE, max_epochs=50),
        [article, *fitted],
    )
    yield (
        "article, convolutional",
        ConvAutoencoder(**ARTICLE | CONV | conv, max_epochs=10),
        [article, *named("gaussian_mixture")],
    )
    yield "DenseAutoencoder()", DenseAutoencoder(), fitted
    yield "ConvAutoencoder()", ConvAutoencoder(**conv), mixtures
    sharp = ConvAutoencoder(loss="absolute_error", **conv)
    yield 'ConvAutoencoder(loss="absolute_error")', sharp, mixtures
    rae = DenseAutoencoder(
        latent_penalty="l2", latent_penalty_weight=1e-3, weight_decay=1e-6
    )
    yield "RAE-L2, dense", rae, named("gaussian", "gaussian_mixture")
    textbook = DenseVariationalAutoencoder(loss="binary_cross_entropy", n_flow_layers=0)
    yield "variational, cross-entropy, no flow", textbook, prior
    yield "DenseVariationalAutoencoder()", DenseVariationalAutoencoder(), prior
    best = ConvVariationalAutoencoder(loss="laplace", **conv)
    yield 'ConvVariationalAutoencoder(loss="laplace")', best, prior


def named(*densities):
    """Return (name, density) pairs for the string names of densities."""
    return [(name, name) for name in densities]


def main():
    options = parse_options()
    options.out.mkdir(parents=True, exist_ok=True)
    data = load(options.dataset)
    judge = Judge(data, n_samples=1_000 if options.quick else 10_000)
    print(f"{data.name}: test accuracy of the classifier is {judge.accuracy:.4f}")
    rows = collections.defaultdict(list)
    for subset in ("training", "test"):
        rows[f"real {subset} images", ""].append(judge.measure_real(subset))
    trained = collections.defaultdict(list)
    tasks = (
        joblib.delayed(study)(model, name, densities, seed, options, judge)
        for seed in options.seeds
        for name, model, densities in models(data.image_shape)
    )
    parallel = joblib.Parallel(options.jobs, pre_dispatch="all", return_as="generator")
    for name, model, of_densities in parallel(tasks):
        trained[name].append(model)
        for label, row in of_densities.items():
            rows[name, label].append(row)
    text = (
        table(rows) + "\n\n" + study_findings.measure(data, judge, trained, options.quick)
    )
    print("\n" + text)
    (options.out / "generation.md").write_text(text + "\n", encoding="utf-8")


def study(model, name, densities, seed, options, judge):
    """Return the name, the trained model, and metrics by density and column."""
    data, rows = judge.data, {}
    if options.quick:
        model.set_params(max_epochs=2)
    model.set_params(random_state=seed, latent_density=None)
    start = time.perf_counter()
    model.fit(data.X)
    seconds = time.perf_counter() - start
    for label, density in densities:
        model.fit_density(data.X, density)
        samples = model.sample(judge.n_samples, random_state=0)
        rows[label] = {
            "test MSE": -model.score(data.X_test),
            **judge.measure(samples),
            "seconds": seconds,
        }
        print(f"{seed} {name}, {label}: {rows[label]}", flush=True)
        if seed == options.seeds[0]:
            save_samples(samples, data.image_shape, name, label, options.out)
    return name, model, rows


def table(rows):
    """Return a Markdown table of means over the seeds, with ranges if they differ."""
    columns = list(next(reversed(rows.values()))[0])
    lines = ["| model | latent codes from | " + " | ".join(columns) + " |"]
    lines.append("| --- | --- |" + " ---: |" * len(columns))
    for (name, density), of_seeds in rows.items():
        cells = [
            cell([row.get(column) for row in of_seeds], column) for column in columns
        ]
        lines.append(f"| {name} | {density} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(values, column):
    if values[0] is None:
        return ""
    if column == "seconds":
        return f"{min(values):.0f}"  # other processes can only slow a run down
    form = {"test MSE": ".5f", "Fréchet": ".1f"}.get(column, ".3f")
    low, mean, high = (format(f(values), form) for f in (min, np.mean, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def save_samples(samples, image_shape, name, label, folder):
    """Save an image of 100 samples."""
    display = SampleDisplay.from_predictions(
        samples[:100], image_shape=image_shape, title=f"{name}\nlatent codes from {label}"
    )
    name = "-".join(re.findall(r"\w+", f"{name} {label}".lower()))
    display.figure_.savefig(folder / f"{name}.png", dpi=60)
    plt.close(display.figure_)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dataset", choices=["mnist", "digits"], help="default: MNIST if available"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--quick", action="store_true", help="test run: few epochs and samples"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="models trained at a time; their seconds are then those of fewer cores",
    )
    parser.add_argument("--out", type=pathlib.Path, default="study_output")
    return parser.parse_args()


if __name__ == "__main__":
    main()
