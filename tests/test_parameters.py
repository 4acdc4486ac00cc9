"""Every parameter of every estimator is checked in fit, with a message that helps."""

import inspect
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer

from skae import (
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)

# Some posteriors collapse in so few epochs.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)

ESTIMATORS = (
    DenseAutoencoder,
    ConvAutoencoder,
    DenseVariationalAutoencoder,
    ConvVariationalAutoencoder,
)

WRONG = {
    "n_components": [0, -1, 2.0, "3", True, 0.0, 1.0, -0.5, float("nan"), "mle"],
    "init": ["PCA", "zeros", None, True],
    "activation": ["logistic", None, 1],
    "latent_activation": ["gelu", None],
    "output_activation": ["softmax", None],
    "loss": ["mse", None],
    "noise": ["salt", 0.1, True],
    "noise_level": [-0.1, None, float("nan"), "much"],
    "latent_penalty": ["l3", 1, True],
    "latent_penalty_weight": [-1e-3, None, float("inf")],
    "latent_density": ["gauss", object(), GaussianMixture, 3],
    "beta": [-1, None, "1", float("nan")],
    "n_flow_layers": [-1, 2.5, None, "8", True],
    "optimizer": [
        "adagrads",
        None,
        torch.nn.Linear,
        torch.optim,
        torch.optim.Optimizer,
        torch.optim.SparseAdam,
    ],
    "lr": [0, -1.0, float("inf"), float("nan"), "fast", None, True],
    "lr_schedule": ["linear", None],
    "weight_decay": [-1e-3, None, float("nan"), "none"],
    "batch_size": [0, 2.5, "all", None, True],
    "shuffle": ["yes", None, 2],
    "max_epochs": [0, 1.5, "many", None],
    "early_stopping": ["yes", None, 2],
    "validation_fraction": [0, 1, -0.1, 1.5, "half", float("nan")],
    "n_iter_no_change": [0, 2.5, None],
    "tol": [-1e-3, None, float("inf")],
    "max_grad_norm": [0, -1.0, float("inf"), "1"],
    "warm_start": [1, None, "yes"],
    "precision": ["float64", "bf16", None, 32],
    "callbacks": [[object()], "EarlyStopping", [("name", 3)], {"a": EpochTimer()}, 3],
    "checkpoint": [3, "", b"folder", ["folder"], True],
    "distributed": ["auto", 1, None],
    "device": ["gpu", "cuda:99", 3.5, None, "meta"],
    "verbose": [-1, "loud", None],
    "random_state": ["seed", -1, 0.5, 2**40],
    "hidden_layer_sizes": [0, (3, 0), (2.0,), "64", None, {3}, iter([3]), np.array(3)],
    "decoder_hidden_layer_sizes": [0, (-1,), "64"],
    "image_shape": [(64,), (1, 2, 3, 4), 64, "8x8", (1, 8.0, 8), np.array(4)],
    "conv_channels": [0, (0,), (1.5,), "16", None],
    "kernel_size": [0, 2.5, (3, 3), None],
    "pooling": ["min", None],
    "upsampling": ["bilinear", None],
}


def text_of(value):
    """The representation of a value without addresses, the same in each process."""
    return re.sub(r" at 0x\w+", "", repr(value))


CASES = [
    pytest.param(
        estimator, name, value, id=f"{estimator.__name__}-{name}-{text_of(value)}"[:60]
    )
    for estimator in ESTIMATORS
    for name in inspect.signature(estimator).parameters
    for value in WRONG[name]
]


@pytest.mark.parametrize(("estimator", "name", "value"), CASES)
def test_a_wrong_value_is_named_in_the_error(estimator, name, value):
    ae = estimator().set_params(**{name: value})
    before = dict(vars(ae))
    with pytest.raises(
        ValueError, match=f"{name}=.*(is invalid; must be|is not available)"
    ) as error:
        ae.fit(np.zeros((4, 4)))
    assert repr(value)[:40] in str(error.value)
    assert set(vars(ae)) == set(before)


