"""Sampling, the density of the codes, and steps between rows."""

import pickle

import numpy as np
import pytest
from conftest import press_ctrl_c, small_conv, small_dense
from sklearn.datasets import load_digits
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.neighbors import KernelDensity
from skorch.callbacks import Callback

from skae import _sampling as sampling
from skae import densities
from skae.densities import DENSITIES, Gaussian, GaussianMixture
from skae.nn.flows import FlowPrior

# So few epochs are too few for some.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)

OBJECTS = [SklearnMixture(2), BayesianGaussianMixture(max_iter=500), KernelDensity()]


@pytest.mark.parametrize("name", DENSITIES)
def test_samples_are_rows_in_the_space_of_x(make_any, digits, name):
    ae = make_any(latent_density=name).fit(digits)
    expected = DENSITIES[name]
    if name == "standard_normal" and hasattr(ae, "posterior"):
        expected = FlowPrior
    assert type(ae.density_) is expected
    new = ae.sample(7)
    assert new.shape == (7, 64)
    assert new.dtype == np.float32
    assert ((new >= 0) & (new <= 1)).all()


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


def test_a_density_of_ones_own_needs_fit_and_sample_only(digits):
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
def test_samples_come_in_the_form_that_fit_saw(digits, shape):
    ae = small_conv().fit(digits.reshape(-1, *shape))
    assert ae.sample(3).shape == (3, *shape)
    images = digits.reshape(-1, *shape)
    assert ae.interpolate(images[:2], images[2:4], 5).shape == (2, 5, *shape)


def test_without_a_seed_the_stream_goes_on_and_begins_anew_with_a_fit(digits):
    ae = small_dense().fit(digits)
    draws = [ae.sample(4) for _ in range(2)]
    assert (draws[0] != draws[1]).any()
    ae.fit(digits)
    np.testing.assert_array_equal([ae.sample(4) for _ in range(2)], draws)


def test_a_saved_model_goes_on_with_its_stream(digits):
    ae = small_dense().fit(digits)
    again = pickle.loads(pickle.dumps(ae))
    np.testing.assert_array_equal(again.sample(4), ae.sample(4))


def test_a_random_state_that_is_given_moves_on(digits):
    ae, rng = small_dense().fit(digits), np.random.RandomState(0)
    assert (ae.sample(4, random_state=rng) != ae.sample(4, random_state=rng)).any()


def test_sampling_leaves_numpys_global_state_alone(digits):
    before = np.random.get_state()[1].copy()
    small_dense(random_state=None, latent_density=SklearnMixture(2)).fit(digits).sample(3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("n_samples", [0, -1, 2.0, "3", True, None])
def test_a_number_of_samples_must_be_a_positive_integer(digits, n_samples):
    message = f"DenseAutoencoder.sample got n_samples={n_samples!r}; expected an integer"
    with pytest.raises(ValueError, match=message):
        small_dense().fit(digits).sample(n_samples)


def test_without_a_density_sample_says_how_to_get_one(digits):
    ae = small_dense(latent_density=None).fit(digits)
    assert ae.density_ is None
    for call in (ae.sample, lambda: ae.latent_log_density(digits)):
        with pytest.raises(ValueError, match=r"fit_density\(X, 'gaussian_mixture'\)"):
            call()
    with pytest.raises(ValueError, match="latent_density=None, which fits none"):
        ae.fit_density(digits)
    assert ae.fit_density(digits, "normal").sample(2).shape == (2, 64)


def test_fit_density_changes_the_density_alone(digits, all_weights):
    ae = small_dense().fit(digits)
    weights = all_weights(ae)
    assert ae.fit_density(digits, Gaussian()) is ae
    assert type(ae.density_) is Gaussian
    assert ae.latent_density == "gaussian_mixture"
    assert type(ae.fit_density(digits).density_) is GaussianMixture
    np.testing.assert_array_equal(all_weights(ae), weights)


@pytest.mark.parametrize("wrong", ["gauss", 3, GaussianMixture])
def test_fit_density_keeps_the_old_one_where_the_new_is_none(digits, wrong):
    ae = small_dense().fit(digits)
    density = ae.density_
    with pytest.raises(ValueError, match=r"latent_density=.*; expected None, or one of"):
        ae.fit_density(digits, wrong)
    assert ae.density_ is density


def test_a_density_that_fails_does_not_lose_the_trained_model(digits):
    class Fails(Gaussian):
        def fit(self, X, y=None):
            raise RuntimeError("no density today")

    ae = small_dense(latent_density=Fails())
    with pytest.raises(RuntimeError, match="no density today"):
        ae.fit(digits)
    assert ae.n_iter_ == 3
    assert ae.density_ is None
    assert ae.fit_density(digits, "normal").sample(1).shape == (1, 64)


def test_a_density_that_draws_other_shapes_is_named(digits):
    class Flat(Gaussian):
        def sample(self, n_samples=1, random_state=None):
            return np.zeros(n_samples)

    ae = small_dense(latent_density=Flat()).fit(digits)
    with pytest.raises(ValueError, match=r"Flat, drew an array of shape \(3,\); expecte"):
        ae.sample(3)


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("sigmoid", 0, 1), ("tanh", -1, 1), ("relu", 0, np.inf)],
)
def test_codes_are_drawn_within_their_bounds(digits, activation, low, high, monkeypatch):
    drawn = []
    decode = sampling.Rows
    monkeypatch.setattr(sampling, "Rows", lambda c: drawn.append(c) or decode(c))
    ae = small_dense(latent_activation=activation, latent_density="normal").fit(digits)
    ae.density_._factors.factor *= 10  # so that many leave them
    ae.sample(500)
    assert drawn[0].min() == low
    assert drawn[0].max() == high or np.isinf(high)


