"""Fits of one model by several processes, for test_distributed.py.

Run as a script by each process, with the name of a group of fits and a folder, it writes
what it saw to the file of its rank.
"""

import os
import pathlib
import pickle
import signal
import sys

import numpy as np
from helpers import (
    small_conv,
    small_conv_variational,
    small_dense,
    small_dense_variational,
)
from sklearn.datasets import load_digits
from skorch.callbacks import Callback

from skae import AutoencoderDetector, DenseAutoencoder
from skae._data import batches, share
from skae.exceptions import StopTraining


def data():
    return load_digits().data[:200] / 16


def mapped(folder):
    """Digits as a memory map that is read in several chunks and blocks."""
    path = pathlib.Path(folder) / "digits.npy"
    return np.load(path, mmap_mode="r")


class StopInFirst(Callback):
    """Stops training after two epochs, in the first process only."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2 and os.environ.get("RANK", "0") == "0":
            raise StopTraining


class Steps(Callback):
    """Has a batch-level hook."""

    def on_batch_end(self, net, **kwargs):
        self.losses_ = [*getattr(self, "losses_", []), net.history[-1, "batches", -1]]


def partial(X):
    return small_dense().partial_fit(X[:150]).partial_fit(X[150:])


def checkpointed(folder):
    """A fit that continues from the checkpoint of an interrupted one."""
    params = {"max_epochs": 4, "random_state": None, "checkpoint": f"{folder}/checkpoint"}
    return small_dense(**params).fit(data())


# Each returns a fitted estimator. One epoch: rounding errors grow with training.
ONE = {"max_epochs": 1}
FITS = {
    "dense": lambda folder: small_dense(**ONE).fit(data()),
    "random": lambda folder: small_dense(init="random", **ONE).fit(data()),
    "noise": lambda folder: small_dense(noise="gaussian", **ONE).fit(data()),
    "masking": lambda folder: small_dense(noise="masking", **ONE).fit(data()),
    "variational": lambda folder: small_dense_variational(n_flow_layers=0, **ONE).fit(
        data()
    ),
    "flow": lambda folder: small_dense_variational(**ONE).fit(data()),
    "laplace": lambda folder: small_dense_variational(loss="laplace", **ONE).fit(data()),
    "conv": lambda folder: small_conv(**ONE).fit(data()),
    "conv variational": lambda folder: small_conv_variational(**ONE).fit(data()),
    "clipped": lambda folder: small_dense(max_grad_norm=0.01, **ONE).fit(data()),
    "penalty": lambda folder: small_dense(latent_penalty="l1", **ONE).fit(data()),
    "validation": lambda folder: small_dense_variational(
        validation_fraction=0.2, **ONE
    ).fit(data()),
    "early stopping": lambda folder: small_dense(
        early_stopping=True, n_iter_no_change=1, tol=0.5, max_epochs=9, lr=1e-6
    ).fit(data()),
    "batches of two": lambda folder: small_dense(batch_size=2, **ONE).fit(data()[:31]),
    "short batch": lambda folder: small_dense(batch_size=63, **ONE).fit(data()),
    "memory map": lambda folder: small_dense(**ONE).fit(mapped(folder)),
    "memory map, variational": lambda folder: small_dense_variational(
        validation_fraction=0.2, **ONE
    ).fit(mapped(folder)),
    "partial_fit": lambda folder: partial(data()),
    "batch-level hooks": lambda folder: small_dense_variational(
        callbacks=[Steps()], validation_fraction=0.2, **ONE
    ).fit(data()),
    "another optimizer": lambda folder: small_dense(optimizer="sgd", lr=0.1).fit(data()),
    "default": lambda folder: DenseAutoencoder(4, random_state=0).fit(data()[:30]),
    "detector": lambda folder: (
        AutoencoderDetector(small_dense(**ONE), random_state=0).fit(data()).estimator_
    ),
    # These have no counterpart in one process.
    "no random_state": lambda folder: small_dense(random_state=None).fit(data()),
    "stopped by one": lambda folder: small_dense(callbacks=[StopInFirst()]).fit(data()),
    "checkpoint": checkpointed,
}


def seen(estimator):
    """What must be the same in all processes."""
    state = estimator.module_.state_dict()
    return {
        "weights": {name: w.numpy() for name, w in state.items()},
        "loss_curve": estimator.loss_curve_,
        "validation_loss_curve": estimator.validation_loss_curve_,
        "codes": estimator.transform(data()),
        "samples": estimator.sample(5, random_state=0),
        "further samples": estimator.sample(5),
        "explained": estimator.explained_variance_ratio_,
    }


# --- failures ---------------------------------------------------------------------


class FailIn(Callback):
    """Raises an error in one process."""

    def __init__(self, rank, error, hook="on_epoch_end"):
        self.rank, self.error = rank, error
        setattr(self, hook, self.fail)

    def fail(self, net, **kwargs):
        if os.environ["RANK"] == str(self.rank) and len(net.history) == 2:
            raise self.error


class NoDensity:
    """A density that cannot be fitted."""

    def fit(self, codes):
        raise RuntimeError("no density")

    def sample(self, n_samples, random_state=None):
        raise NotImplementedError


def changed(rank):
    X = data()
    X[7, 3] += rank
    return X


def failing(rank, folder):
    """Functions that fail, by name; all processes call them in this order."""
    return {
        "another shape": lambda: small_dense().fit(data()[: 190 + rank]),
        "other values": lambda: small_dense().fit(changed(rank)),
        "NaN": lambda: small_dense().fit(np.array(mapped(folder))),
        "NaN in own rows": lambda: small_dense().fit(mapped(folder)),
        "one dimension": lambda: small_dense().fit(data() if rank == 0 else data()[0]),
        "another parameter": lambda: small_dense(n_components=3 + rank).fit(data()),
        "callback of the first": lambda: small_dense(
            callbacks=[FailIn(0, OSError("no disk"))]
        ).fit(data()),
        "callback of the second": lambda: small_dense(
            callbacks=[FailIn(1, OSError("no disk"))]
        ).fit(data()),
        "in a batch": lambda: small_dense(
            callbacks=[FailIn(1, OSError("no disk"), "on_batch_end")]
        ).fit(data()),
        "Ctrl-C": lambda: small_dense(callbacks=[FailIn(0, KeyboardInterrupt())]).fit(
            data()
        ),
        "density": lambda: small_dense(latent_density=NoDensity()).fit(data()),
        "divergence": lambda: small_dense(lr=1e30).fit(data()),
        "none": lambda: small_dense().fit(data()),
        "separate": lambda: small_dense(distributed=False).fit(data()[: 190 + rank]),
    }


def outcome(function):
    try:
        return len(function().loss_curve_)
    except (Exception, KeyboardInterrupt) as error:
        return f"{type(error).__name__}: {error}"


class Kill(Callback):
    """Kills the second process at a certain step."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, net, **kwargs):
        if os.environ["RANK"] == "1" and net.n_steps_so_far_ == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(step):
    return small_dense(callbacks=[Kill(step)], max_epochs=20).fit(data())


def main(what, folder):
    rank = int(os.environ["RANK"])
    batches.CHUNK_BYTES = 4 * 64 * 64  # 64 digits
    share.BLOCK_BYTES = 4 * 64 * 24
    if what == "fits":
        results = {name: seen(fit(folder)) for name, fit in FITS.items()}
    elif what == "failures":
        functions = failing(rank, folder)
        results = {name: outcome(function) for name, function in functions.items()}
    else:
        results = outcome(lambda: killed(int(what)))
    path = pathlib.Path(folder) / f"{what}-{rank}.pickle"
    path.write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
