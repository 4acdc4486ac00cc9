"""Arrays of other libraries, if scikit-learn's ``array_api_dispatch`` is set.

Computations start from NumPy arrays. The result for an array of another library is an
array of that library, on the same device.
"""

import numpy as np
import torch
from sklearn import get_config


def namespace(X):
    """Return the name of the library of `X`; "numpy" if dispatch is off."""
    if not get_config()["array_api_dispatch"]:
        return "numpy"
    if isinstance(X, torch.Tensor):
        return "torch"
    if isinstance(X, np.ndarray | np.generic | type):
        return "numpy"
    if not hasattr(X, "__array_namespace__"):
        return "numpy"
    return X.__array_namespace__().__name__


def to_numpy(X):
    """Convert an array of another library to NumPy; return the rest as is."""
    if namespace(X) == "numpy":
        return X
    if isinstance(X, torch.Tensor):
        return X.detach().cpu().numpy()
    default_device = X.__array_namespace__().__array_namespace_info__().default_device()
    return np.from_dlpack(X.to_device(default_device))


def like(X, result):
    """Return a NumPy array as an array of the library of `X`, on its device."""
    if namespace(X) == "numpy":
        return result
    if isinstance(X, torch.Tensor):
        return torch.from_numpy(result).to(X.device)
    return X.__array_namespace__().asarray(result, device=X.device)


def check_same_namespace(X, fitted, method):
    """Raise a ValueError if `X` is of another library than the data in `fit`.

    Parameters
    ----------
    X : array-like
    fitted : str
        The namespace of the data given to `fit`.
    method : str
        Class and method, for the message.
    """
    given = namespace(X)
    if get_config()["array_api_dispatch"] and given != fitted:
        raise ValueError(
            f"Inputs passed to {method}() must use the same namespace as those passed to "
            f"fit(): got {given}, expected {fitted}. Convert them, or switch "
            "array_api_dispatch off."
        )
