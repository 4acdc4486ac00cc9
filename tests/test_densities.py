"""Densities of latent codes: known answers, scikit-learn as the reference, odd inputs."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.utils.estimator_checks import check_estimator

import skae.densities
from skae.densities import (
    DiagonalGaussian,
    FlowPrior,
    Gaussian,
    LatentGaussianMixture,
    LatentKernelDensity,
    StandardNormal,
)
from skae.densities._choose import DENSITIES, is_density, make_density
from skae.densities._draws import check_n_samples, check_random_seed, draw
from skae.densities._em import number_of_components
from skae.nn import CouplingFlow

CLASSES = [getattr(skae.densities, name) for name in skae.densities.__all__]


@pytest.fixture(scope="module")
def codes():
    """Codes with classes, of another scale and location in each of five features."""
    components = PCA(5).fit_transform(load_digits().data)
    return components * [1, 10, 0.1, 3, 1] + [0, 100, 0, -50, 2]


@pytest.fixture
def three_clusters():
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 30.0]])
    return centers, centers[rng.integers(3, size=900)] + rng.normal(size=(900, 2))


def make(density_class, n_features=5):
    """Return an unfitted density with a fixed seed."""
    if density_class is FlowPrior:
        return FlowPrior(trained_flow(n_features))
    density = density_class()
    has_seed = "random_state" in density.get_params()
    return density.set_params(random_state=0) if has_seed else density


def trained_flow(n_features):
    """Return a flow whose layers scale and shift."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        flow = CouplingFlow(n_features, n_layers=4, hidden_size=8)
    generator = torch.Generator().manual_seed(0)
    for weights in flow.parameters():
        torch.nn.init.normal_(weights, std=0.2, generator=generator)
    return flow


# Public names ---------------------------------------------------------------------------


def test_the_public_names_hide_none_of_scikit_learns():
    names = {name for name in vars(skae.densities) if not name.startswith("_")}
    assert names == set(skae.densities.__all__)
    assert not names & set(dir(__import__("sklearn.mixture").mixture))
    assert not names & set(dir(__import__("sklearn.neighbors").neighbors))
    assert set(DENSITIES.values()) == set(CLASSES) - {FlowPrior}


