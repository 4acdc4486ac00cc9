"""BaseAutoencoder: what all autoencoders of this package do, step by step."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted
from torch import nn

from skae import _validation as parameters
from skae._data import array_api
from skae._data.check import (
    ENCODING_TOLERANCE,
    RANGE_TOLERANCE,
    channels_last_error,
    check_image_shape,
    choose_output_activation,
    flatten_images,
    looks_channels_last,
    refuse_sparse,
    validated_rows,
    warn_out_of_range,
)
from skae._data.rows import Rows
from skae._docstrings import PAGE, document
from skae._parameters import CommonParameters
from skae._random import DrawFrom, make_generator
from skae._sampling import SamplingMixin
from skae._training import callbacks as fit_callbacks
from skae._training import net as engine
from skae._training import optimizers, schedules
from skae._training.devices import resolve_device, resolve_device_or_cpu, run_in_chunks
from skae.nn.autoencoder import Coder, SquaredErrors, make_corruption
from skae.nn.losses import CodePenalty, ReconstructionLoss, with_terms
from skae.nn.summary import ArchitectureMixin


@document
class BaseAutoencoder(
    SamplingMixin,
    ArchitectureMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CommonParameters,
):
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

    _doc_link_module, _doc_link_template = "skae", PAGE

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
            of the last full one, without a density.
        Exception
            What the density raises. The estimator is then trained, without a density.
        """
        self._train(X)
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
        rows = self._train(X)
        return array_api.like(X, self._run_on(self.encoder_, rows))

    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:
        """Train for one pass over `X`, from where the last training stopped.

        The learning rate is `lr`, without a schedule, and the optimizer goes on from the
        state that it is in; the first call starts a new model. Five calls on the same
        rows are a fit of five epochs with ``lr_schedule="constant"``. What the networks,
        `loss`, `noise`, `latent_penalty`, `optimizer`, `weight_decay`, `callbacks` and
        `random_state` are is decided by the first call, as are the numbers that go with
        them.

        Each call fits the density anew, to the codes of its rows. Of a stream, set
        ``latent_density=None`` and call `fit_density` at the end.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images, as for `fit`; for example a chunk of what does not fit into
            memory.
        y : None
            Not used; here for scikit-learn's conventions.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As for `fit`, or if `early_stopping` is True, there is an LRScheduler in
            `callbacks`, or `n_components` has changed. The estimator is then as it was
            before.
        KeyboardInterrupt
            On Ctrl-C. The estimator is then as it was before.
        Exception
            What the density raises. The estimator is then trained, without a density.
        """
        self._train(X, partial=True)
        return self

    @torch.inference_mode(False)
    @torch.enable_grad()
    def _train(self, X, *, partial=False):
        """Train, and return the checked rows; an error leaves the estimator unharmed."""
        before, net = dict(vars(self)), None
        goes_on = hasattr(self, "net_") and (partial or self.warm_start)
        try:
            parameters.check_parameters(self, self._parameter_rules)
            if goes_on:
                array_api.check_same_namespace(X, self._namespace, type(self).__name__)
            device = resolve_device(self.device)
            rows = self._validate_rows(X, reset=not goes_on, check_values=True)
            self._choose_output_activation(*rows.range, partial=partial, goes_on=goes_on)
            settings = self._training_settings(len(rows), partial)
            if partial:
                self._check_partial(goes_on, settings)
            if partial and goes_on:
                self.net_.train_on(rows, str(device), settings)
                net = self.net_
            else:
                net = self._build_net(device, settings)
                net.train(rows, start=self.net_ if goes_on else None)
        except BaseException:
            if net is not None and net.loss_curve_ and not partial:
                self._adopt(net)
            else:
                vars(self).clear()
                vars(self).update(before)
            raise
        self._adopt(net)
        self._describe_codes(rows)
        if not partial:
            self._check_codes()
        return rows

    def _check_partial(self, goes_on, settings):
        if goes_on and self.n_components != self._n_features_out:
            raise ValueError(
                f"n_components={self.n_components} has changed: partial_fit trains a "
                f"model with {self._n_features_out} components on. Set it back, or use "
                "fit."
            )
        fit_callbacks.check_for_partial_fit(
            self.callbacks_ if goes_on else self.callbacks,
            early_stopping=self.early_stopping,
            validated=settings["n_held_out"] > 0,
        )

    def _choose_output_activation(self, low, high, *, partial, goes_on):
        """Decide `output_activation_` for values from `low` to `high`, once."""
        wanted = self.output_activation
        if goes_on and (partial or wanted == "auto"):
            wanted = self.output_activation_
        self.output_activation_ = choose_output_activation(wanted, self.loss, low, high)
        warn_out_of_range(low, high, self.output_activation_)

    def _training_settings(self, n_rows, partial):
        """What the net is trained with that may change from one call to the next."""
        n_held_out = schedules.rows_held_out(
            n_rows, self.validation_fraction, self.early_stopping
        )
        batch_size, max_epochs = schedules.training_length(
            n_rows - n_held_out, self.batch_size, self.max_epochs
        )
        return {
            "n_held_out": n_held_out,
            "batch_size": batch_size,
            "max_epochs": 1 if partial else max_epochs,
            "shuffle": bool(self.shuffle),
            "lr": float(self.lr),
            "lr_schedule": None if partial else self.lr_schedule,
            "precision": self.precision,
            "max_grad_norm": self.max_grad_norm,
            "resumable": partial or bool(self.warm_start),
            "verbose": int(self.verbose),
        }

    def _build_net(self, device, settings):
        """The untrained net, with fresh networks."""
        callbacks = fit_callbacks.copy_callbacks(
            self.callbacks, validated=settings["n_held_out"] > 0
        )
        if self.early_stopping:
            callbacks.append(
                fit_callbacks.early_stopping(self.n_iter_no_change, self.tol)
            )
        if settings["lr_schedule"] is not None:
            lr_schedule = fit_callbacks.schedule(settings["lr_schedule"], callbacks)
            settings = settings | {"lr_schedule": lr_schedule}
        generator = make_generator(self.random_state)
        with torch.device("cpu"), DrawFrom(generator):
            networks = self._build_networks(self.n_features_in_)
            encoder, decoder = (c.float() for c in self._make_coders(*networks))
        return engine.AutoencoderNet(
            encoder,
            decoder,
            make_corruption(self.noise, self.noise_level),
            criterion=self._build_loss(encoder),
            generator=generator,
            device=str(device),
            **optimizers.optimizer_params(self.optimizer, self.weight_decay, device),
            callbacks=callbacks,
            **settings,
        )

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        """Return the encoder and decoder, without their last activations."""
        raise NotImplementedError(
            f"{type(self).__name__} must define _build_networks(n_features), which "
            "returns an encoder and a decoder, both torch.nn.Module."
        )

    def _n_encoder_outputs(self):
        """How many numbers the encoder's network must put out for a row."""
        return self.n_components

    def _make_coders(self, encoder, decoder):
        """Return encoder and decoder with their last activations."""
        return (
            Coder(encoder, self.latent_activation),
            Coder(decoder, self.output_activation_),
        )

    def _build_loss(self, encoder):
        """Return what training minimises: a module of the net's output and the rows."""
        terms = (
            []
            if self.latent_penalty is None
            else [CodePenalty(self.latent_penalty, self.latent_penalty_weight)]
        )
        return with_terms(self._reconstruction_loss(), terms + self._code_terms(encoder))

    def _reconstruction_loss(self):
        return ReconstructionLoss(self.loss, self.output_activation_)

    def _code_terms(self, encoder):
        """What training minimises besides, of the codes: a list of modules."""
        return []

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
        self.density_ = None

    def _describe_codes(self, rows):
        """Find out what the codes of the training rows are distributed like."""
        self._fit_density_to(rows, self.latent_density)

    def _check_codes(self):
        """Warn where the codes of a model whose training is over are of no use."""

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
        codes = self._run(self.encoder_, X, "transform", ENCODING_TOLERANCE)
        return array_api.like(X, codes)

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
        codes = check_array(array_api.to_numpy(X), order="C", ensure_all_finite=False)
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but {type(self).__name__} decodes "
                f"codes with {self._n_features_out} components; give what transform "
                "returns."
            )
        decoded = self._run_on(self.decoder_, Rows(codes))
        return array_api.like(X, self._in_fitted_form(decoded))

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
        check_is_fitted(self)
        both = nn.Sequential(self.encoder_, self.decoder_)
        reconstructed = self._run(both, X, "reconstruct")
        return array_api.like(X, self._in_fitted_form(reconstructed))

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
        check_is_fitted(self)
        errors = SquaredErrors(self.encoder_, self.decoder_)
        return array_api.like(X, -self._run(errors, X, "score_samples"))

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

    def _run(self, module, X, method, range_tolerance=RANGE_TOLERANCE):
        """What `module` puts out for `X`, given to a method of a fitted estimator."""
        name = f"{type(self).__name__}.{method}"
        array_api.check_same_namespace(X, self._namespace, name)
        rows = self._validate_rows(X)
        result = self._run_on(module, rows)
        warn_out_of_range(*rows.range, self.output_activation_, range_tolerance)
        return result

    def _run_on(self, module, rows):
        return run_in_chunks(module, rows, resolve_device_or_cpu(self.device))

    # The form of the data ---------------------------------------------------------

    def _validate_rows(self, X, *, reset=False, check_values=False):
        """Check `X`, its values too or only when they are read; return Rows."""
        given = X
        refuse_sparse(X)
        X, shape = flatten_images(array_api.to_numpy(X))
        image_shape = None if shape is None else (1, *shape)[-3:]
        if not reset:
            check_image_shape(image_shape, self.image_shape_, type(self).__name__)
        rows = validated_rows(self, X, reset=reset)
        if check_values:
            rows.check()
        if reset:
            self._fitted_shape = shape
            self._namespace = array_api.namespace(given)
            self.image_shape_ = self._choose_image_shape(image_shape, rows.n_features)
        return rows

    def _choose_image_shape(self, image_shape, n_features):
        """The shape of the images that `X` holds; None where it holds flat rows."""
        if image_shape is not None and looks_channels_last(image_shape):
            raise ValueError(channels_last_error(image_shape))
        return image_shape

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
