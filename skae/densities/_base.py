"""BaseDensity: the input checks and public methods that the densities share."""

import contextlib
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._data.check import as_array
from skae._random import make_random_state
from skae._saving.state import PlainState
from skae._types import RandomState
from skae._validation import Rule, check_parameters
from skae.densities._draws import check_n_samples, check_random_seed

# The square of a larger value may overflow in float64.
MAX_ABS_VALUE = 1e100

# Parts of the errors of NumPy and scikit-learn for data that are not numeric.
NOT_NUMERIC_SIGNS = ("could not convert", "inhomogeneous", "bytes/strings")


class BaseDensity(PlainState, DensityMixin, BaseEstimator):
    """Base class of densities.

    A subclass defines `_fit(X)`, `_sample(n_samples, rng)` and `_score_samples(X)`. They
    get and return float64 arrays that have been checked. Attributes that follow from
    others are not saved: `_derived` names them, and `_derive` sets them.
    """

    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_rules: dict[str, Rule] = {}

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit the density to latent codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Latent codes. They are converted to float64.
        y : None
            Ignored; present for API consistency.

        Returns
        -------
        self : object
            The fitted density.
        """
        check_parameters(self, self._parameter_rules)
        self._fit(self._check_codes(X, reset=True))
        return self

    def sample(self, n_samples: int = 1, random_state: RandomState = None) -> np.ndarray:
        """Draw latent codes from the density.

        Unlike the mixtures of scikit-learn, it returns the codes alone, in random
        order, without component labels.

        Parameters
        ----------
        n_samples : int, default=1
            Number of latent codes to draw.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws. Pass an int for reproducible output. None draws from fresh
            entropy; NumPy's global random state is neither used nor changed.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Latent codes, in float64.
        """
        check_is_fitted(self)
        caller = f"{type(self).__name__}.sample"
        n_samples = check_n_samples(n_samples, caller)
        check_random_seed(random_state, caller)
        return self._sample(n_samples, make_random_state(random_state))

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the log-density of latent codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Latent codes.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density at each code, in float64. Higher is more
            typical.
        """
        check_is_fitted(self)
        return self._score_samples(self._check_codes(X, reset=False))

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return the mean log-density of latent codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Latent codes.
        y : None
            Ignored; present for API consistency.

        Returns
        -------
        score : float
            Mean of `score_samples(X)`. Higher is better.
        """
        return float(self.score_samples(X).mean())

    def _check_codes(self, X, *, reset):
        with _readable_errors():
            X = validate_data(self, as_array(X), reset=reset)
        return as_float64(X, "X")


def as_float64(X, name):
    """Return a checked array in float64.

    Raises
    ------
    ValueError
        If the values are not numeric, or too large. `name` is the array's name.
    """
    if X.dtype.kind not in "biuf":
        raise ValueError(f"{name} is an array of type {X.dtype}; must be numeric.")
    X = X.astype(np.float64, order="C")
    largest = np.abs(X).max()
    if largest > MAX_ABS_VALUE:
        raise ValueError(
            f"{name} contains absolute values up to {largest:.3g}; must be at most "
            f"{MAX_ABS_VALUE:g}. Rescale {name}."
        )
    return X


@contextlib.contextmanager
def _readable_errors():
    try:
        yield
    except ValueError as error:
        if any(sign in str(error) for sign in NOT_NUMERIC_SIGNS):
            raise ValueError(
                "X contains text or rows of different lengths; must be a numeric array "
                f"of shape (n_samples, n_features). NumPy reports: {error}"
            ) from error
        raise