def test_a_subclass_may_leave_parameters_out():
    class Short(DenseAutoencoder):
        def __init__(self, n_components=2, max_epochs=1):
            super().__init__(n_components, max_epochs=max_epochs)

    X = np.random.default_rng(0).random((10, 5))
    assert clone(Short(3)).fit_transform(X).shape == (10, 3)
    with pytest.raises(ValueError, match="Short: n_components=0 is invalid"):
        Short(0).fit(X)


def test_every_parameter_has_a_rule():
    for estimator in ESTIMATORS:
        rules = set(estimator._parameter_rules) | {"device"}  # devices check their own
        assert rules == set(inspect.signature(estimator).parameters)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("activation", "ReLU", "relu"),
        ("loss", "square_error", "squared_error"),
        ("init", "PCA", "pca"),
        ("hidden_layer_sizes", "Auto", "auto"),
    ],
)
def test_a_mistyped_name_gets_a_suggestion(name, value, meant):
    with pytest.raises(ValueError, match=f"Did you mean '{meant}'"):
        DenseAutoencoder(**{name: value}).fit(np.zeros((4, 4)))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("max_epochs", 0, "'auto', or an integer of at least 1"),
        (
            "n_components",
            1.0,
            "an integer from 1 to 2147483647, a finite number above 0 and below 1, or "
            "None",
        ),
        ("init", "svd", "one of 'pca', 'random'"),
        ("n_flow_layers", 1.5, "'auto', or an integer from 0 to 1000"),
        (
            "hidden_layer_sizes",
            "wide",
            "'auto', an integer from 1 to 2147483647, or a sequence of integers from 1 "
            "to 2147483647",
        ),
    ],
)
def test_the_message_reads_well(name, value, expected):
    estimator = DenseVariationalAutoencoder().set_params(**{name: value})
    message = (
        f"DenseVariationalAutoencoder: {name}={value!r} is invalid; must be {expected}."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        estimator.fit(np.zeros((4, 4)))


@pytest.mark.parametrize(
    "params",
    [
        {"n_components": np.int64(3)},
        {"n_components": np.uint8(3)},
        {"hidden_layer_sizes": np.array([8, 4])},
        {"hidden_layer_sizes": [8]},
        {"batch_size": 1},
        {"batch_size": 10**30},
        {"lr": np.float32(1e-3)},
        {"device": torch.device("cpu")},
        {"random_state": np.random.RandomState(0)},
        {"verbose": False},
        {"shuffle": np.bool_(False)},
        {"callbacks": []},
        {"callbacks": [EpochTimer]},
        {"callbacks": [("timer", EpochTimer())]},
    ],
    ids=text_of,
)
def test_values_of_other_types_that_mean_the_same_are_taken(params):
    ae = DenseAutoencoder(3, max_epochs=1).set_params(**params)
    codes = clone(ae).fit_transform(np.random.default_rng(0).random((10, 5)))
    assert codes.shape == (10, 3)


# --- sizes that depend on the data ------------------------------------------------------


ONE_EPOCH = {"max_epochs": 1, "latent_density": None, "random_state": 0}


def tiny(estimator, n_components):
    """A model with small networks."""
    params = {"hidden_layer_sizes": (8,), "conv_channels": (2,)}
    taken = {
        n: v for n, v in params.items() if n in inspect.signature(estimator).parameters
    }
    return estimator(n_components, **taken, **ONE_EPOCH)


def as_samples(estimator, X):
    """Flat samples for dense networks, 8 x 8 images for convolutional ones."""
    is_dense = "conv_channels" not in inspect.signature(estimator).parameters
    return X if is_dense else X.reshape(-1, 8, 8)


@pytest.fixture(scope="module")
def cancer():
    return StandardScaler().fit_transform(load_breast_cancer().data)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95, np.float32(0.99), np.float64(0.999)])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_share_of_the_variance_gives_as_many_components_as_pca(cancer, share, init):
    ae = DenseAutoencoder(share, hidden_layer_sizes=8, init=init, **ONE_EPOCH)
    expected = PCA(float(share), svd_solver="full").fit(cancer).n_components_
    assert ae.fit(cancer).n_components_ == expected
    assert type(ae.n_components_) is int
    assert ae.transform(cancer).shape == (569, expected)
    assert ae.get_params()["n_components"] is share


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_all_estimators_take_a_share_of_the_variance(digits, estimator):
    X, ae = as_samples(estimator, digits), tiny(estimator, 0.95)
    codes = ae.fit_transform(X)
    assert ae.n_components_ == PCA(0.95).fit(digits).n_components_
    assert codes.shape == (200, ae.n_components_)
    assert len(ae.get_feature_names_out()) == ae.n_components_
    again = clone(ae).fit_transform(X)
    np.testing.assert_array_equal(again, codes)