@pytest.mark.parametrize(
    "density", [make(c) for c in CLASSES if c is not FlowPrior], ids=str
)
def test_a_density_passes_scikit_learns_checks(density):
    results = check_estimator(density, on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert sum(result["status"] == "passed" for result in results) >= 30


# Distributions --------------------------------------------------------------------------


@pytest.mark.parametrize("name", DENSITIES)
def test_samples_have_the_mean_and_spread_of_the_codes(codes, name):
    if name == "standard_normal":
        codes = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    sampled = make(DENSITIES[name]).fit(codes).sample(20_000, random_state=0)
    assert sampled.dtype == np.float64
    np.testing.assert_allclose(
        sampled.mean(axis=0) / codes.std(axis=0),
        codes.mean(axis=0) / codes.std(axis=0),
        atol=0.05,
    )
    np.testing.assert_allclose(sampled.std(axis=0), codes.std(axis=0), rtol=0.1)


@pytest.mark.parametrize("density_class", CLASSES)
def test_a_density_integrates_to_one(density_class):
    codes = np.random.default_rng(0).normal(size=(300, 2))
    density = make(density_class, n_features=2).fit(codes)
    axis = np.linspace(-12, 12, 401)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    total = np.exp(density.score_samples(grid)).sum() * (axis[1] - axis[0]) ** 2
    assert total == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("density_class", CLASSES)
def test_the_score_is_the_mean_log_density(codes, density_class):
    density = make(density_class).fit(codes)
    assert density.score(codes) == pytest.approx(density.score_samples(codes).mean())


def test_a_gaussian_is_scipys(codes):
    expected = multivariate_normal(codes.mean(axis=0), np.cov(codes.T, bias=True))
    density = Gaussian().fit(codes)
    np.testing.assert_allclose(density.mean_, expected.mean, atol=1e-12)
    np.testing.assert_allclose(density.covariance_, expected.cov, atol=1e-8)
    np.testing.assert_allclose(
        density.score_samples(codes[:50]), expected.logpdf(codes[:50])
    )


def test_a_gaussian_of_nearly_dependent_features_is_scipys():
    """Variances below 1e-6 of the largest were raised to it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    X[:, 1] = X[:, 0] + 1e-4 * X[:, 1]
    expected = multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True))
    density = Gaussian().fit(X)
    np.testing.assert_allclose(density.score_samples(X), expected.logpdf(X), atol=1e-4)
    difference = np.diff(density.sample(20_000, random_state=0), axis=1)
    assert difference.std() == pytest.approx(1e-4, rel=0.1)


def test_a_diagonal_gaussian_has_no_covariances(codes):
    expected = multivariate_normal(codes.mean(axis=0), np.diag(codes.var(axis=0)))
    np.testing.assert_allclose(
        DiagonalGaussian().fit(codes).score_samples(codes[:50]),
        expected.logpdf(codes[:50]),
    )


def test_the_standard_normal_learns_nothing(codes):
    expected = multivariate_normal(np.zeros(5), np.eye(5))
    points = np.random.default_rng(0).normal(size=(20, 5))
    np.testing.assert_allclose(
        StandardNormal().fit(codes).score_samples(points), expected.logpdf(points)
    )


# The mixture ----------------------------------------------------------------------------


def test_a_mixture_finds_clusters(three_clusters):
    centers, codes = three_clusters
    mixture = LatentGaussianMixture(3, random_state=0).fit(codes)
    order = np.argsort(mixture.means_ @ [1, 3])
    np.testing.assert_allclose(mixture.means_[order], centers, atol=0.3)
    np.testing.assert_allclose(mixture.weights_, 1 / 3, atol=0.05)
    np.testing.assert_allclose(
        mixture.covariances_, np.broadcast_to(np.eye(2), (3, 2, 2)), atol=0.2
    )


@pytest.mark.parametrize("deviation", [0.1, 1e-2, 1e-3, 1e-5])
def test_a_mixture_finds_two_clusters_from_any_start(deviation):
    """One in ten starts of k-means failed; narrow clusters came out 300 times wider."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        first, second = rng.normal(scale=deviation, size=(2, 300, 2))
        X = np.concatenate([first, second + 1])
        mixture = LatentGaussianMixture(2, random_state=seed).fit(X)
        np.testing.assert_allclose(
            np.sort(mixture.means_, axis=0), [[0, 0], [1, 1]], atol=deviation
        )
        variances = mixture.covariances_.diagonal(axis1=1, axis2=2)
        np.testing.assert_allclose(variances, deviation**2, rtol=0.5)


@pytest.mark.parametrize("n_components", [3, 10, 30])
def test_a_mixture_is_as_likely_as_scikit_learns(codes, n_components):
    """On held-out codes, with enough iterations for both to converge."""
    train, test = codes[::2], codes[1::2]
    ours = LatentGaussianMixture(n_components, max_iter=100, random_state=0).fit(train)
    theirs = GaussianMixture(n_components, random_state=0).fit(train)
    assert ours.score(test) > theirs.score(test) - 0.1


def test_the_density_of_a_mixture_is_scikit_learns(codes):
    ours = LatentGaussianMixture(4, random_state=0).fit(codes)
    theirs = GaussianMixture(4, means_init=ours.means_, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        theirs.fit(codes)
    theirs.weights_, theirs.means_ = ours.weights_, ours.means_
    theirs.covariances_ = ours.covariances_
    theirs.precisions_cholesky_ = np.stack(
        [np.linalg.cholesky(np.linalg.inv(c)) for c in ours.covariances_]
    )
    np.testing.assert_allclose(ours.score_samples(codes), theirs.score_samples(codes))


def test_a_mixture_does_not_depend_on_the_units_of_the_codes(codes):
    scale = np.array([1e-3, 1e3, 1, 1, 7])
    plain = LatentGaussianMixture(5, random_state=0).fit(codes)
    scaled = LatentGaussianMixture(5, random_state=0).fit(codes * scale + 5)
    np.testing.assert_allclose(
        scaled.score_samples(codes * scale + 5) + np.log(scale).sum(),
        plain.score_samples(codes),
        atol=0.05,
    )


def test_more_iterations_make_the_codes_more_likely(codes):
    few, many = (
        LatentGaussianMixture(10, max_iter=n, random_state=0).fit(codes).score(codes)
        for n in (1, 50)
    )
    assert many > few


def test_the_parameters_of_one_component_are_those_of_a_gaussian(codes):
    mixture, gaussian = LatentGaussianMixture(1).fit(codes), Gaussian().fit(codes)
    assert mixture.n_components_ == 1
    np.testing.assert_array_equal(mixture.means_[0], gaussian.mean_)
    np.testing.assert_array_equal(mixture.covariances_[0], gaussian.covariance_)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "expected"),
    [
        (60_000, 32, 195),
        (60_000, 128, 12),
        (60_000, 400, 1),
        (1_797, 32, 28),
        (150, 2, 9),
        (20, 32, 1),
        (1, 3, 1),
    ],
)
def test_auto_chooses_the_number_of_components(n_samples, n_features, expected):
    assert number_of_components(n_samples, n_features) == expected


