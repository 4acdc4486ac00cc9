"""BaseVariationalAutoencoder: random latent codes and a divergence from their prior."""

import os
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skae._base import BaseAutoencoder
from skae._data import array_api
from skae._data.rows import Rows
from skae._docstrings import document
from skae._types import (
    Activation,
    Auto,
    Density,
    DensityName,
    Init,
    LastActivation,
    LearnedScale,
    Likelihood,
    MaybeNone,
    Noise,
    Optimizer,
    Penalty,
    Precision,
    RandomState,
    Schedule,
)
from skae._validation import integer, one_of, real
from skae.densities import FlowPrior
from skae.densities._draws import draw
from skae.exceptions import PosteriorCollapseWarning, warn
from skae.nn.autoencoder import (
    Autoencoder,
    Decoder,
    GaussianEncoder,
    posterior_parameters,
)
from skae.nn.flows import CouplingFlow
from skae.nn.losses import (
    FlowPriorDivergence,
    LearnedScaleLoss,
    PriorDivergence,
    combine_losses,
)

# Units in the hidden layers of the flow's networks.
FLOW_HIDDEN_SIZE = 128

# "auto" has this number of layers in the flow, but none for few samples, which cannot
# train a flow better than a density that is fitted to the codes.
N_FLOW_LAYERS = 12
MIN_SAMPLES_OF_FLOW = 10_000

# Bounds of the variances of random codes at the start of training.
INITIAL_NOISE = (1e-4, 0.9)

# Codes that are decoded to find the variance of samples without noise.
N_DECODED = 2_000

# A divergence below this, in nats, means that a component carries no information.
COLLAPSE_THRESHOLD = 0.01

# Reconstructions that explain less than this share of what PCA explains are warned of.
MIN_SHARE_OF_PCA = 0.5


def variational_rules(rules):
    """Return the parameter rules of a variational model from those of the plain one."""
    kept = {name: rule for name, rule in rules.items() if name != "latent_activation"}
    return kept | {
        "loss": one_of(*get_args(Likelihood)),
        "beta": real(0),
        "n_flow_layers": one_of("auto") | integer(0, 1000),
    }


