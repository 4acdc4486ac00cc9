"""The gradient of fully connected autoencoders, computed without autograd.

In small networks, half of a training step is the overhead of autograd and of module
calls; in networks for MNIST it is 5 to 9%. The matrix products are those of autograd, in
the same order.

It is used for plain stacks of linear layers, with or without a linear path beside them:
for the squared error, and for the evidence lower bound of variational autoencoders
without a flow, whose loss has a learned scale. Autograd is used wherever something could
observe or change it: hooks on modules, parameters or the whole process, patched methods,
subclasses, anomaly detection and saved-tensor hooks. `ENABLED` switches it off.
"""

import torch
from torch import nn
from torch.nn import functional

from skae.nn.autoencoder import (
    MAX_LOG_VARIANCE,
    Autoencoder,
    Decoder,
    Encoder,
    GaussianEncoder,
)
from skae.nn.linear_path import DecoderPath, EncoderPath, LinearPath, Standardizer
from skae.nn.losses import (
    CombinedLoss,
    LearnedScaleLoss,
    PriorDivergence,
    ReconstructionLoss,
)
from skae.nn.noise import noise_like

ENABLED = True

aten = torch.ops.aten

# The activation in place, and the gradient at its input from that at its output.
IDENTITY = (lambda x: x, lambda gradient, output: gradient)
ACTIVATIONS = {
    nn.ReLU: (torch.relu_, lambda g, output: aten.threshold_backward(g, output, 0)),
    nn.Sigmoid: (torch.sigmoid_, aten.sigmoid_backward),
    nn.Tanh: (torch.tanh_, aten.tanh_backward),
}

# Types with a known `forward`. Networks with any other type are left to autograd.
CONTAINERS = (Autoencoder, Encoder, GaussianEncoder, Decoder, nn.Sequential)
PATHS = (EncoderPath, DecoderPath, LinearPath, Standardizer)
KNOWN_TYPES = {*CONTAINERS, *PATHS, *ACTIVATIONS, nn.Linear, nn.Identity}

# Attributes of modules of these types apart from hooks. If any other one is not empty,
# such as a patched method or the hooks of a later version of torch, autograd is used.
CONTENTS = {
    *("_parameters", "_buffers", "_modules", "training"),
    *("in_features", "out_features", "range"),
}
PARAMETER_HOOKS = tuple(name for name in dir(nn.Parameter) if name.endswith("_hooks"))


def manual_gradient(module, criterion, generator=None):
    """Return the function that computes the gradient, or None to use autograd.

    Parameters
    ----------
    module : Autoencoder
    criterion : torch.nn.Module
        The loss.
    generator : torch.Generator or PartOfNoise, default=None
        Source of the random codes of a variational autoencoder.

    Returns
    -------
    DenseGradient, VariationalGradient or None
    """
    is_variational = type(module.encoder) is GaussianEncoder
    is_known = _is_lower_bound if is_variational else _is_squared_error
    if not ENABLED or not is_known(criterion) or module.corruption is not None:
        return None
    if _is_observed() or not all(map(_is_plain, module.modules())):
        return None
    weights = list(module.parameters())
    if not all(map(_is_plain_parameter, weights)):
        return None
    if is_variational:
        encoder = _gradient_of_gaussian(module.encoder.body)
        decoder = _gradient_of(module.decoder.body, criterion.reconstruction.activation)
    else:
        encoder = _gradient_of(module.encoder.body, module.encoder.activation)
        decoder = _gradient_of(module.decoder.body, criterion.activation)
    if encoder is None or decoder is None:
        return None
    if len(weights) < encoder.n_weights + decoder.n_weights:
        return None  # shared weights, of which autograd sums the gradients
    if is_variational:
        return VariationalGradient(encoder, decoder, criterion, generator)
    return DenseGradient(encoder, decoder)


def _gradient_of_gaussian(body):
    """Return the gradient computation of a `GaussianEncoder`, None if it is not known."""
    path = body if type(body) is EncoderPath else None
    network = _stack_gradient([body if path is None else body.network])
    return None if network is None else GaussianEncoderGradient(network, path)


def _gradient_of(body, activation):
    """Return the gradient computation of a network, None if it is not known."""
    if type(body) not in (EncoderPath, DecoderPath):
        return _stack_gradient([body, activation])
    network = _stack_gradient([body.network])
    is_known = type(activation) is nn.Identity or type(activation) in ACTIVATIONS
    if network is None or not is_known:
        return None
    kind = EncoderPathGradient if type(body) is EncoderPath else DecoderPathGradient
    return kind(body, network, ACTIVATIONS.get(type(activation), IDENTITY))


