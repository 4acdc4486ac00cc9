"""ReconstructionDisplay: samples and their reconstructions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from skae._data.check import check_flat_array
from skae._types import GivenImageShape, ImageShape, Keywords, PlotKind
from skae.displays._estimators import (
    apply_steps_before,
    check_min,
    find_autoencoder,
    invert_steps_before,
    is_invertible,
)
from skae.displays._images import (
    blank,
    centres,
    draw_mosaic,
    mosaic,
    mosaic_size,
    require_image_shape,
    resolve_image_shape,
    value_range,
)
from skae.displays._lines import is_signal, plot_stacked, stacked_size
from skae.displays._style import BLUE, GREY, ORANGE, axes_for, merge_kw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

KINDS = get_args(PlotKind)


class ReconstructionDisplay:
    """Samples and their reconstructions, with the mean squared errors.

    Images are drawn above their reconstructions. Signals are drawn as stacked lines.
    Tabular samples are drawn as a parity plot: reconstructed values against original
    values. Create the display with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Original samples.
    X_reconstructed : ndarray of shape (n_samples, n_features)
        Reconstructions.
    errors : ndarray of shape (n_samples,)
        Mean squared error of each sample, in squared units of `X`.
    kind : {"images", "signals", "parity"}
        Kind of plot.
    image_shape : tuple of int, default=None
        (channels, height, width) of images or signals; None for a parity plot.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage
        All images; None for other kinds.
    texts_ : list of matplotlib Text
        The errors below the images.
    lines_ : list of matplotlib Line2D
        For signals, the originals followed by the reconstructions. For a parity plot,
        the diagonal.
    points_ : matplotlib PathCollection
        The points of a parity plot; None for other kinds.

    See Also
    --------
    SampleDisplay : Generated samples.
    skae.callbacks.ReconstructionRecorder : Record reconstructions during training.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import ReconstructionDisplay
    >>> X = load_digits().data / 16
    >>> ae = DenseAutoencoder(16, max_epochs=2).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(ae, X[:5], image_shape=(8, 8))
    >>> display.errors.shape
    (5,)
    """

    figure_: Figure
    ax_: Axes
    image_: AxesImage | None
    texts_: list[Text]
    lines_: list[Line2D]
    points_: PathCollection | None

    def __init__(
        self,
        X: np.ndarray,
        X_reconstructed: np.ndarray,
        errors: np.ndarray,
        *,
        kind: PlotKind,
        image_shape: ImageShape | None = None,
    ) -> None:
        self.X = X
        self.X_reconstructed = X_reconstructed
        self.errors = errors
        self.kind = kind
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        image_shape: GivenImageShape | None = None,
        kind: PlotKind = "auto",
        ax: Axes | None = None,
        n_columns: int = 10,
    ) -> Self:
        """Reconstruct samples with an estimator and draw them.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that contains one, or a fitted search over
            one of these. If the steps of a Pipeline before the autoencoder are
            invertible, samples are drawn in the space of the Pipeline's input, otherwise
            in that of the autoencoder's input.
        X : array-like of shape (n_samples, n_features)
            Samples, or images. All of them are drawn.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of flat samples. None is the
            shape of the images in `X`, or the estimator's ``image_shape_``.
        kind : {"auto", "images", "signals", "parity"}, default="auto"
            Kind of plot. "auto" is "parity" if there is no image shape, "signals" if the
            height is 1, and "images" otherwise.
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        n_columns : int, default=10
            Maximum number of images per line.

        Returns
        -------
        display : ReconstructionDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder.
        ValueError
            If `image_shape`, `kind` or `n_columns` is invalid.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        original = apply_steps_before(before, X)
        reconstructed = autoencoder.reconstruct(original)
        if before is not None and is_invertible(before):
            original = X
            name = cls.__name__
            reconstructed, _ = check_flat_array(reconstructed, name, "X_reconstructed")
            reconstructed = invert_steps_before(before, reconstructed)
        return cls._create(
            original, reconstructed, image_shape, autoencoder.image_shape_, kind
        ).plot(ax, n_columns=n_columns)

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        X_reconstructed: ArrayLike,
        *,
        image_shape: GivenImageShape | None = None,
        kind: PlotKind = "auto",
        ax: Axes | None = None,
        n_columns: int = 10,
    ) -> Self:
        """Draw samples and their reconstructions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images.
        X_reconstructed : array-like of shape (n_samples, n_features)
            Reconstructions from any model.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of flat samples. None is the
            shape of the images in `X`.
        kind : {"auto", "images", "signals", "parity"}, default="auto"
            Kind of plot, as in `from_estimator`.
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        n_columns : int, default=10
            Maximum number of images per line.

        Returns
        -------
        display : ReconstructionDisplay
            The display after plotting.

        Raises
        ------
        ValueError
            If `X` and `X_reconstructed` have different shapes, or `image_shape`, `kind`
            or `n_columns` is invalid.
        """
        display = cls._create(X, X_reconstructed, image_shape, None, kind)
        return display.plot(ax, n_columns=n_columns)

    @classmethod
    def _create(cls, X, X_reconstructed, image_shape, fitted_shape, kind):
        if kind not in KINDS:
            allowed = ", ".join(map(repr, KINDS))
            raise ValueError(
                f"{cls.__name__}: kind={kind!r} is invalid; must be one of {allowed}."
            )
        X, shape = check_flat_array(X, cls.__name__)
        X_reconstructed, _ = check_flat_array(
            X_reconstructed, cls.__name__, "X_reconstructed"
        )
        if X.shape != X_reconstructed.shape:
            raise ValueError(
                f"{cls.__name__}: X has {X.shape[0]} samples with {X.shape[1]} features, "
                f"but X_reconstructed has {X_reconstructed.shape[0]} samples with "
                f"{X_reconstructed.shape[1]} features; both must have the same shape."
            )
        if kind in ("auto", "images"):
            known = fitted_shape if shape is None else shape
            image_shape = resolve_image_shape(image_shape, known, X.shape[1])
        else:
            image_shape = (1, 1, X.shape[1]) if kind == "signals" else None
        if kind == "images":
            require_image_shape(image_shape, cls.__name__)
        if kind == "auto" and image_shape is None:
            kind = "parity"
        elif kind == "auto":
            kind = "signals" if is_signal(image_shape) else "images"
        errors = np.mean((X - X_reconstructed) ** 2, axis=1, dtype=np.float64)
        return cls(X, X_reconstructed, errors, kind=kind, image_shape=image_shape)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_columns: int = 10,
        image_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
        scatter_kw: Keywords | None = None,
        text_kw: Keywords | None = None,
    ) -> Self:
        """Draw samples and reconstructions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        n_columns : int, default=10
            Maximum number of images per line.
        image_kw : dict, default=None
            Keyword arguments for ``ax.imshow``, for images.
        line_kw : dict, default=None
            Keyword arguments for ``ax.plot``, for the reconstructions of signals and the
            diagonal of a parity plot.
        scatter_kw : dict, default=None
            Keyword arguments for ``ax.scatter``, for a parity plot.
        text_kw : dict, default=None
            Keyword arguments for ``ax.text``, for the errors below images.

        Returns
        -------
        self : ReconstructionDisplay
            The display.
        """
        check_min(1, n_columns=n_columns)
        self.image_, self.texts_, self.lines_, self.points_ = None, [], [], None
        if self.kind == "images":
            self._plot_images(ax, min(n_columns, len(self.X)), image_kw, text_kw)
        elif self.kind == "signals":
            self._plot_signals(ax, line_kw)
        else:
            self._plot_parity(ax, line_kw, scatter_kw)
        return self

    def _plot_images(self, ax, n_columns, image_kw, text_kw):
        """Draw lines of originals, reconstructions and errors, `n_columns` each."""
        _, height, _ = self.image_shape
        text_height = math.ceil(0.5 * height)
        bands, ticks = [], []
        for start in range(0, len(self.X), n_columns):
            chosen = slice(start, start + n_columns)
            (originals, pitch), (reconstructions, _) = (
                mosaic(images[chosen], self.image_shape, n_columns=n_columns)
                for images in (self.X, self.X_reconstructed)
            )
            top, width = sum(map(len, bands)), originals.shape[1:]
            bands += [originals, blank((pitch[0] - height, *width))]
            bands += [reconstructions, blank((text_height, *width))]
            ticks += [*(top + centres(2, pitch[0], height))]
            ticks += [top + pitch[0] + height + text_height / 2]
        picture = np.concatenate(bands)
        self.figure_, self.ax_ = axes_for(ax, mosaic_size(picture))
        self.image_ = draw_mosaic(self.ax_, picture, value_range(self.X), image_kw)
        unit = self._write_errors(ticks[2::3], pitch[1], n_columns, text_kw)
        labels = ["original", "reconstruction", f"MSE{unit}"] * (len(ticks) // 3)
        self.ax_.set_yticks(ticks, labels, fontsize="small")
        self.ax_.tick_params(left=False)
        self.ax_.set_title("Reconstructions", fontsize="medium")

    def _write_errors(self, y, pitch, n_columns, text_kw):
        """Write each error below its image, and return the unit: a power of ten."""
        largest = self.errors.max()
        power = math.floor(math.log10(largest)) if 0 < largest < np.inf else 0
        width = self.ax_.get_position().width * self.figure_.get_figwidth() * 72
        cell = width * pitch / (self.ax_.get_xlim()[1] - self.ax_.get_xlim()[0])
        style = {"ha": "center", "va": "center", "fontsize": min(9, max(3, cell / 2.2))}
        x = centres(n_columns, pitch, self.image_shape[2])
        for i, error in enumerate(self.errors):
            place = x[i % n_columns], y[i // n_columns]
            text = f"{error / 10.0**power:.1f}"
            self.texts_.append(self.ax_.text(*place, text, **merge_kw(style, text_kw)))
        return "" if power == 0 else rf" ($\times\ 10^{{{power}}}$)"

    def _plot_signals(self, ax, line_kw):
        from matplotlib.lines import Line2D

        self.figure_, self.ax_ = axes_for(ax, stacked_size(len(self.X)))
        limits = value_range(np.concatenate([self.X, self.X_reconstructed]))
        original = {"color": GREY, "linewidth": 2, "alpha": 0.7}
        reconstruction = merge_kw({"color": ORANGE}, line_kw)
        self.lines_ = [
            *plot_stacked(self.ax_, self.X, limits, original),
            *plot_stacked(self.ax_, self.X_reconstructed, limits, reconstruction),
        ]
        self.ax_.set_yticks(self.ax_.get_yticks(), [f"{e:.2g}" for e in self.errors])
        self.ax_.set(ylabel="mean squared error")
        handles = [Line2D([], [], **kw) for kw in (original, reconstruction)]
        self.ax_.legend(
            handles,
            ["original", "reconstruction"],
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=2,
            frameon=False,
        )

    def _plot_parity(self, ax, line_kw, scatter_kw):
        self.figure_, self.ax_ = axes_for(ax, (4.5, 4.5))
        style = {"s": 12, "alpha": 0.6, "color": BLUE, "linewidths": 0}
        self.points_ = self.ax_.scatter(
            self.X.ravel(), self.X_reconstructed.ravel(), **merge_kw(style, scatter_kw)
        )
        both = self.X, self.X_reconstructed
        ends = [min(a.min() for a in both), max(a.max() for a in both)]
        self.lines_ = self.ax_.plot(
            ends, ends, **merge_kw({"color": GREY, "linestyle": "--"}, line_kw)
        )
        self.ax_.set(
            xlabel="original value",
            ylabel="reconstructed value",
            aspect="equal",
            title=f"Mean squared error {self.errors.mean():.2g}",
        )
