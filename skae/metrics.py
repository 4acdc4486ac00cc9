"""Metrics of generated samples: fidelity, diversity and authenticity."""

import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from skae._data.check import as_array, check_flat_array, flatten_images

__all__ = [
    "ClassCoverage",
    "PrecisionRecall",
    "authenticity",
    "class_coverage",
    "frechet_distance",
    "precision_recall",
]

# Number of samples in a partial sum in float64.
CHUNK_ROWS = 4_096

# Number of distances in memory at a time.
MAX_PAIRS = 4_000_000

# Relative rounding error of distances, as a fraction of the norm of the samples.
ROUNDING = 1e-6


class PrecisionRecall(NamedTuple):
    """Result of `precision_recall`.

    Attributes
    ----------
    precision : float
        Fraction of the generated samples in a neighbourhood of real ones.
    recall : float
        Fraction of the real samples in a neighbourhood of generated ones.
    """

    precision: float
    recall: float


class ClassCoverage(NamedTuple):
    """Result of `class_coverage`.

    Attributes
    ----------
    shares : ndarray of shape (n_classes,)
        Fraction of the generated samples in each class, in the order of ``classes_``.
    recognised : float
        Fraction of the generated samples that the classifier assigns to a class with
        high probability.
    """

    shares: np.ndarray
    recognised: float


def frechet_distance(
    X_real: ArrayLike, X_generated: ArrayLike, *, features: Any = None
) -> float:
    """Return the squared Fréchet distance between real and generated samples.

    It is the distance between two normal distributions with the means m, m' and
    covariances C, C' of the features: ``|m - m'|² + tr(C + C' - 2 (C C')^(1/2))``. With
    the features of an Inception network, it is known as FID.

    Parameters
    ----------
    X_real : array-like of shape (n_samples, n_features)
        Real samples, or images.
    X_generated : array-like of shape (n_generated, n_features)
        Generated samples, or images.
    features : transformer, classifier or callable, default=None
        Features to compare: the output of `transform` of a fitted transformer, of
        `predict_proba` of a fitted classifier, or of a function. Transformers and
        classifiers are given flat samples, a function `X_real` and `X_generated`
        unchanged. None compares the samples themselves.

    Returns
    -------
    distance : float
        In squared units of the features; 0 if both arrays have the same mean and
        covariance.

    Raises
    ------
    ValueError
        If an array is invalid or has fewer than two samples, or if the numbers of
        features differ.

    References
    ----------
    .. [1] M. Heusel et al., "GANs trained by a two time-scale update rule converge to a
       local Nash equilibrium", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.metrics import frechet_distance
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> round(frechet_distance(X, X + 2), 6)
    12.0
    """
    real, generated = _features_of(
        "frechet_distance",
        {"X_real": X_real, "X_generated": X_generated},
        features,
        minimum=2,
    )
    mean, covariance = _moments(real)
    mean_generated, covariance_generated = _moments(generated)
    root = _root(covariance)
    product = np.linalg.eigvalsh(root @ covariance_generated @ root).clip(0)
    spread = np.trace(covariance) + np.trace(covariance_generated)
    distance = np.square(mean - mean_generated).sum() + spread
    return float(max(distance - 2 * np.sqrt(product).sum(), 0.0))


