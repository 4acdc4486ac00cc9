"""Captured steps: which are captured, which replayed, and what is left afterwards."""

import functools

import numpy as np
import pytest
import torch
from conftest import small_conv, small_dense

from skae import engine, graphs
from skae.graphs import CapturedStep, is_capturable


@pytest.fixture
def weight():
    return torch.nn.Parameter(torch.zeros(()))


def make_step(weight):
    """A step that moves `weight` to the mean of a batch, the losses, the optimizer."""
    optimizer = torch.optim.Adam([weight], lr=0.1, foreach=False)
    sizes = []

    def step(rows):
        sizes.append(len(rows))
        optimizer.zero_grad()
        loss = (rows.mean() - weight).square()
        loss.backward()
        with torch.no_grad():
            weight.sub_(0.1 * weight.grad)
        return loss.detach()

    return step, optimizer, sizes


def rerun(step, device, generator):
    """Stands for a capture: a replay runs the step on the same tensors again."""
    return step


def test_full_batches_are_replayed_on_one_tensor_and_short_ones_are_not(weight):
    step, optimizer, _ = make_step(weight)
    seen = []

    def capture(step_on_static_rows, device, generator):
        def replay():
            seen.append(True)
            return step_on_static_rows()

        return replay

    captured = CapturedStep(step, optimizer, 4, capture=capture)
    batches = [torch.full((4, 1), float(i)) for i in range(8)] + [torch.ones(3, 1)]
    for rows in batches:
        captured(rows)
    assert len(seen) == 8 - graphs.WARM_UP_STEPS


def test_replays_train_as_plain_steps_do(weight):
    other = torch.nn.Parameter(torch.zeros(()))
    plain, _, _ = make_step(other)
    step, optimizer, _ = make_step(weight)
    captured = CapturedStep(step, optimizer, 4, capture=rerun)
    for i in range(9):
        rows = torch.full((4 if i != 5 else 2, 1), float(i))
        assert captured(rows) == plain(rows)
    assert torch.equal(weight, other)


def test_what_cannot_be_captured_is_trained_as_it_is(weight):
    step, optimizer, sizes = make_step(weight)
    attempts = []

    def capture(step, device, generator):
        attempts.append(True)
        raise RuntimeError("operation not permitted when stream is capturing")

    captured = CapturedStep(step, optimizer, 4, capture=capture)
    for _ in range(9):
        captured(torch.ones(4, 1))
    assert len(attempts) == 1
    assert sizes == [4] * 9


def test_the_rate_is_in_a_tensor_until_release(weight):
    step, optimizer, _ = make_step(weight)
    captured = CapturedStep(step, optimizer, 4, capture=rerun)
    [group] = optimizer.param_groups
    assert isinstance(group["lr"], torch.Tensor)
    assert group["capturable"]
    group["lr"].fill_(0.25)
    captured.release()
    assert group["lr"] == 0.25
    assert type(group["lr"]) is float
    assert not group["capturable"]


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [(torch.optim.Adam, True), (torch.optim.AdamW, True), (torch.optim.SGD, False)],
)
def test_only_optimizers_that_need_nothing_of_the_cpu_are_captured(
    weight, optimizer, expected
):
    assert is_capturable(optimizer([weight], lr=0.1, fused=True)) is expected
    assert not is_capturable(optimizer([weight], lr=0.1))


def test_a_rate_that_a_callback_sets_reaches_the_graph(weight):
    step, optimizer, _ = make_step(weight)
    rates = []

    def capture(step, device, generator):
        [rate] = [group["lr"] for group in optimizer.param_groups]
        return lambda: rates.append(float(rate))

    captured = CapturedStep(step, optimizer, 4, capture=capture)
    for number in range(6):
        if number == 5:
            optimizer.param_groups[0]["lr"] = 0.5
        captured(torch.ones(4, 1))
    assert rates == pytest.approx([0.1, 0.1, 0.5])


@pytest.mark.parametrize("make", [small_dense, small_conv])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_fit_of_captured_steps_is_that_of_plain_ones(
    digits, all_weights, monkeypatch, make, optimizer
):
    """But for the device: what a graph would replay is run again on the CPU."""
    params = {"optimizer": optimizer, "max_epochs": 3, "batch_size": 30}
    plain = make(**params).fit(digits)
    captured_step = functools.partial(CapturedStep, capture=rerun)
    monkeypatch.setattr(graphs, "CapturedStep", captured_step)
    monkeypatch.setattr(engine.AutoencoderNet, "_can_capture", lambda net: True)
    captured = make(**params).fit(digits)
    np.testing.assert_allclose(all_weights(captured), all_weights(plain), atol=1e-6)
    [group] = captured.net_.optimizer_.param_groups
    assert type(group["lr"]) is float
