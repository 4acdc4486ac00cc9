"""Autoencoders for scikit-learn: written like ``PCA``, trained by PyTorch."""

from skae import (
    callbacks,
    datasets,
    densities,
    displays,
    exceptions,
    metrics,
)
from skae._base import BaseAutoencoder
from skae._conv import ConvAutoencoder, ConvVariationalAutoencoder
from skae._dense import DenseAutoencoder, DenseVariationalAutoencoder

__version__ = "0.1.0.dev0"

__all__ = [
    "BaseAutoencoder",
    "ConvAutoencoder",
    "ConvVariationalAutoencoder",
    "DenseAutoencoder",
    "DenseVariationalAutoencoder",
    "callbacks",
    "datasets",
    "densities",
    "displays",
    "exceptions",
    "metrics",
]
