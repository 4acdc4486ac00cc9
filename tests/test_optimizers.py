"""Optimizers: torch's, by name or as a class; and their state."""

import functools

import numpy as np
import pytest
import torch
from helpers import KeepOptimizer
from helpers import small_dense as small

from skae._training.optimizers import OPTIMIZERS, flush_denormals


def small_dense(**params):
    return small(callbacks=[KeepOptimizer()], **params)


def optimizer_of(ae):
    return ae.callbacks_[0][1].optimizer_


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_named_optimizer_learns(digits, optimizer):
    lr = {"sgd": 0.5, "adadelta": 1.0, "adagrad": 0.05}.get(optimizer, 0.01)
    params = {"optimizer": optimizer, "lr": lr, "max_epochs": 8}
    ae = small_dense(init="random", **params).fit(digits)
    assert type(optimizer_of(ae)) is OPTIMIZERS[optimizer]
    assert ae.loss_curve_[-1] < 0.95 * ae.loss_curve_[0]
    from_pca = small_dense(**params).fit(digits)
    assert from_pca.loss_curve_[-1] < from_pca.loss_curve_[0] < ae.loss_curve_[-1]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_named_optimizer_takes_the_steps_of_torchs_own(digits, all_weights, optimizer):
    own = getattr(torch.optim, OPTIMIZERS[optimizer].__name__)
    settings = {"lr": 0.01, "weight_decay": 0.01, "max_epochs": 2, "init": "random"}
    by_name = small(optimizer=optimizer, **settings).fit(digits)
    by_class = small(optimizer=own, **settings).fit(digits)
    np.testing.assert_array_equal(all_weights(by_name), all_weights(by_class))


@pytest.mark.parametrize("optimizer", [torch.optim.Adamax, torch.optim.LBFGS])
def test_any_torch_optimizer_class_is_taken(digits, optimizer):
    params = {"init": "random", "batch_size": 200, "max_epochs": 10}
    ae = small_dense(optimizer=optimizer, lr=0.01, **params).fit(digits)
    assert type(optimizer_of(ae)) is optimizer
    assert ae.loss_curve_[-1] < 0.95 * ae.loss_curve_[0]


@pytest.mark.parametrize("init", ["pca", "random"])
def test_weight_decay_shrinks_the_weights(digits, all_weights, init):
    params = {"init": init, "max_epochs": 10}
    plain = all_weights(small_dense(**params, weight_decay=0).fit(digits))
    decayed = all_weights(small_dense(**params, weight_decay=0.01).fit(digits))
    assert np.linalg.norm(decayed) < 0.9 * np.linalg.norm(plain)


def test_weight_decay_of_an_optimizer_without_one_is_refused(digits):
    ae = small_dense(optimizer=torch.optim.LBFGS, weight_decay=0.1)
    with pytest.raises(ValueError, match=r"weight_decay=0\.1.*LBFGS has no weight_decay"):
        ae.fit(digits)


def test_a_partial_of_an_optimizer_is_taken(digits):
    momentum = functools.partial(torch.optim.SGD, momentum=0.9)
    ae = small_dense(optimizer=momentum, lr=0.1).fit(digits)
    assert optimizer_of(ae).param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"optimizer": functools.partial(torch.optim.SGD, lr=0.9)},
            r"partial of SGD with lr=0\.9, but .*; remove lr from the partial",
        ),
        (
            {
                "optimizer": functools.partial(torch.optim.LBFGS, max_iter=2),
                "weight_decay": 0.1,
            },
            "LBFGS has no weight_decay",
        ),
        (
            {"optimizer": functools.partial(torch.optim.Adam, capturable=True)},
            "partial of Adam with capturable=True, which requires a GPU",
        ),
        (
            {"optimizer": functools.partial(torch.optim.Adam, speed=9)},
            "optimizer cannot be created.*optimizer=.*unexpected keyword.*'speed'",
        ),
    ],
)
def test_a_partial_that_cannot_be_meant_is_refused(digits, params, message):
    with pytest.raises(ValueError, match=message):
        small_dense(**params).fit(digits)


class Owned(torch.optim.Adam):
    """Could keep anything in its state."""


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", Owned])
def test_denormals_are_flushed_in_the_state_of_torchs_optimizers_alone(digits, optimizer):
    is_torchs = optimizer is not Owned
    if optimizer == "sgd":
        optimizer = functools.partial(torch.optim.SGD, momentum=0.9)
    fitted = small_dense(optimizer=optimizer, lr=0.01, batch_size=200).fit(digits)
    states = optimizer_of(fitted).state
    means = [
        value
        for weights, state in states.items()
        for value in state.values()
        if isinstance(value, torch.Tensor) and value.shape == weights.shape
    ]
    for value in means:
        value.view(-1)[0] = 1e-35
    before = [value.clone() for value in means]
    flush_denormals(optimizer_of(fitted))
    for value, old in zip(means, before, strict=True):
        assert (value.view(-1)[0] == 0) == is_torchs
        kept = old.abs() > 1e-30
        assert torch.equal(value[kept], old[kept])


def test_means_that_only_decay_do_not_become_denormal_numbers():
    """With those, a processor is a hundred times slower."""
    X = np.zeros((850, 8), dtype=np.float32)
    X[0, :4] = 1.0  # then 849 steps without: 0.9 to that power is 1e-39
    params = {"init": "random", "batch_size": 1, "max_epochs": 1}
    ae = small_dense(shuffle=False, **params).fit(X)
    first_layer = next(ae.module_.parameters())
    means = optimizer_of(ae).state[first_layer]["exp_avg"]
    assert not (means[:, :4] != 0).any()