@document
class BaseVariationalAutoencoder(BaseAutoencoder):
    """Base class of the variational autoencoders.

    A subclass defines the networks by ``_build_networks(n_features)``, as for
    `BaseAutoencoder`, with one difference: the encoder returns two values for each
    component, (batch, 2 * n_components). The first half are the means of the latent
    codes, the second half the logarithms of their variances.

    Parameters
    ----------
    {n_components}
    {main_parameters}
    {variational_parameters}
    {training_parameters}

    Attributes
    ----------
    {common_attributes}
    {variational_attributes}

    See Also
    --------
    DenseVariationalAutoencoder : Fully connected networks.
    ConvVariationalAutoencoder : Convolutional networks, for images and signals.

    References
    ----------
    .. [1] Diederik Kingma and Max Welling, "Auto-encoding variational Bayes", ICLR
       2014.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from torch import nn
    >>> from skae import BaseVariationalAutoencoder
    >>> class LinearVAE(BaseVariationalAutoencoder):
    ...     def _build_networks(self, n_features):
    ...         encoder = nn.Linear(n_features, 2 * self.n_components_)
    ...         decoder = nn.Linear(self.n_components_, n_features)
    ...         return encoder, decoder
    >>> X, _ = load_iris(return_X_y=True)
    >>> LinearVAE(2, max_epochs=5).fit(X).sample(3).shape
    (3, 4)
    """

    n_flow_layers_: int
    density_: Any  # as in the base class

    _parameter_rules = variational_rules(BaseAutoencoder._parameter_rules)
    _needs_codes = True

    def __init__(
        self,
        n_components: int | float | None = 32,
        *,
        max_epochs: int | Auto = "auto",
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        batch_size: int | Auto = "auto",
        init: Init = "pca",
        activation: Activation = "relu",
        output_activation: LastActivation | Auto = "auto",
        loss: Likelihood = "gaussian",
        beta: float = 1.0,
        n_flow_layers: int | Auto = "auto",
        noise: Noise | None = None,
        noise_level: float = 0.25,
        latent_penalty: Penalty | None = None,
        latent_penalty_weight: float = 1e-3,
        latent_density: DensityName | Density | None = "gaussian_mixture",
        optimizer: Optimizer = "adam",
        lr: float = 5e-3,
        lr_schedule: Schedule | Auto = "auto",
        weight_decay: float | Auto = "auto",
        max_grad_norm: float | None = None,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float | None = None,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Any] | None = None,
        precision: Precision = "float32",
        distributed: bool = True,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(
            n_components,
            max_epochs=max_epochs,
            device=device,
            random_state=random_state,
            batch_size=batch_size,
            init=init,
            activation=activation,
            output_activation=output_activation,
            loss=loss,
            noise=noise,
            noise_level=noise_level,
            latent_penalty=latent_penalty,
            latent_penalty_weight=latent_penalty_weight,
            latent_density=latent_density,
            optimizer=optimizer,
            lr=lr,
            lr_schedule=lr_schedule,
            weight_decay=weight_decay,
            max_grad_norm=max_grad_norm,
            shuffle=shuffle,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            checkpoint=checkpoint,
            callbacks=callbacks,
            precision=precision,
            distributed=distributed,
            verbose=verbose,
        )
        self.beta = beta
        self.n_flow_layers = n_flow_layers

    def posterior(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations of the latent codes of `X`.

        Given a sample, the components of its latent code are independent normal
        variables.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            Means, as returned by `transform`.
        std : ndarray of shape (n_samples, n_components)
            Standard deviations.
        """
        check_is_fitted(self)
        both = self._checked_run("posterior", X, [self.encoder_], posterior_parameters)
        mean, std = np.split(both, 2, axis=1)
        return array_api.like(X, mean), array_api.like(X, std)

    @property
    def encoder_(self) -> GaussianEncoder:
        """Module from flat samples (batch, n_features) to means of latent codes."""
        encoder: Any = self.module_.encoder
        return encoder

    @property
    def kl_per_component_(self) -> np.ndarray | MaybeNone:
        """Divergence of each component from the prior, in nats."""
        check_is_fitted(self)
        return None if self._divergences is None else np.array(self._divergences)

    # Hooks ------------------------------------------------------------------------

    def _choose_layer_sizes(self, n_samples, keep):
        super()._choose_layer_sizes(n_samples, keep)
        if self.n_flow_layers != "auto":
            self.n_flow_layers_ = int(self.n_flow_layers)
        elif not keep:
            has_few = n_samples is not None and n_samples < MIN_SAMPLES_OF_FLOW
            self.n_flow_layers_ = 0 if has_few else N_FLOW_LAYERS

    def _n_encoder_outputs(self):
        return 2 * self.n_components_

    def _make_module(self, encoder, decoder):
        flow = None
        if self._has_flow():
            sizes = self.n_components_, self.n_flow_layers_, FLOW_HIDDEN_SIZE
            flow = CouplingFlow(*sizes)
        return Autoencoder(
            GaussianEncoder(encoder, flow), Decoder(decoder, self.output_activation_)
        )

    def _initial_noise(self, axes, stds):
        """Return the variances of probabilistic PCA's codes (Tipping and Bishop 1999)."""
        noise = axes.noise_variance / np.square(stds)
        return noise.clip(*INITIAL_NOISE)

    def _lr_factor(self, axes):
        return 1.0  # random codes leave more to learn than PCA

    def _network_decay(self, n_steps):
        # Larger codes make up for smaller weights; only a flow allows them.
        return super()._network_decay(n_steps) if self._has_flow() else 0.0

    def _has_flow(self):
        return self.n_flow_layers_ > 0 and self.n_components_ > 1  # one has no pair

    def _make_loss(self, module):
        divergence = PriorDivergence
        if module.encoder.flow is not None:
            divergence = FlowPriorDivergence
        terms = [*self._latent_terms(), divergence(float(self.beta), self.n_features_in_)]
        return combine_losses(self._make_reconstruction_loss(), terms)

    def _make_reconstruction_loss(self):
        if self.loss in get_args(LearnedScale):
            return LearnedScaleLoss(self.loss, self.output_activation_)
        return super()._make_reconstruction_loss()

    def _set_fitted_attributes(self):
        super()._set_fitted_attributes()
        self._divergences = None

    def _compares_with_pca(self):
        return False  # training does not only serve the reconstruction

    def _encode_training_data(self, rows, rng):
        mean, std = self._posterior(rows)
        with np.errstate(all="ignore"):  # codes that are not finite are reported later
            self._divergences = self._divergence_per_component(mean, std)
        return np.ascontiguousarray(mean), self._codes_for_density(mean, std, rng)

    def _encode_for_density(self, rows, rng):
        return self._codes_for_density(*self._posterior(rows), rng)

    def _codes_for_density(self, mean, std, rng):
        """Return random codes if samples will have noise, else the means."""
        if not self._has_noise():
            return np.ascontiguousarray(mean)
        return random_codes(mean, std, rng)

    def _posterior(self, rows):
        both, _ = self._run(rows, [self.encoder_], posterior_parameters)
        return np.split(both, 2, axis=1)

    def _has_noise(self):
        """Return whether samples are drawn from the likelihood, and not its mean.

        In tables, the noise is a part of the data. In images, it is not wanted.
        """
        return self.image_shape_ is None and self.output_activation_ == "identity"

    def _find_noise_variance(self, rows, X, squared_errors):
        codes = random_codes(*self._posterior(rows), np.random.RandomState(0))
        decoded, _ = self._run(Rows(codes), [self.decoder_])
        return np.square(decoded - X).mean(axis=0)

    def _add_noise(self, samples, rng):
        if not self._has_noise():
            return samples
        if self._noise_std is None:
            self._noise_std = self._find_noise_std()
        std = self._noise_std
        if self.loss == "laplace":  # its variance is 2 * scale ** 2
            noise = rng.laplace(0, std / np.sqrt(2), samples.shape)
        else:
            noise = rng.normal(0, std, samples.shape)
        return (samples + noise).astype(samples.dtype)

    def _find_noise_std(self):
        """Return the standard deviations of the noise in samples.

        Decoded codes from a density may vary less than those of the training samples, for
        example if codes with long tails are decoded nonlinearly.
        """
        rng = np.random.RandomState(0)
        codes = draw(self.density_, N_DECODED, rng, self._n_features_out)
        decoded, _ = self._run(Rows(codes.astype(np.float32)), [self.decoder_])
        if self._variances is None:  # fit was interrupted
            return np.zeros(decoded.shape[1])
        missing = np.array(self._variances) - decoded.var(axis=0, dtype=np.float64)
        return np.sqrt(np.maximum(self.noise_variance_, missing))

    def _divergence_per_component(self, mean, std):
        """Return the mean divergence of each component from the prior, in nats.

        With a flow, the prior adapts to the scale of the codes. The divergence is then
        from the normal distribution of the component over all samples.
        """
        mean, std = mean.astype(np.float64), std.astype(np.float64)
        location, variance = 0.0, 1.0
        if self.encoder_.flow is not None:
            location = mean.mean(axis=0)
            variance = mean.var(axis=0) + np.square(std).mean(axis=0)
        ratio = np.square(std) / variance
        divergences = np.square(mean - location) / variance + ratio - 1 - np.log(ratio)
        return (divergences.mean(axis=0) / 2).tolist()

    def _warn_about_codes(self):
        largest = max(self._divergences)
        if largest < COLLAPSE_THRESHOLD:
            warn(
                "The posterior has collapsed: the latent code carries no information "
                "about the input (the largest of kl_per_component_ is "
                f"{largest:.2g} nats). Lower beta={float(self.beta):g}, or train longer.",
                PosteriorCollapseWarning,
            )

    def _warn_about_reconstruction(self, axes):
        if axes is None or self.init != "pca":
            return
        by_pca = np.square(axes.stds).sum() / self.n_features_in_
        if self.explained_variance_ratio_ < MIN_SHARE_OF_PCA * by_pca:
            warn(
                f"The reconstructions explain {self.explained_variance_ratio_:.0%} of "
                f"the variance of X, those of PCA {by_pca:.0%} with as many components: "
                "most of the latent code has collapsed to the prior. Lower beta="
                f"{float(self.beta):g}, or train longer.",
                PosteriorCollapseWarning,
            )

    def _make_density(self, latent_density, rng):
        is_prior = isinstance(latent_density, str) and latent_density == "standard_normal"
        if is_prior and self.encoder_.flow is not None:
            return FlowPrior(self.encoder_.flow)
        return super()._make_density(latent_density, rng)

    def _saved_density(self):
        saved, density = super()._saved_density(), self.density_
        if isinstance(density, FlowPrior) and density.flow is self.encoder_.flow:
            saved["density_"] = "flow"  # its weights are those of the encoder's flow
        return saved

    def _restore_density(self):
        if isinstance(self.density_, str):
            prior = FlowPrior(self.encoder_.flow)
            self.density_ = prior.fit(np.zeros((1, self.n_components_)))

    def _latent_paths(self, starts, ends, shares):
        """Return arcs of the sphere near which most of the prior's probability is."""
        if self.encoder_.flow is None:
            return spherical_paths(starts, ends, shares)
        prior = FlowPrior(self.encoder_.flow).fit(starts)
        paths = spherical_paths(prior.to_base(starts), prior.to_base(ends), shares)
        codes = prior.to_codes(paths.reshape(-1, paths.shape[2]))
        return codes.reshape(paths.shape).astype(starts.dtype)


def random_codes(mean, std, rng):
    """Draw a latent code for each sample from its distribution.

    Parameters
    ----------
    mean, std : ndarray of shape (n_samples, n_components)
    rng : RandomState

    Returns
    -------
    ndarray of shape (n_samples, n_components)
    """
    return mean + std * rng.standard_normal(std.shape).astype(std.dtype)


def spherical_paths(starts, ends, shares):
    """Interpolate spherically, and linearly between parallel vectors.

    Parameters
    ----------
    starts, ends : ndarray of shape (n_samples, n_components)
    shares : ndarray of shape (n_steps,)
        Positions on each path, from 0 to 1.

    Returns
    -------
    ndarray of shape (n_samples, n_steps, n_components)
    """
    lengths = np.linalg.norm(starts, axis=1) * np.linalg.norm(ends, axis=1)
    products = (starts * ends).sum(axis=1)
    cosines = np.divide(products, lengths, out=np.ones_like(products), where=lengths > 0)
    angles = np.arccos(cosines.clip(-1, 1))[:, None, None]
    is_straight = np.sin(angles) < 1e-4
    angles = np.where(is_straight, 1.0, angles)
    shares = shares[:, None]  # (n_steps, 1), against (n_samples, 1, n_components)
    starts, ends = starts[:, None], ends[:, None]
    curved = np.sin((1 - shares) * angles) * starts + np.sin(shares * angles) * ends
    straight = starts + shares * (ends - starts)
    return np.where(is_straight, straight, curved / np.sin(angles))
