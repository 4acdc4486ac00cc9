"""Densities of codes: known answers, scikit-learn's as the standard, few rows."""

import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.neighbors import KernelDensity as SklearnKernelDensity

from skae import densities
from skae.densities import (
    DENSITIES,
    Gaussian,
    GaussianMixture,
    KernelDensity,
    Normal,
    StandardNormal,
)
from skae.densities._em import number_of_components


@pytest.fixture(scope="module")
def codes():
    """Five-dimensional, of another scale and place in each direction, with classes."""
    components = PCA(5).fit_transform(load_digits().data)
    return components * [1, 10, 0.1, 3, 1] + [0, 100, 0, -50, 2]


@pytest.fixture
def three_clusters():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 30.0]])
    return centres, centres[rng.integers(3, size=900)] + rng.normal(size=(900, 2))


def named(name):
    density = DENSITIES[name]()
    has_seed = "random_state" in density.get_params()
    return density.set_params(random_state=0) if has_seed else density


@pytest.mark.parametrize("name", DENSITIES)
def test_draws_have_the_mean_and_spread_of_the_codes(codes, name):
    if name == "standard_normal":
        codes = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    drawn = named(name).fit(codes).sample(20_000, random_state=0)
    np.testing.assert_allclose(
        drawn.mean(axis=0) / codes.std(axis=0),
        codes.mean(axis=0) / codes.std(axis=0),
        atol=0.05,
    )
    np.testing.assert_allclose(drawn.std(axis=0), codes.std(axis=0), rtol=0.1)


@pytest.mark.parametrize("name", DENSITIES)
def test_a_seed_draws_the_same_and_leaves_the_global_state_alone(codes, name):
    density = named(name).fit(codes)
    before = np.random.get_state()[1].copy()
    first, again = (density.sample(5, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (density.sample(5, random_state=4) != first).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("name", DENSITIES)
def test_a_density_integrates_to_one(name):
    codes = np.random.default_rng(0).normal(size=(300, 1))
    density = named(name).fit(codes)
    grid = np.linspace(-12, 12, 4001)[:, None]
    total = np.exp(density.score_samples(grid)).sum() * (grid[1, 0] - grid[0, 0])
    assert total == pytest.approx(1, abs=1e-3)


def test_a_gaussian_is_scipys(codes):
    expected = multivariate_normal(codes.mean(axis=0), np.cov(codes.T, bias=True))
    np.testing.assert_allclose(
        Gaussian().fit(codes).score_samples(codes[:50]), expected.logpdf(codes[:50])
    )


def test_a_normal_has_no_covariances(codes):
    expected = multivariate_normal(codes.mean(axis=0), np.diag(codes.var(axis=0)))
    np.testing.assert_allclose(
        Normal().fit(codes).score_samples(codes[:50]), expected.logpdf(codes[:50])
    )


def test_the_standard_normal_learns_nothing(codes):
    expected = multivariate_normal(np.zeros(5), np.eye(5))
    points = np.random.default_rng(0).normal(size=(20, 5))
    np.testing.assert_allclose(
        StandardNormal().fit(codes).score_samples(points), expected.logpdf(points)
    )


def test_a_mixture_finds_clusters(three_clusters):
    centres, codes = three_clusters
    mixture = GaussianMixture(3, random_state=0).fit(codes)
    order = np.argsort(mixture.means_ @ [1, 3])
    np.testing.assert_allclose(mixture.means_[order], centres, atol=0.3)
    np.testing.assert_allclose(mixture.weights_, 1 / 3, atol=0.05)
    np.testing.assert_allclose(
        mixture.covariances_, np.broadcast_to(np.eye(2), (3, 2, 2)), atol=0.2
    )


@pytest.mark.parametrize("n_components", [3, 10, 30])
def test_a_mixture_is_as_likely_as_scikit_learns(codes, n_components):
    """On rows held out; both are given the time to converge."""
    train, test = codes[::2], codes[1::2]
    ours = GaussianMixture(n_components, max_iter=100, random_state=0).fit(train)
    theirs = SklearnMixture(n_components, random_state=0).fit(train)
    assert ours.score_samples(test).mean() > theirs.score_samples(test).mean() - 0.1


def test_the_density_of_a_mixture_is_scikit_learns(codes):
    ours = GaussianMixture(4, random_state=0).fit(codes)
    theirs = SklearnMixture(4, means_init=ours.means_, max_iter=1)
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
    plain = GaussianMixture(5, random_state=0).fit(codes)
    scaled = GaussianMixture(5, random_state=0).fit(codes * scale + 5)
    np.testing.assert_allclose(
        scaled.score_samples(codes * scale + 5) + np.log(scale).sum(),
        plain.score_samples(codes),
        atol=0.05,
    )


def test_more_iterations_make_the_codes_more_likely(codes):
    few, many = (
        GaussianMixture(10, max_iter=n, random_state=0).fit(codes).score_samples(codes)
        for n in (1, 50)
    )
    assert many.mean() > few.mean()


@pytest.mark.parametrize(
    ("n_rows", "n_features", "expected"),
    [(60_000, 32, 120), (1_797, 32, 25), (150, 2, 7), (20, 32, 1), (1, 3, 1)],
)
def test_the_number_of_components_grows_with_the_rows(n_rows, n_features, expected):
    assert number_of_components(n_rows, n_features) == expected


def test_wide_codes_get_few_components_for_the_time_it_takes():
    assert number_of_components(60_000, 512) == 1
    assert 1 < number_of_components(60_000, 128) < 20


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((1, 3)),
        np.full((20, 3), 0.7),
        np.repeat(np.eye(3), 10, axis=0),
        np.random.default_rng(0).random((5, 32)),
        np.random.default_rng(0).random((2, 1)),
        np.eye(5)[np.random.default_rng(0).integers(5, size=3_000)],
        np.random.default_rng(0).integers(2, size=(3_000, 3)).astype(float),
        np.vstack([np.random.default_rng(0).normal(size=(2_000, 2)), [[1e6, 0]]]),
    ],
    ids=[
        "one row",
        "one point",
        "three points",
        "fewer rows than features",
        "two rows",
        "five points of many rows",
        "binary columns",
        "an outlier",
    ],
)
def test_few_rows_and_constant_codes_are_no_error(name, rows):
    density = named(name).fit(rows)
    drawn = density.sample(50, random_state=0)
    assert drawn.shape == (50, rows.shape[1])
    assert np.isfinite(drawn).all()
    assert np.isfinite(density.score_samples(rows)).all()
    if name != "standard_normal" and not rows.var(axis=0).any():
        np.testing.assert_allclose(drawn, np.broadcast_to(rows[0], drawn.shape))