def test_n_components_is_the_number_in_use(codes):
    assert LatentGaussianMixture().fit(codes).n_components_ == 33
    assert LatentGaussianMixture(7).fit(codes).n_components_ == 7
    assert LatentGaussianMixture(50).fit(codes[:9]).n_components_ <= 9


def test_a_grid_search_chooses_the_number_of_components(three_clusters):
    _, codes = three_clusters
    grid = {"n_components": [1, 3]}
    search = GridSearchCV(LatentGaussianMixture(random_state=0), grid).fit(codes)
    assert search.best_params_ == {"n_components": 3}


# Outlying codes -------------------------------------------------------------------------


def bulk():
    return np.random.default_rng(0).normal(size=(2_000, 2))


def far_codes(share, low, high):
    """Return codes in random directions, at distances from 10**low to 10**high."""
    rng = np.random.default_rng(1)
    n_far = round(2_000 * share / (1 - share))
    directions = rng.normal(size=(n_far, 2))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * 10 ** rng.uniform(low, high, size=(n_far, 1))


def deviations_near_zero(mixture, radius=9.0):
    sampled = mixture.sample(20_000, random_state=0)
    return sampled[np.linalg.norm(sampled, axis=1) < radius].std(axis=0)


@pytest.mark.parametrize("n_components", ["auto", 5])
@pytest.mark.parametrize("distance", [1e2, 1e3, 1e4, 1e5, 1e6, 1e12])
def test_one_outlying_code_does_not_widen_the_others(distance, n_components):
    """At 1e4, 1e5 and 1e6, samples of the others were 1.4, 10 and 99 times too wide."""
    X = np.vstack([bulk(), [[distance, 0.0]]])
    mixture = LatentGaussianMixture(n_components, random_state=0).fit(X)
    np.testing.assert_allclose(deviations_near_zero(mixture), 1.0, atol=0.05)
    sampled = mixture.sample(20_000, random_state=0)
    assert (np.abs(sampled) > 9).any(axis=1).mean() < 0.003  # the outlier's are 0.0005
    others = Gaussian().fit(bulk())
    expected = others.score(bulk()) - 0.2
    assert mixture.score(bulk()) > expected


@pytest.mark.parametrize("n_components", ["auto", 5])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
@pytest.mark.parametrize(("low", "high"), [(4, 6), (4, 4), (2, 9)])
def test_many_outlying_codes_do_not_widen_the_others(low, high, share, n_components):
    X = np.vstack([bulk(), far_codes(share, low, high)])
    mixture = LatentGaussianMixture(n_components, random_state=0).fit(X)
    np.testing.assert_allclose(deviations_near_zero(mixture), 1.0, atol=0.05)
    sampled = mixture.sample(20_000, random_state=0)
    far = np.linalg.norm(sampled, axis=1) > 9
    assert far.mean() == pytest.approx(share, rel=0.25)


def test_outlying_codes_on_one_axis_do_not_widen_the_others():
    far = np.stack([np.geomspace(1e4, 1e6, 20), np.zeros(20)], axis=1)
    X = np.vstack([bulk(), far])
    mixture = LatentGaussianMixture(5, random_state=0).fit(X)
    np.testing.assert_allclose(deviations_near_zero(mixture), 1.0, atol=0.05)


