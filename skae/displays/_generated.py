"""SampleDisplay: generated samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skae._data.check import check_flat_array
from skae._types import GivenImageShape, ImageShape, Keywords, RandomState
from skae.displays._estimators import (
    check_min,
    find_autoencoder,
    invert_steps_before,
)
from skae.displays._images import (
    draw_mosaic,
    mosaic,
    mosaic_size,
    resolve_image_shape,
    value_range,
)
from skae.displays._lines import is_signal, plot_stacked, stacked_size
from skae.displays._style import BLUE, axes_for, merge_kw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D


class SampleDisplay:
    """Generated samples.

    Images are drawn in a grid. Signals are drawn as stacked lines. Tabular samples are
    drawn as a heat map with a row for each sample and a column for each feature. Create
    the display with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        Generated samples.
    image_shape : tuple of int, default=None
        (channels, height, width) of images or signals; None for tabular samples.
    title : str, default=None
        Title of the axes; None is the number of samples.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage
        The grid of images or the heat map; None for signals.
    lines_ : list of matplotlib Line2D
        The signals.

    See Also
    --------
    ReconstructionDisplay : Samples and their reconstructions.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import SampleDisplay
    >>> ae = DenseAutoencoder(8, max_epochs=2).fit(load_digits().images / 16)
    >>> display = SampleDisplay.from_estimator(ae, 25, random_state=0)
    >>> display.samples.shape
    (25, 64)
    """

    figure_: Figure
    ax_: Axes
    image_: AxesImage | None
    lines_: list[Line2D]

    def __init__(
        self,
        samples: np.ndarray,
        *,
        image_shape: ImageShape | None = None,
        title: str | None = None,
    ) -> None:
        self.samples = samples
        self.image_shape = image_shape
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        n_samples: int = 100,
        *,
        image_shape: GivenImageShape | None = None,
        random_state: RandomState = None,
        title: str | None = None,
        ax: Axes | None = None,
        n_columns: int | None = None,
    ) -> Self:
        """Generate samples with an estimator and draw them.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that contains one, or a fitted search over
            one of these. If the steps of a Pipeline before the autoencoder are
            invertible, samples are drawn in the space of the Pipeline's input.
        n_samples : int, default=100
            Number of samples.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of flat samples. None is the
            estimator's ``image_shape_``.
        random_state : int, RandomState instance or None, default=None
            Passed to the estimator's `sample`.
        title : str, default=None
            Title of the axes; None is the number of samples.
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        n_columns : int, default=None
            Number of images per line; None makes the grid approximately square.

        Returns
        -------
        display : SampleDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder.
        ValueError
            If `image_shape` or `n_columns` is invalid, or the estimator has no density.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        generated = autoencoder.sample(n_samples, random_state=random_state)
        flat, shape = check_flat_array(generated, cls.__name__, "samples")
        samples = invert_steps_before(before, flat)
        samples, _ = check_flat_array(samples, cls.__name__, "samples")
        shape = resolve_image_shape(
            image_shape, shape or autoencoder.image_shape_, samples.shape[1]
        )
        return cls(samples, image_shape=shape, title=title).plot(ax, n_columns=n_columns)

    @classmethod
    def from_predictions(
        cls,
        samples: ArrayLike,
        *,
        image_shape: GivenImageShape | None = None,
        title: str | None = None,
        ax: Axes | None = None,
        n_columns: int | None = None,
    ) -> Self:
        """Draw samples.

        Parameters
        ----------
        samples : array-like of shape (n_samples, n_features)
            Samples, or images.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of flat samples.
        title : str, default=None
            Title of the axes; None is the number of samples.
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        n_columns : int, default=None
            Number of images per line; None makes the grid approximately square.

        Returns
        -------
        display : SampleDisplay
            The display after plotting.

        Raises
        ------
        ValueError
            If `samples`, `image_shape` or `n_columns` is invalid.
        """
        checked, shape = check_flat_array(samples, cls.__name__, "samples")
        shape = resolve_image_shape(image_shape, shape, checked.shape[1])
        return cls(checked, image_shape=shape, title=title).plot(ax, n_columns=n_columns)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_columns: int | None = None,
        image_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> Self:
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        n_columns : int, default=None
            Number of images per line; None makes the grid approximately square.
        image_kw : dict, default=None
            Keyword arguments for ``ax.imshow``.
        line_kw : dict, default=None
            Keyword arguments for ``ax.plot``, for signals.

        Returns
        -------
        self : SampleDisplay
            The display.
        """
        if n_columns is not None:
            check_min(1, n_columns=n_columns)
        self.image_, self.lines_ = None, []
        limits = value_range(self.samples)
        if is_signal(self.image_shape):
            self.figure_, self.ax_ = axes_for(ax, stacked_size(len(self.samples)))
            style = merge_kw({"color": BLUE}, line_kw)
            self.lines_ = plot_stacked(self.ax_, self.samples, limits, style)
            self.ax_.set(yticks=[])
        elif self.image_shape is not None:
            self._plot_images(ax, n_columns, limits, image_kw)
        else:
            self._plot_table(ax, image_kw)
        n = len(self.samples)
        title = self.title or f"{n} generated sample{'s' * (n > 1)}"
        self.ax_.set_title(title, fontsize="medium")
        return self

    def _plot_images(self, ax, n_columns, limits, image_kw):
        _, height, width = self.image_shape
        if n_columns is None:
            n_columns = math.ceil(math.sqrt(len(self.samples) * height / width))
        n_columns = min(n_columns, len(self.samples))
        picture, _ = mosaic(self.samples, self.image_shape, n_columns=n_columns)
        self.figure_, self.ax_ = axes_for(ax, mosaic_size(picture))
        self.image_ = draw_mosaic(self.ax_, picture, limits, image_kw)

    def _plot_table(self, ax, image_kw):
        """Draw a heat map with each feature scaled to [0, 1]."""
        self.figure_, self.ax_ = axes_for(ax, (5, 4))
        low, high = self.samples.min(axis=0), self.samples.max(axis=0)
        scaled = (self.samples - low) / np.where(high > low, high - low, 1)
        style = {"cmap": "cividis", "aspect": "auto", "interpolation": "nearest"}
        self.image_ = self.ax_.imshow(scaled, **merge_kw(style, image_kw))
        self.figure_.colorbar(
            self.image_, ax=self.ax_, label="value between the feature's extremes"
        )
        self.ax_.set(xlabel="feature", ylabel="generated sample")
