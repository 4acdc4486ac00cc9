"""Autoencoders with the scikit-learn API, built on PyTorch and skorch."""

from skae import callbacks, datasets, densities, displays, exceptions, metrics, nn, saving
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


def __dir__():
    return [*__all__, "__version__"]
