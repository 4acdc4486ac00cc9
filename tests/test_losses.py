"""Losses against their formulas."""

import math

import pytest
import torch
from torch.nn import functional

from skae.nn.losses import LOSSES, ReconstructionLoss

RAW = torch.tensor([[0.5, -3.0], [2.0, 0.1]])
X = torch.tensor([[0.0, 1.0], [0.7, 0.2]])
ERROR = torch.sigmoid(RAW) - X


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("squared_error", ERROR.square().mean()),
        ("absolute_error", ERROR.abs().mean()),
        ("huber", ERROR.square().mean() / 2),  # all errors here are below 1
        (
            "binary_cross_entropy",
            functional.binary_cross_entropy(torch.sigmoid(RAW), X),
        ),
    ],
)
def test_the_loss_is_the_mean_error_after_the_activation(loss, expected):
    value = ReconstructionLoss(loss, "sigmoid")((RAW, None), X)
    torch.testing.assert_close(value, expected)


def test_huber_is_absolute_beyond_one():
    value = ReconstructionLoss("huber", "identity")(
        (torch.tensor([[5.0]]), None), 0 * X[:1, :1]
    )
    torch.testing.assert_close(value, torch.tensor(4.5))


def test_cross_entropy_stays_finite_where_the_sigmoid_rounds_to_one():
    raw = torch.full((1, 1), 200.0)
    value = ReconstructionLoss("binary_cross_entropy", "sigmoid")((raw, None), 0 * raw)
    assert math.isclose(float(value), 200.0)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_least_for_a_perfect_reconstruction(loss):
    """The cross-entropy too: its minimum is at the target, the entropy of which it is."""
    criterion = ReconstructionLoss(loss, "sigmoid")
    raw = torch.logit(torch.tensor([[0.2, 0.7]]))
    perfect = criterion((raw,), torch.sigmoid(raw))
    for shift in (-0.5, 0.5):
        assert criterion((raw + shift,), torch.sigmoid(raw)) > perfect
