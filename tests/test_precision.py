"""Precision: what products are computed in, and flags left as they were."""

import numpy as np
import pytest
import torch
from helpers import small_dense

from skae._training.precision import float32_products


def test_tf32_is_float32_on_a_cpu(digits, all_weights):
    np.testing.assert_array_equal(
        all_weights(small_dense(precision="tf32").fit(digits)),
        all_weights(small_dense().fit(digits)),
    )


def test_bfloat16_rounds_while_training_and_reconstructs_as_well(make_small, digits):
    settings = {"max_epochs": 30, "lr": 0.01, "n_components": 8}
    exact = make_small(**settings).fit(digits)
    rounded = make_small(precision="bfloat16", **settings).fit(digits)
    assert rounded.loss_curve_[0] != exact.loss_curve_[0]
    assert -rounded.score(digits) < 1.03 * -exact.score(digits)


def test_weights_and_results_stay_in_float32(digits):
    ae = small_dense(precision="bfloat16").fit(digits)
    assert {w.dtype for w in ae.module_.parameters()} == {torch.float32}
    codes = ae.transform(digits.astype(np.float32))
    expected = ae.encoder_(torch.tensor(digits, dtype=torch.float32)).detach()
    np.testing.assert_allclose(codes, expected, rtol=1e-6, atol=1e-6)


def test_the_validation_loss_is_not_rounded(digits):
    ae = small_dense(precision="bfloat16", validation_fraction=0.2, shuffle=False)
    ae.fit(digits)
    assert ae.validation_loss_curve_[-1] == pytest.approx(
        -ae.score(digits[-40:]), rel=1e-5
    )


def flags():
    """What products of matrices, and convolutions, are computed in on CUDA."""
    places = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(places[1], "conv"):  # since torch 2.9
        return places[0].fp32_precision, places[1].conv.fp32_precision
    return tuple("tf32" if place.allow_tf32 else "ieee" for place in places)


@pytest.mark.parametrize(("precision", "flag"), [("float32", "ieee"), ("tf32", "tf32")])
def test_on_cuda_products_are_exact_or_tf32_and_the_flags_come_back(precision, flag):
    before = flags()
    with float32_products(precision, "cuda"):
        assert flags() == (flag, flag)
    assert flags() == before
    with pytest.raises(KeyError), float32_products(precision, "cuda:1"):
        raise KeyError
    assert flags() == before


def test_elsewhere_the_flags_are_not_touched():
    before = flags()
    with float32_products("tf32", "cpu"):
        assert flags() == before
