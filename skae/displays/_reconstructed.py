"""ReconstructionDisplay: what an autoencoder makes of rows, beside the rows."""

import math

import numpy as np

from skae.displays import _images as images
from skae.displays import _lines as lines
from skae.displays._estimators import back, find_autoencoder, flat, into, leads_back
from skae.displays._style import BLUE, GREY, ORANGE, axes_for, merged

KINDS = ("auto", "images", "signals", "parity")


class ReconstructionDisplay:
    """Rows and their reconstructions, with the error of each.

    Images are drawn as images, the originals above; signals as lines above each other;
    other rows, such as those of a table, as points: the reconstructed value by the
    original one. Make one by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    X_reconstructed : ndarray of shape (n_samples, n_features)
        Their reconstructions.
    errors : ndarray of shape (n_samples,)
        Mean squared error of each row, in squared units of `X`.
    kind : {"images", "signals", "parity"}
        How rows are drawn.
    image_shape : tuple of int, default=None
        (channels, height, width), where `kind` is not "parity".

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage
        All images in one; None where there are none.
    texts_ : list of matplotlib Text
        The errors that are written below images.
    lines_ : list of matplotlib Line2D
        Of signals, the originals and then the reconstructions; of a parity plot, the
        diagonal.
    points_ : matplotlib PathCollection
        The points of a parity plot; None where there is none.

    See Also
    --------
    SampleDisplay : Rows that were generated.
    skae.callbacks.ReconstructionRecorder : Reconstructions by the epoch.

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

    def __init__(self, X, X_reconstructed, errors, *, kind, image_shape=None):
        self.X = X
        self.X_reconstructed = X_reconstructed
        self.errors = errors
        self.kind = kind
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls, estimator, X, *, image_shape=None, kind="auto", ax=None, n_columns=10
    ):
        """Draw what an estimator makes of `X`.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that has one as a step, or a fitted search
            over one. Of a Pipeline, rows are shown before its first step where the
            steps before the autoencoder can be undone, else as the autoencoder sees them.
        X : array-like of shape (n_samples, n_features)
            Rows, or images: all that are to be drawn, so give some.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of what flat rows are. None is
            the shape of `X` where it holds images, or the estimator's ``image_shape_``.
        kind : {"auto", "images", "signals", "parity"}, default="auto"
            How rows are drawn. "auto" is "images" where there is a shape, "signals"
            where that is one pixel high, else "parity".
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_columns : int, default=10
            Greatest number of images side by side.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `estimator` is or has no autoencoder.
        ValueError
            If `image_shape` or `kind` does not fit.
        """
        before, autoencoder = find_autoencoder(estimator, cls.__name__)
        seen = into(before, X)
        restored = autoencoder.reconstruct(seen)
        if leads_back(before):
            seen, (restored, _) = X, flat(restored)
            restored = back(before, restored)
        (X, shape), (restored, _) = flat(seen), flat(restored)
        fitted = autoencoder.image_shape_ if shape is None else shape
        image_shape = images.resolve_image_shape(image_shape, None, fitted, X.shape[1])
        return cls._of(X, restored, image_shape, kind).plot(ax, n_columns=n_columns)

    @classmethod
    def from_predictions(
        cls, X, X_reconstructed, *, image_shape=None, kind="auto", ax=None, n_columns=10
    ):
        """Draw rows and what became of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images.
        X_reconstructed : array-like of shape (n_samples, n_features)
            Their reconstructions, by whatever made them.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) of what flat rows are.
        kind : {"auto", "images", "signals", "parity"}, default="auto"
            As for `from_estimator`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_columns : int, default=10
            Greatest number of images side by side.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the two have other shapes, or `image_shape` or `kind` does not fit.
        """
        (X, shape), (restored, _) = flat(X), flat(X_reconstructed)
        image_shape = images.resolve_image_shape(image_shape, shape, None, X.shape[-1])
        return cls._of(X, restored, image_shape, kind).plot(ax, n_columns=n_columns)

    @classmethod
    def _of(cls, X, restored, image_shape, kind):
        if X.shape != restored.shape or X.ndim != 2 or not len(X):
            raise ValueError(
                f"X has the shape {X.shape} and its reconstructions {restored.shape}; "
                "expected the same (n_samples, n_features), of one row or more."
            )
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r}; expected one of {', '.join(KINDS)}.")
        if kind == "auto" and image_shape is None:
            kind = "parity"
        elif kind == "auto":
            kind = "signals" if lines.is_signal(image_shape) else "images"
        elif kind == "signals" and image_shape is None:
            image_shape = (1, 1, X.shape[1])
        elif kind == "images":
            images.needed_image_shape(image_shape, cls.__name__)
        errors = np.mean((X - restored) ** 2, axis=1, dtype=np.float64)
        return cls(X, restored, errors, kind=kind, image_shape=image_shape)

    def plot(
        self,
        ax=None,
        *,
        n_columns=10,
        image_kw=None,
        line_kw=None,
        scatter_kw=None,
        text_kw=None,
    ):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_columns : int, default=10
            Greatest number of images side by side.
        image_kw : dict, default=None
            Options of ``ax.imshow``, for images.
        line_kw : dict, default=None
            Options of ``ax.plot``, for the reconstructions of signals and the diagonal
            of a parity plot.
        scatter_kw : dict, default=None
            Options of ``ax.scatter``, for a parity plot.
        text_kw : dict, default=None
            Options of ``ax.text``, for the errors below images.

        Returns
        -------
        self : ReconstructionDisplay
            The display.
        """
        self.image_, self.texts_, self.lines_, self.points_ = None, [], [], None
        if self.kind == "images":
            self._plot_images(ax, min(n_columns, len(self.X)), image_kw, text_kw)
        elif self.kind == "signals":
            self._plot_signals(ax, line_kw)
        else:
            self._plot_parity(ax, line_kw, scatter_kw)
        return self

    def _plot_images(self, ax, n_columns, image_kw, text_kw):
        """Bands of originals, restored images and their errors, of `n_columns` each."""
        _, height, _ = self.image_shape
        room = math.ceil(0.5 * height)  # for the errors
        bands, ticks = [], []
        for start in range(0, len(self.X), n_columns):
            above, below = (
                images.mosaic(
                    rows[start : start + n_columns], self.image_shape, n_columns=n_columns
                )
                for rows in (self.X, self.X_reconstructed)
            )
            picture, pitch = above
            top = sum(map(len, bands))
            bands += [picture, images.blank((pitch[0] - height, *picture.shape[1:]))]
            bands += [below[0], images.blank((room, *picture.shape[1:]))]
            ticks += [*(top + images.centres(2, pitch[0], height))]
            ticks += [top + pitch[0] + height + room / 2]
        picture = np.concatenate(bands)
        self.figure_, self.ax_ = axes_for(ax, images.size_of(picture))
        limits = images.value_range(self.X)
        self.image_ = images.draw_mosaic(self.ax_, picture, limits, image_kw)
        unit = self._write_errors(ticks[2::3], pitch[1], n_columns, text_kw)
        labels = ["original", "restored", f"error{unit}"] * (len(ticks) // 3)
        self.ax_.set_yticks(ticks, labels, fontsize="small")
        self.ax_.tick_params(left=False)
        self.ax_.set_title("Reconstructions", fontsize="medium")

    def _write_errors(self, heights, pitch, n_columns, text_kw):
        """Write each error below its image; return the power of ten of their unit."""
        greatest = self.errors.max()
        power = math.floor(math.log10(greatest)) if 0 < greatest < np.inf else 0
        width = self.ax_.get_position().width * self.figure_.get_figwidth() * 72
        cell = width * pitch / (self.ax_.get_xlim()[1] - self.ax_.get_xlim()[0])
        style = {"ha": "center", "va": "center", "fontsize": min(9, max(3, cell / 2.2))}
        places = images.centres(n_columns, pitch, self.image_shape[2])
        for i, error in enumerate(self.errors):
            place = places[i % n_columns], heights[i // n_columns]
            text = f"{error / 10.0**power:.1f}"
            self.texts_.append(self.ax_.text(*place, text, **merged(style, text_kw)))
        return "" if power == 0 else rf" $\times\ 10^{{{power}}}$"

    def _plot_signals(self, ax, line_kw):
        from matplotlib.lines import Line2D

        size = lines.size_of(len(self.X))
        self.figure_, self.ax_ = axes_for(ax, size)
        both = np.concatenate([self.X, self.X_reconstructed])
        limits = images.value_range(both)
        originals = {"color": GREY, "linewidth": 2, "alpha": 0.7}
        restored = merged({"color": ORANGE}, line_kw)
        self.lines_ = [
            *lines.stack(self.ax_, self.X, limits, originals),
            *lines.stack(self.ax_, self.X_reconstructed, limits, restored),
        ]
        self.ax_.set_yticks(self.ax_.get_yticks(), [f"{e:.2g}" for e in self.errors])
        self.ax_.set(ylabel="mean squared error")
        handles = [Line2D([], [], **kw) for kw in (originals, restored)]
        self.ax_.legend(
            handles,
            ["original", "restored"],
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=2,
            frameon=False,
        )

    def _plot_parity(self, ax, line_kw, scatter_kw):
        self.figure_, self.ax_ = axes_for(ax, (4.5, 4.5))
        style = {"s": 12, "alpha": 0.6, "color": BLUE, "linewidths": 0}
        self.points_ = self.ax_.scatter(
            self.X.ravel(), self.X_reconstructed.ravel(), **merged(style, scatter_kw)
        )
        both = self.X, self.X_reconstructed
        ends = [min(np.nanmin(b) for b in both), max(np.nanmax(b) for b in both)]
        self.lines_ = self.ax_.plot(
            ends, ends, **merged({"color": GREY, "linestyle": "--"}, line_kw)
        )
        self.ax_.set(
            xlabel="original value",
            ylabel="reconstructed value",
            aspect="equal",
            title=f"Mean squared error {self.errors.mean():.2g}",
        )
