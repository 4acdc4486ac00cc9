"""Ctrl-C at any line of skae leaves a whole estimator: as before, or of full epochs."""

import contextlib
import functools
import os
import pickle
import sys

import numpy as np
import pytest
import torch
from helpers import small_dense, small_dense_variational
from observed import fingerprint

import skae
from skae import BaseAutoencoder
from skae._training import schedules

FOLDER = os.path.dirname(skae.__file__) + os.sep


class InterruptAt:
    """Raises a KeyboardInterrupt before a line of skae, at its first or last visit."""

    def __init__(self, number=None):
        self.number = number
        self.places = []

    def __enter__(self):
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exception):
        sys.settrace(None)

    def _trace(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(FOLDER):
            return None
        if event == "line":
            self.places.append((frame.f_code.co_filename, frame.f_lineno))
            if len(self.places) - 1 == self.number:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._trace


def visits(call):
    """The numbers of the first and the last visit of each line that a call runs."""
    with InterruptAt() as watching:
        call()
    numbers = {}
    for number, place in enumerate(watching.places):
        first, _ = numbers.get(place, (number, None))
        numbers[place] = first, number
    assert len(numbers) > 200
    return sorted({number for pair in numbers.values() for number in pair})


def interrupt(number, call):
    """Call, and interrupt at a line; caches may have made the call shorter."""
    with contextlib.suppress(KeyboardInterrupt), InterruptAt(number):
        call(X)


def modes():
    return (
        torch.overrides._get_current_function_mode_stack(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_num_threads(),
        np.random.get_state()[1].tobytes(),
        torch.get_rng_state().numpy().tobytes(),
    )


X = np.random.default_rng(0).random((12, 5)).astype(np.float32)
SETTINGS = {
    "n_components": 2,
    "hidden_layer_sizes": (4,),
    "max_epochs": 2,
    "batch_size": 6,
    "lr_schedule": "constant",
    "latent_density": "gaussian",
}


def made(make, **changes):
    return make(**SETTINGS | changes)


def without_density(estimator):
    """The fingerprint that an interrupted fit leaves."""
    estimator.fit_density(X)  # so that it may be one that was fitted otherwise
    estimator.density_ = None
    return fingerprint(estimator, X)


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (small_dense, {"noise": "gaussian"}),
        (small_dense, {"validation_fraction": 0.5, "early_stopping": True}),
        (small_dense_variational, {}),
    ],
    ids=["plain", "early stopping", "variational"],
)
@pytest.mark.filterwarnings("ignore::skae.exceptions.PosteriorCollapseWarning")
def test_fit_leaves_a_whole_model(make, changes):
    first = X[::-1] + 1
    before = fingerprint(made(make, **changes).fit(first), X)
    wholes = {before, fingerprint(made(make, **changes).fit(X), X)}
    for n_epochs in (1, 2):
        # Without early stopping, which restores the best epoch at the end.
        at_epoch = changes | {"max_epochs": n_epochs, "early_stopping": False}
        wholes.add(without_density(made(make, **at_epoch).fit(X)))
    wholes.add(without_density(made(make, **changes).fit(X)))
    seen = set()
    fitted = pickle.dumps(made(make, **changes).fit(first))
    estimator = pickle.loads(fitted)
    numbers = visits(lambda: estimator.fit(X))
    for number in numbers[:: 2 if changes.get("noise") else 4]:
        estimator = pickle.loads(fitted)
        expected = modes()
        interrupt(number, estimator.fit)
        assert modes() == expected
        seen.add(fingerprint(estimator, X))
        assert seen <= wholes, number
    assert before in seen
    assert len(seen) >= 3


@pytest.mark.parametrize("stays", [False, True], ids=["trains", "stays at PCA"])
@pytest.mark.parametrize("trains_twice", [False, True])
def test_a_fit_that_compares_with_pca_leaves_a_whole_model(
    monkeypatch, trains_twice, stays
):
    monkeypatch.setattr(schedules, "MAX_EPOCHS", 2)
    monkeypatch.setattr(schedules, "MAX_EPOCHS_OF_SMALL", 2)
    monkeypatch.setattr(schedules, "MIN_EPOCHS", 2)
    monkeypatch.setattr(schedules, "MIN_STEPS", 2)
    if not trains_twice:
        monkeypatch.setattr(schedules, "MAX_SAMPLES_OF_SMALL", 5)
    monkeypatch.setattr(
        BaseAutoencoder,
        "_train_to_improve",
        deciding(BaseAutoencoder._train_to_improve, improves=not stays),
    )
    changes = {"max_epochs": "auto"}
    first = X[::-1] + 1
    fitted = pickle.dumps(made(small_dense, **changes).fit(first))
    estimator = pickle.loads(fitted)
    before = fingerprint(estimator, X)
    wholes = {before, fingerprint(made(small_dense, **changes).fit(X), X)}
    assert estimator.n_iter_ == (0 if stays else 2)
    trained_on = {}
    for number in visits(functools.partial(estimator.fit, X))[::12]:
        estimator = pickle.loads(fitted)
        expected = modes()
        interrupt(number, estimator.fit)
        assert modes() == expected
        now = fingerprint(estimator, X)
        if now in wholes:
            continue
        # One of each number of epochs, without a density.
        assert estimator.density_ is None
        assert 1 <= estimator.n_iter_ <= 2
        without = trained_on.setdefault(estimator.n_iter_, now)
        assert now == without, number
    assert len(trained_on) == (0 if stays and trains_twice else 2)


def deciding(compare, *, improves):
    """The comparison with PCA, with a given result."""

    def decide(*args):
        compare(*args)
        return improves

    return decide


@pytest.mark.parametrize("make", [small_dense, small_dense_variational])
def test_partial_fit_leaves_the_model_as_before_or_one_epoch_on(make):
    fitted = pickle.dumps(made(make).partial_fit(X))

    def start():
        return pickle.loads(fitted)

    wholes = {fingerprint(start(), X), fingerprint(start().partial_fit(X), X)}
    estimator = start()
    for number in visits(functools.partial(estimator.partial_fit, X))[::3]:
        estimator = start()
        expected = modes()
        interrupt(number, estimator.partial_fit)
        assert modes() == expected
        assert fingerprint(estimator, X) in wholes, number


@pytest.mark.parametrize("method", ["transform", "reconstruct", "sample", "fit_density"])
def test_using_a_model_leaves_it_as_it_was(method):
    arguments = () if method == "sample" else (X.astype(np.float64),)
    estimator = made(small_dense).fit(X)
    estimator.fit_density(X.astype(np.float64))  # it is fitted to codes in float64
    before = fingerprint(estimator, X)
    call = getattr(estimator, method)
    with InterruptAt() as watching:
        call(*arguments)
    for number in range(len(watching.places)):
        expected = modes()
        interrupt(number, lambda _: call(*arguments))
        assert modes() == expected
        assert fingerprint(estimator, X) == before
