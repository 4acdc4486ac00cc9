"""How long training lasts, and at which rate."""

import numpy as np
import pytest
from helpers import Rates, small_dense

from skae._training.schedules import one_cycle, training_length


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "max_epochs"),
    [
        (1, 1, 200),  # 200 steps in any case
        (20, 20, 200),
        (133, 32, 50),
        (400, 50, 50),  # batches of an eighth
        (1797, 100, 50),
        (30_000, 100, 13),  # 300 steps an epoch, about 4,000 in all
        (60_000, 100, 10),
        (400_000, 400, 10),
        (10_000_000, 1000, 10),
    ],
)
def test_auto_makes_enough_steps_for_any_number_of_rows(n_rows, batch_size, max_epochs):
    assert training_length(n_rows, "auto", "auto") == (batch_size, max_epochs)
    assert training_length(n_rows, 1, 3) == (1, 3)


@pytest.mark.parametrize("batch_size", [33, 10**30, 10**400], ids=["33", "30", "400"])
def test_a_batch_of_all_samples_has_one_step_per_epoch(batch_size):
    assert training_length(33, batch_size, "auto") == (33, 200)


def rates(**params):
    ae = small_dense(callbacks=[Rates()], **params)
    ae.fit(np.random.default_rng(0).random((64, 4)))
    return ae.callbacks_[0][1].rates_


def test_one_cycle_rises_to_the_peak_and_falls_to_nearly_nothing():
    shares = np.array([one_cycle(p) for p in np.linspace(0, 1, 101)])
    assert shares[0] == pytest.approx(1 / 25)
    assert shares.argmax() == 30
    assert shares.max() == pytest.approx(1)
    assert (np.diff(shares[:31]) > 0).all()
    assert (np.diff(shares[30:]) < 0).all()
    assert 0 < shares[-1] < 1e-4


def test_one_cycle_spans_all_steps_of_a_fit():
    expected = [0.01 * one_cycle(step / 19) for step in range(20)]
    assert rates(lr=0.01, max_epochs=10) == pytest.approx(expected)
    assert rates(lr=0.01, max_epochs=10, lr_schedule="onecycle") == pytest.approx(
        expected
    )


def test_constant_stays():
    assert rates(lr=0.01, max_epochs=3, lr_schedule="constant") == [0.01] * 6


def test_cosine_falls_from_the_peak_to_nothing():
    expected = 0.01 * (1 + np.cos(np.pi * np.arange(6) / 5)) / 2
    assert rates(lr=0.01, max_epochs=3, lr_schedule="cosine") == pytest.approx(expected)


def test_a_batch_size_of_a_small_type_of_numpy_does_not_overflow():
    expected = training_length(1000, 16, "auto")
    assert training_length(1000, np.uint8(16), "auto") == expected
