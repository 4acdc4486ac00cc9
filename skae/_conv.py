"""ConvAutoencoder and ConvVariationalAutoencoder, for images and signals."""

import math
import os
from collections.abc import Sequence
from typing import Any, get_args

import torch
from torch import nn

from skae._base import BaseAutoencoder
from skae._data.check import looks_channels_last
from skae._docstrings import document
from skae._types import (
    Activation,
    Auto,
    Density,
    DensityName,
    ImageShape,
    Init,
    LastActivation,
    Likelihood,
    Loss,
    Noise,
    Optimizer,
    Penalty,
    Pooling,
    Precision,
    RandomState,
    Schedule,
    Upsampling,
)
from skae._validation import integers, one_of, only, size
from skae._variational import BaseVariationalAutoencoder
from skae.exceptions import ImageShapeWarning, warn
from skae.nn.networks import (
    conv_decoder,
    conv_encoder,
    layer_sizes,
)

CONV_RULES = {
    "image_shape": only(None) | integers(1, lengths=(2, 3)),
    "conv_channels": size() | integers(1),
    "kernel_size": size(),
    "pooling": one_of(*get_args(Pooling)),
    "upsampling": one_of(*get_args(Upsampling)),
    "hidden_layer_sizes": size() | integers(1),
}


def _conv_networks(estimator):
    """Return the convolutional encoder and decoder of an estimator."""
    hidden = layer_sizes(estimator.hidden_layer_sizes)
    shape, channels = estimator.image_shape_, layer_sizes(estimator.conv_channels)
    kernel_size = int(estimator.kernel_size)
    if kernel_size > 2 * max(shape[1:]) + 1:
        raise ValueError(
            f"kernel_size={kernel_size} is invalid for images of shape {shape}; must be "
            f"at most {2 * max(shape[1:]) + 1}. A larger kernel only adds padding."
        )
    encoder = conv_encoder(
        shape,
        channels,
        kernel_size,
        estimator.pooling,
        [*hidden, estimator._n_encoder_outputs()],
        estimator.activation,
    )
    decoder = conv_decoder(
        shape,
        channels,
        kernel_size,
        estimator.upsampling,
        [estimator.n_components_, *hidden[::-1]],
        estimator.activation,
    )
    return encoder, decoder


def _conv_image_shape(parameter, image_shape, n_features):
    """Return (channels, height, width) of the images.

    Parameters
    ----------
    parameter : sequence of int or None
        The estimator's `image_shape`.
    image_shape : tuple of int or None
        (channels, height, width) of the images in X; None for flat samples.
    n_features : int
    """
    if parameter is not None:
        return _checked_image_shape(parameter, image_shape, n_features)
    if image_shape is not None:
        return image_shape
    side = math.isqrt(n_features)
    if side * side == n_features:
        return (1, side, side)
    warn(
        f"n_features={n_features} is not a perfect square; treating samples as 1-D "
        f"signals, image_shape=(1, 1, {n_features}). Set image_shape=(channels, height, "
        "width) if they are images.",
        ImageShapeWarning,
    )
    return (1, 1, n_features)


def _checked_image_shape(parameter, image_shape, n_features):
    given = (1, *map(int, parameter))[-3:]
    if image_shape is not None and image_shape != given:
        raise ValueError(
            f"image_shape={parameter} is invalid: X contains images of shape "
            f"{image_shape} (channels, height, width). Use this shape or None."
        )
    if math.prod(given) != n_features:
        raise ValueError(
            f"image_shape={parameter} is invalid: it has {math.prod(given)} elements, "
            f"but X has {n_features} features; must be (channels, height, width) with "
            f"the product {n_features}."
        )
    if image_shape is None and looks_channels_last(given):
        channels_first = (given[2], *given[:2])
        raise ValueError(
            f"image_shape={parameter} looks channels-last; must be (channels, height, "
            f"width), here {channels_first}. Reorder the samples: "
            f"X.reshape{(-1, *given)}.transpose(0, 3, 1, 2).reshape(len(X), -1). If the "
            f"images have {given[0]} channels, pass images: X.reshape{(-1, *given)}."
        )
    return given


