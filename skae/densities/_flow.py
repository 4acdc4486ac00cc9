"""FlowPrior: the prior of a variational autoencoder with a flow."""

import copy

import numpy as np
import torch

from skae.densities._base import BaseDensity as Density


class FlowPrior(Density):
    """The prior of codes that a flow makes standard normal variables of.

    It is learned with the networks, and so not changed by the codes that it is fitted
    to. It computes in float64 on the CPU.

    Parameters
    ----------
    flow : CouplingFlow
        Copied when the density is fitted.

    Attributes
    ----------
    n_features_in_ : int
        Number of components.
    """

    def __init__(self, flow):
        self.flow = flow

    def _fit(self, X):
        # What the estimator holds on the GPU is not to be saved with the density.
        self.flow = copy.deepcopy(self.flow).cpu().double().requires_grad_(False)

    def _sample(self, n_samples, rng):
        return self.to_codes(rng.standard_normal((n_samples, self.n_features_in_)))

    def _score_samples(self, X):
        base, log_volume = self.flow(_tensor(X))
        squares = base.square().sum(dim=1)
        constant = self.n_features_in_ * np.log(2 * np.pi)
        return (log_volume - (squares + constant) / 2).numpy()

    def to_base(self, codes):
        """The standard normal variables that codes become."""
        return self.flow(_tensor(codes))[0].numpy()

    def to_codes(self, base):
        """The codes that become these standard normal variables."""
        return self.flow.inverse(_tensor(base)).numpy()


def _tensor(array):
    return torch.as_tensor(np.asarray(array), dtype=torch.float64, device="cpu")
