"""ReconstructionProgressDisplay: what a ReconstructionRecorder kept, epoch by epoch."""

import numpy as np

from skae.displays._estimators import at_least
from skae.displays._images import centres, draw_mosaic, drawable, mosaic, value_range
from skae.displays._lines import is_signal
from skae.displays._style import BLUE, GREY, axes_for, merged

# How long the last frame of a GIF is shown, beyond the others, in seconds.
HOLD = 2.0


class ReconstructionProgressDisplay:
    """Reconstructions of some rows as training proceeds.

    `ReconstructionRecorder.plot` makes one.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows themselves.
    epochs : sequence of int
        Number of epochs that training had done at each frame.
    reconstructions : sequence of ndarray of shape (n_rows, n_features)
        The frames.
    image_shape : tuple of int, default=None
        (height, width) or (channels, height, width) to draw rows as images; None draws
        them as lines, and so does a height of 1, of signals.

    Attributes
    ----------
    errors : ndarray of shape (n_frames,)
        Mean squared error of each frame.
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    image_ : matplotlib AxesImage or None
        The mosaic, where rows are images.
    lines_ : list of matplotlib Line2D or None
        The reconstructions, where they are not.
    error_texts_ : list of matplotlib Annotation
        Their mean squared errors beside them, below a heading.

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

    def __init__(self, X, epochs, reconstructions, *, image_shape=None):
        self.X = np.asarray(X)
        self.epochs = list(epochs)
        self.reconstructions = list(reconstructions)
        if image_shape is not None:
            image_shape = drawable(image_shape, self.X.shape[1])
        self.image_shape = None if is_signal(image_shape) else image_shape
        differences = (frame - self.X for frame in self.reconstructions)
        self.errors = np.array([np.square(d).mean() for d in differences])

    def plot(self, ax=None, *, n_epochs=8, image_kw=None, line_kw=None):
        """Draw frames under each other, below the rows themselves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            To draw in; None makes a new figure.
        n_epochs : int, default=8
            How many of the frames to draw at most, spread evenly, the first and the
            latest among them.
        image_kw : dict, default=None
            Options of ``ax.imshow``.
        line_kw : dict, default=None
            Options of ``ax.plot``, for reconstructions that are no images.

        Returns
        -------
        self : object
        """
        chosen = _evenly(len(self.epochs), n_epochs)
        labels = ["original", *(f"epoch {self.epochs[i]}" for i in chosen)]
        self.figure_, self.ax_ = axes_for(ax, self._size(len(labels)))
        frames = [self.reconstructions[i] for i in chosen]
        places, self.image_, self.lines_ = self._draw(self.ax_, frames, image_kw, line_kw)
        self.ax_.set_yticks(places, labels)
        self.ax_.tick_params(left=False, bottom=False)
        self.ax_.set_title("Reconstructions by epoch")
        self._write_errors(["MSE", *(f"{self.errors[i]:.3g}" for i in chosen)], places)
        return self

    def _write_errors(self, texts, places):
        """Beside each line of rows, what its error is."""
        beside = self.ax_.get_yaxis_transform()  # x in shares of the axes' width
        self.error_texts_ = [
            self.ax_.annotate(
                text, (1, place), (8, 0), beside, textcoords="offset points", va="center"
            )
            for place, text in zip(places, texts, strict=True)
        ]

    def save_gif(self, path, *, frames_per_second=5, image_kw=None, line_kw=None):
        """Save all frames as an animated GIF, each with its epoch written on it.

        Parameters
        ----------
        path : str or path-like
            Of the file to write.
        frames_per_second : float, default=5
            The last frame stays for two seconds more.
        image_kw : dict, default=None
            Options of ``ax.imshow``.
        line_kw : dict, default=None
            Options of ``ax.plot``, for reconstructions that are no images.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image

        figure = Figure(figsize=self._size(2), layout="constrained")
        canvas, ax = FigureCanvasAgg(figure), figure.add_subplot()
        pictures = []
        for i in range(len(self.epochs)):
            self._draw_one(ax, i, image_kw, line_kw)
            if not pictures:  # all frames are laid out like the first
                canvas.draw()
                figure.set_layout_engine("none")
            canvas.draw()
            drawn = np.array(canvas.buffer_rgba())[..., :3]
            pictures.append(Image.fromarray(drawn))
        durations = [1000 / frames_per_second] * len(pictures)  # in milliseconds
        durations[-1] += 1000 * HOLD
        pictures[0].save(
            path,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
        )

    def _draw_one(self, ax, i, image_kw, line_kw):
        """Draw the rows above one frame, of which the title tells."""
        ax.clear()
        places, _, _ = self._draw(ax, [self.reconstructions[i]], image_kw, line_kw)
        ax.set_yticks(places, ["original", "reconstruction"])
        ax.tick_params(left=False, bottom=False)
        title = f"epoch {self.epochs[i]}, mean squared error {self.errors[i]:.3g}"
        ax.set_title(title, fontsize=10)

    def _draw(self, ax, frames, image_kw, line_kw):
        """Draw the rows and frames under each other.

        Returns where their middles are, the mosaic or None, and the lines or None.
        """
        if self.image_shape is None:
            lines = self._draw_lines(ax, frames, line_kw)
            return -np.arange(len(frames) + 1), None, lines
        rows = np.concatenate([self.X, *frames])
        picture, pitch = mosaic(rows, self.image_shape, n_columns=len(self.X))
        image = draw_mosaic(ax, picture, value_range(self.X), image_kw)
        return centres(len(frames) + 1, pitch[0], self.image_shape[1]), image, None

    def _draw_lines(self, ax, frames, line_kw):
        """Draw each row as a line in its place, and the original behind."""
        low, high = value_range(self.X)
        n_rows, n_features = self.X.shape
        width = np.linspace(-0.42, 0.42, n_features) if n_features > 1 else np.zeros(1)
        lines = []
        marker = "." if n_features == 1 else None
        original = {"linewidth": 1, "marker": marker, "color": GREY}
        reconstruction = merged(original | {"color": BLUE}, line_kw)
        places = np.arange(n_rows) + width[:, None]  # (n_features, n_rows)
        heights = 0.8 * ((np.stack([self.X, *frames]) - low) / (high - low) - 0.5)
        for down, height in enumerate(heights):
            ax.plot(places, heights[0].T - down, **original)
            if down:
                lines += ax.plot(places, height.T - down, **reconstruction)
        ax.set(xticks=[], xlim=(-0.5, n_rows - 0.5))
        ax.spines[:].set_visible(False)
        return lines

    def _size(self, n_lines):
        """Inches of a figure with so many lines of rows."""
        height, width = (1, 1.6) if self.image_shape is None else self.image_shape[1:]
        n_rows = len(self.X)
        cell = min(0.62, 9.0 / n_rows)
        ratio = min(max(height / width, 0.25), 4)
        return max(n_rows * cell + 1.7, 3.4), max(n_lines * cell * ratio + 0.5, 1.2)


def _evenly(n_frames, n_chosen):
    """Numbers of at most so many of the frames, the first and the last among them."""
    at_least(1, n_epochs=n_chosen)
    if n_chosen == 1:
        return [n_frames - 1]
    return np.unique(np.linspace(0, n_frames - 1, n_chosen).round().astype(int)).tolist()
