"""What codes are distributed like: densities that are fitted to them and drawn from.

They have the methods of scikit-learn's: ``fit(X)``, ``score_samples(X)``, which is the
logarithm of the density, and ``sample(n_samples, random_state)``. Any other object with
`fit` and `sample`, such as scikit-learn's mixtures, serves as well.
"""

import copy
import inspect

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from skae._data import array_api
from skae._validation import check_parameters, integer, one_of, random_state, real
from skae.densities import _em as em

__all__ = ["Gaussian", "GaussianMixture", "KernelDensity", "Normal", "StandardNormal"]

# A variance of zero is no density; the least one, as a share of a component's variance.
LEAST_VARIANCE = 1e-6

# Rows that a bandwidth is chosen with: some, among which the others are neighbours.
BANDWIDTH_ROWS = 500
BANDWIDTH_NEIGHBOURS = 5_000
MAX_PAIRS = 4_000_000  # distances that are held at a time
BANDWIDTHS = np.geomspace(0.02, 2.0, 30)  # in units of the codes' standard deviations


class Density(BaseEstimator):
    """What the densities share: the checks."""

    _parameter_rules = {}

    def fit(self, X, y=None):
        """Fit the density.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.
        y : None
            Not used; here for scikit-learn's conventions.

        Returns
        -------
        self : object
            The fitted density.
        """
        check_parameters(self, self._parameter_rules)
        X = check_array(array_api.to_numpy(X), dtype=np.float64)
        self.n_features_in_ = X.shape[1]
        self._fit(X)
        return self

    def sample(self, n_samples=1, random_state=None):
        """Draw from the density.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            Where random numbers come from; None is NumPy's global state.

        Returns
        -------
        X : ndarray of shape (n_samples, n_components)
            Codes.
        """
        check_is_fitted(self)
        return self._sample(n_samples, check_random_state(random_state))

    def score_samples(self, X):
        """Return the logarithm of the density.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In natural units.
        """
        check_is_fitted(self)
        X = check_array(array_api.to_numpy(X), dtype=np.float64)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} columns, but {type(self).__name__} was fitted on "
                f"codes with {self.n_features_in_} components."
            )
        return self._score_samples(X)


class StandardNormal(Density):
    """Independent normal codes with mean 0 and variance 1: a variational model's prior.

    Attributes
    ----------
    n_features_in_ : int
        Number of components.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import StandardNormal
    >>> StandardNormal().fit(np.zeros((1, 3))).sample(2, random_state=0).shape
    (2, 3)
    """

    def _fit(self, X):
        self._factors = _Factors(np.zeros(X.shape[1]), np.eye(X.shape[1]))

    def _sample(self, n_samples, rng):
        return rng.standard_normal((n_samples, self.n_features_in_))

    def _score_samples(self, X):
        return self._factors.log_density(X)


class Gaussian(Density):
    """A normal distribution with a full covariance matrix.

    Attributes
    ----------
    mean_ : ndarray of shape (n_components,)
        Mean of the codes.
    covariance_ : ndarray of shape (n_components, n_components)
        Covariance of the codes, by maximum likelihood.
    n_features_in_ : int
        Number of components.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import Gaussian
    >>> codes = np.array([[0.0, 1.0], [2.0, 1.0]])
    >>> Gaussian().fit(codes).mean_
    array([1., 1.])
    """

    def _fit(self, X):
        self.mean_ = X.mean(axis=0)
        self.covariance_ = self._covariance(X - self.mean_)
        self._factors = _Factors(self.mean_, self.covariance_)

    def _covariance(self, centred):
        return centred.T @ centred / len(centred)

    def _sample(self, n_samples, rng):
        return self._factors.draw(rng.standard_normal((n_samples, self.n_features_in_)))

    def _score_samples(self, X):
        return self._factors.log_density(X)


class Normal(Gaussian):
    """Independent normal components, each with its mean and standard deviation.

    Attributes
    ----------
    mean_ : ndarray of shape (n_components,)
        Mean of the codes.
    covariance_ : ndarray of shape (n_components, n_components)
        Variances of the codes on the diagonal.
    n_features_in_ : int
        Number of components.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import Normal
    >>> codes = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> Normal().fit(codes).covariance_
    array([[1., 0.],
           [0., 1.]])
    """

    def _covariance(self, centred):
        return np.diag(np.square(centred).mean(axis=0))