def test_codes_outlying_across_dependent_features_do_not_widen_the_others():
    X = bulk()
    X[:, 1] = X[:, 0] + 1e-4 * X[:, 1]
    mixture = LatentGaussianMixture(5, random_state=0).fit(np.vstack([X, [[0, 1]]]))
    differences = np.diff(mixture.sample(20_000, random_state=0), axis=1)
    differences = differences[np.abs(differences) < 1e-2]
    assert differences.std() == pytest.approx(1e-4, rel=0.05)


def test_one_outlying_code_among_many_is_found():
    X = np.random.default_rng(0).normal(size=(30_000, 2))
    X[20_000] = [1e5, 0]  # beyond the codes that k-means sees, in the order given
    mixture = LatentGaussianMixture(5, random_state=0).fit(X)
    np.testing.assert_allclose(deviations_near_zero(mixture), 1.0, atol=0.05)


def test_a_constant_feature_stays_constant_with_an_outlying_value():
    X = np.column_stack([bulk(), np.full(2_000, 0.1)])
    X = np.vstack([X, [[0, 0, 1e6]]])
    mixture = LatentGaussianMixture(5, random_state=0).fit(X)
    values = mixture.sample(2_000, random_state=0)[:, 2]
    assert np.quantile(np.abs(values - 0.1), 0.99) < 1  # it was 700


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("distance", [0.0, 1e6])
def test_scale_and_offset_of_the_codes_do_not_matter(scale, offset, distance):
    X = (np.vstack([bulk(), [[distance, 0.0]]]) + offset) * scale
    mixture = LatentGaussianMixture(5, random_state=0).fit(X)
    sampled = mixture.sample(20_000, random_state=0) / scale - offset
    near = np.linalg.norm(sampled, axis=1) < 9
    np.testing.assert_allclose(sampled[near].std(axis=0), 1.0, atol=0.05)
    np.testing.assert_allclose(sampled[near].mean(axis=0), 0.0, atol=0.05)


# Few, equal and constant codes ----------------------------------------------------------

RNG = np.random.default_rng(0)
ODD_CODES = {
    "one code": np.zeros((1, 3)),
    "two codes": RNG.random((2, 1)),
    "three codes": RNG.random((3, 2)),
    "equal codes": np.full((20, 3), 0.7),
    "three points": np.repeat(np.eye(3), 10, axis=0),
    "fewer codes than features": RNG.random((5, 32)),
    "five points": np.eye(5)[RNG.integers(5, size=3_000)],
    "binary features": RNG.integers(2, size=(3_000, 3)).astype(float),
    "half of the codes equal": np.vstack([bulk(), np.full((2_000, 2), 0.3)]),
    "constant features": np.column_stack([bulk(), np.full(2_000, 0.1), np.zeros(2_000)]),
    "an outlier": np.vstack([bulk(), [[1e6, 0]]]),
    "tiny values": bulk() * 1e-300,
    "large values": bulk() * 1e90,
    "values of all sizes": 10 ** RNG.uniform(-300, 100, size=(500, 3)),
}


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("X", ODD_CODES.values(), ids=ODD_CODES)
def test_odd_codes_have_finite_samples_and_densities(name, X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        density = make(DENSITIES[name]).fit(X)
        sampled = density.sample(50, random_state=0)
        log_density = density.score_samples(X)
    assert sampled.shape == (50, X.shape[1])
    assert np.isfinite(sampled).all()
    assert np.isfinite(log_density).all()
    if name != "standard_normal":
        is_constant = np.ptp(X, axis=0) == 0
        expected = np.broadcast_to(X[0, is_constant], (50, is_constant.sum()))
        np.testing.assert_allclose(sampled[:, is_constant], expected)


@pytest.mark.parametrize("n_components", ["auto", 1, 2, 5, 50, 10**9])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 6])
def test_more_components_than_codes_is_no_error(n_samples, n_components):
    X = np.random.default_rng(0).normal(size=(n_samples, 3))
    mixture = LatentGaussianMixture(n_components, random_state=0).fit(X)
    assert mixture.n_components_ <= n_samples
    assert np.isfinite(mixture.sample(20, random_state=0)).all()
    assert np.isfinite(mixture.score_samples(X)).all()


def test_equal_codes_keep_their_share_of_the_samples():
    X = ODD_CODES["half of the codes equal"]
    sampled = LatentGaussianMixture(5, random_state=0).fit(X).sample(5_000, 0)
    near = np.linalg.norm(sampled - 0.3, axis=1) < 0.1
    assert near.mean() == pytest.approx(0.5, abs=0.05)


