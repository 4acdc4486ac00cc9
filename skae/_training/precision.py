"""How exactly products are computed while training."""

import contextlib
import threading

import torch

PRECISIONS = ("float32", "tf32", "bfloat16")

# torch's flags for float32 products are global: one at a time changes them.
_flags = threading.RLock()


def autocast(precision, device):
    """A context in which layers compute as `precision` says; sums and weights do not.

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
    """A context in which float32 products on CUDA are exact, or TensorFloat-32.

    torch's own default is exact for matrices and TensorFloat-32 for convolutions. Its
    flags are as they were afterwards; on other devices they are not touched.
    """
    wanted = "tf32" if precision == "tf32" else "ieee"
    if torch.device(device).type != "cuda":
        yield
        return
    with _flags:
        before = [_product_flag(place) for place in _places()]
        try:
            for place in _places():
                _set_product_flag(place, wanted)
            yield
        finally:
            for place, flag in zip(_places(), before, strict=True):
                _set_product_flag(place, flag)


def _places():
    matrices, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(convolutions, "conv"):  # since torch 2.9, each kind of layer has a flag
        return [matrices, convolutions.conv, convolutions.rnn]
    return [matrices, convolutions]


def _product_flag(place):
    if hasattr(torch.backends.cudnn, "conv"):
        return place.fp32_precision
    return "tf32" if place.allow_tf32 else "ieee"


def _set_product_flag(place, flag):
    if hasattr(torch.backends.cudnn, "conv"):
        place.fp32_precision = flag
    else:
        place.allow_tf32 = flag == "tf32"
