"""Variational autoencoders: the posterior, the loss, the prior."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from helpers import small_conv_variational, small_dense, small_dense_variational
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from skorch.callbacks import Callback, EpochScoring
from torch.distributions import Laplace, Normal, kl_divergence
from torch.nn import functional

from skae import DenseVariationalAutoencoder, exceptions
from skae._variational import spherical_paths
from skae.densities import FlowPrior
from skae.metrics import frechet_distance
from skae.nn import CouplingFlow, GaussianEncoder
from skae.nn.losses import FlowPriorDivergence, LearnedScaleLoss, PriorDivergence

# Some posteriors collapse in so few epochs.
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


class Fails(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            raise RuntimeError("a failure")


class Criterion(Callback):
    """Keeps the loss that training minimizes."""

    def on_train_end(self, net, **kwargs):
        self.criterion_ = net.criterion_


def test_transform_is_the_mean_of_the_posterior(make, digits):
    vae = make().fit(digits)
    mean, std = vae.posterior(digits)
    np.testing.assert_array_equal(vae.transform(digits), mean)
    assert mean.shape == std.shape == (200, 4)
    assert (std > 0).all()
    assert mean.dtype == std.dtype == np.float64


def test_a_fitted_model_is_not_random(make, digits):
    vae = make().fit(digits)
    for method in (vae.transform, vae.reconstruct, vae.score_samples):
        np.testing.assert_array_equal(method(digits), method(digits))


def test_encoder_and_decoder_are_modules_of_flat_samples(make, digits):
    vae, X = make().fit(digits), torch.tensor(digits).float()
    codes = vae.encoder_(X).detach().numpy()
    np.testing.assert_allclose(codes, vae.transform(digits), rtol=1e-4, atol=1e-5)
    decoded = vae.decoder_(torch.from_numpy(codes)).detach().numpy()
    np.testing.assert_allclose(decoded, vae.reconstruct(digits), rtol=1e-4, atol=1e-5)


def test_an_encoder_draws_from_its_posterior():
    encoder = GaussianEncoder(torch.nn.Identity())
    both = torch.tensor([[1.0, -2.0, 0.0, 2.0]]).expand(20_000, 4)
    codes, (mean, log_variance) = encoder.encode(both, torch.Generator().manual_seed(0))
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
    """The loss is per element; the bound is computed here in nats per sample."""
    params = {"loss": "binary_cross_entropy", "n_flow_layers": 0}
    vae = small_dense_variational(callbacks=[Criterion()], **params).fit(digits)
    X = torch.tensor(digits).float()
    raw = vae.decoder_.body(codes := vae.encoder_(X))
    mean, log_variance = vae.encoder_.posterior(X)
    likelihood = -functional.binary_cross_entropy_with_logits(raw, X, reduction="sum")
    divergence = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    bound = (likelihood - divergence.sum()) / len(X)
    loss = vae.callbacks_[0][1].criterion_((raw, codes, mean, log_variance), X)
    torch.testing.assert_close(loss, -bound / 64)


@pytest.mark.parametrize(
    ("likelihood", "kind"), [("gaussian", Normal), ("laplace", Laplace)]
)
def test_a_learned_scale_is_the_maximum_likelihood_estimate(likelihood, kind):
    raw, X = torch.randn(50, 8), torch.randn(50, 8)
    scales = torch.linspace(0.5, 3, 2001)[:, None, None]
    likelihoods = kind(raw, scales).log_prob(X).mean(dim=(1, 2))
    value = LearnedScaleLoss(likelihood, "identity")((raw,), X)
    torch.testing.assert_close(value, -likelihoods.max(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace"])
def test_a_learned_scale_stays_finite_without_errors(likelihood):
    X = torch.ones(5, 3, requires_grad=True)
    loss = LearnedScaleLoss(likelihood, "identity")((X,), torch.ones(5, 3))
    loss.backward()
    assert loss.isfinite()
    assert X.grad.isfinite().all()


@pytest.mark.parametrize("loss", ["gaussian", "laplace"])
def test_learned_scales_neither_collapse_nor_blur(scaled_digits, loss):
    """At any scale of the data, the error is at most half of the variance."""
    for scale in (1.0, 0.05, 20.0):
        X = (scaled_digits[:400] - 0.3) * scale
        params = {"n_components": 8, "hidden_layer_sizes": (512,), "max_epochs": 20}
        vae = small_dense_variational(loss=loss, **params)
        assert (vae.fit(X).kl_per_component_ > 0.1).sum() >= 4
        assert -vae.score(X) < X.var(axis=0).mean() / 2


def test_the_laplace_likelihood_learns_medians():
    """Of data that the codes do not determine; here the median is 0 and the mean 1."""
    X = np.repeat([0.0, 0.0, 3.0], 200)[:, None] + np.zeros(4)
    params = {"n_components": 1, "beta": 100, "max_epochs": 60, "lr": 0.01}
    of_mean = small_dense_variational(loss="gaussian", **params).fit(X)
    of_median = small_dense_variational(loss="laplace", **params).fit(X)
    np.testing.assert_allclose(of_mean.reconstruct(X).mean(), 1, atol=0.3)
    np.testing.assert_allclose(of_median.reconstruct(X).mean(), 0, atol=0.3)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_codes_follow_the_prior_unlike_those_of_a_plain_autoencoder(scaled_digits, init):
    params = {"n_components": 8, "hidden_layer_sizes": (64,), "max_epochs": 40}
    params |= {"lr": 0.02, "init": init}
    vae = small_dense_variational(**params, n_flow_layers=0).fit(scaled_digits)
    mean, std = vae.posterior(scaled_digits)
    variances = mean.var(axis=0) + np.square(std).mean(
        axis=0
    )  # of random codes of all samples
    np.testing.assert_allclose(variances, 1, atol=0.25)
    plain = small_dense(**params | {"init": "random"}).fit_transform(scaled_digits)
    assert np.abs(plain.var(axis=0) - 1).max() > 1


def test_a_larger_beta_brings_codes_closer_to_the_prior(scaled_digits):
    loose, tight = (
        small_dense_variational(beta=beta, max_epochs=10).fit(scaled_digits)
        for beta in (0.1, 3)
    )
    assert tight.kl_per_component_.sum() < loose.kl_per_component_.sum() / 2
    assert tight.score(scaled_digits) < loose.score(scaled_digits)


def test_partial_fit_does_not_warn_of_a_collapse(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae = small_dense_variational(beta=1e4).partial_fit(digits)
    assert vae.kl_per_component_.shape == (4,)


@pytest.mark.parametrize("n_flow_layers", [0, 2])
def test_divergences_are_means_over_the_training_samples(make, digits, n_flow_layers):
    vae = make(n_flow_layers=n_flow_layers).fit(digits)
    mean, std = (torch.from_numpy(part) for part in vae.posterior(digits))
    whole = Normal(0.0, 1.0)
    if n_flow_layers:
        variance = mean.var(dim=0, correction=0) + std.square().mean(dim=0)
        whole = Normal(mean.mean(dim=0), variance.sqrt())
    expected = kl_divergence(Normal(mean, std), whole).mean(dim=0)
    np.testing.assert_allclose(vae.kl_per_component_, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("init", "max_epochs"), [("pca", 120), ("random", 30)])
def test_a_collapsed_posterior_gives_a_warning(digits, init, max_epochs):
    vae = small_dense_variational(beta=1e4, init=init, max_epochs=max_epochs)
    message = r"carries no information.*Lower beta=10000"
    with pytest.warns(exceptions.PosteriorCollapseWarning, match=message):
        vae.fit(digits)
    assert vae.kl_per_component_.max() < 0.01


def test_spherical_paths_stay_on_the_sphere():
    starts = np.array([[3.0, 0, 0, 0], [3.0, 0, 0, 0], [1.0, 2, 0, 0], [0.0, 0, 0, 0]])
    ends = np.array([[0, 3.0, 0, 0], [-3.0, 0, 0, 0], [1.0, 2, 0, 0], [1.0, 0, 0, 0]])
    shares = np.linspace(0, 1, 5)
    paths = spherical_paths(starts, ends, shares)
    assert paths.shape == (4, 5, 4)
    np.testing.assert_allclose(np.linalg.norm(paths[0], axis=1), 3)
    np.testing.assert_allclose(paths[:, 0], starts, atol=1e-12)
    np.testing.assert_allclose(paths[:, -1], ends, atol=1e-12)
    for path, start, end in zip(paths[1:], starts[1:], ends[1:], strict=True):
        straight = start + shares[:, None] * (end - start)  # there is no single arc
        np.testing.assert_allclose(path, straight)


@pytest.mark.parametrize("n_flow_layers", [0, 2])
def test_interpolation_follows_spherical_paths_of_the_prior(digits, n_flow_layers):
    vae = small_dense_variational(n_flow_layers=n_flow_layers).fit(digits)
    [path] = vae.interpolate(digits[:1], digits[1:2], 3)
    base = codes = vae.transform(digits[:2])
    if n_flow_layers:
        prior = FlowPrior(vae.encoder_.flow).fit(codes)
        base = prior.to_base(codes)
    middle = spherical_paths(base[:1], base[1:], np.array([0.5]))[0]
    if n_flow_layers:
        middle = prior.to_codes(middle)
    np.testing.assert_allclose(path[1:2], vae.inverse_transform(middle), atol=1e-5)


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
    constant = {"lr_schedule": "constant", "weight_decay": 0, "max_epochs": 5}
    whole = make(**params | constant).fit(digits)
    parts = make(**params)
    for _ in range(5):
        parts.partial_fit(digits)
    np.testing.assert_array_equal(all_weights(whole), all_weights(parts))


def test_a_loaded_model_is_resumed_with_the_same_noise(make, digits, all_weights):
    kept, saved = (make().partial_fit(digits) for _ in range(2))
    saved = pickle.loads(pickle.dumps(saved)).partial_fit(digits)
    kept.partial_fit(digits)
    np.testing.assert_array_equal(all_weights(saved), all_weights(kept))


def test_a_variational_estimator_has_no_latent_activation():
    params = clone(DenseVariationalAutoencoder()).get_params()
    assert "latent_activation" not in params
    assert params["beta"] == 1.0


def test_each_epoch_is_validated_with_the_same_noise(make, digits):
    """A model that does not change has one validation loss, and many training losses."""
    params = {"validation_fraction": 0.3, "lr": 1e-30, "noise": "gaussian"}
    vae = make(max_epochs=4, shuffle=False, **params).fit(digits)
    assert len(set(vae.validation_loss_curve_)) == 1
    assert len(set(vae.loss_curve_)) == 4


def test_early_stopping_is_right_for_losses_below_zero():
    """tol asks for a lower loss by a share of its size, whatever its sign."""
    X = np.random.default_rng(0).normal(scale=0.01, size=(120, 8))
    params = {"n_iter_no_change": 3, "tol": 0.05, "lr": 0.01, "max_epochs": 60}
    vae = small_dense_variational(early_stopping=True, n_flow_layers=0, **params).fit(X)
    losses = vae.validation_loss_curve_
    assert max(losses[-4:]) < 0
    best, n_worse = np.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        is_better = epoch == 1 or loss < best - 0.05 * abs(best)
        best, n_worse = (loss, 0) if is_better else (best, n_worse + 1)
        if n_worse == 3:
            break
    assert vae.n_iter_ == epoch < 60


@pytest.mark.parametrize("n_samples", [1001, 1005])
@pytest.mark.parametrize("loss", ["gaussian", "laplace"])
def test_a_short_last_batch_does_not_make_a_model_worse(scaled_digits, loss, n_samples):
    """Its gradient is large: with a learned scale it is proportional to 1 / error."""
    X_test = scaled_digits[1100:]
    params = {"n_components": 8, "hidden_layer_sizes": (64,), "n_flow_layers": 0}
    params |= {"batch_size": 100, "max_epochs": 15, "latent_density": None, "loss": loss}

    def error(n):
        models = [small_dense_variational(random_state=s, **params) for s in range(3)]
        return -np.mean([vae.fit(scaled_digits[:n]).score(X_test) for vae in models])

    assert error(n_samples) < 1.05 * error(1000)


def test_divergences_do_not_outlive_their_model(digits):
    vae = small_dense_variational().fit(digits)
    vae.set_params(n_components=6, callbacks=[Fails()], max_epochs=9)
    with pytest.raises(RuntimeError, match="a failure"):
        vae.fit(digits)
    assert vae.transform(digits).shape == (200, 6)
    assert vae.kl_per_component_ is None


def test_changed_parameters_do_not_change_a_fitted_model(digits):
    vae = small_dense_variational().fit(digits)
    before = vae.sample(3, random_state=0)
    vae.set_params(n_flow_layers=0)
    np.testing.assert_array_equal(vae.sample(3, random_state=0), before)
    assert type(vae.fit_density(digits, "standard_normal").density_) is FlowPrior


@pytest.mark.parametrize("case", ["bfloat16", "callbacks"])
def test_codes_are_random_in_training_with_other_steps_too(digits, case):
    params = {
        "bfloat16": {"precision": "bfloat16"},
        "callbacks": {
            "callbacks": [EpochScoring("neg_mean_squared_error", on_train=True)]
        },
    }[case]
    still = {"lr": 1e-30, "shuffle": False}  # losses differ by the random codes alone
    vae = small_dense_variational(max_epochs=3, **still, **params).fit(digits)
    assert np.isfinite(vae.loss_curve_).all()
    assert len(set(vae.loss_curve_)) == 3


# --- samples of tables and of images ----------------------------------------------------


TABLES = [load_wine, load_breast_cancer, load_diabetes]


@pytest.fixture(scope="module")
def wine():
    return StandardScaler().fit_transform(load_wine().data)


@pytest.mark.parametrize("load", TABLES)
@pytest.mark.parametrize("n_components", [2, 32])
def test_samples_of_tables_vary_as_the_data_do(load, n_components):
    X = StandardScaler().fit_transform(load().data)
    vae = DenseVariationalAutoencoder(n_components, random_state=0).fit(X)
    ratios = vae.sample(5_000, random_state=0).std(axis=0) / X.std(axis=0)
    assert 0.9 < ratios.mean() < 1.1
    means = vae.inverse_transform(vae.sample_latent(5_000, random_state=0))
    assert means.std(axis=0).mean() < ratios.mean()  # the rest is noise


@pytest.mark.parametrize(
    ("loss", "kind"), [("gaussian", "norm"), ("laplace", "laplace"), ("huber", "norm")]
)
def test_samples_of_tables_are_drawn_from_the_likelihood(wine, loss, kind):
    vae = small_dense_variational(loss=loss, max_epochs=10).fit(wine)
    codes = vae.sample_latent(5_000, random_state=0)
    samples = vae.sample(5_000, random_state=0)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, vae.sample(5_000, random_state=0))
    noise = samples - vae.inverse_transform(codes)
    np.testing.assert_allclose(noise.var(axis=0), vae.noise_variance_, rtol=0.2)
    assert noise.var() == pytest.approx(vae.noise_variance_.mean(), rel=0.03)
    standard = {"norm": 1, "laplace": 1 / np.sqrt(2)}[kind]  # the scale of variance 1
    for column in (noise / np.sqrt(vae.noise_variance_)).T:
        assert kstest(column, kind, args=(0, standard)).pvalue > 1e-4


def test_the_density_of_a_table_is_that_of_random_codes(wine):
    vae = small_dense_variational(max_epochs=10, latent_density="gaussian").fit(wine)
    mean, std = vae.posterior(wine)
    variances = mean.var(axis=0) + np.square(std).mean(axis=0)
    assert (std.mean(axis=0) > 0.2).all()
    drawn = vae.sample_latent(20_000, random_state=0)
    np.testing.assert_allclose(drawn.var(axis=0), variances, rtol=0.25)
    vae.fit_density(wine)
    drawn = vae.sample_latent(20_000, random_state=0)
    np.testing.assert_allclose(drawn.var(axis=0), variances, rtol=0.25)


def test_a_plain_model_adds_no_noise(wine):
    ae = small_dense().fit(wine)
    codes = ae.sample_latent(9, random_state=0)
    decoded = ae.inverse_transform(codes)
    np.testing.assert_array_equal(ae.sample(9, random_state=0), decoded)


@pytest.mark.parametrize("form", ["flat", "images", "dark images", "shaped"])
def test_images_get_no_noise(digits, form):
    """Neither do flat samples whose values are mostly near 0 and 1, as those of MNIST."""
    make, params, X = small_conv_variational, {}, digits.reshape(-1, 8, 8)
    if form == "flat":
        make, X = small_dense_variational, digits
    elif form == "dark images":
        X = X - 5  # beyond the range of a sigmoid
    elif form == "shaped":
        params, X = {"image_shape": (8, 8)}, 3 * digits
    vae = make(**params).fit(X)
    is_scaled = form in ("flat", "images")
    assert vae.output_activation_ == ("sigmoid" if is_scaled else "identity")
    decoded = vae.inverse_transform(vae.sample_latent(9, random_state=0))
    np.testing.assert_array_equal(vae.sample(9, random_state=0), decoded)
    assert vae.noise_variance_.shape == (64,)


def test_columns_scaled_to_the_unit_interval_are_a_table(wine):
    X = MinMaxScaler().fit_transform(wine)
    vae = small_dense_variational(max_epochs=20).fit(X)
    assert vae.output_activation_ == "identity"
    samples = vae.sample(5_000, random_state=0)
    assert 0.9 < (samples.std(axis=0) / X.std(axis=0)).mean() < 1.1


def test_reconstructions_have_no_noise(wine):
    vae = small_dense_variational().fit(wine)
    decoded = vae.inverse_transform(vae.transform(wine))
    np.testing.assert_allclose(vae.reconstruct(wine), decoded, atol=1e-5)
    [path] = vae.interpolate(wine[:1], wine[1:2], 2)
    np.testing.assert_allclose(path, vae.reconstruct(wine[:2]), atol=1e-5)


# --- the flow of the prior ------------------------------------------------------------


@pytest.mark.parametrize("n_samples", [9_999, 10_000])
def test_auto_has_a_flow_for_many_samples(n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 4)).astype(np.float32)
    params = {"n_flow_layers": "auto", "batch_size": 1_000, "max_epochs": 1}
    params |= {"latent_density": None}
    vae = small_dense_variational(**params).fit(X)
    has_flow = n_samples == 10_000
    assert vae.n_flow_layers_ == (12 if has_flow else 0)
    assert (vae.encoder_.flow is not None) is has_flow
    assert vae.get_params()["n_flow_layers"] == "auto"


def test_auto_has_a_flow_where_the_number_of_samples_is_not_known(digits):
    vae = small_dense_variational(n_flow_layers="auto", latent_density=None)
    for part in (digits[:100], digits[100:]):
        assert vae.partial_fit(part).n_flow_layers_ == 12
    assert vae.fit(digits).n_flow_layers_ == 0


def test_a_warm_start_keeps_the_flow(digits):
    params = {"n_flow_layers": "auto", "warm_start": True, "latent_density": None}
    vae = small_dense_variational(**params).partial_fit(digits)
    assert vae.fit(digits).n_flow_layers_ == 12


def test_the_number_of_layers_is_that_of_the_parameter(digits):
    for n_flow_layers in (0, 2, np.int64(3)):
        vae = small_dense_variational(n_flow_layers=n_flow_layers).fit(digits)
        assert vae.n_flow_layers_ == n_flow_layers
        assert type(vae.n_flow_layers_) is int


@pytest.fixture
def flow():
    """A flow that differs much from the identity."""
    torch.manual_seed(0)
    flow = CouplingFlow(5, 3, 8)
    with torch.no_grad():
        for weight in flow.parameters():
            weight.copy_(torch.randn(weight.shape) * 0.7)
    return flow.double()


def test_a_flow_has_an_inverse(flow):
    codes = torch.randn(50, 5, dtype=torch.float64)
    base, _ = flow(codes)
    assert (base - codes).abs().max() > 1
    torch.testing.assert_close(flow.inverse(base), codes)


def test_the_volume_of_a_flow_is_that_of_its_jacobian(flow):
    [codes] = torch.randn(1, 5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda c: flow(c[None])[0][0], codes)
    _, log_volume = flow(codes[None])
    torch.testing.assert_close(log_volume[0], jacobian.det().abs().log())


def test_an_untrained_flow_changes_the_order_only():
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


def test_the_divergence_of_an_untrained_flow_is_that_without_a_flow():
    """The estimate with a flow has the mean of the closed form."""
    generator = torch.Generator().manual_seed(0)
    both = torch.tensor([[0.5, -1.0, -1.0, 0.3]]).expand(400_000, 4)
    body = torch.nn.Identity()
    _, plain = GaussianEncoder(body).encode(both, generator)
    _, through = GaussianEncoder(body, CouplingFlow(2, 2, 4)).encode(both, generator)
    exact = PriorDivergence(1.0, 1)((None, None, *plain))
    estimate = FlowPriorDivergence(1.0, 1)((None, None, *through))
    torch.testing.assert_close(estimate.detach(), exact, rtol=0.02, atol=0)


def test_samples_of_the_prior_pass_through_the_flow(digits):
    vae = small_dense_variational(latent_density="standard_normal").fit(digits)
    assert type(vae.density_) is FlowPrior
    base = vae.density_.to_base(vae.sample_latent(2_000, random_state=0))
    assert min(kstest(column, "norm").pvalue for column in base.T) > 1e-3
    again = pickle.loads(pickle.dumps(vae))
    np.testing.assert_array_equal(
        again.sample(3, random_state=0), vae.sample(3, random_state=0)
    )
    assert np.isfinite(vae.latent_log_density(digits)).all()


def test_a_flow_makes_samples_of_the_prior_more_realistic(scaled_digits):
    def distance(n_flow_layers):
        vae = small_dense_variational(
            n_components=8,
            hidden_layer_sizes=(64,),
            max_epochs=20,
            n_flow_layers=n_flow_layers,
            latent_density="standard_normal",
        ).fit(scaled_digits)
        return frechet_distance(scaled_digits, vae.sample(2_000, random_state=0))

    assert distance(4) < 0.9 * distance(0)


def test_one_component_has_no_flow(digits):
    vae = small_dense_variational(n_components=1).fit(digits)
    assert vae.encoder_.flow is None
    assert vae.sample(2).shape == (2, 64)
