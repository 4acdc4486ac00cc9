"""BaseAutoencoder: the procedure of all estimators, and the hooks for subclasses."""

import copy
import functools
import math
import numbers
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._callback_tasks import (
    CallbackSupportMixin,
    FitTasks,
    with_callbacks,
    without_callbacks,
)
from skae._data import array_api
from skae._data.check import (
    channels_last_message,
    check_codes,
    check_X,
    looks_channels_last,
    with_channels,
)
from skae._data.rows import Rows, merge_ranges
from skae._docstrings import PAGE, document
from skae._onnx.export import OnnxExport
from skae._output_range import (
    choose_output_activation,
    suits_sigmoid,
    warn_out_of_range,
)
from skae._parameters import CommonParameters
from skae._principal_axes import find_principal_axes
from skae._quality import (
    column_variances,
    explained_variance_ratio,
    some_of,
    warn_if_columns_are_lost,
)
from skae._random import DrawFrom, make_generator, make_random_state
from skae._sampling import choose_samples, log_density
from skae._saved_estimator import SavedEstimator
from skae._training import callbacks, optimizers, resume, schedules
from skae._training.checkpoints import (
    Checkpoints,
    ReceivedCheckpoint,
    checksum_of_net,
    checksum_of_rows,
    text_of,
)
from skae._training.devices import resolve_device, resolve_device_or_cpu
from skae._training.distributed import joined
from skae._training.inference import run_in_chunks
from skae._training.net import AutoencoderNet
from skae._training.threads import SMALL_DATA, one_thread
from skae._types import (
    Density,
    DensityName,
    ImageShape,
    LastActivation,
    MaybeNone,
    RandomState,
)
from skae._validation import (
    MAX_SIZE,
    check_parameters,
    check_value,
    integer,
    naming_memory_errors,
    shown,
)
from skae.densities._choose import make_density
from skae.densities._draws import check_n_samples, check_random_seed, draw
from skae.exceptions import LargeNetworkWarning, NonFiniteError, warn
from skae.nn.autoencoder import (
    Autoencoder,
    Decoder,
    Encoder,
    GaussianEncoder,
    absolute_errors,
    squared_errors,
    squared_jacobian,
)
from skae.nn.corruption import make_corruption
from skae.nn.linear_path import add_linear_path
from skae.nn.losses import LatentPenalty, ReconstructionLoss, combine_losses
from skae.nn.summary import count_parameters, describe, output_shapes, table

# Networks with more parameters than this, and with more than LARGE_RATIO for each value
# in X, are usually a mistake.
LARGE_NETWORK = 10**8
LARGE_RATIO = 10

# An improvement on n held-out samples counts if it is larger than its standard error by a
# factor of 1 + FEW_SAMPLES / n.
FEW_SAMPLES = 10

# Samples of which processes that train together compare the values.
N_COMPARED = 1000

# Training cannot reduce an error that is a smaller share of the variance.
NEGLIGIBLE_ERROR = 1e-6


