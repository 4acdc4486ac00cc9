"""Losses for training."""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from skae._types import LastActivation, LearnedScale, Loss, Penalty
from skae.nn.networks import make_activation

LOSSES: dict[Loss, Callable[[Tensor, Tensor], Tensor]] = {
    "squared_error": functional.mse_loss,
    "absolute_error": functional.l1_loss,
    "huber": functional.huber_loss,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
}

LATENT_PENALTIES: dict[Penalty, Callable[[Tensor], Tensor]] = {
    "l1": torch.abs,
    "l2": torch.square,
}

# Lower bound of the variance that `LearnedScaleLoss` estimates, as a share of the data's.
MIN_VARIANCE_RATIO = 1e-6


# The power of the units of the data in each loss.
POWERS: dict[Loss, int] = {
    "squared_error": 2,
    "absolute_error": 1,
    "huber": 2,
    "binary_cross_entropy": 0,
}


class ReconstructionLoss(nn.Module):
    """Mean reconstruction error over all elements of a batch.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "binary_cross_entropy"}
        "huber" is squared up to an error of 1 and linear beyond. The cross-entropy is
        computed from logits and stays finite where a sigmoid rounds to 0 or 1.
    output_activation : {"identity", "relu", "tanh", "sigmoid"}
        Applied to the output of the decoder's network first. The cross-entropy requires
        "sigmoid".
    """

    error: Callable[[Tensor, Tensor], Tensor]
    power: int
    activation: nn.Module

    def __init__(self, loss: Loss, output_activation: LastActivation) -> None:
        super().__init__()
        self.error = LOSSES[loss]
        self.power = POWERS[loss]
        takes_logits = loss == "binary_cross_entropy"
        self.activation = make_activation(
            "identity" if takes_logits else output_activation
        )

    def forward(self, outputs: Sequence[Tensor], X: Tensor) -> Tensor:
        """Return the loss for the outputs of `Autoencoder.forward` and the target."""
        raw, *_ = outputs
        return self.error(self.activation(raw), X)

    def in_units(self, loss: float, scale: float) -> float:
        """Return the loss in units of the data for that of data divided by `scale`."""
        return loss * scale**self.power