def test_the_bandwidth_follows_the_codes(codes):
    """It is in standard deviations; of many rows, kernels are narrower."""
    whole, scaled = (
        KernelDensity(random_state=0).fit(X).bandwidth_ for X in (codes, 1e3 * codes)
    )
    assert whole == pytest.approx(scaled)
    assert whole < KernelDensity(random_state=0).fit(codes[:60]).bandwidth_


def test_a_kernel_density_is_scikit_learns():
    codes = np.random.default_rng(0).normal(size=(200, 3))
    ours = KernelDensity(0.5).fit(codes)
    whitened = ours._factors.whiten(codes)
    theirs = SklearnKernelDensity(bandwidth=0.5).fit(whitened).score_samples(whitened)
    np.testing.assert_allclose(
        ours.score_samples(codes), theirs - ours._factors.log_volume
    )


def test_codes_of_another_width_are_refused(codes):
    with pytest.raises(ValueError, match=r"X has 3 columns.*fitted on codes with 5"):
        Gaussian().fit(codes).score_samples(codes[:, :3])


@pytest.mark.parametrize(
    "density",
    [
        SklearnMixture(2),
        BayesianGaussianMixture(n_components=2, max_iter=500),
        SklearnKernelDensity(),
        GaussianMixture(2),
    ],
    ids=lambda density: f"{type(density).__module__}.{type(density).__name__}",
)
def test_densities_of_both_kinds_draw_from_a_given_generator(codes, density):
    fresh = densities.unfitted(density, np.random.RandomState(0))
    assert fresh is not density
    fresh.fit(codes)
    seed = vars(fresh).get("random_state")
    state = np.random.get_state()[1].copy()
    first, again = (densities.draw(fresh, 4, np.random.RandomState(1)) for _ in range(2))
    assert first.shape == (4, 5)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert vars(fresh).get("random_state") is seed
    assert clone(density).get_params() == density.get_params()


@pytest.mark.parametrize("value", [GaussianMixture, object(), 3, "kde", None])
def test_classes_and_other_things_are_no_densities(value):
    assert not densities.is_density(value)


def test_constant_codes_stay_dense_at_their_place():
    density = Gaussian().fit(np.full((7, 3), 0.1))
    assert density.score_samples([[0.1 + 1e-7] * 3])[0] == pytest.approx(
        density.score_samples([[0.1] * 3])[0]
    )


@pytest.mark.parametrize(
    ("density", "message"),
    [
        (GaussianMixture("Auto"), "n_components='Auto'; expected 'auto', or an integer"),
        (GaussianMixture(0), "n_components=0; expected"),
        (GaussianMixture(max_iter=0), "max_iter=0; expected an integer of at least 1"),
        (
            KernelDensity(-1.0),
            r"bandwidth=-1\.0; expected .auto., or a finite",
        ),
    ],
    ids=str,
)
def test_wrong_parameters_of_a_density_are_named(codes, density, message):
    with pytest.raises(ValueError, match=message):
        density.fit(codes)


def test_draws_of_scikit_learns_mixtures_are_not_in_the_order_of_their_clusters():
    codes = np.repeat([[0.0], [100.0]], 500, axis=0) + np.random.default_rng(0).normal(
        size=(1_000, 1)
    )
    mixture = SklearnMixture(2, random_state=0).fit(codes)
    drawn = densities.draw(mixture, 100, np.random.RandomState(0))[:, 0] > 50
    assert (drawn[1:] != drawn[:-1]).sum() > 10
