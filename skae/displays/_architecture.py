"""ArchitectureDisplay: the layers of an autoencoder, one below the other."""

import itertools
import math

import numpy as np

from skae.displays._estimators import find_autoencoder
from skae.displays._style import BLUE, GREEN, GREY, ORANGE, axes_for, merged
from skae.nn.summary import describe, size

TEXT_SIZE = 8
LINE_HEIGHT = 0.36  # of a layer, in inches: two lines of text


class ArchitectureDisplay:
    """The layers of an autoencoder, from the rows down to their reconstructions.

    Each layer is a bar as wide as the logarithm of the number of elements that it puts
    out for a row. What it is stands on the left; on the right, the shape that it puts
    out, and below that its number of parameters. Make one by `from_estimator`.

    Parameters
    ----------
    name : str
        Of the estimator.
    n_features : int
        Size of the rows.
    n_components : int
        Size of the codes.
    encoder : list of Layer
        Its layers, as ``skae.architecture.describe`` returns them.
    decoder : list of Layer
        Its layers.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    bars_ : list of matplotlib Rectangle
        The bars, from top to bottom.
    labels_ : list of str
        What stands on the left of them.
    texts_ : list of matplotlib Annotation
        What stands on the right of them.

    See Also
    --------
    skae.BaseAutoencoder.summary : The same as a table of text.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import ArchitectureDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> autoencoder = DenseAutoencoder(2, hidden_layer_sizes=(8,), max_epochs=5).fit(X)
    >>> ArchitectureDisplay.from_estimator(autoencoder).labels_
    ['rows', 'Linear + ReLU', 'Linear', 'codes', 'Linear + ReLU', 'Linear']
    """

    def __init__(self, name, n_features, n_components, encoder, decoder):
        self.name = name
        self.n_features = n_features
        self.n_components = n_components
        self.encoder = encoder
        self.decoder = decoder

    @classmethod
    def from_estimator(cls, estimator, *, bar_kw=None, ax=None):
        """Draw the layers of a fitted autoencoder.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that has one as a step, or a fitted search
            over one of these.
        bar_kw : dict, default=None
            Passed to matplotlib's ``barh``.
        ax : matplotlib Axes, default=None
            To draw in; None makes a new figure.

        Returns
        -------
        display : ArchitectureDisplay

        Raises
        ------
        TypeError
            If there is no autoencoder in `estimator`.
        NotFittedError
            If it is not fitted.
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

    def plot(self, ax=None, *, bar_kw=None):
        """Draw the layers.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            To draw in; None makes a new figure.
        bar_kw : dict, default=None
            Passed to matplotlib's ``barh``.

        Returns
        -------
        self : object
        """
        lines = self._lines()
        self.labels_ = [kind for kind, _, _, _ in lines]
        places = np.arange(len(lines))
        height = LINE_HEIGHT * len(lines) + 1.1
        self.figure_, self.ax_ = axes_for(ax, (5.2, height))
        widths = self._widths([shape for _, shape, _, _ in lines])
        style = {"height": 0.62, "color": [colour for *_, colour in lines]}
        bars = self.ax_.barh(places, widths, left=-widths / 2, **merged(style, bar_kw))
        self.bars_ = list(bars)
        self._join(places, widths, style["height"])
        self._write(lines, places)
        return self

    def _lines(self):
        """Kind, shape, text on the parameters, and colour of each line."""
        encoder = [_line(layer, BLUE) for layer in self.encoder]
        decoder = [_line(layer, GREEN) for layer in self.decoder]
        return [
            ("rows", (self.n_features,), "", GREY),
            *encoder,
            ("codes", (self.n_components,), "", ORANGE),
            *decoder,
        ]

    def _widths(self, shapes):
        """Widths of the bars, at most 1; 0 where rows do not come by."""
        elements = [0 if shape is None else math.prod(shape) for shape in shapes]
        return np.log1p(elements) / np.log1p(max(elements))

    def _join(self, places, widths, height):
        """Pale lines of flow from each bar to the next that rows come by."""
        passed = np.flatnonzero(widths)
        for above, below in itertools.pairwise(passed):
            top, bottom = places[above] + height / 2, places[below] - height / 2
            ends = np.array([widths[above], widths[below]]) / 2
            self.ax_.fill_betweenx(
                [top, bottom], -ends, ends, color=GREY, alpha=0.25, linewidth=0
            )

    def _write(self, lines, places):
        ax, beside = self.ax_, self.ax_.get_yaxis_transform()
        labels = [label.replace(" + ", "\n+ ", 1) for label in self.labels_]
        ax.set_yticks(places, labels, fontsize=TEXT_SIZE)
        self.texts_ = [
            ax.annotate(
                "\n".join(filter(None, [size(shape), parameters])),
                (1, place),
                (6, 0),
                beside,
                textcoords="offset points",
                va="center",
                fontsize=TEXT_SIZE,
            )
            for place, (_, shape, parameters, _) in zip(places, lines, strict=True)
        ]
        ax.set(xticks=[], xlim=(-0.5, 0.5), ylim=(len(lines) - 0.5, -0.5))
        ax.set_xlabel("width: log of the number of elements", fontsize=TEXT_SIZE)
        ax.tick_params(left=False)
        ax.spines[:].set_visible(False)
        n_parameters = sum(layer.n_parameters for layer in self.encoder + self.decoder)
        ax.set_title(f"{self.name}\n{n_parameters:,} parameters", fontsize=11)


def _line(layer, colour):
    parameters = f"{layer.n_parameters:,} parameters" if layer.n_parameters else ""
    if layer.is_shared:
        parameters = "shared parameters"
    return layer.kind, layer.shape, parameters, colour
