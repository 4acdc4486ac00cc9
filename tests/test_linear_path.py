"""The linear path: training starts at PCA, and scale and shift of X do not matter."""

import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense, small_dense_variational
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn
from torch.nn.utils import parametrizations

from skae import (
    BaseAutoencoder,
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
    _principal_axes,
)
from skae._data import rows
from skae.nn.linear_path import (
    DecoderPath,
    EncoderPath,
    Gain,
    PrincipalAxes,
    Standardizer,
)

# Some posteriors collapse in so few epochs.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)

# Stay where training starts.
START = {"max_epochs": 1, "lr": 1e-12, "latent_density": None, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    """Correlated columns, (120, 12), with a mean variance of 1."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 12)) @ rng.normal(size=(12, 12))
    return X / np.sqrt(X.var(axis=0).mean()) + 3 * rng.normal(size=12)


def pca_of(X, n_components):
    flat = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    return PCA(n_components, svd_solver="full").fit(flat), flat


def pca_reconstruction(X, n_components):
    pca, flat = pca_of(X, n_components)
    return pca.inverse_transform(pca.transform(flat)).reshape(X.shape)


def pca_error(X, n_components):
    return np.square(pca_reconstruction(X, n_components) - X).mean()


def assert_at_pca(ae, X, n_components):
    """Assert that reconstructions are PCA's, and codes too, divided by their stds."""
    tolerance = 1e-5 * X.std()
    expected = pca_reconstruction(X, n_components)
    np.testing.assert_allclose(ae.reconstruct(X), expected, atol=tolerance)
    pca, flat = pca_of(X, n_components)
    codes = ae.transform(X)
    whitened = pca.transform(flat) / np.sqrt(pca.explained_variance_)
    np.testing.assert_allclose(np.abs(codes), np.abs(whitened), atol=1e-4)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(codes.var(axis=0, ddof=1), 1, rtol=1e-5)


# --- training starts at PCA ----------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden_layer_sizes", ["auto", (), (16, 8)])
@pytest.mark.parametrize("n_components", [1, 4, 12])
def test_a_table_starts_at_pca(table, hidden_layer_sizes, n_components, dtype):
    ae = DenseAutoencoder(n_components, hidden_layer_sizes=hidden_layer_sizes, **START)
    X = table.astype(dtype)
    assert_at_pca(ae.fit(X), X, n_components)


@pytest.mark.parametrize("params", [{}, {"upsampling": "transpose"}])
def test_images_start_at_pca(digits, params):
    images = digits.reshape(-1, 8, 8)
    ae = ConvAutoencoder(4, output_activation="identity", **START, **params).fit(images)
    assert_at_pca(ae, images, 4)


@pytest.mark.parametrize("make", [small_dense, small_conv])
def test_networks_begin_with_a_last_layer_of_zeros(digits, make):
    ae = make(output_activation="identity", **START).fit(digits)
    for body in (ae.encoder_.body, ae.decoder_.body):
        assert not any(isinstance(layer, Gain) for layer in body.modules())
        layer = [layer for layer in body.network if hasattr(layer, "weight")][-1]
        assert layer.weight.abs().max() < 1e-6
    trained = make(output_activation="identity", max_epochs=5).fit(digits)
    assert trained.loss_curve_[-1] < pca_error(digits, 4)
    for body in (trained.encoder_.body, trained.decoder_.body):
        layer = [layer for layer in body.network if hasattr(layer, "weight")][-1]
        assert layer.weight.abs().max() > 1e-3


def test_many_samples_start_at_the_pca_of_some_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(_principal_axes, "MAX_SAMPLES", 600)
    monkeypatch.setattr(rows, "RUN_LENGTH", 20)
    digits = load_digits()
    X = digits.data[np.argsort(digits.target, kind="stable")]  # unlike at the beginning
    np.save(tmp_path / "X.npy", X)
    for given in (X, np.load(tmp_path / "X.npy", mmap_mode="r")):
        ae = DenseAutoencoder(8, **START).fit(given)
        assert -ae.score(X) < 1.15 * pca_error(X, 8)


@pytest.mark.parametrize("share", [0.3, 0.8, 0.95, 0.9999])
def test_a_share_of_the_variance_needs_as_many_components_as_in_pca(table, share):
    ae = DenseAutoencoder(share, **START).fit(table)
    pca, _ = pca_of(table, share)
    assert ae.n_components_ == pca.n_components_ == ae.transform(table).shape[1]
    assert_at_pca(ae, table, pca.n_components_)


@pytest.mark.parametrize("n_samples", [8, 120])
def test_none_is_all_components(table, n_samples):
    X = table[:n_samples]
    ae = DenseAutoencoder(None, **START).fit(X)
    assert ae.n_components_ == min(X.shape)
    np.testing.assert_allclose(ae.reconstruct(X), X, atol=1e-5)


@pytest.mark.parametrize("n_components", [0.8, None])
def test_the_number_of_components_is_found_without_a_linear_path_too(table, n_components):
    ae = DenseAutoencoder(n_components, init="random", max_epochs=1).fit(table)
    assert ae.n_components_ == pca_of(table, n_components)[0].n_components_


def test_the_quality_of_the_start_is_pcas(table):
    ae = DenseAutoencoder(4, **START).fit(table)
    pca, _ = pca_of(table, 4)
    explained = pca.explained_variance_ratio_.sum()
    assert ae.explained_variance_ratio_ == pytest.approx(explained, rel=1e-5)
    errors = np.square(pca_reconstruction(table, 4) - table).mean(axis=0)
    np.testing.assert_allclose(ae.noise_variance_, errors, rtol=1e-4)


# --- own networks --------------------------------------------------------------


def own(end_of_encoder=nn.Identity, end_of_decoder=None, layer=nn.Linear):
    """Return a class of autoencoders with networks that end in any module."""

    class Own(BaseAutoencoder):
        def _build_networks(self, n_features):
            k = self.n_components_
            ends = end_of_encoder, end_of_decoder or end_of_encoder
            ends = [end(n) for end, n in zip(ends, (k, n_features), strict=True)]
            encoder = nn.Sequential(nn.Linear(n_features, 8), nn.ReLU(), layer(8, k))
            return encoder.append(ends[0]), nn.Sequential(layer(k, n_features), ends[1])

    return Own


class PlusOne(nn.Module):
    def forward(self, X):
        return X + 1


class Transposed(nn.Module):
    """Decodes by the weights of the encoder."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, codes):
        return codes @ self.encoder.weight


class SameModule(BaseAutoencoder):
    def _build_networks(self, n_features):
        encoder = nn.Linear(n_features, self.n_components_)
        return encoder, Transposed(encoder)


class SameWeights(BaseAutoencoder):
    def _build_networks(self, n_features):
        k = self.n_components_
        first, last = nn.Linear(k, 12), nn.Linear(k, n_features)
        last.weight = first.weight
        return nn.Linear(n_features, k), nn.Sequential(first, nn.Linear(12, k), last)


def weight_norm(n_in, n_out):
    return parametrizations.weight_norm(nn.Linear(n_in, n_out))


# Where a last layer of zeros does not do, a gain of zero does.
WITH_GAIN = {
    "a normalization last": own(nn.BatchNorm1d),
    "layer normalization last": own(nn.LayerNorm),
    "an activation without a gradient at 0 last": own(lambda n: nn.ReLU()),
    "a sigmoid last": own(lambda n: nn.Sigmoid()),
    "a constant added": own(lambda n: PlusOne()),
    "computed weights": own(layer=weight_norm),
    "a decoder with the encoder inside": SameModule,
    "weights of two layers": SameWeights,
}
OWN = WITH_GAIN | {
    "an identity last": own(lambda n: nn.Identity()),
    "a tanh last": own(lambda n: nn.Tanh()),
    "dropout last": own(lambda n: nn.Dropout(0.1)),
}


@pytest.mark.parametrize("name", OWN)
def test_own_networks_start_at_pca(table, name):
    assert_at_pca(OWN[name](4, **START).fit(table), table, 4)


@pytest.mark.parametrize("name", OWN)
def test_own_networks_leave_pca_slowly_and_learn(table, name):
    ae = OWN[name](4, max_epochs=10, random_state=0).fit(table)
    assert max(ae.loss_curve_) < 1.1 * pca_error(table, 4)
    start = OWN[name](4, **START).fit(table)
    for part in ("encoder_", "decoder_"):
        networks = [getattr(model, part).body.network for model in (start, ae)]
        before, after = (list(network.parameters())[-1] for network in networks)
        assert (before - after).abs().max() > 1e-4


@pytest.mark.parametrize("name", OWN)
def test_a_gain_is_added_only_where_it_is_needed(table, name):
    body = OWN[name](4, **START).fit(table).decoder_.body
    has_gain = any(isinstance(layer, Gain) for layer in body.modules())
    assert has_gain == (name in WITH_GAIN)


def test_a_network_without_weights_starts_at_pca(table):
    class Own(BaseAutoencoder):
        def _build_networks(self, n_features):
            repeat = nn.Upsample(scale_factor=n_features // self.n_components_)
            decoder = nn.Sequential(nn.Unflatten(1, (1, -1)), repeat, nn.Flatten())
            return nn.Linear(n_features, self.n_components_), decoder

    assert_at_pca(Own(4, **START).fit(table), table, 4)


# --- scale and shift -----------------------------------------------------------


def fit_memory_mapped(ae, X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    return ae.fit(np.load(tmp_path / "X.npy", mmap_mode="r"))


def fit_three_times(ae, X, tmp_path):
    return ae.partial_fit(X).partial_fit(X).partial_fit(X)


WAYS = {
    "fit": lambda ae, X, tmp_path: ae.fit(X),
    "memory-mapped": fit_memory_mapped,
    "partial_fit": fit_three_times,
}

# Adam enlarges rounding, because the encoder's gradient is 0 at PCA.
BY_SGD = {"optimizer": "sgd", "lr": 0.5, "latent_density": "gaussian"}


def assert_same_but_for_scale_and_shift(ae, other, X, scale, shift):
    """Assert that a model of ``scale * X + shift`` does what one of `X` does."""

    def restored(values):
        return (values.astype(np.float64) - shift) / scale

    X_other = X * scale + shift
    rounding = 1e-5 + 10 * np.spacing(np.abs(X_other).max()) / scale
    codes = ae.transform(X)
    np.testing.assert_allclose(other.transform(X_other), codes, atol=1e-5 + rounding)
    decoded = restored(other.reconstruct(X_other))
    np.testing.assert_allclose(decoded, ae.reconstruct(X), atol=rounding)
    samples = [model.sample(5, random_state=0) for model in (ae, other)]
    rounding = 1e-3 + 10 * np.spacing(np.float32(np.abs(X_other).max())) / scale
    np.testing.assert_allclose(restored(samples[1]), samples[0], atol=rounding)
    losses = np.array(other.loss_curve_) / scale**2
    np.testing.assert_allclose(losses, ae.loss_curve_, rtol=1e-4)
    assert other.score(X_other) / scale**2 == pytest.approx(ae.score(X), rel=1e-4)
    same = pytest.approx(ae.explained_variance_ratio_, rel=1e-5)
    assert other.explained_variance_ratio_ == same


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 1e8])
@pytest.mark.parametrize("shift", [0.0, 1.0, -1e3, 1e6])
def test_scale_and_shift_do_not_matter(table, tmp_path, way, scale, shift):
    ae = WAYS[way](small_dense(**BY_SGD), table, tmp_path)
    other = WAYS[way](small_dense(**BY_SGD), table * scale + shift * scale, tmp_path)
    assert_same_but_for_scale_and_shift(ae, other, table, scale, shift * scale)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_the_scale_of_images_does_not_matter(digits, scale):
    X = digits * 10
    params = BY_SGD | {"output_activation": "identity"}
    models = [small_conv(**params).fit(values) for values in (X, X * scale)]
    assert_same_but_for_scale_and_shift(*models, X, scale, 0.0)


@pytest.mark.parametrize("scale", [2.0**-27, 2.0**27])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_scale_that_is_a_power_of_two_changes_no_bit(table, scale, dtype):
    X = table.astype(dtype)
    codes = small_dense(max_epochs=10).fit_transform(X)
    scaled = X * np.dtype(dtype).type(scale)
    np.testing.assert_array_equal(small_dense(max_epochs=10).fit_transform(scaled), codes)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_scale_and_shift_of_variational_models_do_not_matter(table, scale):
    models = [
        small_dense_variational(**BY_SGD, n_flow_layers=0).fit(X)
        for X in (table, table * scale + 7 * scale)
    ]
    expected = models[0].reconstruct(table)
    decoded = models[1].reconstruct(table * scale + 7 * scale) / scale - 7
    np.testing.assert_allclose(decoded, expected, atol=1e-4)
    samples = [model.sample(5, random_state=0) for model in models]
    np.testing.assert_allclose(samples[1] / scale - 7, samples[0], atol=1e-3)
    losses = np.array(models[1].loss_curve_) - np.log(scale)
    np.testing.assert_allclose(losses, models[0].loss_curve_, atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shift", [10**9, -(10**12)])
def test_integers_such_as_numbers_of_customers_are_learnt(table, tmp_path, way, shift):
    X = np.round(1000 * table).astype(np.int64)
    models = [
        WAYS[way](small_dense(**BY_SGD), values, tmp_path) for values in (X, X + shift)
    ]
    codes = models[1].transform(X + shift)
    np.testing.assert_allclose(codes, models[0].transform(X), atol=1e-4)
    decoded = models[1].reconstruct(X + shift) - shift
    assert np.abs(decoded - models[0].reconstruct(X)).max() < 0.02


def test_the_defaults_learn_as_well_at_any_scale(table):
    errors = [
        -DenseAutoencoder(4, max_epochs=10, random_state=0).fit(X).score(X)
        for X in (table, 1e-8 * table, 1e8 * (table + 1e6))
    ]
    scaled = errors / np.array([1, 1e-16, 1e16])
    np.testing.assert_allclose(scaled, scaled[0], rtol=0.02)


@pytest.mark.parametrize("n_times", [1, 8])
def test_gaussian_noise_is_in_the_units_of_x(table, n_times):
    """A scale that is a power of two changes no bit, if noise is scaled too."""
    codes = [
        small_dense(noise="gaussian", noise_level=level).fit_transform(X)
        for X, level in ((table, 0.5), (8 * table, 0.5 * n_times))
    ]
    assert (codes[0] == codes[1]).all() == (n_times == 8)


class Recorder(nn.Identity):
    """Keeps the last batch of training."""

    def forward(self, X):
        if self.training:
            self.batch = X.clone()
        return X


def test_masking_noise_sets_values_to_0_in_the_units_of_x(table):
    class Own(BaseAutoencoder):
        def _build_networks(self, n_features):
            encoder = nn.Sequential(Recorder(), nn.Linear(n_features, 4))
            return encoder, nn.Linear(4, n_features)

    ae = Own(4, noise="masking", noise_level=0.5, max_epochs=1).fit(table + 100)
    batch = ae.encoder_.body.network[0].batch
    values = ae.encoder_.standardizer.inverse(batch)
    is_masked = values.abs() < 1e-3
    assert 0.4 < is_masked.float().mean() < 0.6
    assert values[~is_masked].min() > 50


# --- data without an answer ----------------------------------------------------

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(50, 6))
ODD = {
    "constant": np.full((30, 6), 3.0),
    "constant, and rounded": np.full((30, 6), 1e9 / 3),
    "constant, in float32": np.full((30, 6), 0.1, dtype=np.float32),
    "zeros": np.zeros((30, 6)),
    "a constant column": np.c_[NORMAL, np.full(50, 7.0)],
    "a large constant column": np.c_[NORMAL, np.full(50, 1e10 / 3)],
    "columns twice": np.c_[NORMAL, NORMAL],
    "of rank two": NORMAL[:, :2] @ RNG.normal(size=(2, 8)),
    "samples twice": np.r_[NORMAL[:5]].repeat(10, axis=0),
    "one sample": NORMAL[:1],
    "two samples": NORMAL[:2],
    "two equal samples": NORMAL[[0, 0]],
    "one column": NORMAL[:, :1],
    "two columns": NORMAL[:, :2],
    "wide": RNG.normal(size=(10, 100)),
    "tiny": 1e-30 * NORMAL,
    "smaller than any number": 1e-310 * NORMAL,
    "huge": 1e37 * NORMAL,
    "one sample that differs": np.r_[np.zeros((49, 6)), np.full((1, 6), -2.0)],
    "small integers": (50 * NORMAL).astype(np.int8),
}


@pytest.mark.parametrize("n_components", [1, 4, 32])
@pytest.mark.parametrize("name", ODD)
def test_any_table_starts_at_pca(name, n_components):
    X = ODD[name]
    ae = DenseAutoencoder(n_components, **START).fit(X)
    expected = X.mean(axis=0, dtype=np.float64)
    if len(X) > 1 and X.std(dtype=np.float64) > 0:
        n_axes = min(n_components, *X.shape)
        with np.errstate(all="ignore"):
            scale = np.abs(X).max()
            expected = pca_reconstruction(X / scale, n_axes) * scale
    tolerance = 1e-5 * np.abs(X - X.mean(axis=0)).max() + 1e-10 * np.abs(X).max()
    decoded = ae.reconstruct(X)
    assert np.abs(decoded - expected).max() <= tolerance + 1e-37
    assert ae.transform(X).shape == (len(X), n_components)
    assert np.isfinite(ae.transform(X)).all()


@pytest.mark.parametrize("n_components", [1, 32])
@pytest.mark.parametrize("make", [small_dense, small_dense_variational])
@pytest.mark.parametrize("name", ODD)
def test_any_table_is_learnt(name, make, n_components):
    X = ODD[name]
    ae = make(n_components=n_components, latent_density="normal").fit(X)
    results = ae.transform(X), ae.reconstruct(X), ae.score_samples(X), ae.sample(3)
    assert all(np.isfinite(values).all() for values in results)
    assert np.isfinite(ae.loss_curve_).all()
    assert all(torch.isfinite(w).all() for w in ae.module_.state_dict().values())


@pytest.mark.parametrize("name", ODD)
def test_the_defaults_are_no_worse_than_pca_on_any_table(name):
    X = ODD[name]
    ae = DenseAutoencoder(4, random_state=0, latent_density=None).fit(X)
    start = DenseAutoencoder(4, **START).fit(X)
    variance = X.var(axis=0, dtype=np.float64).mean()
    assert -ae.score(X) <= -1.02 * start.score(X) + 1e-6 * variance


@pytest.mark.parametrize("n_components", [0.9, None])
@pytest.mark.parametrize("name", ODD)
def test_a_number_of_components_is_found_for_any_table(name, n_components):
    X = ODD[name]
    ae = DenseAutoencoder(n_components, **START).fit(X)
    assert 1 <= ae.n_components_ <= min(X.shape)
    assert np.isfinite(ae.reconstruct(X)).all()


# --- variational models --------------------------------------------------------


@pytest.mark.parametrize("make", ["dense", "conv"])
def test_a_variational_model_starts_at_probabilistic_pca(digits, make):
    """Tipping and Bishop 1999, "Probabilistic principal component analysis"."""
    params = {"n_flow_layers": 0, "output_activation": "identity", **START}
    if make == "dense":
        vae = DenseVariationalAutoencoder(3, **params).fit(digits)
    else:
        vae = ConvVariationalAutoencoder(3, **params).fit(digits)
    pca, _ = pca_of(digits, 3)
    noise = pca.noise_variance_
    W = pca.components_.T * np.sqrt(pca.explained_variance_ - noise)
    inverse = np.linalg.inv(W.T @ W + noise * np.eye(3))
    mean = (digits - pca.mean_) @ W @ inverse
    posterior_mean, posterior_std = vae.posterior(digits)
    np.testing.assert_allclose(np.abs(posterior_mean), np.abs(mean), atol=1e-5)
    std = np.sqrt(np.diag(noise * inverse))
    np.testing.assert_allclose(posterior_std, np.tile(std, (200, 1)), rtol=1e-5)
    np.testing.assert_allclose(vae.reconstruct(digits), mean @ W.T + pca.mean_, atol=1e-5)


def test_random_codes_of_the_start_have_variance_1(digits):
    params = {"output_activation": "identity", **START}
    vae = DenseVariationalAutoencoder(3, **params).fit(digits)
    mean, std = vae.posterior(digits)
    variances = mean.var(axis=0, ddof=1) + np.square(std).mean(axis=0)
    np.testing.assert_allclose(variances, 1, rtol=1e-5)


@pytest.mark.parametrize("n_components", [8, 20])
def test_components_without_noise_or_without_signal_have_some_of_both(n_components):
    X = NORMAL[:, :3] @ RNG.normal(size=(3, 8))  # all variance in three components
    vae = DenseVariationalAutoencoder(n_components, **START).fit(X)
    _, std = vae.posterior(X)
    assert 0.009 < std.min() <= std.max() < 1
    np.testing.assert_allclose(vae.reconstruct(X), X, atol=1e-3)


# --- activations ---------------------------------------------------------------


@pytest.mark.parametrize("latent_activation", ["identity", "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("output_activation", ["identity", "sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("n_components", [2, 8])
def test_activations_start_near_pca(
    digits, latent_activation, output_activation, n_components
):
    X = 2 * digits - 1 if output_activation == "tanh" else digits
    params = {"latent_activation": latent_activation} | START
    params["output_activation"] = output_activation
    ae = DenseAutoencoder(n_components, **params).fit(X)
    assert -ae.score(X) < 1.15 * pca_error(X, n_components)


@pytest.mark.parametrize("output_activation", ["sigmoid", "tanh"])
def test_a_bounded_output_starts_at_the_means(output_activation):
    X = np.random.default_rng(0).random((500, 5)) * [0, 0.001, 0.1, 0.4, 1]
    X[:, 0] = 1
    ae = DenseAutoencoder(2, output_activation=output_activation, **START).fit(X)
    # Means near the ends of the range are kept off them.
    limit = 0.02 if output_activation == "sigmoid" else 0.04
    np.testing.assert_allclose(
        ae.inverse_transform(np.zeros((1, 2)))[0], X.mean(axis=0), atol=limit + 0.01
    )


@pytest.mark.parametrize(
    "params",
    [{"early_stopping": True}, {"lr_schedule": "constant", "max_epochs": 30}, {}],
)
def test_a_sigmoid_does_not_die_on_columns_near_0(params):
    X = np.random.default_rng(0).beta(0.5, 20, (300, 8))  # as an outlier leaves them
    X[0] = 1
    ae = DenseAutoencoder(4, output_activation="sigmoid", random_state=0, **params)
    assert -ae.fit(X).score(X) < 0.9 * X.var(axis=0).mean()
    assert ae.reconstruct(X).std(axis=0).min() > 1e-3


# --- further training ----------------------------------------------------------


def standardizers(ae):
    parts = ae.encoder_.standardizer, ae.decoder_.standardizer
    return [[value.clone() for value in part.state_dict().values()] for part in parts]


def test_partial_fit_keeps_mean_and_scale_of_the_first_call(table):
    ae = small_dense().partial_fit(table)
    first = standardizers(ae)
    ae.partial_fit(5 * table + 100).partial_fit(table[:3])
    torch.testing.assert_close(standardizers(ae), first, rtol=0, atol=0)
    ae.fit(5 * table + 100)
    np.testing.assert_allclose(standardizers(ae)[0][2], 5, rtol=1e-6)


def test_a_warm_start_keeps_mean_and_scale(table):
    ae = small_dense(warm_start=True).fit(table)
    first = standardizers(ae)
    ae.fit(5 * table + 100)
    torch.testing.assert_close(standardizers(ae), first, rtol=0, atol=0)


def test_a_model_without_a_linear_path_has_no_standardizer(digits):
    ae = small_dense(init="random").fit(digits)
    assert ae.encoder_.standardizer is ae.decoder_.standardizer is None
    assert all(isinstance(ae.encoder_.body[n], nn.Linear) for n in (0, 2))


# --- parts ---------------------------------------------------------------------


def test_a_standardizer_is_precise_far_from_0():
    mean = np.array([1e9 + 1 / 3, -1e-3, 1e30])
    standardizer = Standardizer.of(mean, 0.5)
    X = torch.tensor(mean + [2.0, -1.0, 0.0])
    expected = torch.tensor([4.0, -2.0, 0.0], dtype=torch.float64)
    double = Standardizer.of(mean, 0.5).double()
    torch.testing.assert_close(double(X)[:2], expected[:2], rtol=0, atol=1e-5)
    torch.testing.assert_close(double.inverse(double(X)), X, rtol=1e-14, atol=0)
    in_float32 = torch.from_numpy(standardizer.to_float32(X.numpy()))
    torch.testing.assert_close(in_float32[:2], expected[:2].float(), rtol=0, atol=1e-5)


def test_a_scale_below_what_float32_divides_by_is_raised():
    standardizer = Standardizer.of(np.zeros(2), 1e-40)
    assert torch.isfinite(standardizer(torch.ones(1, 2))).all()


def test_missing_axes_are_zero():
    start = PrincipalAxes(np.zeros(3), 1.0, np.eye(2, 3), np.array([3.0, 2.0]), 0.0)
    axes, stds = start.padded(4)
    np.testing.assert_array_equal(axes, np.eye(4, 3) * [[1], [1], [0], [0]])
    assert stds.tolist() == [3, 2, 2, 2]
    none = PrincipalAxes(np.zeros(3), 1.0, np.zeros((0, 3)), np.zeros(0), 0.0)
    assert none.padded(2)[1].tolist() == [1, 1]


class AddInPlace(nn.Module):
    def forward(self, X):
        return X.add_(1)


@pytest.mark.parametrize("kind", [EncoderPath, DecoderPath])
def test_a_network_that_works_in_place_does_not_change_the_input_of_a_path(kind):
    path = kind(nn.Linear(3, 3), AddInPlace(), torch.ones(3))
    X = torch.zeros(2, 3)
    with torch.no_grad():
        expected = path.linear(X) + 1
        torch.testing.assert_close(path(X), expected)
    assert not X.any()
