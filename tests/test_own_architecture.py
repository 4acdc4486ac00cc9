"""Own subclasses of the base classes: one method, and torch modules of any kind."""

import fractions
import itertools

import numpy as np
import pytest
import torch
from helpers import (
    small_conv,
    small_conv_variational,
    small_dense,
    small_dense_variational,
)
from sklearn.decomposition import PCA
from torch import nn

from skae import BaseAutoencoder, BaseVariationalAutoencoder

# Some posteriors collapse in so few epochs.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)


class LinearAutoencoder(BaseAutoencoder):
    def _build_networks(self, n_features):
        return (
            nn.Linear(n_features, self.n_components_),
            nn.Linear(self.n_components_, n_features),
        )


class LinearVariational(BaseVariationalAutoencoder):
    def _build_networks(self, n_features):
        return (
            nn.Linear(n_features, 2 * self.n_components_),
            nn.Linear(self.n_components_, n_features),
        )


def own(first):
    """Return an autoencoder whose encoder begins with ``first(n_features)``."""

    class Own(BaseAutoencoder):
        def _build_networks(self, n_features):
            return (
                nn.Sequential(
                    first(n_features), nn.Linear(n_features, self.n_components_)
                ),
                nn.Linear(self.n_components_, n_features),
            )

    return Own(4, max_epochs=2, batch_size=32, random_state=0)


# --- one method ----------------------------------------------------------------


@pytest.mark.parametrize("init", ["pca", "random"])
def test_an_architecture_is_one_method(digits, init):
    ae = LinearAutoencoder(3, init=init, max_epochs=30, random_state=0).fit(digits)
    assert ae.transform(digits).shape == (200, 3)
    assert -ae.score(digits) < digits.var(axis=0).mean()
    names = ["linearautoencoder0", "linearautoencoder1", "linearautoencoder2"]
    assert ae.get_feature_names_out().tolist() == names


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("n_flow_layers", [0, 2])
def test_a_variational_architecture_is_one_method(digits, n_flow_layers, init):
    params = {"n_flow_layers": n_flow_layers, "max_epochs": 40, "random_state": 0}
    vae = LinearVariational(3, init=init, **params).fit(digits)
    mean, std = vae.posterior(digits)
    np.testing.assert_array_equal(vae.transform(digits), mean)
    assert mean.shape == std.shape == (200, 3)
    assert -vae.score(digits) < digits.var(axis=0).mean()
    assert vae.sample(5).shape == (5, 64)
    assert vae.kl_per_component_.max() > 0.1


@pytest.mark.parametrize("make", [LinearAutoencoder, LinearVariational])
def test_an_architecture_is_told_the_number_of_components(digits, make):
    X = digits[:, 26:30]
    for n_components, n_found in ((None, 4), (0.5, PCA(0.5).fit(X).n_components_)):
        ae = make(n_components, max_epochs=1).fit(X)
        assert ae.transform(X).shape == (200, n_found)
        assert ae.n_components_ == n_found < 5


def test_a_network_that_takes_other_samples_is_named(digits):
    class Narrow(BaseAutoencoder):
        def _build_networks(self, n_features):
            return nn.Linear(n_features - 1, 2), nn.Linear(2, n_features)

    message = r"encoder of Narrow._build_networks cannot be applied to one sample with 64"
    with pytest.raises(ValueError, match=message):
        Narrow(2).fit(digits)


@pytest.mark.parametrize(
    ("base", "encoded", "decoded", "message"),
    [
        (BaseAutoencoder, 3, 64, r"The encoder .*\(1, 3\) for one .* must be \(1, 4\)"),
        (BaseAutoencoder, 4, 63, r"The decoder .*\(1, 63\) for .* must be \(1, 64\)"),
        (BaseVariationalAutoencoder, 4, 64, r"The encoder .*\(1, 4\).* must be \(1, 8\)"),
    ],
)
def test_a_network_that_returns_a_wrong_shape_is_named(
    digits, base, encoded, decoded, message
):
    class Own(base):
        def _build_networks(self, n_features):
            return nn.Linear(n_features, encoded), nn.Linear(4, decoded)

    with pytest.raises(ValueError, match=message):
        Own(4).fit(digits)


