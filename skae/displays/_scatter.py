"""LatentScatterDisplay: codes in two or three dimensions."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import KernelPCA
from sklearn.utils import resample
from sklearn.utils.multiclass import type_of_target

from skae.displays import _images as images
from skae.displays._estimators import at_least, find_autoencoder, flat, into
from skae.displays._style import BLUE, axes_for, class_style, merged

MAX_CLASSES = 30  # of more different values, a legend is no help


class LatentScatterDisplay:
    """Codes as points in two or three dimensions, coloured by class.

    Make one by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    points : ndarray of shape (n_samples, n_dimensions)
        Where the codes lie, in 2 or 3 dimensions.
    y : ndarray of shape (n_samples,), default=None
        Classes, or numbers.
    title : str, default=None
        What reduced the codes to so few dimensions.
    thumbnails : ndarray of shape (n_samples, n_features), default=None
        Images of the rows, some of which are drawn at their places.
    image_shape : tuple of int, default=None
        (channels, height, width) of the thumbnails.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    points_ : list of matplotlib PathCollection
        The points, a collection for each class.
    legend_ : matplotlib Legend
        The classes; None without them.
    colorbar_ : matplotlib Colorbar
        Where `y` holds numbers instead of classes; else None.
    thumbnails_ : list of matplotlib AnnotationBbox
        The images.

    See Also
    --------
    LatentHistogramDisplay : Single numbers of the codes.
    LatentGridDisplay : What codes decode into.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import LatentScatterDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> ae = DenseAutoencoder(8, max_epochs=2).fit(X / 16)
    >>> display = LatentScatterDisplay.from_estimator(ae, X / 16, y, n_rows=300)
    >>> display.points.shape
    (300, 2)
    """

    def __init__(self, points, y=None, *, title=None, thumbnails=None, image_shape=None):
        self.points = points
        self.y = y
        self.title = title
        self.thumbnails = thumbnails
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        reducer="kernel_pca",
        n_dimensions=2,
        n_rows=3000,
        random_state=None,
        thumbnails=False,
        image_shape=None,
        ax=None,
    ):
        """Draw the codes of random rows of `X`.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that has one as a step, or a fitted search
            over one.
        X : array-like of shape (n_samples, n_features)
            Rows, or images.
        y : array-like of shape (n_samples,), default=None
            Classes, or numbers, that points are coloured by.
        reducer : {"kernel_pca", None} or transformer, default="kernel_pca"
            What reduces codes to points: "kernel_pca" is scikit-learn's `KernelPCA` with
            an rbf kernel as wide as the codes spread (gamma is 1 / (n_components *
            variance)); None takes codes as they are, where they have so few numbers; a
            transformer is cloned and fitted, and decides how many dimensions there are.
        n_dimensions : {2, 3}, default=2
            Dimensions of the picture.
        n_rows : int, default=3000
            Greatest number of rows; of more, so many random ones are drawn.
        random_state : int, RandomState instance or None, default=None
            Chooses the rows.
        thumbnails : bool, default=False
            Whether images are drawn where there is room; in two dimensions only.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of what flat rows are, for the
            thumbnails.
        ax : matplotlib Axes, default=None
            Where to draw, with ``projection="3d"`` where there are three dimensions;
            None makes a new figure.

        Returns
        -------
        display : LatentScatterDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `estimator` is or has no autoencoder.
        ValueError
            If `y` has another length than `X`, or a parameter is not what it must be.
        """
        if n_dimensions not in (2, 3):
            raise ValueError(f"n_dimensions={n_dimensions!r}; expected 2 or 3.")
        if thumbnails and n_dimensions == 3:
            raise ValueError("thumbnails=True needs n_dimensions=2; there are 3.")
        at_least(1, n_rows=n_rows)
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        y = checked_classes(y, len(X))
        X, y = some_rows(X, y, n_rows, random_state)
        codes = np.asarray(autoencoder.transform(into(before, X)))
        X, shape = flat(X)
        points, title = reduced(codes, reducer, n_dimensions)
        if thumbnails:
            fitted = autoencoder.image_shape_ if shape is None else shape
            shape = images.resolve_image_shape(image_shape, None, fitted, X.shape[1])
            images.needed_image_shape(shape, cls.__name__)
        return cls(
            points,
            y,
            title=title,
            thumbnails=X if thumbnails else None,
            image_shape=shape if thumbnails else None,
        ).plot(ax)

    @classmethod
    def from_predictions(cls, points, y=None, *, title=None, ax=None):
        """Draw codes that have two or three numbers, or were reduced to so many.

        Parameters
        ----------
        points : array-like of shape (n_samples, n_dimensions)
            Where the codes lie, in 2 or 3 dimensions.
        y : array-like of shape (n_samples,), default=None
            Classes, or numbers, that points are coloured by.
        title : str, default=None
            Of the axes.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : LatentScatterDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there are more or fewer dimensions, or `y` has another length.
        """
        points = np.asarray(points)
        check_dimensions(points)
        y = checked_classes(y, len(points))
        return cls(points, y, title=title).plot(ax)

    def plot(self, ax=None, *, scatter_kw=None, legend_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        scatter_kw : dict, default=None
            Options of ``ax.scatter``.
        legend_kw : dict, default=None
            Options of ``ax.legend``.

        Returns
        -------
        self : LatentScatterDisplay
            The display.
        """
        in_3d = self.points.shape[1] == 3
        if ax is not None and in_3d != (ax.name == "3d"):
            raise ValueError(
                f"The points have {self.points.shape[1]} dimensions, but ax has the "
                f"projection {ax.name!r}. Make it with add_subplot(projection="
                f"{'3d' if in_3d else 'rectilinear'!r}), or leave ax out."
            )
        projection = "3d" if in_3d else None
        self.figure_, self.ax_ = axes_for(ax, (6.0, 4.8), projection)
        self.legend_, self.colorbar_ = None, None
        style = merged({"s": 10, "linewidths": 0, "alpha": 0.8}, scatter_kw)
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
            which = self.points[self.y == label]
            look = class_style(i) | style | {"label": str(label)}
            self.points_.append(self.ax_.scatter(*which.T, **look))
        place = {
            "title": "class",
            "loc": "center left",
            "bbox_to_anchor": (1.08 if self.ax_.name == "3d" else 1.0, 0.5),
            "frameon": False,
            "fontsize": "small",
            "markerscale": 1.6,
            "handletextpad": 0.1,
        }
        self.legend_ = self.ax_.legend(**merged(place, legend_kw))

    def _label(self, in_3d):
        names = ("x", "y", "z")[: self.points.shape[1]]
        self.ax_.set(**{f"{n}label": f"dimension {i}" for i, n in enumerate(names, 1)})
        if in_3d:
            self.ax_.set_box_aspect(None, zoom=0.88)  # room for the label of the third
            for name in names:
                self.ax_.locator_params(axis=name, nbins=4)
        if self.title:
            self.ax_.set_title(self.title, fontsize="medium")

    def _plot_thumbnails(self, room=0.09):
        """Images at their places, as many as have `room` (a share of the axes) around."""
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        low, high = self.points.min(axis=0), self.points.max(axis=0)
        places = (self.points - low) / np.where(high > low, high - low, 1)
        taken, boxes = [], []
        limits = images.value_range(self.thumbnails)
        for place, point, row in zip(places, self.points, self.thumbnails, strict=True):
            if any(np.abs(place - other).max() < room for other in taken):
                continue
            taken.append(place)
            picture, _ = images.mosaic(row[None], self.image_shape, n_columns=1)
            zoom = 18 / max(self.image_shape[1:])
            if picture.ndim == 2:
                shown = OffsetImage(picture, zoom=zoom, cmap="gray_r")
                shown.image.set_clim(*limits)
            else:
                shown = OffsetImage(picture.clip(0, 1), zoom=zoom)
            box = AnnotationBbox(shown, point, frameon=True, pad=0.1)
            box.patch.set(edgecolor="#bbbbbb", linewidth=0.5)
            boxes.append(self.ax_.add_artist(box))
        return boxes


