"""Small estimators, callbacks and functions that the tests share."""

import signal

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
