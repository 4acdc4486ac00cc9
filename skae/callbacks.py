"""Callbacks of our own, for skorch's place in training."""

import numbers

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from skorch.callbacks import Callback

from skae._data import array_api
from skae._data.check import (
    channels_last_error,
    flatten_images,
    looks_channels_last,
    refuse_sparse,
)
from skae._random import DrawFrom
from skae.displays._progress import ReconstructionProgressDisplay
from skae.nn.networks import Images

__all__ = ["ReconstructionRecorder"]


class ReconstructionRecorder(Callback):
    """Keeps the reconstructions of some rows while a model is trained.

    To go into `callbacks` of an estimator. Every fit trains with a copy of its
    callbacks, so that the frames are in the fitted copy, which ``callbacks_`` has:
    ``dict(autoencoder.callbacks_)["ReconstructionRecorder"]``. The trained model is the
    same, bit for bit, as without it.

    The first frame is of the untrained network, epoch 0; others follow at the end of
    each epoch. Where they would become more than `max_frames`, every second one is left
    out, and from then on only every second epoch is kept; the latest is always there.
    Training on by `partial_fit` adds to the frames. Early stopping restores the best
    weights after the last frame, which shows those that training had come to.

    Frames are neither cloned, copied nor pickled: they are gone where a fit was made in
    another process, or the estimator was saved.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Rows to reconstruct, or images, in the form that the autoencoder is given them:
        in a Pipeline, after the steps before it. A few: each frame is as large as `X`.
    max_frames : int, default=50
        The most frames to keep; at least 2, the first and the latest.

    Attributes
    ----------
    epochs_ : list of int
        Number of epochs that training had done at each frame; 0 is before it.
    reconstructions_ : list of ndarray of shape (n_rows, n_features)
        The frames, in float32: what `reconstruct` would have returned, but flat.
    rows_ : ndarray of shape (n_rows, n_features)
        `X` as flat rows in float32.
    image_shape_ : tuple of int or None
        (channels, height, width) where `X` holds images, or the network makes such of
        its rows; else None.

    See Also
    --------
    skae.displays.ReconstructionProgressDisplay : What `plot` returns.
    skae.displays.ReconstructionDisplay : Originals and reconstructions once trained.

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

    def __init__(self, X, *, max_frames=50):
        self.X = X
        self.max_frames = max_frames

    # What skorch calls ------------------------------------------------------------

    def initialize(self):
        """Forget the frames, for training anew."""
        self.epochs_, self.reconstructions_ = [], []
        self.stride_ = 1  # of the epochs that are kept
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Check the rows; keep the first frame where training begins."""
        if not hasattr(self, "epochs_"):
            self.initialize()  # loaded, and trained on
        self._check_max_frames()
        self.rows_, self.image_shape_ = self._flat_rows(X[0][0].numel())
        if self.image_shape_ is None:
            self.image_shape_ = _taken_for(net.module_.encoder)
        if not net.history:
            self._keep(0, net)

    def on_epoch_end(self, net, **kwargs):
        """Keep the frame of an epoch."""
        self._keep(len(net.history), net)

    def _check_max_frames(self):
        is_number = isinstance(self.max_frames, numbers.Integral)
        if not is_number or self.max_frames < 2:
            raise ValueError(
                f"ReconstructionRecorder got max_frames={self.max_frames!r}; expected an "
                "integer of at least 2."
            )

    def _flat_rows(self, n_features):
        """The rows, checked against the data that is trained on, and their shape."""
        refuse_sparse(self.X)
        X, shape = flatten_images(array_api.to_numpy(self.X))
        X = check_array(X, dtype=np.float32, order="C", copy=True)
        image_shape = None if shape is None else (1, *shape)[-3:]
        if X.shape[1] != n_features:
            raise ValueError(
                f"X of ReconstructionRecorder has {X.shape[1]} features, but the "
                f"autoencoder is trained on rows with {n_features}. Give rows such as "
                "the autoencoder itself is given: in a Pipeline, after the steps before "
                "it, pipeline[:-1].fit_transform(X)."
            )
        if image_shape is not None and looks_channels_last(image_shape):
            raise ValueError(channels_last_error(image_shape))
        return X, image_shape

    @torch.no_grad()
    def _keep(self, epoch, net):
        """Keep a frame, and no more than `max_frames`."""
        module = net.module_
        was_training = module.training
        module.eval()
        try:
            rows = torch.from_numpy(self.rows_).to(net.device)
            # What an architecture draws for itself is not to be drawn from training's.
            with DrawFrom(torch.Generator(net.device).manual_seed(0)):
                frame = module.decoder(module.encoder(rows)).float().cpu().numpy()
        finally:
            module.train(was_training)
        # A failed partial_fit is undone, and its epoch's number comes again.
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

    # Looking at the frames --------------------------------------------------------

    def plot(self, ax=None, *, n_epochs=8, image_shape=None, image_kw=None, line_kw=None):
        """Draw the frames under each other, below the rows themselves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            To draw in; None makes a new figure.
        n_epochs : int, default=8
            How many of the frames to draw at most, spread evenly, the first and the
            latest among them.
        image_shape : tuple of int, default=None
            (height, width) or (channels, height, width) to draw rows as images. None
            takes `image_shape_`; where that is None too, rows are drawn as lines.
        image_kw : dict, default=None
            Options of ``ax.imshow``.
        line_kw : dict, default=None
            Options of ``ax.plot``, for reconstructions that are no images.

        Returns
        -------
        display : ReconstructionProgressDisplay
            With `figure_`, `ax_` and the artists.

        Raises
        ------
        NotFittedError
            If there are no frames.
        ValueError
            If `image_shape` does not fit the rows, or `n_epochs` is below 1.
        """
        display = self._display(image_shape)
        return display.plot(ax, n_epochs=n_epochs, image_kw=image_kw, line_kw=line_kw)

    def save_gif(
        self, path, *, image_shape=None, frames_per_second=5, image_kw=None, line_kw=None
    ):
        """Save the frames as an animated GIF, each with its epoch written on it.

        Parameters
        ----------
        path : str or path-like
            Of the file to write.
        image_shape : tuple of int, default=None
            As for `plot`.
        frames_per_second : float, default=5
            The latest frame stays for two seconds more.
        image_kw : dict, default=None
            Options of ``ax.imshow``.
        line_kw : dict, default=None
            Options of ``ax.plot``, for reconstructions that are no images.

        Raises
        ------
        NotFittedError
            If there are no frames.
        ValueError
            If `image_shape` does not fit the rows.
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
                "This ReconstructionRecorder has no frames. They are in the copy that a "
                'fit trained with: dict(estimator.callbacks_)["ReconstructionRecorder"]. '
                "That copy has none either where the estimator was cloned, copied or "
                "pickled since, or fitted in another process: fit it in this one."
            )
        return ReconstructionProgressDisplay(
            self.rows_,
            self.epochs_,
            self.reconstructions_,
            image_shape=self.image_shape_ if image_shape is None else image_shape,
        )

    def __getstate__(self):
        return self.get_params(deep=False)


def _taken_for(encoder):
    """(channels, height, width) of the images that an encoder makes of its rows.

    None where it makes none, or such as have no colours to be drawn in.
    """
    made = [m.unflattened_size for m in encoder.modules() if isinstance(m, Images)]
    return tuple(made[0]) if made and made[0][0] in (1, 3) else None
