"""Inputs of the displays: the autoencoder, the data and integer options."""

import numbers

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae._data.check import (
    REAL_KINDS,
    as_array,
    flatten_images,
    refuse_sparse,
    with_channels,
)


def find_autoencoder(estimator, name):
    """Return the steps before the autoencoder, and the autoencoder.

    Parameters
    ----------
    estimator : object
        A fitted autoencoder, a Pipeline that contains one, or a fitted search over one
        of these. In a Pipeline with several autoencoders, the last one is used.
    name : str
        Class of the display, for error messages.

    Returns
    -------
    before : Pipeline or None
        The steps before the autoencoder; None if there are none.
    autoencoder : object

    Raises
    ------
    TypeError
        If `estimator` contains no autoencoder.
    NotFittedError
        If the autoencoder is not fitted.
    """
    if hasattr(estimator, "estimator"):
        check_is_fitted(estimator)
    found = getattr(estimator, "best_estimator_", estimator)
    steps = getattr(found, "steps", None) or [("", found)]
    for i, (_, step) in reversed(list(enumerate(steps))):
        if hasattr(step, "reconstruct") and hasattr(step, "inverse_transform"):
            check_is_fitted(step)
            return (found[:i] if i else None), step
    hint = ""
    if getattr(estimator, "refit", None) is False:
        hint = " A search must have refit=True."
    raise TypeError(
        f"{name}: estimator={estimator!r} contains no autoencoder; must be a fitted "
        "autoencoder of skae, or a Pipeline or search that contains one." + hint
    )


def apply_steps_before(before, X):
    """Return `X` transformed by the steps before the autoencoder."""
    return X if before is None else before.transform(X)


def invert_steps_before(before, X):
    """Return `X` in the space of the Pipeline's input, if its steps are invertible."""
    if before is None or not is_invertible(before):
        return X
    return before.inverse_transform(X)


def is_invertible(before):
    """Return whether the steps before the autoencoder have an inverse."""
    return before is None or hasattr(before, "inverse_transform")


def as_flat_rows(X, owner, name="X"):
    """Return samples as a finite floating-point array, and the shape of the images.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples, or images of shape (n_samples, height, width) or (n_samples, channels,
        height, width).
    owner : str
        Class that was given the array, for error messages.
    name : str, default="X"
        Name of the array, for error messages.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    image_shape : tuple of int or None
        (channels, height, width) if `X` holds images, else None.
    """
    refuse_sparse(X)
    try:
        X, shape = flatten_images(as_array(X))
        X = check_array(X, dtype="numeric")
    except (TypeError, ValueError) as error:
        raise ValueError(_invalid_array(owner, name, error)) from error
    if X.dtype.kind not in REAL_KINDS:
        raise ValueError(_invalid_array(owner, name, f"Its type is {X.dtype}."))
    if X.dtype != np.float32:
        X = X.astype(np.float64, copy=False)
    return X, with_channels(shape)


def _invalid_array(owner, name, reason):
    return (
        f"{owner}: {name} is invalid; must be an array of finite real numbers with shape "
        "(n_samples, n_features), or of images, (n_samples, height, width) or "
        f"(n_samples, channels, height, width). {reason}"
    )


def as_numpy(X):
    """Return the output of an estimator as a NumPy array."""
    return np.asarray(as_array(X))


def image_shape_of(X):
    """Return (channels, height, width) if `X` holds images, else None."""
    shape = tuple(getattr(X, "shape", ()))[1:]
    return with_channels(shape) if len(shape) in (2, 3) else None


def check_min(minimum, **options):
    """Raise a ValueError if an option is not an integer of at least `minimum`."""
    for name, value in options.items():
        is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not is_integer or value < minimum:
            raise ValueError(
                f"{name}={value!r} is invalid; must be an integer of at least {minimum}."
            )
