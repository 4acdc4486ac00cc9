"""Weight decay: that of the optimizer, and the default, which pulls to PCA."""

import copy
import functools

import numpy as np
import pytest
import torch
from helpers import KeepOptimizer, small_conv, small_dense, small_dense_variational
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, Freezer
from torch import nn

from skae import BaseAutoencoder, DenseAutoencoder
from skae._training.optimizers import network_decay

LR = 0.01


class OfBatches(Callback):
    """Makes the net use skorch's loop over batches."""

    def on_batch_end(self, net, **kwargs):
        """Do nothing."""


def after_one_step(digits, make=small_dense, **params):
    """The weights by name of a fit of one step, with all digits."""
    settings = {"max_epochs": 1, "batch_size": 200, "lr_schedule": "constant", "lr": LR}
    ae = make(**settings | params).fit(digits)
    return {name: w.detach() for name, w in ae.module_.named_parameters()}


def is_decayed(name, weights):
    return ".body.network." in name and weights.ndim > 1


@pytest.mark.parametrize("callbacks", [None, [OfBatches()]], ids=["quick", "skorch"])
@pytest.mark.parametrize("make", [small_dense, small_conv], ids=["dense", "conv"])
def test_matrices_beside_the_linear_maps_decay_after_a_step(digits, make, callbacks):
    without = after_one_step(digits, make, weight_decay=0)
    with_auto = after_one_step(digits, make, callbacks=callbacks)
    factor = 1 - LR * 2  # 0.15 * 64 features, in one step: bounded by 2
    n_decayed = 0
    for name, weights in without.items():
        decays = is_decayed(name, weights)
        n_decayed += decays
        assert_allclose(with_auto[name], weights * (factor if decays else 1), rtol=1e-5)
    assert n_decayed >= 4


def test_the_decay_of_an_epoch_depends_on_the_features_alone():
    def decay_of_epoch(n_features, n_steps):
        return n_steps * network_decay("adam", n_features, n_steps)

    expected = 0.15 * 64
    assert decay_of_epoch(64, 10) == decay_of_epoch(64, 500) == pytest.approx(expected)
    assert decay_of_epoch(128, 10) == pytest.approx(2 * expected)
    assert network_decay("adam", 64, 1) == 2  # the bound, in each step


def test_weights_decay_to_zero_at_most(digits):
    weights = after_one_step(digits, lr=0.6)  # 1 - 0.6 * 2 is below 0
    decayed = [w for name, w in weights.items() if is_decayed(name, w)]
    assert decayed
    assert not any(w.any() for w in decayed)


@pytest.mark.parametrize(
    "params",
    [
        {"init": "random"},
        {"optimizer": "rmsprop"},
        {"optimizer": torch.optim.Adam},
    ],
    ids=["init", "rmsprop", "class"],
)
def test_auto_is_zero_without_a_start_at_pca_or_adam(digits, params):
    without = after_one_step(digits, weight_decay=0, **params)
    for name, weights in after_one_step(digits, **params).items():
        assert torch.equal(weights, without[name])


@pytest.mark.parametrize(("n_flow_layers", "decays"), [(0, False), (2, True)])
def test_variational_models_decay_with_a_flow(digits, n_flow_layers, decays):
    """Without one, larger codes would make up for it, and depart from their prior."""
    params = {"make": small_dense_variational, "n_flow_layers": n_flow_layers}
    without = after_one_step(digits, weight_decay=0, **params)
    for name, weights in after_one_step(digits, **params).items():
        is_smaller = decays and is_decayed(name, weights)
        assert_allclose(weights, without[name] * (0.98 if is_smaller else 1), rtol=1e-5)


def test_auto_is_zero_in_partial_fit(digits, all_weights):
    parts = (small_dense(weight_decay=decay) for decay in (0, "auto"))
    without, with_auto = (all_weights(ae.partial_fit(digits)) for ae in parts)
    np.testing.assert_array_equal(with_auto, without)


def test_auto_is_zero_in_partial_fit_after_a_fit(digits, all_weights):
    fitted = small_dense(warm_start=True).fit(digits)
    copies = (copy.deepcopy(fitted).set_params(weight_decay=d) for d in (0, "auto"))
    without, with_auto = (all_weights(ae.partial_fit(digits)) for ae in copies)
    np.testing.assert_array_equal(with_auto, without)


def test_short_batches_count_as_steps(digits):
    """With 150 and 50 samples, there are two steps in an epoch."""
    params = {"batch_size": 150, "lr": 1e-3, "lr_schedule": "constant", "max_epochs": 1}
    ae = small_dense(**params).fit(digits[:, :5])
    assert ae._net.network_decay == pytest.approx(0.15 * 5 / 2)


