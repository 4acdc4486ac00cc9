"""Devices: how a name is resolved, and the error for one that is not available."""

import numpy as np
import pytest
import torch
from helpers import small_dense
from observed import fingerprint

from skae._data.rows import Rows
from skae._training import inference
from skae._training.devices import resolve_device
from skae._training.inference import run_in_chunks
from skae.exceptions import DeviceUnavailableWarning


def pretend(monkeypatch, n_cuda):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cuda)


@pytest.mark.parametrize(
    ("device", "n_cuda", "expected"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:0"),
        ("cpu", 2, "cpu"),
        ("cuda", 1, "cuda"),
        ("cuda:1", 2, "cuda:1"),
        (torch.device("cuda", 1), 2, "cuda:1"),
    ],
)
def test_a_name_means_a_device(monkeypatch, device, n_cuda, expected):
    pretend(monkeypatch, n_cuda)
    assert resolve_device(device) == torch.device(expected)


@pytest.mark.parametrize(
    ("device", "n_cuda", "expected"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:1"),
        ("cuda", 2, "cuda:1"),
        ("cuda:0", 2, "cuda:0"),
    ],
)
def test_each_process_of_torchrun_has_a_device(monkeypatch, device, n_cuda, expected):
    pretend(monkeypatch, n_cuda)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert resolve_device(device) == torch.device(expected)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cuda", r"device='cuda' is not available: PyTorch found 0 CUDA.*device='auto'"),
        ("cuda:1", r"device='cuda:1' is not available"),
        ("mps", r"device='mps' is not available: PyTorch found no MPS"),
        ("gpu", r"device='gpu' is invalid; must be 'auto', 'cpu', 'cuda'"),
        (None, r"device=None is invalid; must be"),
    ],
)
def test_fit_refuses_a_device_that_is_not_there(monkeypatch, digits, device, message):
    ae = small_dense(device="cpu").fit(digits)
    pretend(monkeypatch, 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    before = fingerprint(ae, digits)
    with pytest.raises(ValueError, match=message):
        ae.set_params(device=device).fit(digits)
    assert fingerprint(ae.set_params(device="cpu"), digits) == before


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score"])
def test_a_fitted_model_whose_device_is_gone_warns_and_uses_the_cpu(
    monkeypatch, digits, method
):
    ae = small_dense(device="cpu").fit(digits)
    expected = getattr(ae, method)(digits)
    pretend(monkeypatch, 0)
    ae.set_params(device="cuda:1")
    with pytest.warns(DeviceUnavailableWarning, match=r"'cuda:1'.*The CPU is used"):
        result = getattr(ae, method)(digits)
    np.testing.assert_array_equal(result, expected)


def test_an_unknown_device_is_refused_after_fit_too(digits):
    ae = small_dense().fit(digits).set_params(device="gpu")
    with pytest.raises(ValueError, match=r"device='gpu' is invalid"):
        ae.transform(digits)


def test_a_model_records_where_it_was_trained(digits):
    assert small_dense(device="cpu").fit(digits).device_ == "cpu"


def convolution():
    """One that puts out what it is given."""
    layer = torch.nn.Conv1d(1, 1, 1, bias=False)
    torch.nn.init.ones_(layer.weight)
    return torch.nn.Sequential(torch.nn.Unflatten(1, (1, 2)), layer, torch.nn.Flatten())


@pytest.mark.parametrize("module", [torch.nn.Identity(), convolution()])
@pytest.mark.parametrize("n_rows", [1, 4, 5, 13])
def test_chunks_cover_all_rows_in_their_order(monkeypatch, n_rows, module):
    monkeypatch.setattr(inference, "CHUNK_ROWS", 4)
    monkeypatch.setattr(inference, "CHUNK_ROWS_OF_IMAGES", 3)
    rows = np.arange(2.0 * n_rows).reshape(-1, 2)
    result, value_range = run_in_chunks(Rows(rows), torch.device("cpu"), [module])
    np.testing.assert_array_equal(result, rows)
    assert value_range == (0, 2 * n_rows - 1)
    assert result.dtype == np.float64


def test_float64_rows_leave_the_weights_in_float32():
    layer = torch.nn.Linear(2, 1)
    result, _ = run_in_chunks(Rows(np.ones((3, 2))), torch.device("cpu"), [layer])
    assert result.dtype == np.float64
    assert layer.weight.dtype == torch.float32


def run(module, rows):
    return run_in_chunks(Rows(rows), torch.device("cpu"), [module])[0]


def test_a_module_is_copied_to_float64_once(monkeypatch):
    copies = []
    original = inference.copy_module
    monkeypatch.setattr(
        inference, "copy_module", lambda module: copies.append(1) or original(module)
    )
    layer = torch.nn.Linear(2, 1)
    for _ in range(3):
        run(layer, np.ones((3, 2)))
    assert len(copies) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: layer.weight.data.mul_(2),
        lambda layer: layer.load_state_dict(torch.nn.Linear(2, 1).state_dict()),
        lambda layer: setattr(layer, "bias", torch.nn.Parameter(torch.ones(1))),
    ],
    ids=["in place", "loaded", "replaced"],
)
def test_weights_that_were_changed_are_used_in_float64_too(change):
    layer, rows = torch.nn.Linear(2, 1), np.ones((3, 2))
    before = run(layer, rows)
    change(layer)
    after = run(layer, rows)
    assert not np.allclose(after, before)
    np.testing.assert_allclose(after, run(layer, rows.astype(np.float32)), rtol=1e-6)


def test_a_dropout_that_is_switched_on_is_obeyed_in_float64():
    dropout = torch.nn.Dropout(0.5).eval()
    rows = np.ones((1, 100))
    np.testing.assert_array_equal(run(dropout, rows), rows)
    with torch.random.fork_rng():
        assert (run(dropout.train(), rows) == 0).any()
    np.testing.assert_array_equal(run(dropout.eval(), rows), rows)


def test_a_module_that_keeps_a_result_of_its_weights_can_be_copied():
    layer = torch.nn.Linear(2, 1)
    layer.kept = layer.weight * 2
    np.testing.assert_allclose(
        run(layer, np.ones((3, 2))), run(layer, np.ones((3, 2), np.float32)), rtol=1e-6
    )
