"""Rows as images, side by side. Stands in until the displays' own is there."""

import math

import numpy as np


def drawable(shape, n_features):
    shape = (1, *(int(n) for n in shape))[-3:]
    if math.prod(shape) != n_features:
        raise ValueError(
            f"image_shape={shape} has {math.prod(shape)} elements, but rows have "
            f"{n_features}; expected (height, width) or (channels, height, width) "
            f"whose product is {n_features}."
        )
    return shape


def value_range(rows):
    low, high = float(np.nanmin(rows)), float(np.nanmax(rows))
    if low >= -1e-6 and high <= 1 + 1e-6:
        return 0.0, 1.0
    return low, (high if high > low else low + 1)


def mosaic(rows, image_shape, *, n_columns):
    channels, height, width = image_shape
    gap = max(1, round(0.08 * max(height, width)))
    pitch, n_lines = (height + gap, width + gap), math.ceil(len(rows) / n_columns)
    layers = channels + (channels == 3)
    picture = np.full((n_lines * pitch[0] - gap, n_columns * pitch[1] - gap, layers), 0.0)
    if channels == 1:
        picture[:] = np.nan
    images = np.asarray(rows, float).reshape(-1, *image_shape).transpose(0, 2, 3, 1)
    for i, image in enumerate(images):
        top, left = (i // n_columns) * pitch[0], (i % n_columns) * pitch[1]
        place = picture[top : top + height, left : left + width]
        place[..., :channels] = image
        if channels == 3:
            place[..., 3] = 1
    return (picture[..., 0] if channels == 1 else picture), pitch


def draw_mosaic(ax, picture, limits, image_kw):
    low, high = limits
    defaults = {}
    if picture.ndim == 3:
        picture = picture.copy()
        picture[..., :3] = ((picture[..., :3] - low) / (high - low)).clip(0, 1)
    else:
        defaults = {"cmap": "gray_r", "vmin": low, "vmax": high}
    defaults["interpolation"] = "nearest"
    image = ax.imshow(picture, **defaults | (image_kw or {}))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return image


def centres(n, pitch, size):
    return np.arange(n) * pitch + (size - 1) / 2


def axes_for(ax, size):
    if ax is not None:
        return ax.figure, ax
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot()
