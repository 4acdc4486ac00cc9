"""Checks of X: each input is checked here once, and becomes `Rows`."""

import contextlib
import math
import re

import numpy as np
import torch
from sklearn import get_config
from sklearn.utils.validation import check_array, validate_data

from skae._data import array_api
from skae._data.chunks import along_chunks, open_dask
from skae._data.rows import Rows, is_out_of_core

REAL_KINDS = "biuf"

NOT_ARRAYS = str | bytes | dict | set | type

# Parts of the error messages of NumPy, pandas, polars and scikit-learn.
RAGGED_SIGNS = ("inhomogeneous", "setting an array element with a sequence")
DUPLICATES_SIGN = "Expected unique column names"
NOT_NUMBERS_SIGNS = (
    "could not convert",
    "float() argument",
    "Cannot cast",
    "cannot be converted",
    "arrays of bytes/strings",
)


def check_X(estimator, X, method, *, reset=False):
    """Check `X`, except for its values, which are checked when they are read.

    Parameters
    ----------
    estimator : estimator
        With `reset`, gets ``n_features_in_`` and ``feature_names_in_``; otherwise `X` is
        compared with these and with the shape of its images, ``image_shape_``.
    X : array-like of shape (n_samples, n_features)
        Samples, or images (n_samples, height, width) or (n_samples, channels, height,
        width), in any container that scikit-learn takes, a torch tensor, an array that is
        read by slices, or an array or data frame of dask.
    method : str
        Name of the public method, for error messages.
    reset : bool, default=False
        Whether the estimator is being fitted.

    Returns
    -------
    rows : Rows
        The samples, flat.
    image_shape : tuple of int or None
        The shape of one image; None if `X` has two dimensions.

    Raises
    ------
    ValueError
        If `X` has the wrong shape, no samples, or values that are not real numbers.
    TypeError
        If `X` is sparse.
    """
    _check_library(estimator, X, method, reset)
    given = type(X).__name__
    if hasattr(type(X), "__dask_graph__"):
        X = open_dask(X)
    X = as_array(X)
    X, image_shape = flatten_images(X)
    if not reset:
        check_image_shape(image_shape, estimator.image_shape_, type(estimator).__name__)
    if is_out_of_core(X):
        return _check_out_of_core(estimator, X, given, reset), image_shape
    with readable_errors(given):
        # Without the check of values, which skae makes chunk by chunk: no copy in
        # float64, no second pass.
        array = validate_data(
            estimator, X, reset=reset, order="C", ensure_all_finite=False
        )
    refuse_other_types(array.dtype, given)
    return Rows(array), image_shape


def check_codes(estimator, X, method, n_components):
    """Check latent codes and return them as `Rows`.

    Parameters
    ----------
    estimator : estimator
    X : array-like of shape (n_samples, n_components)
    method : str
        Name of the public method, for error messages.
    n_components : int
    """
    _check_library(estimator, X, method, reset=False)
    given, X = type(X).__name__, as_array(X)
    with readable_errors(given):
        codes = check_array(X, order="C", ensure_all_finite=False)
    refuse_other_types(codes.dtype, given)
    if codes.shape[1] != n_components:
        raise ValueError(
            f"X has {codes.shape[1]} columns, but {type(estimator).__name__} expects "
            f"latent codes with {n_components} components, as transform returns them."
        )
    return Rows(codes)


def check_flat_array(X, owner, name="X"):
    """Return samples in memory as a finite floating-point array, and their image shape.

    For functions and displays, which are given arrays rather than an estimator.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples, or images of shape (n_samples, height, width) or (n_samples, channels,
        height, width).
    owner : str
        Class or function that was given the array, for error messages.
    name : str, default="X"
        Name of the array, for error messages.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        In float32 or float64.
    image_shape : tuple of int or None
        (channels, height, width) if `X` holds images, else None.
    """
    refuse_sparse(X)
    try:
        X, shape = flatten_images(as_array(X))
        X = check_array(X, dtype="numeric")
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(_invalid_array_message(owner, name, _reason(error))) from error
    if X.dtype.kind not in REAL_KINDS:
        reason = f"It has type {X.dtype}."
        raise ValueError(_invalid_array_message(owner, name, reason))
    if X.dtype != np.float32:
        X = X.astype(np.float64, copy=False)
    return X, with_channels(shape)


