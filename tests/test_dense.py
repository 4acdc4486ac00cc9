"""DenseAutoencoder: its networks, and PCA as the case with a known answer."""

import numpy as np
import pytest
from helpers import small_dense
from scipy.linalg import subspace_angles
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

from skae import DenseAutoencoder


def kinds(network):
    return [type(layer).__name__ for layer in (*network.body, network.activation)]


def widths(network):
    layers = [layer for layer in network.body if isinstance(layer, nn.Linear)]
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


def test_the_articles_network_is_expressible():
    images = np.random.default_rng(0).random((20, 28, 28), dtype=np.float32)
    article = DenseAutoencoder(
        32,
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
    assert article.reconstruct(images).shape == (20, 28, 28)


def test_the_decoder_mirrors_the_encoder_by_default(digits):
    ae = small_dense(hidden_layer_sizes=(32, 16)).fit(digits)
    assert widths(ae.encoder_) == [64, 32, 16, 4]
    assert widths(ae.decoder_) == [4, 16, 32, 64]


def test_a_number_is_one_hidden_layer(digits):
    ae = small_dense(hidden_layer_sizes=16).fit(digits)
    assert widths(ae.encoder_) == [64, 16, 4]


def test_a_linear_autoencoder_spans_the_subspace_of_pca():
    X = load_digits().data / 16
    X = X - X.mean(axis=0)
    pca = PCA(8).fit(X)
    ae = DenseAutoencoder(
        8,
        hidden_layer_sizes=(),
        output_activation="identity",
        max_epochs=60,
        random_state=0,
    ).fit(X)
    decoder = ae.decoder_.body[0].weight.detach().numpy()  # (n_features, n_components)
    angles = subspace_angles(decoder, pca.components_.T)
    assert np.rad2deg(angles.max()) < 5
    pca_error = ((pca.inverse_transform(pca.transform(X)) - X) ** 2).mean()
    assert pca_error <= -ae.score(X) * (1 + 1e-6)
    assert -ae.score(X) <= 1.01 * pca_error


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("n_components", [2, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_defaults_are_as_good_as_pca_on_small_tables(load, n_components, seed):
    X_train, X_test = train_test_split(load().data, random_state=seed)
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    pca = PCA(n_components).fit(X_train)
    ae = DenseAutoencoder(n_components, random_state=seed).fit(X_train)

    def pca_error(X):
        return ((pca.inverse_transform(pca.transform(X)) - X) ** 2).mean()

    assert -ae.score(X_train) < pca_error(X_train)
    assert -ae.score(X_test) <= 1.1 * pca_error(X_test)
