"""LatentGaussianMixture: a Gaussian mixture that is fitted quickly."""

from typing import Literal

import numpy as np

from skae._random import make_random_state
from skae._types import RandomState
from skae._validation import integer, one_of, seed
from skae.densities import _em as em
from skae.densities._base import BaseDensity
from skae.densities._gaussian import _AffineGaussian


class LatentGaussianMixture(BaseDensity):
    """Gaussian mixture with full covariances, fitted by a few fast iterations.

    The codes are whitened. A short k-means, started by k-means++, gives the first
    components, and expectation maximization (EM) refines them. A prior shrinks each
    covariance towards the pooled covariance [1]_, so that no component collapses onto a
    single code.

    Outlying codes do not affect the other components. Codes that are 50 times farther
    from the center than most codes get components of their own.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of components, at most the number of codes. "auto" takes the least of
        ``0.8 * sqrt(n_samples)``, ``n_samples / (2 * n_features)``,
        ``1.25e10 / (n_samples * n_features**2)`` and 200, but at least 1. The third term
        limits the time of `fit`: for 60,000 codes with 32 features it has no effect, with
        128 features there are 12 components, and with 400 features there is one, so that
        the density is a single Gaussian. `n_components_` is the number in use.
    max_iter : int, default=4
        Number of EM iterations. All of them are run, without a test of convergence. The
        default is small by design: after the k-means start, four iterations gave
        generated samples as good as those of more iterations. With more than 12,000
        codes, the first half of the iterations uses 12,000 random codes.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of the codes and of k-means++. Pass an int for reproducible
        output. None draws from fresh entropy; NumPy's global random state is neither
        used nor changed.

    Attributes
    ----------
    n_components_ : int
        Number of components. Components without codes are dropped. "auto" counts the
        outlying codes separately, which adds components.
    weights_ : ndarray of shape (`n_components_`,)
        Weights of the components.
    means_ : ndarray of shape (`n_components_`, `n_features_in_`)
        Means of the components.
    covariances_ : ndarray of shape (`n_components_`, `n_features_in_`, `n_features_in_`)
        Covariances of the components.
    n_features_in_ : int
        Number of features of the latent codes.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `X` has names that are all strings.

    See Also
    --------
    sklearn.mixture.GaussianMixture : EM until convergence, with labels and information
        criteria. It can be used as `latent_density`, too.

    References
    ----------
    .. [1] C. Fraley and A. Raftery, "Bayesian regularization for normal mixture
       estimation and model-based clustering", Journal of Classification 24, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import LatentGaussianMixture
    >>> codes = np.random.default_rng(0).normal(size=(200, 2))
    >>> codes[100:] += 50
    >>> mixture = LatentGaussianMixture(2, random_state=0).fit(codes)
    >>> sorted(mixture.means_.round().astype(int)[:, 0].tolist())
    [0, 50]
    """

    n_components_: int
    weights_: np.ndarray
    means_: np.ndarray
    covariances_: np.ndarray

    _parameter_rules = {
        "n_components": one_of("auto") | integer(1),
        "max_iter": integer(1),
        "random_state": seed(),
    }

    _derived = ("_gaussians",)

    def __init__(
        self,
        n_components: int | Literal["auto"] = "auto",
        *,
        max_iter: int = 4,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.max_iter = max_iter
        self.random_state = random_state

    def _fit(self, X):
        n_components = self.n_components
        self.weights_, self.means_, self.covariances_ = em.fit_mixture(
            X,
            None if n_components == "auto" else int(n_components),
            int(self.max_iter),
            make_random_state(self.random_state),
        )
        self.n_components_ = len(self.weights_)
        self._derive()

    def _derive(self):
        if hasattr(self, "covariances_"):
            self._gaussians = [
                _AffineGaussian(mean, covariance)
                for mean, covariance in zip(self.means_, self.covariances_, strict=True)
            ]

    def _sample(self, n_samples, rng):
        labels = rng.choice(self.n_components_, size=n_samples, p=self.weights_)
        X = rng.standard_normal((n_samples, self.n_features_in_))
        for label in np.unique(labels):
            is_labelled = labels == label
            X[is_labelled] = self._gaussians[label].unwhiten(X[is_labelled])
        return X

    def _score_samples(self, X):
        logs = np.stack([gaussian.log_density(X) for gaussian in self._gaussians], axis=1)
        return np.logaddexp.reduce(logs + np.log(self.weights_), axis=1)
