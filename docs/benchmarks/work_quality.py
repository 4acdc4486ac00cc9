"""Time to quality: a fit of skae that ends as well as Keras does after 50 epochs."""

import time

import data
from processes import close_workers, start_workers
from timing import compare
from training import TURN_SECONDS, with_best

from skae import DenseAutoencoder

PEERS = ("keras-tensorflow", "keras-jax")
KERAS_EPOCHS = 50
SEEDS = (0, 1, 2)

# Mean squared errors on test rows that a fit must reach, where they are known before;
# in any case the least that Keras ends at in this run.
TARGETS = {"mnist": 0.00625}


def run(settings):
    turn_seconds = 0.0 if settings.quick else TURN_SECONDS
    workers, left_out = start_workers(PEERS, "dense", settings, None, turn_seconds)
    try:
        keras = {name: _fit_keras(worker, settings) for name, worker in workers.items()}
        errors = [fit["test_error"] for fit in keras.values()]
        target = min([TARGETS.get(settings.dataset, float("inf")), *errors])
        X, X_test, _ = data.load(settings.dataset)
        max_epochs, tried = least_epochs(X, X_test, target)
        for worker in workers.values():
            worker.start(turn_seconds)
        ratios = _compare(workers, X, max_epochs, settings.rounds)
    finally:
        close_workers(workers)
    ratios = with_best(ratios, "skae / fastest Keras", {r["name"] for r in ratios})
    return {
        "fits": ratios,
        "target": target,
        "max_epochs": max_epochs,
        "tried": tried,
        "keras": keras,
        "left_out": left_out,
    }


def least_epochs(X, X_test, target, most=KERAS_EPOCHS):
    """The least number of epochs after which all seeds end at the target or below.

    Returns
    -------
    max_epochs : int
        `most` where none is enough.
    tried : list of dict
        Epochs, seed, seconds and error of all fits made to find it.
    """
    tried = []
    _fit(X[:1000], X_test[:1000], 1, None)  # the first in a process is slower
    for max_epochs in range(1, most + 1):
        for seed in SEEDS:
            tried.append(_fit(X, X_test, max_epochs, seed))
            if tried[-1]["test_error"] > target:
                break
        else:
            return max_epochs, tried
    return most, tried


def _fit(X, X_test, max_epochs, seed):
    start = time.perf_counter()
    autoencoder = _autoencoder(max_epochs, seed).fit(X)
    return {
        "max_epochs": max_epochs,
        "seed": seed,
        "seconds": time.perf_counter() - start,
        "test_error": -autoencoder.score(X_test),
    }


def _autoencoder(max_epochs, seed=None):
    return DenseAutoencoder(max_epochs=max_epochs, device="cpu", random_state=seed)


def _fit_keras(worker, settings):
    """The recipe's 50 epochs; in a quick run, 3."""
    worker.finish()
    epochs = 3 if settings.quick else KERAS_EPOCHS
    return worker.fit(epochs) | {"epochs": epochs}


def _compare(workers, X, max_epochs, rounds):
    """A whole fit of skae beside some of Keras's epochs, taken for 50 of them.

    What Keras does before its second epoch is not counted.
    """

    def skae():
        start = time.perf_counter()
        _autoencoder(max_epochs).fit(X)
        return time.perf_counter() - start

    def keras(worker):
        return lambda: KERAS_EPOCHS * worker.turn()

    pairs = {f"skae / {name}": (skae, keras(w)) for name, w in workers.items()}
    return compare(pairs, rounds)
