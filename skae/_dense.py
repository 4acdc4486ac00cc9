"""DenseAutoencoder and DenseVariationalAutoencoder: fully connected networks."""

import math
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from skae._base import BaseAutoencoder
from skae._docstrings import document
from skae._types import (
    Activation,
    Auto,
    Density,
    DensityName,
    Init,
    LastActivation,
    Likelihood,
    Loss,
    Noise,
    Optimizer,
    Penalty,
    Precision,
    RandomState,
    Schedule,
)
from skae._validation import integers, one_of, only, size
from skae._variational import BaseVariationalAutoencoder
from skae.nn.networks import dense_layers, layer_sizes

# The "auto" sizes of the hidden layers: docs/benchmarks/design_notes.md.
HIDDEN_LAYER_SIZES = (512,)
HIDDEN_LAYER_SIZES_OF_MANY = (512, 512)
MANY_SAMPLES = 5_000

# The initial weights of the first layers beside a linear path, relative to torch's.
FIRST_LAYER_GAIN = 0.5

# torch's names of activations; others are as ReLU.
GAINS = {"identity": "linear", "tanh": "tanh", "sigmoid": "sigmoid"}

DENSE_RULES = {
    "hidden_layer_sizes": one_of("auto") | size() | integers(1),
    "decoder_hidden_layer_sizes": only(None) | size() | integers(1),
}


def _choose_hidden_layer_sizes(estimator, n_samples, keep):
    """Set `hidden_layer_sizes_`; the number of samples may not be known."""
    if not isinstance(estimator.hidden_layer_sizes, str):
        estimator.hidden_layer_sizes_ = layer_sizes(estimator.hidden_layer_sizes)
    elif not keep:
        has_many = n_samples is not None and n_samples >= MANY_SAMPLES
        sizes = HIDDEN_LAYER_SIZES_OF_MANY if has_many else HIDDEN_LAYER_SIZES
        estimator.hidden_layer_sizes_ = sizes


def _dense_networks(estimator, n_features):
    """Return the fully connected encoder and decoder of an estimator."""
    hidden = estimator.hidden_layer_sizes_
    decoder_hidden = hidden[::-1]
    if estimator.decoder_hidden_layer_sizes is not None:
        decoder_hidden = layer_sizes(estimator.decoder_hidden_layer_sizes)
    encoder_sizes = [n_features, *hidden, estimator._n_encoder_outputs()]
    decoder_sizes = [estimator.n_components_, *decoder_hidden, n_features]
    networks = (
        dense_layers(encoder_sizes, estimator.activation),
        dense_layers(decoder_sizes, estimator.activation),
    )
    if estimator.init == "pca":
        for network in networks:
            _initialize(network, estimator.activation)
    return networks


@torch.no_grad()
def _initialize(network, activation):
    """Set the initial weights beside a linear path, for inputs of variance 1.

    The first layer's are smaller than torch's. Further hidden layers keep the variance of
    their input, as in He et al. 2015, so that deep networks learn. The last layer will be
    set to zero.
    """
    first, *others = (layer for layer in network if isinstance(layer, nn.Linear))
    for weights in first.parameters():
        weights.mul_(FIRST_LAYER_GAIN)
    for layer in others:
        gain = nn.init.calculate_gain(GAINS.get(activation, "relu"))
        bound = gain * math.sqrt(3 / layer.in_features)
        layer.weight.uniform_(-bound, bound)
        layer.bias.zero_()