def test_constant_codes_tolerate_the_rounding_of_float32():
    density = Gaussian().fit(np.full((60_000, 3), 0.1))
    assert density.score_samples([[0.1 + 1e-8] * 3])[0] == pytest.approx(
        density.score_samples([[0.1] * 3])[0], abs=0.01
    )


# The kernel density ---------------------------------------------------------------------


def test_the_bandwidth_follows_the_codes(codes):
    """It is in standard deviations, and smaller with more codes."""
    whole, scaled = (
        LatentKernelDensity(random_state=0).fit(X).bandwidth_
        for X in (codes, 1e3 * codes)
    )
    assert whole == pytest.approx(scaled)
    assert whole < LatentKernelDensity(random_state=0).fit(codes[:60]).bandwidth_


def test_the_chosen_bandwidth_is_the_likeliest(codes):
    train, test = codes[::2], codes[1::2]
    scores = [
        LatentKernelDensity(bandwidth).fit(train).score(test)
        for bandwidth in np.geomspace(0.02, 2, 20)
    ]
    chosen = LatentKernelDensity(random_state=0).fit(train)
    assert 0.02 < chosen.bandwidth_ < 2
    assert chosen.score(test) > max(scores) - 0.05


@pytest.mark.parametrize("bandwidth", [0.05, 0.5])
def test_a_kernel_density_is_the_mean_of_its_kernels(bandwidth):
    """scikit-learn's tree is wrong by many nats in so many dimensions."""
    X = np.random.default_rng(0).normal(size=(300, 20)) * np.geomspace(0.1, 10, 20)
    density = LatentKernelDensity(bandwidth).fit(X)
    covariance = np.cov(X.T, bias=True) * bandwidth**2
    kernels = [multivariate_normal(center, covariance).logpdf(X[:20]) for center in X]
    expected = np.logaddexp.reduce(kernels, axis=0) - np.log(300)
    np.testing.assert_allclose(density.score_samples(X[:20]), expected)


def test_samples_of_a_kernel_density_are_near_training_codes(codes):
    density = LatentKernelDensity(1e-6).fit(codes)
    sampled = density.sample(20, random_state=0)
    distances = np.linalg.norm(sampled[:, None] - codes, axis=2).min(axis=1)
    assert distances.max() < 1e-2


# The flow -------------------------------------------------------------------------------


def test_a_flow_prior_inverts_itself_and_samples_its_density():
    flow = trained_flow(3)
    X = np.random.default_rng(0).normal(size=(40, 3))
    prior = FlowPrior(flow).fit(X)
    np.testing.assert_allclose(prior.to_codes(prior.to_base(X)), X)
    base = prior.to_base(prior.sample(20_000, random_state=0))
    np.testing.assert_allclose(base.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(base.T), np.eye(3), atol=0.05)


def test_fit_leaves_the_parameter_flow_as_it_is():
    """It was replaced by the copy in float64."""
    flow = trained_flow(3)
    prior = FlowPrior(flow).fit(np.zeros((1, 3)))
    assert prior.flow is flow
    assert flow.training
    assert {w.dtype for w in flow.parameters()} == {torch.float32}
    assert all(w.requires_grad for w in flow.parameters())
    assert {w.dtype for w in prior.flow_.parameters()} == {torch.float64}
    with torch.no_grad():
        for weights in flow.parameters():
            weights.zero_()
    copied = pickle.loads(pickle.dumps(prior))
    X = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(copied.score_samples(X), prior.score_samples(X))
    fitted_again = clone(prior).fit(X)
    assert (fitted_again.score_samples(X) != prior.score_samples(X)).all()


@pytest.mark.parametrize("n_features", [2, 4])
def test_a_flow_of_another_size_is_refused(n_features):
    prior = FlowPrior(trained_flow(3))
    with pytest.raises(ValueError, match=f"X has {n_features} features, which flow"):
        prior.fit(np.zeros((1, n_features)))
    with pytest.raises(Exception, match="not fitted"):
        prior.sample()


def test_base_variables_of_another_size_are_refused():
    prior = FlowPrior(trained_flow(3)).fit(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="base has 2 columns; must have 3"):
        prior.to_codes(np.zeros((1, 2)))


