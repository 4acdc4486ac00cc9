"""LatentScatterDisplay: latent codes in two or three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.decomposition import KernelPCA
from sklearn.utils import check_consistent_length, resample
from sklearn.utils.multiclass import type_of_target

from skae._data.check import as_array, check_flat_array, refuse_sparse
from skae._types import GivenImageShape, ImageShape, Keywords, RandomState
from skae.displays._estimators import (
    apply_steps_before,
    as_numpy,
    check_min,
    find_autoencoder,
)
from skae.displays._images import (
    mosaic,
    require_image_shape,
    resolve_image_shape,
    value_range,
)
from skae.displays._style import BLUE, axes_for, class_style, merge_kw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.offsetbox import AnnotationBbox

MAX_CLASSES = 30  # a legend with more entries is unreadable


class LatentScatterDisplay:
    """Scatter plot of latent codes in two or three dimensions, coloured by class.

    Create the display with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    points : ndarray of shape (n_samples, n_dimensions)
        Latent codes, reduced to 2 or 3 dimensions.
    y : ndarray of shape (n_samples,), default=None
        Class labels or numbers.
    title : str, default=None
        Title of the axes.
    thumbnails : ndarray of shape (n_samples, n_features), default=None
        Images, some of which are drawn at their points.
    image_shape : tuple of int, default=None
        (channels, height, width) of the thumbnails.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    points_ : list of matplotlib PathCollection
        The points, one collection for each class.
    legend_ : matplotlib Legend
        The classes; None if `y` is None or holds numbers.
    colorbar_ : matplotlib Colorbar
        The colour bar; None unless `y` holds numbers.
    thumbnails_ : list of matplotlib AnnotationBbox
        The thumbnails that were drawn.

    See Also
    --------
    LatentHistogramDisplay : Distribution of single latent components.
    LatentGridDisplay : Images decoded from a grid in latent space.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import LatentScatterDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> ae = DenseAutoencoder(8, max_epochs=2).fit(X / 16)
    >>> display = LatentScatterDisplay.from_estimator(ae, X / 16, y, max_samples=300)
    >>> display.points.shape
    (300, 2)
    """

    figure_: Figure
    ax_: Axes
    points_: list[PathCollection]
    legend_: Legend | None
    colorbar_: Colorbar | None
    thumbnails_: list[AnnotationBbox]

    def __init__(
        self,
        points: np.ndarray,
        y: np.ndarray | None = None,
        *,
        title: str | None = None,
        thumbnails: np.ndarray | None = None,
        image_shape: ImageShape | None = None,
    ) -> None:
        self.points = points
        self.y = y
        self.title = title
        self.thumbnails = thumbnails
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        reducer: Any = "kernel_pca",
        n_dimensions: Literal[2, 3] = 2,
        max_samples: int = 3000,
        random_state: RandomState = None,
        thumbnails: bool = False,
        image_shape: GivenImageShape | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Plot the latent codes of `X`.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that contains one, or a fitted search over
            one of these.
        X : array-like of shape (n_samples, n_features)
            Samples, or images.
        y : array-like of shape (n_samples,), default=None
            Class labels or numbers that determine the colours.
        reducer : {"kernel_pca", None} or transformer, default="kernel_pca"
            Method of dimensionality reduction. "kernel_pca" is scikit-learn's
            `KernelPCA` with an RBF kernel and gamma = 1 / (n_components * variance of
            the latent codes). None plots latent codes of 2 or 3 components without
            reduction. A transformer is cloned and fitted, and determines the number of
            dimensions.
        n_dimensions : {2, 3}, default=2
            Number of dimensions for "kernel_pca".
        max_samples : int, default=3000
            Maximum number of samples to plot. A random subset is used if `X` has more.
        random_state : int, RandomState instance or None, default=None
            Determines the random subset.
        thumbnails : bool, default=False
            Whether to draw images at points that do not overlap; in two dimensions only.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of the thumbnails. None is the
            shape of the images in `X`, or the estimator's ``image_shape_``.
        ax : matplotlib Axes, default=None
            Axes to draw in, with ``projection="3d"`` for three dimensions; None creates
            a figure.

        Returns
        -------
        display : LatentScatterDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder.
        ValueError
            If `y` and `X` have different lengths, or a parameter is invalid.
        """
        name = cls.__name__
        if n_dimensions not in (2, 3):
            raise ValueError(
                f"{name}: n_dimensions={n_dimensions!r} is invalid; must be 2 or 3."
            )
        if thumbnails and n_dimensions == 3:
            raise ValueError(
                f"{name}: thumbnails=True is invalid with n_dimensions=3; use "
                "n_dimensions=2."
            )
        check_min(1, max_samples=max_samples)
        before, autoencoder = find_autoencoder(estimator, name)
        refuse_sparse(X)
        if not hasattr(X, "shape"):
            as_array(X)  # refuse what is not a sequence of samples
        check_consistent_length(X)
        labels = check_y(y, X, name)
        some, labels = subsample(X, labels, max_samples, random_state)
        codes = as_numpy(autoencoder.transform(apply_steps_before(before, some)))
        points, title = reduce_codes(codes, reducer, n_dimensions, name)
        if not thumbnails:
            return cls(points, labels, title=title).plot(ax)
        images, shape = check_flat_array(some, name)
        known = autoencoder.image_shape_ if shape is None else shape
        shape = resolve_image_shape(image_shape, known, images.shape[1])
        require_image_shape(shape, name)
        display = cls(points, labels, title=title, thumbnails=images, image_shape=shape)
        return display.plot(ax)

    @classmethod
    def from_predictions(
        cls,
        points: ArrayLike,
        y: ArrayLike | None = None,
        *,
        title: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Plot latent codes, or other points, with two or three dimensions.

        Parameters
        ----------
        points : array-like of shape (n_samples, n_dimensions)
            Points with 2 or 3 dimensions.
        y : array-like of shape (n_samples,), default=None
            Class labels or numbers that determine the colours.
        title : str, default=None
            Title of the axes.
        ax : matplotlib Axes, default=None
            Axes to draw in, with ``projection="3d"`` for three dimensions; None creates
            a figure.

        Returns
        -------
        display : LatentScatterDisplay
            The display after plotting.

        Raises
        ------
        ValueError
            If `points` has other dimensions, or `y` has another length.
        """
        checked, _ = check_flat_array(points, cls.__name__, "points")
        check_dimensions(checked, cls.__name__)
        labels = check_y(y, checked, cls.__name__)
        return cls(checked, labels, title=title).plot(ax)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        scatter_kw: Keywords | None = None,
        legend_kw: Keywords | None = None,
    ) -> Self:
        """Plot the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in, with ``projection="3d"`` for three dimensions; None creates
            a figure.
        scatter_kw : dict, default=None
            Keyword arguments for ``ax.scatter``.
        legend_kw : dict, default=None
            Keyword arguments for ``ax.legend``.

        Returns
        -------
        self : LatentScatterDisplay
            The display.
        """
        in_3d = self.points.shape[1] == 3
        projection = "3d" if in_3d else "rectilinear"
        self.figure_, self.ax_ = axes_for(ax, (6.0, 4.8), projection)
        self.legend_, self.colorbar_ = None, None
        style = merge_kw({"s": 10, "linewidths": 0, "alpha": 0.8}, scatter_kw)
        if self.y is None:
            self.points_ = [self.ax_.scatter(*self.points.T, **{"color": BLUE} | style)]
        elif is_classes(self.y):
            self._plot_classes(style, legend_kw)
        else:
            style = {"cmap": "cividis", "c": self.y.astype(float)} | style
            self.points_ = [self.ax_.scatter(*self.points.T, **style)]
            self.colorbar_ = self.figure_.colorbar(
                self.points_[0], ax=self.ax_, label="y", shrink=0.8
            )
        self._label(in_3d)
        self.thumbnails_ = [] if self.thumbnails is None else self._plot_thumbnails()
        return self

    def _plot_classes(self, style, legend_kw):
        self.points_ = []
        for i, label in enumerate(np.unique(self.y)):
            points = self.points[self.y == label]
            class_kw = class_style(i) | style | {"label": str(label)}
            self.points_.append(self.ax_.scatter(*points.T, **class_kw))
        defaults = {
            "title": "class",
            "loc": "center left",
            "bbox_to_anchor": (1.08 if self.ax_.name == "3d" else 1.0, 0.5),
            "frameon": False,
            "fontsize": "small",
            "markerscale": 1.6,
            "handletextpad": 0.1,
        }
        self.legend_ = self.ax_.legend(**merge_kw(defaults, legend_kw))

    def _label(self, in_3d):
        axes = ("x", "y", "z")[: self.points.shape[1]]
        self.ax_.set(**{f"{a}label": f"dimension {i}" for i, a in enumerate(axes, 1)})
        if in_3d:
            self.ax_.set_box_aspect(None, zoom=0.88)  # leave space for the third label
            for axis in axes:
                self.ax_.locator_params(axis=axis, nbins=4)
        if self.title:
            self.ax_.set_title(self.title, fontsize="medium")

    def _plot_thumbnails(self, spacing=0.09):
        """Draw images at points; `spacing` is their distance relative to the axes."""
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        low, high = self.points.min(axis=0), self.points.max(axis=0)
        relative = (self.points - low) / np.where(high > low, high - low, 1)
        used, boxes = [], []
        limits = value_range(self.thumbnails)
        for place, point, image in zip(
            relative, self.points, self.thumbnails, strict=True
        ):
            if any(np.abs(place - other).max() < spacing for other in used):
                continue
            used.append(place)
            picture, _ = mosaic(image[None], self.image_shape, n_columns=1)
            zoom = 18 / max(self.image_shape[1:])
            if picture.ndim == 2:
                thumbnail = OffsetImage(picture, zoom=zoom, cmap="gray_r")
                thumbnail.image.set_clim(*limits)
            else:
                thumbnail = OffsetImage(picture.clip(0, 1), zoom=zoom)
            box = AnnotationBbox(thumbnail, point, frameon=True, pad=0.1)
            box.patch.set(edgecolor="#bbbbbb", linewidth=0.5)
            boxes.append(self.ax_.add_artist(box))
        return boxes


def subsample(X, y, max_samples, random_state):
    """Return at most `max_samples` random samples and their labels."""
    if len(X) <= max_samples:
        return X, y
    options = {"replace": False, "n_samples": max_samples, "random_state": random_state}
    if y is None:
        return resample(X, **options), None
    return resample(X, y, **options)


def check_y(y, X, name):
    """Return `y` as an array with one class label or finite number per sample."""
    if y is None:
        return None
    n_samples = len(X)
    y = as_numpy(y) if hasattr(y, "shape") else np.asarray(y)
    if y.shape != (n_samples,):
        raise ValueError(
            f"{name}: y has shape {y.shape}; must be ({n_samples},), one class label or "
            "number for each sample."
        )
    if y.dtype.kind == "c" or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        raise ValueError(
            f"{name}: y contains complex numbers, NaN or infinity; must hold class "
            "labels or finite real numbers. Remove these samples, or label them."
        )
    try:
        np.unique(y)
    except TypeError as error:
        types = ", ".join(sorted({type(label).__name__ for label in y}))
        raise ValueError(
            f"{name}: y mixes values of types {types}; must hold labels of one type. "
            "Convert them, for example with np.asarray(y, dtype=str)."
        ) from error
    return y


def is_classes(y):
    """Return whether `y` holds class labels, at most `MAX_CLASSES` if numeric."""
    if len(np.unique(y)) > MAX_CLASSES:
        return not np.issubdtype(y.dtype, np.number)
    return not type_of_target(y).startswith("continuous")


def reduce_codes(codes, reducer, n_dimensions, name):
    """Return latent codes in 2 or 3 dimensions, and a title with the method."""
    n_codes = f"{len(codes):,} latent codes"
    if reducer is None:
        check_dimensions(codes, name)
        return codes, n_codes
    if isinstance(reducer, str) and reducer == "kernel_pca":
        if len(codes) < n_dimensions:
            raise ValueError(
                f"{name}: X has {len(codes)} sample; reducer='kernel_pca' requires at "
                f"least {n_dimensions}."
            )
        # gamma="scale" of SVC: the kernel width follows the spread of the codes.
        variance = codes.var(dtype=np.float64) or 1.0
        gamma = 1 / (codes.shape[1] * variance)
        reducer = KernelPCA(n_dimensions, kernel="rbf", gamma=gamma)
    elif hasattr(reducer, "fit_transform"):
        reducer = clone(reducer)
    else:
        raise ValueError(
            f"{name}: reducer={reducer!r} is invalid; must be 'kernel_pca', None or a "
            "transformer, such as PCA(2)."
        )
    points = as_numpy(reducer.fit_transform(codes))
    check_dimensions(points, name)
    return points, f"{type(reducer).__name__} of {n_codes}"


def check_dimensions(points, name):
    """Raise a ValueError unless points have 2 or 3 dimensions."""
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ValueError(
            f"{name}: points have shape {points.shape}; must be (n_samples, 2) or "
            "(n_samples, 3). Reduce the latent codes, for example with "
            "reducer='kernel_pca' or reducer=PCA(2)."
        )