class GaussianMixture(Density):
    """A mixture of normal distributions, fitted quickly.

    The codes are brought to unit covariance. k-means, from k-means++, gives the first
    components, and expectation maximisation goes on from there, in float32 and in large
    matrix products. Each covariance is drawn a little to the mean of all by a prior
    (Fraley and Raftery 2007), so that none shrinks onto a row.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of normal distributions. "auto" takes 0.6 times the square root of the
        number of rows, at most 120, and fewer where a code is so long that there would
        be less than two rows for each element of a mean, or the fit would take long.
    max_iter : int, default=4
        Number of iterations; half of them on at most 12,000 rows.
    random_state : int, RandomState instance or None, default=None
        Draws the order of the rows, of which the first are used first. None is NumPy's
        global state.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Share of each normal distribution.
    means_ : ndarray of shape (n_components, `n_features_in_`)
        Their means.
    covariances_ : ndarray of shape (n_components, `n_features_in_`, `n_features_in_`)
        Their covariances.
    n_features_in_ : int
        Number of elements of a code.

    References
    ----------
    .. [1] C. Fraley and A. Raftery, "Bayesian regularization for normal mixture
       estimation and model-based clustering", Journal of Classification 24, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import GaussianMixture
    >>> codes = np.random.default_rng(0).normal(size=(200, 2))
    >>> codes[100:] += 50
    >>> mixture = GaussianMixture(2, random_state=0).fit(codes)
    >>> sorted(mixture.means_.round().astype(int)[:, 0].tolist())
    [0, 50]
    """

    _parameter_rules = {
        "n_components": one_of("auto") | integer(1),
        "max_iter": integer(1),
        "random_state": random_state(),
    }

    def __init__(
        self,
        n_components="auto",
        *,
        max_iter=4,
        random_state=None,
    ):
        self.n_components = n_components
        self.max_iter = max_iter
        self.random_state = random_state

    def _fit(self, X):
        n_components = self.n_components
        if n_components == "auto":
            n_components = em.number_of_components(*X.shape)
        whole = Gaussian().fit(X)
        if min(n_components, len(X)) == 1 or not whole.covariance_.any():
            shares, means, covariances = [1.0], [whole.mean_], [whole.covariance_]
        else:
            shares, means, covariances = em.fit_mixture(
                whole._factors.whiten(X),
                min(n_components, len(X)),
                self.max_iter,
                check_random_state(self.random_state),
            )
            factor = whole._factors.factor
            means = whole.mean_ + means @ factor.T
            covariances = factor @ covariances @ factor.T
        self.weights_, self.means_ = np.array(shares), np.array(means)
        self.covariances_ = np.array(covariances)
        parts = zip(self.means_, self.covariances_, strict=True)
        self._factors = [_Factors(mean, covariance) for mean, covariance in parts]

    def _sample(self, n_samples, rng):
        kinds = rng.choice(len(self.weights_), size=n_samples, p=self.weights_)
        X = rng.standard_normal((n_samples, self.n_features_in_))
        for kind in np.unique(kinds):
            X[kinds == kind] = self._factors[kind].draw(X[kinds == kind])
        return X

    def _score_samples(self, X):
        logs = np.stack([factors.log_density(X) for factors in self._factors], axis=1)
        with np.errstate(divide="ignore"):  # a component without weight
            return np.logaddexp.reduce(logs + np.log(self.weights_), axis=1)


class KernelDensity(Density):
    """A normal distribution around each row, all with the covariance of the codes scaled.

    It holds all rows that it was fitted on, and draws close to them: what is sampled is
    nearly a copy of a training row.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        Scale of each normal distribution, in standard deviations of the codes. "auto"
        takes, of thirty from 0.02 to 2, the one that makes held-out codes most likely.
    random_state : int, RandomState instance or None, default=None
        Draws the rows that the bandwidth is chosen with. None is NumPy's global state.

    Attributes
    ----------
    bandwidth_ : float
        The bandwidth in use.
    n_features_in_ : int
        Number of components.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import KernelDensity
    >>> codes = np.random.default_rng(0).normal(size=(500, 2))
    >>> KernelDensity(random_state=0).fit(codes).sample(3, random_state=0).shape
    (3, 2)
    """

    _parameter_rules = {
        "bandwidth": one_of("auto") | real(0, open_ends=True),
        "random_state": random_state(),
    }

    def __init__(self, bandwidth="auto", *, random_state=None):
        self.bandwidth = bandwidth
        self.random_state = random_state

    def _fit(self, X):
        whole = Gaussian().fit(X)
        self._factors = whole._factors
        self._whitened = self._factors.whiten(X)
        self.bandwidth_ = self.bandwidth
        if self.bandwidth == "auto":
            rng = check_random_state(self.random_state)
            self.bandwidth_ = _best_bandwidth(rng.permutation(self._whitened))

    def _sample(self, n_samples, rng):
        centres = self._whitened[rng.randint(len(self._whitened), size=n_samples)]
        noise = rng.standard_normal(centres.shape)
        return self._factors.draw(centres + self.bandwidth_ * noise)

    def _score_samples(self, X):
        n_chunks = len(X) * len(self._whitened) // MAX_PAIRS + 1
        logs = [
            _kernel_log_densities(rows, self._whitened, [self.bandwidth_])[0]
            for rows in np.array_split(self._factors.whiten(X), min(n_chunks, len(X)))
        ]
        return np.concatenate(logs) - self._factors.log_volume


