"""One thread for torch and its libraries; small estimators and data as fixtures."""

import os
import signal
import sys

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "agg"
os.environ["SCIPY_ARRAY_API"] = "1"  # without it, scikit-learn skips its array API checks

import numpy as np
import pytest
import torch
from helpers import (
    small_conv,
    small_conv_variational,
    small_dense,
    small_dense_variational,
)
from sklearn.datasets import load_digits

torch.set_num_threads(1)


@pytest.fixture(params=[small_dense, small_conv], ids=["dense", "conv"])
def make_small(request):
    """Each estimator in a small and quick form; takes parameters to change."""
    return request.param


@pytest.fixture(
    params=[small_dense, small_conv, small_dense_variational, small_conv_variational],
    ids=["dense", "conv", "dense variational", "conv variational"],
)
def make_any(request):
    """All estimators, where it matters what the codes are."""
    return request.param


@pytest.fixture(scope="session")
def digits():
    """The first 200 digits, (200, 64), float64 in [0, 1]."""
    X = load_digits().data[:200] / 16
    X.setflags(write=False)
    return X


@pytest.fixture
def all_weights():
    """A function from an estimator to its weights in one vector."""

    def weights(estimator):
        parameters = estimator.module_.parameters()
        return np.concatenate([w.detach().cpu().numpy().ravel() for w in parameters])

    return weights


@pytest.fixture(autouse=True)
def _close_figures():
    """matplotlib warns if more than 20 are open, of all tests before."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def _ctrl_c_interrupts():
    """As in a terminal, also where these tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
