"""SampleDisplay: rows that were generated."""

import math

import numpy as np

from skae.displays import _images as images
from skae.displays import _lines as lines
from skae.displays._estimators import back, find_autoencoder, flat
from skae.displays._style import BLUE, axes_for, merged


class SampleDisplay:
    """A grid of generated rows.

    Images are drawn as images; signals as lines above each other; other rows, such as
    those of a table, as the lines of one picture, a feature a column. Make one by
    `from_estimator` or `from_predictions`.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_features)
        The rows.
    image_shape : tuple of int, default=None
        (channels, height, width), where they are images or signals.
    title : str, default=None
        Of the axes; None says how many rows there are.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage
        All rows in one picture; None where they are signals.
    lines_ : list of matplotlib Line2D
        The signals.

    See Also
    --------
    ReconstructionDisplay : Rows beside their reconstructions.

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

    def __init__(self, samples, *, image_shape=None, title=None):
        self.samples = samples
        self.image_shape = image_shape
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator,
        n_samples=100,
        *,
        image_shape=None,
        random_state=None,
        title=None,
        ax=None,
        n_columns=None,
    ):
        """Draw samples of an estimator.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that has one as a step, or a fitted search
            over one. Of a Pipeline, rows go back through the steps before the
            autoencoder where these can be undone.
        n_samples : int, default=100
            How many.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of what flat rows are. None is
            the estimator's ``image_shape_``.
        random_state : int, RandomState instance or None, default=None
            As for the estimator's `sample`.
        title : str, default=None
            Of the axes; None says how many rows there are.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_columns : int, default=None
            Number of images side by side; None makes the grid as square as it can be.

        Returns
        -------
        display : SampleDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `estimator` is or has no autoencoder.
        ValueError
            If `image_shape` does not fit, or there is no density to draw from.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        drawn, shape = flat(autoencoder.sample(n_samples, random_state=random_state))
        samples, _ = flat(back(before, drawn))
        shape = images.resolve_image_shape(
            image_shape, None, shape or autoencoder.image_shape_, samples.shape[1]
        )
        return cls(samples, image_shape=shape, title=title).plot(ax, n_columns=n_columns)

    @classmethod
    def from_predictions(
        cls, samples, *, image_shape=None, title=None, ax=None, n_columns=None
    ):
        """Draw rows, whatever made them.

        Parameters
        ----------
        samples : array-like of shape (n_samples, n_features)
            Rows, or images.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of what flat rows are.
        title : str, default=None
            Of the axes; None says how many rows there are.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_columns : int, default=None
            Number of images side by side; None makes the grid as square as it can be.

        Returns
        -------
        display : SampleDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `image_shape` does not fit, or there is no row.
        """
        samples, shape = flat(samples)
        if samples.ndim != 2 or not len(samples):
            raise ValueError(
                f"samples has the shape {samples.shape}; expected (n_samples, "
                "n_features), one row or more, or images."
            )
        shape = images.resolve_image_shape(image_shape, shape, None, samples.shape[1])
        return cls(samples, image_shape=shape, title=title).plot(ax, n_columns=n_columns)

    def plot(self, ax=None, *, n_columns=None, image_kw=None, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_columns : int, default=None
            Number of images side by side; None makes the grid as square as it can be.
        image_kw : dict, default=None
            Options of ``ax.imshow``.
        line_kw : dict, default=None
            Options of ``ax.plot``, for signals.

        Returns
        -------
        self : SampleDisplay
            The display.
        """
        self.image_, self.lines_ = None, []
        limits = images.value_range(self.samples)
        if lines.is_signal(self.image_shape):
            self.figure_, self.ax_ = axes_for(ax, lines.size_of(len(self.samples)))
            style = merged({"color": BLUE}, line_kw)
            self.lines_ = lines.stack(self.ax_, self.samples, limits, style)
            self.ax_.set(yticks=[])
        elif self.image_shape is not None:
            self._plot_images(ax, n_columns, limits, image_kw)
        else:
            self._plot_table(ax, image_kw)
        n = len(self.samples)
        title = self.title or f"{n} generated row{'s' * (n > 1)}"
        self.ax_.set_title(title, fontsize="medium")
        return self

    def _plot_images(self, ax, n_columns, limits, image_kw):
        _, height, width = self.image_shape
        if n_columns is None:
            n_columns = math.ceil(math.sqrt(len(self.samples) * height / width))
        n_columns = min(n_columns, len(self.samples))
        picture, _ = images.mosaic(self.samples, self.image_shape, n_columns=n_columns)
        self.figure_, self.ax_ = axes_for(ax, images.size_of(picture))
        self.image_ = images.draw_mosaic(self.ax_, picture, limits, image_kw)

    def _plot_table(self, ax, image_kw):
        """Features in columns, each between its least and greatest value."""
        self.figure_, self.ax_ = axes_for(ax, (5, 4))
        low, high = self.samples.min(axis=0), self.samples.max(axis=0)
        shares = (self.samples - low) / np.where(high > low, high - low, 1)
        style = {"cmap": "cividis", "aspect": "auto", "interpolation": "nearest"}
        self.image_ = self.ax_.imshow(shares, **merged(style, image_kw))
        self.figure_.colorbar(self.image_, ax=self.ax_, label="from least to greatest")
        self.ax_.set(xlabel="feature", ylabel="generated row")