def as_array(X):
    """Convert a torch tensor or another library's array to NumPy; return the rest as is.

    Sparse data, torch data sets and masked values are refused.
    """
    refuse_sparse(X)
    if isinstance(X, torch.Tensor):
        return _tensor_to_numpy(X)
    if isinstance(X, torch.utils.data.Dataset):
        raise TypeError(
            f"X is a {type(X).__name__}; must be an array of samples. Pass its tensor or "
            "array, such as dataset.tensors[0] or dataset.data."
        )
    if isinstance(X, NOT_ARRAYS) or X is None or hasattr(X, "__next__") or callable(X):
        raise ValueError(
            f"X has type {type(X).__name__}; must be an array of shape (n_samples, "
            "n_features)."
        )
    if hasattr(X, "__array__") and not hasattr(X, "shape"):
        X = np.asarray(X)
    if isinstance(X, np.ma.MaskedArray):
        if np.ma.is_masked(X):
            raise ValueError(
                "X is a masked array with masked values; all values must be given. "
                "Impute them, for example with X.filled(numpy.nan) and SimpleImputer."
            )
        return np.asarray(X)
    if get_config()["array_api_dispatch"]:
        return array_api.to_numpy(X)
    return X


def flatten_images(X):
    """Return flat samples and the shape of one image.

    Parameters
    ----------
    X : array-like
        Samples (n_samples, n_features), which are returned as given, or images
        (n_samples, height, width) or (n_samples, channels, height, width).

    Returns
    -------
    X : array-like of shape (n_samples, n_features)
        Out-of-core images are returned as given: `Rows` flattens them when reading.
    image_shape : tuple of int or None
        The shape of one image; None if `X` has no more than two dimensions.

    Raises
    ------
    ValueError
        If `X` has more than four dimensions.
    """
    if isinstance(X, list | tuple):
        X = _array_unless_ragged(X)
    n_dimensions = len(getattr(X, "shape", (0, 0)))
    if n_dimensions < 3:
        return X, None
    if n_dimensions > 4:
        raise ValueError(
            f"X has {n_dimensions} dimensions; must be samples (n_samples, n_features), "
            "or images (n_samples, height, width) or (n_samples, channels, height, "
            "width). X.reshape(len(X), -1) flattens any array."
        )
    shape = tuple(X.shape[1:])
    if not is_out_of_core(X):
        X = np.asarray(X).reshape(X.shape[0], math.prod(shape))
    return X, shape


def looks_channels_last(image_shape):
    """Return whether (channels, height, width) is rather (height, width, channels)."""
    first, second, third = image_shape
    return first > 4 and second > 4 and third in (1, 3, 4)


def channels_last_message(image_shape):
    """Return the error message for an image shape that looks channels-last."""
    return (
        f"X contains images of shape {image_shape}, which look channels-last; must be "
        "(channels, height, width). Use X.transpose(0, 3, 1, 2), or X.permute(0, 3, 1, "
        f"2) for a torch tensor. If the images have {image_shape[0]} channels, set "
        f"image_shape={image_shape} of ConvAutoencoder, or pass X.reshape(len(X), -1) to "
        "other estimators."
    )


def with_channels(image_shape):
    """Return (channels, height, width) for the shape of an image, None for None."""
    return None if image_shape is None else (1, *image_shape)[-3:]


def check_image_shape(image_shape, fitted_shape, name):
    """Raise a ValueError for images of another shape than those of `fit`.

    Parameters
    ----------
    image_shape : tuple of int or None
        None for flat samples, which are always allowed.
    fitted_shape : tuple of int or None
        (channels, height, width).
    name : str
        Class of the estimator.
    """
    image_shape = with_channels(image_shape)
    if image_shape is None or image_shape == fitted_shape:
        return
    if looks_channels_last(image_shape):
        raise ValueError(channels_last_message(image_shape))
    if fitted_shape is not None:
        raise ValueError(
            f"X contains images of shape {image_shape} (channels, height, width), but "
            f"this {name} was fitted on images of shape {fitted_shape}. For a single "
            "image, pass X[None]."
        )


def refuse_sparse(X):
    """Raise a TypeError if `X` is sparse."""
    is_sparse_tensor = isinstance(X, torch.Tensor) and X.layout != torch.strided
    if hasattr(X, "toarray") or is_sparse_tensor:
        dense = "X.to_dense()" if is_sparse_tensor else "X.toarray()"
        raise TypeError(
            f"Sparse data was passed for X, but dense data is required. Use {dense}; "
            "in a Pipeline, OneHotEncoder(sparse_output=False) or "
            "ColumnTransformer(..., sparse_threshold=0)."
        )


