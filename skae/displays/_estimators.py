"""What displays are given: the autoencoder in it, the way to it and back, options."""

import numbers

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._data.check import flatten_images


def find_autoencoder(estimator, name):
    """The steps before the autoencoder, and the autoencoder.

    Parameters
    ----------
    estimator : object
        A fitted autoencoder; a Pipeline that has one as a step, of which the last is
        taken; or a fitted search over one of these.
    name : str
        Of the display, for errors.

    Returns
    -------
    before : transformer or None
    autoencoder : object

    Raises
    ------
    TypeError
        If there is no autoencoder in it.
    NotFittedError
        If it is not fitted.
    """
    if hasattr(estimator, "estimator"):
        check_is_fitted(estimator)
    found = getattr(estimator, "best_estimator_", estimator)
    steps = getattr(found, "steps", None) or [("", found)]
    for i, (_, step) in reversed(list(enumerate(steps))):
        if hasattr(step, "reconstruct") and hasattr(step, "inverse_transform"):
            check_is_fitted(step)
            return (found[:i] if i else None), step
    raise TypeError(
        f"{name}.from_estimator got {estimator!r}, in which there is no autoencoder. "
        "Give a fitted autoencoder of skae, or a Pipeline or a search that holds one."
    )


def into(before, X):
    """`X` as the autoencoder sees it, after the steps before."""
    return X if before is None else before.transform(X)


def back(before, X):
    """Rows of the autoencoder in the space of the data, where the steps lead back."""
    if before is None or not hasattr(before, "inverse_transform"):
        return X
    return before.inverse_transform(X)


def leads_back(before):
    """Whether the steps before the autoencoder can be undone."""
    return before is None or hasattr(before, "inverse_transform")


def flat(X):
    """Rows (n_samples, n_features) of what may be images, and their shape or None.

    The shape is (channels, height, width), of images without channels one channel.
    """
    X, shape = flatten_images(X)
    X = np.asarray(X)
    return X, None if shape is None else (1, *shape)[-3:]


def at_least(least, **given):
    """Raise a ValueError for an option that is no integer of at least `least`."""
    for name, value in given.items():
        if not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(
                f"{name}={value!r}; expected an integer of at least {least}."
            )
