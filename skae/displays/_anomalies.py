"""AnomalyDisplay: scores with their threshold, or what makes one sample unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skae._types import Keywords
from skae.displays._estimators import as_numpy, check_min
from skae.displays._style import BLUE, GREY, ORANGE, axes_for, merge_kw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

GAP = 1  # pixels between images


class AnomalyDisplay:
    """Histogram of anomaly scores, or the parts of the score of one sample.

    The histogram shows the scores of all samples and the threshold of the detector. For
    one sample, bars show which features contribute most, with their values and
    reconstructions; for an image, a map shows the contribution of each pixel. For a
    signal, an image of one row, the background shows that of each time step. Create the
    display with `from_estimator`.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores; lower is more unusual.
    threshold : float
        Samples with lower scores are outliers.
    sample : int, default=None
        Index of the sample to explain; None draws the histogram.
    parts : ndarray of shape (n_features,), (height, width) or \
(channels, height, width), default=None
        What each feature of the sample contributes to its score.
    original : ndarray of the same shape, default=None
        The sample.
    reconstructed : ndarray of the same shape, default=None
        Its reconstruction.
    feature_names : list of str, default=None
        Names of the features; None numbers them.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    bars_ : matplotlib BarContainer or StepPatch
        Bars of the features, or the histogram; None for an image.
    line_ : matplotlib Line2D
        The threshold; None for one sample.
    image_ : matplotlib AxesImage
        Original, reconstruction and map; for a signal, the map; None for a table.

    See Also
    --------
    skae.AutoencoderDetector.feature_scores : The parts of the scores.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skae import AutoencoderDetector
    >>> from skae.displays import AnomalyDisplay
    >>> X = load_wine().data
    >>> detector = AutoencoderDetector(random_state=0).fit(X)
    >>> histogram = AnomalyDisplay.from_estimator(detector, X)
    >>> unusual = detector.score_samples(X).argmin()
    >>> bars = AnomalyDisplay.from_estimator(detector, X, sample=unusual).bars_
    >>> len(bars)
    10
    """

    figure_: Figure
    ax_: Axes
    bars_: Any  # BarContainer, StepPatch or None
    line_: Line2D | None
    image_: AxesImage | None

    def __init__(
        self,
        scores: np.ndarray,
        threshold: float,
        *,
        sample: int | None = None,
        parts: np.ndarray | None = None,
        original: np.ndarray | None = None,
        reconstructed: np.ndarray | None = None,
        feature_names: list[str] | None = None,
    ) -> None:
        self.scores = scores
        self.threshold = threshold
        self.sample = sample
        self.parts = parts
        self.original = original
        self.reconstructed = reconstructed
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        sample: int | None = None,
        max_features: int = 10,
        ax: Axes | None = None,
    ) -> Self:
        """Plot the scores of samples, or explain one of them.

        Parameters
        ----------
        estimator : AutoencoderDetector
            A fitted detector.
        X : array-like of shape (n_samples, n_features)
            Samples, or images.
        sample : int, default=None
            Index of the sample in `X` to explain; None draws the histogram.
        max_features : int, default=10
            Number of features with bars: those that contribute most.
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.

        Returns
        -------
        display : AnomalyDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` is not a detector.
        ValueError
            If `sample` or `max_features` is invalid.
        """
        if not hasattr(estimator, "feature_scores"):
            raise TypeError(
                f"{cls.__name__}: estimator is a {type(estimator).__name__}; must be a "
                "fitted AutoencoderDetector."
            )
        scores = as_numpy(estimator.score_samples(X))
        display = cls(scores, estimator.offset_)
        if sample is not None:
            check_min(0, sample=sample)
            if sample >= len(scores):
                raise ValueError(
                    f"sample={sample} is invalid; X has {len(scores)} samples."
                )
            display.sample = int(sample)
            row = _row(X, display.sample)
            display.parts = estimator.feature_scores(row)[0]
            original, reconstructed = estimator.reconstruct(row)
            display.original, display.reconstructed = original[0], reconstructed[0]
            names = getattr(estimator, "feature_names_in_", None)
            if names is not None and len(names) == len(display.parts):
                display.feature_names = list(names)
        return display.plot(ax, max_features=max_features)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        max_features: int = 10,
        bar_kw: Keywords | None = None,
    ) -> Self:
        """Plot the histogram, the bars or the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        max_features : int, default=10
            Number of features with bars.
        bar_kw : dict, default=None
            Keyword arguments for ``ax.stairs`` or ``ax.barh``.

        Returns
        -------
        self : AnomalyDisplay
            The display.
        """
        check_min(1, max_features=max_features)
        bar_kw = merge_kw({}, bar_kw)
        shape = () if self.parts is None else np.shape(self.parts)
        is_map = self.sample is not None and len(shape) > 1
        is_signal = is_map and shape[-2] == 1
        self.figure_, self.ax_ = axes_for(ax, (5.5, 2.3 if is_map else 3.6))
        self.bars_ = self.line_ = self.image_ = None
        if self.sample is None:
            self._plot_histogram(bar_kw)
        elif is_signal:
            self._plot_signal()
        elif is_map:
            self._plot_map()
        else:
            self._plot_bars(max_features, bar_kw)
        return self

    def _plot_histogram(self, bar_kw):
        heights, edges = np.histogram(self.scores, bins="auto")
        style = merge_kw({"fill": True, "color": BLUE, "alpha": 0.8}, bar_kw)
        self.bars_ = self.ax_.stairs(heights, edges, **style)
        self.line_ = self.ax_.axvline(self.threshold, color=ORANGE, linestyle="--")
        n_outliers = int((self.scores < self.threshold).sum())
        self.ax_.set(xlabel="score (lower is more unusual)", ylabel="samples")
        self.ax_.set_title(
            f"{n_outliers} of {len(self.scores)} samples below the threshold",
            fontsize="medium",
        )
        self.ax_.spines[["top", "right"]].set_visible(False)

    def _plot_bars(self, max_features, bar_kw):
        order = np.argsort(self.parts)[::-1][:max_features]
        names = self.feature_names or [f"feature {i}" for i in range(len(self.parts))]
        labels = [
            f"{names[i]}: {self.original[i]:.4g} ({self.reconstructed[i]:.4g})"
            for i in order
        ]
        style = merge_kw({"color": BLUE}, bar_kw)
        positions = np.arange(len(order))
        self.bars_ = self.ax_.barh(positions, self.parts[order], **style)
        self.ax_.set_yticks(positions, labels, fontsize="small")
        self.ax_.invert_yaxis()
        self.ax_.set_ylabel("value (reconstruction)")
        self.ax_.set_xlabel("part of the score", loc="right")  # long names: narrow axes
        self.ax_.set_title(f"Sample {self.sample}", fontsize="medium")
        self.ax_.spines[["top", "right"]].set_visible(False)

    def _plot_signal(self):
        signals = [_flat_image(s)[0] for s in (self.original, self.reconstructed)]
        parts, n_steps = _flat_image(self.parts), self.parts.shape[-1]
        low, high = np.min(signals), np.max(signals)
        margin = 0.05 * (high - low) or 0.5
        self.image_ = self.ax_.imshow(
            parts,
            extent=(-0.5, n_steps - 0.5, low - margin, high + margin),
            aspect="auto",
            cmap="Oranges",
            vmin=0,
            vmax=max(parts.max(), 1e-300),
        )
        self.ax_.plot(signals[0], color=BLUE, label="original")
        self.ax_.plot(signals[1], color=GREY, linestyle="--", label="reconstruction")
        bar = self.figure_.colorbar(self.image_, ax=self.ax_, pad=0.02)
        bar.set_label("part of the score")
        bar.outline.set_visible(False)
        self.ax_.legend(frameon=False, fontsize="small")
        self.ax_.set(xlabel="time step", ylabel="value")
        self.ax_.set_title(f"Sample {self.sample}", fontsize="medium")
        self.ax_.spines[["top", "right"]].set_visible(False)

    def _plot_map(self):
        low, high = np.min(self.original), np.max(self.original)
        scaled = [
            (_flat_image(image) - low) / max(high - low, 1e-12)
            for image in (self.original, self.reconstructed)
        ]
        parts = _flat_image(self.parts)
        images = [*scaled, parts / max(parts.max(), 1e-300)]
        height, width = parts.shape
        picture = np.full((height, 3 * width + 2 * GAP), np.nan)
        for number, image in enumerate(images):
            start = number * (width + GAP)
            picture[:, start : start + width] = image.clip(0, 1)
        self.image_ = self.ax_.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        centers = [number * (width + GAP) + (width - 1) / 2 for number in range(3)]
        self.ax_.set_xticks(centers, ["original", "reconstruction", "part of the score"])
        self.ax_.set_yticks([])
        self.ax_.tick_params(length=0, labelcolor=GREY)
        self.ax_.set_title(f"Sample {self.sample}", fontsize="medium")
        self.ax_.spines[:].set_visible(False)


def _row(X, number):
    """Return one row of any container, in two dimensions or more."""
    if hasattr(X, "iloc"):
        return X.iloc[[number]]
    return X[number : number + 1]


def _flat_image(image):
    """Return an image with the mean over its channels."""
    return image.mean(axis=0) if image.ndim == 3 else image
