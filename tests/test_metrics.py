"""Metrics of generated samples: plain implementations and known answers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from skae import metrics
from skae.metrics import authenticity, class_coverage, frechet_distance, precision_recall


@pytest.fixture(scope="module")
def both():
    """Return two arrays that differ in mean and covariance."""
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
def test_the_frechet_distance_follows_its_formula(both):
    assert frechet_distance(*both) == pytest.approx(plain_frechet(*both), rel=1e-6)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("k", [1, 3, 10])
def test_precision_and_recall_follow_their_definitions(both, k):
    real, generated = both
    result = precision_recall(real, generated, n_neighbors=k)
    assert result.precision == plain_share_among(generated, real, k)
    assert result.recall == plain_share_among(real, generated, k)
    assert 0 < result.precision < 1


def test_authenticity_follows_its_definition(both):
    train, generated = both
    own = np.sort(cdist(train, train), axis=1)[:, 1]
    distances = cdist(generated, train)
    expected = (distances.min(axis=1) > own[distances.argmin(axis=1)]).mean()
    assert authenticity(train, generated) == expected


def test_large_offsets_do_not_change_the_frechet_distance(both):
    moved = [X + 1e4 for X in both]
    assert frechet_distance(*moved) == pytest.approx(plain_frechet(*both), rel=1e-6)


def test_equal_samples_have_distance_zero_and_are_copies(both):
    X, _ = both
    assert frechet_distance(X, X) == pytest.approx(0, abs=1e-8)
    assert precision_recall(X, X) == (1.0, 1.0)
    assert authenticity(X, X) == 0.0


def test_copies_of_repeated_samples_count_as_real():
    X = np.repeat(np.random.default_rng(0).normal(size=(50, 20)), 5, axis=0)
    assert precision_recall(X, X.copy()) == (1.0, 1.0)


@pytest.mark.parametrize("n_neighbors", [0, -1, "3", 1.5, True])
def test_the_number_of_neighbours_must_be_a_positive_integer(both, n_neighbors):
    message = f"n_neighbors={n_neighbors!r} is invalid; must be an integer of at least 1"
    with pytest.raises(ValueError, match=message):
        precision_recall(*both, n_neighbors=n_neighbors)


def test_a_single_mode_has_precision_and_half_the_recall():
    rng = np.random.default_rng(0)
    modes = np.repeat([[0.0, 0.0], [50.0, 50.0]], 200, axis=0)
    real = rng.normal(size=(400, 2)) + modes
    result = precision_recall(real, rng.normal(size=(400, 2)))
    assert result.precision > 0.9
    assert 0.4 < result.recall < 0.6


@pytest.mark.parametrize("kind", ["transformer", "classifier", "function"])
def test_features_may_be_a_transformer_a_classifier_or_a_function(kind):
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


def test_images_are_flattened():
    images = load_digits().images
    flat = images.reshape(len(images), -1)
    assert frechet_distance(images[:500], images[500:]) == frechet_distance(
        flat[:500], flat[500:]
    )


def test_coverage_counts_classes_and_recognised_samples():
    class Fixed:
        def predict_proba(self, X):
            return np.array([[0.96, 0.04, 0], [0.95, 0.05, 0], [0.1, 0.9, 0]])

    coverage = class_coverage(Fixed(), np.zeros((3, 1)))
    np.testing.assert_allclose(coverage.shares, [2 / 3, 1 / 3, 0])
    assert coverage.recognised == pytest.approx(2 / 3)
    assert class_coverage(Fixed(), np.zeros((3, 1)), threshold=0.9).recognised == 1


def test_images_are_flattened_for_the_classifier():
    X, y = load_digits(return_X_y=True)
    classifier = LogisticRegression(max_iter=500).fit(X, y)
    shares = class_coverage(classifier, X.reshape(-1, 1, 8, 8)).shares
    np.testing.assert_array_equal(shares, class_coverage(classifier, X).shares)


def test_tensors_are_accepted_with_array_api_dispatch(both):
    with config_context(array_api_dispatch=True):
        tensors = [torch.from_numpy(X) for X in both]
        assert frechet_distance(*tensors) == frechet_distance(*both)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda X: frechet_distance(X, X[:1]),
            "X_generated has 1 sample; must have at lea",
        ),
        (
            lambda X: precision_recall(X[:3], X),
            "X_real has 3 samples; must have at least 4",
        ),
        (lambda X: authenticity(X[:1], X), "X_train has 1 sample; must have at least 2"),
        (lambda X: frechet_distance(X, X[:, :2]), "X_real has 6 features and X_generat"),
        (
            lambda X: frechet_distance(X, X, features=lambda X: "a"),
            r"frechet_distance: features\(X_real\) is invalid; must be an array",
        ),
        (lambda X: frechet_distance(X, X, features=3), "features=3 is invalid; must be"),
        (
            lambda X: class_coverage(LinearSVC(), X),
            r"LinearSVC\(\) has no predict_proba; m",
        ),
        (lambda X: class_coverage(None, X, threshold=2), "threshold=2 is invalid; must"),
        (lambda X: class_coverage(None, X, threshold="1"), "threshold='1' is invalid"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_errors_name_the_invalid_argument(both, call, message):
    with pytest.raises(ValueError, match=message):
        call(both[0])


METRICS = {
    "frechet_distance": (frechet_distance, "X_real"),
    "precision_recall": (precision_recall, "X_real"),
    "authenticity": (authenticity, "X_train"),
}
every_metric = pytest.mark.parametrize("name", METRICS)


@every_metric
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((9, 6), np.nan), "NaN"),
        (np.full((9, 6), np.inf), "infinity"),
        (np.full((9, 6), "a"), "string|text"),
        (np.full((9, 6), 1j), "Complex"),
        (np.zeros((9, 6), "datetime64[D]"), "datetime64"),
        (np.zeros(6), "1D array"),
        (np.zeros((0, 6)), r"0 sample\(s\)"),
        (np.zeros((1, 1, 1, 1, 6)), "5 dimensions"),
        ([[1, 2], [3]], "different lengths"),
    ],
    ids=str,
)
def test_invalid_arrays_are_named(both, name, array, message):
    metric, first = METRICS[name]
    for arrays, parameter in (
        ((array, both[0]), first),
        ((both[0], array), "X_generated"),
    ):
        start = f"{name}: {parameter} is invalid; must be an array of finite real numbers"
        with pytest.raises(ValueError, match=rf"(?s){start}.*({message})"):
            metric(*arrays)


@every_metric
def test_sparse_arrays_are_refused(both, name):
    with pytest.raises(TypeError, match="dense data is required"):
        METRICS[name][0](csr_array(both[0]), both[1])


@every_metric
@pytest.mark.parametrize(
    "convert",
    [
        lambda X: torch.tensor(X, requires_grad=True),
        pl.DataFrame,
        pd.DataFrame,
        np.ndarray.tolist,
        lambda X: X[:, ::-1][:, ::-1],
    ],
    ids=["tensor with grad", "polars", "pandas", "list", "strides"],
)
def test_containers_make_no_difference(both, name, convert):
    metric, _ = METRICS[name]
    expected = metric(*both)
    np.testing.assert_allclose(metric(*map(convert, both)), expected, rtol=1e-9)


def test_integers_are_compared_exactly():
    X = np.random.default_rng(0).integers(0, 256, (50, 4), dtype=np.uint8)
    assert frechet_distance(X, X[::-1]) == pytest.approx(0, abs=1e-6)
    assert authenticity(X, X) == 0


def test_the_names_of_a_data_frame_reach_features_and_classifier():
    X, y = load_iris(return_X_y=True, as_frame=True)
    classifier = LogisticRegression(max_iter=1000).fit(X, y)
    # A warning about missing names is an error here.
    assert frechet_distance(X, X, features=PCA(2).fit(X)) == pytest.approx(0, abs=1e-9)
    assert class_coverage(classifier, X).shares.sum() == pytest.approx(1)