def test_a_share_is_of_all_columns_as_they_are(digits):
    """Not of standardised columns: as for PCA, large ones count for more."""
    X = digits * np.geomspace(1, 1e3, 64)
    ae = DenseAutoencoder(0.9, hidden_layer_sizes=8, **ONE_EPOCH).fit(X)
    assert ae.n_components_ == PCA(0.9).fit(X).n_components_
    shifted = 1e6 + 1e-3 * X
    assert clone(ae).fit(shifted).n_components_ == ae.n_components_


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("n_samples", [40, 100])
def test_none_gives_as_many_components_as_samples_or_features(estimator, n_samples):
    X = as_samples(estimator, np.random.default_rng(0).normal(size=(n_samples, 64)))
    codes = tiny(estimator, None).fit_transform(X)
    assert codes.shape == (n_samples, min(n_samples, 64))


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("case", ["constant columns", "equal columns", "one sample"])
def test_none_counts_samples_and_features_of_degenerate_data_too(init, case):
    X = np.random.default_rng(0).normal(size=(1 if case == "one sample" else 30, 6))
    if case == "constant columns":
        X[:, 2:] = 1
    elif case == "equal columns":
        X[:, 2:] = X[:, :1]
    ae = DenseAutoencoder(None, hidden_layer_sizes=8, init=init, **ONE_EPOCH).fit(X)
    assert ae.n_components_ == min(X.shape)


@pytest.mark.parametrize("value", [0.5, None])
def test_further_training_keeps_the_number_of_components(cancer, value):
    params = {"hidden_layer_sizes": 8, **ONE_EPOCH}
    first, rest = cancer[:20], cancer[20:]
    for ae in (
        DenseAutoencoder(value, **params).partial_fit(first).partial_fit(rest),
        DenseAutoencoder(value, warm_start=True, **params).fit(first).fit(rest),
    ):
        assert (
            ae.n_components_ == DenseAutoencoder(value, **params).fit(first).n_components_
        )
    fitted = ae.n_components_
    with pytest.raises(ValueError, match=f"n_components={fitted + 1} is invalid in part"):
        ae.set_params(n_components=fitted + 1).partial_fit(rest)
    ae.set_params(n_components=fitted).partial_fit(rest)


def test_without_further_training_the_number_is_found_again(cancer):
    ae = DenseAutoencoder(0.9, hidden_layer_sizes=8, **ONE_EPOCH).fit(cancer)
    assert ae.n_components_ > 2
    assert (
        ae.fit(cancer[:, :3]).n_components_ == PCA(0.9).fit(cancer[:, :3]).n_components_
    )


@pytest.mark.parametrize(
    ("given", "sizes"),
    [(7, (7,)), ([8, 4], (8, 4)), (np.array([5]), (5,)), ((), ())],
)
def test_the_fitted_sizes_are_those_given(cancer, given, sizes):
    ae = DenseAutoencoder(2, hidden_layer_sizes=given, **ONE_EPOCH).fit(cancer)
    assert ae.hidden_layer_sizes_ == sizes