def test_a_changed_parameter_does_not_change_the_bounds_of_a_fitted_model(digits):
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


def test_after_partial_fit_the_density_is_of_the_rows_of_that_call(digits):
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


def test_of_many_rows_some_are_taken(digits, monkeypatch, tmp_path):
    monkeypatch.setattr(sampling, "MAX_ROWS", 120)
    seen = []

    class Sees(Gaussian):
        def fit(self, X, y=None):
            seen.append(X)
            return super().fit(X)

    monkeypatch.setitem(densities.DENSITIES, "gaussian", Sees)
    ae = small_dense(latent_density="gaussian").fit(digits)
    codes = ae.transform(digits)
    assert seen[0].shape == (120, 4)
    among = (np.abs(codes[:, None] - seen[0]).max(axis=2) < 1e-6).any(axis=1)
    assert among.sum() == len(np.unique(seen[0], axis=0)) == 120
    np.save(tmp_path / "X.npy", digits)
    ae.fit_density(np.load(tmp_path / "X.npy", mmap_mode="r"), "gaussian")
    assert seen[1].shape == (100, 4)  # one run of a stream
    ae.fit_density(digits, Sees())
    assert len(seen[2]) == 200


def test_usual_codes_are_denser_than_those_of_noise(digits):
    ae = small_dense(max_epochs=30).fit(digits)
    noise = np.random.default_rng(0).random((50, 64))
    assert np.median(ae.latent_log_density(digits)) > np.median(
        ae.latent_log_density(noise)
    )


def test_a_mixture_samples_nearer_to_the_digits_than_independent_normals():
    """Because codes are not normal; nearness is that to the nearest real digit."""
    X = load_digits().data / 16
    ae = small_dense(n_components=8, hidden_layer_sizes=(64,), max_epochs=40).fit(X)

    def distance(name):
        new = ae.fit_density(X, name).sample(300, random_state=0)
        squares = (new**2).sum(axis=1)[:, None] + (X**2).sum(axis=1) - 2 * new @ X.T
        return np.sqrt(squares.min(axis=1)).mean()

    assert distance("gaussian_mixture") < 0.9 * distance("normal")


# --- steps between rows -------------------------------------------------------------


def test_interpolation_ends_at_the_reconstructions(make_any, digits):
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


@pytest.mark.parametrize("n_steps", [1, 0, 2.5, "3"])
def test_a_number_of_steps_must_be_two_or_more(digits, n_steps):
    with pytest.raises(ValueError, match=f"n_steps={n_steps!r}; expected an integer of"):
        small_dense().fit(digits).interpolate(digits, digits, n_steps)


def test_interpolation_needs_as_many_ends_as_starts(digits):
    with pytest.raises(ValueError, match="X_a has 2 rows and X_b has 3; expected as man"):
        small_dense().fit(digits).interpolate(digits[:2], digits[:3])
