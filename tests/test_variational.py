"""Variational autoencoders: the posterior, the loss, the prior."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from conftest import small_conv_variational, small_dense, small_dense_variational
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.callbacks import Callback
from torch.distributions import Laplace, Normal, kl_divergence
from torch.nn import functional

from skae import DenseVariationalAutoencoder, exceptions
from skae._training.callbacks import early_stopping
from skae._variational import arcs
from skae.metrics import frechet_distance
from skae.nn.autoencoder import GaussianCoder
from skae.nn.flows import CouplingFlow, FlowPrior
from skae.nn.losses import FlowPriorDivergence, LearnedScaleLoss, PriorDivergence

# So few epochs are too few for some.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)


@pytest.fixture(
    params=[small_dense_variational, small_conv_variational], ids=["dense", "conv"]
)
def make(request):
    return request.param


@pytest.fixture(scope="module")
def scaled_digits():
    return load_digits().data / 16


class Interrupts(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            raise RuntimeError("something else")


def test_transform_is_the_mean_of_the_posterior(make, digits):
    vae = make().fit(digits)
    mean, std = vae.posterior(digits)
    np.testing.assert_array_equal(vae.transform(digits), mean)
    assert mean.shape == std.shape == (200, 4)
    assert (std > 0).all()
    assert mean.dtype == std.dtype == np.float64


def test_nothing_is_random_once_it_is_fitted(make, digits):
    vae = make().fit(digits)
    for method in (vae.transform, vae.reconstruct, vae.score_samples):
        np.testing.assert_array_equal(method(digits), method(digits))


def test_the_encoder_and_decoder_work_on_their_own(make, digits):
    vae, X = make().fit(digits), torch.tensor(digits).float()
    codes = vae.encoder_(X).detach().numpy()
    np.testing.assert_allclose(codes, vae.transform(digits), rtol=1e-4, atol=1e-5)
    decoded = vae.decoder_(torch.from_numpy(codes)).detach().numpy()
    np.testing.assert_allclose(decoded, vae.reconstruct(digits), rtol=1e-4, atol=1e-5)


def test_a_coder_draws_from_its_posterior():
    coder = GaussianCoder(torch.nn.Identity())
    both = torch.tensor([[1.0, -2.0, 0.0, 2.0]]).expand(20_000, 4)
    codes, (mean, log_variance) = coder.encode(both, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(mean[0], [1, -2])
    for column, (loc, variance) in enumerate([(1, 1), (-2, np.exp(2))]):
        drawn = codes[:, column].numpy()
        assert kstest(drawn, "norm", args=(loc, np.sqrt(variance))).pvalue > 1e-3
    assert log_variance[0].tolist() == [0, 2]


def test_the_divergence_is_that_of_torchs_distributions():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    posterior = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1).mean()
    value = PriorDivergence(2.0, n_features=10)((None, None, mean, log_variance))
    torch.testing.assert_close(value, expected * 2 / 10)


def test_the_loss_is_minus_the_evidence_lower_bound(digits):
    """Per element; for a batch, computed here by the formula in nats per row."""
    vae = small_dense_variational(loss="binary_cross_entropy", n_flow_layers=0).fit(
        digits
    )
    X = torch.tensor(digits).float()
    raw = vae.decoder_.raw(codes := vae.encoder_(X))
    mean, log_variance = vae.encoder_.posterior(X)
    likelihood = -functional.binary_cross_entropy_with_logits(raw, X, reduction="sum")
    divergence = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    bound = (likelihood - divergence.sum()) / len(X)
    loss = vae.net_.criterion_((raw, codes, mean, log_variance), X)
    torch.testing.assert_close(loss, -bound / 64)


@pytest.mark.parametrize(
    ("likelihood", "kind"), [("gaussian", Normal), ("laplace", Laplace)]
)
def test_a_learned_scale_is_the_likelihood_at_the_best_scale(likelihood, kind):
    raw, X = torch.randn(50, 8), torch.randn(50, 8)
    scales = torch.linspace(0.5, 3, 2001)[:, None, None]
    likelihoods = kind(raw, scales).log_prob(X).mean(dim=(1, 2))
    value = LearnedScaleLoss(likelihood, "identity")((raw,), X)
    torch.testing.assert_close(value, -likelihoods.max(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace"])
def test_a_learned_scale_stays_finite_where_all_is_restored(likelihood):
    X = torch.ones(5, 3, requires_grad=True)
    loss = LearnedScaleLoss(likelihood, "identity")((X,), torch.ones(5, 3))
    loss.backward()
    assert loss.isfinite()
    assert X.grad.isfinite().all()


@pytest.mark.parametrize("loss", ["gaussian", "laplace"])
def test_learned_scales_neither_collapse_nor_blur(scaled_digits, loss):
    """Half of the variance or less is left, at any scale that training can work at."""
    for scale in (1.0, 0.05, 20.0):
        X = (scaled_digits[:600] - 0.3) * scale
        vae = DenseVariationalAutoencoder(8, loss=loss, max_epochs=20, random_state=0)
        assert (vae.fit(X).kl_per_component_ > 0.1).sum() >= 4
        assert -vae.score(X) < X.var(axis=0).mean() / 2


def test_the_laplace_likelihood_learns_medians():
    """Of what nothing tells beforehand: here 0, where the mean is 1."""
    X = np.repeat([0.0, 0.0, 3.0], 200)[:, None] + np.zeros(4)
    params = {"n_components": 1, "beta": 100, "max_epochs": 60, "lr": 0.01}
    of_mean = small_dense_variational(loss="gaussian", **params).fit(X)
    of_median = small_dense_variational(loss="laplace", **params).fit(X)
    np.testing.assert_allclose(of_mean.reconstruct(X).mean(), 1, atol=0.3)
    np.testing.assert_allclose(of_median.reconstruct(X).mean(), 0, atol=0.3)


def test_codes_are_drawn_to_the_prior_and_those_of_plain_ones_are_not(scaled_digits):
    params = {"n_components": 8, "hidden_layer_sizes": (64,), "max_epochs": 40}
    vae = small_dense_variational(**params, n_flow_layers=0).fit(scaled_digits)
    mean, std = vae.posterior(scaled_digits)
    variances = mean.var(axis=0) + np.square(std).mean(axis=0)  # of the aggregate
    np.testing.assert_allclose(variances, 1, atol=0.25)
    plain = small_dense(**params).fit_transform(scaled_digits)
    assert np.abs(plain.var(axis=0) - 1).max() > 1


def test_a_greater_beta_draws_codes_closer_to_the_prior(scaled_digits):
    loose, tight = (
        small_dense_variational(beta=beta, max_epochs=10).fit(scaled_digits)
        for beta in (0.1, 3)
    )
    assert tight.kl_per_component_.sum() < loose.kl_per_component_.sum() / 2
    assert tight.score(scaled_digits) < loose.score(scaled_digits)


def test_parts_of_a_stream_are_not_told_that_they_collapsed(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae = small_dense_variational(beta=1e4).partial_fit(digits)
    assert vae.kl_per_component_.shape == (4,)


@pytest.mark.parametrize("n_flow_layers", [0, 2])
def test_divergences_are_means_over_the_training_rows(make, digits, n_flow_layers):
    vae = make(n_flow_layers=n_flow_layers).fit(digits)
    mean, std = (torch.from_numpy(part) for part in vae.posterior(digits))
    whole = Normal(0.0, 1.0)
    if n_flow_layers:
        variance = mean.var(dim=0, correction=0) + std.square().mean(dim=0)
        whole = Normal(mean.mean(dim=0), variance.sqrt())
    expected = kl_divergence(Normal(mean, std), whole).mean(dim=0)
    np.testing.assert_allclose(vae.kl_per_component_, expected, rtol=1e-4, atol=1e-6)


def test_a_posterior_that_collapses_is_said(digits):
    vae = small_dense_variational(beta=1e4, max_epochs=30)
    with pytest.warns(
        exceptions.PosteriorCollapseWarning, match="Lower beta, which is 1"
    ):
        vae.fit(digits)
    assert vae.kl_per_component_.max() < 0.01


def test_arcs_keep_to_the_sphere():
    starts = np.array([[3.0, 0, 0, 0], [3.0, 0, 0, 0], [1.0, 2, 0, 0], [0.0, 0, 0, 0]])
    ends = np.array([[0, 3.0, 0, 0], [-3.0, 0, 0, 0], [1.0, 2, 0, 0], [1.0, 0, 0, 0]])
    shares = np.linspace(0, 1, 5)
    ways = arcs(starts, ends, shares)
    assert ways.shape == (4, 5, 4)
    np.testing.assert_allclose(np.linalg.norm(ways[0], axis=1), 3)
    np.testing.assert_allclose(ways[:, 0], starts, atol=1e-12)
    np.testing.assert_allclose(ways[:, -1], ends, atol=1e-12)
    for way, start, end in zip(ways[1:], starts[1:], ends[1:], strict=True):
        straight = start + shares[:, None] * (end - start)  # no one arc leads there
        np.testing.assert_allclose(way, straight)


@pytest.mark.parametrize("n_flow_layers", [0, 2])
def test_interpolation_follows_arcs_of_the_prior(digits, n_flow_layers):
    vae = small_dense_variational(n_flow_layers=n_flow_layers).fit(digits)
    [way] = vae.interpolate(digits[:1], digits[1:2], 3)
    base = codes = vae.transform(digits[:2])
    if n_flow_layers:
        prior = FlowPrior(vae.encoder_.flow).fit(codes)
        base = prior.to_base(codes)
    middle = arcs(base[:1], base[1:], np.array([0.5]))[0]
    if n_flow_layers:
        middle = prior.to_codes(middle)
    np.testing.assert_allclose(way[1:2], vae.inverse_transform(middle), atol=1e-5)


def test_a_seed_gives_the_same_model_and_another_gives_another(make, digits, all_weights):
    first, again, other = (
        make(random_state=seed, noise="gaussian").fit(digits) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(all_weights(first), all_weights(again))
    assert (all_weights(first) != all_weights(other)).any()


def test_training_leaves_torchs_global_state_alone(make, digits):
    before = torch.get_rng_state()
    make(noise="masking").fit(digits)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("noise", [None, "gaussian"])
def test_partial_fits_are_one_fit(make, digits, all_weights, noise):
    params = {"shuffle": False, "noise": noise, "latent_density": None}
    whole = make(lr_schedule="constant", max_epochs=5, **params).fit(digits)
    parts = make(**params)
    for _ in range(5):
        parts.partial_fit(digits)
    np.testing.assert_array_equal(all_weights(whole), all_weights(parts))


def test_a_saved_model_trains_on_with_the_same_noise(make, digits, all_weights):
    straight, saved = (make().partial_fit(digits) for _ in range(2))
    saved = pickle.loads(pickle.dumps(saved)).partial_fit(digits)
    straight.partial_fit(digits)
    np.testing.assert_array_equal(all_weights(saved), all_weights(straight))


def test_a_variational_estimator_has_no_latent_activation():
    params = clone(DenseVariationalAutoencoder()).get_params()
    assert "latent_activation" not in params
    assert params["beta"] == 1.0


def test_rows_held_out_are_validated_with_the_same_noise_each_time(make, digits):
    """A model that does not change has one validation loss, and many training losses."""
    params = {"validation_fraction": 0.3, "lr": 1e-30, "noise": "gaussian"}
    vae = make(max_epochs=4, shuffle=False, **params).fit(digits)
    assert len(set(vae.validation_loss_curve_)) == 1
    assert len(set(vae.loss_curve_)) == 4


@pytest.mark.parametrize(
    ("scores", "better"), [([-2.0, -1.9], False), ([-2.0, -2.3], True)]
)
def test_below_zero_a_lower_loss_is_the_better_one(scores, better):
    """A tenth less of the best loss is asked for."""
    callback = early_stopping(n_iter_no_change=3, tol=0.1)[1]
    threshold = callback._calc_new_threshold(scores[0])
    assert (scores[1] < threshold) is better


def test_divergences_do_not_outlive_their_model(digits):
    vae = small_dense_variational().fit(digits)
    vae.set_params(n_components=6, callbacks=[Interrupts()], max_epochs=9)
    with pytest.raises(RuntimeError, match="something else"):
        vae.fit(digits)
    assert vae.transform(digits).shape == (200, 6)
    assert vae.kl_per_component_ is None


def test_parameters_that_were_changed_do_not_change_a_fitted_model(digits):
    vae = small_dense_variational().fit(digits)
    before = vae.sample(3, random_state=0)
    vae.set_params(n_flow_layers=0)
    np.testing.assert_array_equal(vae.sample(3, random_state=0), before)
    assert type(vae.fit_density(digits, "standard_normal").density_) is FlowPrior


@pytest.mark.parametrize("way", ["bfloat16", "callbacks"])
def test_other_ways_of_training_draw_noise_too(digits, way):
    from skorch.callbacks import EpochScoring

    params = {
        "bfloat16": {"precision": "bfloat16"},
        "callbacks": {
            "callbacks": [EpochScoring("neg_mean_squared_error", on_train=True)]
        },
    }[way]
    vae = small_dense_variational(max_epochs=3, **params).fit(digits)
    assert np.isfinite(vae.loss_curve_).all()
    assert vae.kl_per_component_.min() > 0


# --- the flow behind the prior --------------------------------------------------------


@pytest.fixture
def flow():
    """A flow that is far from the identity."""
    torch.manual_seed(0)
    flow = CouplingFlow(5, 3, 8)
    with torch.no_grad():
        for weight in flow.parameters():
            weight.copy_(torch.randn(weight.shape) * 0.7)
    return flow.double()


def test_a_flow_can_be_undone(flow):
    codes = torch.randn(50, 5, dtype=torch.float64)
    base, _ = flow(codes)
    assert (base - codes).abs().max() > 1
    torch.testing.assert_close(flow.inverse(base), codes)


def test_the_volume_of_a_flow_is_that_of_its_jacobian(flow):
    [codes] = torch.randn(1, 5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda c: flow(c[None])[0][0], codes)
    _, log_volume = flow(codes[None])
    torch.testing.assert_close(log_volume[0], jacobian.det().abs().log())


def test_a_fresh_flow_changes_the_order_alone():
    codes = torch.randn(4, 6)
    base, log_volume = CouplingFlow(6, 4, 8)(codes)
    torch.testing.assert_close(base.sort(dim=1).values, codes.sort(dim=1).values)
    assert not log_volume.any()


def test_the_prior_of_a_flow_integrates_to_one():
    torch.manual_seed(0)
    flow = CouplingFlow(2, 3, 4)
    with torch.no_grad():
        for weight in flow.parameters():
            weight.copy_(torch.randn(weight.shape) * 0.3)
    prior = FlowPrior(flow).fit(np.zeros((1, 2)))
    side = np.linspace(-20, 20, 1601)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    total = np.exp(prior.score_samples(grid)).sum() * (side[1] - side[0]) ** 2
    assert total == pytest.approx(1, abs=0.01)


def test_the_divergence_with_a_flow_is_that_without_where_the_flow_does_nothing():
    """Its estimate has the mean of the closed form."""
    generator = torch.Generator().manual_seed(0)
    both = torch.tensor([[0.5, -1.0, -1.0, 0.3]]).expand(400_000, 4)
    body = torch.nn.Identity()
    _, plain = GaussianCoder(body).encode(both, generator)
    _, through = GaussianCoder(body, CouplingFlow(2, 2, 4)).encode(both, generator)
    exact = PriorDivergence(1.0, 1)((None, None, *plain))
    estimate = FlowPriorDivergence(1.0, 1)((None, None, *through))
    torch.testing.assert_close(estimate.detach(), exact, rtol=0.02, atol=0)


def test_the_prior_is_drawn_from_through_the_flow(digits):
    vae = small_dense_variational(latent_density="standard_normal").fit(digits)
    assert type(vae.density_) is FlowPrior
    base = np.random.RandomState(0).standard_normal((5, 4))
    codes = vae.density_.sample(5, random_state=0)
    np.testing.assert_allclose(vae.density_.to_base(codes), base, atol=1e-9)
    again = pickle.loads(pickle.dumps(vae))
    np.testing.assert_array_equal(
        again.sample(3, random_state=0), vae.sample(3, random_state=0)
    )
    assert np.isfinite(vae.latent_log_density(digits)).all()


def test_a_flow_makes_samples_from_the_prior_more_real(scaled_digits):
    def distance(n_flow_layers):
        vae = small_dense_variational(
            n_components=8,
            hidden_layer_sizes=(64,),
            max_epochs=30,
            n_flow_layers=n_flow_layers,
            latent_density="standard_normal",
        ).fit(scaled_digits)
        return frechet_distance(scaled_digits, vae.sample(2_000, random_state=0))

    assert distance(6) < 0.7 * distance(0)


def test_one_component_has_no_flow(digits):
    vae = small_dense_variational(n_components=1).fit(digits)
    assert vae.encoder_.flow is None
    assert vae.sample(2).shape == (2, 64)
