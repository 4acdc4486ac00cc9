"""Copies of modules."""

import copy

import torch


def copy_module(module):
    """Return a deep copy of a module, of one that holds results of its weights too.

    Some modules, such as weight normalization, keep a tensor that is computed from their
    parameters; torch refuses to copy it, so its value is copied instead.

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
