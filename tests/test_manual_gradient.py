"""The manual gradient equals autograd's, and is used only where nobody can tell."""

import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense, small_dense_variational
from skorch.callbacks import Callback
from torch import nn
from torch.nn.utils import parametrizations

from skae._training import manual_gradient as module_under_test
from skae._training.manual_gradient import manual_gradient
from skae.nn.autoencoder import Autoencoder, Decoder, Encoder, GaussianEncoder
from skae.nn.linear_path import Gain, PrincipalAxes, add_linear_path
from skae.nn.losses import (
    LOSSES,
    LearnedScaleLoss,
    PriorDivergence,
    ReconstructionLoss,
    combine_losses,
)
from skae.nn.networks import dense_layers


def autoencoder(activation="relu", latent_activation="identity", sizes=(6, 5, 3)):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Autoencoder(
            Encoder(dense_layers(sizes, activation), latent_activation),
            Decoder(dense_layers(sizes[::-1], activation), "sigmoid"),
        )


def with_a_linear_path(
    activation="relu",
    latent_activation="identity",
    output_activation="identity",
    sizes=(6, 5, 3),
    noise=None,
):
    """An autoencoder beside a linear path of two axes, with random weights everywhere."""
    n_components = sizes[-1]
    outputs = sizes if noise is None else (*sizes[:-1], 2 * n_components)
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(6, 2)))[0].T
    start = PrincipalAxes(rng.random(6), 2.0, axes, np.array([1.5, 0.5]), 0.1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = dense_layers(outputs, activation)
        decoder = dense_layers(sizes[::-1], activation)
        module = Autoencoder(
            Encoder(encoder, latent_activation)
            if noise is None
            else GaussianEncoder(encoder),
            Decoder(decoder, output_activation),
        )
        add_linear_path(
            module, start, n_components, latent_activation, output_activation, noise
        )
        for weights in module.parameters():
            nn.init.normal_(weights, std=0.5)
    return module


def gradients(module):
    return [weights.grad.clone() for weights in module.parameters()]


def assert_same_gradient(module, criterion, X, target):
    """Assert that loss and gradient are autograd's, and that no argument changes."""
    expected = criterion(module(X), target)
    expected.backward()
    by_autograd = gradients(module)
    given = X.clone(), target.clone()
    result = manual_gradient(module, criterion)(*given)
    torch.testing.assert_close(result, expected.detach())
    torch.testing.assert_close(gradients(module), by_autograd, rtol=1e-6, atol=1e-9)
    assert torch.equal(given[0], X)
    assert torch.equal(given[1], target)
    assert all(gradient.any() for gradient in by_autograd)


@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 3)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("output_activation", ["sigmoid", "tanh", "identity"])
def test_it_is_autograds(sizes, activation, output_activation):
    module = autoencoder(activation, activation, sizes)
    criterion = ReconstructionLoss("squared_error", output_activation)
    X = torch.rand(7, 6, generator=torch.Generator())
    assert_same_gradient(module, criterion, X, X)


