"""Displays of what codes decode into: a grid over two numbers, ways between rows."""

import numpy as np

from skae.displays import _images as images
from skae.displays._estimators import at_least, back, find_autoencoder, flat, into
from skae.displays._histograms import checked_components
from skae.displays._style import axes_for


class LatentGridDisplay:
    """Images decoded from a grid over two numbers of the codes.

    The other numbers stay at their means. Make one by `from_estimator`.

    Parameters
    ----------
    rows : ndarray of shape (n_steps * n_steps, n_features)
        Decoded rows; the first number of the code grows from left to right, the second
        from the bottom line to the top one, which comes first.
    values : tuple of ndarray of shape (n_steps,)
        The values of the two numbers, growing.
    components : tuple of int
        Which two they are.
    image_shape : tuple of int
        (channels, height, width).

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage
        All images in one.

    See Also
    --------
    InterpolationDisplay : Ways from rows to other rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseVariationalAutoencoder
    >>> from skae.displays import LatentGridDisplay
    >>> X = load_digits().images / 16
    >>> vae = DenseVariationalAutoencoder(2, max_epochs=2).fit(X)
    >>> display = LatentGridDisplay.from_estimator(vae, X, n_steps=5)
    >>> display.rows.shape
    (25, 64)
    """

    def __init__(self, rows, values, components, *, image_shape):
        self.rows = rows
        self.values = values
        self.components = components
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls, estimator, X, *, components=(0, 1), n_steps=15, image_shape=None, ax=None
    ):
        """Draw what codes around those of `X` decode into.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that has one as a step, or a fitted search
            over one.
        X : array-like of shape (n_samples, n_features)
            Rows, or images; the grid spans the middle nine tenths of their codes.
        components : tuple of int, default=(0, 1)
            The two numbers of the codes, across and up.
        n_steps : int, default=15
            Values of each; at least 2.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of what flat rows are. None is
            the shape of `X` where it holds images, or the estimator's ``image_shape_``.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : LatentGridDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `estimator` is or has no autoencoder.
        ValueError
            If the codes have one number only, `components` are not two of theirs, or
            nothing says what shape the images are.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        codes = np.asarray(autoencoder.transform(into(before, X)))
        components = two_components(components, codes.shape[1])
        at_least(2, n_steps=n_steps)
        values = [
            np.linspace(*np.quantile(codes[:, c], [0.05, 0.95]), n_steps)
            for c in components
        ]
        grid = np.tile(codes.mean(axis=0), (n_steps * n_steps, 1))
        down, across = np.meshgrid(values[1][::-1], values[0], indexing="ij")
        grid[:, components[0]], grid[:, components[1]] = across.ravel(), down.ravel()
        decoded, shape = flat(autoencoder.inverse_transform(grid))
        rows, _ = flat(back(before, decoded))
        fitted = shape or flat(X)[1] or autoencoder.image_shape_
        shape = images.resolve_image_shape(image_shape, None, fitted, rows.shape[1])
        images.needed_image_shape(shape, cls.__name__)
        return cls(rows, tuple(values), components, image_shape=shape).plot(ax)

    def plot(self, ax=None, *, image_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        image_kw : dict, default=None
            Options of ``ax.imshow``.

        Returns
        -------
        self : LatentGridDisplay
            The display.
        """
        n_steps = len(self.values[0])
        picture, pitch = images.mosaic(self.rows, self.image_shape, n_columns=n_steps)
        self.figure_, self.ax_ = axes_for(ax, images.size_of(picture))
        limits = images.value_range(self.rows)
        self.image_ = images.draw_mosaic(self.ax_, picture, limits, image_kw)
        _, height, width = self.image_shape
        shown = np.linspace(0, n_steps - 1, min(n_steps, 5)).round().astype(int)
        labels = [[f"{values[i]:.2g}" for i in shown] for values in self.values]
        self.ax_.set_xticks(images.centres(n_steps, pitch[1], width)[shown], labels[0])
        ups = images.centres(n_steps, pitch[0], height)[::-1]
        self.ax_.set_yticks(ups[shown], labels[1])
        across, up = self.components
        self.ax_.set(xlabel=f"component {across}", ylabel=f"component {up}")
        self.ax_.set_title("Decoded codes", fontsize="medium")
        return self


class InterpolationDisplay:
    """Ways from rows to other rows through the space of codes, a line each.

    Make one by `from_estimator`.

    Parameters
    ----------
    steps : ndarray of shape (n_samples, n_steps, n_features)
        Decoded rows on each way, both ends included.
    image_shape : tuple of int
        (channels, height, width).

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage
        All images in one.

    See Also
    --------
    LatentGridDisplay : A grid over two numbers of the codes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import InterpolationDisplay
    >>> X = load_digits().images / 16
    >>> ae = DenseAutoencoder(8, max_epochs=2).fit(X)
    >>> display = InterpolationDisplay.from_estimator(ae, X[:3], X[3:6], n_steps=7)
    >>> display.steps.shape
    (3, 7, 64)
    """

    def __init__(self, steps, *, image_shape):
        self.steps = steps
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls, estimator, X_a, X_b, *, n_steps=10, image_shape=None, ax=None
    ):
        """Draw the ways from some rows to others.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that has one as a step, or a fitted search
            over one.
        X_a : array-like of shape (n_samples, n_features)
            Rows to start from, or images.
        X_b : array-like of shape (n_samples, n_features)
            Rows to go to, as many.
        n_steps : int, default=10
            Number of rows on each way, both ends included; at least 2.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of what flat rows are. None is
            the shape of `X_a` where it holds images, or the estimator's ``image_shape_``.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : InterpolationDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `estimator` is or has no autoencoder.
        ValueError
            If there are not as many rows to go to as to start from, `n_steps` is not
            what it must be, or nothing says what shape the images are.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        ways = autoencoder.interpolate(into(before, X_a), into(before, X_b), n_steps)
        n_ways = len(ways)
        steps = np.asarray(ways).reshape(n_ways * n_steps, -1)
        steps, _ = flat(back(before, steps))
        fitted = flat(X_a)[1] or autoencoder.image_shape_
        shape = images.resolve_image_shape(image_shape, None, fitted, steps.shape[1])
        images.needed_image_shape(shape, cls.__name__)
        return cls(steps.reshape(n_ways, n_steps, -1), image_shape=shape).plot(ax)

    def plot(self, ax=None, *, image_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        image_kw : dict, default=None
            Options of ``ax.imshow``.

        Returns
        -------
        self : InterpolationDisplay
            The display.
        """
        _, n_steps, n_features = self.steps.shape
        rows = self.steps.reshape(-1, n_features)
        picture, pitch = images.mosaic(rows, self.image_shape, n_columns=n_steps)
        self.figure_, self.ax_ = axes_for(ax, images.size_of(picture))
        limits = images.value_range(rows)
        self.image_ = images.draw_mosaic(self.ax_, picture, limits, image_kw)
        across = images.centres(n_steps, pitch[1], self.image_shape[2])
        self.ax_.set_xticks(across[[0, -1]], ["from", "to"])
        self.ax_.tick_params(bottom=False)
        title = f"{n_steps} steps through the codes"
        self.ax_.set_title(title, fontsize="medium")
        return self


def two_components(components, n_components):
    """Two different numbers of components, or an error."""
    components = tuple(checked_components(components, n_components))
    if len(set(components)) != 2 or len(components) != 2:
        raise ValueError(
            f"components={components}; expected two different ones, across and up."
        )
    return components
