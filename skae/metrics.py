"""How good generated rows are: like real ones, as varied as real ones, and no copies."""

import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_array

from skae._data import array_api
from skae._data.check import flatten_images

__all__ = [
    "ClassCoverage",
    "PrecisionRecall",
    "authenticity",
    "class_coverage",
    "frechet_distance",
    "precision_recall",
]

# Rows that sums are made of at a time, in float64.
CHUNK_ROWS = 4_096

# Distances that are held at a time.
MAX_PAIRS = 4_000_000

# What distances may be off by, as a share of the rows' length.
ROUNDING = 1e-6


class PrecisionRecall(NamedTuple):
    """What `precision_recall` returns.

    Attributes
    ----------
    precision : float
        Share of the generated rows that lie among the real ones.
    recall : float
        Share of the real rows that lie among the generated ones.
    """

    precision: float
    recall: float


class ClassCoverage(NamedTuple):
    """What `class_coverage` returns.

    Attributes
    ----------
    shares : ndarray of shape (n_classes,)
        Share of the generated rows in each class, in the order of ``classes_``.
    recognised : float
        Share of the generated rows of which the classifier is sure.
    """

    shares: np.ndarray
    recognised: float


def frechet_distance(
    X_real: ArrayLike, X_generated: ArrayLike, *, features: Any = None
) -> float:
    """Squared Frechet distance between two normal distributions fitted to rows.

    ``|m - m'|² + tr(C + C' - 2 (C C')^(1/2))`` of the means m and covariances C of the
    features of both. With the features of an Inception network it is known as FID.

    Parameters
    ----------
    X_real : array-like of shape (n_samples, n_features)
        Real rows, or images.
    X_generated : array-like of shape (n_generated, n_features)
        Generated rows, or images.
    features : transformer, classifier or callable, default=None
        What rows are compared by: a fitted transformer's `transform` or a fitted
        classifier's `predict_proba`, which are given images as rows, or a function,
        which is given what was given here. None takes the rows themselves.

    Returns
    -------
    distance : float
        In squared units of the features; 0 between (n_samples, n_features) arrays with
        the same mean and covariance.

    Raises
    ------
    ValueError
        If there are fewer than two rows of either, or their features differ in number.

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
    real, generated = _features_of(X_real, X_generated, features, least=2)
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
    """Precision and recall of generated rows, by the neighbourhoods of rows.

    A row lies among others where it is as near to one of them as that one's
    `n_neighbors`-th neighbour of its own kind.

    Parameters
    ----------
    X_real : array-like of shape (n_samples, n_features)
        Real rows, or images.
    X_generated : array-like of shape (n_generated, n_features)
        Generated rows, or images; best as many as real ones.
    n_neighbors : int, default=3
        Which neighbour bounds a neighbourhood.
    features : transformer, classifier or callable, default=None
        What rows are compared by, as for `frechet_distance`.

    Returns
    -------
    precision_recall : PrecisionRecall
        Named tuple of two shares of (n_samples, n_features) arrays: `precision`, how many
        of the generated rows look real, and `recall`, how much of the real is generated.

    Raises
    ------
    ValueError
        If there are not more than `n_neighbors` rows of either, or it is no positive
        integer.

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
    if not isinstance(n_neighbors, numbers.Integral) or n_neighbors < 1:
        raise ValueError(
            f"precision_recall got n_neighbors={n_neighbors!r}; expected an integer of "
            "at least 1."
        )
    real, generated = _features_of(X_real, X_generated, features, least=n_neighbors + 1)
    return PrecisionRecall(
        precision=_share_among(generated, real, n_neighbors),
        recall=_share_among(real, generated, n_neighbors),
    )