@document
class BaseAutoencoder(
    SavedEstimator,
    OnnxExport,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CommonParameters,
):
    """Base class of the autoencoders.

    A subclass defines the networks in one method, ``_build_networks(n_features)``. It
    returns two `torch.nn.Module`: the encoder, from samples (batch, n_features) to
    latent codes (batch, n_components), and the decoder, from latent codes to samples.
    Both omit their last activation: `latent_activation` and `output_activation` add it.
    `BaseVariationalAutoencoder` is the base class of variational autoencoders.

    Parameters
    ----------
    {n_components}
    {main_parameters}
    {network_parameters}
    {training_parameters}

    Attributes
    ----------
    {common_attributes}

    See Also
    --------
    DenseAutoencoder : Fully connected networks.
    ConvAutoencoder : Convolutional networks, for images and signals.
    BaseVariationalAutoencoder : Base class of the variational autoencoders.

    Examples
    --------
    A new architecture in a few lines:

    >>> from sklearn.datasets import load_iris
    >>> from torch import nn
    >>> from skae import BaseAutoencoder
    >>> class LinearAutoencoder(BaseAutoencoder):
    ...     def _build_networks(self, n_features):
    ...         encoder = nn.Linear(n_features, self.n_components_)
    ...         decoder = nn.Linear(self.n_components_, n_features)
    ...         return encoder, decoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> LinearAutoencoder(2, max_epochs=5).fit_transform(X).shape
    (150, 2)
    """

    _doc_link_module, _doc_link_template = "skae", PAGE

    n_features_in_: int
    feature_names_in_: np.ndarray
    n_components_: int
    n_iter_: int
    loss_curve_: list[float]
    validation_loss_curve_: list[float] | None
    density_: Any  # its class depends on `latent_density`
    explained_variance_ratio_: float | MaybeNone
    held_out_explained_variance_ratio_: float | None
    output_activation_: LastActivation
    image_shape_: ImageShape | None
    device_: str

    _group: Any = None  # during a fit, the processes that train together

    # Fitting ----------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Train the autoencoder to reconstruct `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, or images of shape (n_samples, height, width) or
            (n_samples, channels, height, width).
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or `X` is invalid, the device is not available, or training
            diverges (NaN or infinite loss). The estimator is then unchanged.
        TypeError
            If `X` is sparse.
        MemoryError
            If the networks do not fit into memory.
        KeyboardInterrupt
            On Ctrl-C. The estimator then holds the model after the last full epoch,
            without a density. It is unchanged if no epoch was completed.
        Exception
            If a callback or the density fails. The estimator is then as after Ctrl-C.
        """
        self._fit(X, y)
        return self

    def fit_transform(self, X: ArrayLike, y: object = None) -> np.ndarray:
        """Fit to `X` and return its latent codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, or images, as for `fit`.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            The same as ``fit(X).transform(X)``.

        Raises
        ------
        ValueError, TypeError, MemoryError
            As for `fit`.
        """
        codes = self._fit(X, y, "fit-transform", return_codes=True)
        return array_api.like(X, codes)

    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:
        """Train for one more epoch, on `X`.

        The learning rate is `lr`, without a schedule, and the optimizer keeps its state.
        The first call starts a new model. Five calls with the same samples equal a fit
        of five epochs with ``lr_schedule="constant"``, ``weight_decay=0`` and the same
        layers, unless PCA leaves little to learn (see `lr`). The networks, `loss`,
        `noise`, `latent_penalty`, `optimizer`, a number for `weight_decay`, `callbacks`
        and `random_state` are those of the first call.

        Each call fits the density to the latent codes of its samples. For streaming
        data, set ``latent_density=None`` and call `fit_density` at the end.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images, as for `fit`; for example a part of a data set that does
            not fit into memory.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As for `fit`, or if `early_stopping` is True, `callbacks` contains an
            LRScheduler, or `n_components` has changed.
        Exception
            Any other error, and Ctrl-C, leave the estimator unchanged.
        """
        self._fit(X, y, "partial-fit", partial=True)
        return self

    @torch.inference_mode(False)
    @torch.enable_grad()
    def _fit(self, X, y, task="fit", *, partial=False, return_codes=False):
        """Fit a copy of the estimator, then adopt its attributes in one assignment.

        An error or Ctrl-C, at any line, leaves the estimator unchanged or as a complete
        model.
        """
        draft = object.__new__(type(self))
        vars(draft).update(vars(self))
        draft._tasks = FitTasks(self, task, (X, y), draft._present_attributes)
        try:
            codes = self._train_with_callbacks(draft, X, partial, return_codes)
        except NonFiniteError:
            raise
        except BaseException:
            if not partial and draft._use_last_epoch(fitted=self):
                self._adopt(draft)
            raise
        self._adopt(draft)
        return codes

    def _adopt(self, draft):
        draft.random_state = self.random_state  # a checkpoint may have replaced it
        vars(draft).pop("_tasks", None)
        self.__dict__ = vars(draft)

    @with_callbacks
    def _train_with_callbacks(self, draft, X, partial, return_codes):
        """Train a draft of the estimator, which holds scikit-learn's callbacks."""
        codes = draft._train(X, partial, return_codes)
        draft._tasks.end()
        return codes

    def _present_attributes(self):
        """Return the attributes of a copy, as fitted up to now, without callbacks."""
        now = object.__new__(type(self))
        vars(now).update(without_callbacks(vars(self), is_fitted=True))
        for name in ("_tasks", "_group"):
            vars(now).pop(name, None)
        now.random_state = copy.deepcopy(self.random_state)  # it shall not be drawn from
        now._net = resume.snapshot(self._net)
        if self._net.tasks_ is None:  # training has ended
            now._sampling_rng = copy.deepcopy(self._sampling_rng)
        else:
            now._set_fitted_attributes()
        return vars(now)

    def _train(self, X, partial, return_codes):
        """Check parameters and data, then train; return the latent codes if asked."""
        check_parameters(self, self._parameter_rules)
        fitted = getattr(self, "_net", None)
        start = fitted if partial or self.warm_start else None
        device = resolve_device(self.device)
        try:
            with joined(self.distributed, device) as self._group:
                rows = self._check_training_data(X, reset=start is None)
                if self._group is not None:
                    self._check_agreement(rows, start)
                checkpoints = None if partial else self._open_checkpoints(rows, start)
                if self._group is not None:
                    checkpoints = self._start_as_first(checkpoints)
                with one_thread(len(rows) * rows.n_features < SMALL_DATA):
                    return self._train_on(
                        rows, device, start, partial, return_codes, checkpoints
                    )
        finally:
            vars(self).pop("_group", None)

    def _check_agreement(self, rows, start):
        """Raise a DistributedError if the processes do not fit the same model."""
        some = rows.take(rows.subsample(N_COMPARED, np.random.RandomState(0)))
        what = {
            "the class": type(self).__qualname__,
            "the shape of X": str((len(rows), *rows.array.shape[1:])),
            "the checksum of X": checksum_of_rows(some),
            "the checksum of the initial weights": checksum_of_net(start),
        }
        for name, value in self.get_params(deep=False).items():
            what[f"the parameter {name}"] = text_of(value)
        self._group.check_agreement(what)

    def _start_as_first(self, checkpoints):
        """Take random state and checkpoint of the first process; return the latter."""
        seed = self.random_state
        if seed is None:
            seed = make_random_state(None).randint(2**31 - 1)
        saved = None if checkpoints is None else checkpoints.saved
        self.random_state, saved = self._group.of_first((seed, saved))
        if self.checkpoint is None or self._group.is_first:
            return checkpoints
        return ReceivedCheckpoint(saved)

    @property
    def _is_first(self):
        """Whether this process writes files, shows progress and fits the density."""
        return self._group is None or self._group.is_first

    def _of_first(self, value):
        """Return the value of the first process, if several train this model."""
        return value if self._group is None else self._group.of_first(value)

    def _open_checkpoints(self, rows, start):
        """Return the checkpoints of this fit, None without; set what they determine.

        If several processes train, the first one reads and writes them.
        """
        if self.checkpoint is None or not self._is_first:
            return None
        what = {
            "the class": type(self).__qualname__,
            "the shape of X": str((len(rows), *rows.array.shape[1:])),
            "the checksum of X": checksum_of_rows(rows),
            "the checksum of the initial weights": checksum_of_net(start),
        }
        checkpoints = Checkpoints(self.checkpoint, self.get_params(deep=False), what)
        if checkpoints.seed is not None:
            self.random_state = checkpoints.seed
        return checkpoints

    def _train_on(self, rows, device, start, partial, return_codes, checkpoints):
        """Build, train, fit the density; return the latent codes if asked."""
        self._choose_output_activation(rows, keep=start is not None, partial=partial)
        resumes = partial and start is not None
        if not resumes:
            self._trained_parameters = self.get_params(deep=False)
            self._choose_sizes(rows, keep=start is not None, partial=partial)
        settings = self._training_settings(len(rows), partial)
        if partial:
            self._check_partial_fit(start, settings)
        axes = self._held_out_ratio = None
        index, validation = self._choose_validation_set(rows, settings["n_held_out"])
        if resumes:
            self._net = resume.resumed(start, str(device), settings)
            self._net.tasks_ = self._tasks
            self._net.train_one_epoch(
                rows, index=index, validation=validation, group=self._group
            )
        elif start is None and not partial and self._compares_with_pca():
            self._train_or_stay_at_pca(rows, device, checkpoints)
        else:
            axes = self._find_axes(rows, index)
            if start is None and not partial:
                settings["lr_factor"] = self._lr_factor(axes)
            self._net = self._build_net(device, settings, axes)
            self._warn_if_large(self._net, rows)
            self._net.train(
                rows,
                start,
                index=index,
                validation=validation,
                checkpoints=checkpoints,
                group=self._group,
            )
        self._set_fitted_attributes()
        self._measure_quality(rows, validation, warn=not partial)
        if not partial:
            self._warn_about_reconstruction(axes)
        return self._fit_to_codes(rows, return_codes=return_codes, warn=not partial)

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted clone, with copies of the callbacks as in a fit.

        scikit-learn would deep-copy all that a callback holds: what it tells a copy of a
        tracker, the tracker does not learn.
        """
        if not callbacks.is_callback_list(self.callbacks):
            return super().__sklearn_clone__()
        bare = object.__new__(type(self))
        bare.__dict__.update(vars(self), callbacks=None)
        cloned = super(BaseAutoencoder, bare).__sklearn_clone__()
        cloned.callbacks = callbacks.clone_callbacks(self.callbacks)
        return cloned

    def _use_last_epoch(self, fitted):
        """Adopt the model after the last full epoch; return False if there is none."""
        net = getattr(self, "_net", None)
        if net is None or net is getattr(fitted, "_net", None):
            return False
        net.use_last_epoch()
        if not net.loss_curve_:
            return False
        self._set_fitted_attributes()
        return True

    def _check_training_data(self, X, *, reset):
        rows, image_shape = check_X(self, X, "fit", reset=reset)
        if reset:
            self._fitted_shape = image_shape
            self.image_shape_ = self._choose_image_shape(
                with_channels(image_shape), rows.n_features
            )
        return rows

    def _choose_output_activation(self, rows, *, keep, partial):
        """Set `output_activation_`; further training keeps what "auto" resolved to."""
        low, high = self._range(rows)  # checks all values
        wanted = self.output_activation
        if keep and (partial or wanted == "auto"):
            wanted = self.output_activation_
        use_sigmoid = wanted == "auto" and suits_sigmoid(
            rows, low, high, is_image=self.image_shape_ is not None
        )
        self.output_activation_ = choose_output_activation(
            wanted, self.loss, low, high, use_sigmoid
        )
        warn_out_of_range(low, high, self.output_activation_)

    def _range(self, rows):
        """Check all values; return the least and the greatest one."""
        if self._group is None:
            return rows.range()
        ranges = self._group.gather_objects(rows.range(self._group.share))
        return functools.reduce(merge_ranges, ranges)

    def _choose_validation_set(self, rows, n_held_out):
        """Return the sorted indices of training samples and of the validation set."""
        if not n_held_out:
            return None, None
        rng = make_random_state(self.random_state) if self.shuffle else None
        return schedules.split(len(rows), n_held_out, rng)

    def _choose_sizes(self, rows, *, keep, partial):
        """Set the sizes that depend on the samples; a warm start keeps its own."""
        if isinstance(self.n_components, numbers.Integral):
            self.n_components_ = int(self.n_components)
        elif not keep and self.n_components is None:
            self.n_components_ = min(len(rows), rows.n_features)
        elif not keep:
            rng = make_random_state(self.random_state)
            axes = find_principal_axes(rows, float(self.n_components), rng)
            self.n_components_ = max(len(axes.stds), 1)
        self._choose_layer_sizes(None if partial else len(rows), keep)

    def _find_axes(self, rows, index=None):
        """Return the principal axes of some rows; None without a linear path."""
        if self.init != "pca":
            return None
        rng = make_random_state(self.random_state)
        return find_principal_axes(rows, self.n_components_, rng, index)

    def _training_settings(self, n_rows, partial, axes=None):
        """Return the parameters of the net that may change between calls.

        `axes` are those that a fit starts at; None for further training.
        """
        n_held_out = schedules.validation_size(
            n_rows, self.validation_fraction, self.early_stopping
        )
        batch_size, max_epochs = schedules.training_length(
            n_rows - n_held_out, self.batch_size, self.max_epochs
        )
        n_steps = math.ceil((n_rows - n_held_out) / batch_size)
        clips = self.max_grad_norm is not None
        return {
            "n_held_out": n_held_out,
            "batch_size": batch_size,
            "max_epochs": 1 if partial else max_epochs,
            "shuffle": bool(self.shuffle),
            "lr": float(self.lr),
            "lr_factor": self._lr_factor(axes),
            "lr_schedule": None if partial else self.lr_schedule,
            "network_decay": 0.0 if partial else self._network_decay(n_steps),
            "precision": self.precision,
            "max_grad_norm": float(self.max_grad_norm) if clips else None,
            "resumable": partial or bool(self.warm_start),
            "verbose": int(self.verbose) if self._is_first else 0,
        }

    def _check_partial_fit(self, fitted, settings):
        is_number = isinstance(self.n_components, numbers.Integral)
        if fitted is not None and is_number and self.n_components != self.n_components_:
            raise ValueError(
                f"n_components={self.n_components} is invalid in partial_fit of a model "
                f"with {self.n_components_} components. Set it back, or use fit."
            )
        callbacks.check_for_partial_fit(
            self.callbacks if fitted is None else fitted.user_callbacks(),
            early_stopping=self.early_stopping,
            validated=settings["n_held_out"] > 0,
        )

    def _compares_with_pca(self):
        """Return whether `fit` decides by held-out samples whether to train at all.

        It does by default, but not if the user asks for a certain length of training, or
        for anything else than the best reconstruction.
        """
        return (
            self.init == "pca"
            and self.max_epochs == "auto"
            and not self.early_stopping
            and self.validation_fraction is None
            and self.noise is None
            and self.latent_penalty is None
        )

    def _train_or_stay_at_pca(self, rows, device, checkpoints):
        """Train, if this reconstructs held-out samples better than PCA does.

        If there are few samples, all of them are used afterwards, to train once more or
        for PCA.
        """
        rng = make_random_state(self.random_state)
        trains_twice = len(rows) <= schedules.MAX_SAMPLES_OF_SMALL
        n_held_out = schedules.comparison_size(len(rows))
        others, held_out = schedules.split(len(rows), n_held_out, rng)
        axes = self._find_axes(rows, others)
        settings = self._training_settings(len(others), partial=False, axes=axes)
        trial = self._build_net(device, settings, axes, is_trial=trains_twice)
        self._warn_if_large(trial, rows)
        if not trains_twice:
            self._net = trial
        # Training twice is quick: only the second one has checkpoints.
        of_trial = None if trains_twice else checkpoints
        improves = self._of_first(
            self._train_to_improve(trial, rows, others, held_out, axes, of_trial)
        )
        if trains_twice:
            axes = self._find_axes(rows)
            settings = self._training_settings(len(rows), partial=False, axes=axes)
            if improves:
                improves = self._train_with_all(rows, device, settings, axes, checkpoints)
        if not improves:
            self._net = self._build_net(device, settings, axes)
            self._net.train(rows, epochs=0)

    def _train_with_all(self, rows, device, settings, axes, checkpoints):
        """Train on all samples; return whether these are reconstructed better."""
        self._net = self._build_net(device, settings, axes)
        before = self._compared_errors(rows, self._net).mean()
        self._net.train(rows, checkpoints=checkpoints, group=self._group)
        after = self._compared_errors(rows, self._net).mean()
        return self._of_first(after < before)

    def _train_to_improve(self, net, rows, others, held_out, axes, checkpoints):
        """Train a net; return whether it reconstructs held-out samples better.

        Set the share of their variance that the better one of both models explains.
        """
        if len(held_out) < 2:
            return False
        held_out = rows.take(held_out)
        before = self._compared_errors(held_out, net)
        start = self._errors(held_out, net, squared_errors)
        X = held_out.to_numpy()
        self._held_out_ratio = explained_variance_ratio(X, start.mean())
        if self._of_first(start.mean() <= NEGLIGIBLE_ERROR * axes.scale**2):
            return False
        net.train(rows, index=others, checkpoints=checkpoints, group=self._group)
        improvements = before - self._compared_errors(held_out, net)
        standard_error = improvements.std(ddof=1) / math.sqrt(len(improvements))
        threshold = (1 + FEW_SAMPLES / len(improvements)) * standard_error
        improves = improvements.mean() > threshold
        if improves:
            error = self._errors(held_out, net, squared_errors).mean()
            self._held_out_ratio = explained_variance_ratio(X, error)
        return improves

    def _compared_errors(self, rows, net):
        """Return the error of each sample that training is judged by."""
        is_absolute = self.loss == "absolute_error"
        return self._errors(rows, net, absolute_errors if is_absolute else squared_errors)

    def _errors(self, rows, net, function):
        networks = [net.module__encoder, net.module__decoder]  # trained in place
        return self._run(rows, networks, function)[0].astype(np.float64)

    def _build_net(self, device, settings, axes, *, is_trial=False):
        """Return the untrained net, with fresh networks."""
        generator = make_generator(self.random_state)
        copied = callbacks.copy_callbacks(
            self.callbacks, validated=settings["n_held_out"] > 0
        )
        if self.early_stopping:
            copied.append(callbacks.make_early_stopping(self.n_iter_no_change, self.tol))
        if settings["lr_schedule"] is not None:
            lr_schedule = callbacks.choose_schedule(settings["lr_schedule"], copied)
            settings = settings | {"lr_schedule": lr_schedule}
        if is_trial:
            copied, settings = [], settings | {"verbose": 0}
        module = self._build_module(generator, axes)
        net = self._make_net(module, generator, device, settings, copied)
        net.tasks_ = None if is_trial else self._tasks
        return net

    def _lr_factor(self, axes):
        """Return the factor of the learning rate: small if PCA leaves little to learn.

        It is for a fit that starts at the PCA of all of its samples. Further samples, or
        weights from another fit, may leave more to learn.
        """
        starts_exactly_at_pca = (
            axes is not None
            and self.output_activation_ == self.latent_activation == "identity"
            and self.noise is None
            and self.latent_penalty is None
        )
        if not starts_exactly_at_pca:
            return 1.0
        return optimizers.step_factor(self.optimizer, axes.residual_std)

    @property
    def _chooses_weight_decay(self):
        return isinstance(self.weight_decay, str)  # "auto"

    def _network_decay(self, n_steps):
        """Return the decay of the networks, for `n_steps` in an epoch."""
        if self.init != "pca" or not self._chooses_weight_decay:
            return 0.0
        return optimizers.network_decay(self.optimizer, self.n_features_in_, n_steps)

    def _make_net(
        self, module, generator, device, settings, callbacks=(), optimizer_device=None
    ):
        """Return the net for a module, with the loss and the optimizer.

        The options of the optimizer are those for `optimizer_device`, by default
        `device`.
        """
        return AutoencoderNet(
            module.encoder,
            module.decoder,
            make_corruption(self.noise, self.noise_level),
            criterion=self._make_loss(module),
            generator=generator,
            device=str(device),
            **optimizers.optimizer_params(
                self.optimizer,
                0.0 if self._chooses_weight_decay else float(self.weight_decay),
                optimizer_device or device,
                self.n_features_in_ if self.init == "pca" else None,
            ),
            callbacks=list(callbacks),
            **settings,
        )

    def _build_module(self, generator, axes):
        """Build the networks with random numbers of `generator`, and check them.

        With ``init="pca"``, add the linear paths along the principal axes.
        """
        drawing = DrawFrom(generator)
        try:
            with drawing:
                networks = self._build_networks(self.n_features_in_)
                self._check_modules(networks)
                module = self._make_module(*networks).float()
                self._check_outputs(module)
                if self.init == "pca":
                    self._start_at_pca(module, axes)
        except RuntimeError as error:
            if "allocate" not in str(error):
                raise
            raise MemoryError(
                f"The networks of {type(self).__name__} for {self.n_features_in_} "
                f"features and n_components={self.n_components_} do not fit into memory. "
                f"torch reports: {error}. Use fewer n_components or smaller layers."
            ) from error
        finally:
            drawing.close()
        return module

    def _start_at_pca(self, module, axes):
        _, stds = axes.padded(self.n_components_)
        add_linear_path(
            module,
            axes,
            self.n_components_,
            self.latent_activation,
            self.output_activation_,
            self._initial_noise(axes, stds),
        )

    def _check_modules(self, networks):
        is_pair = isinstance(networks, tuple | list) and len(networks) == 2
        if not is_pair or not all(isinstance(part, nn.Module) for part in networks):
            raise TypeError(
                f"{type(self).__name__}._build_networks returned {shown(networks)}; must "
                "be an encoder and a decoder, both torch.nn.Module."
            )

    def _check_outputs(self, module, device="cpu"):
        """Raise a ValueError if a network returns an array of the wrong shape."""
        sizes = (
            ("encoder", self.n_features_in_, self._n_encoder_outputs()),
            ("decoder", self.n_components_, self.n_features_in_),
        )
        with torch.no_grad():
            module.eval()
            for name, n_in, n_out in sizes:
                sample = torch.zeros(1, n_in, device=device)
                try:
                    output = getattr(module, name).body(sample)
                except RuntimeError as error:
                    raise ValueError(
                        f"The {name} of {type(self).__name__}._build_networks cannot be "
                        f"applied to one sample with {n_in} values; it must take an "
                        f"array of shape (batch, {n_in})."
                    ) from error
                shape = tuple(getattr(output, "shape", ()))
                if shape != (1, n_out):
                    kind = type(output).__name__
                    raise ValueError(
                        f"The {name} of {type(self).__name__}._build_networks returned "
                        f"a {kind} of shape {shape} for one sample with {n_in} values; "
                        f"must be (1, {n_out})."
                    )

    def _warn_if_large(self, net, rows):
        weights = net.module__encoder, net.module__decoder
        n_parameters = sum(p.numel() for part in weights for p in part.parameters())
        n_values = len(rows) * rows.n_features
        if n_parameters > max(LARGE_NETWORK, LARGE_RATIO * n_values):
            warn(
                f"The networks have {n_parameters:,} parameters for {n_values:,} values "
                f"in X, and take about {16 * n_parameters / 2**30:.1f} GiB in training. "
                "Use smaller layers; for images, a ConvAutoencoder with more "
                "conv_channels, each of which halves the image.",
                LargeNetworkWarning,
            )

    def _set_fitted_attributes(self):
        """Set the attributes that describe the trained net; there is no density yet."""
        net = self._net
        self.loss_curve_ = list(net.loss_curve_)
        self.validation_loss_curve_ = None
        if net.n_held_out:
            self.validation_loss_curve_ = list(net.validation_loss_curve_)
        self.n_iter_ = len(net.loss_curve_)
        self.device_ = net.device
        self._n_features_out = self.n_components_
        self.explained_variance_ratio_ = self._noise_variance = None
        self.held_out_explained_variance_ratio_ = None
        self.density_ = self._noise_std = self._variances = None
        self._sampling_rng = make_random_state(self.random_state)

    def _measure_quality(self, rows, validation, *, warn):
        """Set the attributes that describe the reconstruction of training samples."""
        some = some_of(rows)
        X, errors = self._errors_by_column(some)
        variances = column_variances(X)
        if warn:
            warn_if_columns_are_lost(variances, errors)
        self.explained_variance_ratio_ = explained_variance_ratio(X, errors)
        # Lists: scikit-learn wants arrays among the attributes to be of the type of X.
        self._noise_variance = self._find_noise_variance(some, X, errors).tolist()
        self._variances = variances.tolist()
        self.held_out_explained_variance_ratio_ = self._held_out_ratio
        if validation is not None and len(validation) > 1:
            held_out = self._errors_by_column(some_of(rows.take(validation)))
            self.held_out_explained_variance_ratio_ = explained_variance_ratio(*held_out)

    def _errors_by_column(self, rows):
        """Return the values of samples, and the mean squared error of each column."""
        X = rows.to_numpy()
        with np.errstate(over="ignore"):  # larger than float32, if X is
            return X, np.square(self._reconstruct_rows(rows) - X).mean(axis=0)

    def _fit_to_codes(self, rows, *, return_codes, warn):
        """Encode the training samples once, for the density and for `fit_transform`."""
        rng = make_random_state(self.random_state)
        index = choose_samples(rows, self.latent_density, rng)
        needed = return_codes or self.latent_density is not None or self._needs_codes
        if not needed:
            return None
        encoded = rows if return_codes else rows.take(index)
        codes, density_codes = self._encode_training_data(encoded, rng)
        if warn:
            self._warn_about_codes()
        if return_codes and index is not None:
            density_codes = density_codes[index]
        self._set_density(density_codes, self.latent_density, rng)
        return codes

    # Hooks for subclasses ---------------------------------------------------------

    # Whether training samples are encoded even if no density is fitted.
    _needs_codes: bool = False

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        """Return the encoder and the decoder, without their last activations.

        A new architecture needs to define this hook only. It may use all parameters of
        the estimator, `n_components_`, `image_shape_` and `output_activation_`. Initial
        weights are drawn with the estimator's `random_state`. Modules may change their
        input in place. With ``init="pca"``, each last layer is set to zero, and a linear
        map is added to the output.

        Parameters
        ----------
        n_features : int
            Number of features of a flat sample.

        Returns
        -------
        encoder : torch.nn.Module
            Maps (batch, n_features) to (batch, n_components).
        decoder : torch.nn.Module
            Maps (batch, n_components) to (batch, n_features).
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define _build_networks(n_features), which "
            "returns an encoder and a decoder, both torch.nn.Module."
        )

    def _choose_image_shape(self, image_shape, n_features):
        """Return `image_shape_` for the images in `X`; None for flat samples.

        Parameters
        ----------
        image_shape : tuple of int or None
            (channels, height, width) of the images in `X`.
        n_features : int
        """
        if image_shape is not None and looks_channels_last(image_shape):
            raise ValueError(channels_last_message(image_shape))
        return image_shape

    def _n_encoder_outputs(self):
        """Return the number of outputs of the encoder's network."""
        return self.n_components_

    def _choose_layer_sizes(self, n_samples, keep):
        """Set the sizes of layers that depend on the number of samples.

        Parameters
        ----------
        n_samples : int or None
            None if it is not known, in `partial_fit`.
        keep : bool
            Whether a warm start keeps what "auto" was resolved to.
        """

    def _initial_noise(self, axes, stds):
        """Return the variances of random codes at the start; None without random codes.

        Parameters
        ----------
        axes : PrincipalAxes
        stds : ndarray of shape (n_components,)
            Standard deviations along the axes.
        """

    def _make_module(self, encoder, decoder):
        """Return the `Autoencoder` of two networks, which adds their last activations."""
        return Autoencoder(
            Encoder(encoder, self.latent_activation),
            Decoder(decoder, self.output_activation_),
        )

    def _make_loss(self, module):
        """Return the loss: a module of the outputs of `Autoencoder.forward` and X."""
        return combine_losses(self._make_reconstruction_loss(), self._latent_terms())

    def _make_reconstruction_loss(self):
        return ReconstructionLoss(self.loss, self.output_activation_)

    def _latent_terms(self):
        """Return the terms of the loss that depend on the latent codes."""
        if self.latent_penalty is None:
            return []
        return [LatentPenalty(self.latent_penalty, float(self.latent_penalty_weight))]

    def _encode_training_data(self, rows, rng):
        """Encode training samples, and set what depends on their latent codes.

        Returns
        -------
        codes, density_codes : ndarray of shape (n_samples, n_components)
            What `transform` returns, and what the density is fitted to.
        """
        codes = self._encode_for_density(rows, rng)
        return codes, codes

    def _encode_for_density(self, rows, rng):
        """Return the latent codes of samples to which the density is fitted."""
        return self._run(rows, [self.encoder_])[0]

    def _find_noise_variance(self, rows, X, squared_errors):
        """Return the variance of the noise in each column.

        Parameters
        ----------
        rows : Rows
        X : ndarray of shape (n_samples, n_features)
            The values of `rows`.
        squared_errors : ndarray of shape (n_features,)
            Mean squared reconstruction errors.
        """
        return squared_errors

    def _add_noise(self, samples, rng):
        """Return flat generated samples, with noise if they need it."""
        return samples

    def _warn_about_codes(self):
        """Warn if the latent codes of a trained model carry no information."""

    def _warn_about_reconstruction(self, axes):
        """Warn if a trained model reconstructs badly.

        Parameters
        ----------
        axes : PrincipalAxes or None
        """

    def _make_density(self, latent_density, rng):
        """Return an unfitted density that takes its random numbers from `rng`."""
        return make_density(latent_density, rng)

    def _latent_paths(self, starts, ends, shares):
        """Return latent codes on the paths from `starts` to `ends`.

        Parameters
        ----------
        starts, ends : ndarray of shape (n_samples, n_components)
        shares : ndarray of shape (n_steps,)
            Positions on each path, from 0 to 1.

        Returns
        -------
        ndarray of shape (n_samples, n_steps, n_components)
        """
        return starts[:, None] + shares[:, None] * (ends - starts)[:, None]

    # The fitted model -------------------------------------------------------------

    @property
    def module_(self) -> Autoencoder:
        """The trained module: encoder and decoder."""
        check_is_fitted(self)
        return self._net.module_

    @property
    def encoder_(self) -> Encoder | GaussianEncoder:
        """Module from flat samples (batch, n_features) to codes (batch, n_components)."""
        return self.module_.encoder

    @property
    def decoder_(self) -> Decoder:
        """Module from codes (batch, n_components) to flat samples (batch, n_features)."""
        return self.module_.decoder

    @property
    def noise_variance_(self) -> np.ndarray | MaybeNone:
        """Variance of the reconstruction errors in each column."""
        check_is_fitted(self)
        return None if self._noise_variance is None else np.array(self._noise_variance)

    @property
    def history_(self) -> Any:
        """Record of the training by skorch, by epoch."""
        check_is_fitted(self)
        return self._net.history

    @property
    def callbacks_(self) -> list[tuple[str, Any]]:
        """The fitted copies of `callbacks`, as (name, callback) pairs."""
        check_is_fitted(self)
        return self._net.user_callbacks()

    @property
    def n_parameters_(self) -> int:
        """Number of parameters of the networks."""
        return count_parameters(self.module_)

    @property
    def encoder_shapes_(self) -> list[tuple[int, ...]]:
        """Output shapes of the encoder's layers that have parameters."""
        return output_shapes(describe(self)[0])

    @property
    def decoder_shapes_(self) -> list[tuple[int, ...]]:
        """Output shapes of the decoder's layers that have parameters."""
        return output_shapes(describe(self)[1])

    def summary(self) -> str:
        """Return the layers of the networks as a table.

        Returns
        -------
        table : str
            Layers, their output shapes for one sample, and their numbers of parameters.
            Activations, and other layers without parameters that keep the shape, are
            in the line of the layer before them. Shared parameters are counted once.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skae import DenseAutoencoder
        >>> X, _ = load_iris(return_X_y=True)
        >>> autoencoder = DenseAutoencoder(2, hidden_layer_sizes=(8,), max_epochs=5)
        >>> print(autoencoder.fit(X).summary())
        DenseAutoencoder    output shape    parameters
        ----------------------------------------------
        encoder                                     68
          input             4
          Linear + ReLU     8                       40
          Linear            2                       18
          linear path       2                       10
        decoder                                     72
          latent code       2
          Linear + ReLU     8                       24
          Linear            4                       36
          linear path       4                       12
        ----------------------------------------------
        total                                      140
        """
        return table(self)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Encode `X` to latent codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            Latent codes, in float64 if `X` is, else in float32.
        """
        return self._apply("transform", X, [self.encoder_])

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Decode latent codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Latent codes, as `transform` returns them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Samples; images if `fit` was given images.
        """
        check_is_fitted(self)
        codes = check_codes(self, X, "inverse_transform", self._n_features_out)
        return array_api.like(X, self._decode(codes))

    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """Encode and decode `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            The same as ``inverse_transform(transform(X))``.
        """
        return self._apply(
            "reconstruct", X, [self.encoder_, self.decoder_], convert=self._in_fitted_form
        )

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the mean squared reconstruction error of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In squared units of `X`, at most 0; higher means a better reconstruction.
        """
        return self._apply(
            "score_samples",
            X,
            [self.encoder_, self.decoder_],
            squared_errors,
            convert=np.negative,
        )

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return minus the mean squared reconstruction error over all elements.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        score : float
            In squared units of `X`, at most 0; higher is better. Multiplied by
            n_features, it is minus the mean squared distance of a sample from its
            reconstruction.
        """
        scores = array_api.to_numpy(self.score_samples(X))
        return float(np.mean(scores, dtype=np.float64))

    def feature_importances(self, X: ArrayLike) -> np.ndarray:
        """Return how strongly each feature moves each latent component.

        It is the root mean square, over the samples, of the derivative of the component
        by the feature, times the standard deviation of the feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`. Of more than 2,000, a random part
            is used.

        Returns
        -------
        importances : ndarray of shape (n_components, n_features)
            At least 0, in units of the latent codes: by how much a component changes if
            the feature changes by its standard deviation; for images, the features are
            the pixels. float64 if `X` is, else float32.
        """
        check_is_fitted(self)
        rows, _ = check_X(self, X, "feature_importances")
        some = some_of(rows)
        squares, _ = self._run(some, [self.encoder_], squared_jacobian)
        importances = np.sqrt(squares.mean(axis=0)) * some.to_numpy().std(axis=0)
        return array_api.like(X, importances.astype(squares.dtype))

    # Generating -------------------------------------------------------------------

    def fit_density(
        self, X: ArrayLike, latent_density: DensityName | Density | None = None
    ) -> Self:
        """Fit a density to the latent codes of `X`, without changing the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.
        latent_density : str or density, default=None
            As for the parameter of the estimator; None uses that parameter.

        Returns
        -------
        self : object
            The estimator, with a new `density_`.

        Raises
        ------
        ValueError
            If `latent_density` or `X` is invalid. `density_` is then unchanged.
        """
        check_is_fitted(self)
        if latent_density is None:
            latent_density = self.latent_density
        if latent_density is None:
            raise ValueError(
                f"{type(self).__name__} has latent_density=None, which fits no density. "
                "Pass one, for example fit_density(X, 'gaussian_mixture')."
            )
        caller = f"{type(self).__name__}.fit_density"
        rules = self._parameter_rules
        check_value(caller, "latent_density", latent_density, rules["latent_density"])
        check_value(caller, "random_state", self.random_state, rules["random_state"])
        rows, _ = check_X(self, X, "fit_density")
        rng = make_random_state(self.random_state)
        index = choose_samples(rows, latent_density, rng)
        codes = self._encode_for_density(rows.take(index), rng)
        largest = np.abs(codes).max()
        if not largest <= np.finfo(np.float32).max:
            raise ValueError(
                f"X has latent codes as large as {largest:.3g}, beyond the range of "
                "float32, in which they are decoded. Scale X as the training data."
            )
        self._set_density(codes, latent_density, rng)
        return self

    def sample(
        self,
        n_samples: int = 1,
        *,
        random_state: RandomState = None,
    ) -> np.ndarray:
        """Generate samples: draw latent codes from `density_` and decode them.

        Codes are clipped to the range of `latent_activation`. Variational models of
        tables draw from the likelihood: they add noise of variance `noise_variance_`, and
        more to columns that would else vary less than in the training samples. Models of
        images, or with an output activation, return the mean.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples; at least 1.
        random_state : int, RandomState instance or None, default=None
            An int draws the same samples each time. None continues the estimator's own
            sequence of random numbers, which `fit` and `fit_density` start again.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Samples; images if `fit` was given images.

        Raises
        ------
        ValueError
            If a parameter is invalid, or there is no density.
        """
        with naming_memory_errors(
            f"{type(self).__name__}.sample", "n_samples", n_samples
        ):
            codes, rng = self._draw_codes("sample", n_samples, random_state)
            samples, _ = self._run(Rows(codes), [self.decoder_])
            return self._in_fitted_form(self._add_noise(samples, rng))

    def sample_latent(
        self,
        n_samples: int = 1,
        *,
        random_state: RandomState = None,
    ) -> np.ndarray:
        """Draw latent codes from `density_`: those that `sample` decodes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of latent codes; at least 1.
        random_state : int, RandomState instance or None, default=None
            As for `sample`, which decodes the same codes for the same int.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            In float32, within the range of `latent_activation`.

        Raises
        ------
        ValueError
            If a parameter is invalid, or there is no density.
        """
        caller = f"{type(self).__name__}.sample_latent"
        with naming_memory_errors(caller, "n_samples", n_samples):
            return self._draw_codes("sample_latent", n_samples, random_state)[0]

    def latent_log_density(self, X: ArrayLike) -> np.ndarray:
        """Return the log-density of the latent codes of `X`.

        `score_samples` measures how well a sample is reconstructed; this measures how
        typical its latent code is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm; higher is more typical. float64 if `X` is, else float32.

        Raises
        ------
        ValueError
            If there is no density, or it has no `score_samples`.
        """
        density = self._fitted_density("latent_log_density")
        return self._apply(
            "latent_log_density",
            X,
            [self.encoder_],
            convert=lambda codes: log_density(density, codes),
        )

    def interpolate(
        self, X_a: ArrayLike, X_b: ArrayLike, n_steps: int = 10
    ) -> np.ndarray:
        """Interpolate between pairs of samples in latent space.

        The path between two latent codes is a straight line; for variational models it
        is an arc of the sphere around which their prior concentrates (White 2016,
        "Sampling generative networks").

        Parameters
        ----------
        X_a : array-like of shape (n_samples, n_features)
            Samples, or images, at the start of each path.
        X_b : array-like of shape (n_samples, n_features)
            Samples, or images, at the end of each path.
        n_steps : int, default=10
            Number of equally spaced points on each path, including its ends; at least 2.

        Returns
        -------
        X : ndarray of shape (n_samples, n_steps, n_features)
            Decoded latent codes; images if `fit` was given images.

        Raises
        ------
        ValueError
            If `X_a` and `X_b` have different numbers of samples, or `n_steps` is
            invalid.
        """
        check_is_fitted(self)
        caller = f"{type(self).__name__}.interpolate"
        check_value(caller, "n_steps", n_steps, integer(2, MAX_SIZE))
        starts, ends = (self._encode("interpolate", X) for X in (X_a, X_b))
        if len(starts) != len(ends):
            raise ValueError(
                f"{caller}: X_a has {len(starts)} and X_b has {len(ends)} samples; both "
                "must have the same number of samples."
            )
        with naming_memory_errors(caller, "n_steps", n_steps):
            shares = np.linspace(0, 1, int(n_steps), dtype=starts.dtype)
            paths = self._latent_paths(starts, ends, shares)
            codes = np.ascontiguousarray(paths.reshape(-1, paths.shape[2]))
            decoded = self._decode(Rows(codes))
        return array_api.like(X_a, decoded.reshape(*paths.shape[:2], *decoded.shape[1:]))

    # One way to run the networks --------------------------------------------------

    def _apply(self, method, X, modules, function=None, *, convert=None):
        """Check `X`, run modules on it and convert the result back.

        A method that runs the decoder warns if `X` exceeds the range of its output.

        Parameters
        ----------
        method : str
            Name of the public method.
        X : array-like
        modules : list of torch.nn.Module
        function : callable, default=None
            Called with a chunk of samples and the modules; None applies the modules one
            after the other.
        convert : callable, default=None
            Applied to the result, a NumPy array.
        """
        results = self._checked_run(method, X, modules, function)
        return array_api.like(X, results if convert is None else convert(results))

    def _encode(self, method, X):
        return self._checked_run(method, X, [self.encoder_])

    def _checked_run(self, method, X, modules, function=None):
        rows, _ = check_X(self, X, method)
        results, value_range = self._run(rows, modules, function)
        if self.decoder_ in modules:
            warn_out_of_range(*value_range, self.output_activation_)
        return results

    def _run(self, rows, modules, function=None):
        """Return the results of modules for checked samples, and the samples' range."""
        device = resolve_device_or_cpu(self.device)
        results, value_range = run_in_chunks(rows, device, modules, function)
        if not get_config()["assume_finite"] and not np.isfinite(results).all():
            raise NonFiniteError(
                "The networks return NaN or infinite values for X. Scale X as the "
                "training data; if it is the training data, training has diverged: fit "
                f"with a lower learning rate than lr={shown(self.lr)}."
            )
        return results, value_range

    def _reconstruct_rows(self, rows):
        return self._run(rows, [self.encoder_, self.decoder_])[0]

    def _decode(self, codes):
        return self._in_fitted_form(self._run(codes, [self.decoder_])[0])

    def _in_fitted_form(self, samples):
        if self._fitted_shape is None:
            return samples
        return samples.reshape(-1, *self._fitted_shape)

    # The density ------------------------------------------------------------------

    def _set_density(self, codes, latent_density, rng):
        """Fit `density_` to latent codes; None if `latent_density` is None."""
        density = None
        if latent_density is not None and self._is_first:
            density = self._make_density(latent_density, rng)
            density.fit(codes)
        self.density_, self._sampling_rng, self._noise_std = density, rng, None
        if self._group is not None:
            content = {"density_": density} | self._saved_density()
            self._load_density(self._group.of_first(content))

    def _saved_density(self):
        """Return the attributes of the density to save; the object saves itself."""
        keys, *others = self._sampling_rng.get_state()[1:]
        return {"_sampling_rng": ["MT19937", keys, *others]}

    def _restore_density(self):
        """Restore what `_saved_density` leaves out."""

    def _fitted_density(self, method):
        check_is_fitted(self)
        if self.density_ is None:
            raise ValueError(
                f"{type(self).__name__}.{method} requires a density of the latent codes, "
                "but none was fitted: latent_density is None, or fit was interrupted. "
                "Call fit_density(X, 'gaussian_mixture')."
            )
        return self.density_

    def _draw_codes(self, method, n_samples, random_state):
        density = self._fitted_density(method)
        caller = f"{type(self).__name__}.{method}"
        n_samples = check_n_samples(n_samples, caller)
        rng = self._sampling_rng
        if random_state is not None:
            check_random_seed(random_state, caller)
            rng = make_random_state(random_state)
        codes = draw(density, n_samples, rng, self._n_features_out)
        low, high = self.encoder_.range
        return codes.clip(low, high).astype(np.float32, order="C"), rng

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.three_d_array = True
        tags.array_api_support = True
        return tags
