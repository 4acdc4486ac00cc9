"""How long training lasts, and at which rate."""

import pickle

import numpy as np
import pytest
from helpers import Rates, small_dense
from sklearn.decomposition import PCA

from skae import DenseAutoencoder
from skae._training.schedules import one_cycle, training_length


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "max_epochs"),
    [
        (1, 1, 200),  # 200 steps in any case
        (20, 20, 200),
        (133, 32, 50),
        (800, 50, 50),  # batches of a sixteenth
        (1500, 93, 50),
        (1797, 100, 30),
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
    ae.fit(np.random.default_rng(0).random((64, 8)))
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


# --- steps in proportion to what PCA leaves to learn -----------------------------------


def leaving(share, n_samples=64, n_features=8):
    """Samples of which four components leave this share of the standard deviation."""
    rng = np.random.default_rng(0)
    both = np.linalg.qr(rng.normal(size=(n_samples, n_features)))[0]
    X = both - both.mean(axis=0)
    U, _, Vt = np.linalg.svd(X, full_matrices=False)
    variances = np.repeat([1 - share**2, share**2], n_features // 2)
    return U * np.sqrt(variances) @ Vt


def peak(X, **params):
    """The first learning rate, with lr=0.01 and no schedule."""
    ae = small_dense(callbacks=[Rates()], lr=0.01, lr_schedule="constant", **params)
    return ae.fit(X).callbacks_[0][1].rates_[0]


@pytest.mark.parametrize(
    ("share", "factor"), [(0.5, 1), (0.25, 1), (0.05, 0.2), (1e-3, 4e-3)]
)
@pytest.mark.parametrize("scale", [1e-8, 1, 1e8])
def test_steps_are_smaller_where_pca_leaves_little(share, factor, scale):
    X = scale * leaving(share)
    assert peak(X) == pytest.approx(0.01 * factor, rel=0.02)


@pytest.mark.parametrize(
    "params",
    [
        {"init": "random"},
        {"noise": "gaussian"},
        {"latent_penalty": "l1"},
        {"latent_activation": "tanh"},
        {"optimizer": "sgd"},
    ],
    ids=lambda params: next(iter(params)),
)
def test_steps_are_full_where_more_is_to_be_learned_than_pca_leaves(params):
    assert peak(leaving(0.05), **params) == pytest.approx(0.01)


def test_exactly_linear_samples_stay_at_pca():
    X = leaving(0.0)
    ae = small_dense(max_epochs=20).fit(X)
    assert ae.n_iter_ == 20
    assert np.square(ae.reconstruct(X) - X).sum() < 1e-10 * np.square(X).sum()


def test_further_training_takes_full_steps():
    """Other samples may leave more to learn than those of the first fit."""
    ae = small_dense(lr=0.01, max_epochs=1, callbacks=[Rates()], lr_schedule="constant")
    ae.fit(leaving(0.05))
    ae = pickle.loads(pickle.dumps(ae)).partial_fit(leaving(0.5))
    assert ae.callbacks_[0][1].rates_[:2] == pytest.approx([0.002] * 2, rel=0.02)
    assert ae.callbacks_[0][1].rates_[2:] == [0.01] * 2


def test_a_stream_learns_after_a_first_call_that_pca_explains():
    X = leaving(0.5, n_samples=200)
    for first in (np.zeros((20, 8)), X[:3]):
        ae = small_dense(latent_density=None).partial_fit(first)
        before = ae.score(X)
        for _ in range(30):
            ae.partial_fit(X)
        assert ae.score(X) > before / 2


def test_a_warm_start_learns_samples_that_pca_explains():
    first, second = leaving(0.0), leaving(0.0)[:, ::-1].copy()
    ae = small_dense(warm_start=True, max_epochs=30).fit(first)
    before = ae.score(second)
    assert ae.fit(second).score(second) > before / 2


def test_a_wide_table_that_pca_nearly_explains_is_learned():
    """With full steps, the loss rises to a multiple of the variance."""
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(400, 40))
    A = rng.normal(size=(40, 160)) / np.sqrt(40)
    X = Z @ A + 0.05 * np.tanh(Z @ A[:, ::-1])
    ae = DenseAutoencoder(40, max_epochs=20, latent_density=None, random_state=0).fit(X)
    pca = PCA(40).fit(X)
    error = np.square(pca.inverse_transform(pca.transform(X)) - X).mean()
    assert max(ae.loss_curve_) < 2 * error
    assert -ae.score(X) < error
