"""The gradient of fully connected autoencoders, computed without autograd.

In small networks, half of a training step is the overhead of autograd and of module
calls; in networks for MNIST it is 5 to 9%. The matrix products are those of autograd, in
the same order.

It is only used for the squared error of plain stacks of linear layers. Autograd is used
wherever something could observe or change it: hooks on modules, parameters or the whole
process, patched methods, subclasses, anomaly detection and saved-tensor hooks. `ENABLED`
switches it off.
"""

import torch
from torch import nn
from torch.nn import functional

from skae.nn.autoencoder import Autoencoder, Decoder, Encoder
from skae.nn.losses import ReconstructionLoss

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
CONTAINERS = (Autoencoder, Encoder, Decoder, nn.Sequential)
KNOWN_TYPES = {*CONTAINERS, *ACTIVATIONS, nn.Linear, nn.Identity}

# Attributes of modules of these types apart from hooks. If any other one is not empty,
# such as a patched method or the hooks of a later version of torch, autograd is used.
CONTENTS = {
    *("_parameters", "_buffers", "_modules", "training"),
    *("in_features", "out_features", "range"),
}
PARAMETER_HOOKS = tuple(name for name in dir(nn.Parameter) if name.endswith("_hooks"))


def manual_gradient(module, criterion):
    """Return the gradient computation as a `DenseGradient`, or None to use autograd.

    Parameters
    ----------
    module : Autoencoder
    criterion : torch.nn.Module
        The loss.
    """
    if not ENABLED or not _is_squared_error(criterion) or module.is_random:
        return None
    if _is_observed() or not all(map(_is_plain, module.modules())):
        return None
    weights = list(module.parameters())
    if not all(map(_is_plain_parameter, weights)):
        return None
    encoder, decoder = module.encoder, module.decoder
    parts = [encoder.body, encoder.activation, decoder.body, criterion.activation]
    layers = []
    for part in parts:
        layers += part if type(part) is nn.Sequential else [part]
    steps = []
    for layer in layers:
        if type(layer) is nn.Linear and layer.bias is not None:
            steps.append((layer, IDENTITY))
        elif type(layer) in ACTIVATIONS and steps and steps[-1][1] is IDENTITY:
            steps[-1] = (steps[-1][0], ACTIVATIONS[type(layer)])
        elif type(layer) is not nn.Identity:
            return None
    is_shared = len(weights) < 2 * len(steps)  # autograd sums the gradients
    return None if is_shared else DenseGradient(steps)


class DenseGradient:
    """Compute the squared error and its gradient by the weights of dense layers.

    Parameters
    ----------
    steps : list of tuple
        Each layer with its activation, an entry of `ACTIVATIONS`.
    """

    def __init__(self, steps):
        self.steps = [(layer.weight, layer.bias, *pair) for layer, pair in steps]

    @torch.no_grad()
    def __call__(self, X, weight_of_batch=1.0):
        """Return the loss of a batch; ``weight.grad`` is its gradient, weighted."""
        values = [X]  # the input of each layer, (batch, n_in)
        for weight, bias, activate, _ in self.steps:
            values.append(activate(torch.addmm(bias, values[-1], weight.t())))
        loss = functional.mse_loss(values[-1], X)
        gradient = (values[-1] - X).mul_(2 * weight_of_batch / X.numel())
        for number in reversed(range(len(self.steps))):
            weight, bias, _, backward = self.steps[number]
            gradient = backward(gradient, values[number + 1])  # (batch, n_out)
            weight.grad, bias.grad = gradient.t() @ values[number], gradient.sum(0)
            if number:
                gradient = gradient @ weight
        return loss


def _is_squared_error(criterion):
    is_known = type(criterion) is ReconstructionLoss
    return is_known and criterion.error is functional.mse_loss


def _is_observed():
    """Return whether hooks of this process or thread take part in a training step."""
    hooks = (
        value
        for name, value in vars(nn.modules.module).items()
        if name.startswith("_global_") and isinstance(value, dict)
    )
    return any(hooks) or torch.is_anomaly_enabled() or _are_saved_tensors_observed()


def _are_saved_tensors_observed():
    # Torch has no public function for this. If this one is missing, assume hooks.
    top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    return top is None or top(True) is not None


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