def _stack_gradient(parts):
    """Return the gradient computation of linear layers and activations, or None."""
    steps = []
    for part in parts:
        for layer in part if type(part) is nn.Sequential else [part]:
            if type(layer) is nn.Linear and layer.bias is not None:
                steps.append((layer, IDENTITY))
            elif type(layer) in ACTIVATIONS and steps and steps[-1][1] is IDENTITY:
                steps[-1] = (steps[-1][0], ACTIVATIONS[type(layer)])
            elif type(layer) is not nn.Identity:
                return None
    return StackGradient(steps) if steps else None


class DenseGradient:
    """Compute the squared error and its gradient by the weights of dense layers.

    Parameters
    ----------
    encoder, decoder : StackGradient, EncoderPathGradient or DecoderPathGradient
    """

    def __init__(self, encoder, decoder):
        self.encoder = encoder
        self.decoder = decoder

    @torch.no_grad()
    def __call__(self, X, target, weight_of_batch=1.0):
        """Return the loss of a batch; ``weight.grad`` is its gradient, weighted."""
        output = self.decoder.forward(self.encoder.forward(X))
        loss = functional.mse_loss(output, target)
        gradient = (output - target).mul_(2 * weight_of_batch / X.numel())
        self.encoder.backward(self.decoder.backward(gradient), by_input=False)
        return loss


class VariationalGradient:
    """Compute minus the evidence lower bound, per feature, and its gradient.

    Parameters
    ----------
    encoder : GaussianEncoderGradient
    decoder : StackGradient or DecoderPathGradient
    criterion : CombinedLoss
        A `LearnedScaleLoss` and a `PriorDivergence`.
    generator : torch.Generator or PartOfNoise
        Source of the random codes.
    """

    def __init__(self, encoder, decoder, criterion, generator):
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = criterion.reconstruction
        self.divergence_weight = criterion.terms[0].weight
        self.generator = generator

    @torch.no_grad()
    def __call__(self, X, target, weight_of_batch=1.0):
        """Return the loss of a batch; ``weight.grad`` is its gradient, weighted."""
        codes = self.encoder.forward(X, self.generator)
        output = self.decoder.forward(codes)
        loss, gradient = self.likelihood.with_gradient(output, target)
        loss = loss + self.divergence_weight * self.encoder.divergence()
        gradient = self.decoder.backward(gradient.mul_(weight_of_batch))
        self.encoder.backward(gradient, self.divergence_weight * weight_of_batch)
        return loss


class GaussianEncoderGradient:
    """The gradient of a `GaussianEncoder` without a flow.

    Parameters
    ----------
    network : StackGradient
        Of the means and log-variances, (batch, 2 * n_components).
    path : EncoderPath or None
        The linear path beside the network.
    """

    def __init__(self, network, path):
        self.network, self.path = network, path
        self.n_weights = network.n_weights + (0 if path is None else 2)

    def forward(self, X, generator):
        """Return random codes, and keep the values that `backward` needs."""
        mean, log_variance = self.network.forward(X).chunk(2, dim=1)
        if self.path is not None:
            linear = self.path.linear
            total = torch.addmm(linear.bias, X, linear.weight.t()).add_(mean)
            mean = total.div_(self.path.scales)
            log_variance = self.path.log_variances + log_variance
        self.is_free = log_variance.abs() <= MAX_LOG_VARIANCE
        self.log_variance = log_variance.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)
        noise = noise_like(torch.randn, mean, generator)
        self.deviation = (self.log_variance / 2).exp().mul_(noise)
        self.X, self.mean, self.variance = X, mean, self.log_variance.exp()
        return mean + self.deviation

    def divergence(self):
        """Return the mean divergence of the codes from the prior."""
        total = self.mean.square() + self.variance - 1 - self.log_variance
        return total.sum() / (2 * len(self.mean))

    def backward(self, gradient, divergence_weight):
        """Set the gradients of the weights."""
        share = divergence_weight / len(self.mean)
        by_log_variance = (gradient * self.deviation).mul_(0.5)
        by_log_variance.add_(self.variance.sub_(1), alpha=share / 2)
        by_mean = gradient.add_(self.mean, alpha=share)
        if self.path is not None:
            by_mean = by_mean / self.path.scales
            linear = self.path.linear
            linear.weight.grad, linear.bias.grad = by_mean.t() @ self.X, by_mean.sum(0)
        by_output = torch.cat([by_mean, by_log_variance.mul_(self.is_free)], dim=1)
        self.network.backward(by_output, by_input=False)
        self.X = self.mean = self.variance = self.log_variance = None
        self.deviation = self.is_free = None


