"""AutoencoderDetector: scores, thresholds with a meaning, explanations."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import skops.io
from helpers import small_conv, small_dense, small_dense_variational
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import skae
from skae import AutoencoderDetector
from skae._detection.conditionals import ConditionalMixture
from skae.displays import AnomalyDisplay

SMALLEST = small_dense(n_components=1, max_epochs=1, hidden_layer_sizes=(4,))
SCORES = ["neighbors", "density", "reconstruction", "residual"]


@pytest.fixture(scope="module")
def tables():
    """Benign tumours to train with, others to test, and malignant ones."""
    X, y = load_breast_cancer(return_X_y=True)
    benign = np.random.default_rng(0).permutation(X[y == 1])
    return benign[:250], benign[250:], X[y == 0]


@pytest.fixture(scope="module")
def detectors(tables):
    """A fitted detector for each score."""
    return {
        score: AutoencoderDetector(anomaly_score=score, random_state=0).fit(tables[0])
        for score in SCORES
    }


@pytest.mark.parametrize(
    "detector",
    [
        AutoencoderDetector(SMALLEST, random_state=0),
        AutoencoderDetector(SMALLEST, anomaly_score="density", contamination=0.2),
    ],
    ids=["neighbors", "density"],
)
def test_all_checks_of_scikit_learn_pass(detector):
    with np.errstate(all="ignore"):
        results = check_estimator(detector, on_skip=None, on_fail=None)
    failed = [
        (result["check_name"], repr(result["exception"]))
        for result in results
        if result["status"] != "passed"
    ]
    assert failed == []


@pytest.mark.parametrize("score", SCORES)
def test_each_score_detects_malignant_tumours(tables, detectors, score):
    _, benign, malignant = tables
    X = np.concatenate([benign, malignant])
    is_malignant = np.repeat([0, 1], [len(benign), len(malignant)])
    auc = roc_auc_score(is_malignant, -detectors[score].score_samples(X))
    assert auc > {"reconstruction": 0.85, "residual": 0.85}.get(score, 0.9)


@pytest.mark.parametrize("score", SCORES)
def test_the_methods_agree(tables, detectors, score):
    detector, X = detectors[score], np.concatenate(tables[1:])
    scores, decision = detector.score_samples(X), detector.decision_function(X)
    np.testing.assert_array_equal(decision, scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(X), np.where(decision < 0, -1, 1))
    p_values = detector.p_values(X)
    np.testing.assert_array_equal(detector.predict(X) == -1, p_values <= 0.05)
    order = np.argsort(scores)
    assert (np.diff(p_values[order]) >= 0).all()


def test_scores_are_known_for_neighbours():
    """Without a network, the distances are those of the standardised columns."""
    X = np.random.default_rng(0).normal(size=(300, 2)) * [1, 100]
    identity = small_dense(n_components=2, latent_density=None, max_epochs="auto")
    detector = AutoencoderDetector(
        make_pipeline(StandardScaler(), identity), n_neighbors=1, random_state=0
    ).fit(X)
    center = np.median(X, axis=0)
    far = center + [[0, 0], [30, 0], [0, 3000]]
    near, wide, high = -detector.score_samples(far)
    assert near < 1
    assert 25 < wide < 35
    assert 25 < high < 35


def test_a_training_sample_is_not_its_own_neighbour(tables):
    train, *_ = tables
    detector = AutoencoderDetector(random_state=0).fit(train)
    assert (-detector.score_samples(train) > 0).all()
    itself = -detector.score_samples(train).mean()
    moved = -detector.score_samples(train + 1e-9 * train.std(axis=0)).mean()
    np.testing.assert_allclose(moved, itself, rtol=1e-3)


# --- thresholds ------------------------------------------------------------------


@pytest.mark.parametrize("score", SCORES)
def test_p_values_of_normal_samples_are_uniform(score):
    """The share of p-values at most a is at most a, on average over data sets."""
    shares = []
    for number in range(8):
        rng = np.random.default_rng(number)
        X = rng.normal(size=(900, 3)) @ rng.normal(size=(3, 5))
        X += 0.1 * rng.normal(size=X.shape)
        detector = AutoencoderDetector(
            skae.DenseAutoencoder(2, max_epochs=5, random_state=0),
            anomaly_score=score,
            calibration_fraction=0.5,
            random_state=number,
        )
        p_values = detector.fit(X[:400]).p_values(X[400:])
        shares.append([(p_values <= a).mean() for a in (0.05, 0.2, 0.5)])
    low, middle, high = np.mean(shares, axis=0)
    assert 0.01 < low < 0.08
    assert 0.13 < middle < 0.25
    assert 0.42 < high < 0.57


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_the_false_alarm_rate(rate):
    X = np.random.default_rng(0).normal(size=(1500, 4))
    detector = AutoencoderDetector(false_alarm_rate=rate, random_state=0).fit(X[:1000])
    share = (detector.predict(X[1000:]) == -1).mean()
    assert share < 1.6 * rate + 0.01
    np.testing.assert_array_equal(detector.predict(X) == -1, detector.p_values(X) <= rate)


@pytest.mark.parametrize("contamination", [0.1, 0.5])
def test_contamination_is_the_share_of_training_samples(tables, contamination):
    X = np.concatenate(tables)[:300]
    detector = AutoencoderDetector(contamination=contamination, random_state=0)
    n_outliers = (detector.fit_predict(X) == -1).sum()
    assert n_outliers == round(contamination * len(X))


@pytest.mark.parametrize("n_outliers", [12, 25])
def test_outliers_among_the_training_samples_are_no_neighbours(n_outliers):
    rng = np.random.default_rng(0)
    normal, outliers = rng.normal(size=(300, 4)), rng.normal(8, 0.1, size=(n_outliers, 4))
    X = np.concatenate([normal, outliers])
    is_outlier = np.repeat([0, 1], [300, n_outliers])
    detector = AutoencoderDetector(random_state=0).fit(X)
    assert roc_auc_score(is_outlier, -detector.score_samples(X)) > 0.99


def test_a_known_share_of_outliers_is_not_among_the_neighbours():
    rng = np.random.default_rng(0)
    normal, outliers = rng.normal(size=(300, 4)), rng.normal(8, 0.1, size=(75, 4))
    X = np.concatenate([normal, outliers])
    detector = AutoencoderDetector(contamination=0.2, random_state=0)
    is_outlier = detector.fit_predict(X) == -1
    assert is_outlier.sum() == 75
    assert is_outlier[300:].mean() > 0.95


def test_selected_outliers(tables, detectors):
    _, benign, malignant = tables
    X = np.concatenate([benign, malignant])
    selected = detectors["neighbors"].select_outliers(X, false_discovery_rate=0.2)
    assert selected.dtype == bool
    assert selected[len(benign) :].mean() > 0.8
    assert selected[: len(benign)].sum() < 0.3 * selected.sum()
    fewer = detectors["neighbors"].select_outliers(X, false_discovery_rate=0.05)
    assert fewer.sum() <= selected.sum()
    with pytest.raises(ValueError, match="false_discovery_rate=2"):
        detectors["neighbors"].select_outliers(X, false_discovery_rate=2)


# --- explanations ----------------------------------------------------------------


@pytest.mark.parametrize("score", SCORES)
def test_the_parts_sum_to_the_score(tables, detectors, score):
    X = np.concatenate(tables)
    parts = detectors[score].feature_scores(X)
    assert parts.shape == X.shape
    total = -detectors[score].score_samples(X)
    np.testing.assert_allclose(parts.sum(axis=1), total, rtol=1e-5, atol=1e-6)
    if score != "density":
        assert (parts >= 0).all()


@pytest.mark.parametrize("score", SCORES)
def test_a_changed_feature_is_named_first(score):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 6))
    X += 0.05 * rng.normal(size=X.shape)
    detector = AutoencoderDetector(
        make_pipeline(StandardScaler(), skae.DenseAutoencoder(2, random_state=0)),
        anomaly_score=score,
        random_state=0,
    ).fit(X[:400])
    changed, feature = X[400:].copy(), rng.integers(6, size=100)
    changed[np.arange(100), feature] += 3 * X.std(axis=0)[feature]
    found = detector.feature_scores(changed).argmax(axis=1) == feature
    assert found.mean() > 0.8


def test_the_surprise_of_a_feature_is_its_conditional_deviation():
    """With one component, it is known from a regression on the other features."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3))
    X /= X.std(axis=0)
    mixture = ConditionalMixture().fit(X[:19], np.random.RandomState(0))
    mixture.weights, mixture.means = np.ones(1), X.mean(axis=0, keepdims=True)
    mixture.precisions = np.linalg.inv(np.cov(X.T))[None]
    surprise = mixture.surprise(X)
    for feature in range(3):
        others = np.delete(X, feature, axis=1)
        predicted = LinearRegression().fit(others, X[:, feature]).predict(others)
        squares = np.square(X[:, feature] - predicted)
        np.testing.assert_allclose(surprise[:, feature], squares / squares.mean(), 1e-2)