def test_a_flow_needs_two_components():
    with pytest.raises(ValueError, match="n_components=1 is invalid; must be at least 2"):
        CouplingFlow(1, n_layers=2, hidden_size=4)


# Random numbers -------------------------------------------------------------------------


@pytest.mark.parametrize("density_class", CLASSES)
def test_a_seed_gives_the_same_samples(codes, density_class):
    density = make(density_class).fit(codes)
    first, again = (density.sample(5, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (density.sample(5, random_state=4) != first).any()
    rng = np.random.RandomState(0)
    assert (density.sample(5, rng) != density.sample(5, rng)).any()


@pytest.mark.parametrize("density_class", CLASSES)
def test_without_a_seed_numpys_global_state_is_not_used(codes, density_class):
    density = make(density_class)
    if "random_state" in density.get_params():
        density.set_params(random_state=None)
    before = np.random.get_state()[1].copy()
    density.fit(codes)
    samples = []
    for _ in range(2):
        np.random.seed(0)
        samples.append(density.sample(5))
    np.random.set_state(("MT19937", before, 624))
    density.sample(5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert (samples[0] != samples[1]).any()


@pytest.mark.parametrize("density_class", [LatentGaussianMixture, LatentKernelDensity])
def test_a_seed_gives_the_same_fit(codes, density_class):
    first, again, other = (
        density_class(random_state=seed).fit(codes).score(codes) for seed in (0, 0, 1)
    )
    assert first == again != other


# Input ----------------------------------------------------------------------------------

X_SMALL = np.random.default_rng(0).normal(size=(30, 2)).round(2)
EQUIVALENT_INPUTS = {
    "list": X_SMALL.tolist(),
    "tensor": torch.tensor(X_SMALL),
    "tensor that requires grad": torch.tensor(X_SMALL, requires_grad=True),
    "object array": X_SMALL.astype(object),
    "data frame": pd.DataFrame(X_SMALL),
    "long doubles": X_SMALL.astype(np.longdouble),
    "negative strides": X_SMALL[::-1, ::-1].copy()[::-1, ::-1],
    "Fortran order": np.asfortranarray(X_SMALL),
}
OTHER_INPUTS = {
    "float32": X_SMALL.astype(np.float32),
    "float16": X_SMALL.astype(np.float16),
    "bfloat16 tensor": torch.tensor(X_SMALL).bfloat16(),
    "uint8": np.abs(X_SMALL * 9).astype(np.uint8),
    "bool": X_SMALL > 0,
}
WRONG_INPUTS = {
    "NaN": (np.where(X_SMALL > 1, np.nan, X_SMALL), "contains NaN"),
    "infinity": (np.where(X_SMALL > 1, np.inf, X_SMALL), "contains infinity"),
    "text": ([["a", "b"]], "X contains text"),
    "numbers as text": ([["1", "2"]], "X contains text"),
    "text in a frame": (pd.DataFrame({"a": ["x"], "b": ["y"]}), "X contains text"),
    "dates": (np.array([["2020-01-01", "2020-01-02"]], "M8[D]"), "X is an array of type"),
    "complex": (X_SMALL + 1j, "Complex data not supported"),
    "complex tensor": (torch.tensor(X_SMALL).cfloat(), "Complex data not supported"),
    "one dimension": (X_SMALL[:, 0], "Expected 2D array, got 1D"),
    "three dimensions": (X_SMALL[None], "dim 3"),
    "no codes": (X_SMALL[:0], r"0 sample\(s\)"),
    "no features": (X_SMALL[:, :0], r"0 feature\(s\)"),
    "ragged": ([[1.0, 2.0], [3.0]], "rows of different lengths"),
    "huge": (X_SMALL * 1e200, r"X contains absolute values up to .*e\+200; must be at"),
}


@pytest.mark.parametrize("density_class", CLASSES)
@pytest.mark.parametrize("X", EQUIVALENT_INPUTS.values(), ids=EQUIVALENT_INPUTS)
def test_the_container_does_not_matter(density_class, X):
    expected = make(density_class, 2).fit(X_SMALL).score_samples(X_SMALL)
    actual = make(density_class, 2).fit(X).score_samples(X)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("density_class", CLASSES)
@pytest.mark.parametrize("X", OTHER_INPUTS.values(), ids=OTHER_INPUTS)
def test_any_numeric_type_is_converted_to_float64(density_class, X):
    converted = X.double().numpy() if isinstance(X, torch.Tensor) else X.astype(float)
    expected = make(density_class, 2).fit(converted).score_samples(converted)
    actual = make(density_class, 2).fit(X).score_samples(X)
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == np.float64


@pytest.mark.parametrize("density_class", CLASSES)
@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(("X", "message"), WRONG_INPUTS.values(), ids=WRONG_INPUTS)
def test_wrong_codes_are_refused(density_class, X, message):
    with pytest.raises(ValueError, match=message):
        make(density_class, 2).fit(X)
    fitted = make(density_class, 2).fit(X_SMALL)
    with pytest.raises(ValueError, match=message):
        fitted.score_samples(X)


def test_fit_does_not_change_the_codes(codes):
    for density_class in CLASSES:
        given = codes.copy()
        make(density_class).fit(given).score_samples(given)
        np.testing.assert_array_equal(given, codes)


def test_codes_with_another_number_of_features_are_refused(codes):
    with pytest.raises(ValueError, match="X has 3 features, but Gaussian is expecting 5"):
        Gaussian().fit(codes).score_samples(codes[:, :3])


@pytest.mark.parametrize(
    ("density", "message"),
    [
        (LatentGaussianMixture("Auto"), "n_components='Auto'.*must be 'auto', or an int"),
        (LatentGaussianMixture(0), "n_components=0 is invalid"),
        (LatentGaussianMixture(True), "n_components=True is invalid"),
        (LatentGaussianMixture(max_iter=0), "max_iter=0 is invalid"),
        (LatentGaussianMixture(random_state=-1), "random_state=-1 is invalid"),
        (LatentKernelDensity(-1.0), r"bandwidth=-1\.0.*'auto', or a finite number"),
        (LatentKernelDensity(1e-300), "bandwidth=1e-300 is invalid"),
        (LatentKernelDensity(10**400), "bandwidth=10000"),
        (LatentKernelDensity(random_state="a"), "random_state='a' is invalid"),
        (FlowPrior(None), "flow=None is invalid; must be a torch.nn.Module with"),
        (FlowPrior(torch.nn.Linear(2, 2)), "must be a torch.nn.Module with a method inv"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else type(value).__name__,
)
def test_invalid_parameters_are_named(codes, density, message):
    with pytest.raises(ValueError, match=message):
        density.fit(codes)


def test_numpys_small_integers_are_parameters(codes):
    mixture = LatentGaussianMixture(np.uint8(200), max_iter=np.int8(3), random_state=0)
    plain = LatentGaussianMixture(200, max_iter=3, random_state=0)
    samples = [
        d.fit(codes).sample(np.uint8(255), random_state=0) for d in (mixture, plain)
    ]
    np.testing.assert_array_equal(*samples)
    assert LatentKernelDensity(np.float16(0.5)).fit(codes).bandwidth_ == 0.5
    flows = [CouplingFlow(n, np.uint8(2), np.uint8(8)) for n in (np.uint8(200), 200)]
    assert (
        flows[0](torch.zeros(3, 200))[0].shape == flows[1](torch.zeros(3, 200))[0].shape
    )


@pytest.mark.parametrize(
    "n_samples",
    [0, -1, 1.0, True, np.True_, "3", None, [3], 2**31, 2**63, 10**5000],
    ids=lambda value: type(value).__name__,
)
def test_invalid_numbers_of_samples_are_named(codes, n_samples):
    with pytest.raises(
        ValueError, match=r"Gaussian\.sample: n_samples=.* is invalid; must"
    ):
        Gaussian().fit(codes).sample(n_samples)
    with pytest.raises(
        ValueError, match=r"Any\.sample: n_samples=.* is invalid; must be"
    ):
        check_n_samples(n_samples, "Any.sample")


@pytest.mark.parametrize("random_state", [-1, "a", 1.5, True, 2**32, np.random, [1]])
def test_invalid_seeds_are_named(codes, random_state):
    with pytest.raises(ValueError, match=r"Gaussian\.sample: random_state=.* is invalid"):
        Gaussian().fit(codes).sample(3, random_state=random_state)
    with pytest.raises(
        ValueError, match=r"Any\.sample: random_state=.* is invalid; must"
    ):
        check_random_seed(random_state, "Any.sample")


def test_valid_numbers_and_seeds_pass():
    assert check_n_samples(np.uint8(255), "Any.sample") == 255
    assert type(check_n_samples(np.uint8(255), "Any.sample")) is int
    for random_state in (None, 0, np.uint8(3), 2**32 - 1, np.random.RandomState(0)):
        check_random_seed(random_state, "Any.sample")


# Densities of other libraries -----------------------------------------------------------


@pytest.mark.parametrize(
    "density",
    [
        GaussianMixture(2),
        BayesianGaussianMixture(n_components=2, max_iter=500),
        KernelDensity(),
        LatentGaussianMixture(2),
    ],
    ids=lambda density: type(density).__name__,
)
def test_any_density_draws_from_the_given_generator(codes, density):
    fresh = make_density(density, np.random.RandomState(0))
    assert fresh is not density
    fresh.fit(codes)
    seed = vars(fresh).get("random_state")
    state = np.random.get_state()[1].copy()
    first, again = (draw(fresh, 4, np.random.RandomState(1), 5) for _ in range(2))
    assert first.shape == (4, 5)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert vars(fresh).get("random_state") is seed
    assert clone(density).get_params() == density.get_params()


def test_draws_from_scikit_learns_mixtures_are_not_sorted_by_component():
    codes = np.repeat([[0.0], [100.0]], 500, axis=0) + np.random.default_rng(0).normal(
        size=(1_000, 1)
    )
    mixture = GaussianMixture(2, random_state=0).fit(codes)
    drawn = draw(mixture, 100, np.random.RandomState(0))[:, 0] > 50
    assert (drawn[1:] != drawn[:-1]).sum() > 10


@pytest.mark.parametrize("name", DENSITIES)
def test_a_name_makes_a_density_with_a_seed(name):
    density = make_density(name, np.random.RandomState(0))
    assert type(density) is DENSITIES[name]
    assert density.get_params().get("random_state", 0) is not None


@pytest.mark.parametrize("value", [LatentGaussianMixture, object(), 3, "kde", None])
def test_classes_and_other_objects_are_no_densities(value):
    assert not is_density(value)


class Returns:
    """A density that returns a given value."""

    def __init__(self, value):
        self.value = value

    def fit(self, X):
        return self

    def sample(self, n_samples):
        return self.value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.zeros((3, 2)), r"array of shape \(3, 2\)"),
        (np.zeros((4, 3)), r"array of shape \(4, 3\)"),
        (np.zeros(4), r"array of shape \(4,\)"),
        (np.zeros((4, 2, 1)), r"array of shape \(4, 2, 1\)"),
        (3.0, r"array of shape \(\)"),
        ((np.zeros((3, 2)), np.zeros(3)), r"array of shape \(3, 2\)"),
        (np.full((4, 2), np.nan), "values that are NaN.* 8 of 8"),
        (np.array([[0, np.inf]] * 4), "values that are NaN, infinite.* 4 of 8"),
        (np.full((4, 2), 1e200), "values that are NaN, infinite or beyond"),
        (np.zeros((4, 2), complex), "ndarray with values of type complex128"),
        (np.full((4, 2), "a"), "ndarray with values of type <U1"),
        (None, "NoneType with values of type object"),
        ([[1.0, 2.0], [3.0]], "list, which is not an array"),
        ((), r"array of shape \(0,\)"),
    ],
)
def test_what_a_density_returns_is_checked(value, found):
    with pytest.raises(ValueError, match=rf"Returns\.sample returned .*{found}") as error:
        draw(Returns(value), 4, np.random.RandomState(0), n_components=2)
    assert "must be a finite real array of shape (4, 2)" in str(error.value)


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2]] * 4,
        torch.ones(4, 2, requires_grad=True),
        pd.DataFrame(np.ones((4, 2))),
        (np.ones((4, 2), np.float32), np.zeros(4)),
    ],
    ids=["list", "tensor", "data frame", "with labels"],
)
def test_a_density_may_return_any_container(value):
    drawn = draw(Returns(value), 4, np.random.RandomState(0), n_components=2)
    assert drawn.shape == (4, 2)
    assert drawn.sum() in (8, 12)
