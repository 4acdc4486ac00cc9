"""Plots of samples as images: their shape, their arrangement and their colours."""

import math
import numbers

import numpy as np

from skae.displays._style import merge_kw

GAP = 0.08  # between images, as a fraction of their longer side


def resolve_image_shape(given, known, n_features):
    """Return the shape of the images in flat samples, or None.

    Parameters
    ----------
    given : tuple of int or None
        The user's `image_shape`: (height, width) or (channels, height, width).
    known : tuple of int or None
        (channels, height, width) of the data or of the fitted estimator. It is ignored
        if its product differs from `n_features`.
    n_features : int

    Returns
    -------
    image_shape : tuple of int or None
        (channels, height, width).

    Raises
    ------
    ValueError
        If `given` is not a shape, or the images cannot be drawn.
    """
    if given is not None:
        return check_image_shape(given, n_features)
    if known is None or math.prod(known) != n_features:
        return None
    return check_image_shape(known, n_features)


def check_image_shape(shape, n_features):
    """Return (channels, height, width) of images that can be drawn."""
    is_shape = (
        isinstance(shape, tuple | list)
        and len(shape) in (2, 3)
        and all(isinstance(n, numbers.Integral) and n >= 1 for n in shape)
    )
    if not is_shape:
        raise ValueError(
            f"image_shape={shape!r} is invalid; must be (height, width) or (channels, "
            "height, width), all positive integers."
        )
    full = (1, *(int(n) for n in shape))[-3:]
    if math.prod(full) != n_features:
        raise ValueError(
            f"image_shape={shape} is invalid; must be (height, width) or (channels, "
            f"height, width) with {n_features} elements, the number of features, but has "
            f"{math.prod(full)}."
        )
    if full[0] not in (1, 3):
        raise ValueError(
            f"image_shape={shape} has {full[0]} channels; must have 1 (grey) or 3 (RGB) "
            "for a plot. Select 1 or 3 channels of the arrays, and use from_predictions."
        )
    return full


def require_image_shape(image_shape, name):
    """Raise a ValueError if the image shape is unknown."""
    if image_shape is None:
        raise ValueError(
            f"{name}: image_shape=None is invalid for flat samples; must be (height, "
            "width) or (channels, height, width)."
        )


def value_range(images):
    """Return the values of white and black: 0 and 1, or the extremes outside [0, 1]."""
    low, high = float(images.min()), float(images.max())
    if low >= -1e-6 and high <= 1 + 1e-6:
        return 0.0, 1.0
    return low, (high if high > low else low + 1)


def mosaic(images, image_shape, *, n_columns):
    """Arrange images in a grid, with gaps between them.

    Parameters
    ----------
    images : ndarray of shape (n_samples, n_features)
    image_shape : tuple of int
        (channels, height, width).
    n_columns : int

    Returns
    -------
    picture : ndarray of shape (height, width) or (height, width, 4)
        Grey images have NaN in the gaps, colour images transparent pixels.
    pitch : tuple of int
        Vertical and horizontal distance between neighbouring images in pixels.
    """
    channels, height, width = image_shape
    gap = max(1, round(GAP * max(height, width)))
    n_lines = math.ceil(len(images) / n_columns)
    pitch = height + gap, width + gap
    size = n_lines * pitch[0] - gap, n_columns * pitch[1] - gap
    picture = blank(size if channels == 1 else (*size, 4))
    images = np.asarray(images, float).reshape(-1, *image_shape).transpose(0, 2, 3, 1)
    for i, image in enumerate(images):  # (height, width, channels)
        top, left = (i // n_columns) * pitch[0], (i % n_columns) * pitch[1]
        cell = picture[top : top + height, left : left + width]
        if channels == 1:
            cell[:] = image[..., 0]
        else:
            cell[:] = np.concatenate([image, np.ones((height, width, 1))], axis=2)
    return picture, pitch


def blank(shape):
    """Return a transparent background: NaN if grey, 0 in RGBA."""
    return np.full(shape, np.nan if len(shape) == 2 else 0.0)


def draw_mosaic(ax, picture, limits, image_kw):
    """Draw a mosaic without ticks: grey values as dark on white, or RGB colours."""
    low, high = limits
    if picture.ndim == 3:
        picture = picture.copy()
        picture[..., :3] = ((picture[..., :3] - low) / (high - low)).clip(0, 1)
        defaults = {}
    else:
        defaults = {"cmap": "gray_r", "vmin": low, "vmax": high}
    defaults["interpolation"] = "nearest"
    image = ax.imshow(picture, **merge_kw(defaults, image_kw))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def centres(n, pitch, size):
    """Return the centres of `n` images of `size` pixels that are `pitch` pixels apart."""
    return np.arange(n) * pitch + (size - 1) / 2


def mosaic_size(picture, *, inches_per_pixel=0.022, least=4.0, most=9.0):
    """Return the size in inches of a figure with a mosaic and a title."""
    height, width = picture.shape[:2]
    scale = min(max(inches_per_pixel, least / width), most / max(height, width))
    return max(width * scale + 0.3, least), max(height * scale + 0.6, 1.2)
