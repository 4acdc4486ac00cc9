"""Functions that build encoders and decoders, and their layers.

The networks omit their last activation, which `Encoder` and `Decoder` add: losses such
as the cross-entropy take the values before it.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from skae._types import Activation, ImageShape, LastActivation, Pooling, Upsampling

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

# A monotone activation commutes with maximum pooling, and is cheaper after it.
MONOTONE_ACTIVATIONS: set[Activation] = {
    *("identity", "relu", "leaky_relu", "elu", "tanh", "sigmoid"),
}

# The ranges of the activations that can end a network.
ACTIVATION_RANGES: dict[LastActivation, tuple[float, float]] = {
    "identity": (-math.inf, math.inf),
    "relu": (0.0, math.inf),
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
}

POOLINGS: dict[Pooling, Callable[..., nn.Module]] = {
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
}


def make_activation(name: Activation) -> nn.Module:
    """Return the module of an activation.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if name not in ACTIVATIONS:
        known = ", ".join(map(repr, ACTIVATIONS))
        raise ValueError(f"activation={name!r} is invalid; must be one of {known}.")
    return ACTIVATIONS[name]()


# Fully connected networks -------------------------------------------------------------


def layer_sizes(sizes: int | Iterable[int]) -> tuple[int, ...]:
    """Return sizes of layers as a tuple of int: a number means one layer."""
    if isinstance(sizes, Iterable):
        return tuple(int(size) for size in sizes)
    return (int(sizes),)


def dense_layers(sizes: Sequence[int], activation: Activation) -> nn.Sequential:
    """Build fully connected layers from ``sizes[0]`` to ``sizes[-1]`` units.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of units, from the input to the output.
    activation : str
        Activation between the layers; none follows the last one.

    Returns
    -------
    torch.nn.Sequential
        Maps (batch, ``sizes[0]``) to (batch, ``sizes[-1]``).
    """
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), make_activation(activation)]
    return nn.Sequential(*layers[:-1])


# Layers of convolutional networks -----------------------------------------------------


class Images(nn.Unflatten):
    """Reshape flat samples to images, channels-last in memory, as convolutions prefer.

    Parameters
    ----------
    image_shape : tuple of int
        (channels, height, width)
    """

    def __init__(self, image_shape: Sequence[int]) -> None:
        super().__init__(1, tuple(image_shape))

    def forward(self, X: Tensor) -> Tensor:
        images = super().forward(X)  # (batch, channels, height, width)
        return images.to(memory_format=torch.channels_last)


class Crop(nn.Module):
    """Keep the first rows and columns of an image.

    Parameters
    ----------
    size : sequence of int
        (height, width)
    """

    size: tuple[int, ...]

    def __init__(self, size: Sequence[int]) -> None:
        super().__init__()
        self.size = tuple(size)

    def forward(self, images: Tensor) -> Tensor:
        height, width = self.size
        return images[..., :height, :width]

    def extra_repr(self) -> str:
        return f"size={self.size}"


class UpsampleConv2d(nn.Conv2d):
    """Nearest-neighbour upsampling and a convolution, in one transposed convolution.

    Upsampling by s followed by a convolution equals a transposed convolution of stride s.
    Its kernel is the original one convolved with a box of size s. This needs fewer
    products and no enlarged image.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : tuple of int
        Height and width, both odd.
    scale_factor : tuple of int
        Factors of the height and the width.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, int],
        scale_factor: tuple[int, int],
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size)
        self.scale_factor = scale_factor

    def transposed_kernel(self) -> Tensor:
        """Return the kernel of the transposed convolution, (in, out, height, width)."""
        kernel = self.weight
        for dim, factor in ((2, self.scale_factor[0]), (3, self.scale_factor[1])):
            kernel = _convolved_with_box(kernel, dim, factor)
        return kernel.flip(2, 3).transpose(0, 1)

    def forward(self, images: Tensor) -> Tensor:
        return functional.conv_transpose2d(
            images,
            self.transposed_kernel(),
            self.bias,
            stride=self.scale_factor,
            padding=[side // 2 for side in self.kernel_size],
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, scale_factor={self.scale_factor}"


def _convolved_with_box(kernel, dim, size):
    """Convolve a kernel along `dim` with `size` ones: it grows by size - 1."""
    shifted = []
    for before in range(size):
        padding = [0, 0, 0, 0]  # left, right, top, bottom
        padding[6 - 2 * dim : 8 - 2 * dim] = before, size - 1 - before
        shifted.append(functional.pad(kernel, padding))
    return torch.stack(shifted).sum(dim=0)


class ContiguousConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution of contiguous images, for kernels smaller than the stride.

    With images that are channels-last in memory, the gradient of such a layer is wrong
    on CPUs, and may crash the process: seen with torch 2.14. A test compares the layer
    with its plain form.
    """

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(images.contiguous(), output_size)


# Convolutional networks ---------------------------------------------------------------


