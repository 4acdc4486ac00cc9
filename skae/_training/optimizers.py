"""Optimizers: torch's, by name or as a class."""

import inspect

import torch

OPTIMIZERS = {
    "adadelta": torch.optim.Adadelta,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}

# One kernel for all weights, on the CPU as on a GPU.
FUSED_OPTIMIZERS = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)

# A running mean that only decays, as where a pixel is always black, would become a
# denormal number, with which processors are a hundred times slower. What is this small
# does nothing to a weight; at Adam's 0.9 a step, it is not denormal 128 steps later.
NEGLIGIBLE = 1e-30
STEPS_BETWEEN_DROPS = 128


def is_optimizer_class(value):
    """Whether `value` makes a torch optimizer: a class, or a partial of one."""
    value = _optimizer_class(value)
    return (
        isinstance(value, type)
        and issubclass(value, torch.optim.Optimizer)
        and value is not torch.optim.Optimizer
    )


def optimizer_params(optimizer, weight_decay, device):
    """skorch's parameters for an optimizer, given by name or as a class.

    Raises
    ------
    ValueError
        If the optimizer has no weight decay to set, or a partial sets the rate.
    """
    optimizer = OPTIMIZERS.get(optimizer, optimizer)
    name = _optimizer_class(optimizer).__name__
    if "lr" in getattr(optimizer, "keywords", {}):
        raise ValueError(
            f"optimizer is a partial of {name} with lr={optimizer.keywords['lr']}. Leave "
            "lr out of the partial and give it as the estimator's parameter lr."
        )
    params = {"optimizer": optimizer}
    if weight_decay:
        if "weight_decay" not in inspect.signature(optimizer).parameters:
            raise ValueError(
                f"weight_decay={weight_decay} cannot be used: {name} has no "
                "weight_decay. Use weight_decay=0 or another optimizer."
            )
        params["optimizer__weight_decay"] = float(weight_decay)
    if optimizer in FUSED_OPTIMIZERS and device.type in ("cpu", "cuda"):
        params["optimizer__fused"] = True
    return params


def drop_negligible(optimizer):
    """Set to 0 what is negligible in the running means of an optimizer, on a CPU."""
    for weights, state in optimizer.state.items():
        for value in state.values():
            if not isinstance(value, torch.Tensor) or value.device.type != "cpu":
                continue
            if value.shape == weights.shape:
                value.copy_(torch.nn.functional.hardshrink(value, NEGLIGIBLE))


def _optimizer_class(optimizer):
    """The class behind a `functools.partial`, or what was given."""
    return getattr(optimizer, "func", optimizer)
