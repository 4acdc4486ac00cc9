"""The number of threads for small computations.

Threads that share little work wait for each other longer than they compute, on a busy
machine by orders of magnitude.
"""

import contextlib
import os

import torch
from threadpoolctl import threadpool_limits

from skae._training.inference import CONVOLUTIONS

# Multiplications of a training step below which one thread is as fast as several.
SMALL_STEP = 2e7

# Values in X below which this holds for all computations apart from training steps.
SMALL_DATA = 2**18


@contextlib.contextmanager
def one_thread(condition):
    """Use one thread in the context, if a condition holds; restore the number then."""
    n_threads = torch.get_num_threads()
    if not condition or n_threads == 1:
        yield
        return
    with threadpool_limits(1, user_api="blas"):
        try:
            torch.set_num_threads(1)
            yield
        finally:
            torch.set_num_threads(n_threads)


def is_small_step(module, batch_size):
    """Return whether a training step needs few multiplications.

    It needs three for each weight of a fully connected layer and sample.
    """
    if any(isinstance(part, CONVOLUTIONS) for part in module.modules()):
        return False
    n_weights = sum(weights.numel() for weights in module.parameters())
    return 3 * n_weights * batch_size < SMALL_STEP


def _use_one_thread():
    """Set torch's number of threads to 1, in a process that was forked.

    The threads of its parent are missing in it. torch would wait for them forever, as
    soon as a computation is large enough for several threads.
    """
    if torch.get_num_threads() > 1:
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_use_one_thread)
