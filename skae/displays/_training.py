"""LossCurveDisplay: the loss by the epoch."""

import numpy as np

from skae.displays._estimators import find_autoencoder
from skae.displays._style import LINES, axes_for, merged


class LossCurveDisplay:
    """Training and validation loss by the epoch, of one model or several on one axes.

    Make one by `from_estimator`, another model's with ``ax=display.ax_``.

    Parameters
    ----------
    loss_curve : list of float
        Loss of each epoch.
    validation_loss_curve : list of float, default=None
        Loss of the rows held out, after each epoch; None where there are none.
    name : str, default=None
        Of the model, for the legend.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    line_ : matplotlib Line2D
        The training loss.
    validation_line_ : matplotlib Line2D
        The validation loss; None where there is none.

    See Also
    --------
    ReconstructionDisplay : What the loss is about.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.displays import LossCurveDisplay
    >>> X = load_digits().data / 16
    >>> small, large = (DenseAutoencoder(n, max_epochs=3).fit(X) for n in (2, 16))
    >>> display = LossCurveDisplay.from_estimator(small, name="2 numbers")
    >>> both = LossCurveDisplay.from_estimator(large, name="16", ax=display.ax_)
    >>> len(both.ax_.lines)
    2
    """

    def __init__(self, loss_curve, validation_loss_curve=None, *, name=None):
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None):
        """Draw the losses of an estimator's last fit.

        Parameters
        ----------
        estimator : object
            A fitted autoencoder, a Pipeline that has one as a step, or a fitted search
            over one.
        name : str, default=None
            Of the model, for the legend; None is the estimator's class.
        ax : matplotlib Axes, default=None
            Where to draw, perhaps beside other models' losses; None makes a new figure.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `estimator` is or has no autoencoder.
        """
        _, autoencoder = find_autoencoder(estimator, cls.__name__)
        return cls(
            list(autoencoder.loss_curve_),
            autoencoder.validation_loss_curve_ or None,
            name=type(autoencoder).__name__ if name is None else name,
        ).plot(ax)

    def plot(self, ax=None, *, line_kw=None, validation_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        line_kw : dict, default=None
            Options of ``ax.plot``, for the training loss.
        validation_kw : dict, default=None
            Options of ``ax.plot``, for the validation loss; it takes the others' too.

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
            style["marker"] = "o"  # a line of one point is none
        style = merged(style, line_kw)
        epochs = np.arange(1, len(self.loss_curve) + 1)
        (self.line_,) = self.ax_.plot(epochs, self.loss_curve, **style)
        self.validation_line_ = None
        if self.validation_loss_curve is not None:
            style = style | {"linestyle": "--", "label": f"{name}, validation"}
            (self.validation_line_,) = self.ax_.plot(
                epochs, self.validation_loss_curve, **merged(style, validation_kw)
            )
        self._label()
        return self

    def _label(self):
        from matplotlib.ticker import MaxNLocator

        losses = np.concatenate([line.get_ydata() for line in self.ax_.lines])
        scale = "log" if (losses > 0).all() else "linear"  # likelihoods go below 0
        self.ax_.set(xlabel="epoch", ylabel="loss", yscale=scale)
        self.ax_.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        self.ax_.spines[["top", "right"]].set_visible(False)
        self.ax_.set_title("Loss by the epoch", fontsize="medium")
        self.ax_.legend(frameon=False)
