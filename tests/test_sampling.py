"""Sampling, the density of the latent codes, and interpolation."""

import pickle

import numpy as np
import pytest
from helpers import press_ctrl_c, small_conv, small_dense
from sklearn.datasets import load_digits
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.neighbors import KernelDensity
from skorch.callbacks import Callback

from skae import _sampling
from skae.densities import (
    DiagonalGaussian,
    FlowPrior,
    Gaussian,
    LatentGaussianMixture,
    LatentKernelDensity,
    StandardNormal,
)

# Some posteriors collapse in so few epochs.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)

DENSITIES = {
    "normal": DiagonalGaussian,
    "gaussian": Gaussian,
    "gaussian_mixture": LatentGaussianMixture,
    "kde": LatentKernelDensity,
    "standard_normal": StandardNormal,
}
OBJECTS = [SklearnMixture(2), BayesianGaussianMixture(max_iter=500), KernelDensity()]


@pytest.mark.parametrize("name", DENSITIES)
def test_samples_have_the_form_and_range_of_x(make_any, digits, name):
    ae = make_any(latent_density=name).fit(digits)
    expected = DENSITIES[name]
    if name == "standard_normal" and hasattr(ae, "posterior"):
        expected = FlowPrior
    assert type(ae.density_) is expected
    samples = ae.sample(7)
    assert samples.shape == (7, 64)
    assert samples.dtype == np.float32
    assert ((samples >= 0) & (samples <= 1)).all()


def test_sample_decodes_what_sample_latent_draws(make_any, digits):
    ae = make_any().fit(digits)
    codes = ae.sample_latent(6, random_state=0)
    assert codes.shape == (6, 4)
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(
        ae.inverse_transform(codes), ae.sample(6, random_state=0)
    )


@pytest.mark.parametrize("name", DENSITIES)
def test_fit_and_fit_transform_fit_the_same_density(make_any, digits, name):
    fitted, other = (make_any(latent_density=name).fit(digits) for _ in range(2))
    other.fit_transform(digits)
    np.testing.assert_array_equal(
        fitted.sample_latent(5, random_state=0), other.sample_latent(5, random_state=0)
    )
    np.testing.assert_array_equal(fitted.sample(5), other.sample(5))


@pytest.mark.parametrize("density", OBJECTS, ids=lambda d: type(d).__name__)
def test_any_density_is_cloned_fitted_and_drawn_from(digits, density):
    ae = small_dense(latent_density=density).fit(digits)
    assert type(ae.density_) is type(density)
    assert ae.density_ is not density
    assert not any(name.endswith("_") for name in vars(density))
    first, again = (ae.sample(5, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (ae.sample(5, random_state=1) != first).any()
    assert ae.latent_log_density(digits).shape == (200,)


def test_an_own_density_needs_fit_and_sample_only(digits):
    class Resampled:
        def fit(self, X):
            self.codes = X

        def sample(self, n_samples):
            return self.codes[:n_samples]

    ae = small_dense(latent_density=Resampled()).fit(digits)
    np.testing.assert_allclose(ae.sample(3), ae.reconstruct(digits[:3]), atol=1e-6)
    with pytest.raises(ValueError, match="Resampled, which has no score_samples"):
        ae.latent_log_density(digits)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (4, 4, 4)])
def test_samples_of_a_model_of_images_are_images(digits, shape):
    ae = small_conv().fit(digits.reshape(-1, *shape))
    assert ae.sample(3).shape == (3, *shape)
    images = digits.reshape(-1, *shape)
    assert ae.interpolate(images[:2], images[2:4], 5).shape == (2, 5, *shape)


def test_without_a_seed_samples_differ_until_a_fit_restarts_them(digits):
    ae = small_dense().fit(digits)
    draws = [ae.sample(4) for _ in range(2)]
    assert (draws[0] != draws[1]).any()
    ae.fit(digits)
    np.testing.assert_array_equal([ae.sample(4) for _ in range(2)], draws)


def test_a_loaded_model_draws_the_next_samples(digits):
    ae = small_dense().fit(digits)
    again = pickle.loads(pickle.dumps(ae))
    np.testing.assert_array_equal(again.sample(4), ae.sample(4))


def test_a_random_state_gives_other_samples_in_each_call(digits):
    ae, rng = small_dense().fit(digits), np.random.RandomState(0)
    assert (ae.sample(4, random_state=rng) != ae.sample(4, random_state=rng)).any()


