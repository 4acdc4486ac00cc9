"""Arrays of other libraries in, arrays of other libraries out, where dispatch is on."""

import array_api_strict
import numpy as np
import pytest
import torch
from sklearn import config_context


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_give_tensors(make_small, digits, method, dtype):
    X = torch.tensor(digits, dtype=dtype)
    expected = getattr(make_small().fit(X.numpy()), method)(X.numpy())
    with config_context(array_api_dispatch=True):
        result = getattr(make_small().fit(X), method)(X)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result.numpy(), expected)


def test_codes_in_tensors_decode_to_tensors(make_small, digits):
    X = torch.tensor(digits)
    with config_context(array_api_dispatch=True):
        ae = make_small().fit(X)
        restored = ae.inverse_transform(ae.transform(X))
        assert isinstance(ae.score(X), float)
    assert isinstance(restored, torch.Tensor)


def test_the_devices_of_a_library_are_kept(make_small, digits):
    device = array_api_strict.Device("device1")
    X = array_api_strict.asarray(digits, device=device)
    with config_context(array_api_dispatch=True):
        codes = make_small().fit_transform(X)
    assert codes.device == device


def test_without_dispatch_tensors_give_numpy_arrays(make_small, digits):
    X = torch.tensor(digits)
    assert isinstance(make_small().fit_transform(X), np.ndarray)


def test_another_library_than_in_fit_is_refused(make_small, digits):
    with config_context(array_api_dispatch=True):
        ae = make_small().fit(torch.tensor(digits))
        with pytest.raises(
            ValueError, match=r"transform\(\) must use the same namespace"
        ):
            ae.transform(digits)
    assert isinstance(ae.transform(digits), np.ndarray)  # without dispatch, all go
