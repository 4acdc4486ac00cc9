"""Inference: run fitted networks on samples, chunk by chunk."""

import weakref

import torch
from torch import nn

from skae._data.rows import EMPTY_RANGE, merge_ranges
from skae._training.precision import float32_products
from skae.nn.copying import copy_module

# Samples to process at a time: enough to keep a processor busy, few enough to bound the
# memory of the activations, which are many times larger than the samples for images.
CHUNK_ROWS = 2048
CHUNK_ROWS_OF_IMAGES = 128
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)


def run_in_chunks(rows, device, modules, function=None):
    """Return the results of modules for samples, in the precision of the samples.

    Parameters
    ----------
    rows : Rows
        float64 samples are computed in float64, except on MPS, which has none.
    device : torch.device
    modules : sequence of torch.nn.Module
        Moved to `device`, where they stay.
    function : callable, default=None
        Called with a chunk (n_rows, n_features) and the modules. None applies the
        modules one after the other.

    Returns
    -------
    results : ndarray of shape (n_samples, n_out) or (n_samples,)
        float64 if the samples are, else float32.
    value_range : tuple of float
        The least and the greatest value of the samples.
    """
    function = _in_sequence if function is None else function
    modules = [module.to(device) for module in modules]
    dtype, results, value_range = torch.float32, None, EMPTY_RANGE
    n_rows = CHUNK_ROWS_OF_IMAGES if _convolve(modules) else CHUNK_ROWS
    if rows.dtype == torch.float64 and device.type != "mps":
        modules, dtype = [_float64_copies.of(module) for module in modules], rows.dtype
    with torch.inference_mode(), float32_products("float32", device):
        for start in range(0, len(rows), n_rows):
            stop = min(start + n_rows, len(rows))
            chunk, chunk_range = rows.read(start, stop, dtype)
            value_range = merge_ranges(value_range, chunk_range)
            result = function(chunk.to(device), *modules)
            if results is None:
                results = torch.empty(
                    (len(rows), *result.shape[1:]), dtype=rows.dtype, device="cpu"
                )
            results[start:stop] = result
    return results.numpy(), value_range


def _in_sequence(X, *modules):
    for module in modules:
        X = module(X)
    return X


def _convolve(modules):
    return any(
        isinstance(m, CONVOLUTIONS) for module in modules for m in module.modules()
    )


class _Float64Copies:
    """Copies of modules in float64, kept as long as the modules exist.

    Copying takes longer than encoding a few samples. Each call compares the weights with
    the copied ones, so that changes by the user are never missed.
    """

    def __init__(self):
        self._copies = weakref.WeakKeyDictionary()

    def of(self, module):
        """Return the module with its weights and buffers in float64."""
        weights, copied = self._copies.get(module, (None, None))
        state = module.state_dict()
        if weights is None or not _are_equal(state, weights):
            weights = {name: value.clone() for name, value in state.items()}
            copied = copy_module(module).double()
            self._copies[module] = weights, copied
        for part, original in zip(copied.modules(), module.modules(), strict=True):
            part.training = original.training
        return copied


_float64_copies = _Float64Copies()


def _are_equal(first, second):
    return first.keys() == second.keys() and all(
        value.device == second[name].device and torch.equal(value, second[name])
        for name, value in first.items()
    )
