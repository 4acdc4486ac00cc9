"""Displays of decoded latent codes: a latent grid, and interpolations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skae._data.check import check_flat_array
from skae._types import GivenImageShape, ImageShape, Keywords
from skae.displays._estimators import (
    apply_steps_before,
    as_numpy,
    check_min,
    find_autoencoder,
    image_shape_of,
    invert_steps_before,
)
from skae.displays._histograms import check_components
from skae.displays._images import (
    centres,
    draw_mosaic,
    mosaic,
    mosaic_size,
    require_image_shape,
    resolve_image_shape,
    value_range,
)
from skae.displays._style import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


class LatentGridDisplay:
    """Images decoded from a grid over two latent components.

    All other components have their mean. Create the display with `from_estimator`.

    Parameters
    ----------
    X_decoded : ndarray of shape (n_steps * n_steps, n_features)
        Decoded images. The first component increases from left to right. The second one
        decreases from the first line of images, at the top, to the last.
    values : tuple of ndarray of shape (n_steps,)
        Increasing values of the two components.
    components : tuple of int
        Indices of the two components.
    image_shape : tuple of int
        (channels, height, width).

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage
        The grid of images.

    See Also
    --------
    InterpolationDisplay : Interpolation between pairs of samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseVariationalAutoencoder
    >>> from skae.displays import LatentGridDisplay
    >>> X = load_digits().images / 16
    >>> vae = DenseVariationalAutoencoder(2, max_epochs=2).fit(X)
    >>> display = LatentGridDisplay.from_estimator(vae, X, n_steps=5)
    >>> display.X_decoded.shape
    (25, 64)
    """

    figure_: Figure
    ax_: Axes
    image_: AxesImage

    def __init__(
        self,
        X_decoded: np.ndarray,
        values: tuple[np.ndarray, np.ndarray],
        components: tuple[int, int],
        *,
        image_shape: ImageShape,
    ) -> None:
        self.X_decoded = X_decoded
        self.values = values
        self.components = components
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        components: tuple[int, int] = (0, 1),
        n_steps: int = 15,
        image_shape: GivenImageShape | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Decode a grid in the region of the latent codes of `X`, and draw it.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that contains one, or a fitted search over
            one of these.
        X : array-like of shape (n_samples, n_features)
            Samples, or images. The grid spans the 5% to 95% quantiles of their latent
            codes.
        components : tuple of int, default=(0, 1)
            Indices of the components on the horizontal and the vertical axis.
        n_steps : int, default=15
            Number of values of each component; at least 2.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of flat samples. None is the
            shape of the images in `X`, or the estimator's ``image_shape_``.
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.

        Returns
        -------
        display : LatentGridDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder.
        ValueError
            If there is only one latent component, if `components` or `n_steps` is
            invalid, or if the image shape is unknown.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        check_min(2, n_steps=n_steps)
        codes = as_numpy(autoencoder.transform(apply_steps_before(before, X)))
        if codes.shape[1] < 2:
            raise ValueError(
                f"{cls.__name__}: the estimator has 1 latent component; must have at "
                "least 2."
            )
        components = check_two_components(components, codes.shape[1])
        low, high = np.quantile(codes, [0.05, 0.95], axis=0)
        values = [np.linspace(low[c], high[c], n_steps) for c in components]
        grid = np.tile(codes.mean(axis=0), (n_steps * n_steps, 1))
        down, across = np.meshgrid(values[1][::-1], values[0], indexing="ij")
        grid[:, components[0]], grid[:, components[1]] = across.ravel(), down.ravel()
        decoded = autoencoder.inverse_transform(grid)
        decoded, shape = check_flat_array(decoded, cls.__name__, "X_decoded")
        decoded = invert_steps_before(before, decoded)
        decoded, _ = check_flat_array(decoded, cls.__name__, "X_decoded")
        known = shape or image_shape_of(X) or autoencoder.image_shape_
        shape = resolve_image_shape(image_shape, known, decoded.shape[1])
        require_image_shape(shape, cls.__name__)
        display = cls(decoded, (values[0], values[1]), components, image_shape=shape)
        return display.plot(ax)

    def plot(self, ax: Axes | None = None, *, image_kw: Keywords | None = None) -> Self:
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        image_kw : dict, default=None
            Keyword arguments for ``ax.imshow``.

        Returns
        -------
        self : LatentGridDisplay
            The display.
        """
        n_steps = len(self.values[0])
        picture, pitch = mosaic(self.X_decoded, self.image_shape, n_columns=n_steps)
        self.figure_, self.ax_ = axes_for(ax, mosaic_size(picture))
        limits = value_range(self.X_decoded)
        self.image_ = draw_mosaic(self.ax_, picture, limits, image_kw)
        _, height, width = self.image_shape
        labelled = np.linspace(0, n_steps - 1, min(n_steps, 5)).round().astype(int)
        labels = [[f"{values[i]:.2g}" for i in labelled] for values in self.values]
        self.ax_.set_xticks(centres(n_steps, pitch[1], width)[labelled], labels[0])
        upwards = centres(n_steps, pitch[0], height)[::-1]
        self.ax_.set_yticks(upwards[labelled], labels[1])
        across, up = self.components
        self.ax_.set(xlabel=f"latent component {across}", ylabel=f"latent component {up}")
        self.ax_.set_title("Decoded grid in latent space", fontsize="medium")
        return self


