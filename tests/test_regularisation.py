"""Noise in training, and penalties on the latent codes: the effect of each."""

import numpy as np
import pytest
import torch
from helpers import small_dense
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae.metrics import precision_recall
from skae.nn.corruption import GaussianCorruption, MaskingCorruption, make_corruption
from skae.nn.losses import LatentPenalty


@pytest.fixture(scope="module")
def split():
    return train_test_split(load_digits().data / 16, random_state=0)


def medium(**params):
    settings = {"n_components": 16, "hidden_layer_sizes": (128,), "max_epochs": 25}
    return small_dense(**settings | params)


def seeds(X, **params):
    return [medium(random_state=seed, **params).fit(X) for seed in range(3)]


@pytest.fixture(scope="module")
def plains(split):
    """Models without noise and penalty, of three seeds."""
    return seeds(split[0])


def noisy(X, kind):
    rng = np.random.default_rng(0)
    if kind == "masking":
        return X * (rng.random(X.shape) >= 0.3)
    return X + rng.normal(scale=0.3, size=X.shape)


@pytest.mark.filterwarnings("ignore::skae.exceptions.OutputRangeWarning")
@pytest.mark.parametrize("kind", ["gaussian", "masking"])
def test_a_denoising_autoencoder_reconstructs_noisy_digits_better(split, plains, kind):
    plain = plains[0]
    X, X_test = split
    denoising = medium(noise=kind, noise_level=0.3).fit(X)

    def error(ae):
        return ((ae.reconstruct(noisy(X_test, kind)) - X_test) ** 2).mean()

    assert error(denoising) < 0.8 * error(plain)
    assert plain.score(X_test) > denoising.score(X_test)  # which costs accuracy


def test_noise_is_drawn_in_training_only(split):
    ae = medium(noise="gaussian", max_epochs=2).fit(split[0])
    np.testing.assert_array_equal(ae.transform(split[1]), ae.transform(split[1]))


def test_gaussian_noise_has_the_level_of_the_parameter():
    X = torch.zeros(400, 100)
    added = GaussianCorruption(0.3)(X, torch.Generator().manual_seed(0))
    assert float(added.std()) == pytest.approx(0.3, rel=0.02)
    assert not X.any()


def test_masking_sets_a_share_of_the_elements_to_zero():
    masked = MaskingCorruption(0.3)(
        torch.ones(400, 100), torch.Generator().manual_seed(0)
    )
    assert float((masked == 0).float().mean()) == pytest.approx(0.3, rel=0.05)
    assert set(masked.unique().tolist()) == {0.0, 1.0}


def test_no_noise_is_no_corruption():
    assert make_corruption(None, 0.5) is None


def test_masking_everything_is_refused(split):
    with pytest.raises(
        ValueError, match=r"noise_level=1\.5 is invalid with noise='masking'"
    ):
        medium(noise="masking", noise_level=1.5).fit(split[0])


@pytest.mark.parametrize(("latent_penalty", "expected"), [("l1", 2.0), ("l2", 5.0)])
def test_a_penalty_is_a_mean_over_the_latent_codes(latent_penalty, expected):
    codes = torch.tensor([[1.0, -3.0], [-1.0, 3.0]])
    value = LatentPenalty(latent_penalty, 0.5)((None, codes))
    torch.testing.assert_close(value, torch.tensor(expected / 2))


def test_l1_gives_more_codes_near_zero(split, plains):
    X, X_test = split

    def share_near_zero(ae):
        codes = np.abs(ae.transform(X_test))
        return (codes < 0.01 * codes.max()).mean()

    sparse = seeds(X, latent_penalty="l1", latent_penalty_weight=1.0)
    shares = [
        np.mean([share_near_zero(ae) for ae in models]) for models in (plains, sparse)
    ]
    assert shares[1] > 2 * shares[0]


def test_l1_makes_codes_of_a_relu_exactly_zero(split):
    X, X_test = split
    shares = [
        (medium(latent_activation="relu", **params).fit(X).transform(X_test) == 0).mean()
        for params in ({}, {"latent_penalty": "l1", "latent_penalty_weight": 0.01})
    ]
    assert shares[1] > shares[0]


def test_samples_of_a_regularized_autoencoder_are_more_precise(split, plains):
    """Ghosh et al. 2020: small codes and weights make a smooth decoder."""
    X, X_test = split

    def precision(ae):
        ae.fit_density(X, "gaussian")
        return precision_recall(X_test, ae.sample(2_000, random_state=0)).precision

    params = {"latent_penalty_weight": 1e-3, "weight_decay": 3e-5}
    regularized = seeds(X, latent_penalty="l2", **params)
    precisions = [
        np.mean(list(map(precision, models))) for models in (plains, regularized)
    ]
    assert precisions[1] > precisions[0] + 0.03


def test_a_penalty_of_weight_zero_changes_nothing(split, all_weights):
    X, _ = split
    same = medium(latent_penalty="l2", latent_penalty_weight=0.0, max_epochs=2).fit(X)
    np.testing.assert_allclose(
        all_weights(same), all_weights(medium(max_epochs=2).fit(X)), atol=1e-5
    )
