"""DenseAutoencoder: fully connected networks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from skae import _validation as parameters
from skae._base import BaseAutoencoder
from skae._docstrings import document
from skae._variational import VariationalMixin, variational_rules
from skae.nn.networks import dense_layers


@document
class DenseAutoencoder(BaseAutoencoder):
    """Autoencoder with fully connected networks.

    It learns to press rows through `n_components` numbers and to restore them. With
    ``hidden_layer_sizes=()`` and identities for activations it spans the same subspace
    as PCA (Baldi and Hornik 1989); layers between, with activations, bend that
    subspace and reconstruct better (Hinton and Salakhutdinov 2006).

    Parameters
    ----------
    n_components : int, default=32
        Size of the codes; at least 1.
    hidden_layer_sizes : int or sequence of int, default=(512,)
        Units in the encoder's layers between rows and codes; () for none.
    decoder_hidden_layer_sizes : int or sequence of int, default=None
        Units in the decoder's layers between codes and rows. None mirrors the encoder.
    {common_parameters}

    Attributes
    ----------
    {common_attributes}

    See Also
    --------
    ConvAutoencoder : Convolutional networks, for images and signals.
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

    _parameter_rules = BaseAutoencoder._parameter_rules | {
        "hidden_layer_sizes": parameters.integer(1) | parameters.integers(1),
        "decoder_hidden_layer_sizes": parameters.only(None)
        | parameters.integer(1)
        | parameters.integers(1),
    }

    def __init__(
        self,
        n_components: int = 32,
        *,
        hidden_layer_sizes: int | Sequence[int] = (512,),
        decoder_hidden_layer_sizes: int | Sequence[int] | None = None,
        activation: str = "relu",
        latent_activation: str = "identity",
        output_activation: str = "auto",
        loss: str = "squared_error",
        noise: str | None = None,
        noise_level: float = 0.25,
        latent_penalty: str | None = None,
        latent_penalty_weight: float = 1e-3,
        latent_density: Any = "gaussian_mixture",
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
        lr: float = 5e-3,
        lr_schedule: str = "auto",
        weight_decay: float = 0.0,
        batch_size: int | str = "auto",
        shuffle: bool = True,
        max_epochs: int | str = "auto",
        max_grad_norm: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float | None = None,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        callbacks: Sequence[Any] | None = None,
        precision: str = "float32",
        device: str | torch.device = "auto",
        verbose: int | bool = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            n_components,
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
            batch_size=batch_size,
            shuffle=shuffle,
            max_epochs=max_epochs,
            max_grad_norm=max_grad_norm,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            callbacks=callbacks,
            precision=precision,
            device=device,
            verbose=verbose,
            random_state=random_state,
        )
        self.hidden_layer_sizes = hidden_layer_sizes
        self.decoder_hidden_layer_sizes = decoder_hidden_layer_sizes

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        hidden = parameters.layer_sizes(self.hidden_layer_sizes)
        decoder_hidden = hidden[::-1]
        if self.decoder_hidden_layer_sizes is not None:
            decoder_hidden = parameters.layer_sizes(self.decoder_hidden_layer_sizes)
        return (
            dense_layers(
                [n_features, *hidden, self._n_encoder_outputs()], self.activation
            ),
            dense_layers(
                [self.n_components, *decoder_hidden, n_features], self.activation
            ),
        )


@document
class DenseVariationalAutoencoder(VariationalMixin, DenseAutoencoder):
    """Variational autoencoder with fully connected networks.

    The encoder gives each row a normal distribution of codes, the loss draws these
    towards a standard normal prior, and the decoder learns to restore rows from random
    codes (Kingma and Welling 2014). So codes drawn at random decode into new rows far
    better than those of a plain autoencoder do.

    Parameters
    ----------
    n_components : int, default=32
        Size of the codes; at least 1.
    hidden_layer_sizes : int or sequence of int, default=(512,)
        Units in the encoder's layers between rows and codes; () for none.
    decoder_hidden_layer_sizes : int or sequence of int, default=None
        Units in the decoder's layers between codes and rows. None mirrors the encoder.
    {variational_parameters}

    Attributes
    ----------
    {common_attributes}
    {variational_attributes}

    See Also
    --------
    DenseAutoencoder : The same networks, with codes that are not random.
    ConvVariationalAutoencoder : Convolutional networks, for images and signals.

    References
    ----------
    .. [1] D. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
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

    _parameter_rules = variational_rules(DenseAutoencoder._parameter_rules)

    def __init__(
        self,
        n_components: int = 32,
        *,
        hidden_layer_sizes: int | Sequence[int] = (512,),
        decoder_hidden_layer_sizes: int | Sequence[int] | None = None,
        activation: str = "relu",
        output_activation: str = "auto",
        loss: str = "gaussian",
        beta: float = 1.0,
        n_flow_layers: int = 8,
        noise: str | None = None,
        noise_level: float = 0.25,
        latent_penalty: str | None = None,
        latent_penalty_weight: float = 1e-3,
        latent_density: Any = "gaussian_mixture",
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
        lr: float = 5e-3,
        lr_schedule: str = "auto",
        weight_decay: float = 0.0,
        batch_size: int | str = "auto",
        shuffle: bool = True,
        max_epochs: int | str = "auto",
        max_grad_norm: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float | None = None,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        callbacks: Sequence[Any] | None = None,
        precision: str = "float32",
        device: str | torch.device = "auto",
        verbose: int | bool = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            decoder_hidden_layer_sizes=decoder_hidden_layer_sizes,
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
            batch_size=batch_size,
            shuffle=shuffle,
            max_epochs=max_epochs,
            max_grad_norm=max_grad_norm,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            callbacks=callbacks,
            precision=precision,
            device=device,
            verbose=verbose,
            random_state=random_state,
        )
        self.beta = beta
        self.n_flow_layers = n_flow_layers
