"""Descriptions of fitted networks: summary, layers, shapes, counts, HTML repr."""

import re
import threading

import numpy as np
import pytest
import sklearn
import torch
from helpers import small_conv, small_dense, small_dense_variational
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version
from torch import nn

from skae import BaseAutoencoder
from skae._docstrings import SITE
from skae.nn.summary import Layer, describe

# Some posteriors collapse in so few epochs.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)

NAMES = ["encoder_shapes_", "decoder_shapes_", "n_parameters_"]


def own(encoder, decoder=None):
    """Return a fitted estimator with this encoder, from 6 features to 2 components."""

    class Own(BaseAutoencoder):
        def _build_networks(self, n_features):
            return encoder, nn.Linear(2, n_features) if decoder is None else decoder

    X = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
    return Own(2, init="random", max_epochs=1, random_state=0).fit(X)


def rows_of(layers):
    return [(layer.kind, layer.shape, layer.n_parameters) for layer in layers]


# --- layers -------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["pca", "random"])
def test_layers_of_a_dense_autoencoder(digits, init):
    encoder, decoder = describe(small_dense(init=init).fit(digits))
    beside = [("linear path", (4,), 64 * 4 + 4), ("linear path", (64,), 4 * 64 + 64)]
    n_beside = 1 if init == "pca" else 0
    assert rows_of(encoder) == [
        ("Linear + ReLU", (16,), 64 * 16 + 16),
        ("Linear", (4,), 16 * 4 + 4),
        *beside[:n_beside],
    ]
    assert rows_of(decoder) == [
        ("Linear + ReLU", (16,), 4 * 16 + 16),
        ("Linear + Sigmoid", (64,), 16 * 64 + 64),
        *beside[1 : 1 + n_beside],
    ]


def test_the_shapes_are_those_of_the_networks_without_the_linear_path(digits):
    ae = small_dense().fit(digits)
    assert ae.encoder_shapes_ == [(16,), (4,)]
    assert ae.decoder_shapes_ == [(16,), (64,)]


def test_layers_of_a_convolutional_autoencoder(digits):
    encoder, decoder = describe(small_conv().fit(digits))
    assert rows_of(encoder)[:4] == [
        ("Images", (1, 8, 8), 0),
        ("Conv2d 3x3", (4, 8, 8), 4 * 9 + 4),
        ("MaxPool2d 2x2 + ReLU", (4, 4, 4), 0),
        ("Conv2d 3x3", (8, 4, 4), 4 * 8 * 9 + 8),
    ]
    assert rows_of(decoder)[-2] == ("Flatten + Sigmoid", (64,), 0)
    assert rows_of(decoder)[-1] == ("linear path", (64,), 4 * 64 + 64)


def test_a_stride_is_named(digits):
    _, decoder = describe(small_conv(upsampling="transpose").fit(digits))
    kinds = [layer.kind for layer in decoder]
    assert "ConvTranspose2d 3x3, stride 2x2 + ReLU" in kinds


def test_all_parameters_are_counted_once(digits, make_any):
    estimator = make_any().fit(digits)
    encoder, decoder = describe(estimator)
    counted = sum(layer.n_parameters for layer in encoder + decoder)
    assert counted == estimator.n_parameters_
    both = [*estimator.encoder_.parameters(), *estimator.decoder_.parameters()]
    assert counted == sum(weight.numel() for weight in both)


def test_layers_of_a_variational_encoder_end_with_its_flow(digits):
    estimator = small_dense_variational().fit(digits)
    encoder, _ = describe(estimator)
    assert rows_of(encoder)[:2] == [
        ("Linear + ReLU", (16,), 64 * 16 + 16),
        ("Linear", (8,), 16 * 8 + 8),  # means and logarithms of variances
    ]
    assert encoder[-1].kind == "CouplingFlow"
    assert encoder[-1].shape is None  # transform does not use it
    assert estimator.encoder_shapes_ == [(16,), (8,)]


def test_a_layer_used_twice_is_shown_twice_and_counted_once():
    twice = nn.Linear(6, 6)
    estimator = own(nn.Sequential(twice, nn.Tanh(), twice, nn.Linear(6, 2)))
    encoder, _ = describe(estimator)
    assert encoder[:2] == [
        Layer("Linear + Tanh", (6,), 42, False),
        Layer("Linear", (6,), 0, True),
    ]
    assert re.search(r"Linear +6 +shared\n", estimator.summary())


