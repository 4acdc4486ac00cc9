"""LatentHistogramDisplay: what single numbers of the codes are distributed like."""

import numbers

import numpy as np

from skae.displays._estimators import find_autoencoder, into
from skae.displays._style import GREY, ORANGE, merged, panels

N_DRAWN = 100_000  # codes that the density's histogram is made of


class LatentHistogramDisplay:
    """Histograms of chosen numbers of the codes, with the fitted density over them.

    They show whether codes are normal, which those of plain autoencoders are not, and
    whether the density that `sample` draws from is like them. Make one by
    `from_estimator` or `from_predictions`.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        The codes.
    components : list of int
        Which of their numbers are drawn.
    drawn : ndarray of shape (n_drawn, n_components), default=None
        Codes drawn from the fitted density; None where there is none.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes whose place the small ones take.
    axes_ : list of matplotlib Axes
        One for each component.
    bars_ : list of matplotlib StepPatch
        The histograms of the codes.
    lines_ : list of matplotlib StepPatch
        Those of the density; empty where there is none.
    legend_ : matplotlib Legend
        Which is which.

    See Also
    --------
    LatentScatterDisplay : All numbers of the codes at once.

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

    def __init__(self, codes, components, *, drawn=None):
        self.codes = codes
        self.components = components
        self.drawn = drawn

    @classmethod
    def from_estimator(cls, estimator, X, *, components=None, n_bins=50, ax=None):
        """Draw histograms of the codes of `X`.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that has one as a step, or a fitted search
            over one.
        X : array-like of shape (n_samples, n_features)
            Rows, or images.
        components : list of int, default=None
            Which numbers of the codes to draw; None draws the first six.
        n_bins : int, default=50
            Number of bars of each.
        ax : matplotlib Axes, default=None
            Whose place to draw in; None makes a new figure.

        Returns
        -------
        display : LatentHistogramDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `estimator` is or has no autoencoder.
        ValueError
            If `components` are not there.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        codes = np.asarray(autoencoder.transform(into(before, X)))
        components = checked_components(components, codes.shape[1])
        drawn = None
        if autoencoder.density_ is not None:
            drawn = autoencoder.sample_latent(N_DRAWN, random_state=0)
        return cls(codes, components, drawn=drawn).plot(ax, n_bins=n_bins)

    @classmethod
    def from_predictions(cls, codes, *, components=None, n_bins=50, ax=None):
        """Draw histograms of codes, without a density.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_components)
            Codes.
        components : list of int, default=None
            Which of their numbers to draw; None draws the first six.
        n_bins : int, default=50
            Number of bars of each.
        ax : matplotlib Axes, default=None
            Whose place to draw in; None makes a new figure.

        Returns
        -------
        display : LatentHistogramDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `components` are not there.
        """
        codes = np.asarray(codes)
        components = checked_components(components, codes.shape[1])
        return cls(codes, components).plot(ax, n_bins=n_bins)

    def plot(self, ax=None, *, n_bins=50, bar_kw=None, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place to draw in; None makes a new figure.
        n_bins : int, default=50
            Number of bars of each histogram.
        bar_kw : dict, default=None
            Options of ``ax.stairs``, for the codes.
        line_kw : dict, default=None
            Options of ``ax.stairs``, for the density.

        Returns
        -------
        self : LatentHistogramDisplay
            The display.
        """
        from matplotlib.ticker import MaxNLocator

        self.figure_, self.ax_, self.axes_, strip = panels(
            ax, len(self.components), (2.4, 1.8)
        )
        self.bars_, self.lines_ = [], []
        bars = merged({"fill": True, "color": GREY, "alpha": 0.6}, bar_kw)
        outline = merged({"color": ORANGE, "linewidth": 1.5}, line_kw)
        for small, component in zip(self.axes_, self.components, strict=True):
            heights, edges = np.histogram(
                self.codes[:, component], bins=n_bins, density=True
            )
            self.bars_.append(small.stairs(heights, edges, label="codes", **bars))
            if self.drawn is not None:
                self.lines_.append(
                    small.stairs(
                        density_between(self.drawn[:, component], edges),
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


def density_between(values, edges):
    """Density of values in each bin; those outside all are part of the whole."""
    counts, _ = np.histogram(values, bins=edges)
    return counts / (len(values) * np.diff(edges))


def checked_components(components, n_components):
    """Numbers of components, or an error that says which there are."""
    if components is None:
        return list(range(min(6, n_components)))
    components = list(components)
    valid = all(
        isinstance(c, numbers.Integral) and 0 <= c < n_components for c in components
    )
    if not components or not valid:
        raise ValueError(
            f"components={components}; expected numbers from 0 to {n_components - 1}, "
            f"since codes have {n_components}."
        )
    return [int(c) for c in components]
