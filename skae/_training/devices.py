"""Device selection."""

import os

import torch

from skae.exceptions import DeviceUnavailableWarning, warn


def resolve_device(device):
    """Return the torch device for the parameter `device`.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the first CUDA device, or the CPU if there is none. In a process that
        torchrun has started, "auto" and "cuda" are the device of its local rank.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If `device` is unknown or not available.
    """
    resolved = _parse_device(device)
    reason = _unavailable_reason(resolved)
    if reason:
        raise ValueError(reason)
    return resolved


def resolve_device_or_cpu(device):
    """Return the torch device, or warn and return the CPU if it is not available."""
    resolved = _parse_device(device)
    reason = _unavailable_reason(resolved)
    if reason:
        warn(f"{reason} The CPU is used instead.", DeviceUnavailableWarning)
        return torch.device("cpu")
    return resolved


def _parse_device(device):
    local_rank = os.environ.get("LOCAL_RANK")  # torchrun sets it: one GPU a process
    if isinstance(device, str) and device == "auto":
        is_cuda = torch.cuda.is_available()
        return torch.device(f"cuda:{local_rank or 0}" if is_cuda else "cpu")
    if isinstance(device, str) and device == "cuda" and local_rank:
        device = f"cuda:{local_rank}"
    resolved = None
    if isinstance(device, str | torch.device):
        try:
            resolved = torch.device(device)
        except RuntimeError:
            resolved = None
    if resolved is None or resolved.type not in ("cpu", "cuda", "mps"):
        raise ValueError(
            f"device={device!r} is invalid; must be 'auto', 'cpu', 'cuda', 'mps', or a "
            "CUDA device with its index, such as 'cuda:1'."
        )
    return resolved


def _unavailable_reason(device):
    """Return why a device cannot be used on this machine, None if it can."""
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        n_devices = torch.cuda.device_count()
        found = f"{n_devices} CUDA device{'s' * (n_devices != 1)}"
    elif device.type == "mps" and not torch.backends.mps.is_available():
        found = "no MPS device"
    else:
        return None
    return (
        f"device={str(device)!r} is not available: PyTorch found {found}. Use "
        "device='auto' or 'cpu'."
    )
