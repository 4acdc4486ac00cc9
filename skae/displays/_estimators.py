"""Inputs of the displays: the autoencoder, the data and integer options."""

import numbers

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._data.check import as_array, with_channels
from skae._validation import shown


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
        hint = " The search must have refit=True."
    raise TypeError(
        f"{name}: estimator={shown(estimator)} contains no autoencoder; must be a fitted "
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
