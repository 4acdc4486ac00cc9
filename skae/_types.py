"""Types for annotations: the choices of parameters, each written once, and aliases."""

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import torch

# Choices ------------------------------------------------------------------------------

Auto = Literal["auto"]
Init = Literal["pca", "random"]
Activation = Literal[
    "identity", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"
]
LastActivation = Literal["identity", "relu", "tanh", "sigmoid"]
Loss = Literal["squared_error", "absolute_error", "huber", "binary_cross_entropy"]
LearnedScale = Literal["gaussian", "laplace"]
Likelihood = Literal[LearnedScale, Loss]
Noise = Literal["gaussian", "masking"]
Penalty = Literal["l1", "l2"]
DensityName = Literal["normal", "gaussian", "gaussian_mixture", "kde", "standard_normal"]
OptimizerName = Literal[
    "adadelta", "adagrad", "adam", "adamw", "nadam", "radam", "rmsprop", "sgd"
]
Schedule = Literal["constant", "cosine", "onecycle"]
Precision = Literal["float32", "tf32", "bfloat16"]
Pooling = Literal["max", "average"]
Upsampling = Literal["nearest", "transpose"]
AnomalyScore = Literal["auto", "density", "neighbors", "reconstruction", "residual"]
OnnxPart = Literal["encoder", "decoder", "reconstruction", "score_samples"]
PlotKind = Literal["auto", "images", "signals", "parity"]
ImageData = Literal["mnist", "fashion-mnist", "kmnist", "cifar-10", "svhn"]
Subset = Literal["train", "test"]

# Values -------------------------------------------------------------------------------

RandomState: TypeAlias = int | np.random.RandomState | None

# A name, a class, or a `functools.partial` of a class.
Optimizer: TypeAlias = OptimizerName | Callable[..., torch.optim.Optimizer]

# (channels, height, width).
ImageShape: TypeAlias = tuple[int, int, int]

# What users give: (height, width) or (channels, height, width).
GivenImageShape: TypeAlias = tuple[int, int] | tuple[int, int, int]

# Keyword arguments of a function of matplotlib.
Keywords: TypeAlias = dict[str, Any]

# None in rare cases only, so that a type checker does not ask to test for it.
MaybeNone: TypeAlias = Any


class Reconstructs(Protocol):
    """An autoencoder of skae, whose bases in scikit-learn have no types."""

    def reconstruct(self, X: Any, /) -> Any:
        """Encode and decode samples."""


class Steps(Protocol):
    """A Pipeline of scikit-learn, which has no types of its own."""

    steps: Any


class ImageBunch(Protocol):
    """The Bunch of scikit-learn that `fetch_images` returns."""

    data: np.ndarray
    target: np.ndarray
    image_shape: ImageShape
    DESCR: str

    def __getitem__(self, name: str, /) -> Any:
        """Return an attribute."""


class Density(Protocol):
    """What a density of latent codes needs, such as a mixture of scikit-learn."""

    def fit(self, X: Any, /) -> Any:
        """Fit the density to latent codes."""

    def sample(self, n_samples: int, /) -> Any:
        """Draw latent codes."""
