"""Copies of modules."""

import copy
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def copy_module(module: Module) -> Module:
    """Return a deep copy of a module, even if it holds tensors computed from its weights.

    Weight normalization, for example, stores such a tensor. Torch refuses to copy it, so
    its value is copied instead.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    torch.nn.Module
    """
    computed = {
        id(value): value.detach().clone()
        for part in module.modules()
        for value in vars(part).values()
        if torch.is_tensor(value) and not value.is_leaf
    }
    return copy.deepcopy(module, computed)
