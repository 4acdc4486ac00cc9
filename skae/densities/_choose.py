"""Choose a density by name or by example."""

from sklearn.base import clone

from skae.densities._gaussian import DiagonalGaussian, Gaussian, StandardNormal
from skae.densities._kernel import LatentKernelDensity
from skae.densities._mixture import LatentGaussianMixture

DENSITIES = {
    "normal": DiagonalGaussian,
    "gaussian": Gaussian,
    "gaussian_mixture": LatentGaussianMixture,
    "kde": LatentKernelDensity,
    "standard_normal": StandardNormal,
}


def is_density(value):
    """Return whether `value` is an object with the methods `fit` and `sample`."""
    return not isinstance(value, type) and all(
        callable(getattr(value, method, None)) for method in ("fit", "sample")
    )


def make_density(latent_density, rng):
    """Return an unfitted density.

    Parameters
    ----------
    latent_density : str or object
        A key of `DENSITIES`, or a density, which is cloned.
    rng : RandomState
        Gives a seed to a density whose `random_state` is None.

    Returns
    -------
    density : object
    """
    if isinstance(latent_density, str):
        density = DENSITIES[latent_density]()
    else:
        density = clone(latent_density, safe=False)
    if getattr(density, "random_state", 0) is None:
        density.random_state = rng.randint(2**31 - 1)
    return density
