"""Corruption of the input during training, for denoising autoencoders."""

import torch
from torch import nn

from skae.nn.noise import noise_like


class GaussianCorruption(nn.Module):
    """Add normal noise.

    Parameters
    ----------
    level : float
        Standard deviation of the noise, in units of the data.
    """

    def __init__(self, level):
        super().__init__()
        self.level = level

    def forward(self, X, generator):
        noise = noise_like(torch.randn, X, generator)
        return torch.add(X, noise, alpha=self.level)


class MaskingCorruption(nn.Module):
    """Set random elements to 0.

    Parameters
    ----------
    level : float
        Probability of each element to be set to 0.
    """

    def __init__(self, level):
        super().__init__()
        self.level = level

    def forward(self, X, generator):
        drawn = noise_like(torch.rand, X, generator)
        return X * (drawn >= self.level)


CORRUPTIONS = {"gaussian": GaussianCorruption, "masking": MaskingCorruption}


def make_corruption(noise, noise_level):
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
