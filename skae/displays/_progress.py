"""ReconstructionProgressDisplay: reconstructions of the same samples during training."""

from __future__ import annotations

import numbers
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from skae._data.check import check_flat_array
from skae._types import GivenImageShape, ImageShape, Keywords
from skae.displays._estimators import check_min
from skae.displays._images import (
    centres,
    check_image_shape,
    draw_mosaic,
    mosaic,
    value_range,
)
from skae.displays._lines import is_signal
from skae.displays._style import BLUE, GREY, axes_for, merge_kw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation

# Additional time that a GIF shows its last frame, in seconds.
LAST_FRAME_SECONDS = 2.0


class ReconstructionProgressDisplay:
    """Reconstructions of the same samples during training.

    `ReconstructionRecorder.plot` returns this display.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Original samples.
    epochs : sequence of int
        Number of epochs trained before each frame.
    reconstructions : sequence of array-like of shape (n_samples, n_features)
        Reconstructions of `X`, one array for each frame.
    image_shape : tuple of int, default=None
        (height, width) or (channels, height, width) to draw samples as images. None, or
        a height of 1, draws them as lines.

    Attributes
    ----------
    errors : ndarray of shape (n_frames,)
        Mean squared error of each frame.
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    image_ : matplotlib AxesImage or None
        The grid of images; None if samples are drawn as lines.
    lines_ : list of matplotlib Line2D or None
        The reconstructions; None if samples are drawn as images.
    error_texts_ : list of matplotlib Annotation
        The heading "MSE", and the mean squared error of each drawn frame.

    See Also
    --------
    skae.callbacks.ReconstructionRecorder : Record reconstructions during training.
    ReconstructionDisplay : Samples and their reconstructions after training.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.displays import ReconstructionProgressDisplay
    >>> X = np.eye(4)
    >>> frames = [X / 4, X / 2, X]
    >>> display = ReconstructionProgressDisplay(X, [0, 1, 2], frames, image_shape=(2, 2))
    >>> display.plot().errors.tolist()
    [0.140625, 0.0625, 0.0]
    """

    X: np.ndarray
    epochs: list[int]
    reconstructions: list[np.ndarray]
    image_shape: ImageShape | None
    errors: np.ndarray
    figure_: Figure
    ax_: Axes
    image_: AxesImage | None
    lines_: list[Line2D] | None
    error_texts_: list[Annotation]

    def __init__(
        self,
        X: ArrayLike,
        epochs: Sequence[int],
        reconstructions: Sequence[ArrayLike],
        *,
        image_shape: GivenImageShape | None = None,
    ) -> None:
        name = type(self).__name__
        self.X, _ = check_flat_array(X, name)
        self.epochs = list(epochs)
        self.reconstructions = [
            check_flat_array(frame, name, "reconstructions")[0]
            for frame in reconstructions
        ]
        self._check_frames()
        shape: ImageShape | None = None
        if image_shape is not None:
            shape = check_image_shape(image_shape, self.X.shape[1])
        self.image_shape = None if is_signal(shape) else shape
        differences = (frame - self.X for frame in self.reconstructions)
        self.errors = np.array([np.square(d).mean() for d in differences])

    def _check_frames(self):
        name, n_frames = type(self).__name__, len(self.reconstructions)
        if not n_frames or n_frames != len(self.epochs):
            raise ValueError(
                f"{name}: epochs has {len(self.epochs)} elements and reconstructions has "
                f"{n_frames}; both must have the same number, at least 1."
            )
        for i, frame in enumerate(self.reconstructions):
            if frame.shape != self.X.shape:
                raise ValueError(
                    f"{name}: reconstructions[{i}] has shape {frame.shape}; must have "
                    f"the shape of X, {self.X.shape}."
                )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_epochs: int = 8,
        image_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> Self:
        """Draw frames below one another, and the original samples at the top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        n_epochs : int, default=8
            Maximum number of frames to draw. They are evenly spaced, and include the
            first and the last frame.
        image_kw : dict, default=None
            Keyword arguments for ``ax.imshow``.
        line_kw : dict, default=None
            Keyword arguments for ``ax.plot``, if samples are not images.

        Returns
        -------
        self : ReconstructionProgressDisplay
            The display.
        """
        check_min(1, n_epochs=n_epochs)
        chosen = _evenly_spaced(len(self.epochs), n_epochs)
        labels = ["original", *(f"epoch {self.epochs[i]}" for i in chosen)]
        self.figure_, self.ax_ = axes_for(ax, self._size(len(labels)))
        frames = [self.reconstructions[i] for i in chosen]
        y, self.image_, self.lines_ = self._draw(self.ax_, frames, image_kw, line_kw)
        self.ax_.set_yticks(y, labels)
        self.ax_.tick_params(left=False, bottom=False)
        self.ax_.set_title("Reconstructions by epoch")
        self._write_errors(["MSE", *(f"{self.errors[i]:.3g}" for i in chosen)], y)
        return self

    def _write_errors(self, texts, y):
        """Write texts to the right of the axes."""
        transform = self.ax_.get_yaxis_transform()  # x as a fraction of the axes' width
        self.error_texts_ = [
            self.ax_.annotate(
                text,
                (1, place),
                (8, 0),
                transform,
                textcoords="offset points",
                va="center",
            )
            for place, text in zip(y, texts, strict=True)
        ]

    def save_gif(
        self,
        path: str | os.PathLike[str],
        *,
        frames_per_second: float = 5,
        image_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> None:
        """Save all frames as an animated GIF.

        The title of each frame is its epoch and its mean squared error.

        Parameters
        ----------
        path : str or path-like
            File to write.
        frames_per_second : float, default=5
            Speed of the animation; the last frame is shown for two more seconds.
        image_kw : dict, default=None
            Keyword arguments for ``ax.imshow``.
        line_kw : dict, default=None
            Keyword arguments for ``ax.plot``, if samples are not images.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image

        if not isinstance(frames_per_second, numbers.Real) or not frames_per_second > 0:
            raise ValueError(
                f"frames_per_second={frames_per_second!r} is invalid; must be a number "
                "above 0."
            )
        figure = Figure(figsize=self._size(2), layout="constrained")
        canvas, ax = FigureCanvasAgg(figure), figure.add_subplot()
        pictures = []
        for i in range(len(self.epochs)):
            self._draw_frame(ax, i, image_kw, line_kw)
            if not pictures:  # the layout of the first frame serves for all
                canvas.draw()
                figure.set_layout_engine("none")
            canvas.draw()
            pixels = np.array(canvas.buffer_rgba())[..., :3]
            pictures.append(Image.fromarray(pixels))
        durations = [1000 / frames_per_second] * len(pictures)  # in milliseconds
        durations[-1] += 1000 * LAST_FRAME_SECONDS
        pictures[0].save(
            path,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
        )

    def _draw_frame(self, ax, i, image_kw, line_kw):
        """Draw the original samples above one frame."""
        ax.clear()
        y, _, _ = self._draw(ax, [self.reconstructions[i]], image_kw, line_kw)
        ax.set_yticks(y, ["original", "reconstruction"])
        ax.tick_params(left=False, bottom=False)
        title = f"Epoch {self.epochs[i]}, mean squared error {self.errors[i]:.3g}"
        ax.set_title(title, fontsize=10)

    def _draw(self, ax, frames, image_kw, line_kw):
        """Draw the original samples and frames below one another.

        Returns the vertical positions of the lines, the image or None, and the lines or
        None.
        """
        if self.image_shape is None:
            lines = self._draw_lines(ax, frames, line_kw)
            return -np.arange(len(frames) + 1), None, lines
        images = np.concatenate([self.X, *frames])
        picture, pitch = mosaic(images, self.image_shape, n_columns=len(self.X))
        image = draw_mosaic(ax, picture, value_range(self.X), image_kw)
        return centres(len(frames) + 1, pitch[0], self.image_shape[1]), image, None

    def _draw_lines(self, ax, frames, line_kw):
        """Draw each sample as a line in its cell, over the original in grey."""
        low, high = value_range(self.X)
        n_samples, n_features = self.X.shape
        offsets = np.linspace(-0.42, 0.42, n_features) if n_features > 1 else np.zeros(1)
        lines = []
        marker = "." if n_features == 1 else None
        original = {"linewidth": 1, "marker": marker, "color": GREY}
        reconstruction = merge_kw(original | {"color": BLUE}, line_kw)
        x = np.arange(n_samples) + offsets[:, None]  # (n_features, n_samples)
        heights = 0.8 * ((np.stack([self.X, *frames]) - low) / (high - low) - 0.5)
        for down, height in enumerate(heights):
            ax.plot(x, heights[0].T - down, **original)
            if down:
                lines += ax.plot(x, height.T - down, **reconstruction)
        ax.set(xticks=[], xlim=(-0.5, n_samples - 0.5))
        ax.spines[:].set_visible(False)
        return lines

    def _size(self, n_lines):
        """Return the size in inches of a figure with this many lines of samples."""
        height, width = (1, 1.6) if self.image_shape is None else self.image_shape[1:]
        n_samples = len(self.X)
        cell = min(0.62, 9.0 / n_samples)
        ratio = min(max(height / width, 0.25), 4)
        return max(n_samples * cell + 1.7, 3.4), max(n_lines * cell * ratio + 0.5, 1.2)


def _evenly_spaced(n_frames, n_chosen):
    """Return indices of at most `n_chosen` frames, including the first and the last."""
    if n_chosen == 1:
        return [n_frames - 1]
    return np.unique(np.linspace(0, n_frames - 1, n_chosen).round().astype(int)).tolist()
