"""Checkpoints: an interrupted fit continues, and ends as an uninterrupted one."""

import errno
import functools
import os
import random
import signal
import time
import warnings

import numpy as np
import pytest
import torch
from helpers import (
    small_conv,
    small_conv_variational,
    small_dense,
    small_dense_variational,
)
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, Freezer, LRScheduler

from skae._training import checkpoints
from skae._training.checkpoints import LAST, PREVIOUS
from skae.exceptions import CheckpointWarning, StopTraining


@pytest.fixture(autouse=True)
def _after_each_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "MIN_SECONDS", 0)
    monkeypatch.setattr(checkpoints, "SECONDS_PER_SECOND", 0)


class Interruption(Exception):
    """Stands for what ends a process."""


class InterruptAt(Callback):
    """Interrupts training at the beginning of an epoch, once for each epoch given."""

    def __init__(self, *epochs):
        self.epochs = epochs

    def on_epoch_begin(self, net, **kwargs):
        epoch = len(net.history)
        if epoch in REMAINING:
            REMAINING.remove(epoch)
            raise Interruption


REMAINING = []


def fit_with_interruptions(make, X, folder, epochs=(1, 3)):
    """Fit, with interruptions at epochs; return the estimator and their number."""
    REMAINING[:] = epochs
    n_interruptions = 0
    while True:
        estimator = make(folder)
        try:
            return estimator.fit(X), n_interruptions
        except Interruption:
            n_interruptions += 1


def trained(make):
    """Return a function from a folder to an estimator that `REMAINING` interrupts."""

    def made(folder, **params):
        own = params.pop("callbacks", None) or make.keywords.get("callbacks", [])
        return make(checkpoint=folder, callbacks=[*own, InterruptAt()], **params)

    return made


def assert_same(first, second, X):
    """Assert that two models are the same, bit for bit."""
    for name, weights in first.module_.state_dict().items():
        assert torch.equal(weights, second.module_.state_dict()[name]), name
    assert first.loss_curve_ == second.loss_curve_
    assert first.validation_loss_curve_ == second.validation_loss_curve_
    assert first.n_iter_ == second.n_iter_
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    samples = first.sample(5, random_state=0)
    np.testing.assert_array_equal(samples, second.sample(5, random_state=0))
    for row, other in zip(first.history_, second.history_, strict=True):
        timeless = {k: v for k, v in row.items() if k not in ("dur", "batches")}
        assert timeless == {k: other[k] for k in timeless}


def loss_of_last_epoch(net, X, y):
    return net.history[-1, "train_loss"]


# Partials, so that the same parameters are given to each fit.
FITS = {
    "dense": functools.partial(small_dense, max_epochs=6),
    "conv": functools.partial(small_conv, max_epochs=6),
    "dense variational": functools.partial(small_dense_variational, max_epochs=6),
    "conv variational": functools.partial(small_conv_variational, max_epochs=6),
    "random start": functools.partial(small_dense, max_epochs=6, init="random"),
    "noise": functools.partial(small_dense, max_epochs=6, noise="masking"),
    "sgd": functools.partial(small_dense, max_epochs=6, optimizer="rmsprop"),
    "early stopping": functools.partial(
        small_dense, max_epochs=30, early_stopping=True, tol=0.3, n_iter_no_change=2
    ),
    "compared with PCA": functools.partial(small_dense, max_epochs="auto"),
    "validation": functools.partial(
        small_dense,
        max_epochs=8,
        validation_fraction=0.2,
        callbacks=[
            LRScheduler(policy="StepLR", step_size=2),
            EarlyStopping(patience=3, load_best=True),
            EpochScoring(loss_of_last_epoch, name="twice"),
            Freezer("encoder*"),
        ],
    ),
    "plateau": functools.partial(
        small_dense,
        max_epochs=6,
        callbacks=[
            LRScheduler(policy="ReduceLROnPlateau", monitor="train_loss", patience=0)
        ],
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_an_interrupted_fit_ends_as_an_unbroken_one(digits, tmp_path, name):
    make = trained(FITS[name])
    unbroken = make(None).fit(digits)
    again, n_interruptions = fit_with_interruptions(make, digits, tmp_path / "new" / "a")
    assert n_interruptions == 2
    assert_same(unbroken, again, digits)


def test_a_memory_map_and_float32(digits, tmp_path):
    np.save(tmp_path / "X.npy", digits.astype(np.float32))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    make = trained(FITS["dense"])
    unbroken = make(None).fit(X)
    again, _ = fit_with_interruptions(make, X, tmp_path / "folder")
    assert_same(unbroken, again, digits)


def test_a_complete_fit_is_not_trained_again(digits, tmp_path):
    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, net, **kwargs):
            Count.epochs += 1

    make = functools.partial(
        small_dense, checkpoint=tmp_path, callbacks=[Count()], max_epochs=3
    )
    first = make().fit(digits)
    second = make().fit(digits)
    assert Count.epochs == 3
    assert_same(first, second, digits)


def test_the_wish_to_stop_is_kept(digits, tmp_path):
    """An interruption right after the last epoch does not lead to a further one."""

    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise StopTraining

        def on_train_end(self, net, **kwargs):
            if "end" in REMAINING:
                REMAINING.remove("end")
                raise Interruption

    make = functools.partial(small_dense, max_epochs=9, callbacks=[Stop()])
    unbroken = make().fit(digits)
    again, n = fit_with_interruptions(
        lambda folder: make(checkpoint=folder), digits, tmp_path, ["end"]
    )
    assert (again.n_iter_, n) == (2, 1)
    assert_same(unbroken, again, digits)


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(3)])
def test_a_fit_without_a_seed_goes_on_with_its_own(digits, tmp_path, random_state):
    make = trained(functools.partial(FITS["noise"], random_state=random_state))
    again, n_interruptions = fit_with_interruptions(make, digits, tmp_path)
    assert again.random_state is random_state
    finished = make(tmp_path).fit(digits)
    assert n_interruptions == 2
    assert_same(again, finished, digits)
    other = make(tmp_path / "other").fit(digits)
    assert again.loss_curve_ != other.loss_curve_


