"""The gradient of fully connected networks, written out.

On small nets, most of a training step is autograd's and the modules' overhead; on large
ones, what is saved is a tenth. The products are those that autograd makes, in its order.
"""

import torch
from torch import nn

from skae.losses import ReconstructionLoss
from skae.networks import Autoencoder

aten = torch.ops.aten

# In place, and the gradient before it from that behind it and the output.
ACTIVATIONS = {
    nn.Identity: (lambda x: x, lambda gradient, output: gradient),
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
    parts = [module.encoder.body, module.encoder.activation, module.decoder.body]
    layers = []
    for part in parts:
        layers += part if type(part) is nn.Sequential else [part]
    weights = list(module.parameters())
    if not all(w.requires_grad and not w._backward_hooks for w in weights):
        return None
    if type(layers[-1]) is not nn.Linear or any(map(_is_hooked, module.modules())):
        return None
    steps = []
    for layer in layers:
        if type(layer) is nn.Linear and layer.bias is not None:
            steps.append((layer, []))
        elif type(layer) in ACTIVATIONS and steps:
            steps[-1][1].append(ACTIVATIONS[type(layer)])
        else:
            return None
    return DenseGradient(steps, criterion)


class DenseGradient:
    """Puts the gradient of the loss into the weights of fully connected layers.

    Parameters
    ----------
    steps : list of tuple
        Each layer with the activations behind it, as in `ACTIVATIONS`.
    criterion : ReconstructionLoss
    """

    def __init__(self, steps, criterion):
        self.steps = [(layer.weight, layer.bias, acts) for layer, acts in steps]
        self.criterion = criterion
        for weight, bias, _ in self.steps:
            weight.grad, bias.grad = torch.empty_like(weight), torch.empty_like(bias)

    @torch.no_grad()
    def __call__(self, rows):
        """Return the loss of a batch; its gradient is in ``weight.grad``."""
        values = [rows]  # the input of each layer, (batch, n_in)
        outputs = []  # of each activation
        for weight, bias, activations in self.steps:
            value = torch.addmm(bias, values[-1], weight.t())
            outputs.append([value := apply(value) for apply, _ in activations])
            values.append(value)
        loss, gradient = self.criterion.with_gradient(values.pop(), rows)
        for number in reversed(range(len(self.steps))):
            weight, bias, activations = self.steps[number]
            for (_, backward), output in zip(
                reversed(activations), reversed(outputs[number]), strict=True
            ):
                gradient = backward(gradient, output)
            torch.mm(gradient.t(), values[number], out=weight.grad)
            torch.sum(gradient, 0, out=bias.grad)
            if number:
                gradient = gradient @ weight
        return loss


def _is_hooked(module):
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return any(hooks)
