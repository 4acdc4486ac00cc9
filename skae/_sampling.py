"""SamplingMixin: new rows from an autoencoder, by a density of its codes."""

import numbers
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skae import densities
from skae._data import array_api
from skae._data.check import ENCODING_TOLERANCE
from skae._data.rows import Rows
from skae._random import make_random_state

# Of more rows, the densities that have a name are fitted to so many random ones.
MAX_ROWS = 60_000


class SamplingMixin:
    """What autoencoders do with a density of their codes."""

    def sample(
        self,
        n_samples: int = 1,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Generate rows: draw codes from `density_` and decode them.

        Codes that are drawn beyond what `latent_activation` can put out are moved to
        the nearest value that it can.

        Parameters
        ----------
        n_samples : int, default=1
            How many; at least 1.
        random_state : int, RandomState instance or None, default=None
            An int draws the same rows each time. None goes on with the estimator's own
            random numbers, which begin anew with each fit, of the density too.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows in the form that `fit` saw: images where it was given images.

        Raises
        ------
        ValueError
            If `n_samples` is no positive integer, or there is no density.
        """
        codes = self._draw_codes(n_samples, random_state, "sample")
        return self._in_fitted_form(self._run_on(self.decoder_, Rows(codes)))

    def sample_latent(
        self,
        n_samples: int = 1,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Draw codes from `density_`: what `sample` decodes.

        Parameters
        ----------
        n_samples : int, default=1
            How many; at least 1.
        random_state : int, RandomState instance or None, default=None
            As for `sample`: the same int draws the codes of the same rows.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            In float32, within the bounds of `latent_activation`.

        Raises
        ------
        ValueError
            If `n_samples` is no positive integer, or there is no density.
        """
        return self._draw_codes(n_samples, random_state, "sample_latent")

    def _draw_codes(self, n_samples, random_state, method):
        check_is_fitted(self)
        is_number = isinstance(n_samples, numbers.Integral)
        if not is_number or isinstance(n_samples, bool) or n_samples < 1:
            raise ValueError(
                f"{type(self).__name__}.{method} got n_samples={n_samples!r}; expected "
                "an integer of at least 1."
            )
        density, rng = self._fitted_density(method), self._draws
        if random_state is not None:
            rng = make_random_state(random_state)
        return self._checked_codes(densities.draw(density, int(n_samples), rng))

    def fit_density(self, X: ArrayLike, latent_density: Any = None) -> Self:
        """Fit a density to the codes of `X`, and leave the networks as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images of the shape that `fit` saw.
        latent_density : str or density, default=None
            As the parameter of this name; None takes that one.

        Returns
        -------
        self : object
            The estimator, with another `density_`.

        Raises
        ------
        ValueError
            If `latent_density` is not what it must be. `density_` is then as before.
        """
        check_is_fitted(self)
        if latent_density is None:
            latent_density = self.latent_density
        if latent_density is None:
            raise ValueError(
                f"{type(self).__name__} has latent_density=None, which fits none. Name "
                "one: fit_density(X, 'gaussian_mixture')."
            )
        rule = self._parameter_rules["latent_density"]
        if not rule.allows(latent_density):
            raise ValueError(
                f"{type(self).__name__}.fit_density got "
                f"latent_density={latent_density!r}; expected {rule.expected}."
            )
        name = f"{type(self).__name__}.fit_density"
        array_api.check_same_namespace(X, self._namespace, name)
        self._fit_density_to(self._validate_rows(X), latent_density)
        return self

    def latent_log_density(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithm of the density of the codes of `X`.

        Unlike `score_samples`, which says how well rows are reconstructed, it says how
        usual their codes are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images of the shape that `fit` saw.

        Returns
        -------
        latent_log_density : ndarray of shape (n_samples,)
            In natural units; the greater, the more usual. In float64 where `X` is, else
            in float32.

        Raises
        ------
        ValueError
            If there is no density, or it has no `score_samples`.
        """
        check_is_fitted(self)
        density = self._fitted_density("latent_log_density")
        if not hasattr(density, "score_samples"):
            raise ValueError(
                f"density_ is a {type(density).__name__}, which has no score_samples. "
                "Fit one that has: fit_density(X, 'gaussian_mixture')."
            )
        codes = self._run(self.encoder_, X, "latent_log_density", ENCODING_TOLERANCE)
        latent_log_density = np.asarray(density.score_samples(codes), dtype=codes.dtype)
        return array_api.like(X, latent_log_density)

    def interpolate(
        self, X_a: ArrayLike, X_b: ArrayLike, n_steps: int = 10
    ) -> np.ndarray:
        """Go from rows to rows in steps through the space of codes.

        Steps are equal, along a straight line between two codes; those of variational
        models go along an arc of the sphere that their prior is near to (White 2016,
        "Sampling generative networks").

        Parameters
        ----------
        X_a : array-like of shape (n_samples, n_features)
            Rows to start from, or images.
        X_b : array-like of shape (n_samples, n_features)
            Rows to go to, as many.
        n_steps : int, default=10
            Number of rows on each way, both ends included; at least 2.

        Returns
        -------
        X : ndarray of shape (n_samples, n_steps, n_features)
            Decoded steps; images where `fit` was given images.

        Raises
        ------
        ValueError
            If there are not as many rows to go to as to start from, or `n_steps` is not
            what it must be.
        """
        check_is_fitted(self)
        if not isinstance(n_steps, numbers.Integral) or n_steps < 2:
            raise ValueError(
                f"{type(self).__name__}.interpolate got n_steps={n_steps!r}; expected an "
                "integer of at least 2."
            )
        starts, ends = (self._run(self.encoder_, X, "interpolate") for X in (X_a, X_b))
        if len(starts) != len(ends):
            raise ValueError(
                f"X_a has {len(starts)} rows and X_b has {len(ends)}; expected as many "
                "rows to go to as to start from."
            )
        shares = np.linspace(0, 1, int(n_steps), dtype=starts.dtype)
        ways = self._ways(starts, ends, shares)  # (n_samples, n_steps, n_components)
        codes = np.ascontiguousarray(ways.reshape(-1, ways.shape[2]))
        decoded = self._in_fitted_form(self._run_on(self.decoder_, Rows(codes)))
        return array_api.like(X_a, decoded.reshape(*ways.shape[:2], *decoded.shape[1:]))

    def _ways(self, starts, ends, shares):
        """Codes at these shares of the ways from some to others."""
        return starts[:, None] + shares[:, None] * (ends - starts)[:, None]

    # The density ------------------------------------------------------------------

    def _fit_density_to(self, rows, latent_density):
        """Fit `density_` to the codes of rows, or set it to None where none is wanted."""
        draws, density = make_random_state(self.random_state), None
        if isinstance(latent_density, str):
            rows = rows.some(MAX_ROWS, draws)
        if latent_density is not None:
            density = self._unfitted_density(latent_density, draws)
            density.fit(self._run_on(self.encoder_, rows))
        self.density_, self._draws = density, draws

    def _unfitted_density(self, latent_density, rng):
        """A fresh density that takes its random numbers from `rng`."""
        return densities.unfitted(latent_density, rng)

    def _fitted_density(self, method):
        if self.density_ is None:
            raise ValueError(
                f"{type(self).__name__}.{method} needs a density of the codes, and there "
                "is none: latent_density=None, or fit was interrupted. Fit one: "
                "fit_density(X, 'gaussian_mixture')."
            )
        return self.density_

    def _checked_codes(self, codes):
        """Codes that a density has drawn, within the bounds of codes, in float32."""
        if codes.ndim != 2 or codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"density_, a {type(self.density_).__name__}, drew an array of shape "
                f"{codes.shape}; expected (n_samples, {self._n_features_out})."
            )
        low, high = self.encoder_.range
        return codes.clip(low, high).astype(np.float32, order="C")