@document
class ConvAutoencoder(BaseAutoencoder):
    """Autoencoder with convolutional networks, for images and signals.

    The encoder applies a convolution and halves the image for each entry of
    `conv_channels`, followed by fully connected layers to the latent code; the decoder
    mirrors it. Samples can be flat, as for every scikit-learn transformer, or images.

    Parameters
    ----------
    {n_components}
    image_shape : tuple of int, default=None
        (channels, height, width) of the images; (height, width) means one channel. None
        takes the shape of images in `X`. For flat samples, None means a square image of
        one channel if n_features is a square; otherwise a signal (1, 1, n_features),
        with an `ImageShapeWarning`. Any size works.
    conv_channels : int or sequence of int, default=(16, 32)
        Output channels of each convolution; () for none. The image is halved after each:
        odd sides are rounded up, and sides of one pixel are kept.
    {main_parameters}
    hidden_layer_sizes : int or sequence of int, default=(512,)
        Numbers of units in the fully connected layers between the convolutions and the
        latent code; the decoder mirrors them. () for none.
    kernel_size : int, default=3
        Height and width of the convolution kernels, in pixels.
    pooling : {"max", "average"}, default="max"
        How the image is halved: by the maximum or the mean of 2 x 2 pixels.
    upsampling : {"nearest", "transpose"}, default="nearest"
        How the decoder doubles the image: "nearest" repeats each pixel before a
        convolution, "transpose" is a transposed convolution with stride 2.
    {network_parameters}
    {training_parameters}

    Attributes
    ----------
    {common_attributes}

    See Also
    --------
    DenseAutoencoder : Fully connected networks.
    ConvVariationalAutoencoder : The same networks, with random latent codes.

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

    image_shape_: ImageShape

    _parameter_rules = BaseAutoencoder._parameter_rules | CONV_RULES

    def __init__(
        self,
        n_components: int | float | None = 32,
        *,
        image_shape: Sequence[int] | None = None,
        conv_channels: int | Sequence[int] = (16, 32),
        max_epochs: int | Auto = "auto",
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        batch_size: int | Auto = "auto",
        hidden_layer_sizes: int | Sequence[int] = (512,),
        kernel_size: int = 3,
        pooling: Pooling = "max",
        upsampling: Upsampling = "nearest",
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
        self.image_shape = image_shape
        self.conv_channels = conv_channels
        self.hidden_layer_sizes = hidden_layer_sizes
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.upsampling = upsampling

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        return _conv_networks(self)

    def _choose_image_shape(self, image_shape, n_features):
        if self.image_shape is None:
            image_shape = super()._choose_image_shape(image_shape, n_features)
        return _conv_image_shape(self.image_shape, image_shape, n_features)


@document
class ConvVariationalAutoencoder(BaseVariationalAutoencoder):
    """Variational autoencoder with convolutional networks, for images and signals.

    The networks are those of `ConvAutoencoder`; the latent codes and the loss are those
    of `DenseVariationalAutoencoder`.

    Parameters
    ----------
    {n_components}
    image_shape : tuple of int, default=None
        (channels, height, width) of the images; (height, width) means one channel. None
        takes the shape of images in `X`. For flat samples, None means a square image of
        one channel if n_features is a square; otherwise a signal (1, 1, n_features),
        with an `ImageShapeWarning`. Any size works.
    conv_channels : int or sequence of int, default=(16, 32)
        Output channels of each convolution; () for none. The image is halved after each:
        odd sides are rounded up, and sides of one pixel are kept.
    {main_parameters}
    hidden_layer_sizes : int or sequence of int, default=(512,)
        Numbers of units in the fully connected layers between the convolutions and the
        latent code; the decoder mirrors them. () for none.
    kernel_size : int, default=3
        Height and width of the convolution kernels, in pixels.
    pooling : {"max", "average"}, default="max"
        How the image is halved: by the maximum or the mean of 2 x 2 pixels.
    upsampling : {"nearest", "transpose"}, default="nearest"
        How the decoder doubles the image: "nearest" repeats each pixel before a
        convolution, "transpose" is a transposed convolution with stride 2.
    {variational_parameters}
    {training_parameters}

    Attributes
    ----------
    {common_attributes}
    {variational_attributes}

    See Also
    --------
    ConvAutoencoder : The same networks, with deterministic latent codes.
    DenseVariationalAutoencoder : Fully connected networks.

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
    >>> from skae import ConvVariationalAutoencoder
    >>> images = load_digits().images / 16
    >>> vae = ConvVariationalAutoencoder(8, max_epochs=2, random_state=0).fit(images)
    >>> vae.sample(3).shape
    (3, 8, 8)
    """

    image_shape_: ImageShape

    _parameter_rules = BaseVariationalAutoencoder._parameter_rules | CONV_RULES

    def __init__(
        self,
        n_components: int | float | None = 32,
        *,
        image_shape: Sequence[int] | None = None,
        conv_channels: int | Sequence[int] = (16, 32),
        max_epochs: int | Auto = "auto",
        device: str | torch.device = "auto",
        random_state: RandomState = None,
        batch_size: int | Auto = "auto",
        hidden_layer_sizes: int | Sequence[int] = (512,),
        kernel_size: int = 3,
        pooling: Pooling = "max",
        upsampling: Upsampling = "nearest",
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
        self.image_shape = image_shape
        self.conv_channels = conv_channels
        self.hidden_layer_sizes = hidden_layer_sizes
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.upsampling = upsampling

    def _build_networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        return _conv_networks(self)

    def _choose_image_shape(self, image_shape, n_features):
        if self.image_shape is None:
            image_shape = super()._choose_image_shape(image_shape, n_features)
        return _conv_image_shape(self.image_shape, image_shape, n_features)
