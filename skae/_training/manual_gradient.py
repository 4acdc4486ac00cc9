"""The gradient of fully connected networks, written out.

On small nets, most of a training step is autograd's and the modules' overhead; on large
ones, what is saved is a tenth. The products are those that autograd makes, in its order.
"""

import torch
from torch import nn

from skae.nn.autoencoder import Autoencoder
from skae.nn.losses import ReconstructionLoss

aten = torch.ops.aten

# In place, and the gradient before it from that behind it and the output.
IDENTITY = (lambda x: x, lambda gradient, output: gradient)
ACTIVATIONS = {
    nn.ReLU: (torch.relu_, lambda g, output: aten.threshold_backward(g, output, 0)),
    nn.Sigmoid: (torch.sigmoid_, aten.sigmoid_backward),
    nn.Tanh: (torch.tanh_, aten.tanh_backward),
}


def written_out(module, criterion):
    """The gradient of a net's loss as a `DenseGradient`, None where it is another net's.

    Parameters
    ----------
    module : Autoencoder
    criterion : ReconstructionLoss
    """
    if type(module) is not Autoencoder or type(criterion) is not ReconstructionLoss:
        return None
    if module.is_random:
        return None
    parts = [module.encoder.body, module.encoder.activation, module.decoder.body]
    layers = []
    for part in parts:
        layers += part if type(part) is nn.Sequential else [part]
    weights = list(module.parameters())
    if any(map(_is_watched, weights)):
        return None
    if type(layers[-1]) is not nn.Linear or any(map(_is_hooked, module.modules())):
        return None
    steps = []
    for layer in layers:
        if type(layer) is nn.Linear and layer.bias is not None:
            steps.append((layer, IDENTITY))
        elif type(layer) in ACTIVATIONS and steps and steps[-1][1] is IDENTITY:
            steps[-1] = (steps[-1][0], ACTIVATIONS[type(layer)])
        elif type(layer) is not nn.Identity:
            return None
    is_shared = len(weights) < 2 * len(steps)  # autograd would add the gradients up
    return None if is_shared else DenseGradient(steps, criterion)


class DenseGradient:
    """Puts the gradient of the loss into the weights of fully connected layers.

    Parameters
    ----------
    steps : list of tuple
        Each layer with the activation behind it, an entry of `ACTIVATIONS`.
    criterion : ReconstructionLoss
    """

    def __init__(self, steps, criterion):
        self.steps = [(layer.weight, layer.bias, *pair) for layer, pair in steps]
        self.criterion = criterion

    @torch.no_grad()
    def __call__(self, rows):
        """Return the loss of a batch; its gradient is in ``weight.grad``."""
        values = [rows]  # what goes into each layer, (batch, n_in)
        for weight, bias, activate, _ in self.steps:
            values.append(activate(torch.addmm(bias, values[-1], weight.t())))
        loss, gradient = self.criterion.with_gradient(values[-1], rows)
        for number in reversed(range(len(self.steps))):
            weight, bias, _, backward = self.steps[number]
            gradient = backward(gradient, values[number + 1])  # (batch, n_out)
            weight.grad, bias.grad = gradient.t() @ values[number], gradient.sum(0)
            if number:
                gradient = gradient @ weight
        return loss


def _is_watched(weight):
    """Whether a weight is frozen, or something waits for its gradient."""
    hooks = weight._backward_hooks, weight._post_accumulate_grad_hooks
    return any(hooks) or not weight.requires_grad


def _is_hooked(module):
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return any(hooks)
