"""Random numbers from skae's own generators, not from the global random states."""

import functools
import inspect
import secrets

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

# Functions written in C++ have no signature in which to look for a generator. A test
# fails if torch has one that is missing here.
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

# These create tensors of torch's default type and on its default device, which the
# caller may have changed.
FLOAT_FACTORIES = {
    "empty",
    "eye",
    "full",
    "linspace",
    "logspace",
    "ones",
    "rand",
    "randn",
    "zeros",
}
FACTORIES = FLOAT_FACTORIES | {"arange", "as_tensor", "randint", "randperm", "tensor"}

# The first of these imports SymPy, for a tensor on the meta device; the others take no
# generator in every version of torch.
LIKE = {"empty_like": torch.empty, "rand_like": torch.rand, "randn_like": torch.randn}


def make_generator(random_state):
    """Return a torch generator on the CPU, seeded from a `random_state`.

    None takes fresh entropy. Unlike in scikit-learn, NumPy's global state is not used.
    """
    if random_state is None:
        seed = secrets.randbits(63)
    else:
        seed = int(check_random_state(random_state).randint(2**31 - 1))
    return torch.Generator().manual_seed(seed)


def make_random_state(random_state):
    """Return a new RandomState, seeded from a `random_state`.

    One number is drawn from a given RandomState.
    """
    if random_state is None:
        return np.random.RandomState(secrets.randbits(32))
    return np.random.RandomState(check_random_state(random_state).randint(2**31 - 1))


def on_device(generator, device):
    """Return the generator for the CPU, or one on another device that it seeds."""
    if device.type == "cpu":
        return generator
    seed = torch.randint(2**63 - 1, (), generator=generator, device="cpu")
    return torch.Generator(device).manual_seed(int(seed))


class DrawFrom(TorchFunctionMode):
    """Context in which all random tensors of this thread are drawn from `generator`.

    Networks are built in it. Their initial weights only depend on the generator, and are
    in float32 on its device, whatever torch's defaults are. The global random state of
    torch is not changed. Forking that state instead would not be thread-safe.

    Parameters
    ----------
    generator : torch.Generator
    device : str or torch.device, default=None
        Device of the tensors that are created; None is that of the generator.
    """

    def __init__(self, generator, device=None):
        super().__init__()
        self.generator = generator
        self.device = generator.device if device is None else device

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", None)
        if name in LIKE:
            like = args[0]
            kwargs = {"dtype": like.dtype, "device": like.device} | kwargs
            func, args = LIKE[name], (like.shape,)
        if name in FLOAT_FACTORIES and kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32
        if name in FACTORIES and kwargs.get("device") is None:
            kwargs["device"] = self.device
        if kwargs.get("generator") is None and _takes_generator(func):
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)

    def close(self):
        """Leave the context if an interruption has kept it open."""
        while self in _get_current_function_mode_stack():
            self.__exit__(None, None, None)


@functools.lru_cache(maxsize=512)  # reading a signature takes longer than drawing
def _takes_generator(func):
    try:
        return "generator" in inspect.signature(func).parameters
    except (TypeError, ValueError):
        return getattr(func, "__name__", None) in BUILTIN_SAMPLERS
