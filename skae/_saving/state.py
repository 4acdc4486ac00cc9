"""The saved form of an object: plain data, with versions and a checksum.

Plain data are None, booleans, numbers, strings, NumPy arrays, and lists, tuples and
dictionaries of them.
"""

import hashlib
from typing import Any

import numpy as np
import sklearn
import skorch
import torch

from skae._version import __version__
from skae.exceptions import ModelVersionWarning, SavedModelError, warn

# The number of the saved form. It changes if an earlier skae could not read it.
FORM = 1

SCALARS = (bool, int, float, complex, str, bytes, np.generic, type(None))


def versions():
    """Return the versions of skae and of the libraries that its results depend on."""
    return {
        "skae": __version__,
        "scikit-learn": sklearn.__version__,
        "skorch": skorch.__version__,
        "torch": torch.__version__.partition("+")[0],  # without the build, such as +cpu
    }


def sealed(obj, content):
    """Return the saved form of an object.

    Parameters
    ----------
    obj : object
    content : dict
        Plain data. Values of other types, such as a user's callbacks, are saved as they
        are, and are not part of the checksum.
    """
    state = {"form": FORM, "versions": versions(), "content": content}
    return state | {"checksum": checksum([type(obj).__name__, state])}


def opened(obj, state):
    """Return the content of a saved form, after its checks.

    Raises
    ------
    SavedModelError
        If it is no saved form, of another number, or damaged.
    """
    name = type(obj).__name__
    if not isinstance(state, dict) or not {"form", "versions", "content"} <= set(state):
        raise SavedModelError(
            f"The saved {name} is not in a form that skae {__version__} reads. It was "
            "saved by skae before version 0.1, or is damaged. Fit the model again."
        )
    if state["form"] != FORM:
        saved_by = dict(state["versions"]).get("skae", "another version")
        raise SavedModelError(
            f"The saved {name} has form {state['form']}, but skae {__version__} reads "
            f"form {FORM}. Load it with skae {saved_by}, which saved it."
        )
    sealed_part = {key: state[key] for key in ("form", "versions", "content")}
    if checksum([name, sealed_part]) != state.get("checksum"):
        raise SavedModelError(
            f"The saved {name} is damaged: its checksum does not match its content. Use "
            "another copy of the file, or fit the model again."
        )
    warn_of_versions(name, dict(state["versions"]))
    return state["content"]


def warn_of_versions(name, saved):
    """Warn if a model was saved with other versions than those in use."""
    current = versions()
    if saved != current:
        warn(
            ModelVersionWarning(
                estimator_name=name, saved_versions=saved, current_versions=current
            ),
            ModelVersionWarning,
        )


def checksum(value):
    """Return a checksum of plain data, a str.

    It depends on the types, shapes and bits of all values. Other objects count with the
    name of their class.
    """
    digest = hashlib.blake2b(digest_size=16)
    _add(digest, value)
    return digest.hexdigest()


def _add(digest, value):
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        digest.update(f"array {value.dtype.str} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    elif isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype.kind} {value.shape}".encode())
        _add(digest, value.ravel().tolist())
    elif isinstance(value, dict):
        digest.update(f"dict {len(value)}".encode())
        for key in sorted(value, key=repr):  # the order has no meaning
            _add(digest, key)
            _add(digest, value[key])
    elif isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        digest.update(f"{kind} {len(value)}".encode())
        for item in value:
            _add(digest, item)
    elif isinstance(value, SCALARS):
        text = repr(value).encode()
        digest.update(f"{type(value).__name__} {len(text)} ".encode() + text)
    else:
        digest.update(f"object {type(value).__name__}".encode())


class PlainState:
    """Mixin of objects that save their attributes as plain data.

    `_derived` names attributes that are not saved: `_derive` computes them from the
    others when the object is loaded.
    """

    _derived: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        saved = {k: v for k, v in vars(self).items() if k not in self._derived}
        return sealed(self, saved)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(opened(self, state))
        self._derive()

    def _derive(self):
        """Set the attributes in `_derived`, if the object is fitted."""