def test_sampling_leaves_numpys_global_state_alone(digits):
    before = np.random.get_state()[1].copy()
    small_dense(random_state=None, latent_density=SklearnMixture(2)).fit(digits).sample(3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("n_samples", [0, -1, 2.0, "3", True, None])
def test_a_number_of_samples_must_be_a_positive_integer(digits, n_samples):
    message = (
        rf"DenseAutoencoder\.sample: n_samples={n_samples!r} is invalid; must be an "
        r"integer (of at least|from) 1"
    )
    with pytest.raises(ValueError, match=message):
        small_dense().fit(digits).sample(n_samples)


def test_without_a_density_the_error_of_sample_says_how_to_fit_one(digits):
    ae = small_dense(latent_density=None).fit(digits)
    assert ae.density_ is None
    for call in (ae.sample, lambda: ae.latent_log_density(digits)):
        with pytest.raises(ValueError, match=r"fit_density\(X, 'gaussian_mixture'\)"):
            call()
    with pytest.raises(ValueError, match="latent_density=None, which fits no density"):
        ae.fit_density(digits)
    assert ae.fit_density(digits, "normal").sample(2).shape == (2, 64)


def test_fit_density_changes_nothing_but_the_density(digits, all_weights):
    ae = small_dense().fit(digits)
    weights = all_weights(ae)
    assert ae.fit_density(digits, Gaussian()) is ae
    assert type(ae.density_) is Gaussian
    assert ae.latent_density == "gaussian_mixture"
    assert type(ae.fit_density(digits).density_) is LatentGaussianMixture
    np.testing.assert_array_equal(all_weights(ae), weights)


@pytest.mark.parametrize("wrong", ["gauss", 3, LatentGaussianMixture])
def test_an_invalid_density_leaves_the_old_one(digits, wrong):
    ae = small_dense().fit(digits)
    density = ae.density_
    with pytest.raises(
        ValueError, match=r"latent_density=.* is invalid; must be None, one of"
    ):
        ae.fit_density(digits, wrong)
    assert ae.density_ is density


def test_a_failure_of_the_density_leaves_the_trained_model(digits):
    class Fails(Gaussian):
        def fit(self, X, y=None):
            raise RuntimeError("no density today")

    ae = small_dense(latent_density=Fails())
    with pytest.raises(RuntimeError, match="no density today"):
        ae.fit(digits)
    assert ae.n_iter_ == 3
    assert ae.density_ is None
    assert ae.fit_density(digits, "normal").sample(1).shape == (1, 64)


def test_a_density_that_draws_a_wrong_shape_is_named(digits):
    class Flat(Gaussian):
        def sample(self, n_samples=1, random_state=None):
            return np.zeros(n_samples)

    ae = small_dense(latent_density=Flat()).fit(digits)
    with pytest.raises(
        ValueError, match=r"Flat\.sample returned .* \(3,\); must be .* \(3, 4\)"
    ):
        ae.sample(3)


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("sigmoid", 0, 1), ("tanh", -1, 1), ("relu", 0, np.inf)],
)
def test_codes_are_drawn_within_the_range_of_the_activation(
    digits, activation, low, high
):
    class Wide(Gaussian):
        def sample(self, n_samples=1, random_state=None):
            return np.random.default_rng(0).normal(scale=9, size=(n_samples, 4))

    ae = small_dense(latent_activation=activation, latent_density=Wide()).fit(digits)
    codes = ae.sample_latent(500)
    assert codes.min() == low
    assert codes.max() == high or np.isinf(high)


def test_a_changed_parameter_does_not_change_the_samples_of_a_fitted_model(digits):
    ae = small_dense().fit(digits)
    before = ae.sample(5, random_state=0)
    ae.set_params(latent_activation="sigmoid")
    np.testing.assert_array_equal(ae.sample(5, random_state=0), before)


def test_discrete_data_have_a_density():
    X = np.eye(5)[np.random.default_rng(0).integers(5, size=1_000)]
    assert small_dense(n_components=2).fit(X).sample(3).shape == (3, 5)


