"""Recipes of Ghosh et al. (2020) for generation, beside the models of skae.

A published recipe for sampling from a plain autoencoder is: a deterministic convolutional
autoencoder with 16 components, and a mixture of ten normal distributions fitted to its
codes. The usual baseline is a plain variational autoencoder, sampled from its prior. This
script trains both in skae's networks, from random weights, and the same networks as skae
has them by default, all on the same random training images of MNIST. All samples are
measured by the judge of the study of generation (study_judge.py):

    python examples/study_recipes.py

Each line of the printed table is also one line of JSON in the results. Rows that are in
the results are not repeated. The page "Study of generation" shows the table.
"""

import argparse
import json
import pathlib
import time

import numpy as np
from sklearn.mixture import GaussianMixture
from study_judge import Judge, load

from skae import ConvAutoencoder, ConvVariationalAutoencoder

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE.parent / "docs" / "benchmarks" / "results" / "published-recipes.jsonl"
N_COMPONENTS = 16
COLUMNS = {
    "test MSE": ".5f",
    "Fréchet": ".1f",
    "precision": ".3f",
    "recall": ".3f",
    "authentic": ".3f",
    "recognised": ".3f",
}


def models():
    """Yield names, unfitted estimators and named densities."""
    ten = ("mixture of 10", GaussianMixture(10, random_state=0, max_iter=300))
    default = ("gaussian_mixture (default)", "gaussian_mixture")
    prior = ("standard_normal", "standard_normal")
    yield (
        "published: autoencoder, mixture of 10",
        ConvAutoencoder(N_COMPONENTS, init="random"),
        [ten],
    )
    yield (
        "published: plain variational autoencoder",
        ConvVariationalAutoencoder(
            N_COMPONENTS, init="random", loss="binary_cross_entropy", n_flow_layers=0
        ),
        [prior, ten],
    )
    yield "ConvAutoencoder(16)", ConvAutoencoder(N_COMPONENTS), [ten, default]
    yield (
        'ConvVariationalAutoencoder(16, loss="laplace", init="random")',
        ConvVariationalAutoencoder(N_COMPONENTS, loss="laplace", init="random"),
        [prior, default],
    )


def main():
    """Measure what is not in the results yet, and print all of it."""
    options = parse_options()
    data = load("mnist")
    judge = Judge(data, n_samples=10_000)
    print(f"Accuracy of the classifier: {judge.accuracy:.4f}", flush=True)
    for seed in options.seeds:
        order = np.random.default_rng(seed).permutation(len(data.X))[: options.images]
        X = data.X[order]
        for name, model, densities in models():
            key = {"model": name, "images": options.images, "seed": seed}
            if any(key.items() <= row.items() for row in read(options.results)):
                continue
            start = time.perf_counter()
            model.set_params(random_state=seed, latent_density=None).fit(X)
            seconds = time.perf_counter() - start
            for label, density in densities:
                model.fit_density(X, density)
                row = key | {"density": label, "test MSE": -model.score(data.X_test)}
                row |= judge.measure(model.sample(judge.n_samples, random_state=0))
                row |= {"epochs": model.n_iter_, "seconds": seconds}
                row |= {"accuracy of the classifier": judge.accuracy}
                row = {
                    k: v if isinstance(v, str | int) else float(v) for k, v in row.items()
                }
                print(row, flush=True)
                with open(options.results, "a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(table(read(options.results)))


def read(path):
    """Return the rows of a file of results, one dictionary each."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(rows):
    """Return a Markdown table of means over the seeds."""
    lines = ["| model | latent codes from | seeds | " + " | ".join(COLUMNS) + " |"]
    lines.append("|---|---|---:|" + "---:|" * len(COLUMNS))
    for name, density in dict.fromkeys((row["model"], row["density"]) for row in rows):
        runs = [row for row in rows if (row["model"], row["density"]) == (name, density)]
        cells = [
            format(np.mean([run[column] for run in runs]), form)
            for column, form in COLUMNS.items()
        ]
        lines.append(f"| {name} | {density} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, help="to train with")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
