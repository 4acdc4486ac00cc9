"""Where the work is done: choosing a device, and running a network on it."""

import copy

import torch
from torch import nn

from skae.exceptions import DeviceUnavailableWarning, warn

# Rows that go through a network at a time outside training: enough to keep a
# processor busy, few enough to bound the memory of the layers between, which are many
# times larger than the rows where they are images.
CHUNK_ROWS = 2048
CHUNK_ROWS_OF_IMAGES = 128
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)


def resolve_device(device):
    """The torch device that `device` means on this machine.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the first CUDA device where there is one, else the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If `device` is no device, or this machine lacks it.
    """
    resolved = _meant(device)
    absence = _absence(resolved)
    if absence:
        raise ValueError(absence)
    return resolved


def resolve_device_or_cpu(device):
    """Like `resolve_device`, but a device that is not there is a warning and the CPU."""
    resolved = _meant(device)
    absence = _absence(resolved)
    if absence:
        warn(f"{absence} The CPU is used.", DeviceUnavailableWarning)
        return torch.device("cpu")
    return resolved


def _meant(device):
    """The torch device that is meant, here or not; a ValueError where it is none."""
    if device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError):
        resolved = None
    if resolved is None or resolved.type not in ("cpu", "cuda", "mps"):
        raise ValueError(
            f"device={device!r} is not known; expected 'auto', 'cpu', 'cuda', 'cuda:1' "
            "or another CUDA device by its number, or 'mps'."
        )
    return resolved


def _absence(device):
    """What to say of a device that this machine lacks; None of one that is there."""
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        seen = f"{torch.cuda.device_count()} CUDA devices"
    elif device.type == "mps" and not torch.backends.mps.is_available():
        seen = "no MPS device"
    else:
        return None
    return (
        f"device={str(device)!r} is not there: torch sees {seen} on this machine. Use "
        "device='auto' or 'cpu'."
    )


def run_in_chunks(module, rows, device):
    """What `module` puts out for the rows, computed on `device` in their precision.

    Parameters
    ----------
    module : torch.nn.Module
        Moved to `device`, and left there.
    rows : Rows
        MPS has no float64: there, float64 rows are computed in float32.
    device : torch.device

    Returns
    -------
    ndarray of shape (n_samples, n_out) or (n_samples,)
        In float64 where the rows are, else in float32.
    """
    module, dtype, results = module.to(device), torch.float32, None
    convolves = any(isinstance(part, CONVOLUTIONS) for part in module.modules())
    n_rows = CHUNK_ROWS_OF_IMAGES if convolves else CHUNK_ROWS
    if rows.dtype == torch.float64 and device.type != "mps":
        module, dtype = _in_double(module), torch.float64
    with torch.inference_mode():
        for start in range(0, len(rows), n_rows):
            stop = min(start + n_rows, len(rows))
            chunk = module(rows.read(start, stop, dtype).to(device))
            if results is None:
                results = torch.empty(
                    (len(rows), *chunk.shape[1:]), dtype=rows.dtype, device="cpu"
                )
            results[start:stop] = chunk
    return results.numpy()


def _in_double(module):
    """The module with its weights in float64; the module itself stays as it is.

    A deep copy of a small network takes longer than to encode some rows.
    """
    if any(type(part)._apply is not nn.Module._apply for part in module.modules()):
        return copy.deepcopy(module).double()  # it holds its weights in its own way
    twin = object.__new__(type(module))
    vars(twin).update(vars(module))
    for name in ("_parameters", "_buffers"):
        tensors = vars(module)[name].items()
        vars(twin)[name] = {key: _double(tensor) for key, tensor in tensors}
    parts = module._modules.items()
    twin._modules = {k: None if m is None else _in_double(m) for k, m in parts}
    return twin


def _double(tensor):
    is_float = tensor is not None and tensor.is_floating_point()
    return tensor.detach().double() if is_float else tensor
