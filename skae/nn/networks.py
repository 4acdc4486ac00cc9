"""The networks: builders of encoders and decoders.

A builder returns a network without its last activation. `coders.Coder` adds that one, so
that losses which want the values before it (cross-entropy from logits) can have them.
"""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

# These do not fall: the greatest of some values stays the greatest behind them, so that
# they can come after maximum pooling, where there are fewer values.
MONOTONE_ACTIVATIONS = {"identity", "relu", "leaky_relu", "elu", "tanh", "sigmoid"}

# What an activation can put out, for those that end a network.
ACTIVATION_RANGES = {
    "identity": (-math.inf, math.inf),
    "relu": (0.0, math.inf),
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
}

POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


def dense_layers(sizes, activation):
    """Fully connected layers from ``sizes[0]`` to ``sizes[-1]`` units.

    The activation stands between the layers, not after the last one.
    """
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def conv_encoder(
    image_shape, conv_channels, kernel_size, pooling, dense_sizes, activation
):
    """Convolve and halve the image once for each of `conv_channels`, then go dense.

    `dense_sizes` are the units of the fully connected layers, the code's included.
    """
    channels, *size = image_shape
    layers = [Images((channels, *size))]  # (batch, channels, height, width)
    for n_out in conv_channels:
        layers += _same_convolution(channels, n_out, kernel_size, size)
        layers += _pool_and_activate(pooling, activation, _window(size))
        channels, size = n_out, _halved(size)
    layers.append(nn.Flatten())  # (batch, channels * height * width)
    sizes = [channels * math.prod(size), *dense_sizes]
    return nn.Sequential(*layers, *dense_layers(sizes, activation))


def conv_decoder(
    image_shape, conv_channels, kernel_size, upsampling, dense_sizes, activation
):
    """Undo `conv_encoder`: dense layers, then double the image once for each channel.

    What the encoder halved comes back exactly: the doubled image is cropped to the
    size that the encoder saw there.
    """
    channels = [image_shape[0], *conv_channels]
    sizes = [list(image_shape[1:])]
    for _ in conv_channels:
        sizes.append(_halved(sizes[-1]))
    smallest = (channels[-1], *sizes[-1])
    layers = [
        *dense_layers([*dense_sizes, math.prod(smallest)], activation),
        ACTIVATIONS[activation](),
        Images(smallest),  # (batch, channels, height, width)
    ]
    enlarge = {"nearest": _enlarge_then_convolve, "transpose": _transposed_convolution}
    for level in reversed(range(len(conv_channels))):
        n_in, n_out, size = channels[level + 1], channels[level], sizes[level]
        layers += enlarge[upsampling](n_in, n_out, kernel_size, size)
        layers += [_Crop(size)] if any(side % 2 and side > 1 for side in size) else []
        layers += [ACTIVATIONS[activation]()] if level else []
    return nn.Sequential(*layers, nn.Flatten())  # (batch, n_features)


class Images(nn.Unflatten):
    """Make images of flat rows, channels-last in memory: convolutions are quicker so.

    Parameters
    ----------
    image_shape : tuple of int
        (channels, height, width)
    """

    def __init__(self, image_shape):
        super().__init__(1, image_shape)

    def forward(self, rows):
        return super().forward(rows).to(memory_format=torch.channels_last)