@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 3), (6, 5, 4, 2)])
@pytest.mark.parametrize("latent_activation", ["identity", "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("output_activation", ["identity", "sigmoid", "tanh", "relu"])
def test_it_is_autograds_with_a_linear_path(sizes, latent_activation, output_activation):
    module = with_a_linear_path("tanh", latent_activation, output_activation, sizes)
    criterion = ReconstructionLoss("squared_error", output_activation)
    target = torch.rand(7, 6, generator=torch.Generator())
    X = module.encoder.standardizer(target)
    assert_same_gradient(module, criterion, X, target)


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace"])
@pytest.mark.parametrize("output_activation", ["identity", "sigmoid"])
@pytest.mark.parametrize("has_path", [True, False])
@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_it_is_autograds_for_random_codes(likelihood, output_activation, has_path, beta):
    if has_path:
        noise = np.array([0.1, 0.2, 0.3])
        module = with_a_linear_path("tanh", "identity", output_activation, noise=noise)
    else:
        plain = autoencoder("tanh", sizes=(6, 5, 4))
        module = Autoencoder(
            GaussianEncoder(plain.encoder.body),
            Decoder(dense_layers((2, 5, 6), "tanh"), output_activation),
        )
    criterion = combine_losses(
        LearnedScaleLoss(likelihood, output_activation), [PriorDivergence(beta, 6)]
    )
    X = torch.rand(7, 6, generator=torch.Generator())
    expected = criterion(module(X, torch.Generator().manual_seed(3)), X)
    (expected * 0.7).backward()
    by_autograd = gradients(module)
    function = manual_gradient(module, criterion, torch.Generator().manual_seed(3))
    torch.testing.assert_close(function(X, X, 0.7), expected.detach())
    torch.testing.assert_close(gradients(module), by_autograd, rtol=1e-5, atol=1e-7)
    assert all(gradient.any() for gradient in by_autograd)


def test_the_bounds_of_variances_have_no_gradient():
    module = with_a_linear_path(noise=np.array([0.1, 0.2, 0.3]))
    with torch.no_grad():
        module.encoder.body.network[-1].bias[3:] = torch.tensor([30.0, -30.0, 0.0])
    criterion = combine_losses(
        LearnedScaleLoss("gaussian", "identity"), [PriorDivergence(1.0, 6)]
    )
    X = torch.rand(7, 6, generator=torch.Generator())
    criterion(module(X, torch.Generator().manual_seed(3)), X).backward()
    by_autograd = gradients(module)
    manual_gradient(module, criterion, torch.Generator().manual_seed(3))(X, X)
    torch.testing.assert_close(gradients(module), by_autograd, rtol=1e-4, atol=1e-7)
    assert not module.encoder.body.network[-1].bias.grad[3:5].any()


@pytest.mark.parametrize("params", [{}, {"init": "random"}, {"loss": "laplace"}])
def test_a_variational_fit_by_it_is_that_by_autograd(digits, monkeypatch, params):
    manual = small_dense_variational(n_flow_layers=0, **params).fit(digits)
    monkeypatch.setattr(module_under_test, "ENABLED", False)
    by_autograd = small_dense_variational(n_flow_layers=0, **params).fit(digits)
    np.testing.assert_allclose(manual.loss_curve_, by_autograd.loss_curve_, rtol=1e-4)
    codes = by_autograd.transform(digits)
    np.testing.assert_allclose(manual.transform(digits), codes, rtol=1e-2, atol=1e-2)


class Custom(nn.Linear):
    """Could compute anything."""


def with_part(part):
    module = autoencoder()
    module.encoder.body[1] = part
    return module


def with_two_activations():
    return Autoencoder(
        Encoder(nn.Sequential(nn.Linear(6, 3), nn.ReLU()), "sigmoid"),
        Decoder(nn.Linear(3, 6), "sigmoid"),
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


def with_a_patched_forward():
    module = autoencoder()
    module.encoder.body[0].forward = lambda X: X[:, :5]
    return module


def with_a_parameter_subclass():
    class Tracked(nn.Parameter):
        pass

    module = autoencoder()
    module.encoder.body[0].weight = Tracked(module.encoder.body[0].weight.data)
    return module


def in_a_path(change):
    module = with_a_linear_path(output_activation="sigmoid")
    change(module)
    return module


def with_a_gain(module):
    body = module.decoder.body
    body.network = nn.Sequential(body.network, Gain(6))


def with_another_linear_map(module):
    module.encoder.body.linear = Custom(6, 3)


def with_a_hook_on_the_linear_map(module):
    module.decoder.body.linear.weight.register_hook(lambda gradient: 2 * gradient)


def with_a_shared_linear_map(module):
    module.encoder.body.linear.bias = module.encoder.body.network[-1].bias


def with_a_frozen_linear_map(module):
    module.encoder.body.linear.weight.requires_grad_(False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: in_a_path(with_a_gain),
        lambda: in_a_path(with_another_linear_map),
        lambda: in_a_path(with_a_hook_on_the_linear_map),
        lambda: in_a_path(with_a_shared_linear_map),
        lambda: in_a_path(with_a_frozen_linear_map),
        lambda: with_a_linear_path(activation="gelu"),
        lambda: with_a_linear_path(noise=np.array([0.1, 0.2, 0.3])),
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
        lambda: type("Other", (Autoencoder,), {})(
            *(autoencoder().encoder, autoencoder().decoder)
        ),
        with_a_patched_forward,
        with_a_parameter_subclass,
        lambda: with_part(nn.ReLU(inplace=True)),
        lambda: with_part(parametrizations.weight_norm(nn.Linear(5, 5))),
    ],
)
def test_other_nets_are_left_to_autograd(make):
    assert manual_gradient(make(), ReconstructionLoss("squared_error", "sigmoid")) is None


SQUARED_ERROR = ReconstructionLoss("squared_error", "sigmoid")


def test_one_switch_leaves_all_to_autograd(monkeypatch):
    for make in (autoencoder, with_a_linear_path):
        assert manual_gradient(make(), SQUARED_ERROR) is not None
    monkeypatch.setattr(module_under_test, "ENABLED", False)
    for make in (autoencoder, with_a_linear_path):
        assert manual_gradient(make(), SQUARED_ERROR) is None


# All attributes of a module in this version of torch. If this test fails, torch has a new
# one: decide whether a step depends on it, and add it here.
MODULE_ATTRIBUTES = {
    "_backward_hooks",
    "_backward_pre_hooks",
    "_buffers",
    "_forward_hooks",
    "_forward_hooks_always_called",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_is_full_backward_hook",
    "_load_state_dict_post_hooks",
    "_load_state_dict_pre_hooks",
    "_modules",
    "_non_persistent_buffers_set",
    "_parameters",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "training",
}


def test_torch_has_no_hook_dictionary_that_is_unknown_here():
    assert set(vars(nn.Module())) <= MODULE_ATTRIBUTES
    found = {n for n in dir(nn.Parameter(torch.ones(1))) if n.endswith("_hooks")}
    assert found == {"_backward_hooks", "_post_accumulate_grad_hooks"}


@pytest.mark.parametrize("name", sorted(MODULE_ATTRIBUTES | {"_hooks_of_the_future"}))
def test_any_hook_on_a_module_leaves_it_to_autograd(name):
    known = {"_parameters", "_buffers", "_modules", "training"}
    for part in ("encoder", "decoder"):
        module = autoencoder()
        if name not in known:
            vars(getattr(module, part).body[0])[name] = {0: lambda *args: None}
        is_manual = manual_gradient(module, SQUARED_ERROR) is not None
        assert is_manual is (name in known)
    for number in range(len(list(with_a_linear_path().modules()))):
        module = with_a_linear_path()
        if name not in known:
            vars(list(module.modules())[number])[name] = {0: lambda *args: None}
        is_manual = manual_gradient(module, SQUARED_ERROR) is not None
        assert is_manual is (name in known)


GLOBAL_HOOKS = {
    n: value
    for n, value in vars(nn.modules.module).items()
    if n.startswith("_global_") and isinstance(value, dict)
}


@pytest.mark.parametrize("name", sorted(GLOBAL_HOOKS))
def test_any_global_hook_leaves_all_to_autograd(name, monkeypatch):
    monkeypatch.setitem(GLOBAL_HOOKS[name], 0, lambda *args: None)
    assert manual_gradient(autoencoder(), SQUARED_ERROR) is None


def test_anomaly_detection_and_saved_tensor_hooks_leave_all_to_autograd():
    module = autoencoder()
    with pytest.warns(UserWarning, match="Anomaly Detection"):
        anomaly = torch.autograd.detect_anomaly()
    with anomaly:
        assert manual_gradient(module, SQUARED_ERROR) is None
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x)
    with hooks:
        assert manual_gradient(module, SQUARED_ERROR) is None
    assert manual_gradient(module, SQUARED_ERROR) is not None


def test_a_global_forward_hook_sees_every_step(digits):
    calls = []
    hook = nn.modules.module.register_module_forward_hook(
        lambda module, *args: (
            calls.append(module) if type(module) is Autoencoder else None
        )
    )
    try:
        small_dense(max_epochs=2, latent_density=None).fit(digits)
    finally:
        hook.remove()
    assert len(calls) == 2 * 7  # 200 samples in batches of 32


@pytest.mark.parametrize("weight", [0.25, 33 / 32])
@pytest.mark.parametrize("make", [autoencoder, with_a_linear_path])
def test_a_weighted_batch_has_a_weighted_gradient(make, weight):
    module, X = make(), torch.rand(7, 6, generator=torch.Generator())
    loss = manual_gradient(module, SQUARED_ERROR)(X, X)
    plain = gradients(module)
    assert manual_gradient(module, SQUARED_ERROR)(X, X, weight) == loss
    expected = [weight * gradient for gradient in plain]
    torch.testing.assert_close(gradients(module), expected)


def test_identities_are_passed_over():
    module = with_part(nn.Sigmoid())
    module.encoder.body.append(nn.Identity())
    assert (
        manual_gradient(module, ReconstructionLoss("squared_error", "sigmoid"))
        is not None
    )


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {"squared_error"}))
def test_other_losses_are_left_to_autograd(loss):
    for make in (autoencoder, with_a_linear_path):
        assert manual_gradient(make(), ReconstructionLoss(loss, "sigmoid")) is None
        assert manual_gradient(make(), nn.MSELoss()) is None


class BatchHook(Callback):
    """Makes training take skorch's path, with autograd."""

    def on_batch_end(self, net, **kwargs):
        pass


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"init": "random"},
        {"output_activation": "identity"},
        {"latent_activation": "sigmoid", "output_activation": "identity"},
        {"latent_activation": "tanh", "output_activation": "tanh"},
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
    by_autograd = make(callbacks=[BatchHook()], **params).fit(digits)
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
    params = {"init": "random", "max_epochs": 10}
    ae = small_dense(optimizer=TwoSteps, lr=0.5, **params).fit(digits)
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
