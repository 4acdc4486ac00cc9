"""With array_api_dispatch, results are arrays of the library that X is from."""

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


def test_codes_in_a_tensor_decode_to_a_tensor(make_small, digits):
    X = torch.tensor(digits)
    with config_context(array_api_dispatch=True):
        ae = make_small().fit(X)
        decoded = ae.inverse_transform(ae.transform(X))
        assert isinstance(ae.score(X), float)
    assert isinstance(decoded, torch.Tensor)


def test_codes_are_on_the_device_of_x(make_small, digits):
    device = array_api_strict.Device("device1")
    X = array_api_strict.asarray(digits, device=device)
    with config_context(array_api_dispatch=True):
        codes = make_small().fit_transform(X)
    assert codes.device == device


def test_without_dispatch_tensors_give_numpy_arrays(make_small, digits):
    X = torch.tensor(digits)
    assert isinstance(make_small().fit_transform(X), np.ndarray)


def test_a_library_other_than_that_of_fit_is_refused(make_small, digits):
    with config_context(array_api_dispatch=True):
        ae = make_small().fit(torch.tensor(digits))
        with pytest.raises(
            ValueError, match=r"transform\(\) must use the same namespace"
        ):
            ae.transform(digits)
    assert isinstance(ae.transform(digits), np.ndarray)  # without dispatch, any
