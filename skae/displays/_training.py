"""LossCurveDisplay: the training and validation loss per epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skae._types import Keywords
from skae.displays._estimators import find_autoencoder
from skae.displays._style import LINES, axes_for, merge_kw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class LossCurveDisplay:
    """Training and validation loss per epoch.

    Create it with `from_estimator`. To compare models, pass the axes of the first
    display to the second one: ``ax=display.ax_``.

    Parameters
    ----------
    loss_curve : list of float
        Training loss of each epoch.
    validation_loss_curve : list of float, default=None
        Loss on the validation set after each epoch; None without a validation set.
    name : str, default=None
        Name of the model in the legend; None is "model".

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    line_ : matplotlib Line2D
        The training loss.
    validation_line_ : matplotlib Line2D
        The validation loss; None without a validation set.

    See Also
    --------
    ReconstructionDisplay : Samples and their reconstructions.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import LossCurveDisplay
    >>> X = load_digits().data / 16
    >>> small, large = (DenseAutoencoder(n, max_epochs=3).fit(X) for n in (2, 16))
    >>> display = LossCurveDisplay.from_estimator(small, name="2 components")
    >>> both = LossCurveDisplay.from_estimator(large, name="16", ax=display.ax_)
    >>> len(both.ax_.lines)
    2
    """

    figure_: Figure
    ax_: Axes
    line_: Line2D
    validation_line_: Line2D | None

    def __init__(
        self,
        loss_curve: list[float],
        validation_loss_curve: list[float] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Axes | None = None
    ) -> Self:
        """Plot the loss curves of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that contains one, or a fitted search over
            one of these.
        name : str, default=None
            Name of the model in the legend; None is the class of the autoencoder.
        ax : matplotlib Axes, default=None
            Axes to draw in, which may hold the curves of other models; None creates a
            figure.

        Returns
        -------
        display : LossCurveDisplay
            The display after plotting.

        Raises
        ------
        TypeError
            If `estimator` contains no autoencoder.
        """
        _, autoencoder = find_autoencoder(estimator, cls.__name__)
        return cls(
            list(autoencoder.loss_curve_),
            autoencoder.validation_loss_curve_ or None,
            name=type(autoencoder).__name__ if name is None else name,
        ).plot(ax)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        line_kw: Keywords | None = None,
        validation_kw: Keywords | None = None,
    ) -> Self:
        """Plot the loss curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        line_kw : dict, default=None
            Keyword arguments for ``ax.plot``, for both curves.
        validation_kw : dict, default=None
            Keyword arguments for ``ax.plot``, for the validation loss; they take
            precedence over `line_kw`.

        Returns
        -------
        self : LossCurveDisplay
            The display.
        """
        self.figure_, self.ax_ = axes_for(ax, (5.5, 3.6))
        n_models = len({line.get_color() for line in self.ax_.lines})
        name = self.name or "model"
        style = {"color": LINES[n_models % len(LINES)], "label": name}
        if len(self.loss_curve) == 1:
            style["marker"] = "o"  # a line through one point is invisible
        style = merge_kw(style, line_kw)
        epochs = np.arange(1, len(self.loss_curve) + 1)
        (self.line_,) = self.ax_.plot(epochs, self.loss_curve, **style)
        self.validation_line_ = None
        if self.validation_loss_curve is not None:
            style = style | {"linestyle": "--", "label": f"{name}, validation"}
            (self.validation_line_,) = self.ax_.plot(
                epochs, self.validation_loss_curve, **merge_kw(style, validation_kw)
            )
        self._label()
        return self

    def _label(self):
        from matplotlib.ticker import MaxNLocator

        losses = np.concatenate([line.get_ydata() for line in self.ax_.lines])
        # The loss of a variational autoencoder is a negative log-likelihood, which may
        # be below 0.
        scale = "log" if (losses > 0).all() else "linear"
        self.ax_.set(xlabel="epoch", ylabel="loss", yscale=scale)
        self.ax_.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        self.ax_.spines[["top", "right"]].set_visible(False)
        self.ax_.set_title("Loss per epoch", fontsize="medium")
        self.ax_.legend(frameon=False)