def test_the_surprise_follows_curved_relations():
    """Far from a circle, each of both coordinates is unlikely; linearly, it is not."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=3000)
    X = np.c_[np.cos(angle), np.sin(angle), rng.normal(size=3000)]
    X[:, :2] += rng.normal(0, 0.03, size=(3000, 2))
    mixture = ConditionalMixture().fit(X, np.random.RandomState(0))
    usual, odd = mixture.surprise(np.array([[1.0, 0, 2], [1.0, 0.7, 0]]))
    assert usual.max() < 8
    assert odd[:2].min() > 10
    assert odd[2] < 1


def test_a_shuffled_feature_is_named_first():
    """Samples that became unusual by it; the columns have nonlinear relations."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 3, size=(900, 2))
    X = np.hstack([np.cos(angles), np.sin(angles), angles @ rng.normal(size=(2, 3))])
    X += 0.05 * rng.normal(size=X.shape)
    detector = AutoencoderDetector(random_state=0).fit(X[:600])
    shuffled, feature = X[600:].copy(), rng.integers(7, size=300)
    rows = np.arange(300)
    shuffled[rows, feature] = X[rng.integers(600, size=300), feature]
    is_new = (detector.p_values(X[600:]) > 0.05) & (detector.p_values(shuffled) <= 0.05)
    found = detector.feature_scores(shuffled).argmax(axis=1) == feature
    assert is_new.sum() > 100
    assert found[is_new].mean() > 0.85


