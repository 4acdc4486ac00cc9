"""Random numbers for the samples of a batch."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor


class PartOfNoise:
    """Random numbers for the part of each batch that a process has.

    All processes draw those of the whole batch, from the same state of a generator.

    Parameters
    ----------
    generator : torch.Generator
    batches : Batches
        Its attribute `part` is the part of the present batch.
    """

    def __init__(self, generator: torch.Generator, batches: Any) -> None:
        self.generator = generator
        self.batches = batches

    def draw(self, function: Callable[..., Tensor], like: Tensor) -> Tensor:
        """Draw numbers as `noise_like` does."""
        n_batch, _, positions = self.batches.part
        shape = (n_batch, *like.shape[1:])
        return _drawn(function, shape, self.generator, like)[positions]


# Where a module draws from in training.
NoiseSource: TypeAlias = torch.Generator | PartOfNoise


def noise_like(
    function: Callable[..., Tensor], like: Tensor, generator: NoiseSource
) -> Tensor:
    """Draw random numbers in the shape, on the device and of the type of a batch.

    Parameters
    ----------
    function : callable
        `torch.randn` or `torch.rand`.
    like : torch.Tensor of shape (batch, ...)
    generator : torch.Generator or PartOfNoise
    """
    if isinstance(generator, PartOfNoise):
        return generator.draw(function, like)
    return _drawn(function, like.shape, generator, like)


def _drawn(function, shape, generator, like):
    return function(shape, generator=generator, dtype=like.dtype, device=like.device)