@pytest.mark.usefixtures("_ctrl_c_interrupts")
def test_ctrl_c_and_the_next_fit(digits, tmp_path):
    class CtrlC(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) in REMAINING:  # it has begun its entry
                REMAINING.clear()
                signal.raise_signal(signal.SIGINT)

    make = functools.partial(small_dense, max_epochs=5, callbacks=[CtrlC()])
    unbroken = make().fit(digits)
    REMAINING[:] = [3]
    stopped = make(checkpoint=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(digits)
    assert stopped.n_iter_ == 2
    assert_same(unbroken, stopped.fit(digits), digits)


def test_a_warm_start_goes_on_from_the_same_weights(digits, tmp_path):
    first = small_dense(warm_start=True).fit(digits[:100])
    unbroken = clone(first).fit(digits[:100]).fit(digits)

    def started(folder, n_samples=100):
        started = clone(first).fit(digits[:n_samples])
        return started.set_params(checkpoint=folder, callbacks=[InterruptAt()])

    again, n_interruptions = fit_with_interruptions(started, digits, tmp_path, [2])
    assert n_interruptions == 1
    np.testing.assert_array_equal(again.transform(digits), unbroken.transform(digits))
    with pytest.raises(ValueError, match="checksum of the initial weights was"):
        started(tmp_path, n_samples=50).fit(digits)


# --- another fit ---------------------------------------------------------------


CHANGES = {
    "lr": ({"lr": 0.01}, "parameter lr was 0.005, and is now 0.01"),
    "size": ({"hidden_layer_sizes": (8,)}, r"was \[16\], and is now \[8\]"),
    "seed": ({"random_state": 1}, "random_state was 0, and is now 1"),
    "optimizer": (
        {"optimizer": functools.partial(torch.optim.SGD, momentum=0.9)},
        "optimizer was 'adam', and is now partial",
    ),
    "callbacks": (
        {"callbacks": [EarlyStopping("train_loss", patience=3)]},
        "callbacks was None, and is now .EarlyStopping",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_parameter_is_named(digits, tmp_path, name):
    changes, message = CHANGES[name]
    small_dense(checkpoint=tmp_path).fit(digits)
    other = small_dense(checkpoint=tmp_path, **changes)
    with pytest.raises(ValueError, match=message) as raised:
        other.fit(digits)
    assert "To start again, delete the folder" in str(raised.value)
    assert not hasattr(other, "module_")


def test_other_samples_are_named(digits, tmp_path):
    small_dense(checkpoint=tmp_path).fit(digits)
    with pytest.raises(ValueError, match=r"shape of X was \(200, 64\), and is now"):
        small_dense(checkpoint=tmp_path).fit(digits[:-1])
    changed = digits.copy()
    changed[7, 5] += 1e-9
    with pytest.raises(ValueError, match="checksum of X was"):
        small_dense(checkpoint=tmp_path).fit(changed)
    with pytest.raises(ValueError, match="class was DenseAutoencoder"):
        small_dense_variational(checkpoint=tmp_path).fit(digits)


def test_what_does_not_change_the_networks_may_change(digits, tmp_path):
    small_dense(checkpoint=tmp_path).fit(digits)
    other = small_dense(checkpoint=tmp_path, latent_density="kde").fit(digits)
    assert other.density_.bandwidth_ > 0


def test_each_fit_of_a_search_has_a_folder(digits, tmp_path):
    def search(**params):
        grid = {"n_components": [2, 3], "lr": [0.01, 0.001]}
        return GridSearchCV(small_dense(**params), grid, cv=2).fit(digits)

    plain = search()
    for _ in range(2):  # the second one only reads
        again = search(checkpoint=tmp_path / "{fit}")
        np.testing.assert_array_equal(
            plain.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"]
        )
    assert len(list(tmp_path.iterdir())) == 4 * 2 + 1


@pytest.mark.parametrize("value", [3, "", b"folder", ["a"]])
def test_an_invalid_value(digits, value):
    with pytest.raises(ValueError, match="checkpoint"):
        small_dense(checkpoint=value).fit(digits)


def test_a_file_is_not_a_folder(digits, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="must be a folder"):
        small_dense(checkpoint=tmp_path / "file").fit(digits)


# --- damage --------------------------------------------------------------------


def interrupted(digits, folder):
    """Leave two checkpoints of a fit that was interrupted."""
    REMAINING[:] = [3]
    with pytest.raises(Interruption):
        trained(FITS["dense"])(folder).fit(digits)
    assert (folder / LAST).exists()
    assert (folder / PREVIOUS).exists()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_of_a_checkpoint_cut_short_the_one_before_is_used(digits, tmp_path, share):
    unbroken = trained(FITS["dense"])(None).fit(digits)
    interrupted(digits, tmp_path)
    whole = (tmp_path / LAST).read_bytes()
    (tmp_path / LAST).write_bytes(whole[: int(share * len(whole))])
    with pytest.warns(CheckpointWarning, match="continues from the one before"):
        again = trained(FITS["dense"])(tmp_path).fit(digits)
    assert_same(unbroken, again, digits)


def test_if_no_checkpoint_can_be_read_training_starts_anew(digits, tmp_path):
    unbroken = trained(FITS["dense"])(None).fit(digits)
    interrupted(digits, tmp_path)
    for name in (LAST, PREVIOUS):
        (tmp_path / name).write_bytes(b"PK nothing")
    with pytest.warns(CheckpointWarning, match="starts again"):
        again = trained(FITS["dense"])(tmp_path).fit(digits)
    assert_same(unbroken, again, digits)


def test_a_flipped_bit_is_noticed_or_has_no_effect(digits, tmp_path):
    unbroken = trained(FITS["dense"])(None).fit(digits)
    interrupted(digits, tmp_path)
    saved = {name: (tmp_path / name).read_bytes() for name in (LAST, PREVIOUS)}
    rng = random.Random(0)
    for _ in range(20):
        damaged = bytearray(saved[LAST])
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        (tmp_path / LAST).write_bytes(damaged)
        (tmp_path / PREVIOUS).write_bytes(saved[PREVIOUS])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CheckpointWarning)
            again = trained(FITS["dense"])(tmp_path).fit(digits)
        assert_same(unbroken, again, digits)


def test_a_full_disk_does_not_end_training(digits, tmp_path, monkeypatch):
    unbroken = small_dense().fit(digits)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(CheckpointWarning, match="No space left") as record:
        again = small_dense(checkpoint=tmp_path).fit(digits)
    assert len(record) == 1
    assert_same(unbroken, again, digits)
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_hold_no_code(digits, tmp_path):
    small_dense(checkpoint=tmp_path).fit(digits)
    with np.load(tmp_path / LAST, allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "biufc" for name in file.files)


# --- kill ----------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="requires processes that fork")
@pytest.mark.parametrize("name", ["dense", "conv variational", "early stopping"])
def test_a_killed_fit_ends_as_an_unbroken_one(digits, tmp_path, name):
    make = functools.partial(FITS[name], max_epochs=30)
    start = time.monotonic()
    unbroken = make().fit(digits)
    seconds, rng = time.monotonic() - start, random.Random(name)
    for _ in range(4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads and fork
            child = os.fork()
        if child == 0:
            try:
                make(checkpoint=tmp_path).fit(digits)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert_same(unbroken, make(checkpoint=tmp_path).fit(digits), digits)
