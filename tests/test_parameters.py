"""Every parameter of every estimator is checked in fit, with a message that helps."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from skorch.callbacks import EpochTimer

from skae import (
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)

ESTIMATORS = (
    DenseAutoencoder,
    ConvAutoencoder,
    DenseVariationalAutoencoder,
    ConvVariationalAutoencoder,
)

WRONG = {
    "n_components": [0, -1, 2.0, "3", None, True],
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
    "n_flow_layers": [-1, 2.5, None, "8"],
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
    "weight_decay": [-1e-3, None, float("nan")],
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
CASES = [
    pytest.param(estimator, name, value, id=f"{estimator.__name__}-{name}-{value!r}"[:60])
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
    [("activation", "ReLU", "relu"), ("loss", "square_error", "squared_error")],
)
def test_a_mistyped_name_gets_a_suggestion(name, value, meant):
    with pytest.raises(ValueError, match=f"Did you mean '{meant}'"):
        DenseAutoencoder(**{name: value}).fit(np.zeros((4, 4)))


def test_the_message_reads_well():
    message = (
        "DenseAutoencoder: max_epochs=0 is invalid; must be 'auto', or an integer of"
    )
    with pytest.raises(ValueError, match=message):
        DenseAutoencoder(max_epochs=0).fit(np.zeros((4, 4)))


@pytest.mark.parametrize(
    "params",
    [
        {"n_components": np.int64(3)},
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
    ids=str,
)
def test_values_of_other_types_that_mean_the_same_are_taken(params):
    ae = DenseAutoencoder(3, max_epochs=1).set_params(**params)
    codes = clone(ae).fit_transform(np.random.default_rng(0).random((10, 5)))
    assert codes.shape == (10, 3)