def test_the_density_is_of_the_training_codes(digits):
    ae = small_dense(latent_density="gaussian").fit(digits)
    codes = ae.transform(digits)
    np.testing.assert_allclose(ae.density_.mean_, codes.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(
        ae.density_.score_samples(codes), ae.latent_log_density(digits)
    )


def test_after_partial_fit_the_density_is_of_the_samples_of_that_call(digits):
    ae = small_dense(latent_density="gaussian")
    for part in (digits[:100], digits[100:]):
        ae.partial_fit(part)
        mean = ae.transform(part).mean(axis=0)
        np.testing.assert_allclose(ae.density_.mean_, mean, rtol=1e-6)


class Interrupts(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            press_ctrl_c()


@pytest.mark.usefixtures("_ctrl_c_interrupts")
def test_after_ctrl_c_there_is_a_model_and_no_stale_density(digits):
    ae = small_dense().fit(digits).set_params(callbacks=[Interrupts()], max_epochs=9)
    with pytest.raises(KeyboardInterrupt):
        ae.fit(digits)
    assert ae.n_iter_ == 2
    with pytest.raises(ValueError, match="fit was interrupted"):
        ae.sample()


def test_a_density_is_fitted_to_a_subsample_of_many_samples(
    digits, monkeypatch, tmp_path
):
    monkeypatch.setattr(_sampling, "MAX_SAMPLES", 120)
    seen, fit = [], Gaussian.fit
    monkeypatch.setattr(Gaussian, "fit", lambda self, X: seen.append(X) or fit(self, X))
    ae = small_dense(latent_density="gaussian").fit(digits)
    codes = ae.transform(digits)
    assert seen[0].shape == (120, 4)
    are_taken = (np.abs(codes[:, None] - seen[0]).max(axis=2) < 1e-6).any(axis=1)
    assert are_taken.sum() == len(np.unique(seen[0], axis=0)) == 120
    np.save(tmp_path / "X.npy", digits)
    ae.fit_density(np.load(tmp_path / "X.npy", mmap_mode="r"), "gaussian")
    assert seen[1].shape == (100, 4)  # one run of neighbouring rows
    ae.fit_density(digits, Gaussian())  # an own density gets all
    assert len(seen[2]) == 200


def test_codes_of_digits_have_a_higher_log_density_than_those_of_noise(digits):
    ae = small_dense(max_epochs=30).fit(digits)
    noise = np.random.default_rng(0).random((50, 64))
    assert np.median(ae.latent_log_density(digits)) > np.median(
        ae.latent_log_density(noise)
    )


def test_samples_of_a_mixture_are_nearer_to_digits_than_those_of_normals():
    """Latent codes are not normal; the distance is that to the nearest digit."""
    X = load_digits().data / 16

    params = {"n_components": 8, "hidden_layer_sizes": (64,), "max_epochs": 20}
    ae = small_dense(**params).fit(X)

    def distance(name):
        samples = ae.fit_density(X, name).sample(300, random_state=0)
        squares = (samples**2).sum(axis=1)[:, None] + (X**2).sum(axis=1)
        return np.sqrt((squares - 2 * samples @ X.T).min(axis=1)).mean()

    assert distance("gaussian_mixture") < 0.85 * distance("normal")


# --- interpolation ------------------------------------------------------------------


def test_paths_end_at_the_reconstructions(make_any, digits):
    ae = make_any().fit(digits)
    steps = ae.interpolate(digits[:3], digits[3:6], 6)
    assert steps.shape == (3, 6, 64)
    np.testing.assert_allclose(steps[:, 0], ae.reconstruct(digits[:3]), atol=1e-5)
    np.testing.assert_allclose(steps[:, -1], ae.reconstruct(digits[3:6]), atol=1e-5)


def test_interpolation_is_linear_in_the_codes(digits):
    ae = small_dense().fit(digits)
    [steps] = ae.interpolate(digits[:1], digits[1:2], 3)
    middle = ae.transform(digits[:2]).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(steps[1:2], ae.inverse_transform(middle), atol=1e-5)


def test_interpolation_works_with_set_output(digits):
    ae = small_dense().set_output(transform="pandas").fit(digits)
    assert ae.interpolate(digits[:1], digits[1:2], 3).shape == (1, 3, 64)
    assert ae.latent_log_density(digits).shape == (200,)


@pytest.mark.parametrize("n_steps", [1, 0, 2.5, "3", True, np.int64(1)])
def test_a_number_of_steps_must_be_two_or_more(digits, n_steps):
    message = (
        r"DenseAutoencoder\.interpolate: n_steps=.* is invalid; must be an integer "
        r"(of at least|from) 2"
    )
    with pytest.raises(ValueError, match=message):
        small_dense().fit(digits).interpolate(digits, digits, n_steps)


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_a_number_of_steps_may_be_numpys(digits, kind):
    ae = small_dense().fit(digits)
    np.testing.assert_array_equal(
        ae.interpolate(digits[:2], digits[2:4], kind(5)),
        ae.interpolate(digits[:2], digits[2:4], 5),
    )


def test_interpolation_needs_the_same_number_of_starts_and_ends(digits):
    with pytest.raises(ValueError, match="X_a has 2 and X_b has 3 samples; both must"):
        small_dense().fit(digits).interpolate(digits[:2], digits[:3])
