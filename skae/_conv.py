"""ConvAutoencoder: convolutional networks, for images and signals."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from skae import _validation as parameters
from skae._base import BaseAutoencoder
from skae._data.check import looks_channels_last
from skae._docstrings import document
from skae._variational import VariationalMixin, variational_rules
from skae.exceptions import ImageShapeWarning, warn
from skae.nn.networks import POOLINGS, conv_decoder, conv_encoder


@document
class ConvAutoencoder(BaseAutoencoder):
    """Autoencoder with convolutional networks, for images and signals.

    The encoder convolves and halves the image once for each entry of `conv_channels`,
    then goes on with fully connected layers to the codes; the decoder does the same
    backwards. It works on flat rows like every scikit-learn transformer, and on images
    as they are.

    Parameters
    ----------
    n_components : int, default=32
        Size of the codes; at least 1.
    image_shape : tuple of int, default=None
        (channels, height, width) of the images in the rows; (height, width) stands for
        one channel. None takes the shape of images given as such; for flat rows, it
        takes a square image of one channel where n_features is a square, else a signal
        (1, 1, n_features), with an `ImageShapeWarning`. Any size works.
    conv_channels : int or sequence of int, default=(16, 32)
        Channels of each convolution, () for none; the image is halved after each, odd
        sides rounded up and sides of one pixel left alone.
    kernel_size : int, default=3
        Height and width of the convolutions' kernels, in pixels.
    pooling : {"max", "average"}, default="max"
        What halves the image: the maximum or the mean of 2 x 2 pixels.
    upsampling : {"nearest", "transpose"}, default="nearest"
        What doubles it in the decoder: "nearest" repeats each pixel, then convolves;
        "transpose" is a transposed convolution with stride 2.
    hidden_layer_sizes : int or sequence of int, default=(512,)
        Units in the fully connected layers between the convolutions and the codes; the
        decoder mirrors them. () for none.
    {common_parameters}

    Attributes
    ----------
    {common_attributes}

    See Also
    --------
    DenseAutoencoder : Fully connected networks.

    References
    ----------
    .. [1] J. Masci, U. Meier, D. Ciresan and J. Schmidhuber, "Stacked convolutional
       auto-encoders for hierarchical feature extraction", ICANN 2011.
    .. [2] L. Smith and N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", SPIE 11006, 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ConvAutoencoder
    >>> images = load_digits().images / 16
    >>> images.shape
    (1797, 8, 8)
    >>> autoencoder = ConvAutoencoder(8, max_epochs=2, random_state=0).fit(images)
    >>> codes = autoencoder.transform(images)
    >>> codes.shape
    (1797, 8)
    >>> autoencoder.inverse_transform(codes).shape
    (1797, 8, 8)
    """

    _parameter_rules = BaseAutoencoder._parameter_rules | {
        "image_shape": parameters.only(None) | parameters.integers(1, lengths=(2, 3)),
        "conv_channels": parameters.integer(1) | parameters.integers(1),
        "kernel_size": parameters.integer(1),
        "pooling": parameters.one_of(*POOLINGS),
        "upsampling": parameters.one_of("nearest", "transpose"),
        "hidden_layer_sizes": parameters.integer(1) | parameters.integers(1),
    }

    def __init__(
        self,
        n_components: int = 32,
        *,
        image_shape: Sequence[int] | None = None,
        conv_channels: int | Sequence[int] = (16, 32),
        kernel_size: int = 3,
        pooling: str = "max",
        upsampling: str = "nearest",
        hidden_layer_sizes: int | Sequence[int] = (512,),
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
        self.image_shape = image_shape
        self.conv_channels = conv_channels
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.upsampling = upsampling
        self.hidden_layer_sizes = hidden_layer_sizes

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        hidden = parameters.layer_sizes(self.hidden_layer_sizes)
        shape, channels = self.image_shape_, parameters.layer_sizes(self.conv_channels)
        return (
            conv_encoder(
                shape,
                channels,
                self.kernel_size,
                self.pooling,
                [*hidden, self._n_encoder_outputs()],
                self.activation,
            ),
            conv_decoder(
                shape,
                channels,
                self.kernel_size,
                self.upsampling,
                [self.n_components, *hidden[::-1]],
                self.activation,
            ),
        )

    def _choose_image_shape(self, image_shape, n_features):
        if self.image_shape is not None:
            return self._given_image_shape(image_shape, n_features)
        image_shape = super()._choose_image_shape(image_shape, n_features)
        if image_shape is not None:
            return image_shape
        side = math.isqrt(n_features)
        if side * side == n_features:
            return (1, side, side)
        warn(
            f"X has {n_features} features, which make no square image; they are taken "
            f"for a signal, image_shape=(1, 1, {n_features}). Give "
            "image_shape=(channels, height, width) if they are images.",
            ImageShapeWarning,
        )
        return (1, 1, n_features)

    def _given_image_shape(self, image_shape, n_features):
        """The parameter, checked against the data."""
        given = (1, *map(int, self.image_shape))[-3:]
        if image_shape is not None and image_shape != given:
            raise ValueError(
                f"image_shape={self.image_shape} does not fit X, which holds images of "
                f"shape {image_shape} (channels, height, width). Leave image_shape=None "
                "to take it from X."
            )
        if math.prod(given) != n_features:
            raise ValueError(
                f"image_shape={self.image_shape} has {math.prod(given)} elements, but X "
                f"has {n_features} features; expected (channels, height, width) whose "
                "product is the number of features."
            )
        if image_shape is None and looks_channels_last(given):
            channels_first = (given[2], *given[:2])
            raise ValueError(
                f"image_shape={self.image_shape} looks channels-last; expected "
                f"(channels, height, width), which would be {channels_first}. Put the "
                f"channels of each row first: X.reshape{(-1, *given)}"
                ".transpose(0, 3, 1, 2).reshape(len(X), -1). If there really are "
                f"{given[0]} channels, give images: X.reshape{(-1, *given)}."
            )
        return given


@document
class ConvVariationalAutoencoder(VariationalMixin, ConvAutoencoder):
    """Variational autoencoder with convolutional networks, for images and signals.

    The networks are those of `ConvAutoencoder`; codes and loss are those of
    `DenseVariationalAutoencoder`.

    Parameters
    ----------
    n_components : int, default=32
        Size of the codes; at least 1.
    image_shape : tuple of int, default=None
        (channels, height, width) of the images in the rows; (height, width) stands for
        one channel. None takes the shape of images given as such; for flat rows, it
        takes a square image of one channel where n_features is a square, else a signal
        (1, 1, n_features), with an `ImageShapeWarning`. Any size works.
    conv_channels : int or sequence of int, default=(16, 32)
        Channels of each convolution, () for none; the image is halved after each, odd
        sides rounded up and sides of one pixel left alone.
    kernel_size : int, default=3
        Height and width of the convolutions' kernels, in pixels.
    pooling : {"max", "average"}, default="max"
        What halves the image: the maximum or the mean of 2 x 2 pixels.
    upsampling : {"nearest", "transpose"}, default="nearest"
        What doubles it in the decoder: "nearest" repeats each pixel, then convolves;
        "transpose" is a transposed convolution with stride 2.
    hidden_layer_sizes : int or sequence of int, default=(512,)
        Units in the fully connected layers between the convolutions and the codes; the
        decoder mirrors them. () for none.
    {variational_parameters}

    Attributes
    ----------
    {common_attributes}
    {variational_attributes}

    See Also
    --------
    ConvAutoencoder : The same networks, with codes that are not random.
    DenseVariationalAutoencoder : Fully connected networks.

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
    >>> from skae import ConvVariationalAutoencoder
    >>> images = load_digits().images / 16
    >>> vae = ConvVariationalAutoencoder(8, max_epochs=2, random_state=0).fit(images)
    >>> vae.sample(3).shape
    (3, 8, 8)
    """

    _parameter_rules = variational_rules(ConvAutoencoder._parameter_rules)

    def __init__(
        self,
        n_components: int = 32,
        *,
        image_shape: Sequence[int] | None = None,
        conv_channels: int | Sequence[int] = (16, 32),
        kernel_size: int = 3,
        pooling: str = "max",
        upsampling: str = "nearest",
        hidden_layer_sizes: int | Sequence[int] = (512,),
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
            image_shape=image_shape,
            conv_channels=conv_channels,
            kernel_size=kernel_size,
            pooling=pooling,
            upsampling=upsampling,
            hidden_layer_sizes=hidden_layer_sizes,
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
