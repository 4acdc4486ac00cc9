"""Plain data as JSON and arrays, the two parts of the files of skae."""

import numpy as np
import torch

from skae.exceptions import SavedModelError


class NotPlainError(TypeError):
    """Error raised for a value that is not plain data."""


# Levels of the saved form that the names of arrays leave out.
UNNAMED = {"content", "_net", "arrays"}


def encode(value, arrays, name="", encode_object=None):
    """Return a value for JSON, and add its arrays to `arrays`.

    Parameters
    ----------
    value : object
        Plain data, as `skae._saving.state` defines it, or tensors.
    arrays : dict of str to ndarray
        Gets the arrays, each under its path in `value`.
    name : str, default=""
        Path of `value`.
    encode_object : callable, default=None
        Called with `value`, `arrays` and `name` for other objects; returns a dict for
        JSON, or None.

    Raises
    ------
    NotPlainError
        For an object that cannot be encoded. It names its path.
    """

    def encoded(item, key):
        path = name if key in UNNAMED else f"{name}.{key}".lstrip(".")
        return encode(item, arrays, path, encode_object)

    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [encoded(item, number) for number, item in enumerate(value)]
    if type(value) is tuple:
        return {"tuple": [encoded(item, number) for number, item in enumerate(value)]}
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {"dict": {key: encoded(item, key) for key, item in value.items()}}
    if isinstance(value, np.ndarray) and value.dtype == object:
        if all(isinstance(item, str) for item in value.ravel()):
            return {"objects": value.tolist()}
    elif isinstance(value, np.ndarray):
        arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"array": name}
    elif isinstance(value, np.longdouble):  # no number of JSON holds all its digits
        return {"scalar": value.dtype.str, "value": str(value)}
    elif isinstance(value, np.bool_ | np.integer | np.floating):
        return {"scalar": value.dtype.str, "value": value.item()}
    elif torch.is_tensor(value):
        arrays[name] = value.detach().cpu().numpy().copy()
        return {"tensor": name}
    elif isinstance(value, np.random.RandomState):
        return {"random_state": encoded(list(value.get_state()), "state")}
    result = None if encode_object is None else encode_object(value, arrays, name)
    if result is None:
        raise NotPlainError(
            f"{name} is a {type(value).__module__}.{type(value).__qualname__}"
        )
    return result


def _scalar(dtype, value):
    dtype = np.dtype(dtype)
    kinds = (str,) if dtype.type is np.longdouble else (bool, int, float)
    if dtype.kind not in "biuf" or type(value) not in kinds:
        raise SavedModelError(f"The file is damaged: it contains a number {dtype}.")
    try:
        return dtype.type(value)
    except ValueError as error:
        raise SavedModelError(f"The file is damaged: {error}.") from error


def decode(value, arrays, decode_object=None):
    """Return the value of `encode`.

    Parameters
    ----------
    value : object
        From JSON.
    arrays : dict of str to ndarray
    decode_object : callable, default=None
        Called with the dict that `encode_object` has returned.

    Raises
    ------
    SavedModelError
        If it is something else.
    """

    def decoded(item):
        return decode(item, arrays, decode_object)

    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, item = next(iter(value.items()), (None, None))
    if kind == "dict":
        return {key: decoded(entry) for key, entry in item.items()}
    if kind == "tuple":
        return tuple(decoded(entry) for entry in item)
    if kind == "objects":
        return np.array(item, dtype=object)
    if kind == "array":
        return arrays[item]
    if kind == "scalar":
        return _scalar(item, value.get("value"))
    if kind == "tensor":
        return torch.tensor(arrays[item], device="cpu")
    if kind == "random_state":
        random_state = np.random.RandomState()
        random_state.set_state(tuple(decoded(item)))
        return random_state
    if decode_object is None:
        raise SavedModelError(f"The file is damaged: it contains {kind!r}.")
    return decode_object(value)