def conv_encoder(
    image_shape: ImageShape,
    conv_channels: Sequence[int],
    kernel_size: int,
    pooling: Pooling,
    dense_sizes: Sequence[int],
    activation: Activation,
) -> nn.Sequential:
    """Build an encoder: convolutions, each followed by pooling, and dense layers.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height and width.
    conv_channels : sequence of int
        Output channels of each convolution; the image is halved after each.
    kernel_size : int
        Height and width of the kernels.
    pooling : {"max", "average"}
        How four pixels become one.
    dense_sizes : sequence of int
        Numbers of units of the fully connected layers, the output's included.
    activation : str
        Activation between the layers.

    Returns
    -------
    torch.nn.Sequential
        Maps flat samples (batch, channels * height * width) to the output.
    """
    channels, *size = image_shape
    layers: list[nn.Module] = [
        Images((channels, *size))
    ]  # (batch, channels, height, width)
    for n_out in conv_channels:
        layers += _same_convolution(channels, n_out, kernel_size, size)
        layers += _pool_and_activate(pooling, activation, _pooling_window(size))
        channels, size = n_out, _pooled_size(size)
    layers.append(nn.Flatten())  # (batch, channels * height * width)
    sizes = [channels * math.prod(size), *dense_sizes]
    return nn.Sequential(*layers, *dense_layers(sizes, activation))


def conv_decoder(
    image_shape: ImageShape,
    conv_channels: Sequence[int],
    kernel_size: int,
    upsampling: Upsampling,
    dense_sizes: Sequence[int],
    activation: Activation,
) -> nn.Sequential:
    """Build a decoder that mirrors `conv_encoder`.

    Where the encoder halves an image, the decoder doubles it, and crops it if the size
    was odd.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height and width.
    conv_channels : sequence of int
        As for `conv_encoder`.
    kernel_size : int
        Height and width of the kernels.
    upsampling : {"nearest", "transpose"}
        How one pixel becomes four: a copy before a convolution, or a transposed
        convolution.
    dense_sizes : sequence of int
        Numbers of units of the fully connected layers, the input's included.
    activation : str
        Activation between the layers.

    Returns
    -------
    torch.nn.Sequential
        Maps the input to flat samples (batch, channels * height * width).
    """
    channels = [image_shape[0], *conv_channels]
    sizes = [list(image_shape[1:])]
    for _ in conv_channels:
        sizes.append(_pooled_size(sizes[-1]))
    smallest = (channels[-1], *sizes[-1])
    layers = [
        *dense_layers([*dense_sizes, math.prod(smallest)], activation),
        make_activation(activation),
        Images(smallest),  # (batch, channels, height, width)
    ]
    upsample = {"nearest": _upsample_and_convolve, "transpose": _transposed_convolution}
    for level in reversed(range(len(conv_channels))):
        n_in, n_out, size = channels[level + 1], channels[level], sizes[level]
        layers += upsample[upsampling](n_in, n_out, kernel_size, size)
        layers += [Crop(size)] if any(side % 2 and side > 1 for side in size) else []
        layers += [make_activation(activation)] if level else []
    return nn.Sequential(*layers, nn.Flatten())  # (batch, n_features)


def _pool_and_activate(pooling, activation, window):
    activated = make_activation(activation)
    if window == (1, 1):
        return [activated]
    # ceil_mode keeps the last row and column of an image of odd size.
    pooled = POOLINGS[pooling](window, ceil_mode=True)
    if pooling == "max" and activation in MONOTONE_ACTIVATIONS:
        return [pooled, activated]
    return [activated, pooled]


def _pooled_size(size):
    return [math.ceil(side / 2) for side in size]


def _pooling_window(size):
    """Return the pooling window; a side of one pixel, such as a signal's, is kept."""
    return tuple(min(2, side) for side in size)


def _kernel_shape(kernel_size, size):
    """Return the shape of a kernel that spans the sides with more than one pixel."""
    return tuple(1 if side == 1 else kernel_size for side in size)


def _same_convolution(n_in, n_out, kernel_size, size):
    """Return a convolution that keeps the size of the image, even with even kernels."""
    kernel = _kernel_shape(kernel_size, size)
    if kernel_size % 2:
        padding = tuple(k // 2 for k in kernel)
        return [_initialized(nn.Conv2d(n_in, n_out, kernel, padding=padding))]
    pads = [((k - 1) // 2, k // 2) for k in reversed(kernel)]
    return [
        nn.ZeroPad2d(tuple(itertools.chain(*pads))),
        _initialized(nn.Conv2d(n_in, n_out, kernel)),
    ]


def _upsample_and_convolve(n_in, n_out, kernel_size, size):
    kernel = _kernel_shape(kernel_size, size)
    if all(side % 2 for side in kernel):
        return [_initialized(UpsampleConv2d(n_in, n_out, kernel, _pooling_window(size)))]
    return [
        nn.Upsample(scale_factor=_pooling_window(size), mode="nearest"),
        *_same_convolution(n_in, n_out, kernel_size, size),
    ]


def _transposed_convolution(n_in, n_out, kernel_size, size):
    """Return a transposed convolution that multiplies the size by exactly its stride.

    Its output has (side - 1) * stride - 2 * padding + kernel + output_padding pixels.
    """
    kernel, stride = _kernel_shape(kernel_size, size), _pooling_window(size)
    excess = [k - s for k, s in zip(kernel, stride, strict=True)]
    padding = tuple(math.ceil(e / 2) for e in excess)
    output_padding = tuple(2 * p - e for p, e in zip(padding, excess, strict=True))
    kind = nn.ConvTranspose2d if min(excess) >= 0 else ContiguousConvTranspose2d
    return [_initialized(kind(n_in, n_out, kernel, stride, padding, output_padding))]


def _initialized(convolution):
    """Initialize a convolution as He et al. (2015).

    This halves the error after one epoch on MNIST. Dense layers keep torch's smaller
    initial weights, since He's overfit small tables (docs/benchmarks/design_notes.md).
    """
    nn.init.kaiming_uniform_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)
    return convolution