# --- modules of any kind -------------------------------------------------------


class Listed(nn.Module):
    """Keeps its layers in a list too."""

    def __init__(self, *sizes):
        super().__init__()
        self.layers = []
        for number, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            layer = nn.Linear(n_in, n_out)
            self.add_module(f"layer{number}", layer)
            self.layers.append(layer)

    def forward(self, X):
        for layer in self.layers:
            X = layer(X)
        return X


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_may_be_kept_in_a_list_too(digits, dtype):
    class Own(BaseAutoencoder):
        def _build_networks(self, n_features):
            return Listed(n_features, 8, 2), Listed(2, 8, n_features)

    X = digits.astype(dtype)
    ae = Own(2, max_epochs=2, random_state=0).fit(X)
    assert ae.transform(X).dtype == dtype
    with torch.no_grad():
        codes = ae.encoder_(torch.tensor(digits).float())
    np.testing.assert_allclose(ae.transform(X), codes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_changed_weights_are_used_by_all_methods(make_any, digits, dtype, init):
    X = digits.astype(dtype)
    ae = make_any(output_activation="identity", init=init).fit(X)
    decoded, codes, score = ae.reconstruct(X), ae.transform(X), ae.score(X)
    assert ae.sample(2).shape == (2, 64)  # whatever may be kept is kept by now
    layers = ae.decoder_.body.network if init == "pca" else ae.decoder_.body
    unit = 1 / float(ae.decoder_.standardizer.scale) if init == "pca" else 1.0
    with torch.no_grad():
        layers[-1 if hasattr(layers[-1], "bias") else -2].bias += unit
    np.testing.assert_array_equal(ae.transform(X), codes)
    np.testing.assert_allclose(ae.reconstruct(X), decoded + 1, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        ae.inverse_transform(codes), decoded + 1, rtol=1e-4, atol=1e-5
    )
    assert ae.score(X) < score - 0.5
    with torch.no_grad():
        for weight in ae.encoder_.parameters():
            weight.zero_()
    assert not ae.transform(X).any()


class Shift(nn.Module):
    def forward(self, X):
        return X - 0.5


class ShiftInPlace(nn.Module):
    def forward(self, X):
        return X.sub_(0.5)


def train(first, X, method, **params):
    ae = own(lambda n_features: first()).set_params(**params)
    if method == "partial_fit":
        return ae.partial_fit(X).partial_fit(X)
    return ae.fit(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("init", "output_activation"),
    [("pca", "identity"), ("pca", "sigmoid"), ("random", "auto")],
)
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("noise", [None, "masking"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_that_works_in_place_changes_neither_x_nor_the_model(
    digits, method, init, output_activation, shuffle, noise, dtype
):
    X = digits.astype(dtype)
    params = {"shuffle": shuffle, "noise": noise}
    params |= {"init": init, "output_activation": output_activation}
    in_place = train(ShiftInPlace, X, method, **params)
    plain = train(Shift, X, method, **params)
    assert in_place.loss_curve_ == plain.loss_curve_
    for name in ("transform", "reconstruct", "score_samples", "score"):
        results = [getattr(ae, name)(X) for ae in (in_place, plain)]
        np.testing.assert_array_equal(*results)
    codes = np.ones((3, 4), dtype)
    in_place.inverse_transform(codes)
    in_place.fit_density(X)
    np.testing.assert_array_equal(X, digits.astype(dtype))
    assert (codes == 1).all()


@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_decoder_that_works_in_place_changes_no_codes(digits, init):
    class Own(BaseAutoencoder):
        def _build_networks(self, n_features):
            encoder = nn.Linear(n_features, self.n_components_)
            return encoder, nn.Sequential(
                ShiftInPlace(), nn.Linear(self.n_components_, n_features)
            )

    ae = Own(4, init=init, max_epochs=2, random_state=0).fit(digits)
    codes = ae.transform(digits)
    before = codes.copy()
    first = ae.inverse_transform(codes)
    np.testing.assert_array_equal(codes, before)
    np.testing.assert_array_equal(ae.inverse_transform(codes), first)
    np.testing.assert_array_equal(ae.reconstruct(digits), first)


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("n_samples", [2, 32, 33, 65, 97])
def test_batch_normalization_trains_with_any_number_of_samples(digits, n_samples, init):
    ae = own(nn.BatchNorm1d).set_params(max_epochs=30, init=init)
    ae.fit(digits[:n_samples])
    assert np.isfinite(ae.loss_curve_).all()
    if init == "random":
        assert ae.loss_curve_[-1] < 0.9 * ae.loss_curve_[0]
    elif n_samples > 2:  # PCA reconstructs two samples without an error
        assert ae.loss_curve_[-1] < 0.99 * ae.loss_curve_[0]
    # The running statistics are those of training; a sample is encoded by itself.
    codes = ae.transform(digits[:n_samples])
    np.testing.assert_allclose(ae.transform(digits[:1]), codes[:1], rtol=1e-6)


@pytest.mark.parametrize("params", [{}, {"batch_size": 1}])
def test_batch_normalization_of_one_sample_is_named(digits, params):
    ae = own(nn.BatchNorm1d).set_params(**params)
    with pytest.raises(ValueError, match=r"batch normalization.* a larger batch_size"):
        ae.fit(digits[: 5 if params else 1])


# --- parameters of unusual types -----------------------------------------------


def linear(**params):
    return LinearAutoencoder(**{"max_epochs": 1, "random_state": 0} | params)


def linear_variational(**params):
    return LinearVariational(**{"max_epochs": 1, "random_state": 0} | params)


@pytest.mark.parametrize(
    "make",
    [
        small_dense,
        small_dense_variational,
        small_conv,
        small_conv_variational,
        linear,
        linear_variational,
    ],
)
@pytest.mark.parametrize("kind", [np.uint8, np.int16])
def test_a_number_of_components_may_be_a_small_integer_of_numpy(digits, make, kind):
    """Twice 200 exceeds the range of uint8."""
    estimator = make(n_components=kind(100 if kind is np.int16 else 200), max_epochs=1)
    estimator.set_params(latent_density="normal")
    codes = estimator.fit_transform(digits)
    assert codes.shape == (200, int(estimator.n_components))
    assert estimator.sample(2).shape == (2, 64)
    assert len(estimator.get_feature_names_out()) == int(estimator.n_components)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lr": 10**400}, "lr=1000.* is invalid; must be a finite number above 0"),
        ({"lr": 10**9000}, "lr=<int of .* bits> is invalid; must be a finite number"),
        ({"tol": -fractions.Fraction(1, 3)}, r"tol=Fraction\(-1, 3\) is invalid"),
        (
            {"n_components": 10**12},
            "n_components=1000000000000 is invalid; must be an in",
        ),
        ({"hidden_layer_sizes": (10**12,)}, "hidden_layer_sizes=.* is invalid"),
        ({"random_state": 2**32}, "random_state=4294967296 is invalid"),
    ],
)
def test_values_out_of_range_are_named(digits, params, message):
    with pytest.raises(ValueError, match=message):
        small_dense(**params).fit(digits)


def test_a_fraction_is_a_real_number(digits):
    third = fractions.Fraction(1, 3)
    names = ["lr", "noise_level", "latent_penalty_weight", "weight_decay", "tol"]
    params = dict.fromkeys(names, third) | {"noise": "masking", "latent_penalty": "l2"}
    params |= {"max_grad_norm": third, "validation_fraction": third}
    exact = small_dense(**params).fit(digits)
    rounded = {
        name: float(value) if value is third else value for name, value in params.items()
    }
    assert exact.loss_curve_ == small_dense(**rounded).fit(digits).loss_curve_
    assert len(exact.validation_loss_curve_) == 3
