"""Small estimators, callbacks and functions that the tests share."""

import signal

import numpy as np
from skorch.callbacks import Callback

from skae import (
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)

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


class KeepOptimizer(Callback):
    """Keeps the optimizer of a fit."""

    def on_train_end(self, net, **kwargs):
        self.optimizer_ = net.optimizer_


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


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def fingerprint(estimator, X):
    """What a user can see of a fitted estimator, as bytes and plain values.

    `X` must be such that the estimator can transform it. None if it is not fitted.
    """
    if not hasattr(estimator, "n_iter_"):
        return None
    codes = estimator.transform(X)
    samples = b""
    if estimator.density_ is not None:
        samples = estimator.sample(3, random_state=0).tobytes()
    return (
        codes.tobytes(),
        estimator.inverse_transform(codes).tobytes(),
        samples,
        tuple(estimator.loss_curve_),
        estimator.validation_loss_curve_ and tuple(estimator.validation_loss_curve_),
        estimator.n_iter_,
        len(estimator.history_),
        estimator.output_activation_,
        estimator.image_shape_,
        estimator.n_features_in_,
        tuple(getattr(estimator, "feature_names_in_", ())),
        estimator.encoder_.training,
        np.shape(codes),
    )