def precision_recall(
    X_real: ArrayLike,
    X_generated: ArrayLike,
    *,
    n_neighbors: int = 3,
    features: Any = None,
) -> PrecisionRecall:
    """Return precision and recall of generated samples, from nearest neighbours.

    The neighbourhood of a sample is a ball. Its radius is the distance to the
    `n_neighbors`-th nearest sample of the same array. Precision measures fidelity, and
    recall measures diversity.

    Parameters
    ----------
    X_real : array-like of shape (n_samples, n_features)
        Real samples, or images.
    X_generated : array-like of shape (n_generated, n_features)
        Generated samples, or images. Use as many as real ones.
    n_neighbors : int, default=3
        The radius of a neighbourhood is the distance to the nearest neighbour of this
        rank.
    features : transformer, classifier or callable, default=None
        Features to compare, as in `frechet_distance`.

    Returns
    -------
    precision_recall : PrecisionRecall
        Named tuple of two numbers from 0 to 1: `precision` is the fraction of generated
        samples in a neighbourhood of a real one, and `recall` the fraction of real
        samples in a neighbourhood of a generated one.

    Raises
    ------
    ValueError
        If `n_neighbors` is not a positive integer, if an array is invalid or has no more
        than `n_neighbors` samples, or if the numbers of features differ.

    References
    ----------
    .. [1] T. Kynkaanniemi et al., "Improved precision and recall metric for assessing
       generative models", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.metrics import precision_recall
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> precision_recall(X, X[:100] + 100)
    PrecisionRecall(precision=0.0, recall=0.0)
    """
    is_integer = isinstance(n_neighbors, numbers.Integral)
    if not is_integer or isinstance(n_neighbors, bool) or n_neighbors < 1:
        raise ValueError(
            f"precision_recall: n_neighbors={n_neighbors!r} is invalid; must be an "
            "integer of at least 1."
        )
    real, generated = _features_of(
        "precision_recall",
        {"X_real": X_real, "X_generated": X_generated},
        features,
        minimum=n_neighbors + 1,
    )
    return PrecisionRecall(
        precision=_share_in_neighbourhoods(generated, real, n_neighbors),
        recall=_share_in_neighbourhoods(real, generated, n_neighbors),
    )


def authenticity(X_train: ArrayLike, X_generated: ArrayLike) -> float:
    """Return the fraction of generated samples that are not copies of training samples.

    A generated sample is authentic if its nearest training sample is farther from it
    than from the nearest other training sample.

    Parameters
    ----------
    X_train : array-like of shape (n_samples, n_features)
        Training samples of the model, or images.
    X_generated : array-like of shape (n_generated, n_features)
        Generated samples, or images.

    Returns
    -------
    share : float
        From 0, if all generated samples are copies, to 1. Held-out real samples usually
        have values between 0.5 and 1.

    Raises
    ------
    ValueError
        If an array is invalid, if there are fewer than two training samples, or if the
        numbers of features differ.

    References
    ----------
    .. [1] A. Alaa et al., "How faithful is your synthetic data? Sample-level metrics for
       evaluating and auditing generative models", ICML 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.metrics import authenticity
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> authenticity(X, X)
    0.0
    """
    train, generated = _features_of(
        "authenticity", {"X_train": X_train, "X_generated": X_generated}, None, minimum=1
    )
    if len(train) < 2:
        raise ValueError("authenticity: X_train has 1 sample; must have at least 2.")
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train)
    distances, nearest = neighbours.kneighbors(generated)
    originals, position = np.unique(nearest[:, 0], return_inverse=True)
    between, _ = neighbours.kneighbors(train[originals], n_neighbors=2)
    return float(np.mean(distances[:, 0] > between[position, 1]))


def class_coverage(
    classifier: Any, X_generated: ArrayLike, *, threshold: float = 0.95
) -> ClassCoverage:
    """Return the classes of generated samples, according to a classifier.

    Parameters
    ----------
    classifier : classifier
        Fitted classifier with `predict_proba`. It is given flat samples.
    X_generated : array-like of shape (n_samples, n_features)
        Generated samples, or images.
    threshold : float, default=0.95
        A sample counts as recognised if its most probable class has at least this
        probability.

    Returns
    -------
    coverage : ClassCoverage
        Named tuple: `shares` is the fraction of samples in each class, according to the
        most probable class, and `recognised` the fraction of recognised samples.

    Raises
    ------
    ValueError
        If the classifier has no `predict_proba`, if `X_generated` is invalid, or if
        `threshold` is not a probability above 0.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skae.metrics import class_coverage
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LogisticRegression(max_iter=1000).fit(X, y)
    >>> class_coverage(classifier, X[:50]).shares.tolist()
    [1.0, 0.0, 0.0]
    """
    if not isinstance(threshold, numbers.Real) or not 0 < threshold <= 1:
        raise ValueError(
            f"class_coverage: threshold={threshold!r} is invalid; must be a probability "
            "above 0 and at most 1."
        )
    if not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"class_coverage: classifier={classifier!r} has no predict_proba; must be a "
            "fitted classifier with probabilities, for example LogisticRegression or "
            "CalibratedClassifierCV."
        )
    probabilities = np.asarray(classifier.predict_proba(_flat(X_generated)))
    n_classes = probabilities.shape[1]
    counts = np.bincount(probabilities.argmax(axis=1), minlength=n_classes)
    return ClassCoverage(
        shares=counts / len(probabilities),
        recognised=float(np.mean(probabilities.max(axis=1) >= threshold)),
    )


