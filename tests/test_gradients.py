"""The written-out gradient is autograd's, and is used only where it can be."""

import numpy as np
import pytest
import torch
from conftest import small_conv, small_dense
from skorch.callbacks import Callback
from torch import nn

from skae._training.manual_gradient import written_out
from skae.nn.autoencoder import Autoencoder, Coder
from skae.nn.losses import LOSSES, ReconstructionLoss
from skae.nn.networks import dense_layers


def autoencoder(activation="relu", latent_activation="identity", sizes=(6, 5, 3)):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Autoencoder(
            Coder(dense_layers(sizes, activation), latent_activation),
            Coder(dense_layers(sizes[::-1], activation), "sigmoid"),
        )


def gradients(module):
    return [weights.grad.clone() for weights in module.parameters()]


@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 3)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("output_activation", ["sigmoid", "identity"])
@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {"binary_cross_entropy"}))
def test_it_is_autograds(sizes, activation, output_activation, loss):
    module = autoencoder(activation, activation, sizes)
    criterion = ReconstructionLoss(loss, output_activation)
    X = torch.rand(7, 6, generator=torch.Generator())
    expected = criterion(module(X), X)
    expected.backward()
    by_autograd = gradients(module)
    rows = X.clone()
    result = written_out(module, criterion)(rows)
    torch.testing.assert_close(result, expected.detach())
    torch.testing.assert_close(gradients(module), by_autograd, rtol=1e-6, atol=1e-9)
    assert torch.equal(rows, X)


def test_it_is_that_of_the_cross_entropy_too():
    module = autoencoder()
    criterion = ReconstructionLoss("binary_cross_entropy", "sigmoid")
    X = torch.rand(7, 6, generator=torch.Generator())
    criterion(module(X), X).backward()
    by_autograd = gradients(module)
    written_out(module, criterion)(X)
    torch.testing.assert_close(gradients(module), by_autograd)


class Custom(nn.Linear):
    """Could compute anything."""


def with_part(part):
    module = autoencoder()
    module.encoder.body[1] = part
    return module


def with_two_activations():
    return Autoencoder(
        Coder(nn.Sequential(nn.Linear(6, 3), nn.ReLU()), "sigmoid"),
        Coder(nn.Linear(3, 6), "sigmoid"),
    )


def hooked():
    module = autoencoder()
    module.encoder.body[0].register_forward_hook(lambda *args: None)
    return module


def frozen():
    module = autoencoder()
    module.decoder.body[0].weight.requires_grad_(False)
    return module


def with_shared_weights():
    module = autoencoder(sizes=(6, 3, 3))
    module.encoder.body[2].weight = module.decoder.body[0].weight
    return module


def with_a_layer_used_twice():
    module, twice = autoencoder(), nn.Linear(5, 5)
    layers = [nn.Linear(6, 5), nn.ReLU(), twice, nn.ReLU(), twice, nn.Linear(5, 3)]
    module.encoder.body = nn.Sequential(*layers)
    return module


def with_a_hook_on_a_weight():
    module = autoencoder()
    module.encoder.body[0].weight.register_hook(lambda gradient: 2 * gradient)
    return module


@pytest.mark.parametrize(
    "make",
    [
        with_shared_weights,
        with_a_hook_on_a_weight,
        with_a_layer_used_twice,
        lambda: with_part(nn.GELU()),
        lambda: with_part(nn.Dropout(0.5)),
        lambda: with_part(Custom(5, 5)),
        lambda: with_part(nn.Linear(5, 5, bias=False)),
        with_two_activations,
        hooked,
        frozen,
        lambda: type("Other", (Autoencoder,), {})(nn.Linear(2, 2), nn.Linear(2, 2)),
    ],
)
def test_other_nets_are_left_to_autograd(make):
    assert written_out(make(), ReconstructionLoss("squared_error", "sigmoid")) is None


def test_identities_are_passed_over():
    module = with_part(nn.Sigmoid())
    module.encoder.body.append(nn.Identity())
    assert written_out(module, ReconstructionLoss("squared_error", "sigmoid")) is not None


def test_other_losses_are_left_to_autograd():
    assert written_out(autoencoder(), nn.MSELoss()) is None


class LooksAtBatches(Callback):
    """Has skorch's path taken, with autograd."""

    def on_batch_end(self, net, **kwargs):
        pass


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"latent_activation": "sigmoid", "output_activation": "identity"},
        {"activation": "gelu"},
        {"optimizer": "sgd", "lr": 0.1},
        {"optimizer": torch.optim.LBFGS, "lr": 0.1, "max_epochs": 1},
        {"max_grad_norm": 1e-3},
        {"loss": "huber"},
    ],
)
@pytest.mark.parametrize("make", [small_dense, small_conv])
def test_fits_are_the_same_with_it_and_without(digits, all_weights, make, params):
    quick = make(**params).fit(digits)
    by_autograd = make(callbacks=[LooksAtBatches()], **params).fit(digits)
    np.testing.assert_allclose(all_weights(quick), all_weights(by_autograd), atol=1e-6)
    assert quick.loss_curve_ == pytest.approx(by_autograd.loss_curve_, rel=1e-5)


def test_gradient_clipping_bounds_each_step(digits, all_weights):
    params = {"optimizer": "sgd", "lr": 1.0, "lr_schedule": "constant", "max_epochs": 1}
    clipped = small_dense(max_grad_norm=1e-6, **params).fit(digits)
    first = small_dense(**params | {"lr": 1e-30}).fit(digits)
    moved = np.linalg.norm(all_weights(clipped) - all_weights(first))
    assert 1e-6 < moved <= 7 * 1.01e-6  # 7 steps of 200 rows


class TwoSteps(torch.optim.SGD):
    """Asks for the loss and the gradient twice, as sharpness-aware ones do."""

    def step(self, closure):
        loss = closure()
        self.zero_grad()
        closure()
        super().step()
        return loss


def test_optimizers_that_ask_for_the_gradient_get_it(digits):
    ae = small_dense(optimizer=TwoSteps, lr=0.5, max_epochs=10).fit(digits)
    assert ae.loss_curve_[-1] < 0.95 * ae.loss_curve_[0]


class Freezes(Callback):
    """Freezes the first layer at an epoch's start, and drops gradients at its end."""

    def on_epoch_begin(self, net, **kwargs):
        self.weight_ = next(net.module_.parameters()).requires_grad_(False)
        self.before_ = self.weight_.clone()

    def on_epoch_end(self, net, **kwargs):
        net.optimizer_.zero_grad()


def test_what_a_callback_does_to_weights_and_gradients_holds(digits):
    ae = small_dense(callbacks=[Freezes()], max_epochs=5).fit(digits)
    callback = ae.callbacks_[0][1]
    assert torch.equal(callback.weight_, callback.before_)
    assert ae.loss_curve_ == sorted(ae.loss_curve_, reverse=True)
    assert len(set(ae.loss_curve_)) == 5