def _check_library(estimator, X, method, reset):
    """Remember which array library `X` is of, or compare it with the one in `fit`."""
    dispatches = get_config()["array_api_dispatch"]
    if reset:
        estimator._namespace = array_api.namespace(X) if dispatches else "numpy"
    elif dispatches:
        caller = f"{type(estimator).__name__}.{method}"
        array_api.check_same_namespace(X, estimator._namespace, caller)


def _check_out_of_core(estimator, X, kind, reset):
    if not all(isinstance(side, int | np.integer) for side in X.shape):
        raise ValueError(
            f"X ({kind}) has shape {X.shape} with unknown sizes; all must be integers. "
            "Count the samples first."
        )
    refuse_other_types(X.dtype, kind)
    rows = Rows(along_chunks(X), streamed=True)
    if not len(rows) or not rows.n_features:
        raise ValueError(
            f"X ({kind}) has shape {tuple(X.shape)}; must have at least 1 sample and 1 "
            "feature."
        )
    stand_in = np.zeros((1, rows.n_features), dtype=np.float32)
    if getattr(X, "columns", None) is not None:
        stand_in = X.columns.to_frame().T  # a data frame with their names
    validate_data(estimator, stand_in, reset=reset, skip_check_array=True)
    return rows


def _tensor_to_numpy(X):
    """Return the values of a tensor as an array; bfloat16 becomes float32."""
    if X.is_meta:
        raise ValueError(
            "X is a tensor on the meta device, which has no values; must be on a device "
            "with memory, such as the CPU."
        )
    X = X.detach().cpu()
    if X.dtype == torch.bfloat16:
        X = X.float()
    try:
        return X.resolve_conj().resolve_neg().numpy()
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"X is a tensor of type {X.dtype}; must hold real numbers, for example "
            "X.float()."
        ) from error


@contextlib.contextmanager
def readable_errors(given):
    """Replace errors about data that are not numbers by messages with a way out."""
    try:
        yield
    except np.exceptions.DTypePromotionError as error:
        raise ValueError(_not_numbers_message(given)) from error
    except OverflowError as error:
        raise ValueError(
            f"X ({given}) contains an integer beyond the range of float64; rescale X."
        ) from error
    except (ValueError, TypeError) as error:
        text = str(error)
        if any(sign in text for sign in RAGGED_SIGNS):
            raise ValueError(
                f"X ({given}) has rows of different lengths; all samples must have the "
                "same number of features."
            ) from error
        if any(sign in text for sign in NOT_NUMBERS_SIGNS):
            message = _not_numbers_message(given)
            if isinstance(error, TypeError):  # scikit-learn's checks expect its words
                raise TypeError(f"{message} ({error})") from error
            raise ValueError(message) from error
        if DUPLICATES_SIGN in text:
            raise ValueError(
                f"X ({given}) has duplicate column names, which must be unique. Rename "
                "columns."
            ) from error
        raise


def _invalid_array_message(owner, name, reason):
    return (
        f"{owner}: {name} is invalid; must be an array of finite real numbers with shape "
        "(n_samples, n_features), or of images, (n_samples, height, width) or "
        f"(n_samples, channels, height, width). {reason}"
    )


def _reason(error):
    """Return the cause of an error about an array, without the requirement."""
    text = str(error)
    if any(sign in text for sign in RAGGED_SIGNS):
        return "Its rows have different lengths."
    if any(sign in text for sign in NOT_NUMBERS_SIGNS):
        return "It contains text or other values that are not numbers."
    return re.sub(r"^X\b", "It", re.sub(r"; must be [^.]*\.", ".", text))


def refuse_other_types(dtype, given):
    if np.dtype(dtype).kind not in REAL_KINDS:
        raise ValueError(_not_numbers_message(given, f" of type {dtype}"))


def _not_numbers_message(given, kind=""):
    return (
        f"X ({given}) contains values{kind} that are not real numbers. Encode categories "
        "and text, for example with OneHotEncoder(sparse_output=False) or "
        "OrdinalEncoder, and convert dates to numbers."
    )


def _array_unless_ragged(sequence):
    try:
        return np.asarray(sequence)
    except ValueError:
        return sequence
