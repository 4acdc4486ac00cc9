"""The precision of matrix products and convolutions."""

import contextlib
import threading

import torch


def autocast(precision, device):
    """Return a context in which layers compute in `precision`; weights stay in float32.

    Parameters
    ----------
    precision : {"float32", "tf32", "bfloat16"}
    device : str or torch.device
    """
    return torch.autocast(
        torch.device(device).type, torch.bfloat16, enabled=precision == "bfloat16"
    )


@contextlib.contextmanager
def float32_products(precision, device):
    """Compute float32 products on CUDA in float32, or in TensorFloat-32 for "tf32".

    torch's own default is float32 for matrices and TensorFloat-32 for convolutions. Its
    flags belong to the process: threads that need the same flags share them, others wait.
    Afterwards, the flags are as before. Other devices are not affected.

    Parameters
    ----------
    precision : {"float32", "tf32", "bfloat16"}
    device : str or torch.device
    """
    if torch.device(device).type != "cuda":
        yield
        return
    wanted = "tf32" if precision == "tf32" else "ieee"
    _flags.acquire(wanted)
    try:
        yield
    finally:
        _flags.release()


class _SharedFlags:
    """torch's flags for float32 products, held by all threads that need one value."""

    def __init__(self):
        self.changed = threading.Condition()
        self.n_holders = 0
        self.value = None
        self.before = []

    def acquire(self, value):
        with self.changed:
            self.changed.wait_for(lambda: not self.n_holders or self.value == value)
            if not self.n_holders:
                self.before = [_flag(backend) for backend in _backends()]
                self.value = value
                for backend in _backends():
                    _set_flag(backend, value)
            self.n_holders += 1

    def release(self):
        with self.changed:
            self.n_holders -= 1
            if not self.n_holders:
                for backend, flag in zip(_backends(), self.before, strict=True):
                    _set_flag(backend, flag)
                self.changed.notify_all()


_flags = _SharedFlags()


def _backends():
    matrices, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(convolutions, "conv"):  # since torch 2.9, each kind of layer has a flag
        return [matrices, convolutions.conv, convolutions.rnn]
    return [matrices, convolutions]


def _flag(backend):
    if hasattr(torch.backends.cudnn, "conv"):
        return backend.fp32_precision
    return "tf32" if backend.allow_tf32 else "ieee"


def _set_flag(backend, flag):
    if hasattr(torch.backends.cudnn, "conv"):
        backend.fp32_precision = flag
    else:
        backend.allow_tf32 = flag == "tf32"
