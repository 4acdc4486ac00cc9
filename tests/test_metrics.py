"""Metrics of generated rows, against plain references and known answers."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from skae import metrics
from skae.metrics import authenticity, class_coverage, frechet_distance, precision_recall


@pytest.fixture(scope="module")
def both():
    """Two sets of rows that differ in mean and covariance."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 6))
    return rng.normal(size=(300, 6)), rng.normal(size=(200, 6)) @ mixing + 0.5


@pytest.fixture(params=[4_096, 70], ids=["one block", "blocks"])
def _blocks(request, monkeypatch):
    monkeypatch.setattr(metrics, "CHUNK_ROWS", request.param)
    monkeypatch.setattr(metrics, "MAX_PAIRS", request.param * 100)


def plain_frechet(real, generated):
    covariances = np.cov(real.T), np.cov(generated.T)
    difference = real.mean(axis=0) - generated.mean(axis=0)
    root = sqrtm(covariances[0] @ covariances[1]).real
    return difference @ difference + np.trace(sum(covariances) - 2 * root)


def plain_share_among(rows, others, k):
    radii = np.sort(cdist(others, others), axis=1)[:, k]
    return (cdist(rows, others) <= radii).any(axis=1).mean()


@pytest.mark.usefixtures("_blocks")
def test_the_frechet_distance_is_the_formulas(both):
    assert frechet_distance(*both) == pytest.approx(plain_frechet(*both), rel=1e-6)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("k", [1, 3, 10])
def test_precision_and_recall_are_the_definitions(both, k):
    real, generated = both
    result = precision_recall(real, generated, n_neighbors=k)
    assert result.precision == plain_share_among(generated, real, k)
    assert result.recall == plain_share_among(real, generated, k)
    assert 0 < result.precision < 1


def test_authenticity_is_the_definition(both):
    train, generated = both
    own = np.sort(cdist(train, train), axis=1)[:, 1]
    distances = cdist(generated, train)
    expected = (distances.min(axis=1) > own[distances.argmin(axis=1)]).mean()
    assert authenticity(train, generated) == expected


def test_large_offsets_do_not_spoil_the_frechet_distance(both):
    moved = [X + 1e4 for X in both]
    assert frechet_distance(*moved) == pytest.approx(plain_frechet(*both), rel=1e-6)


def test_the_same_rows_are_at_distance_zero_and_copies(both):
    X, _ = both
    assert frechet_distance(X, X) == pytest.approx(0, abs=1e-8)
    assert precision_recall(X, X) == (1.0, 1.0)
    assert authenticity(X, X) == 0.0


def test_copies_count_as_real_where_rows_stand_more_than_once():
    X = np.repeat(np.random.default_rng(0).normal(size=(50, 20)), 5, axis=0)
    assert precision_recall(X, X.copy()) == (1.0, 1.0)


@pytest.mark.parametrize("n_neighbors", [0, -1, "3", 1.5])
def test_a_number_of_neighbours_must_be_a_positive_integer(both, n_neighbors):
    with pytest.raises(ValueError, match=f"n_neighbors={n_neighbors!r}; expected an int"):
        precision_recall(*both, n_neighbors=n_neighbors)


def test_one_mode_has_precision_and_no_recall():
    rng = np.random.default_rng(0)
    modes = np.repeat([[0.0, 0.0], [50.0, 50.0]], 200, axis=0)
    real = rng.normal(size=(400, 2)) + modes
    result = precision_recall(real, rng.normal(size=(400, 2)))
    assert result.precision > 0.9
    assert 0.4 < result.recall < 0.6


@pytest.mark.parametrize("kind", ["transformer", "classifier", "function"])
def test_features_may_be_of_three_kinds(kind):
    X, y = load_digits(return_X_y=True)
    X = X / 16
    pca, classifier = PCA(3).fit(X), LogisticRegression(max_iter=500).fit(X, y)
    features = {"transformer": pca, "classifier": classifier, "function": np.tanh}[kind]
    function = {
        "transformer": pca.transform,
        "classifier": classifier.predict_proba,
        "function": np.tanh,
    }[kind]
    near, far = X[::2], X[1::2] * 0.5
    assert frechet_distance(near, far, features=features) == frechet_distance(
        function(near), function(far)
    )


def test_images_count_as_rows():
    images = load_digits().images
    flat = images.reshape(len(images), -1)
    assert frechet_distance(images[:500], images[500:]) == frechet_distance(
        flat[:500], flat[500:]
    )


def test_coverage_counts_classes_and_certainty():
    class Fixed:
        def predict_proba(self, X):
            return np.array([[0.96, 0.04, 0], [0.95, 0.05, 0], [0.1, 0.9, 0]])

    coverage = class_coverage(Fixed(), np.zeros((3, 1)))
    np.testing.assert_allclose(coverage.shares, [2 / 3, 1 / 3, 0])
    assert coverage.recognised == pytest.approx(2 / 3)
    assert class_coverage(Fixed(), np.zeros((3, 1)), threshold=0.9).recognised == 1


def test_a_classifier_of_rows_takes_images():
    X, y = load_digits(return_X_y=True)
    classifier = LogisticRegression(max_iter=500).fit(X, y)
    shares = class_coverage(classifier, X.reshape(-1, 1, 8, 8)).shares
    np.testing.assert_array_equal(shares, class_coverage(classifier, X).shares)


def test_tensors_are_taken_where_dispatch_is_on(both):
    with config_context(array_api_dispatch=True):
        tensors = [torch.from_numpy(X) for X in both]
        assert frechet_distance(*tensors) == frechet_distance(*both)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X: frechet_distance(X, X[:1]), "X_generated has 1 rows; expected at lea"),
        (lambda X: precision_recall(X[:3], X), "X_real has 3 rows; expected at least 4"),
        (lambda X: authenticity(X[:1], X), "X_train has 1 row; expected at least 2"),
        (lambda X: frechet_distance(X, X[:, :2]), "X_real has 6 features and X_generat"),
        (lambda X: frechet_distance(X, X, features=3), "features=3 is not known; expec"),
        (lambda X: class_coverage(LinearSVC(), X), "LinearSVC has no predict_proba; ex"),
        (lambda X: class_coverage(None, X, threshold=2), "threshold=2; expected a prob"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_errors_say_what_is_wrong(both, call, message):
    with pytest.raises(ValueError, match=message):
        call(both[0])
