"""The warnings and exceptions of skae."""

import sys
import warnings

__all__ = [
    "DeviceUnavailableWarning",
    "ImageShapeWarning",
    "LargeNetworkWarning",
    "NonFiniteError",
    "OutputRangeWarning",
    "PosteriorCollapseWarning",
    "StopTraining",
]


class StopTraining(Exception):
    """Stop training at the end of the current epoch.

    A callback raises it in ``on_epoch_end``. `fit` then ends as it does after the last
    epoch: ``on_train_end`` is called and the density is fitted.

    Examples
    --------
    >>> from skorch.callbacks import Callback
    >>> from skae.exceptions import StopTraining
    >>> class StopBelow(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...
    ...     def on_epoch_end(self, net, **kwargs):
    ...         if net.history[-1, "train_loss"] < self.loss:
    ...             raise StopTraining
    """


class NonFiniteError(ValueError):
    """Training has diverged, or a fitted model has returned NaN or infinite values."""


class ImageShapeWarning(UserWarning):
    """The shape of the images was guessed from the number of features."""


class LargeNetworkWarning(UserWarning):
    """The networks have far more parameters than the training data have values."""


class OutputRangeWarning(UserWarning):
    """The data contain values that the output activation cannot produce."""


class DeviceUnavailableWarning(UserWarning):
    """The device of a fitted model is not available; the CPU is used."""


class PosteriorCollapseWarning(UserWarning):
    """The latent codes of a variational model carry no information about the samples."""


def warn(message, category):
    """Warn at the line of the caller's code, outside skae and the libraries it is in."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_library(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_library(frame):
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in ("joblib", "skae", "sklearn", "torch")
