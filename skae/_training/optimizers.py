"""Optimizers: torch's, by name or as a class."""

import inspect

import torch
from torch.nn import functional


class QuickStart:
    """Mixin for optimizers that do not import ``torch._dynamo`` at their first use.

    This import takes as long as that of torch, and is of use only to ``torch.compile``:
    torch wraps the methods in it.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)

    def __init_subclass__(cls):
        cls._unwrapped_step = inspect.unwrap(super().step)

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step, after calling `closure` if it is given."""
        return self._unwrapped_step(closure)


class Adadelta(QuickStart, torch.optim.Adadelta):
    """torch.optim.Adadelta, without the import."""


class Adagrad(QuickStart, torch.optim.Adagrad):
    """torch.optim.Adagrad, without the import."""


class Adam(QuickStart, torch.optim.Adam):
    """torch.optim.Adam, without the import."""


class AdamW(QuickStart, torch.optim.AdamW):
    """torch.optim.AdamW, without the import."""


class NAdam(QuickStart, torch.optim.NAdam):
    """torch.optim.NAdam, without the import."""


class RAdam(QuickStart, torch.optim.RAdam):
    """torch.optim.RAdam, without the import."""


class RMSprop(QuickStart, torch.optim.RMSprop):
    """torch.optim.RMSprop, without the import."""


class SGD(QuickStart, torch.optim.SGD):
    """torch.optim.SGD, without the import."""


OPTIMIZERS = {
    "adadelta": Adadelta,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "radam": RAdam,
    "rmsprop": RMSprop,
    "sgd": SGD,
}

# The same, and those of torch that users pass as a class.
KNOWN_OPTIMIZERS = {
    *OPTIMIZERS.values(),
    *(getattr(torch.optim, optimizer.__name__) for optimizer in OPTIMIZERS.values()),
}

# Optimizers that divide a gradient by its own size plus eps.
ADAPTIVE = ("adam", "adamw", "nadam", "radam")

# Where training starts at PCA, the gradient of the encoder is rounding at first, and that
# of all weights if PCA is exact. With torch's eps of 1e-8, these optimizers take full
# steps along it. The gradient of a mean over the features is proportional to
# 1 / n_features.
EPS_OF_ONE_FEATURE = 1e-4
MIN_EPS = 1e-8

# The length of their steps does not depend on the size of the gradient. Where PCA leaves
# a standard deviation below this one, for standardised data, full steps would be larger
# than what is left to learn: training on wide tables diverges.
RESIDUAL_OF_FULL_STEPS = 0.25

# The decay of the networks' weights, per epoch and feature, and its bound per step: both
# relative to the learning rate.
DECAY_OF_EPOCH = 0.15
MAX_DECAY = 2.0

# One kernel for all weights, on the CPU as on a GPU.
FUSED_OPTIMIZERS = (
    Adam,
    AdamW,
    SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.SGD,
)

# The running mean of a gradient that has become zero, as for a pixel that is always
# black, decays to denormal numbers, with which processors are a hundred times slower. A
# value below this bound does not change a weight; at Adam's factor of 0.9 a step, it
# takes more than 128 steps from there to a denormal number. `torch.set_flush_denormal`
# would do, too, but it changes the arithmetic of the user's thread, and torch's other
# threads do not obey it.
NEGLIGIBLE = 1e-30
STEPS_BETWEEN_FLUSHES = 128


def is_optimizer_class(value):
    """Return whether `value` is an optimizer class for dense gradients, or a partial."""
    value = _optimizer_class(value)
    return (
        isinstance(value, type)
        and issubclass(value, torch.optim.Optimizer)
        and value is not torch.optim.Optimizer
        and value is not torch.optim.SparseAdam  # the networks' gradients are dense
    )


def optimizer_params(optimizer, weight_decay, device, n_features=None):
    """Return skorch's parameters for an optimizer, given by name or as a class.

    Parameters
    ----------
    optimizer : str, type or partial
    weight_decay : float
    device : torch.device
    n_features : int, default=None
        Number of features if training starts at PCA, else None.

    Raises
    ------
    ValueError
        If the optimizer has no weight decay, or a partial sets an option that skae sets.
    """
    params = {}
    if n_features is not None and optimizer in ADAPTIVE:
        params["optimizer__eps"] = max(EPS_OF_ONE_FEATURE / n_features, MIN_EPS)
    optimizer = OPTIMIZERS.get(optimizer, optimizer)
    name = _optimizer_class(optimizer).__name__
    options = getattr(optimizer, "keywords", {})
    if "lr" in options:
        raise ValueError(
            f"optimizer is a partial of {name} with lr={options['lr']}, but the "
            "estimator's parameter lr sets the learning rate; remove lr from the partial."
        )
    if options.get("capturable") and device.type == "cpu":
        raise ValueError(
            f"optimizer is a partial of {name} with capturable=True, which requires a "
            "GPU, but training is on the CPU; remove capturable from the partial."
        )
    params["optimizer"] = optimizer
    signature = inspect.signature(_optimizer_class(optimizer))
    has_decay = "weight_decay" in signature.parameters
    if weight_decay and not has_decay:
        raise ValueError(
            f"weight_decay={weight_decay} is invalid: {name} has no weight_decay. Use "
            "weight_decay=0 or another optimizer."
        )
    if weight_decay or (has_decay and "weight_decay" not in options):
        params["optimizer__weight_decay"] = weight_decay  # AdamW's default is not 0
    if optimizer in FUSED_OPTIMIZERS and device.type in ("cpu", "cuda"):
        params["optimizer__fused"] = True
    return params


def step_factor(optimizer, residual_std):
    """Return the factor of the learning rate for training that starts at PCA.

    Parameters
    ----------
    optimizer : str, type or partial
    residual_std : float
        Standard deviation of the residuals of PCA, for data of standard deviation 1.
    """
    if optimizer not in ADAPTIVE:
        return 1.0
    return min(1.0, residual_std / RESIDUAL_OF_FULL_STEPS)


def network_decay(optimizer, n_features, n_steps):
    """Return the decay of the networks beside the linear maps, for "auto".

    It pulls a model to PCA. It is decoupled from the gradient, as in AdamW (Loshchilov
    and Hutter 2019). Below the bound, weights decay in the same number of epochs whatever
    the number of samples (Wang and Aitchison 2025, "How to set AdamW's weight decay as
    you scale model and dataset size"), and faster with more features, with which networks
    overfit more.

    Parameters
    ----------
    optimizer : str, type or partial
    n_features : int
    n_steps : int
        Steps in an epoch.
    """
    if optimizer not in ADAPTIVE:
        return 0.0
    return min(DECAY_OF_EPOCH * n_features / n_steps, MAX_DECAY)


def flush_denormals(optimizer):
    """Set negligible values in the running means of torch's own optimizers to 0.

    Only on a CPU: GPUs are as fast with denormal numbers.
    """
    if type(optimizer) not in KNOWN_OPTIMIZERS:
        return
    for weights, state in optimizer.state.items():
        for value in state.values():
            if not isinstance(value, torch.Tensor) or value.device.type != "cpu":
                continue
            if value.shape == weights.shape:
                value.copy_(functional.hardshrink(value, NEGLIGIBLE))


def _optimizer_class(optimizer):
    """Return the class in a `functools.partial`; other values are returned as given."""
    return getattr(optimizer, "func", optimizer)