class _Factors:
    """A mean, and a covariance as the product of a factor and its transpose.

    Directions without variance, once each component is brought to variance 1, get
    `LEAST_VARIANCE` where a density is asked for, and stay without where rows are drawn.
    """

    def __init__(self, mean, covariance):
        scales = np.sqrt(covariance.diagonal())
        rounding = 4 * np.finfo(np.float64).eps * np.abs(mean)
        scales = np.where(scales > rounding, scales, 1.0)
        correlation = covariance / scales / scales[:, None]
        variances, directions = np.linalg.eigh(correlation)
        deviations = np.sqrt(variances.clip(LEAST_VARIANCE))
        self.mean = mean
        self.factor = scales[:, None] * directions * np.sqrt(variances.clip(0))
        self.log_volume = np.log(scales).sum() + np.log(deviations).sum()
        self._inverse = directions / deviations / scales[:, None]

    def draw(self, standard_normal):
        """Rows with this mean and covariance, of rows with 0 and 1."""
        return self.mean + standard_normal @ self.factor.T

    def whiten(self, X):
        """Rows with mean 0 and covariance 1, of rows with this mean and covariance."""
        return (X - self.mean) @ self._inverse

    def log_density(self, X):
        """The logarithm of the normal density at each row."""
        squares = np.square(self.whiten(X)).sum(axis=1)
        return -(squares + X.shape[1] * np.log(2 * np.pi)) / 2 - self.log_volume


def _best_bandwidth(whitened):
    """Of `BANDWIDTHS`, the one by which some rows are most likely given the others."""
    n_held_out = min(BANDWIDTH_ROWS, len(whitened) // 2)
    if n_held_out == 0:
        return 1.0
    held_out, others = np.split(
        whitened[: n_held_out + BANDWIDTH_NEIGHBOURS], [n_held_out]
    )
    logs = _kernel_log_densities(held_out, others, BANDWIDTHS)
    return float(BANDWIDTHS[logs.mean(axis=1).argmax()])


def _kernel_log_densities(rows, centres, bandwidths):
    """Log density of each row by each bandwidth, (n_bandwidths, n_rows)."""
    squares = np.square(rows).sum(axis=1)[:, None] + np.square(centres).sum(axis=1)
    squares = (squares - 2 * rows @ centres.T).clip(0)
    least = squares.min(axis=1, keepdims=True)  # what is summed is then 1 at the most
    squares -= least
    n_features = rows.shape[1]
    logs = []
    for bandwidth in bandwidths:
        precision = 1 / (2 * bandwidth**2)
        kernel = np.log(np.exp(-precision * squares).mean(axis=1))
        volume = n_features * np.log(bandwidth * np.sqrt(2 * np.pi))
        logs.append(kernel - precision * least[:, 0] - volume)
    return np.stack(logs)


DENSITIES = {
    "normal": Normal,
    "gaussian": Gaussian,
    "gaussian_mixture": GaussianMixture,
    "kde": KernelDensity,
    "standard_normal": StandardNormal,
}


def is_density(value):
    """Whether `value` has the methods of a density."""
    return not isinstance(value, type) and all(
        callable(getattr(value, method, None)) for method in ("fit", "sample")
    )


def unfitted(latent_density, rng):
    """A fresh density, by name or cloned, that draws its random numbers from `rng`.

    Parameters
    ----------
    latent_density : str or density
    rng : RandomState

    Returns
    -------
    density
    """
    if isinstance(latent_density, str):
        density = DENSITIES[latent_density]()
    else:
        density = clone(latent_density, safe=False)
    if getattr(density, "random_state", 0) is None:
        density.random_state = rng.randint(2**31 - 1)
    return density


def draw(density, n_samples, rng):
    """Codes drawn from a fitted density, an array (n_samples, n_components).

    scikit-learn's mixtures draw from their own `random_state`, and return labels too.
    """
    if "random_state" in inspect.signature(density.sample).parameters:
        drawn = density.sample(n_samples, random_state=rng)
    else:
        density = copy.copy(density)
        if hasattr(density, "random_state"):
            density.random_state = rng
        drawn = density.sample(n_samples)
    if isinstance(drawn, tuple):  # these come in the order of their labels
        return rng.permutation(drawn[0])
    return np.asarray(drawn)
