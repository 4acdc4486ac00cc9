"""AutoencoderDetector: an outlier detector around an autoencoder."""

import math
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._base import BaseAutoencoder
from skae._callback_tasks import (
    CallbackSupportMixin,
    FitTasks,
    with_callbacks,
    without_callbacks,
)
from skae._conv import ConvAutoencoder
from skae._data.check import as_array, readable_errors, refuse_other_types
from skae._dense import DenseAutoencoder
from skae._detection.scores import MEASURES, divided
from skae._random import make_random_state
from skae._saving.state import PlainState, opened, sealed
from skae._types import AnomalyScore, Auto, RandomState, Reconstructs, Steps
from skae._validation import (
    Rule,
    check_parameters,
    check_value,
    integer,
    one_of,
    only,
    real,
    seed,
)

# Training samples that are no neighbours: this share, or a multiple of `contamination`,
# because outliers are not always the most unusual samples, but at most half of all.
TRIMMED, TRIMMED_PER_OUTLIER, MAX_TRIMMED = 0.1, 2, 0.5

# Held-out samples that calibrate the scores.
MAX_CALIBRATION = 2_000


class AutoencoderDetector(PlainState, CallbackSupportMixin, OutlierMixin, BaseEstimator):
    """Outlier detector based on an autoencoder.

    It fits an autoencoder to training samples that are mostly normal, and scores how
    unusual a sample is. Held-out training samples calibrate the scores, so that
    `p_values` and the false alarm rate of `predict` have a meaning: under normal data,
    at most a share `false_alarm_rate` of new samples is predicted to be outliers [1]_.

    Parameters
    ----------
    estimator : estimator, default=None
        An autoencoder of skae, or a Pipeline that ends in one; it is cloned. None is a
        `DenseAutoencoder` with half as many components as columns after a
        `StandardScaler`; for images, a `ConvAutoencoder`.
    anomaly_score : str, default="auto"
        What is measured. "neighbors" is the mean distance to the nearest training
        samples, of the standardised samples together with their residuals, which are
        whitened; "density" is the negative log-density of the latent codes;
        "reconstruction" is the mean squared residual, and "residual" the Mahalanobis
        distance of the residuals. "auto" is "density" for images and "neighbors"
        otherwise. Residuals are the differences from the reconstructions.
    contamination : "auto" or float, default="auto"
        Share of outliers among the training samples, at most 0.5. It sets the threshold:
        this share of the training samples is predicted to be outliers. With "auto", the
        threshold follows from `false_alarm_rate`. For "neighbors", the most unusual
        training samples are no neighbours: 10% of them, or twice the share
        `contamination`, but at most half.
    false_alarm_rate : float, default=0.05
        Share of new normal samples that may be predicted to be outliers, between 0 and 1.
    n_neighbors : int, default=5
        Number of neighbours for ``anomaly_score="neighbors"``.
    calibration_fraction : float, default=0.2
        Share of the training samples that are held out to calibrate the scores, but at
        most 2,000 samples; between 0 and 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the held-out samples, and of the default `estimator`.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone of `estimator`.
    anomaly_score_ : str
        The score in use: what "auto" was resolved to.
    offset_ : float
        Threshold of `score_samples`, below which samples are outliers.
    calibration_scores_ : ndarray of shape (n_calibration,)
        The results of `score_samples` for the held-out samples, in ascending order.
    n_features_in_ : int
        Number of features of `X`; for images, its second dimension.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `X` was a data frame with string column names.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Outliers by random trees.
    sklearn.neighbors.LocalOutlierFactor : Outliers by local densities.

    References
    ----------
    .. [1] S. Bates, E. Candes, L. Lei, Y. Romano and M. Sesia, "Testing for outliers
       with conformal p-values", Annals of Statistics 51, 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skae import AutoencoderDetector
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> benign, malignant = X[y == 1], X[y == 0]
    >>> detector = AutoencoderDetector(random_state=0).fit(benign[:250])
    >>> bool((detector.predict(malignant) == -1).mean() > 0.6)
    True
    >>> bool((detector.predict(benign[250:]) == -1).mean() < 0.1)
    True
    """

    estimator_: Any
    anomaly_score_: AnomalyScore
    offset_: float
    calibration_scores_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_rules = {
        "estimator": only(None)
        | Rule(
            "an autoencoder of skae, or a Pipeline that ends in one",
            lambda value: isinstance(_last_step(value), BaseAutoencoder),
        ),
        "anomaly_score": one_of(*get_args(AnomalyScore)),
        "contamination": one_of("auto")
        | Rule("a number above 0 and at most 0.5", lambda value: _is_share(value)),
        "false_alarm_rate": real(0, 1, open_ends=True),
        "n_neighbors": integer(1),
        "calibration_fraction": real(0, 1, open_ends=True),
        "random_state": seed(),
    }

    def __init__(
        self,
        estimator: Reconstructs | Steps | None = None,
        *,
        anomaly_score: AnomalyScore = "auto",
        contamination: float | Auto = "auto",
        false_alarm_rate: float = 0.05,
        n_neighbors: int = 5,
        calibration_fraction: float = 0.2,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.anomaly_score = anomaly_score
        self.contamination = contamination
        self.false_alarm_rate = false_alarm_rate
        self.n_neighbors = n_neighbors
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit the autoencoder, and calibrate the scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, or images of shape (n_samples, height, width) or
            (n_samples, channels, height, width).
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If a parameter or `X` is invalid.
        """
        draft = object.__new__(type(self))
        draft.__dict__.update(vars(self))
        self._fit_with_callbacks(draft, X, y)
        self.__dict__ = draft.__dict__
        return self

    @with_callbacks
    def _fit_with_callbacks(self, draft, X, y):
        """Fit a copy of the detector: an error leaves the detector itself unchanged."""
        tasks = FitTasks(self, "fit", (X, y), draft._present_attributes)
        draft._fit(X, tasks)
        tasks.end()

    def _present_attributes(self):
        return without_callbacks(vars(self), is_fitted=True)

    def _fit(self, X, tasks):
        check_parameters(self, self._parameter_rules)
        X = self._checked(X, reset=True)
        rng = make_random_state(self.random_state)
        order = rng.permutation(len(X))
        share = float(self.calibration_fraction)
        n_held_out = min(math.ceil(share * len(X)), MAX_CALIBRATION, len(X) - 1)
        held_out, others = np.sort(order[:n_held_out]), np.sort(order[n_held_out:])
        estimator = self._new_estimator(X, rng)
        with tasks.part("fit-estimator", estimator):
            self.estimator_ = estimator.fit(X[others])
        autoencoder = _last_step(self.estimator_)
        self.anomaly_score_ = self._chosen_score(autoencoder)
        is_table = autoencoder.image_shape_ is None
        self._measure = self._new_measure(is_table, rng)
        if self._measure is None:
            scores = self._score_samples(X[held_out])
        else:
            self._measure.fit(*self._residuals(X[others])[:2])
            samples, residuals, _ = self._residuals(X[held_out])
            self._measure.add(samples, residuals)
            scores = -self._measure.score(samples, residuals)
        self.calibration_scores_ = np.sort(scores)
        self.offset_ = self._threshold(X)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return how normal samples are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Lower is more unusual: minus the quantity that `anomaly_score_` names.
        """
        check_is_fitted(self)
        return self._score_samples(self._checked(X, reset=False))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the scores relative to the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``; negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict whether samples are outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        is_inlier : ndarray of shape (n_samples,)
            -1 for outliers, +1 otherwise.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: ArrayLike) -> np.ndarray:
        """Return conformal p-values.

        If a sample is drawn like the training samples, its p-value is at most `a` with a
        probability of at most `a`, for each `a` (Bates et al. 2023).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            Between 1 / (n_calibration + 1) and 1; lower is more unusual.
        """
        scores = self.score_samples(X)
        n_calibration = len(self.calibration_scores_)
        n_as_low = np.searchsorted(self.calibration_scores_, scores, side="right")
        return (1 + n_as_low) / (1 + n_calibration)

    def select_outliers(
        self, X: ArrayLike, *, false_discovery_rate: float = 0.1
    ) -> np.ndarray:
        """Select outliers among many samples by the method of Benjamini and Hochberg.

        On average, at most a share `false_discovery_rate` of those selected is normal
        (Bates et al. 2023).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.
        false_discovery_rate : float, default=0.1
            Between 0 and 1.

        Returns
        -------
        is_selected : ndarray of shape (n_samples,)
            True for the selected samples.

        Raises
        ------
        ValueError
            If `false_discovery_rate` is invalid.
        """
        caller = f"{type(self).__name__}.select_outliers"
        rule = real(0, 1, open_ends=True)
        check_value(caller, "false_discovery_rate", false_discovery_rate, rule)
        adjusted = false_discovery_control(self.p_values(X), method="bh")
        return adjusted <= false_discovery_rate

    def feature_scores(self, X: ArrayLike) -> np.ndarray:
        """Return what each feature contributes to the scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        feature_scores : ndarray of shape (n_samples, n_features)
            Higher is more unusual; for images, of their shape. They sum to
            ``-score_samples(X)``. The features are those of the input of the autoencoder,
            after the steps before it in a Pipeline.

        Notes
        -----
        A score is divided in proportion to squares:

        - "neighbors": for tables of at most 1,000 features, the squared difference of a
          feature from what the other features predict, in conditional standard
          deviations. A Gaussian mixture of the training samples predicts it. Otherwise,
          the squared differences from the neighbours, in the sample and its residuals.
        - "residual": the squared whitened residuals.
        - "reconstruction" and "density": the squared residuals.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        samples, residuals, inputs = self._residuals(X)
        if self._measure is None:
            parts = divided(-self._score_samples(X), np.square(residuals))
        else:
            parts = self._measure.by_feature(samples, residuals)
        return parts.reshape(np.shape(inputs))

    def reconstruct(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return samples as `feature_scores` sees them, and their reconstructions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, or images of the shape in `fit`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The samples; in the units of the input if the steps before the autoencoder
            have an inverse, else as they are after these steps.
        X_reconstructed : ndarray of shape (n_samples, n_features)
            The reconstructions, in the same units.
        """
        check_is_fitted(self)
        inputs = self._inputs(self._checked(X, reset=False))
        reconstructed = _last_step(self.estimator_).reconstruct(inputs)
        before = _steps_before(self.estimator_)
        if before is not None and hasattr(before, "inverse_transform"):
            inputs = before.inverse_transform(inputs)
            reconstructed = before.inverse_transform(reconstructed)
        return np.asarray(inputs), np.asarray(reconstructed)

    # ------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        content = without_callbacks(vars(self), is_fitted=hasattr(self, "estimator_"))
        if content.get("_measure") is not None:
            content["_measure"] = self._measure.state()
        return sealed(self, content)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(opened(self, state))
        if getattr(self, "_measure", None) is not None:
            self._measure = MEASURES[self.anomaly_score_].from_state(self._measure)

    def _checked(self, X, *, reset):
        given, X = type(X).__name__, as_array(X)
        with readable_errors(given):
            # With a type of floats, scikit-learn would read numbers from strings.
            X = validate_data(
                self,
                X,
                reset=reset,
                dtype="numeric",
                allow_nd=True,
                ensure_min_samples=2 if reset else 1,
            )
        refuse_other_types(X.dtype, given)  # scikit-learn takes dates for numbers
        is_single = X.dtype == np.float32
        return X if is_single else X.astype(np.float64, copy=False)

    def _new_estimator(self, X, rng):
        if self.estimator is not None:
            return clone(self.estimator)
        random_state = rng.randint(2**31 - 1)
        if X.ndim > 2:
            return ConvAutoencoder(random_state=random_state)
        needs_density = self.anomaly_score == "density"
        return make_pipeline(
            StandardScaler(),
            DenseAutoencoder(
                max(X.shape[1] // 2, 1),
                latent_density="gaussian_mixture" if needs_density else None,
                random_state=random_state,
            ),
        )

    def _chosen_score(self, autoencoder):
        has_density = autoencoder.density_ is not None
        if self.anomaly_score == "density" and not has_density:
            raise ValueError(
                "anomaly_score='density' requires a density of the latent codes, but the "
                "estimator has latent_density=None. Set its latent_density, for example "
                "to 'gaussian_mixture'."
            )
        if self.anomaly_score != "auto":
            return self.anomaly_score
        is_image = autoencoder.image_shape_ is not None
        return "density" if is_image and has_density else "neighbors"

    def _new_measure(self, is_table, rng):
        """Return the score of samples and residuals; None for the density."""
        if self.anomaly_score_ == "neighbors":
            known = 0.0 if self.contamination == "auto" else float(self.contamination)
            trimmed = min(max(TRIMMED_PER_OUTLIER * known, TRIMMED), MAX_TRIMMED)
            return MEASURES["neighbors"](int(self.n_neighbors), trimmed, is_table, rng)
        return (
            MEASURES[self.anomaly_score_]() if self.anomaly_score_ in MEASURES else None
        )

    def _residuals(self, X):
        """Return flat samples, their residuals, and the input of the autoencoder."""
        inputs = self._inputs(X)
        reconstructed = _last_step(self.estimator_).reconstruct(inputs)
        samples = _flat(inputs)
        return samples, samples - _flat(reconstructed), inputs

    def _inputs(self, X):
        """Return the input of the autoencoder."""
        before = _steps_before(self.estimator_)
        return X if before is None else before.transform(X)

    def _score_samples(self, X):
        if self._measure is not None:
            return -self._measure.score(*self._residuals(X)[:2])
        autoencoder = _last_step(self.estimator_)
        log_density = autoencoder.latent_log_density(self._inputs(X))
        return np.asarray(log_density, dtype=np.float64)

    def _threshold(self, X):
        """Return the score below which samples are outliers."""
        if self.contamination != "auto":
            return float(np.quantile(self._score_samples(X), float(self.contamination)))
        scores = self.calibration_scores_
        n_allowed = math.floor(float(self.false_alarm_rate) * (len(scores) + 1))
        return float(scores[min(max(n_allowed - 1, 0), len(scores) - 1)])


def _last_step(estimator):
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1] if estimator.steps else None
    return estimator


def _steps_before(estimator):
    """Return the steps before the autoencoder, None if there are none."""
    has_steps = isinstance(estimator, Pipeline) and len(estimator) > 1
    return estimator[:-1] if has_steps else None


def _flat(X):
    array = np.asarray(as_array(X), dtype=np.float64)
    return array.reshape(len(array), -1)


def _is_share(value):
    is_number = real(0).allows(value)
    return is_number and 0 < float(value) <= 0.5
