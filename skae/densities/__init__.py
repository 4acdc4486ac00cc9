"""Densities of latent codes, to sample from and to score codes with.

A density has scikit-learn's interface: ``fit(X)``, ``score_samples(X)``, which returns
log-densities, and ``sample(n_samples, random_state)``. An autoencoder also accepts any
other object with `fit` and `sample`, such as `sklearn.mixture.GaussianMixture`.
"""

from skae._saving.names import publish as _publish
from skae.densities._flow import FlowPrior
from skae.densities._gaussian import DiagonalGaussian, Gaussian, StandardNormal
from skae.densities._kernel import LatentKernelDensity
from skae.densities._mixture import LatentGaussianMixture

_publish(
    __name__,
    DiagonalGaussian,
    FlowPrior,
    Gaussian,
    LatentGaussianMixture,
    LatentKernelDensity,
    StandardNormal,
)

__all__ = [
    "DiagonalGaussian",
    "FlowPrior",
    "Gaussian",
    "LatentGaussianMixture",
    "LatentKernelDensity",
    "StandardNormal",
]