def test_an_own_optimizer_needs_no_learning_rate_in_its_state(digits):
    class NoRate(torch.optim.SGD):
        def step(self, closure=None):
            loss = super().step(closure)
            self.param_groups[0].pop("lr")
            return loss

    ae = small_dense(optimizer=NoRate, batch_size=200, max_epochs=1)
    ae.set_params(lr_schedule="constant")
    assert ae.fit(digits).n_iter_ == 1


class Body(nn.Module):
    """A layer without a gradient, a normalization, and a layer that is used twice."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.fixed = nn.Linear(n_in, 16)
        self.norm = nn.LayerNorm((4, 4))
        self.twice = nn.Linear(16, 16)
        self.same = self.twice
        self.last = nn.Linear(16, n_out)

    def forward(self, X):
        with torch.no_grad():
            X = self.fixed(X)
        X = self.norm(X.reshape(-1, 4, 4)).flatten(1)
        return self.last(torch.relu(self.same(torch.relu(self.twice(X)))))


class Own(BaseAutoencoder):
    def _build_networks(self, n_features):
        return Body(n_features, self.n_components_), nn.Linear(
            self.n_components_, n_features
        )


def make_own(**params):
    return Own(4, random_state=0, **params)


def test_in_own_networks_layers_that_are_trained_decay_once(digits):
    without = after_one_step(digits, make_own, weight_decay=0)
    for name, weights in after_one_step(digits, make_own).items():
        decays = is_decayed(name, weights) and "fixed" not in name and "norm" not in name
        assert_allclose(weights, without[name] * (0.98 if decays else 1), rtol=1e-5)


GAIN = "encoder.body.network.1.weight"


class Normalized(BaseAutoencoder):
    """A normalization follows the last layer of its encoder."""

    def _build_networks(self, n_features):
        last = nn.Linear(n_features, self.n_components_)
        norm = nn.BatchNorm1d(self.n_components_)
        return nn.Sequential(last, norm), nn.Linear(self.n_components_, n_features)


def make_normalized(**params):
    return Normalized(4, random_state=0, **params)


def test_gains_decay_like_the_last_layers_for_which_they_stand(digits):
    gains = [
        after_one_step(digits, make_normalized, weight_decay=decay)[GAIN]
        for decay in (0, "auto")
    ]
    assert gains[0].all()
    assert_allclose(gains[1], 0.98 * gains[0], rtol=1e-5)


def test_frozen_weights_do_not_decay(digits):
    frozen = [Freezer("encoder.body.network.*")]
    without = after_one_step(digits, weight_decay=0, callbacks=frozen)
    with_auto = after_one_step(digits, callbacks=frozen)
    for name, weights in without.items():
        if name.startswith("encoder.body.network."):
            assert torch.equal(with_auto[name], weights)
        elif is_decayed(name, weights):
            assert not torch.equal(with_auto[name], weights)


@pytest.mark.parametrize("weight_decay", [0, "auto"])
@pytest.mark.parametrize("optimizer", ["adamw", torch.optim.AdamW], ids=["name", "class"])
def test_zero_is_zero_for_adamw(digits, all_weights, optimizer, weight_decay):
    """The default of torch's AdamW is another one."""
    params = {"weight_decay": weight_decay, "init": "random"}
    adam = all_weights(small_dense(**params).fit(digits))
    adamw = all_weights(small_dense(optimizer=optimizer, **params).fit(digits))
    np.testing.assert_allclose(adamw, adam, rtol=1e-4, atol=1e-5)


def test_a_partial_keeps_its_weight_decay(digits):
    decaying = functools.partial(torch.optim.AdamW, weight_decay=0.5)
    ae = small_dense(optimizer=decaying, callbacks=[KeepOptimizer()]).fit(digits)
    assert ae.callbacks_[0][1].optimizer_.param_groups[0]["weight_decay"] == 0.5


def held_out_errors(X, n_components):
    """Errors of new samples, of models without and with decay."""
    order = np.random.default_rng(0).permutation(len(X))
    train, test = X[order[: len(X) // 2]], X[order[len(X) // 2 :]]
    params = {"latent_density": None, "random_state": 0, "max_epochs": 50}
    fits = (
        DenseAutoencoder(n_components, weight_decay=decay, **params).fit(train)
        for decay in (0, "auto")
    )
    return [-ae.score(test) for ae in fits]


def test_with_many_columns_decay_reduces_the_error_of_new_samples():
    X = StandardScaler().fit_transform(load_digits().data)
    without, with_auto = held_out_errors(X, 32)
    assert with_auto < 0.96 * without


def test_with_few_columns_it_changes_little():
    t = np.random.default_rng(0).normal(size=(800, 3))
    X = np.column_stack([t, np.sin(2 * t), np.abs(t), t[:, :1] * t[:, 1:]])
    without, with_auto = held_out_errors(StandardScaler().fit_transform(X), 4)
    assert with_auto == pytest.approx(without, rel=0.1)