def test_weights_shared_by_encoder_and_decoder_are_counted_once():
    class Transposed(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.weight = layer.weight

        def forward(self, codes):
            return codes @ self.weight

    layer = nn.Linear(6, 2)
    encoder, decoder = describe(own(layer, Transposed(layer)))
    assert encoder == [Layer("Linear", (2,), 14, False)]
    assert decoder == [Layer("Transposed", (6,), 0, True)]


def test_a_module_with_its_own_parameters_is_a_layer_after_those_inside_it():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(6, 2)
            self.scale = nn.Parameter(torch.ones(2))

        def forward(self, X):
            return self.inner(X) * self.scale

    encoder, _ = describe(own(Scaled()))
    assert rows_of(encoder) == [("Linear", (2,), 14), ("Scaled", (2,), 2)]


def test_torchs_own_compound_layers_are_one_layer():
    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.TransformerEncoderLayer(2, 1, 4, batch_first=True)
            self.recurrent = nn.LSTM(2, 2, batch_first=True)

        def forward(self, X):
            return self.recurrent(self.block(X.reshape(-1, 3, 2)))[0][:, -1]

    encoder, _ = describe(own(Sequence()))
    kinds = [layer.kind for layer in encoder]
    assert kinds == ["TransformerEncoderLayer", "LSTM", "Sequence"]
    assert [layer.shape for layer in encoder] == [(3, 2), (3, 2), (2,)]


def test_a_network_without_modules_is_a_layer():
    class Halves(nn.Module):
        def forward(self, X):
            return X[:, :2]

    encoder, _ = describe(own(Halves()))
    assert encoder == [Layer("Halves", (2,), 0, False)]


def test_layers_whose_weights_are_computed_are_described():
    estimator = own(nn.utils.spectral_norm(nn.Linear(6, 2)))
    estimator.encoder_(torch.zeros(1, 6))  # such weights have a gradient then
    encoder, _ = describe(estimator)
    assert rows_of(encoder) == [("Linear", (2,), 14)]


# --- nothing changes ----------------------------------------------------------------


def test_a_description_changes_nothing():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, X):
            self.calls += 1
            return X + 0 * torch.randn(X.shape)

    parts = nn.Linear(6, 2), nn.BatchNorm1d(2), nn.Dropout(0.5), Counts()
    estimator = own(nn.Sequential(*parts))
    estimator.encoder_.train()
    parts[1].eval()
    before = {k: v.clone() for k, v in estimator.module_.state_dict().items()}
    state = torch.get_rng_state()
    estimator.summary()
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in parts] == [True, False, True, True]
    after = estimator.module_.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(m._forward_hooks for m in estimator.module_.modules())


def test_samples_of_another_thread_are_not_described(digits):
    estimator, stop = small_dense().fit(digits), threading.Event()

    def encode():
        while not stop.is_set():
            estimator.transform(digits)

    other = threading.Thread(target=encode)
    other.start()
    tables = {estimator.summary() for _ in range(30)}
    stop.set()
    other.join()
    assert len(tables) == 1


# --- the table ----------------------------------------------------------------------


def test_the_columns_of_a_summary_are_aligned(digits, make_any):
    lines = make_any().fit(digits).summary().splitlines()
    width = len(lines[1])
    assert set(lines[1]) == {"-"}
    assert max(map(len, lines)) == width
    assert len(lines[0]) == width
    assert all(
        len(line) == width for line in lines if line[-1:].isdigit() and "," in line
    )


def test_a_summary_ends_with_the_number_of_all_parameters(digits):
    estimator = small_dense().fit(digits)
    assert estimator.summary().split()[-2:] == ["total", "2,856"]
    assert estimator.n_parameters_ == 2856


@pytest.mark.parametrize("name", NAMES)
def test_an_unfitted_estimator_has_no_shapes_and_counts(name):
    estimator = small_dense()
    assert not hasattr(estimator, name)
    with pytest.raises(NotFittedError):
        estimator.summary()


# --- the HTML repr -------------------------------------------------------------------


def test_shapes_are_those_of_layers_with_parameters(digits):
    estimator = small_conv().fit(digits)
    assert estimator.encoder_shapes_ == [(4, 8, 8), (8, 4, 4), (16,), (4,)]
    assert estimator.decoder_shapes_ == [(16,), (32,), (4, 4, 4), (1, 8, 8)]


def test_the_html_repr_links_to_the_estimators_page(make_any):
    estimator = make_any()
    name = type(estimator).__name__
    link = f"{SITE}/page/api/generated/skae.{name}.html"
    assert estimator._get_doc_link() == link
    assert f'href="{link}"' in estimator_html_repr(estimator)


def test_a_class_of_another_package_has_no_link():
    class Own(BaseAutoencoder):
        pass

    assert Own()._get_doc_link() == ""


def test_the_html_repr_of_a_fitted_estimator_shows_shapes_and_counts(digits, make_any):
    estimator = make_any().fit(digits)
    page = estimator_html_repr(estimator)
    # Older versions of scikit-learn have no table of fitted attributes.
    shows = parse_version(sklearn.__version__) >= parse_version("1.9")
    for name in NAMES:
        assert (name in page) == shows
    assert (str(estimator.n_parameters_) in page) == shows
