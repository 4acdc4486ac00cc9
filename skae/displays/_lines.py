"""Rows that are signals, as lines above each other."""

import numpy as np

from skae.displays._style import merged


def is_signal(image_shape):
    """Whether "images" of this shape are signals: one channel, one pixel high."""
    return image_shape is not None and image_shape[:2] == (1, 1)


def stack(ax, rows, limits, line_kw, spread=1.15):
    """Draw signals above each other, the first on top; return the lines.

    Parameters
    ----------
    ax : matplotlib Axes
    rows : ndarray of shape (n_samples, n_features)
    limits : tuple of float
        Least and greatest value of all that is drawn.
    line_kw : dict
    spread : float, default=1.15
        Distance of the signals, in units of the difference of the limits.
    """
    step = spread * (limits[1] - limits[0])
    offsets = -step * np.arange(len(rows))
    lines = ax.plot((rows + offsets[:, None]).T, **merged({"linewidth": 1}, line_kw))
    middle = (limits[0] + limits[1]) / 2
    ax.set(yticks=offsets + middle, xlabel="position in the signal")
    ax.tick_params(left=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return lines


def size_of(n_rows):
    """Inches of a figure for so many signals."""
    return 6.0, min(0.55 * n_rows + 1.2, 10)
