"""Gaussian densities, and the affine map between a Gaussian and the standard normal."""

import numpy as np

from skae.densities._base import BaseDensity

# Least variance along a direction of the standardized codes. What is below it is within
# the rounding of float32 codes, and such directions count as constant.
MIN_VARIANCE = 1e-10


class StandardNormal(BaseDensity):
    """Normal density with mean 0 and identity covariance.

    It is the prior of a variational autoencoder without a flow. Fitting only stores the
    number of features.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of the latent codes.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `X` has names that are all strings.

    See Also
    --------
    Gaussian : Normal density whose mean and covariance are fitted.
    FlowPrior : Prior of a variational autoencoder with a flow.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import StandardNormal
    >>> StandardNormal().fit(np.zeros((1, 3))).sample(2, random_state=0).shape
    (2, 3)
    """

    _derived = ("_gaussian",)

    def _fit(self, X):
        self._derive()

    def _derive(self):
        if hasattr(self, "n_features_in_"):
            n_features = self.n_features_in_
            self._gaussian = _AffineGaussian(np.zeros(n_features), np.eye(n_features))

    def _sample(self, n_samples, rng):
        return rng.standard_normal((n_samples, self.n_features_in_))

    def _score_samples(self, X):
        return self._gaussian.log_density(X)


class Gaussian(BaseDensity):
    """Normal density with a full covariance matrix, fitted by maximum likelihood.

    The mean and the covariance are not robust: a single outlying code changes both.

    Attributes
    ----------
    mean_ : ndarray of shape (`n_features_in_`,)
        Mean of the latent codes.
    covariance_ : ndarray of shape (`n_features_in_`, `n_features_in_`)
        Covariance of the latent codes.
    n_features_in_ : int
        Number of features of the latent codes.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `X` has names that are all strings.

    See Also
    --------
    LatentGaussianMixture : Several normal densities, for codes in clusters.
    DiagonalGaussian : Normal density with independent features.

    Notes
    -----
    If the covariance is singular, `sample` draws from the subspace that the codes span.
    `score_samples` then gives every other direction a small variance, 1e-10 times that
    of the standardized codes.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import Gaussian
    >>> codes = np.array([[0.0, 1.0], [2.0, 1.0]])
    >>> Gaussian().fit(codes).mean_
    array([1., 1.])
    """

    mean_: np.ndarray
    covariance_: np.ndarray

    _derived = ("_gaussian",)

    def _fit(self, X):
        self.mean_, self.covariance_ = mean_and_covariance(X)
        self._derive()

    def _derive(self):
        if hasattr(self, "covariance_"):
            self._gaussian = _AffineGaussian(self.mean_, self.covariance_)

    def _sample(self, n_samples, rng):
        return self._gaussian.unwhiten(
            rng.standard_normal((n_samples, self.n_features_in_))
        )

    def _score_samples(self, X):
        return self._gaussian.log_density(X)


class DiagonalGaussian(Gaussian):
    """Normal density with independent features, fitted by maximum likelihood.

    The mean and the variances are not robust: a single outlying code changes both.

    Attributes
    ----------
    mean_ : ndarray of shape (`n_features_in_`,)
        Mean of the latent codes.
    covariance_ : ndarray of shape (`n_features_in_`, `n_features_in_`)
        Diagonal matrix with the variances of the latent codes.
    n_features_in_ : int
        Number of features of the latent codes.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `X` has names that are all strings.

    See Also
    --------
    Gaussian : Normal density with a full covariance matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.densities import DiagonalGaussian
    >>> codes = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> DiagonalGaussian().fit(codes).covariance_
    array([[1., 0.],
           [0., 1.]])
    """

    mean_: np.ndarray
    covariance_: np.ndarray

    def _fit(self, X):
        self.mean_, covariance = mean_and_covariance(X)
        self.covariance_ = np.diag(covariance.diagonal())
        self._derive()


class _AffineGaussian:
    """A Gaussian as an affine map of standard normal variables.

    Directions whose variance is below `MIN_VARIANCE`, after each feature is scaled to
    unit variance, count as constant. `unwhiten` leaves them at the mean, and
    `log_density` gives them the variance `MIN_VARIANCE`.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
    covariance : ndarray of shape (n_features, n_features)

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
    factor : ndarray of shape (n_features, n_features)
        The covariance is `factor @ factor.T`.
    log_volume : float
        Logarithm of the determinant of the map from standard normal variables.
    """

    def __init__(self, mean, covariance):
        scales = _positive_scales(mean, covariance)
        correlation = covariance / scales / scales[:, None]
        variances, directions = np.linalg.eigh(correlation)
        deviations = np.sqrt(variances.clip(MIN_VARIANCE))
        is_constant = variances < MIN_VARIANCE
        self.mean = mean
        self.factor = scales[:, None] * directions * np.where(is_constant, 0, deviations)
        self.log_volume = np.log(scales).sum() + np.log(deviations).sum()
        self._inverse = directions / deviations / scales[:, None]

    def unwhiten(self, Z):
        """Map standard normal variables to codes."""
        return self.mean + Z @ self.factor.T

    def whiten(self, X):
        """Map codes to standard normal variables."""
        return (X - self.mean) @ self._inverse

    def log_density(self, X):
        """Return the log-density of each code."""
        with np.errstate(over="ignore"):  # the density is zero then
            squares = np.square(self.whiten(X)).sum(axis=1)
        return -(squares + X.shape[1] * np.log(2 * np.pi)) / 2 - self.log_volume


def mean_and_covariance(X):
    """Return the mean and the maximum-likelihood covariance of codes."""
    mean = X.mean(axis=0)
    centred = X - mean
    # The mean of many equal values differs from them by rounding; without a second pass
    # they would seem to vary.
    correction = centred.mean(axis=0)
    centred -= correction
    return mean + correction, centred.T @ centred / len(X)


def _positive_scales(mean, covariance):
    """Return the standard deviations; for constant features, a typical one."""
    scales = np.sqrt(covariance.diagonal().clip(0))
    is_constant = scales <= 4 * np.finfo(np.float64).eps * np.abs(mean)
    if not is_constant.any():
        return scales
    if is_constant.all():
        return np.full(len(scales), np.abs(mean).max() or 1.0)
    return np.where(is_constant, np.median(scales[~is_constant]), scales)
