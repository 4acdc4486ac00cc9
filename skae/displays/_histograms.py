"""LatentHistogramDisplay: the distribution of single latent components."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skae._data.check import check_flat_array
from skae._types import Keywords
from skae.displays._estimators import (
    apply_steps_before,
    as_numpy,
    check_min,
    find_autoencoder,
)
from skae.displays._style import GREY, ORANGE, merge_kw, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.patches import StepPatch

N_DENSITY_SAMPLES = 100_000  # latent codes in the histogram of the density


class LatentHistogramDisplay:
    """Histograms of latent components, with the fitted density.

    The histograms show whether the latent codes are normally distributed, which those
    of plain autoencoders are not. The lines show whether the density that `sample` uses
    follows their distribution. Create the display with `from_estimator` or
    `from_predictions`.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Latent codes.
    components : list of int
        Indices of the components to plot.
    drawn : ndarray of shape (n_drawn, n_components), default=None
        Latent codes sampled from the fitted density; None without a density.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The hidden axes that the small ones replace.
    axes_ : list of matplotlib Axes
        Small axes, one for each component.
    bars_ : list of matplotlib StepPatch
        Histograms of the latent codes.
    lines_ : list of matplotlib StepPatch
        Outlines of the density; empty without a density.
    legend_ : matplotlib Legend
        The legend.

    See Also
    --------
    LatentScatterDisplay : Latent codes in two or three dimensions.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import LatentHistogramDisplay
    >>> X = load_digits().data / 16
    >>> ae = DenseAutoencoder(8, max_epochs=2).fit(X)
    >>> display = LatentHistogramDisplay.from_estimator(ae, X, components=[0, 3])
    >>> len(display.axes_)
    2
    """

    figure_: Figure
    ax_: Axes
    axes_: list[Axes]
    bars_: list[StepPatch]
    lines_: list[StepPatch]
    legend_: Legend

    def __init__(
        self, codes: np.ndarray, components: list[int], *, drawn: np.ndarray | None = None
    ) -> None:
        self.codes = codes
        self.components = components
        self.drawn = drawn

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        components: Sequence[int] | None = None,
        n_bins: int = 50,
        ax: Axes | None = None,
    ) -> Self:
        """Plot histograms of the latent codes of `X`.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that contains one, or a fitted search over
            one of these.
        X : array-like of shape (n_samples, n_features)
            Samples, or images.
        components : list of int, default=None
            Indices of the components to plot; None plots the first six.
        n_bins : int, default=50
            Number of bins of each histogram.
        ax : matplotlib Axes, default=None
            Axes to replace by small ones; None creates a figure.

        Returns
        -------
        display : LatentHistogramDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder.
        ValueError
            If `components` or `n_bins` is invalid.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        codes = as_numpy(autoencoder.transform(apply_steps_before(before, X)))
        chosen = check_components(components, codes.shape[1])
        drawn = None
        if autoencoder.density_ is not None:
            drawn = autoencoder.sample_latent(N_DENSITY_SAMPLES, random_state=0)
            drawn = as_numpy(drawn)
        return cls(codes, chosen, drawn=drawn).plot(ax, n_bins=n_bins)

    @classmethod
    def from_predictions(
        cls,
        codes: ArrayLike,
        *,
        components: Sequence[int] | None = None,
        n_bins: int = 50,
        ax: Axes | None = None,
    ) -> Self:
        """Plot histograms of latent codes, without a density.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_components)
            Latent codes.
        components : list of int, default=None
            Indices of the components to plot; None plots the first six.
        n_bins : int, default=50
            Number of bins of each histogram.
        ax : matplotlib Axes, default=None
            Axes to replace by small ones; None creates a figure.

        Returns
        -------
        display : LatentHistogramDisplay
            The display after plotting.

        Raises
        ------
        ValueError
            If `codes`, `components` or `n_bins` is invalid.
        """
        checked, _ = check_flat_array(codes, cls.__name__, "codes")
        chosen = check_components(components, checked.shape[1])
        return cls(checked, chosen).plot(ax, n_bins=n_bins)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_bins: int = 50,
        bar_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> Self:
        """Plot the histograms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to replace by small ones; None creates a figure.
        n_bins : int, default=50
            Number of bins of each histogram.
        bar_kw : dict, default=None
            Keyword arguments for ``ax.stairs``, for the latent codes.
        line_kw : dict, default=None
            Keyword arguments for ``ax.stairs``, for the density.

        Returns
        -------
        self : LatentHistogramDisplay
            The display.
        """
        from matplotlib.ticker import MaxNLocator

        check_min(1, n_bins=n_bins)
        bars = merge_kw({"fill": True, "color": GREY, "alpha": 0.6}, bar_kw)
        outline = merge_kw({"color": ORANGE, "linewidth": 1.5}, line_kw)
        self.figure_, self.ax_, self.axes_, strip = panels(
            ax, len(self.components), (2.4, 1.8)
        )
        self.bars_, self.lines_ = [], []
        for small, component in zip(self.axes_, self.components, strict=True):
            heights, edges = np.histogram(
                self.codes[:, component], bins=n_bins, density=True
            )
            self.bars_.append(small.stairs(heights, edges, label="latent codes", **bars))
            if self.drawn is not None:
                self.lines_.append(
                    small.stairs(
                        density_in_bins(self.drawn[:, component], edges),
                        edges,
                        label="fitted density",
                        **outline,
                    )
                )
            small.set_title(f"component {component}", fontsize="small")
            small.set(yticks=[])
            small.tick_params(labelsize="small")
            small.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 4, 5, 10]))
            small.spines[["top", "left", "right"]].set_visible(False)
        handles, labels = self.axes_[0].get_legend_handles_labels()
        self.legend_ = strip.legend(handles, labels, loc="center", ncols=2, frameon=False)
        return self


def density_in_bins(values, edges):
    """Return the density of `values` in each bin, relative to all values.

    ``np.histogram(density=True)`` would ignore values outside the bins.
    """
    counts, _ = np.histogram(values, bins=edges)
    return counts / (len(values) * np.diff(edges))


def check_components(components, n_components):
    """Return a list of component indices; None is the first six."""
    if components is None:
        return list(range(min(6, n_components)))
    listed = list(components) if np.iterable(components) else []
    valid = all(isinstance(c, numbers.Integral) and 0 <= c < n_components for c in listed)
    if not listed or not valid:
        raise ValueError(
            f"components={components!r} is invalid; must be a list of indices of latent "
            f"components, integers from 0 to {n_components - 1}."
        )
    return [int(c) for c in listed]
