"""Small data: fits of a second or less, the fixed cost of a fit, and the import."""

import functools
import subprocess
import sys
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from timing import compare, stopwatch

from skae import DenseAutoencoder

IMPORTS = {"skae": "import skae", "its parts": "import sklearn, skorch, torch"}


def run(settings):
    digits = (load_digits().data / 16).astype(np.float32)
    random = np.random.default_rng(0).random((150, 4), dtype=np.float32)
    fits = {
        "skae / PCA, digits": (_skae(32).fit, PCA(32).fit, digits),
        "skae / PCA, 150 x 4": (_skae(2).fit, PCA(2).fit, random),
        "skae / PCA, 150 x 4, one epoch": (
            _skae(2, max_epochs=1).fit,
            PCA(2).fit,
            random,
        ),
    }
    ratios = []
    for name, (skae, pca, X) in fits.items():
        skae, pca = functools.partial(skae, X), functools.partial(pca, X)
        skae(), pca()  # the first in a process
        rounds = settings.rounds
        if "one epoch" in name:
            rounds = 5 if settings.quick else 50
        ratios += compare({name: (stopwatch(skae), stopwatch(pca))}, rounds)
    return {"fits": ratios, "imports": _compare_imports(settings)}


def _skae(n_components, **settings):
    return DenseAutoencoder(n_components, latent_density=None, device="cpu", **settings)


def _compare_imports(settings):
    """Seconds of fresh processes, after one of each that fills the disk's cache."""
    measures = {name: _import_in_fresh_process(code) for name, code in IMPORTS.items()}
    for measure in measures.values():
        measure()
    rounds = 1 if settings.quick else settings.rounds
    return compare({"import skae / import its parts": tuple(measures.values())}, rounds)


def _import_in_fresh_process(code):
    def measure():
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start

    return measure
