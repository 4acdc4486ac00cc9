"""One thread for torch and its libraries, tiny image files, small estimators."""

import os
import signal

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "agg"
os.environ["SCIPY_ARRAY_API"] = "1"  # without it, scikit-learn skips its array API checks

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from skorch.callbacks import Callback

from skae import (
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)

torch.set_num_threads(1)


SMALL_DENSE = {"hidden_layer_sizes": (16,), "max_epochs": 3}
SMALL_CONV = {"conv_channels": (4, 8), "hidden_layer_sizes": (16,), "max_epochs": 2}
SMALL = {"n_components": 4, "batch_size": 32, "random_state": 0}
SMALL_VARIATIONAL = {"n_flow_layers": 2}


def small_dense(**params):
    return DenseAutoencoder(**SMALL | SMALL_DENSE | params)


def small_conv(**params):
    return ConvAutoencoder(**SMALL | SMALL_CONV | params)


def small_dense_variational(**params):
    return DenseVariationalAutoencoder(**SMALL | SMALL_DENSE | SMALL_VARIATIONAL | params)


def small_conv_variational(**params):
    return ConvVariationalAutoencoder(**SMALL | SMALL_CONV | SMALL_VARIATIONAL | params)


class Rates(Callback):
    """Keeps the learning rate of each step."""

    def initialize(self):
        self.rates_ = []
        return self

    def on_batch_end(self, net, **kwargs):
        self.rates_.append(net.optimizer_.param_groups[0]["lr"])


def clipped_texts(figure):
    """The texts that leave a figure by a pixel or more."""
    from matplotlib.text import Text

    figure.canvas.draw()
    boxes = {t: t.get_window_extent() for t in figure.findobj(Text) if t.get_text()}
    return [
        text.get_text()
        for text, box in boxes.items()
        if min(box.x0, box.y0) <= -1
        or box.x1 >= figure.bbox.width + 1
        or box.y1 >= figure.bbox.height + 1
    ]


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
        parameters = estimator.net_.module_.parameters()
        return np.concatenate([w.detach().cpu().numpy().ravel() for w in parameters])

    return weights


@pytest.fixture
def _ctrl_c_interrupts():
    """As in a terminal, also where these tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)
