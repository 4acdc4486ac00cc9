"""Save a fitted model as one safetensors file, and load it without running its code.

Pickle, joblib and skops save models and whole pipelines, too: see the user guide.
"""

import importlib
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from skae._saved_estimator import DAMAGE
from skae._saving.codec import NotPlainError, decode, encode
from skae._saving.files import write_atomically
from skae._saving.names import TRUSTED_TYPES
from skae._saving.state import PlainState
from skae.exceptions import SavedModelError

__all__ = ["load_model", "save_model"]

# The entry of the file's header that describes the model.
KEY = "skae"


def save_model(model: Any, path: str | os.PathLike[str]) -> None:
    """Save a fitted model of skae as a safetensors file.

    The file contains arrays, and their description in its header: no code. Weights have
    their names in `module_`, such as "encoder.body.linear.weight", so that other programs
    can read them. Requires the package safetensors: ``pip install "skae[safetensors]"``.

    Parameters
    ----------
    model : estimator or density
        An autoencoder, or a density of `skae.densities`.
    path : path-like
        The file to write. An existing file is replaced only if all is written.

    Raises
    ------
    TypeError
        If the model holds something that is not plain data, such as a callback or a
        density of another package. Use skops or pickle for such models.

    See Also
    --------
    load_model : Load the file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from skae import DenseAutoencoder
    >>> from skae.saving import load_model, save_model
    >>> X, _ = load_iris(return_X_y=True)
    >>> autoencoder = DenseAutoencoder(2, max_epochs=5, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "autoencoder.safetensors"
    ...     save_model(autoencoder, path)
    ...     loaded = load_model(path)
    >>> bool((loaded.transform(X) == autoencoder.transform(X)).all())
    True
    """
    save = _safetensors("safetensors.numpy").save
    arrays: dict[str, np.ndarray] = {}
    if not isinstance(model, PlainState):
        raise TypeError(
            f"save_model saves autoencoders and densities of skae, but got a "
            f"{type(model).__name__}. Save pipelines and other models with skops or "
            "joblib."
        )
    try:
        header = json.dumps(encode(model, arrays, encode_object=_encoded_object))
    except NotPlainError as error:
        raise TypeError(
            f"{error}, which a safetensors file cannot hold. Save the model with skops "
            "or pickle."
        ) from error
    write_atomically(path, save(arrays, {KEY: header}))


def load_model(path: str | os.PathLike[str], *, classes: Sequence[type] = ()) -> Any:
    """Load a model that `save_model` has saved.

    Loading runs no code of the file. It only creates objects of the classes of skae, and
    of those in `classes`.

    Parameters
    ----------
    path : path-like
        The file.
    classes : sequence of type, default=()
        Further classes that the file may contain: your own estimators.

    Returns
    -------
    model : estimator or density
        It computes the same results bit for bit, with the same versions.

    Raises
    ------
    SavedModelError
        If the file is damaged, is not a model of skae, or contains other classes.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skae.densities import Gaussian
    >>> from skae.saving import load_model, save_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "density.safetensors"
    ...     save_model(Gaussian().fit([[0.0], [2.0]]), path)
    ...     load_model(path).mean_
    array([1.])
    """
    library = _safetensors("safetensors")
    try:
        with library.safe_open(path, "numpy") as file:
            header = (file.metadata() or {}).get(KEY)
            if header is None:
                raise SavedModelError(
                    f"{path} is not a model of skae: its header has no entry {KEY!r}. "
                    "Use safetensors to read the weights of other programs."
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (library.SafetensorError, AttributeError, TypeError) as error:
        raise SavedModelError(
            f"{path} is damaged, or is not a safetensors file: {error}."
        ) from error
    known = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in classes}

    def decoded_object(value):
        state = decode(value["state"], arrays, decoded_object)
        return _object(value["class"], state, known)

    try:
        model = decode(json.loads(header), arrays, decoded_object)
    except SavedModelError:
        raise
    except DAMAGE as error:
        raise SavedModelError(f"{path} is damaged: {error}.") from error
    if not isinstance(model, PlainState):
        raise SavedModelError(f"{path} contains no model, but a {type(model).__name__}.")
    return model


def _safetensors(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "This needs the package safetensors. Install it with: pip install "
            '"skae[safetensors]".'
        ) from error


def _encoded_object(value, arrays, name):
    """Return an estimator or a density of skae for JSON; None for other objects."""
    if not isinstance(value, PlainState):
        return None
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    state = encode(value.__getstate__(), arrays, name, _encoded_object)
    return {"class": kind, "state": state}


def _object(name, state, known):
    if name in known:
        kind = known[name]
    elif name in TRUSTED_TYPES:
        module, _, class_name = name.rpartition(".")
        kind = getattr(importlib.import_module(module), class_name)
    else:
        raise SavedModelError(
            f"The file contains a {name}, which is not a class of skae. If you trust it, "
            "pass it: load_model(path, classes=[...])."
        )
    loaded = object.__new__(kind)
    loaded.__setstate__(state)
    return loaded