def authenticity(X_train: ArrayLike, X_generated: ArrayLike) -> float:
    """Share of generated rows that are no copies of training rows.

    A generated row is authentic where it is farther from its nearest training row than
    that one is from its own nearest training neighbour.

    Parameters
    ----------
    X_train : array-like of shape (n_samples, n_features)
        Rows that the model was trained on, or images.
    X_generated : array-like of shape (n_generated, n_features)
        Generated rows, or images.

    Returns
    -------
    share : float
        From 0, where (n_samples, n_features) rows were copied, to 1. Real rows that the
        model has not seen come to between 0.5 and 1.

    Raises
    ------
    ValueError
        If there are fewer than two training rows.

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
    train, generated = _features_of(X_train, X_generated, None, least=1)
    if len(train) < 2:
        raise ValueError(f"X_train has {len(train)} row; expected at least 2.")
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train)
    distances, nearest = neighbours.kneighbors(generated)
    originals, position = np.unique(nearest[:, 0], return_inverse=True)
    between, _ = neighbours.kneighbors(train[originals], n_neighbors=2)
    return float(np.mean(distances[:, 0] > between[position, 1]))


def class_coverage(
    classifier: Any, X_generated: ArrayLike, *, threshold: float = 0.95
) -> ClassCoverage:
    """How a classifier sees generated rows: their classes, and how sure it is.

    Parameters
    ----------
    classifier : classifier
        Fitted, with `predict_proba`.
    X_generated : array-like of shape (n_samples, n_features)
        Generated rows, or images, which the classifier is given as rows.
    threshold : float, default=0.95
        Probability of a class from which on a row counts as recognised.

    Returns
    -------
    coverage : ClassCoverage
        Named tuple: `shares` of the classes, by which class is the most probable of each
        row of (n_samples, n_features), and the share that is `recognised`.

    Raises
    ------
    ValueError
        If the classifier has no `predict_proba`, or the threshold is no probability.

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
    if not 0 < threshold <= 1:
        raise ValueError(
            f"class_coverage got threshold={threshold!r}; expected a probability above 0 "
            "and at most 1."
        )
    if not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"{type(classifier).__name__} has no predict_proba; expected a classifier "
            "that gives probabilities, for example LogisticRegression or "
            "CalibratedClassifierCV."
        )
    probabilities = np.asarray(classifier.predict_proba(_flat(X_generated)))
    n_classes = probabilities.shape[1]
    counts = np.bincount(probabilities.argmax(axis=1), minlength=n_classes)
    return ClassCoverage(
        shares=counts / len(probabilities),
        recognised=float(np.mean(probabilities.max(axis=1) >= threshold)),
    )


def _features_of(X_real, X_generated, features, least):
    """What both are compared by, at least so many rows of each."""
    function = _feature_function(features)
    both = []
    for name, X in (("X_real", X_real), ("X_generated", X_generated)):
        rows = check_array(_flat(function(X)), dtype=[np.float64, np.float32])
        if len(rows) < least:
            raise ValueError(f"{name} has {len(rows)} rows; expected at least {least}.")
        both.append(rows)
    if both[0].shape[1] != both[1].shape[1]:
        raise ValueError(
            f"X_real has {both[0].shape[1]} features and X_generated has "
            f"{both[1].shape[1]}; expected the same number."
        )
    return both


def _feature_function(features: Any) -> Callable:
    if features is None:
        return lambda X: X
    for method in ("transform", "predict_proba"):
        if hasattr(features, method):
            return lambda X: getattr(features, method)(_flat(X))
    if callable(features):
        return features
    raise ValueError(
        f"features={features!r} is not known; expected None, a fitted transformer, a "
        "fitted classifier with predict_proba, or a function of the rows."
    )


def _flat(X):
    """Rows, of images too, in NumPy's arrays."""
    return flatten_images(array_api.to_numpy(X))[0]


def _moments(rows):
    """Mean and covariance of rows, summed in float64 some rows at a time."""
    starts = range(0, len(rows), CHUNK_ROWS)
    chunks = [slice(start, start + CHUNK_ROWS) for start in starts]
    mean = sum(rows[chunk].sum(axis=0, dtype=np.float64) for chunk in chunks) / len(rows)
    scatter = sum(_scatter(rows[chunk], mean) for chunk in chunks)
    return mean, scatter / (len(rows) - 1)


def _scatter(rows, mean):
    centred = rows - mean  # float64, as the mean is
    return centred.T @ centred


def _root(covariance):
    """The symmetric square root of a covariance matrix."""
    variances, directions = np.linalg.eigh(covariance)
    return (directions * np.sqrt(variances.clip(0))) @ directions.T


def _share_among(rows, others, n_neighbors):
    """Share of the rows that lie in the neighbourhood of one of the others."""
    # The nearest of itself is a row itself.
    radii = np.concatenate(
        [
            np.partition(distances, n_neighbors, axis=1)[:, n_neighbors]
            for distances in _distances(others, others)
        ]
    )
    # Distances are from squares, and of copies not exactly 0.
    radii += ROUNDING * np.sqrt(np.square(others, dtype=np.float64).sum(axis=1).mean())
    among = [(distances <= radii).any(axis=1) for distances in _distances(rows, others)]
    return float(np.concatenate(among).mean())


def _distances(rows, others):
    """Distances of rows from others, some rows at a time."""
    n_chunk = max(MAX_PAIRS // len(others), 1)
    for start in range(0, len(rows), n_chunk):
        yield euclidean_distances(rows[start : start + n_chunk], others)
