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


class SquaredErrorOfSigmoid(torch.autograd.Function):
    """Mean squared error of a sigmoid, with its derivative in one piece.

    With y = sigmoid(raw), the derivative by raw is 2 (y - X) y (1 - y) / n. It is written
    over the differences, so that a step makes two arrays of the size of `X`, not six.
    """

    @staticmethod
    def forward(ctx, raw, X):
        y = torch.sigmoid(raw)
        differences = y - X
        ctx.save_for_backward(y, differences)
        return torch.linalg.vector_norm(differences).square() / differences.numel()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        y, differences = ctx.saved_tensors
        scaled = differences.mul_(gradient * (2 / differences.numel()))
        return torch.ops.aten.sigmoid_backward(scaled, y), None