class InterpolationDisplay:
    """Images decoded along paths in latent space between pairs of samples.

    Each line of images shows one pair. Create the display with `from_estimator`.

    Parameters
    ----------
    steps : ndarray of shape (n_samples, n_steps, n_features)
        Decoded images of each path, including its ends.
    image_shape : tuple of int
        (channels, height, width).

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage
        The grid of images.

    See Also
    --------
    LatentGridDisplay : A grid over two latent components.

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

    figure_: Figure
    ax_: Axes
    image_: AxesImage

    def __init__(self, steps: np.ndarray, *, image_shape: ImageShape) -> None:
        self.steps = steps
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X_a: ArrayLike,
        X_b: ArrayLike,
        *,
        n_steps: int = 10,
        image_shape: GivenImageShape | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Interpolate between pairs of samples in latent space, and draw the images.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that contains one, or a fitted search over
            one of these.
        X_a : array-like of shape (n_samples, n_features)
            Samples, or images, at the start of each path.
        X_b : array-like of shape (n_samples, n_features)
            Samples, or images, at the end of each path.
        n_steps : int, default=10
            Number of images on each path, including its ends; at least 2.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of flat samples. None is the
            shape of the images in `X_a`, or the estimator's ``image_shape_``.
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.

        Returns
        -------
        display : InterpolationDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder.
        ValueError
            If `X_a` and `X_b` have different numbers of samples, if `n_steps` is
            invalid, or if the image shape is unknown.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        check_min(2, n_steps=n_steps)
        ends = [apply_steps_before(before, X) for X in (X_a, X_b)]
        paths = as_numpy(autoencoder.interpolate(*ends, n_steps))
        n_paths = len(paths)
        decoded = paths.reshape(n_paths * n_steps, -1)
        decoded = invert_steps_before(before, decoded)
        decoded, _ = check_flat_array(decoded, cls.__name__, "steps")
        known = image_shape_of(X_a) or autoencoder.image_shape_
        shape = resolve_image_shape(image_shape, known, decoded.shape[1])
        require_image_shape(shape, cls.__name__)
        steps = decoded.reshape(n_paths, n_steps, -1)
        return cls(steps, image_shape=shape).plot(ax)

    def plot(self, ax: Axes | None = None, *, image_kw: Keywords | None = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        image_kw : dict, default=None
            Keyword arguments for ``ax.imshow``.

        Returns
        -------
        self : InterpolationDisplay
            The display.
        """
        _, n_steps, n_features = self.steps.shape
        flat = self.steps.reshape(-1, n_features)
        picture, pitch = mosaic(flat, self.image_shape, n_columns=n_steps)
        self.figure_, self.ax_ = axes_for(ax, mosaic_size(picture))
        self.image_ = draw_mosaic(self.ax_, picture, value_range(flat), image_kw)
        across = centres(n_steps, pitch[1], self.image_shape[2])
        self.ax_.set_xticks(across[[0, -1]], ["start", "end"])
        self.ax_.tick_params(bottom=False)
        title = f"Interpolation in latent space, {n_steps} steps"
        self.ax_.set_title(title, fontsize="medium")
        return self


def check_two_components(components, n_components):
    """Return two different component indices."""
    checked = tuple(check_components(components, n_components))
    if len(set(checked)) != 2 or len(checked) != 2:
        raise ValueError(
            f"components={components!r} is invalid; must be two different integers, for "
            "the horizontal and the vertical axis."
        )
    return checked