def _features_of(metric, arrays, features, minimum):
    """Return the features of two arrays, with at least `minimum` samples each."""
    function = _feature_function(metric, features)
    checked = []
    for name, X in arrays.items():
        shown = name if features is None else f"features({name})"
        F, _ = check_flat_array(function(X), metric, shown)
        if len(F) < minimum:
            plural = "s" * (len(F) > 1)
            raise ValueError(
                f"{metric}: {shown} has {len(F)} sample{plural}; must have at least "
                f"{minimum}."
            )
        checked.append(F)
    if checked[0].shape[1] != checked[1].shape[1]:
        first, second = arrays
        raise ValueError(
            f"{metric}: {first} has {checked[0].shape[1]} features and {second} has "
            f"{checked[1].shape[1]}; both must have the same number of features."
        )
    return checked


def _feature_function(metric: str, features: Any) -> Callable:
    if features is None:
        return lambda X: X
    for method in ("transform", "predict_proba"):
        if hasattr(features, method):
            return lambda X: getattr(features, method)(_flat(X))
    if callable(features):
        return features
    raise ValueError(
        f"{metric}: features={features!r} is invalid; must be None, a fitted "
        "transformer, a fitted classifier with predict_proba, or a function of the "
        "samples."
    )


def _flat(X):
    """Return flat samples for an estimator, which checks them; data frames stay."""
    return flatten_images(as_array(X))[0]


def _moments(X):
    """Return mean and covariance, with sums in float64 over chunks of samples."""
    starts = range(0, len(X), CHUNK_ROWS)
    chunks = [slice(start, start + CHUNK_ROWS) for start in starts]
    mean = sum(X[chunk].sum(axis=0, dtype=np.float64) for chunk in chunks) / len(X)
    scatter = sum(_scatter(X[chunk], mean) for chunk in chunks)
    return mean, scatter / (len(X) - 1)


def _scatter(X, mean):
    centred = X - mean  # float64, because the mean is
    return centred.T @ centred


def _root(covariance):
    """Return the symmetric square root of a covariance matrix."""
    variances, directions = np.linalg.eigh(covariance)
    return (directions * np.sqrt(variances.clip(0))) @ directions.T


def _share_in_neighbourhoods(X, others, n_neighbors):
    """Return the fraction of samples in the neighbourhood of one of the others."""
    # Each sample is its own nearest neighbour, with index 0.
    radii = np.concatenate(
        [
            np.partition(distances, n_neighbors, axis=1)[:, n_neighbors]
            for distances in _distances(others, others)
        ]
    )
    # Distances are computed from squares, and those of equal samples are not exactly 0.
    radii += ROUNDING * np.sqrt(np.square(others, dtype=np.float64).sum(axis=1).mean())
    inside = [(distances <= radii).any(axis=1) for distances in _distances(X, others)]
    return float(np.concatenate(inside).mean())


def _distances(X, others):
    """Yield distances between samples and the others, for chunks of samples."""
    n_chunk = max(MAX_PAIRS // len(others), 1)
    for start in range(0, len(X), n_chunk):
        yield euclidean_distances(X[start : start + n_chunk], others)
