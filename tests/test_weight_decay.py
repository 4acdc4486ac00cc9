"""Weight decay: that of the optimizer, and the default, which pulls to PCA."""

import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense, small_dense_variational
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, Freezer

from skae import DenseAutoencoder
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


def test_frozen_weights_do_not_decay(digits):
    # A Freezer does this before the first step.
    frozen = [Freezer("encoder.body.network.*")]
    without = after_one_step(digits, weight_decay=0, callbacks=frozen)
    with_auto = after_one_step(digits, callbacks=frozen)
    for name, weights in without.items():
        if name.startswith("encoder.body.network."):
            assert torch.equal(with_auto[name], weights)
        elif is_decayed(name, weights):
            assert not torch.equal(with_auto[name], weights)


def test_zero_is_zero_for_adamw(digits, all_weights):
    """The default of torch's AdamW is another one."""
    by_name = (
        small_dense(optimizer=optimizer, weight_decay=0).fit(digits)
        for optimizer in ("adam", "adamw")
    )
    adam, adamw = map(all_weights, by_name)
    np.testing.assert_allclose(adamw, adam, rtol=1e-4, atol=1e-5)


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
