"""DenseAutoencoder: its networks, and PCA as the case with a known answer."""

import numpy as np
import pytest
from helpers import small_dense
from scipy.linalg import subspace_angles
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn

from skae import DenseAutoencoder


class Counts(Callback):
    """Keeps the numbers of epochs, of all fits and of all copies of the callback."""

    epochs = []

    def on_epoch_end(self, net, **kwargs):
        self.epochs.append(len(net.history))


def layers_of(network):
    """The layers beside the linear path, if there is one."""
    return getattr(network.body, "network", network.body)


def kinds(network):
    return [type(layer).__name__ for layer in (*layers_of(network), network.activation)]


def widths(network):
    layers = [layer for layer in layers_of(network) if isinstance(layer, nn.Linear)]
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


def pca_error(X, n_components, X_train=None):
    pca = PCA(n_components).fit(X if X_train is None else X_train)
    return ((pca.inverse_transform(pca.transform(X)) - X) ** 2).mean()


def test_the_articles_network_is_expressible():
    images = np.random.default_rng(0).random((20, 28, 28), dtype=np.float32)
    article = DenseAutoencoder(
        32,
        init="random",
        hidden_layer_sizes=(128,),
        decoder_hidden_layer_sizes=(256, 512),
        latent_activation="sigmoid",
        optimizer="adam",
        lr=1e-3,
        lr_schedule="constant",
        batch_size=200,
        max_epochs=1,
    ).fit(images)
    assert widths(article.encoder_) == [784, 128, 32]
    assert kinds(article.encoder_) == ["Linear", "ReLU", "Linear", "Sigmoid"]
    assert widths(article.decoder_) == [32, 256, 512, 784]
    assert kinds(article.decoder_)[-2:] == ["Linear", "Sigmoid"]
    assert article.encoder_.standardizer is article.decoder_.standardizer is None
    assert article.reconstruct(images).shape == (20, 28, 28)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_the_decoder_mirrors_the_encoder_by_default(digits, init):
    ae = small_dense(hidden_layer_sizes=(32, 16), init=init).fit(digits)
    assert widths(ae.encoder_) == [64, 32, 16, 4]
    assert widths(ae.decoder_) == [4, 16, 32, 64]


@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_number_is_one_hidden_layer(digits, init):
    ae = small_dense(hidden_layer_sizes=16, init=init).fit(digits)
    assert widths(ae.encoder_) == [64, 16, 4]


def test_a_warm_start_with_auto_keeps_the_hidden_layers(digits):
    ae = small_dense(hidden_layer_sizes=(16, 8)).fit(digits)
    ae.set_params(hidden_layer_sizes="auto", warm_start=True)
    assert ae.fit(digits).hidden_layer_sizes_ == (16, 8)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_by_default_one_hidden_layer_has_512_units(digits, method):
    ae = DenseAutoencoder(2, max_epochs=1, latent_density=None)
    getattr(ae, method)(digits)
    assert ae.hidden_layer_sizes_ == (512,)
    assert ae.hidden_layer_sizes == "auto"
    assert widths(ae.encoder_) == [64, 512, 2]
    assert widths(ae.decoder_) == [2, 512, 64]


def test_fits_to_many_samples_have_two_hidden_layers():
    X = np.random.default_rng(0).normal(size=(5_000, 3))
    params = {"max_epochs": 1, "batch_size": 1_000, "latent_density": None}
    fitted = DenseAutoencoder(2, **params).fit(X)
    assert fitted.hidden_layer_sizes_ == (512, 512)
    assert DenseAutoencoder(2, **params).fit(X[1:]).hidden_layer_sizes_ == (512,)
    streamed = DenseAutoencoder(2, **params).partial_fit(X)  # their number is not known
    assert streamed.hidden_layer_sizes_ == (512,)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_linear_autoencoder_spans_the_subspace_of_pca(init):
    X = load_digits().data / 16
    X = X - X.mean(axis=0)
    pca = PCA(8).fit(X)
    ae = DenseAutoencoder(
        8,
        init=init,
        hidden_layer_sizes=(),
        output_activation="identity",
        max_epochs=60,
        batch_size=44,
        random_state=0,
    ).fit(X)
    decoded = ae.inverse_transform(np.eye(9, 8))  # the last code is 0
    angles = subspace_angles((decoded[:8] - decoded[8]).T, pca.components_.T)
    assert np.rad2deg(angles.max()) < 5
    least = pca_error(X, 8)
    assert least <= -ae.score(X) * (1 + 1e-6)
    assert -ae.score(X) <= 1.01 * least


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("n_components", [2, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_defaults_are_as_good_as_pca_on_small_tables(load, n_components, seed):
    X_train, X_test = train_test_split(load().data, random_state=seed)
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    ae = DenseAutoencoder(n_components, random_state=seed).fit(X_train)
    share = -ae.score(X_train) / pca_error(X_train, n_components)
    assert share < 0.9 if ae.n_iter_ else share == pytest.approx(1)
    assert -ae.score(X_test) <= 1.02 * pca_error(X_test, n_components, X_train)


def test_the_defaults_follow_a_curve_that_pca_cannot():
    t = np.linspace(-1, 1, 300)
    parabola = np.c_[t, t**2]
    ae = DenseAutoencoder(1, random_state=0).fit(parabola)
    assert ae.n_iter_ == len(ae.loss_curve_) > 0
    assert -ae.score(parabola) < 0.2 * pca_error(parabola, 1)


def test_only_the_training_that_is_kept_is_seen_by_callbacks(digits):
    Counts.epochs.clear()
    ae = small_dense(max_epochs="auto", callbacks=[Counts()]).fit(digits)
    assert Counts.epochs == list(range(1, ae.n_iter_ + 1))
    assert ae.n_iter_ > 0