class StackGradient:
    """The gradient of linear layers with activations, one after the other.

    Parameters
    ----------
    steps : list of tuple
        Each layer with its activation, an entry of `ACTIVATIONS`.
    """

    def __init__(self, steps):
        self.steps = [(layer.weight, layer.bias, *pair) for layer, pair in steps]
        self.n_weights = 2 * len(steps)

    def forward(self, X):
        """Return the output, and keep the values that `backward` needs."""
        values = [X]  # the input of each layer, (batch, n_in)
        for weight, bias, activate, _ in self.steps:
            values.append(activate(torch.addmm(bias, values[-1], weight.t())))
        self.values = values
        return values[-1]

    def backward(self, gradient, by_input=True):
        """Set the gradients of the weights; return that of the input, if asked."""
        values, self.values = self.values, None
        for number in reversed(range(len(self.steps))):
            weight, bias, _, backward = self.steps[number]
            gradient = backward(gradient, values[number + 1])  # (batch, n_out)
            weight.grad, bias.grad = gradient.t() @ values[number], gradient.sum(0)
            if number or by_input:
                gradient = gradient @ weight
        return gradient


class PathGradient:
    """A linear path beside a network, and the activation of their sum.

    Parameters
    ----------
    path : EncoderPath or DecoderPath
    network : StackGradient
    activation : tuple
        An entry of `ACTIVATIONS`.
    """

    def __init__(self, path, network, activation):
        self.weight, self.bias = path.linear.weight, path.linear.bias
        self.scales, self.network = path.scales, network
        self.activate, self.activation_backward = activation
        self.n_weights = 2 + network.n_weights


class EncoderPathGradient(PathGradient):
    """The gradient of an `EncoderPath` and its activation."""

    def forward(self, X):
        """Return the latent codes, and keep the values that `backward` needs."""
        self.X = X
        linear = torch.addmm(self.bias, X, self.weight.t())
        codes = linear.add_(self.network.forward(X)).div_(self.scales)
        self.codes = self.activate(codes)
        return self.codes

    def backward(self, gradient, by_input):
        """Set the gradients of the weights."""
        gradient = self.activation_backward(gradient, self.codes) / self.scales
        self.weight.grad, self.bias.grad = gradient.t() @ self.X, gradient.sum(0)
        self.network.backward(gradient, by_input)
        self.X = self.codes = None


class DecoderPathGradient(PathGradient):
    """The gradient of a `DecoderPath` and its activation."""

    def forward(self, codes):
        """Return the reconstruction, and keep the values that `backward` needs."""
        self.scaled = codes * self.scales
        linear = torch.addmm(self.bias, self.scaled, self.weight.t())
        self.output = self.activate(linear.add_(self.network.forward(codes)))
        return self.output

    def backward(self, gradient):
        """Set the gradients of the weights; return that of the codes."""
        gradient = self.activation_backward(gradient, self.output)
        self.weight.grad, self.bias.grad = gradient.t() @ self.scaled, gradient.sum(0)
        by_codes = (gradient @ self.weight).mul_(self.scales)
        self.scaled = self.output = None
        return by_codes.add_(self.network.backward(gradient))


def _is_squared_error(criterion):
    is_known = type(criterion) is ReconstructionLoss
    return is_known and criterion.error is functional.mse_loss


def _is_lower_bound(criterion):
    return (
        type(criterion) is CombinedLoss
        and type(criterion.reconstruction) is LearnedScaleLoss
        and [type(term) for term in criterion.terms] == [PriorDivergence]
    )


def _is_observed():
    """Return whether hooks of this process or thread take part in a training step."""
    hooks = (
        value
        for name, value in vars(nn.modules.module).items()
        if name.startswith("_global_") and isinstance(value, dict)
    )
    return any(hooks) or torch.is_anomaly_enabled() or _are_saved_tensors_observed()


def _are_saved_tensors_observed():
    # Torch refuses to disable these hooks while there are any.
    try:
        with torch.autograd.graph.disable_saved_tensors_hooks("checked by skae"):
            return False
    except RuntimeError:
        return True


def _is_plain(module):
    """Return whether a module is as its type defines it, without hooks."""
    extra = (value for name, value in vars(module).items() if name not in CONTENTS)
    return type(module) in KNOWN_TYPES and not any(map(_is_set, extra))


def _is_set(value):
    return value is not None and value is not False and not _is_empty(value)


def _is_empty(value):
    return isinstance(value, dict | set) and not value


def _is_plain_parameter(parameter):
    return (
        type(parameter) is nn.Parameter
        and parameter.requires_grad
        and not vars(parameter)
        and not any(getattr(parameter, name) for name in PARAMETER_HOOKS)
    )
