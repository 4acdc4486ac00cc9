"""BaseAutoencoder: what all autoencoders of this package do, step by step."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import nn

from skae import array_api, engine, optimizers, parameters, schedules
from skae.callbacks import are_callbacks, copy_callbacks, early_stopping, schedule
from skae.devices import (
    as_tensor,
    resolve_device,
    resolve_device_or_cpu,
    run_in_chunks,
)
from skae.documentation import document
from skae.losses import LOSSES, ReconstructionLoss
from skae.networks import ACTIVATION_RANGES, ACTIVATIONS, Coder, SquaredErrors
from skae.rows import (
    ENCODING_TOLERANCE,
    RANGE_TOLERANCE,
    as_float32,
    as_floats,
    channels_last_error,
    choose_output_activation,
    flatten_images,
    looks_channels_last,
    refuse_sparse,
    refuse_text,
    text_error,
    warn_out_of_range,
)
from skae.seeding import DrawFrom, make_generator


@document
class BaseAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base class of the autoencoders: all but the networks.

    A subclass gives the networks by one method, ``_build_networks(n_features)``,
    which returns two `torch.nn.Module`: one from rows (batch, n_features) to codes
    (batch, n_components), one from codes to rows, both without their last activation,
    which `latent_activation` and `output_activation` add. They must not change their
    input in place: it may be the caller's data.

    Parameters
    ----------
    n_components : int, default=32
        Size of the codes; at least 1.
    {common_parameters}

    Attributes
    ----------
    {common_attributes}

    See Also
    --------
    DenseAutoencoder : Fully connected networks.
    ConvAutoencoder : Convolutional networks, for images and signals.

    Examples
    --------
    A new architecture in a few lines:

    >>> from sklearn.datasets import load_iris
    >>> from torch import nn
    >>> from skae import BaseAutoencoder
    >>> class LinearAutoencoder(BaseAutoencoder):
    ...     def _build_networks(self, n_features):
    ...         encoder = nn.Linear(n_features, self.n_components)
    ...         decoder = nn.Linear(self.n_components, n_features)
    ...         return encoder, decoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> LinearAutoencoder(2, max_epochs=5).fit_transform(X).shape
    (150, 2)
    """

    _parameter_rules = {
        "n_components": parameters.integer(1),
        "activation": parameters.one_of(*ACTIVATIONS),
        "latent_activation": parameters.one_of(*ACTIVATION_RANGES),
        "output_activation": parameters.one_of("auto", *ACTIVATION_RANGES),
        "loss": parameters.one_of(*LOSSES),
        "optimizer": parameters.one_of(*optimizers.OPTIMIZERS)
        | parameters.Rule("a torch optimizer class", optimizers.is_optimizer_class),
        "lr": parameters.real(0, open_ends=True),
        "lr_schedule": parameters.one_of("auto", *schedules.SCHEDULES),
        "weight_decay": parameters.real(0),
        "batch_size": parameters.one_of("auto") | parameters.integer(1),
        "shuffle": parameters.boolean(),
        "max_epochs": parameters.one_of("auto") | parameters.integer(1),
        "early_stopping": parameters.boolean(),
        "validation_fraction": parameters.only(None)
        | parameters.real(0, 1, open_ends=True),
        "n_iter_no_change": parameters.integer(1),
        "tol": parameters.real(0),
        "callbacks": parameters.only(None)
        | parameters.Rule(
            "a list of skorch callbacks or (name, callback) pairs", are_callbacks
        ),
        "verbose": parameters.integer(0) | parameters.boolean(),
        "random_state": parameters.only(None)
        | parameters.integer(0, 2**32 - 1)
        | parameters.Rule(
            "a numpy RandomState", lambda value: isinstance(value, np.random.RandomState)
        ),
    }

    def __init__(
        self,
        n_components: int = 32,
        *,
        activation: str = "relu",
        latent_activation: str = "identity",
        output_activation: str = "auto",
        loss: str = "squared_error",
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
        lr: float = 5e-3,
        lr_schedule: str = "auto",
        weight_decay: float = 0.0,
        batch_size: int | str = "auto",
        shuffle: bool = True,
        max_epochs: int | str = "auto",
        early_stopping: bool = False,
        validation_fraction: float | None = None,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        callbacks: Sequence[Any] | None = None,
        device: str | torch.device = "auto",
        verbose: int | bool = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.latent_activation = latent_activation
        self.output_activation = output_activation
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.callbacks = callbacks
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    # Fitting ----------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Train the autoencoder to reconstruct `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, or images of shape (n_samples, height, width) or
            (n_samples, channels, height, width).
        y : None
            Not used; here for scikit-learn's conventions.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or `X` is not what it must be, the device is not there, or
            training leaves the finite numbers. The estimator is then as it was before.
        TypeError
            If `X` is sparse.
        KeyboardInterrupt
            On Ctrl-C. After the first epoch, the estimator then holds the usable model
            of the last full one.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: ArrayLike, y: object = None) -> np.ndarray:
        """Fit to `X`, then return its codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, or images, as for `fit`.
        y : None
            Not used; here for scikit-learn's conventions.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            The same as ``fit(X).transform(X)``.
        """
        rows = self._fit(X)
        return array_api.like(X, self._run(self.encoder_, rows))

    @torch.inference_mode(False)
    @torch.enable_grad()
    def _fit(self, X):
        """Fit, and return the validated rows; an error leaves the estimator unharmed."""
        before, net = dict(vars(self)), None
        try:
            parameters.check_parameters(self, self._parameter_rules)
            device = resolve_device(self.device)
            rows = self._validate_rows(X, reset=True)
            rows32 = as_float32(rows)
            self.output_activation_ = choose_output_activation(
                self.output_activation, self.loss, rows32
            )
            warn_out_of_range(rows32, self.output_activation_)
            net = self._build_net(len(rows), device)
            net.train(as_tensor(rows32))
        except BaseException:
            if net is not None and net.loss_curve_:
                self._adopt(net)
            else:
                vars(self).clear()
                vars(self).update(before)
            raise
        self._adopt(net)
        return rows

    def _build_net(self, n_rows, device):
        """The untrained net, with fresh networks."""
        n_held_out = schedules.rows_held_out(
            n_rows, self.validation_fraction, self.early_stopping
        )
        callbacks = copy_callbacks(self.callbacks, validated=n_held_out > 0)
        if self.early_stopping:
            callbacks.append(early_stopping(self.n_iter_no_change, self.tol))
        generator = make_generator(self.random_state)
        with torch.device("cpu"), DrawFrom(generator):
            encoder, decoder = self._build_networks(self.n_features_in_)
        batch_size, max_epochs = schedules.training_length(
            n_rows - n_held_out, self.batch_size, self.max_epochs
        )
        return engine.AutoencoderNet(
            Coder(encoder, self.latent_activation).float(),
            Coder(decoder, self.output_activation_).float(),
            criterion=self._build_loss(),
            generator=generator if self.shuffle else None,
            n_held_out=n_held_out,
            batch_size=batch_size,
            max_epochs=max_epochs,
            lr=float(self.lr),
            device=str(device),
            verbose=int(self.verbose),
            **optimizers.optimizer_params(self.optimizer, self.weight_decay, device),
            callbacks=callbacks,
            lr_schedule=schedule(self.lr_schedule, callbacks),
        )

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        """Return the encoder and decoder, without their last activations."""
        raise NotImplementedError(
            f"{type(self).__name__} must define _build_networks(n_features), which "
            "returns an encoder and a decoder, both torch.nn.Module."
        )

    def _build_loss(self):
        """Return what training minimises: a module of the net's output and the rows."""
        return ReconstructionLoss(self.loss, self.output_activation_)

    def _adopt(self, net):
        """Take a trained net as the model of this estimator."""
        self.net_ = net
        self.loss_curve_ = net.loss_curve_
        self.validation_loss_curve_ = (
            net.validation_loss_curve_ if net.n_held_out else None
        )
        self.n_iter_ = len(net.loss_curve_)
        self.device_ = net.device
        self._n_features_out = self.n_components

    # Using the model --------------------------------------------------------------

    @property
    def encoder_(self) -> nn.Module:
        """Module from flat rows (batch, n_features) to codes (batch, n_components)."""
        check_is_fitted(self)
        return self.net_.module_.encoder

    @property
    def decoder_(self) -> nn.Module:
        """Module from codes (batch, n_components) to flat rows (batch, n_features)."""
        check_is_fitted(self)
        return self.net_.module_.decoder

    @property
    def callbacks_(self) -> list[tuple[str, Any]]:
        """The fitted copies of `callbacks`, as (name, callback) pairs."""
        check_is_fitted(self)
        return self.net_.user_callbacks()

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Encode `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images of the shape that `fit` saw.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            In float64 where `X` is, else in float32.
        """
        rows = self._validate_fitted(X, "transform", ENCODING_TOLERANCE)
        return array_api.like(X, self._run(self.encoder_, rows))

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, such as `transform` returns.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Rows in the form that `fit` saw: images where it was given images.
        """
        check_is_fitted(self)
        codes = as_floats(check_array(array_api.to_numpy(X), order="C"))
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but {type(self).__name__} decodes "
                f"codes with {self._n_features_out} components; give what transform "
                "returns."
            )
        return array_api.like(X, self._in_fitted_form(self._run(self.decoder_, codes)))

    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """Encode and decode `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images of the shape that `fit` saw.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            The same as ``inverse_transform(transform(X))``.
        """
        rows = self._validate_fitted(X, "reconstruct")
        both = nn.Sequential(self.encoder_, self.decoder_)
        return array_api.like(X, self._in_fitted_form(self._run(both, rows)))

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the mean squared reconstruction error of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images of the shape that `fit` saw.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In squared units of `X`, at most 0; the greater, the better reconstructed.
        """
        rows = self._validate_fitted(X, "score_samples")
        errors = SquaredErrors(self.encoder_, self.decoder_)
        return array_api.like(X, -self._run(errors, rows))

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return minus the mean squared reconstruction error over all elements.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images of the shape that `fit` saw.
        y : None
            Not used; here for scikit-learn's conventions.

        Returns
        -------
        score : float
            In squared units of `X`, at most 0; the greater, the better. Times
            n_features, it is the mean over rows of the squared distance.
        """
        scores = array_api.to_numpy(self.score_samples(X))
        return float(np.mean(scores, dtype=np.float64))

    def _run(self, module, rows):
        return run_in_chunks(module, rows, resolve_device_or_cpu(self.device))

    # The form of the data ---------------------------------------------------------

    def _validate_fitted(self, X, method, range_tolerance=RANGE_TOLERANCE):
        """Check `X`, given to a fitted estimator, and return it as flat rows."""
        check_is_fitted(self)
        array_api.check_same_namespace(
            X, self._namespace, f"{type(self).__name__}.{method}"
        )
        rows = self._validate_rows(X)
        warn_out_of_range(rows, self.output_activation_, range_tolerance)
        return rows

    def _validate_rows(self, X, *, reset=False):
        """Check `X` and return it as flat rows of floats, C-ordered."""
        given = X
        refuse_sparse(X)
        X, shape = flatten_images(array_api.to_numpy(X))
        refuse_text(X)
        image_shape = None if shape is None else (1, *shape)[-3:]
        if not reset:
            self._check_image_shape(image_shape)
        try:
            rows = as_floats(validate_data(self, X, reset=reset, order="C"))
        except ValueError as error:
            if "could not convert string" in str(error):
                raise ValueError(text_error(type(X).__name__)) from error
            raise
        if reset:
            self._fitted_shape = shape
            self._namespace = array_api.namespace(given)
            self.image_shape_ = self._choose_image_shape(image_shape, rows.shape[1])
        return rows

    def _choose_image_shape(self, image_shape, n_features):
        """The shape of the images that `X` holds; None where it holds flat rows."""
        if image_shape is not None and looks_channels_last(image_shape):
            raise ValueError(channels_last_error(image_shape))
        return image_shape

    def _check_image_shape(self, image_shape):
        if image_shape is None or image_shape == self.image_shape_:
            return
        if looks_channels_last(image_shape):
            raise ValueError(channels_last_error(image_shape))
        if self.image_shape_ is not None:
            raise ValueError(
                f"X holds images of shape {image_shape} (channels, height, width), but "
                f"this {type(self).__name__} was fitted on images of shape "
                f"{self.image_shape_}. Of one image alone, X[None] makes an array of one."
            )

    def _in_fitted_form(self, rows):
        if self._fitted_shape is None:
            return rows
        return rows.reshape(-1, *self._fitted_shape)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.three_d_array = True
        tags.array_api_support = True
        return tags