def test_a_scratch_on_an_image_is_on_the_map():
    images = load_digits().images[:300] / 16
    detector = AutoencoderDetector(
        small_conv(n_components=8, max_epochs=20), random_state=0
    ).fit(images[:250])
    assert detector.anomaly_score_ == "density"
    scratched = images[250:].copy()
    scratched[:, 0, 0:2] = 1  # a corner that is always black
    maps = detector.feature_scores(scratched)
    assert maps.shape == scratched.shape
    corner = np.abs(maps[:, 0, :2]).sum(axis=1) / np.abs(maps).sum(axis=(1, 2))
    assert np.median(corner) > 0.2


# --- composition -----------------------------------------------------------------


def test_default_estimators(tables, digits):
    assert AutoencoderDetector().fit(tables[0]).estimator_[-1].n_components_ == 15
    small = digits[:40, :16].reshape(-1, 4, 4)
    assert isinstance(AutoencoderDetector().fit(small).estimator_, skae.ConvAutoencoder)


@pytest.mark.filterwarnings("ignore::skae.exceptions.PosteriorCollapseWarning")
@pytest.mark.parametrize("make", [small_dense, small_dense_variational, small_conv])
def test_each_estimator_in_a_pipeline(digits, make):
    estimator = make_pipeline(StandardScaler(), make())
    detector = AutoencoderDetector(estimator, random_state=0)
    scores = detector.fit(digits).score_samples(digits)
    assert scores.shape == (200,)
    again = clone(detector).fit(digits).score_samples(digits)
    np.testing.assert_array_equal(scores, again)


def test_a_search_and_a_cross_validation(tables):
    order = np.random.default_rng(0).permutation(sum(map(len, tables)))[:150]
    X = np.concatenate(tables)[order]
    y = np.repeat([1, 1, -1], [len(table) for table in tables])[order]
    detector = AutoencoderDetector(random_state=0)
    grid = {"anomaly_score": ["neighbors", "reconstruction"]}
    search = GridSearchCV(detector, grid, cv=3, scoring="roc_auc").fit(X, y)
    assert search.best_score_ > 0.5
    decision = cross_val_predict(detector, X, cv=3, method="decision_function")
    assert decision.shape == (len(X),)


def test_data_frames(tables):
    names = [f"column {i}" for i in range(30)]
    train, new = (pd.DataFrame(X, columns=names) for X in tables[:2])
    detector = AutoencoderDetector(random_state=0).fit(train)
    np.testing.assert_array_equal(
        detector.score_samples(new),
        AutoencoderDetector(random_state=0).fit(tables[0]).score_samples(tables[1]),
    )
    assert list(detector.feature_names_in_) == names


@pytest.mark.parametrize("score", SCORES)
def test_a_saved_detector_is_the_same(tables, detectors, score):
    detector, X = detectors[score], tables[2]
    saved = skops.io.dumps(detector)
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(skae.TRUSTED_TYPES)
    for loaded in (
        pickle.loads(pickle.dumps(detector)),
        skops.io.loads(saved, trusted=skae.TRUSTED_TYPES),
    ):
        np.testing.assert_array_equal(loaded.p_values(X), detector.p_values(X))
        np.testing.assert_array_equal(
            loaded.feature_scores(X), detector.feature_scores(X)
        )


