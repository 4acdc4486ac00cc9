"""The warnings that skae gives, so that each can be filtered by its name."""

__all__ = ["DeviceUnavailableWarning", "ImageShapeWarning", "OutputRangeWarning"]


class ImageShapeWarning(UserWarning):
    """The shape of the images had to be guessed from the number of features."""


class OutputRangeWarning(UserWarning):
    """The data leave the interval that the output activation can reach."""


class DeviceUnavailableWarning(UserWarning):
    """A fitted model names a device that this machine lacks; the CPU is used."""
