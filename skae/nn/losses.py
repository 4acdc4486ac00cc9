"""What training minimises."""

import math

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from skae.nn.networks import ACTIVATIONS

LOSSES = {
    "squared_error": functional.mse_loss,
    "absolute_error": functional.l1_loss,
    "huber": functional.huber_loss,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
}


CODE_SIZES = {"l1": torch.abs, "l2": torch.square}

# The least square of the scale that `LearnedScaleLoss` learns, in the rows' variance.
LEAST_VARIANCE = 1e-6


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
        raw, *_ = outputs
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


class LearnedScaleLoss(nn.Module):
    """Minus the log-likelihood of data whose errors have a learned scale, per element.

    The scale that fits a batch best is known: the root mean squared error of normal
    errors, the mean absolute one of Laplace's. The loss is then its logarithm, but for a
    constant, and minimises that error whatever the units of the data are (Rybkin,
    Daniilidis and Levine 2021, "Simple and effective VAE training with calibrated
    decoders").

    Parameters
    ----------
    likelihood : {"gaussian", "laplace"}
        How errors are distributed.
    output_activation : {"identity", "relu", "tanh", "sigmoid"}
        Applied to the network's output first.
    """

    def __init__(self, likelihood, output_activation):
        super().__init__()
        self.is_gaussian = likelihood == "gaussian"
        self.activation = ACTIVATIONS[output_activation]()

    def forward(self, outputs, X):
        """Return the loss of what `Autoencoder.forward` put out for the rows `X`."""
        y = self.activation(outputs[0])
        least = LEAST_VARIANCE * X.var(correction=0) + torch.finfo(X.dtype).tiny
        if self.is_gaussian:
            variance = functional.mse_loss(y, X) + least
            return (1 + math.log(2 * math.pi) + variance.log()) / 2
        scale = functional.l1_loss(y, X) + least.sqrt()
        return 1 + math.log(2) + scale.log()


class CodePenalty(nn.Module):
    """Mean absolute or squared code, times a weight.

    Parameters
    ----------
    penalty : {"l1", "l2"}
    alpha : float
        The weight.
    """

    def __init__(self, penalty, alpha):
        super().__init__()
        self.size = CODE_SIZES[penalty]
        self.alpha = alpha

    def forward(self, outputs):
        _, codes, *_ = outputs
        return self.alpha * self.size(codes).mean()


class PriorDivergence(nn.Module):
    """Divergence of random codes from the standard normal prior, times a weight.

    Parameters
    ----------
    beta : float
        The weight (Higgins et al. 2017, "beta-VAE").
    n_features : int
        The loss is a mean over so many elements of a row, and the divergence with it.
    """

    def __init__(self, beta, n_features):
        super().__init__()
        self.weight = beta / n_features

    def forward(self, outputs):
        """(mean² + variance - 1 - log variance) / 2, Kingma and Welling 2014."""
        _, _, mean, log_variance = outputs
        divergences = mean.square() + log_variance.exp() - 1 - log_variance
        return self.weight * divergences.sum(dim=1).mean() / 2


class FlowPriorDivergence(PriorDivergence):
    """The same where a flow makes standard normal variables of codes.

    It is an estimate from the codes that were drawn, of log q(code | row) - log p(code),
    with log q at its mean.
    """

    def forward(self, outputs):
        """(base² - 1 - log variance) / 2 - log volume, `base` being the flow's output."""
        _, _, base, log_variance, log_volume = outputs
        divergences = (base.square() - 1 - log_variance).sum(dim=1) / 2 - log_volume
        return self.weight * divergences.mean()


class PenalisedLoss(nn.Module):
    """A loss of the reconstruction and terms of the codes, added up.

    Parameters
    ----------
    reconstruction : torch.nn.Module
        Takes what `Autoencoder.forward` put out, and the rows.
    terms : list of torch.nn.Module
        Each takes what `Autoencoder.forward` put out.
    """

    def __init__(self, reconstruction, terms):
        super().__init__()
        self.reconstruction = reconstruction
        self.terms = nn.ModuleList(terms)

    def forward(self, outputs, X):
        """Return the loss of what `Autoencoder.forward` put out for the rows `X`."""
        loss = self.reconstruction(outputs, X)
        for term in self.terms:
            loss = loss + term(outputs)
        return loss


def with_terms(reconstruction, terms):
    """The loss of the reconstruction, with terms of the codes where there are some."""
    return PenalisedLoss(reconstruction, terms) if terms else reconstruction


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