# --- invalid input ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimator": PCA()}, r"estimator=PCA\(\) is invalid; must be None, or an auto"),
        ({"estimator": make_pipeline(small_dense(), PCA())}, "ends in one"),
        ({"anomaly_score": "error"}, "anomaly_score='error'"),
        ({"contamination": 0.7}, "contamination=0.7"),
        ({"contamination": 0}, "contamination=0 "),
        ({"false_alarm_rate": 1}, "false_alarm_rate=1"),
        ({"n_neighbors": 0}, "n_neighbors=0"),
        ({"calibration_fraction": 0}, "calibration_fraction=0"),
        (
            {"estimator": small_dense(latent_density=None), "anomaly_score": "density"},
            "latent_density=None",
        ),
    ],
)
def test_invalid_parameters_are_named(digits, params, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderDetector(**params).fit(digits)


def test_a_failed_fit_loses_nothing(tables):
    train, new, _ = tables
    detector = AutoencoderDetector(random_state=0).fit(train)
    scores = detector.score_samples(new)
    with pytest.raises(ValueError, match="NaN"):
        detector.fit(np.full((9, 4), np.nan))
    detector.set_params(estimator=small_dense(latent_density=None))
    detector.set_params(anomaly_score="density")
    with pytest.raises(ValueError, match="latent_density=None"):
        detector.fit(train[:, :5])
    np.testing.assert_array_equal(detector.score_samples(new), scores)


# --- the display -----------------------------------------------------------------


def test_the_display_shows_the_threshold_and_the_largest_parts(tables, detectors):
    X = np.concatenate(tables[1:])
    detector = detectors["neighbors"]
    histogram = AnomalyDisplay.from_estimator(detector, X)
    assert histogram.line_.get_xdata()[0] == detector.offset_
    n_outliers = (detector.predict(X) == -1).sum()
    title = histogram.ax_.get_title()
    assert title == f"{n_outliers} of {len(X)} samples below the threshold"
    one = AnomalyDisplay.from_estimator(detector, X, sample=130, max_features=4)
    widths = [bar.get_width() for bar in one.bars_]
    expected = np.sort(detector.feature_scores(X[130:131])[0])[::-1][:4]
    np.testing.assert_allclose(widths, expected)
    largest = detector.feature_scores(X[130:131])[0].argmax()
    label = one.ax_.get_yticklabels()[0].get_text()
    assert label.startswith(f"feature {largest}: {X[130, largest]:.4g} (")
    plt.close("all")


def test_the_display_of_an_image(digits):
    images = digits.reshape(-1, 8, 8)
    detector = AutoencoderDetector(small_conv(), random_state=0).fit(images)
    display = AnomalyDisplay.from_estimator(detector, images, sample=2)
    picture = np.asarray(display.image_.get_array().filled(np.nan))
    assert picture.shape == (8, 26)
    np.testing.assert_allclose(
        picture[:, :8], (images[2] - images[2].min()) / np.ptp(images[2])
    )
    plt.close("all")


def test_the_display_of_a_signal():
    signals = np.random.default_rng(0).normal(size=(60, 1, 16)).cumsum(axis=2)
    detector = AutoencoderDetector(small_conv(), random_state=0).fit(signals)
    display = AnomalyDisplay.from_estimator(detector, signals, sample=3)
    original, reconstruction = (line.get_ydata() for line in display.ax_.get_lines())
    np.testing.assert_array_equal(original, signals[3, 0])
    np.testing.assert_allclose(
        reconstruction, detector.reconstruct(signals[3:4])[1][0, 0]
    )
    np.testing.assert_allclose(
        display.image_.get_array(), detector.feature_scores(signals[3:4])[0]
    )
    plt.close("all")


def test_the_display_names_what_is_wrong(tables, detectors):
    with pytest.raises(TypeError, match="estimator is a PCA; must be a fitted Auto"):
        AnomalyDisplay.from_estimator(PCA(), tables[0])
    with pytest.raises(ValueError, match="sample=900 is invalid; X has 250 samples"):
        AnomalyDisplay.from_estimator(detectors["neighbors"], tables[0], sample=900)


def test_names_of_the_columns(tables):
    X = load_wine(as_frame=True).data
    detector = AutoencoderDetector(random_state=0).fit(X)
    display = AnomalyDisplay.from_estimator(detector, X, sample=0)
    assert display.ax_.get_yticklabels()[0].get_text().split(":")[0] in X.columns
    plt.close("all")


def test_what_is_no_array_is_named():
    with pytest.raises(ValueError, match="X has type builtin_function_or_method; must"):
        AutoencoderDetector().fit(len)


def test_two_samples_are_enough():
    X = np.array([[0.0, 1.0], [1.0, 0.0]])
    scores = AutoencoderDetector(random_state=0).fit(X).score_samples(X)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("kind", ["U", "S", "list"])
def test_numbers_as_text_are_refused(kind):
    X = np.random.default_rng(0).normal(size=(30, 3))
    X = X.astype(str).tolist() if kind == "list" else X.astype(kind)
    with pytest.raises(ValueError, match=r"are not real numbers.*OneHotEncoder"):
        AutoencoderDetector().fit(X)


def test_dates_are_refused():
    X = np.arange(8).astype("datetime64[D]").reshape(4, 2)
    with pytest.raises(ValueError, match=r"are not real numbers.*convert dates"):
        AutoencoderDetector().fit(X)
