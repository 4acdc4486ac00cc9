"""Draw from any density, and check what it returns."""

import copy
import inspect

import numpy as np
import torch

from skae._validation import check_value, seed, size


def check_n_samples(n_samples, caller):
    """Return `n_samples` as an int, or raise a ValueError.

    Parameters
    ----------
    n_samples : object
        The value passed to `sample`.
    caller : str
        Class and method, for the error message.

    Returns
    -------
    n_samples : int
    """
    check_value(caller, "n_samples", n_samples, size())
    return int(n_samples)


def check_random_seed(random_state, caller):
    """Raise a ValueError for an invalid `random_state`.

    Parameters
    ----------
    random_state : object
        The value passed to `sample`.
    caller : str
        Class and method, for the error message.
    """
    check_value(caller, "random_state", random_state, seed())


def draw(density, n_samples, rng, n_components=None):
    """Draw latent codes from a fitted density, and check them.

    The mixtures of scikit-learn draw with their own `random_state`. They also return
    labels, and sort the codes by label; here the labels are dropped and the codes are
    shuffled.

    Parameters
    ----------
    density : object
        Has a method `sample`.
    n_samples : int
    rng : RandomState
    n_components : int, default=None
        Expected number of columns; None allows any.

    Returns
    -------
    codes : ndarray of shape (n_samples, n_components)
        Real and finite in float32.

    Raises
    ------
    ValueError
        If the density returns anything else.
    """
    if _takes_random_state(density.sample):
        drawn = density.sample(n_samples, random_state=rng)
    else:
        density = copy.copy(density)
        if hasattr(density, "random_state"):
            density.random_state = rng
        drawn = density.sample(n_samples)
    is_sorted = isinstance(drawn, tuple) and len(drawn) > 0
    codes = _checked_codes(
        drawn[0] if is_sorted else drawn, n_samples, n_components, type(density).__name__
    )
    return rng.permutation(codes) if is_sorted else codes


def _checked_codes(drawn, n_samples, n_components, name):
    width = "n_components" if n_components is None else n_components
    expected = f"must be a finite real array of shape ({n_samples}, {width})."
    if isinstance(drawn, torch.Tensor):
        drawn = drawn.detach().cpu()
    try:
        codes = np.asarray(drawn)
    except (TypeError, ValueError) as error:
        kind = type(drawn).__name__
        raise ValueError(
            f"{name}.sample returned {kind}, which is not an array; {expected}"
        ) from error
    if codes.dtype.kind not in "fiu":
        raise ValueError(
            f"{name}.sample returned {type(drawn).__name__} with values of type "
            f"{codes.dtype}; {expected}"
        )
    if codes.ndim != 2 or codes.shape != (n_samples, n_components or codes.shape[1]):
        raise ValueError(
            f"{name}.sample returned an array of shape {codes.shape}; {expected}"
        )
    with np.errstate(over="ignore"):  # networks compute in float32
        n_wrong = (~np.isfinite(codes.astype(np.float32))).sum()
    if n_wrong:
        raise ValueError(
            f"{name}.sample returned values that are NaN, infinite or beyond the range "
            f"of float32, {n_wrong} of {codes.size}; {expected}"
        )
    return codes


def _takes_random_state(method):
    try:
        return "random_state" in inspect.signature(method).parameters
    except (TypeError, ValueError):  # a method written in C
        return False
