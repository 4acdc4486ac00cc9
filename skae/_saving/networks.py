"""The weights of networks as arrays, and networks with weights from arrays."""

import numpy as np
import torch
from torch import nn

from skae.exceptions import SavedModelError


def to_arrays(module):
    """Return parameters and buffers as arrays on the CPU, each once, by name."""
    arrays, seen = {}, set()
    for name, tensor in _tensors(module):
        if id(tensor) not in seen:
            arrays[name] = tensor.detach().cpu().numpy()
        seen.add(id(tensor))
    return arrays


def frozen_names(module):
    """Return the names of the parameters that are not trained."""
    return [name for name, p in module.named_parameters() if not p.requires_grad]


def check_arrays(module, arrays):
    """Raise a SavedModelError if arrays do not fit the tensors of a module."""
    expected = {}
    for name, tensor in _tensors(module):
        expected.setdefault(id(tensor), (name, tensor))
    expected = dict(expected.values())
    if expected.keys() != arrays.keys():
        names = sorted(expected.keys() ^ arrays.keys())
        raise SavedModelError(
            "The saved weights do not belong to the networks that the parameters "
            f"describe: {names[0]} is in only one of them. If the estimator is your own "
            "class, load the model with the class that saved it."
        )
    for name, tensor in expected.items():
        array = arrays[name]
        if not isinstance(array, np.ndarray):
            raise SavedModelError(f"The saved {name} is a {type(array).__name__}.")
        saved = tuple(array.shape), _type_name(array.dtype)
        wanted = tuple(tensor.shape), _type_name(tensor.dtype)
        if saved != wanted:
            raise SavedModelError(
                f"The saved {name} has shape {saved[0]} and type {saved[1]}, but the "
                f"networks that the parameters describe have {wanted[0]} and {wanted[1]}."
            )


def fill(module, arrays, frozen=()):
    """Give a module the weights of arrays.

    Tensors on the meta device are replaced; others are overwritten. What was one tensor
    in two places stays one.

    Parameters
    ----------
    module : torch.nn.Module
    arrays : dict of str to ndarray
        Of the names and shapes that `check_arrays` wants.
    frozen : sequence of str, default=()
        Names of parameters that are not trained.
    """
    filled = {}
    for name, tensor in list(_tensors(module)):
        if id(tensor) not in filled:
            # torch.tensor copies: an array may be a memory map that is only read.
            value = torch.tensor(arrays[name], device="cpu")
            filled[id(tensor)] = _filled(tensor, value)
        parent, _, key = name.rpartition(".")
        setattr(module.get_submodule(parent), key, filled[id(tensor)])
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in frozen)


def has_meta_tensors(module):
    """Return whether attributes that are no parameters or buffers are on "meta".

    Such tensors have no values, and they are not saved.
    """
    saved = {id(tensor) for _, tensor in _tensors(module)}
    others = (
        value
        for part in module.modules()
        for value in [*vars(part).values(), *part.buffers(recurse=False)]
    )
    return any(
        torch.is_tensor(value) and value.is_meta and id(value) not in saved
        for value in others
    )


def _filled(tensor, value):
    if not tensor.is_meta:
        with torch.no_grad():
            tensor.copy_(value)
        return tensor
    return nn.Parameter(value) if isinstance(tensor, nn.Parameter) else value


def _tensors(module):
    """Yield the name and the tensor of each parameter and persistent buffer."""
    saved = set(module.state_dict())
    everything = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    yield from ((name, tensor) for name, tensor in everything if name in saved)


def _type_name(dtype):
    return str(dtype).removeprefix("torch.")