class EnlargeConvolve(nn.Conv2d):
    """Repeat each pixel, then convolve to the size of the enlarged image, in one piece.

    With each pixel repeated s times, a kernel of size k, times a box of size s, makes a
    transposed convolution of stride s and size k + s - 1. That is the same function of
    the same weights, with fewer products, and without the enlarged image.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : tuple of int
        Height and width, both odd.
    scale_factor : tuple of int
        How often a pixel is repeated downwards and to the right.
    """

    def __init__(self, in_channels, out_channels, kernel_size, scale_factor):
        super().__init__(in_channels, out_channels, kernel_size)
        self.scale_factor = scale_factor

    def forward(self, images):
        kernel = self.weight
        for dim, repeats in ((2, self.scale_factor[0]), (3, self.scale_factor[1])):
            kernel = _times_box(kernel, dim, repeats)
        return functional.conv_transpose2d(
            images,
            kernel.flip(2, 3).transpose(0, 1),  # (in, out, height, width)
            self.bias,
            stride=self.scale_factor,
            padding=[side // 2 for side in self.kernel_size],
        )

    def extra_repr(self):
        return f"{super().extra_repr()}, scale_factor={self.scale_factor}"


class GapLeavingConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution whose kernel is smaller than its stride.

    Of images that are channels-last in memory, torch 2.14's gradient of it writes beyond
    its memory on CPUs.
    """

    def forward(self, images):
        return super().forward(images.contiguous())


def _times_box(kernel, dim, size):
    """The kernel convolved along `dim` with `size` ones: longer by size - 1."""
    shifted = []
    for before in range(size):
        padding = [0, 0, 0, 0]  # left, right, top, bottom
        padding[6 - 2 * dim : 8 - 2 * dim] = before, size - 1 - before
        shifted.append(functional.pad(kernel, padding))
    return torch.stack(shifted).sum(dim=0)


def _pool_and_activate(pooling, activation, window):
    activated = ACTIVATIONS[activation]()
    if window == (1, 1):
        return [activated]
    # ceil_mode keeps the last row and column of an image of odd size.
    pooled = POOLINGS[pooling](window, ceil_mode=True)
    if pooling == "max" and activation in MONOTONE_ACTIVATIONS:
        return [pooled, activated]
    return [activated, pooled]


class _Crop(nn.Module):
    """Keep the first rows and columns of an image."""

    def __init__(self, size):
        super().__init__()
        self.size = tuple(size)

    def forward(self, images):
        height, width = self.size
        return images[..., :height, :width]

    def extra_repr(self):
        return f"size={self.size}"


def _halved(size):
    return [math.ceil(side / 2) for side in size]


def _window(size):
    """Pooling window: a side of one pixel (a signal's height) is left alone."""
    return tuple(min(2, side) for side in size)


def _kernel(kernel_size, size):
    """Kernel that spans only the sides with more than one pixel."""
    return tuple(1 if side == 1 else kernel_size for side in size)


def _same_convolution(n_in, n_out, kernel_size, size):
    """Convolution that keeps the image's size, for even kernels too."""
    kernel = _kernel(kernel_size, size)
    if kernel_size % 2:
        padding = tuple(k // 2 for k in kernel)
        return [_initialised(nn.Conv2d(n_in, n_out, kernel, padding=padding))]
    pads = [((k - 1) // 2, k // 2) for k in reversed(kernel)]
    return [
        nn.ZeroPad2d(tuple(itertools.chain(*pads))),
        _initialised(nn.Conv2d(n_in, n_out, kernel)),
    ]


def _enlarge_then_convolve(n_in, n_out, kernel_size, size):
    kernel = _kernel(kernel_size, size)
    if all(side % 2 for side in kernel):
        return [_initialised(EnlargeConvolve(n_in, n_out, kernel, _window(size)))]
    return [
        nn.Upsample(scale_factor=_window(size), mode="nearest"),
        *_same_convolution(n_in, n_out, kernel_size, size),
    ]


def _transposed_convolution(n_in, n_out, kernel_size, size):
    """Transposed convolution that puts out exactly stride times the size it gets.

    Its output has (side - 1) * stride - 2 * padding + kernel + output_padding pixels.
    """
    kernel, stride = _kernel(kernel_size, size), _window(size)
    excess = [k - s for k, s in zip(kernel, stride, strict=True)]
    padding = tuple(math.ceil(e / 2) for e in excess)
    output_padding = tuple(2 * p - e for p, e in zip(padding, excess, strict=True))
    kind = nn.ConvTranspose2d if min(excess) >= 0 else GapLeavingConvTranspose2d
    return [_initialised(kind(n_in, n_out, kernel, stride, padding, output_padding))]


def _initialised(convolution):
    """The convolution with He's initial weights (He et al. 2015).

    They halve the error after an epoch on MNIST. Dense layers keep torch's smaller
    weights: He's overfit small tables (docs/training.md).
    """
    nn.init.kaiming_uniform_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)
    return convolution
