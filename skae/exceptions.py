"""Exceptions and warnings of skae."""

import sys
import warnings
from collections.abc import Mapping

from sklearn.exceptions import InconsistentVersionWarning

__all__ = [
    "CheckpointWarning",
    "ColumnScaleWarning",
    "DeviceUnavailableWarning",
    "DistributedError",
    "ImageShapeWarning",
    "LargeNetworkWarning",
    "ModelVersionWarning",
    "NonFiniteError",
    "OutputRangeWarning",
    "PosteriorCollapseWarning",
    "SavedModelError",
    "StopTraining",
]


class StopTraining(Exception):
    """Exception that a callback raises to stop training after the current epoch.

    Raise it in ``on_epoch_end``. `fit` then ends as after the last epoch: it calls
    ``on_train_end`` and fits the density.

    Examples
    --------
    >>> from skorch.callbacks import Callback
    >>> from skae.exceptions import StopTraining
    >>> class StopBelow(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...
    ...     def on_epoch_end(self, net, **kwargs):
    ...         if net.history[-1, "train_loss"] < self.loss:
    ...             raise StopTraining
    """


class ModelVersionWarning(InconsistentVersionWarning):
    """Warning if a loaded model was saved with other versions of skae or its libraries.

    Its results may differ. It is a `sklearn.exceptions.InconsistentVersionWarning`.

    Parameters
    ----------
    estimator_name : str
        Class of the model.
    saved_versions, current_versions : dict of str to str
        Versions by library.
    """

    estimator_name: str
    saved_versions: Mapping[str, str]
    current_versions: Mapping[str, str]

    def __init__(
        self,
        *,
        estimator_name: str,
        saved_versions: Mapping[str, str],
        current_versions: Mapping[str, str],
    ) -> None:
        super().__init__(
            estimator_name=estimator_name,
            current_sklearn_version=current_versions.get("scikit-learn"),
            original_sklearn_version=saved_versions.get("scikit-learn"),
        )
        self.saved_versions = saved_versions
        self.current_versions = current_versions

    def __str__(self) -> str:
        changed = [
            f"{library} {self.saved_versions.get(library)}, now {version}"
            for library, version in self.current_versions.items()
            if self.saved_versions.get(library) != version
        ]
        return (
            f"This {self.estimator_name} was saved with other versions: "
            f"{'; '.join(changed)}. Its results may differ. Check them, or load the "
            "model with the versions that saved it."
        )


class NonFiniteError(ValueError):
    """Error raised if training diverges, or a model returns NaN or infinite values.

    Scale the data as the error message says, or lower the learning rate `lr`.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import DenseAutoencoder
    >>> from skae.exceptions import NonFiniteError
    >>> X = np.random.default_rng(0).normal(size=(100, 4))
    >>> try:
    ...     DenseAutoencoder(2, optimizer="sgd", lr=1e6).fit(X)
    ... except NonFiniteError:
    ...     print("diverged")
    diverged
    """


class SavedModelError(ValueError):
    """Error raised if a saved model is damaged, or in a form that skae does not read.

    Examples
    --------
    >>> import pickle
    >>> from skae.densities import Gaussian
    >>> from skae.exceptions import SavedModelError
    >>> saved = pickle.dumps(Gaussian().fit([[0.0], [1.0]]))
    >>> mean = b"\\x00\\x00\\x00\\x00\\x00\\x00\\xe0?"  # 0.5
    >>> try:
    ...     pickle.loads(saved.replace(mean, bytes(8)))
    ... except SavedModelError:
    ...     print("damaged")
    damaged
    """


class DistributedError(RuntimeError):
    """Error raised if one of the processes that train a model together fails.

    It names the process. See the parameter `distributed` of the estimators.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import DenseAutoencoder
    >>> from skae.exceptions import DistributedError
    >>> X, _ = load_iris(return_X_y=True)
    >>> autoencoder = DenseAutoencoder(2, max_epochs=5)
    >>> try:
    ...     autoencoder = autoencoder.fit(X)  # in each process of torchrun
    ... except DistributedError as error:
    ...     print(error)
    """


class CheckpointWarning(UserWarning):
    """Warning if a checkpoint cannot be written or read.

    Training continues without it. See the parameter `checkpoint` of the estimators.
    """


class ColumnScaleWarning(UserWarning):
    """Warning if most columns are lost because others are on a much larger scale.

    Use ``StandardScaler`` before the autoencoder.
    """


class ImageShapeWarning(UserWarning):
    """Warning if flat samples are treated as signals because they form no square image.

    Set `image_shape` of the estimator to avoid it.
    """


class LargeNetworkWarning(UserWarning):
    """Warning if the networks have far more parameters than the data have values.

    Such networks are usually a mistake, and training them needs much memory. Use smaller
    layers.
    """


class OutputRangeWarning(UserWarning):
    """Warning if data contain values that the output activation cannot produce.

    Scale the data, or set ``output_activation="identity"``.
    """


class DeviceUnavailableWarning(UserWarning):
    """Warning if the device of a fitted model is not available and the CPU is used.

    Set `device` of the model to "auto" or "cpu" to avoid it.
    """


class PosteriorCollapseWarning(UserWarning):
    """Warning if the latent codes of a variational model carry no information.

    This is known as posterior collapse. Lower `beta`, or train longer.
    """


def warn(message: str | Warning, category: type[Warning]) -> None:
    """Warn at the line of the user's code, outside skae and libraries that call it."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_library(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_library(frame):
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in ("joblib", "skae", "sklearn", "skops", "torch")
