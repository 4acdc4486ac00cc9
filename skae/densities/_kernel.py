"""LatentKernelDensity: a kernel density estimate of whitened latent codes."""

from typing import Literal

import numpy as np
from scipy.optimize import minimize_scalar

from skae._random import make_random_state
from skae._types import RandomState
from skae._validation import one_of, real, seed
from skae.densities._base import BaseDensity
from skae.densities._gaussian import _AffineGaussian, mean_and_covariance

# Bandwidths that "auto" chooses from, in standard deviations of the latent codes.
BANDWIDTH_RANGE = (0.02, 2.0)
# Number of codes that "auto" scores, and of codes in the density that scores them.
N_SCORED, N_KERNELS = 400, 4_000


class LatentKernelDensity(BaseDensity):
    """Kernel density estimate of latent codes, with Gaussian kernels.

    The codes are whitened first, so that each kernel has the covariance of all codes
    times the squared bandwidth. The density of the whitened codes is a
    `sklearn.neighbors.KernelDensity`.

    The density stores all training codes. Its samples are near copies of them: a sample
    is a training code plus noise of the size of the bandwidth. Where samples must not
    reveal training data, use `LatentGaussianMixture`.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        Standard deviation of the kernels, in standard deviations of the latent codes;
        from 1e-6 to 1e4. "auto" maximizes the likelihood of at most 400 random codes
        under a density of at most 4,000 others, between 0.02 and 2.
    random_state : int, RandomState instance or None, default=None
        Seed of the selection of codes for ``bandwidth="auto"``. Pass an int for
        reproducible output. None draws from fresh entropy; NumPy's global random state
        is neither used nor changed.

    Attributes
    ----------
    bandwidth_ : float
        The bandwidth in use.
    n_features_in_ : int
        Number of features of the latent codes.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `X` has names that are all strings.

    See Also
    --------
    sklearn.neighbors.KernelDensity : Kernel density estimate without whitening.

    Notes
    -----
    The covariance is not robust: a single outlying code widens all kernels. The time of
    `score_samples` is proportional to the number of training codes.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import LatentKernelDensity
    >>> codes = np.random.default_rng(0).normal(size=(500, 2))
    >>> density = LatentKernelDensity(random_state=0).fit(codes)
    >>> density.sample(3, random_state=0).shape
    (3, 2)
    """

    bandwidth_: float

    _parameter_rules = {
        "bandwidth": one_of("auto") | real(1e-6, 1e4),
        "random_state": seed(),
    }

    _derived = ("_gaussian", "_kernels")

    def __init__(
        self,
        bandwidth: float | Literal["auto"] = "auto",
        *,
        random_state: RandomState = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.random_state = random_state

    def _fit(self, X):
        self._moments = mean_and_covariance(X)
        whitened = _AffineGaussian(*self._moments).whiten(X)
        if self.bandwidth == "auto":
            rng = make_random_state(self.random_state)
            self.bandwidth_ = _best_bandwidth(rng.permutation(whitened))
        else:
            self.bandwidth_ = float(self.bandwidth)
        self._whitened = whitened
        self._derive()

    def _derive(self):
        if hasattr(self, "_whitened"):
            self._gaussian = _AffineGaussian(*self._moments)
            self._kernels = _kernels(self._whitened, self.bandwidth_)

    def _sample(self, n_samples, rng):
        return self._gaussian.unwhiten(self._kernels.sample(n_samples, rng))

    def _score_samples(self, X):
        whitened = self._gaussian.whiten(X)
        return self._kernels.score_samples(whitened) - self._gaussian.log_volume


def _kernels(whitened, bandwidth):
    # The tree's bounds lose all precision in many dimensions (an error of 15 nats at a
    # bandwidth of 0.6 in 32 dimensions). With a single leaf the sums are exact, and
    # no slower.
    from sklearn.neighbors import KernelDensity

    return KernelDensity(bandwidth=bandwidth, leaf_size=len(whitened)).fit(whitened)


def _best_bandwidth(whitened):
    """Return the bandwidth under which some codes are most likely, given others."""
    n_scored = min(N_SCORED, len(whitened) // 2)
    if n_scored == 0:
        return 1.0
    scored, others = np.split(whitened[: n_scored + N_KERNELS], [n_scored])

    def negative_log_likelihood(log_bandwidth):
        return -_kernels(others, np.exp(log_bandwidth)).score(scored)

    best = minimize_scalar(
        negative_log_likelihood,
        bounds=np.log(BANDWIDTH_RANGE),
        method="bounded",
        options={"xatol": 0.05},
    )
    return float(np.exp(best.x))