class LearnedScaleLoss(nn.Module):
    """Negative log-likelihood per element, with the scale of the errors estimated.

    The maximum likelihood estimate of the scale is known in closed form: the root mean
    squared error for normal errors, the mean absolute error for Laplace's. The loss is
    then the logarithm of the scale up to a constant, and does not depend on the units of
    the data (Rybkin, Daniilidis and Levine 2021, "Simple and effective VAE training with
    calibrated decoders").

    Parameters
    ----------
    likelihood : {"gaussian", "laplace"}
        Distribution of the errors.
    output_activation : {"identity", "relu", "tanh", "sigmoid"}
        Applied to the output of the decoder's network first.

    Attributes
    ----------
    gather : callable or None
        If several processes have a part of each batch: returns the rows of all of them,
        (n_processes, 4), for the number of elements, their mean, their variance and the
        mean error of this one. None if one process has the whole batch.
    """

    is_gaussian: bool
    activation: nn.Module
    gather: Callable[[Tensor], Tensor] | None

    def __init__(
        self, likelihood: LearnedScale, output_activation: LastActivation
    ) -> None:
        super().__init__()
        self.is_gaussian = likelihood == "gaussian"
        self.activation = make_activation(output_activation)
        self.gather = None

    def forward(self, outputs: Sequence[Tensor], X: Tensor) -> Tensor:
        """Return the loss for the outputs of `Autoencoder.forward` and the target."""
        y = self.activation(outputs[0])
        error = (functional.mse_loss if self.is_gaussian else functional.l1_loss)(y, X)
        scale = self._scale(error.detach(), X)
        power = 2 if self.is_gaussian else 1
        # The gradient of the logarithm is that of the own part of the error.
        return self._loss(scale) + (error - error.detach()) / scale / power

    def with_gradient(self, y: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of reconstructions, and its gradient by them.

        Parameters
        ----------
        y, X : tensor of shape (batch, n_features)
            Reconstructions, with the output activation, and the target.
        """
        difference = y - X
        if self.is_gaussian:
            scale = self._scale(difference.square().mean(), X)
        else:
            scale = self._scale(difference.abs().mean(), X)
            difference.sign_()
        return self._loss(scale), difference.div_(scale * X.numel())

    def _loss(self, scale):
        if self.is_gaussian:
            return (1 + math.log(2 * math.pi) + scale.log()) / 2
        return 1 + math.log(2) + scale.log()

    def _scale(self, error, X):
        """Return the estimated variance of normal errors, or the scale of Laplace's."""
        variance = X.var(correction=0)
        if self.gather is not None:
            error, variance = self._of_whole_batch(error, variance, X)
        least = MIN_VARIANCE_RATIO * variance + torch.finfo(X.dtype).tiny
        return error + (least if self.is_gaussian else least.sqrt())

    def _of_whole_batch(self, error, variance, X):
        """Return the mean error and the variance of the parts of all processes."""
        n_elements = torch.full_like(error, X.numel())
        own = torch.stack([n_elements, X.mean(), variance, error])
        n_elements, means, variances, errors = self.gather(own).double().unbind(dim=1)
        weights = n_elements / n_elements.sum()
        mean = (weights * means).sum()
        variance = (weights * (variances + (means - mean).square())).sum()
        return (weights * errors).sum().to(X.dtype), variance.to(X.dtype)

    def in_units(self, loss: float, scale: float) -> float:
        """Return the loss in units of the data for that of data divided by `scale`."""
        return loss + math.log(scale)


class LatentPenalty(nn.Module):
    """Mean absolute or squared latent code, times a weight.

    Parameters
    ----------
    penalty : {"l1", "l2"}
    weight : float
    """

    size: Callable[[Tensor], Tensor]

    def __init__(self, penalty: Penalty, weight: float) -> None:
        super().__init__()
        self.size = LATENT_PENALTIES[penalty]
        self.weight = weight

    def forward(self, outputs: Sequence[Tensor]) -> Tensor:
        _, codes, *_ = outputs
        return self.weight * self.size(codes).mean()


class PriorDivergence(nn.Module):
    """Kullback-Leibler divergence of the codes from the standard normal prior.

    Parameters
    ----------
    beta : float
        Weight of the divergence (Higgins et al. 2017, "beta-VAE").
    n_features : int
        The reconstruction loss is a mean over the elements of a sample, so the
        divergence is divided by their number.
    """

    weight: float

    def __init__(self, beta: float, n_features: int) -> None:
        super().__init__()
        self.weight = beta / n_features

    def forward(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return (mean² + variance - 1 - log-variance) / 2 (Kingma and Welling 2014)."""
        _, _, mean, log_variance = outputs
        divergences = mean.square() + log_variance.exp() - 1 - log_variance
        return self.weight * divergences.sum(dim=1).mean() / 2


class FlowPriorDivergence(PriorDivergence):
    """Divergence from a prior that a flow maps to standard normal variables.

    It is estimated from the random codes as log q(code | sample) - log p(code), with
    log q replaced by its expectation.
    """

    def forward(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return (base² - 1 - log-variance) / 2 - log-volume, with the flow's output."""
        _, _, base, log_variance, log_volume = outputs
        divergences = (base.square() - 1 - log_variance).sum(dim=1) / 2 - log_volume
        return self.weight * divergences.mean()


class CombinedLoss(nn.Module):
    """Sum of a reconstruction loss and terms that depend on the latent codes.

    Parameters
    ----------
    reconstruction : torch.nn.Module
        Called with the outputs of `Autoencoder.forward` and the target.
    terms : list of torch.nn.Module
        Each is called with the outputs of `Autoencoder.forward`.
    """

    terms: nn.ModuleList

    def __init__(
        self,
        reconstruction: ReconstructionLoss | LearnedScaleLoss,
        terms: Iterable[nn.Module],
    ) -> None:
        super().__init__()
        self.reconstruction = reconstruction
        self.terms = nn.ModuleList(terms)

    def forward(self, outputs: Sequence[Tensor], X: Tensor) -> Tensor:
        """Return the loss for the outputs of `Autoencoder.forward` and the target."""
        loss = self.reconstruction(outputs, X)
        for term in self.terms:
            loss = loss + term(outputs)
        return loss

    def in_units(self, loss: float, scale: float) -> float:
        """Return the loss in units of the data for that of data divided by `scale`."""
        return self.reconstruction.in_units(loss, scale)


def combine_losses(
    reconstruction: ReconstructionLoss | LearnedScaleLoss, terms: Sequence[nn.Module]
) -> ReconstructionLoss | LearnedScaleLoss | CombinedLoss:
    """Return the reconstruction loss, with terms for the latent codes if any."""
    return CombinedLoss(reconstruction, terms) if terms else reconstruction
