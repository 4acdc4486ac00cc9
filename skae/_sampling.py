"""Densities of the latent codes, as the estimators use them."""

import numpy as np
from sklearn import get_config

# A density given by name is fitted to at most this many random samples.
MAX_SAMPLES = 60_000


def choose_samples(rows, latent_density, rng):
    """Return the sorted indices of the samples to fit a density to, None for all.

    Parameters
    ----------
    rows : Rows
    latent_density : str, density or None
    rng : RandomState
    """
    is_own = latent_density is not None and not isinstance(latent_density, str)
    return None if is_own else rows.subsample(MAX_SAMPLES, rng)


def log_density(density, codes):
    """Return the log-density of latent codes, in their dtype.

    Raises
    ------
    ValueError
        If the density has no `score_samples`, or returns anything but one number for each
        latent code.
    """
    name = type(density).__name__
    if not hasattr(density, "score_samples"):
        raise ValueError(
            f"density_ is a {name}, which has no score_samples. Fit one that has: "
            "fit_density(X, 'gaussian_mixture')."
        )
    with np.errstate(over="ignore"):  # codes beyond float32 have the lowest density
        values = np.asarray(density.score_samples(codes))
    if values.shape != (len(codes),) or values.dtype.kind not in "fiu":
        raise ValueError(
            f"{name}.score_samples returned an array of type {values.dtype} and shape "
            f"{values.shape}; must be real numbers of shape ({len(codes)},)."
        )
    if not get_config()["assume_finite"] and np.isnan(values).any():
        raise ValueError(f"{name}.score_samples returned NaN; must be real numbers.")
    limits = np.finfo(codes.dtype)
    return values.clip(limits.min, limits.max).astype(codes.dtype)
