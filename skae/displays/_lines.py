"""Plots of 1-D signals as stacked lines."""

import numpy as np

from skae.displays._style import merge_kw


def is_signal(image_shape):
    """Return whether an image shape is that of a signal: one channel, one pixel high."""
    return image_shape is not None and image_shape[:2] == (1, 1)


def plot_stacked(ax, signals, limits, line_kw, spread=1.15):
    """Plot signals below one another, the first at the top, and return the lines.

    Parameters
    ----------
    ax : matplotlib Axes
    signals : ndarray of shape (n_samples, n_features)
    limits : tuple of float
        Minimum and maximum of all signals in the plot.
    line_kw : dict
    spread : float, default=1.15
        Distance between signals, in units of the difference of the limits.
    """
    step = spread * (limits[1] - limits[0])
    offsets = -step * np.arange(len(signals))
    style = merge_kw({"linewidth": 1}, line_kw)
    lines = ax.plot((signals + offsets[:, None]).T, **style)
    middle = (limits[0] + limits[1]) / 2
    ax.set(yticks=offsets + middle, xlabel="position in the signal")
    ax.tick_params(left=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return lines


def stacked_size(n_signals):
    """Return the size in inches of a figure with this many signals."""
    return 6.0, min(0.55 * n_signals + 1.2, 10)
