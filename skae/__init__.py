"""Autoencoders for scikit-learn: written like ``PCA``, trained by PyTorch."""

from skae import datasets, exceptions
from skae.base import BaseAutoencoder
from skae.conv import ConvAutoencoder
from skae.dense import DenseAutoencoder

__version__ = "0.1.0.dev0"

__all__ = [
    "BaseAutoencoder",
    "ConvAutoencoder",
    "DenseAutoencoder",
    "datasets",
    "exceptions",
]
