"""Autoencoders with the scikit-learn API, built on PyTorch and skorch."""

import importlib
from typing import TYPE_CHECKING

from skae import densities, exceptions, nn
from skae._base import BaseAutoencoder
from skae._conv import ConvAutoencoder, ConvVariationalAutoencoder
from skae._dense import DenseAutoencoder, DenseVariationalAutoencoder
from skae._detector import AutoencoderDetector
from skae._saving.names import TRUSTED_TYPES
from skae._saving.names import publish as _publish
from skae._variational import BaseVariationalAutoencoder
from skae._version import __version__ as __version__

_publish(__name__, BaseAutoencoder, BaseVariationalAutoencoder, trusted=False)
_publish(
    __name__,
    AutoencoderDetector,
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)

# Estimators do without these, so that the workers of a search start without them.
_LOADED_AT_FIRST_USE = {"callbacks", "datasets", "displays", "metrics", "saving"}
if TYPE_CHECKING:
    from skae import callbacks, datasets, displays, metrics, saving
else:

    def __getattr__(name):
        if name in _LOADED_AT_FIRST_USE:
            return importlib.import_module(f"skae.{name}")
        raise AttributeError(f"module 'skae' has no attribute {name!r}")


__all__ = [
    "TRUSTED_TYPES",
    "AutoencoderDetector",
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
    "saving",
]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
