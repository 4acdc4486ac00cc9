"""ArchitectureDisplay: the layers of an autoencoder."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skae._types import Keywords
from skae.displays._estimators import find_autoencoder
from skae.displays._style import BLUE, GREEN, GREY, ORANGE, axes_for, merge_kw
from skae.nn.summary import Layer, describe, shape_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.text import Annotation

TEXT_SIZE = 8
LINE_HEIGHT = 0.36  # of a layer with two lines of text, in inches


class ArchitectureDisplay:
    """Layers of an autoencoder, from the input at the top to the reconstruction.

    Each layer is a bar. Its width is the logarithm of the number of elements in the
    layer's output for one sample. The label on the left is the type of the layer. The
    text on the right is the shape of the output and the number of parameters. Create
    the display with `from_estimator`.

    Parameters
    ----------
    name : str
        Class of the autoencoder.
    n_features : int
        Number of features.
    n_components : int
        Number of latent components.
    encoder : list of Layer
        Layers of the encoder, from ``skae.nn.summary.describe``.
    decoder : list of Layer
        Layers of the decoder.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    bars_ : list of matplotlib Rectangle
        The bars, from top to bottom.
    labels_ : list of str
        The labels on the left.
    texts_ : list of matplotlib Annotation
        The texts on the right.

    See Also
    --------
    skae.BaseAutoencoder.summary : The layers as a text table.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import ArchitectureDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> autoencoder = DenseAutoencoder(2, hidden_layer_sizes=(8,), max_epochs=5).fit(X)
    >>> ArchitectureDisplay.from_estimator(autoencoder).labels_
    ['input', 'Linear + ReLU', 'Linear', 'latent code', 'Linear + ReLU', 'Linear']
    """

    figure_: Figure
    ax_: Axes
    bars_: list[Rectangle]
    labels_: list[str]
    texts_: list[Annotation]

    def __init__(
        self,
        name: str,
        n_features: int,
        n_components: int,
        encoder: list[Layer],
        decoder: list[Layer],
    ) -> None:
        self.name = name
        self.n_features = n_features
        self.n_components = n_components
        self.encoder = encoder
        self.decoder = decoder

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, bar_kw: Keywords | None = None, ax: Axes | None = None
    ) -> Self:
        """Draw the layers of a fitted autoencoder.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that contains one, or a fitted search over
            one of these.
        bar_kw : dict, default=None
            Keyword arguments for ``ax.barh``.
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.

        Returns
        -------
        display : ArchitectureDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder.
        NotFittedError
            If the autoencoder is not fitted.
        """
        _, autoencoder = find_autoencoder(estimator, cls.__name__)
        encoder, decoder = describe(autoencoder)
        display = cls(
            type(autoencoder).__name__,
            autoencoder.n_features_in_,
            len(autoencoder.get_feature_names_out()),
            encoder,
            decoder,
        )
        return display.plot(ax, bar_kw=bar_kw)

    def plot(self, ax: Axes | None = None, *, bar_kw: Keywords | None = None) -> Self:
        """Draw the layers.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        bar_kw : dict, default=None
            Keyword arguments for ``ax.barh``.

        Returns
        -------
        self : ArchitectureDisplay
            The display.
        """
        lines = self._lines()
        self.labels_ = [kind for kind, _, _, _ in lines]
        y = np.arange(len(lines))
        self.figure_, self.ax_ = axes_for(ax, (5.2, LINE_HEIGHT * len(lines) + 1.1))
        widths = self._widths([shape for _, shape, _, _ in lines])
        style = {"height": 0.62, "color": [colour for *_, colour in lines]}
        bars = self.ax_.barh(y, widths, left=-widths / 2, **merge_kw(style, bar_kw))
        self.bars_ = list(bars)
        self._connect(y, widths, style["height"])
        self._annotate(lines, y)
        return self

    def _lines(self):
        """Return (label, output shape, text about parameters, colour) of each bar."""
        encoder = [_line(layer, BLUE) for layer in self.encoder if not layer.is_beside]
        decoder = [_line(layer, GREEN) for layer in self.decoder if not layer.is_beside]
        return [
            ("input", (self.n_features,), "", GREY),
            *encoder,
            ("latent code", (self.n_components,), "", ORANGE),
            *decoder,
        ]

    def _widths(self, shapes):
        """Return widths of up to 1; 0 for layers not used in the forward pass."""
        elements = [0 if shape is None else math.prod(shape) for shape in shapes]
        return np.log1p(elements) / np.log1p(max(elements))

    def _connect(self, y, widths, height):
        """Shade the area between consecutive bars of the forward pass."""
        used = np.flatnonzero(widths)
        for above, below in itertools.pairwise(used):
            top, bottom = y[above] + height / 2, y[below] - height / 2
            ends = np.array([widths[above], widths[below]]) / 2
            self.ax_.fill_betweenx(
                [top, bottom], -ends, ends, color=GREY, alpha=0.25, linewidth=0
            )

    def _annotate(self, lines, y):
        """Add labels on the left, texts on the right and a title."""
        ax, transform = self.ax_, self.ax_.get_yaxis_transform()
        labels = [label.replace(" + ", "\n+ ", 1) for label in self.labels_]
        ax.set_yticks(y, labels, fontsize=TEXT_SIZE)
        self.texts_ = [
            ax.annotate(
                "\n".join(filter(None, [shape_text(shape), parameters])),
                (1, place),
                (6, 0),
                transform,
                textcoords="offset points",
                va="center",
                fontsize=TEXT_SIZE,
            )
            for place, (_, shape, parameters, _) in zip(y, lines, strict=True)
        ]
        ax.set(xticks=[], xlim=(-0.5, 0.5), ylim=(len(lines) - 0.5, -0.5))
        ax.set_xlabel("width: log of the number of elements", fontsize=TEXT_SIZE)
        ax.tick_params(left=False)
        ax.spines[:].set_visible(False)
        layers = self.encoder + self.decoder
        n_parameters = sum(layer.n_parameters for layer in layers)
        n_beside = sum(layer.n_parameters for layer in layers if layer.is_beside)
        beside = f"\n{n_beside:,} of them in linear paths" if n_beside else ""
        ax.set_title(f"{self.name}\n{n_parameters:,} parameters{beside}", fontsize=11)


def _line(layer, colour):
    parameters = f"{layer.n_parameters:,} parameters" if layer.n_parameters else ""
    if layer.is_shared:
        parameters = "shared parameters"
    return layer.kind, layer.shape, parameters, colour
