"""What the fuzz script would see of faults: an oracle that sees none finds none."""

import contextlib
import importlib
import pathlib
import random
import sys
import warnings

import numpy as np
import pytest
import torch

from skae import DenseAutoencoder


@pytest.fixture(scope="module")
def oracle():
    directory = str(pathlib.Path(__file__).parent)
    sys.path.insert(0, directory)
    try:
        yield importlib.import_module("fuzz_oracle")
    finally:
        sys.path.remove(directory)


def change(X):
    X[0] = 0


FAULTS = {
    "changes X": lambda ae, X: change(X),
    "changes NumPy's random state": lambda ae, X: np.random.rand(),  # noqa: NPY002
    "changes torch's random state": lambda ae, X: torch.rand(1),
    "changes Python's random state": lambda ae, X: random.random(),
    "changes warnings filters": lambda ae, X: warnings.simplefilter("ignore"),
    "warns: RuntimeWarning": lambda ae, X: np.float64(1) / np.float64(0),
    "prints": lambda ae, X: sys.stdout.write("text"),
    "changes the estimator's params": lambda ae, X: ae.set_params(lr=1.0),
    "changes the estimator's decoder_": lambda ae, X: ae.decoder_.train(),
    "raises another type of error": lambda ae, X: {}["X"],
    "is not raised on purpose": lambda ae, X: float("X"),
    "does not name X": lambda ae, X: np.zeros(2) @ np.zeros(3),
    "says what is meant for the developer": lambda ae, X: None + X,
}


class Faulty(DenseAutoencoder):
    """Does something wrong when it encodes what has four samples."""

    fault = None

    def transform(self, X):
        if len(X) == 4 and self.fault is not None:
            self.fault(X)
        return super().transform(X)


def problems(oracle, fault, **known):
    X = np.random.default_rng(0).random((12, 3))
    faulty = Faulty(2, hidden_layer_sizes=(4,), max_epochs=1, random_state=0).fit(X)
    faulty.fault = None if fault is None else lambda X: fault(faulty, X)
    data = type("Data", (), {"value": X[:4], "text": "X"})
    call = oracle.Call("transform", "X", lambda: faulty.transform(data.value), **known)
    call.data, call.check = [data], lambda codes: oracle.check_array(codes, (4, 2))
    return oracle.perform(faulty, call, contextlib.nullcontext())[1]


def test_a_call_without_fault_has_no_problems(oracle):
    assert problems(oracle, None) == []


@pytest.mark.parametrize("problem", FAULTS)
def test_the_oracle_sees_a_fault(oracle, problem):
    known = {"bad": ["X"]} if problem == "does not name X" else {}
    found = problems(oracle, FAULTS[problem], **known)
    assert any(problem in text for text in found)


def test_the_oracle_sees_what_should_be_refused(oracle):
    assert problems(oracle, None, bad=["X"]) == ["result accepts X"]


def test_the_oracle_sees_what_should_not_be_refused(oracle):
    def refuse(estimator, X):
        raise ValueError("X is refused")

    assert "refuses what should work" in problems(oracle, refuse)
