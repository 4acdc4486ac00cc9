"""Corruption of the input during training, for denoising autoencoders."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from skae._types import Noise
from skae.nn.noise import NoiseSource, noise_like


class GaussianCorruption(nn.Module):
    """Add normal noise.

    Parameters
    ----------
    level : float
        Standard deviation of the noise, in units of the data.
    """

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, X: Tensor, generator: NoiseSource) -> Tensor:
        noise = noise_like(torch.randn, X, generator)
        return torch.add(X, noise, alpha=self.level)


class MaskingCorruption(nn.Module):
    """Set random elements to 0.

    Parameters
    ----------
    level : float
        Probability of each element to be set to 0.
    """

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, X: Tensor, generator: NoiseSource) -> Tensor:
        drawn = noise_like(torch.rand, X, generator)
        return X * (drawn >= self.level)


CORRUPTIONS: dict[Noise, Callable[[float], nn.Module]] = {
    "gaussian": GaussianCorruption,
    "masking": MaskingCorruption,
}


def make_corruption(noise: Noise | None, noise_level: float) -> nn.Module | None:
    """Return the module for the parameters `noise` and `noise_level`, or None.

    Raises
    ------
    ValueError
        If masking would set all elements to 0.
    """
    if noise is None:
        return None
    if noise == "masking" and noise_level >= 1:
        raise ValueError(
            f"noise_level={noise_level} is invalid with noise='masking', which would set "
            "all elements to 0; must be a probability below 1."
        )
    return CORRUPTIONS[noise](float(noise_level))
