"""Rows as images: their shape, how they are put together, how they are drawn."""

import math
import numbers

import numpy as np

from skae.displays._style import merged

GAP = 0.08  # between images, as a share of their greater side


def resolve_image_shape(given, seen, fitted, n_features):
    """The shape of the images that rows are, or None.

    Parameters
    ----------
    given : tuple of int or None
        What the user asks for: (height, width) or (channels, height, width).
    seen : tuple of int or None
        (channels, height, width) of the images given as data.
    fitted : tuple of int or None
        What the estimator knows; it counts where it fits.
    n_features : int

    Raises
    ------
    ValueError
        If `given` is no such shape, has another number of elements than rows, or
        channels that no picture has.
    """
    if given is None:
        shape = seen
        if shape is None and fitted is not None and math.prod(fitted) == n_features:
            shape = fitted
        return None if shape is None else drawable(shape, n_features)
    return drawable(given, n_features)


def drawable(shape, n_features):
    """(channels, height, width), checked; (height, width) gets one channel."""
    is_shape = (
        isinstance(shape, tuple | list)
        and len(shape) in (2, 3)
        and all(isinstance(n, numbers.Integral) and n >= 1 for n in shape)
    )
    if not is_shape:
        raise ValueError(
            f"image_shape={shape!r}; expected (height, width) or (channels, height, "
            "width), all positive integers."
        )
    shape = (1, *(int(n) for n in shape))[-3:]
    if math.prod(shape) != n_features:
        raise ValueError(
            f"image_shape={shape} has {math.prod(shape)} elements, but rows have "
            f"{n_features}; expected (height, width) or (channels, height, width) "
            f"whose product is {n_features}."
        )
    if shape[0] not in (1, 3):
        raise ValueError(
            f"image_shape={shape} has {shape[0]} channels; images of 1 or 3 channels "
            "can be drawn. Give some of the channels: from_predictions takes arrays."
        )
    return shape


def needed_image_shape(image_shape, name):
    """`image_shape`, or an error where there is none."""
    if image_shape is None:
        raise ValueError(
            f"{name} draws images, and nothing says what shape the rows' are. Give "
            "image_shape=(height, width) or (channels, height, width), or fit on images."
        )
    return image_shape


def value_range(rows):
    """The values of white and black: 0 and 1 where that holds all, else the extremes."""
    low, high = float(np.nanmin(rows)), float(np.nanmax(rows))
    if low >= -1e-6 and high <= 1 + 1e-6:
        return 0.0, 1.0
    return low, (high if high > low else low + 1)


def mosaic(rows, image_shape, *, n_columns):
    """Images side by side, line after line, with gaps between.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
    image_shape : tuple of int
        (channels, height, width).
    n_columns : int

    Returns
    -------
    picture : ndarray of shape (height, width) or (height, width, 4)
        In gray, NaN between the images; in colour, with transparent gaps.
    pitch : tuple of int
        From one image to the next, down and across, in pixels.
    """
    channels, height, width = image_shape
    gap = max(1, round(GAP * max(height, width)))
    n_lines = math.ceil(len(rows) / n_columns)
    pitch = height + gap, width + gap
    size = n_lines * pitch[0] - gap, n_columns * pitch[1] - gap
    picture = blank(size if channels == 1 else (*size, 4))
    images = np.asarray(rows, float).reshape(-1, *image_shape).transpose(0, 2, 3, 1)
    for i, image in enumerate(images):
        top, left = (i // n_columns) * pitch[0], (i % n_columns) * pitch[1]
        place = picture[top : top + height, left : left + width]
        if channels == 1:
            place[:] = image[..., 0]
        else:
            place[:] = np.concatenate([image, np.ones((height, width, 1))], axis=2)
    return picture, pitch


def blank(shape):
    """Nothing, which paper shines through: NaN, or colours that are transparent."""
    return np.full(shape, np.nan if len(shape) == 2 else 0.0)


def draw_mosaic(ax, picture, limits, image_kw):
    """Draw a mosaic without ticks: dark ink on white paper, or colours as they are."""
    low, high = limits
    if picture.ndim == 3:
        picture = picture.copy()
        picture[..., :3] = ((picture[..., :3] - low) / (high - low)).clip(0, 1)
        defaults = {}
    else:
        defaults = {"cmap": "gray_r", "vmin": low, "vmax": high}
    defaults["interpolation"] = "nearest"
    image = ax.imshow(picture, **merged(defaults, image_kw))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def centres(n, pitch, size):
    """Middles of `n` images of `size` pixels, one each `pitch`."""
    return np.arange(n) * pitch + (size - 1) / 2


def size_of(picture, *, inches_per_pixel=0.022, least=4.0, most=9.0):
    """Inches of a figure for a mosaic, with room for a title."""
    height, width = picture.shape[:2]
    scale = min(max(inches_per_pixel, least / width), most / max(height, width))
    return max(width * scale + 0.3, least), max(height * scale + 0.6, 1.2)
