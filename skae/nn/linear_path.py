"""The linear path: a linear map beside a network, so that training starts at PCA.

Data are standardised first: less the mean of each column, divided by one scale for all
columns, which keeps the meaning of the squared error.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from skae._types import LastActivation

if TYPE_CHECKING:
    from skae.nn.autoencoder import Autoencoder

# The smallest scale that float32 can divide by.
MIN_SCALE = 1e-30

# Means are kept off the ends of an output activation's range by this share of it.
MIN_DISTANCE = 0.02

# A sigmoid starts as a line of this slope, in logits, through each column's mean. It is
# steeper than the sigmoid's own tangent at 1/2, 4, since data such as images are mostly
# near 0 or 1.
SIGMOID_SLOPE = 6.0

# Latent activations start as near to a line as their range allows. From a variable t of
# variance 1, they compute activation(gain * t + shift), which is near (t - center) /
# slope.
LATENT_LINES: dict[LastActivation, tuple[float, float, float, float]] = {
    "identity": (1.0, 0.0, 1.0, 0.0),
    "relu": (1.0, 2.0, 1.0, -2.0),
    "tanh": (0.5, 0.0, 2.0, 0.0),
    "sigmoid": (1.0, 0.0, 4.0, -2.0),
}


# Samples with which a network is probed.
N_PROBED = 3

# Layers of which the weights can be set to zero.
LAYERS = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


@dataclasses.dataclass(frozen=True)
class PrincipalAxes:
    """Mean, scale and principal axes of the data, all in float64.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Means of the columns, in units of the data.
    scale : float
        Root of the mean variance of the columns; 1 if no column varies.
    axes : ndarray of shape (n_axes, n_features)
        Principal axes, of length 1.
    stds : ndarray of shape (n_axes,)
        Standard deviations along the axes, for data divided by `scale`; positive.
    noise_variance : float
        Mean variance of the components that are left out, for data divided by `scale`.
    """

    mean: np.ndarray
    scale: float
    axes: np.ndarray
    stds: np.ndarray
    noise_variance: float

    @property
    def residual_std(self) -> float:
        """Standard deviation of what the axes leave out, for data divided by `scale`."""
        n_axes, n_features = self.axes.shape
        return math.sqrt(self.noise_variance * (n_features - n_axes) / n_features)

    def padded(self, n_components: int) -> tuple[np.ndarray, np.ndarray]:
        """Return axes and standard deviations for a number of components.

        Missing axes are zero, with the least standard deviation of the others.
        """
        n_missing = n_components - len(self.stds)
        least = self.stds[-1] if len(self.stds) else 1.0
        axes = np.pad(self.axes, ((0, n_missing), (0, 0)))
        return axes, np.append(self.stds, np.full(n_missing, least))


class Standardizer(nn.Module):
    """Subtract the means of the columns, and divide by one scale.

    The means are stored as sums of two numbers. The differences are therefore precise in
    float32, too, for data that are far from 0.

    Parameters
    ----------
    mean, mean_rest : tensor of shape (n_features,)
        The means are the sums of these.
    scale : tensor of shape ()
    """

    mean: Tensor
    mean_rest: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, mean_rest: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("mean_rest", mean_rest)
        self.register_buffer("scale", scale)

    @classmethod
    def of(cls, mean: np.ndarray, scale: float) -> Self:
        """Return the module for means, an ndarray, and a scale, a float."""
        means = torch.tensor(mean, dtype=torch.float64, device="cpu")
        divisor = torch.tensor(max(scale, MIN_SCALE), dtype=torch.float32, device="cpu")
        return cls(means.float(), (means - means.float()).float(), divisor)

    def forward(self, X: Tensor) -> Tensor:
        """Standardise samples."""
        return ((X - self.mean) - self.mean_rest) / self.scale

    def inverse(self, X: Tensor) -> Tensor:
        """Map standardised samples back to units of the data."""
        return torch.addcmul(self.mean_rest, X, self.scale) + self.mean

    def to_float32(self, array: np.ndarray) -> np.ndarray:
        """Standardise a NumPy array in float64; return it in float32."""
        mean = self.mean.cpu().numpy().astype(np.float64) + self.mean_rest.cpu().numpy()
        return ((array - mean) / float(self.scale)).astype(np.float32)


class LinearPath(nn.Linear):
    """The linear map beside a network, whose weights are set instead of drawn."""

    def reset_parameters(self) -> None:
        """Leave the weights as they are in memory."""


class EncoderPath(nn.Module):
    """A linear map plus a network, from standardised samples to latent codes.

    Parameters
    ----------
    linear : LinearPath
        From samples (batch, n_features) to (batch, n_components).
    network : torch.nn.Module
        From samples to (batch, n_components); for a variational encoder, to
        (batch, 2 * n_components), of which the second half are log-variances.
    scales : tensor of shape (n_components,)
        The sum is divided by these. Training steps are therefore equally large for axes
        of large and of small variance.
    log_variances : tensor of shape (n_components,) or None, default=None
        Initial log-variances of a variational encoder, to which the network adds.
    """

    scales: Tensor
    log_variances: Tensor | None

    def __init__(
        self,
        linear: LinearPath,
        network: nn.Module,
        scales: Tensor,
        log_variances: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.linear = linear
        self.network = network
        self.register_buffer("scales", scales)
        self.register_buffer("log_variances", log_variances)

    def forward(self, X: Tensor) -> Tensor:
        linear = self.linear(X)
        added = self.network(X.clone())  # a network may change its input
        if self.log_variances is None:
            return (linear + added) / self.scales
        added, log_variances = added.chunk(2, dim=1)
        codes = (linear + added) / self.scales
        return torch.cat([codes, self.log_variances + log_variances], dim=1)


class DecoderPath(nn.Module):
    """A linear map plus a network, from latent codes to standardised samples.

    Parameters
    ----------
    linear : LinearPath
        From codes, multiplied by `scales`, to samples (batch, n_features).
    network : torch.nn.Module
        From codes to samples.
    scales : tensor of shape (n_components,)
    """

    scales: Tensor

    def __init__(self, linear: LinearPath, network: nn.Module, scales: Tensor) -> None:
        super().__init__()
        self.linear = linear
        self.network = network
        self.register_buffer("scales", scales)

    def forward(self, codes: Tensor) -> Tensor:
        linear = self.linear(codes * self.scales)
        return linear + self.network(codes.clone())  # a network may change its input


class Gain(nn.Module):
    """Multiply each output by a number, which starts at zero.

    Bachlechner et al. 2021, "ReZero is all you need: fast convergence at large depth".

    Parameters
    ----------
    n_outputs : int
    """

    weight: nn.Parameter

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, X: Tensor) -> Tensor:
        return X * self.weight


def add_linear_path(
    module: "Autoencoder",
    start: PrincipalAxes,
    n_components: int,
    latent_activation: LastActivation,
    output_activation: LastActivation,
    noise: np.ndarray | None = None,
) -> None:
    """Make an autoencoder start at PCA: change its encoder and decoder in place.

    Parameters
    ----------
    module : Autoencoder
    start : PrincipalAxes
    n_components : int
    latent_activation, output_activation : str
    noise : ndarray of shape (n_components,), default=None
        Initial variances of random codes, between 0 and 1; None if codes are not random.
    """
    encoder, decoder = module.encoder, module.decoder
    axes, stds = start.padded(n_components)
    gain, shift, slope, center = LATENT_LINES[latent_activation]
    # Random codes have variance 1 together with their noise.
    shrinkage = 1.0 if noise is None else np.sqrt(1 - noise)
    n_outputs = n_components * (1 if noise is None else 2)
    log_variances = None if noise is None else torch.from_numpy(np.log(noise)).float()
    encoder.standardizer = Standardizer.of(start.mean, start.scale)
    encoder.body = EncoderPath(
        _linear((axes.T * shrinkage).T, stds * shift / gain),
        _starting_at_zero(encoder.body, len(start.mean), n_outputs, module),
        torch.from_numpy(stds / gain).float(),
        log_variances,
    )
    mean, scale = start.mean, start.scale
    if output_activation == "identity":
        decoder.standardizer = Standardizer.of(start.mean, start.scale)
        mean, scale = np.zeros_like(mean), 1.0
    bias, slopes = _output_line(output_activation, mean, scale)
    axes = axes.T * shrinkage * slopes  # (n_features, n_components)
    decoder.body = DecoderPath(
        _linear(axes, bias + axes @ (stds * center)),
        _starting_at_zero(decoder.body, n_components, len(start.mean), module),
        torch.from_numpy(stds * slope).float(),
    )


def add_empty_path(
    module: "Autoencoder",
    n_features: int,
    n_components: int,
    output_activation: LastActivation,
    gains: tuple[bool, bool],
) -> None:
    """Add the modules of a linear path, on the meta device, to take saved weights.

    Parameters
    ----------
    module : Autoencoder
        Of networks without linear paths, changed in place.
    n_features, n_components : int
    output_activation : str
    gains : tuple of bool
        What `has_gains` returned for the module that was saved.
    """
    encoder, decoder = module.encoder, module.decoder

    def empty(*shape):
        return torch.empty(shape, dtype=torch.float32, device="meta")

    def linear(n_in, n_out):
        return LinearPath(n_in, n_out, device="meta", dtype=torch.float32)

    def network(body, has_gain, n_outputs):
        if not has_gain:
            return body
        gain = Gain(1)
        gain.weight = nn.Parameter(empty(n_outputs))
        return nn.Sequential(body, gain)

    n_outputs = n_components * (1 + encoder.is_random)
    encoder.standardizer = Standardizer(empty(n_features), empty(n_features), empty())
    encoder.body = EncoderPath(
        linear(n_features, n_components),
        network(encoder.body, gains[0], n_outputs),
        empty(n_components),
        empty(n_components) if encoder.is_random else None,
    )
    if output_activation == "identity":
        decoder.standardizer = Standardizer(empty(n_features), empty(n_features), empty())
    decoder.body = DecoderPath(
        linear(n_components, n_features),
        network(decoder.body, gains[1], n_features),
        empty(n_components),
    )


def decaying_weights(module: "Autoencoder") -> list[Tensor]:
    """Return the weights that decay to leave a linear autoencoder.

    They are those of linear layers and convolutions in the networks beside the linear
    maps, without biases, and each `Gain`.
    """
    encoder: Any = module.encoder.body
    decoder: Any = module.decoder.body
    layers = [*encoder.network.modules(), *decoder.network.modules()]
    weights = [
        weights
        for layer in layers
        for weights in layer.parameters()
        if isinstance(layer, Gain) or (isinstance(layer, LAYERS) and weights.ndim > 1)
    ]
    return list(dict.fromkeys(weights))  # layers may share some


def has_gains(module: "Autoencoder") -> tuple[bool, bool]:
    """Return whether a `Gain` follows the encoder's and the decoder's network."""
    return _has_gain(module.encoder.body), _has_gain(module.decoder.body)


def _has_gain(body):
    network = getattr(body, "network", None)
    if not isinstance(network, nn.Sequential):
        return False
    return len(network) > 0 and isinstance(network[-1], Gain)


def _output_line(activation, mean, scale):
    """Return bias and slope of the line, before an activation, that starts it."""
    if activation in ("identity", "relu"):
        return mean, scale
    low = -1.0 if activation == "tanh" else 0.0
    width = 1.0 - low
    share = ((mean - low) / width).clip(MIN_DISTANCE, 1 - MIN_DISTANCE)
    logits = np.log(share / (1 - share))
    # tanh(x) is 2 * sigmoid(2 * x) - 1.
    return logits / width, SIGMOID_SLOPE * scale / width**2


def _linear(weight, bias):
    n_out, n_in = weight.shape
    linear = LinearPath(n_in, n_out, device="cpu")
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        linear.bias.copy_(torch.from_numpy(bias))
    return linear


def _starting_at_zero(network, n_inputs, n_outputs, module):
    """Return a network that returns zeros at first.

    Its last layer is set to zero. Where the output is not proportional to the weights of
    this layer, for example because a normalization follows, or where they are shared, a
    `Gain` is appended instead.
    """
    layer = _last_layer(network)
    if layer is None or _is_shared(layer, module):
        return nn.Sequential(network, Gain(n_outputs))
    before = [weights.detach().clone() for weights in layer.parameters()]
    small, negative, zero = (
        _scaled_output(network, n_inputs, layer, before, factor)
        for factor in (0.01, -0.02, 0.0)
    )
    is_proportional = torch.allclose(negative, -2 * small, rtol=0.01, atol=1e-6)
    if not zero.any() and is_proportional:
        return network
    _set_weights(layer, before, 1.0)
    return nn.Sequential(network, Gain(n_outputs))


@torch.no_grad()
def _set_weights(layer, values, factor):
    for weights, value in zip(layer.parameters(), values, strict=True):
        weights.copy_(value * factor)


@torch.no_grad()
def _scaled_output(network, n_inputs, layer, values, factor):
    """Set a layer to scaled weights; return the network's output for some samples.

    Normalizations are in training mode. Their running means are not changed.
    """
    _set_weights(layer, values, factor)
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.train()
    for part in network.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.eval()
    angles = torch.arange(N_PROBED * n_inputs, device="cpu").float()
    output = network(angles.sin().reshape(N_PROBED, n_inputs))
    for name, buffer in network.named_buffers():
        buffer.copy_(buffers[name])
    network.eval()
    return output


def _last_layer(network):
    layers = [m for m in network.modules() if isinstance(m, LAYERS)]
    return layers[-1] if layers else None


def _is_shared(layer, module):
    """Return whether another layer has the same weights, or they are computed."""
    everywhere = [id(p) for _, p in module.named_parameters(remove_duplicate=False)]
    own = [id(p) for p in layer.parameters()]
    is_computed = "weight" not in layer._parameters
    return is_computed or any(everywhere.count(number) > 1 for number in own)