def some_rows(X, y, n_wanted, random_state):
    """Random rows with their classes, or all where there are no more."""
    if len(X) <= n_wanted:
        return X, y
    options = {"replace": False, "n_samples": n_wanted, "random_state": random_state}
    if y is None:
        return resample(X, **options), None
    return resample(X, y, **options)


def checked_classes(y, n_rows):
    """`y` as an array, one class or number for each row."""
    if y is None:
        return None
    y = np.asarray(y)
    if y.shape != (n_rows,):
        raise ValueError(
            f"y has the shape {y.shape}, but there are {n_rows} rows; expected "
            f"({n_rows},), one class or number for each."
        )
    return y


def is_classes(y):
    """Whether `y` names classes, few enough for a legend, instead of numbers."""
    if len(np.unique(y)) > MAX_CLASSES:
        return not np.issubdtype(y.dtype, np.number)
    return not type_of_target(y).startswith("continuous")


def reduced(codes, reducer, n_dimensions):
    """Codes in few dimensions, and a title that says how they came to be so few."""
    n = f"{len(codes)} codes"
    if reducer is None:
        check_dimensions(codes)
        return codes, n
    if isinstance(reducer, str):
        if reducer != "kernel_pca":
            raise ValueError(
                f"reducer={reducer!r}; expected 'kernel_pca', None or a transformer."
            )
        # SVC's gamma="scale": one width of the kernel would not serve all codes.
        spread = codes.var(dtype=np.float64) or 1.0
        gamma = 1 / (codes.shape[1] * spread)
        reducer, title = KernelPCA(n_dimensions, kernel="rbf", gamma=gamma), None
        title = f"KernelPCA (rbf) of {n}"
    else:
        reducer, title = clone(reducer), f"{type(reducer).__name__} of {n}"
    points = np.asarray(reducer.fit_transform(codes))
    check_dimensions(points)
    return points, title


def check_dimensions(points):
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ValueError(
            f"The points have the shape {points.shape}; expected (n_samples, 2) or "
            "(n_samples, 3). A reducer, such as KernelPCA(2), makes them of codes."
        )
