"""What training minimises."""

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from skae.networks import ACTIVATIONS

LOSSES = {
    "squared_error": functional.mse_loss,
    "absolute_error": functional.l1_loss,
    "huber": functional.huber_loss,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
}


class ReconstructionLoss(nn.Module):
    """Mean error of a reconstruction over all elements of a batch.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "binary_cross_entropy"}
        The error. Huber's turns from squared to absolute at 1. The cross-entropy is
        computed from logits, which stays finite where a sigmoid rounds to 0 or 1.
    output_activation : {"identity", "relu", "tanh", "sigmoid"}
        Applied to the network's output first. Cross-entropy takes "sigmoid" only.
    """

    def __init__(self, loss, output_activation):
        super().__init__()
        self.error = LOSSES[loss]
        self.of_sigmoid = loss == "squared_error" and output_activation == "sigmoid"
        takes_logits = loss == "binary_cross_entropy"
        self.activation = ACTIVATIONS["identity" if takes_logits else output_activation]()

    def forward(self, outputs, X):
        """Return the loss of what `Autoencoder.forward` put out for the rows `X`."""
        raw, _ = outputs
        if self.of_sigmoid:
            return SquaredErrorOfSigmoid.apply(raw, X)
        return self.error(self.activation(raw), X)

    def with_gradient(self, raw, X):
        """Return the loss and its gradient by the network's output `raw`, a new array."""
        if self.of_sigmoid:
            loss, y, differences = squared_error_of_sigmoid(raw, X)
            return loss, gradient_of_sigmoid(y, differences)
        with torch.enable_grad():
            raw = raw.detach().requires_grad_()
            loss = self.error(self.activation(raw), X)
        return loss.detach(), torch.autograd.grad(loss, raw)[0]


def squared_error_of_sigmoid(raw, X):
    """The mean squared error of a sigmoid, the sigmoid, and the differences."""
    y = torch.sigmoid(raw)
    differences = y - X
    norms = torch.linalg.vector_norm(differences, dim=1)  # in one sum, it is less exact
    loss = norms.square().sum() / differences.numel()
    return loss, y, differences


def gradient_of_sigmoid(y, differences):
    """The derivative of that error, 2 (y - X) y (1 - y) / n, over the differences."""
    differences *= 2 / differences.numel()
    return torch.ops.aten.sigmoid_backward(differences, y)


class SquaredErrorOfSigmoid(torch.autograd.Function):
    """Mean squared error of a sigmoid, with its derivative in one piece.

    A step then makes two arrays of the size of `X`, not six.
    """

    @staticmethod
    def forward(ctx, raw, X):
        loss, *saved = squared_error_of_sigmoid(raw, X)
        ctx.save_for_backward(*saved)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return gradient * gradient_of_sigmoid(*ctx.saved_tensors), None
