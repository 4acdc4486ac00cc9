"""Callbacks for the `callbacks` parameter, in addition to those of skorch."""

from __future__ import annotations

import math
import numbers
import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback
from torch import nn

from skae._data.check import channels_last_message, check_flat_array, looks_channels_last
from skae._random import DrawFrom
from skae._training.precision import float32_products
from skae._types import GivenImageShape, ImageShape, Keywords
from skae.displays._progress import ReconstructionProgressDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ReconstructionRecorder"]


class ReconstructionRecorder(Callback):
    """Record the reconstructions of some samples during training.

    Add it to the `callbacks` of an estimator. Each fit trains with copies of its
    callbacks, so the recorded frames are in the copy:
    ``dict(autoencoder.callbacks_)["ReconstructionRecorder"]``. Recording does not change
    the trained model.

    The first frame shows the untrained network, epoch 0. A frame is recorded after each
    epoch. When there would be more than `max_frames`, every second frame is dropped, and
    only every second epoch is recorded from then on. The latest frame is always kept.
    `partial_fit` adds frames to those of earlier calls. With early stopping, the last
    frame shows the last epoch, although the model has the weights of the best epoch.

    Frames are pickled and copied with the fitted estimator. `sklearn.base.clone` copies
    the parameters only.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples, or images, to reconstruct. They must be preprocessed like the input of
        the autoencoder: in a Pipeline, by the steps before it. Each frame takes as much
        memory as `X`.
    max_frames : int, default=50
        Maximum number of frames; at least 2.

    Attributes
    ----------
    epochs_ : list of int
        Number of epochs trained before each frame; 0 is the untrained network.
    reconstructions_ : list of ndarray of shape (n_samples, n_features)
        The frames, in float32: reconstructions as flat samples.
    X_ : ndarray of shape (n_samples, n_features)
        `X` as flat samples in float32.
    image_shape_ : tuple of int or None
        (channels, height, width) if `X` holds images, or if the encoder reshapes its
        input to images; else None.

    See Also
    --------
    skae.displays.ReconstructionProgressDisplay : The display that `plot` returns.
    skae.displays.ReconstructionDisplay : Reconstructions after training.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> from skae.callbacks import ReconstructionRecorder
    >>> X = load_digits().data / 16
    >>> recorder = ReconstructionRecorder(X[:8])
    >>> autoencoder = DenseAutoencoder(8, max_epochs=3, callbacks=[recorder]).fit(X)
    >>> fitted = dict(autoencoder.callbacks_)["ReconstructionRecorder"]
    >>> fitted.epochs_
    [0, 1, 2, 3]
    >>> fitted.reconstructions_[-1].shape
    (8, 64)
    >>> display = fitted.plot(image_shape=(8, 8))
    """

    epochs_: list[int]
    reconstructions_: list[np.ndarray]
    X_: np.ndarray
    image_shape_: ImageShape | None
    stride_: int

    def __init__(self, X: ArrayLike, *, max_frames: int = 50) -> None:
        self.X = X
        self.max_frames = max_frames

    # Hooks of skorch ----------------------------------------------------------------

    def initialize(self) -> Self:
        """Remove all frames at the start of a new fit.

        Returns
        -------
        self : object
            The callback.
        """
        self.epochs_, self.reconstructions_ = [], []
        self.stride_ = 1  # every stride_-th epoch is kept
        return self

    def on_train_begin(
        self, net: Any, X: Any = None, y: Any = None, **kwargs: Any
    ) -> None:
        """Check the samples, and record the frame of the untrained network.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net to train.
        X : object, default=None
            The samples to train on.
        y : object, default=None
            Ignored.
        **kwargs : dict
            Ignored.
        """
        self._check_max_frames()
        n_features = X[0][0].numel()
        self.X_, self.image_shape_ = self._check_X(n_features)
        if self.image_shape_ is None:
            self.image_shape_ = _image_shape_of_input(net.module_.encoder, n_features)
        if not net.history:
            self._record(0, net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the frame of an epoch.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that is trained.
        **kwargs : dict
            Ignored.
        """
        self._record(len(net.history), net)

    def _check_max_frames(self):
        is_integer = isinstance(self.max_frames, numbers.Integral)
        if not is_integer or self.max_frames < 2:
            raise ValueError(
                f"ReconstructionRecorder: max_frames={self.max_frames!r} is invalid; "
                "must be an integer of at least 2."
            )

    def _check_X(self, n_features):
        """Return the samples, flat and in float32, and their image shape."""
        X, image_shape = check_flat_array(self.X, type(self).__name__)
        if X.shape[1] != n_features:
            raise ValueError(
                f"ReconstructionRecorder: X has {X.shape[1]} features; must have "
                f"{n_features}, like the input of the autoencoder. In a Pipeline, "
                "transform X with the steps before it: pipeline[:-1].fit_transform(X)."
            )
        if image_shape is not None and looks_channels_last(image_shape):
            message = channels_last_message(image_shape)
            raise ValueError(f"ReconstructionRecorder: {message}")
        return np.array(X, dtype=np.float32, order="C"), image_shape

    @torch.no_grad()
    def _record(self, epoch, net):
        """Add a frame, and drop frames if there are more than `max_frames`."""
        module = net.module_
        was_training = module.training
        module.eval()
        try:
            X = torch.tensor(self.X_, device=net.device)  # a network may change its input
            # Random numbers that the network draws must not change those of training.
            generator = torch.Generator(net.device).manual_seed(0)
            with DrawFrom(generator), float32_products("float32", net.device):
                frame = module.reconstruct(X).float().cpu().numpy()
        finally:
            module.train(was_training)
        # After a failed partial_fit, the same epoch is trained again.
        kept = {
            e: f
            for e, f in zip(self.epochs_, self.reconstructions_, strict=True)
            if e < epoch and e % self.stride_ == 0
        }
        while len(kept) >= self.max_frames:
            self.stride_ *= 2
            kept = {e: f for e, f in kept.items() if e % self.stride_ == 0}
        self.epochs_ = [*kept, epoch]
        self.reconstructions_ = [*kept.values(), frame]

    # Plotting -----------------------------------------------------------------------

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_epochs: int = 8,
        image_shape: GivenImageShape | None = None,
        image_kw: Keywords | None = None,
        line_kw: Keywords | None = None,
    ) -> ReconstructionProgressDisplay:
        """Draw frames below one another, and the original samples at the top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None creates a figure.
        n_epochs : int, default=8
            Maximum number of frames to draw. They are evenly spaced, and include the
            first and the last frame.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) to draw samples as images. None
            is `image_shape_`; if that is None too, samples are drawn as lines.
        image_kw : dict, default=None
            Keyword arguments for ``ax.imshow``.
        line_kw : dict, default=None
            Keyword arguments for ``ax.plot``, if samples are not images.

        Returns
        -------
        display : ReconstructionProgressDisplay
            The display after plotting.

        Raises
        ------
        NotFittedError
            If no frames were recorded.
        ValueError
            If `image_shape` or `n_epochs` is invalid.
        """
        display = self._display(image_shape)
        return display.plot(ax, n_epochs=n_epochs, image_kw=image_kw, line_kw=line_kw)

    def save_gif(
        self,
        path: str | os.PathLike[str],
        *,
        image_shape: GivenImageShape | None = None,
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
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) to draw samples as images, as in
            `plot`.
        frames_per_second : float, default=5
            Speed of the animation; the last frame is shown for two more seconds.
        image_kw : dict, default=None
            Keyword arguments for ``ax.imshow``.
        line_kw : dict, default=None
            Keyword arguments for ``ax.plot``, if samples are not images.

        Raises
        ------
        NotFittedError
            If no frames were recorded.
        ValueError
            If `image_shape` or `frames_per_second` is invalid.
        """
        display = self._display(image_shape)
        display.save_gif(
            path,
            frames_per_second=frames_per_second,
            image_kw=image_kw,
            line_kw=line_kw,
        )

    def _display(self, image_shape):
        if not getattr(self, "epochs_", None):
            raise NotFittedError(
                "This ReconstructionRecorder has no frames. Each fit trains with a copy "
                "of its callbacks: use the fitted copy, "
                'dict(estimator.callbacks_)["ReconstructionRecorder"].'
            )
        return ReconstructionProgressDisplay(
            self.X_,
            self.epochs_,
            self.reconstructions_,
            image_shape=self.image_shape_ if image_shape is None else image_shape,
        )


def _image_shape_of_input(encoder, n_features):
    """Return the shape to which an encoder unflattens its input, if it can be drawn."""
    for module in encoder.modules():
        if isinstance(module, nn.Unflatten):
            shape = tuple(module.unflattened_size)
            if math.prod(shape) == n_features and len(shape) == 3 and shape[0] in (1, 3):
                return shape
    return None
