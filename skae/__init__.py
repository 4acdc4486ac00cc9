"""Autoencoders with the scikit-learn API, built on PyTorch and skorch."""

from skae import callbacks, datasets, densities, displays, exceptions, metrics, nn
from skae._base import BaseAutoencoder
from skae._conv import ConvAutoencoder, ConvVariationalAutoencoder
from skae._dense import DenseAutoencoder, DenseVariationalAutoencoder
from skae._variational import BaseVariationalAutoencoder

__version__ = "0.1.0.dev0"

__all__ = [
    "BaseAutoencoder",
    "BaseVariationalAutoencoder",
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
    "nn",
]


def __dir__():
    return [*__all__, "__version__"]
