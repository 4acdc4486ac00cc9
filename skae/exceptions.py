"""The warnings that skae gives, so that each can be filtered by its name."""

import sys
import warnings

__all__ = [
    "DeviceUnavailableWarning",
    "ImageShapeWarning",
    "OutputRangeWarning",
    "PosteriorCollapseWarning",
]


class ImageShapeWarning(UserWarning):
    """The shape of the images had to be guessed from the number of features."""


class OutputRangeWarning(UserWarning):
    """The data leave the interval that the output activation can reach."""


class DeviceUnavailableWarning(UserWarning):
    """A fitted model names a device that this machine lacks; the CPU is used."""


class PosteriorCollapseWarning(UserWarning):
    """The codes of a variational model say nothing of the rows."""


def warn(message, category):
    """Warn at the line of the caller's that led here, through whatever libraries."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_library(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_library(frame):
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in ("joblib", "skae", "sklearn", "torch")
