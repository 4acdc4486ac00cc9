"""What training minimises."""

from torch import nn
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
        takes_logits = loss == "binary_cross_entropy"
        self.activation = ACTIVATIONS["identity" if takes_logits else output_activation]()

    def forward(self, outputs, X):
        """Return the loss of what `Autoencoder.forward` put out for the rows `X`."""
        raw, _ = outputs
        return self.error(self.activation(raw), X)
