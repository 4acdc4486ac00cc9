"""Random numbers from generators of our own; the global states are left alone."""

import functools
import inspect
import secrets

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch.overrides import TorchFunctionMode

# Functions written in C++ have no signature to look for a generator in.
BUILTIN_SAMPLERS = {
    "bernoulli",
    "bernoulli_",
    "cauchy_",
    "exponential_",
    "geometric_",
    "log_normal_",
    "multinomial",
    "normal",
    "normal_",
    "poisson",
    "rand",
    "randint",
    "randn",
    "random_",
    "randperm",
    "uniform_",
}

# What makes tensors of torch's default type, which is the caller's to set.
FLOAT_FACTORIES = {"empty", "eye", "linspace", "ones", "rand", "randn", "zeros"}

# These take no generator in every version of torch.
LIKE = {"rand_like": torch.rand, "randn_like": torch.randn}


def make_generator(random_state):
    """A torch generator on the CPU, seeded from scikit-learn's `random_state`.

    None takes fresh entropy and leaves NumPy's global state alone, unlike
    scikit-learn's own estimators.
    """
    if random_state is None:
        seed = secrets.randbits(63)
    else:
        seed = int(check_random_state(random_state).randint(2**31 - 1))
    return torch.Generator().manual_seed(seed)


def make_random_state(random_state):
    """A RandomState, seeded from scikit-learn's `random_state`.

    What is given stays as it is, but that a RandomState gives one number.
    """
    if random_state is None:
        return np.random.RandomState(secrets.randbits(32))
    return np.random.RandomState(check_random_state(random_state).randint(2**31 - 1))


def on_device(generator, device):
    """The generator itself on the CPU; on another device, one seeded by it."""
    if device.type == "cpu":
        return generator
    seed = torch.randint(2**63 - 1, (), generator=generator, device="cpu")
    return torch.Generator(device).manual_seed(int(seed))


class DrawFrom(TorchFunctionMode):
    """Within this context, this thread's random tensors come from `generator`.

    Networks are built in it: their first weights depend on the generator alone, in
    float32 whatever torch's default is, and torch's global state stays as it was.
    Forking the global state instead would not be safe among threads.

    Parameters
    ----------
    generator : torch.Generator
        On the CPU.
    """

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", None)
        if name in LIKE:
            like = args[0]
            kwargs = {"dtype": like.dtype, "device": like.device} | kwargs
            func, args = LIKE[name], (like.shape,)
        elif name in FLOAT_FACTORIES and kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32
        if kwargs.get("generator") is None and _takes_generator(func):
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)


@functools.lru_cache(maxsize=512)  # reading a signature takes longer than drawing
def _takes_generator(func):
    try:
        return "generator" in inspect.signature(func).parameters
    except (TypeError, ValueError):
        return getattr(func, "__name__", None) in BUILTIN_SAMPLERS