@document
class DenseAutoencoder(BaseAutoencoder):
    """Autoencoder with fully connected networks.

    It learns to compress samples to `n_components` features and to reconstruct them.
    With ``hidden_layer_sizes=()`` and identity activations it finds the subspace of PCA
    (Baldi and Hornik 1989). Hidden layers make the mapping nonlinear and the
    reconstruction better (Hinton and Salakhutdinov 2006).

    Parameters
    ----------
    {n_components}
    hidden_layer_sizes : int, sequence of int or "auto", default="auto"
        Numbers of units in the encoder's hidden layers; () for none. "auto" is (512,),
        and (512, 512) in a `fit` to 5,000 samples or more.
    {main_parameters}
    decoder_hidden_layer_sizes : int or sequence of int, default=None
        Numbers of units in the decoder's hidden layers. None mirrors the encoder.
    {network_parameters}
    {training_parameters}

    Attributes
    ----------
    hidden_layer_sizes_ : tuple of int
        Numbers of units in the encoder's hidden layers.
    {common_attributes}

    See Also
    --------
    ConvAutoencoder : Convolutional networks, for images and signals.
    DenseVariationalAutoencoder : The same networks, with random latent codes.
    sklearn.decomposition.PCA : The best linear autoencoder, in closed form.

    References
    ----------
    .. [1] P. Baldi and K. Hornik, "Neural networks and principal component analysis:
       learning from examples without local minima", Neural Networks 2, 1989.
    .. [2] G. Hinton and R. Salakhutdinov, "Reducing the dimensionality of data with
       neural networks", Science 313, 2006.
    .. [3] L. Smith and N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", SPIE 11006, 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseAutoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = DenseAutoencoder(8, max_epochs=5, random_state=0).fit(X)
    >>> codes = autoencoder.transform(X)
    >>> codes.shape
    (1797, 8)
    >>> autoencoder.inverse_transform(codes).shape
    (1797, 64)
    """

    hidden_layer_sizes_: tuple[int, ...]

    _parameter_rules = BaseAutoencoder._parameter_rules | DENSE_RULES

    def __init__(
        self,
        n_components: int | float | None = 32,
        *,
        hidden_layer_sizes: int | Sequence[int] | Auto = "auto",
        max_epochs: int | Auto = "auto",
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        batch_size: int | Auto = "auto",
        decoder_hidden_layer_sizes: int | Sequence[int] | None = None,
        init: Init = "pca",
        activation: Activation = "relu",
        latent_activation: LastActivation = "identity",
        output_activation: LastActivation | Auto = "auto",
        loss: Loss = "squared_error",
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
            latent_activation=latent_activation,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.decoder_hidden_layer_sizes = decoder_hidden_layer_sizes

    def _choose_layer_sizes(self, n_samples, keep):
        super()._choose_layer_sizes(n_samples, keep)
        _choose_hidden_layer_sizes(self, n_samples, keep)

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        return _dense_networks(self, n_features)


@document
class DenseVariationalAutoencoder(BaseVariationalAutoencoder):
    """Variational autoencoder with fully connected networks.

    The encoder maps each sample to a normal distribution of latent codes, the decoder
    reconstructs samples from random codes of that distribution, and the loss includes
    the divergence of the distribution from a standard normal prior (Kingma and Welling
    2014). It generates far better samples than a plain autoencoder.

    Parameters
    ----------
    {n_components}
    hidden_layer_sizes : int, sequence of int or "auto", default="auto"
        Numbers of units in the encoder's hidden layers; () for none. "auto" is (512,),
        and (512, 512) in a `fit` to 5,000 samples or more.
    {main_parameters}
    decoder_hidden_layer_sizes : int or sequence of int, default=None
        Numbers of units in the decoder's hidden layers. None mirrors the encoder.
    {variational_parameters}
    {training_parameters}

    Attributes
    ----------
    hidden_layer_sizes_ : tuple of int
        Numbers of units in the encoder's hidden layers.
    {common_attributes}
    {variational_attributes}

    See Also
    --------
    DenseAutoencoder : The same networks, with deterministic latent codes.
    ConvVariationalAutoencoder : Convolutional networks, for images and signals.

    References
    ----------
    .. [1] Diederik Kingma and Max Welling, "Auto-encoding variational Bayes", ICLR
       2014.
    .. [2] I. Higgins et al., "beta-VAE: learning basic visual concepts with a
       constrained variational framework", ICLR 2017.
    .. [3] O. Rybkin, K. Daniilidis and S. Levine, "Simple and effective VAE training
       with calibrated decoders", ICML 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenseVariationalAutoencoder
    >>> X = load_digits().data / 16
    >>> vae = DenseVariationalAutoencoder(8, max_epochs=5, random_state=0).fit(X)
    >>> vae.sample(3).shape
    (3, 64)
    >>> mean, std = vae.posterior(X)
    >>> std.shape
    (1797, 8)
    """

    hidden_layer_sizes_: tuple[int, ...]

    _parameter_rules = BaseVariationalAutoencoder._parameter_rules | DENSE_RULES

    def __init__(
        self,
        n_components: int | float | None = 32,
        *,
        hidden_layer_sizes: int | Sequence[int] | Auto = "auto",
        max_epochs: int | Auto = "auto",
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        batch_size: int | Auto = "auto",
        decoder_hidden_layer_sizes: int | Sequence[int] | None = None,
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
            beta=beta,
            n_flow_layers=n_flow_layers,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.decoder_hidden_layer_sizes = decoder_hidden_layer_sizes

    def _choose_layer_sizes(self, n_samples, keep):
        super()._choose_layer_sizes(n_samples, keep)
        _choose_hidden_layer_sizes(self, n_samples, keep)

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        return _dense_networks(self, n_features)
