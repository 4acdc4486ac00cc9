"""The forms that data come in: flat rows, images, and the range of their values."""

import math

import numpy as np
from sklearn.utils.validation import validate_data

from skae._data.rows import Rows, is_stream
from skae.exceptions import OutputRangeWarning, warn
from skae.nn.networks import ACTIVATION_RANGES

# How far values may leave the output's interval unremarked; and where they are only
# encoded, for which the output does not matter, before it must be the wrong scale.
RANGE_TOLERANCE = 1e-3
ENCODING_TOLERANCE = 0.5

# How far scaling to [0, 1] in float32 may miss it.
ROUNDING = 1e-6


def flatten_images(X):
    """Flat rows of `X`, and the shape of one of its images.

    Parameters
    ----------
    X : array-like
        Rows (n_samples, n_features), which are left as they are, or images
        (n_samples, height, width) or (n_samples, channels, height, width).

    Returns
    -------
    X : array-like of shape (n_samples, n_features)
        A stream of images is left as it is: `Rows` flattens what it reads.
    shape : tuple of int or None
        What is behind n_samples where `X` holds images, else None.

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
    shape = tuple(X.shape[1:])
    if n_dimensions > 4:
        raise ValueError(
            f"X has {n_dimensions} dimensions; expected rows (n_samples, n_features), "
            "or images (n_samples, height, width) or (n_samples, channels, height, "
            "width). X.reshape(len(X), -1) makes rows of anything."
        )
    if not is_stream(X):
        X = np.asarray(X).reshape(X.shape[0], math.prod(shape))
    return X, shape


def looks_channels_last(image_shape):
    """Whether (channels, height, width) is rather (height, width, channels)."""
    first, second, third = image_shape
    return first > 4 and second > 4 and third in (1, 3, 4)


def channels_last_error(image_shape):
    """What to say of images whose shape looks channels-last."""
    return (
        f"X holds images of shape {image_shape}, which look channels-last; expected "
        "(channels, height, width). Write X.transpose(0, 3, 1, 2) (for a torch tensor, "
        f"X.permute(0, 3, 1, 2)). If there really are {image_shape[0]} channels, give "
        f"ConvAutoencoder image_shape={image_shape}, and other estimators rows: "
        "X.reshape(len(X), -1)."
    )


def check_image_shape(image_shape, fitted_shape, name):
    """Raise a ValueError for images of another shape than those that `fit` saw.

    Parameters
    ----------
    image_shape, fitted_shape : tuple of int or None
        (channels, height, width); None of flat rows, which are always taken.
    name : str
        Name of the estimator's class.
    """
    if image_shape is None or image_shape == fitted_shape:
        return
    if looks_channels_last(image_shape):
        raise ValueError(channels_last_error(image_shape))
    if fitted_shape is not None:
        raise ValueError(
            f"X holds images of shape {image_shape} (channels, height, width), but this "
            f"{name} was fitted on images of shape {fitted_shape}. Of one image alone, "
            "X[None] makes an array of one."
        )


def refuse_sparse(X):
    """Raise a TypeError if `X` is a sparse matrix or array."""
    if hasattr(X, "toarray"):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required. Use X.toarray(); "
            "in a Pipeline, OneHotEncoder(sparse_output=False) or "
            "ColumnTransformer(..., sparse_threshold=0)."
        )


def refuse_text(X):
    """Raise a ValueError if `X` is an array of strings, numeric-looking ones too."""
    if getattr(getattr(X, "dtype", None), "kind", None) in ("S", "U"):
        raise ValueError(text_error(type(X).__name__))


def text_error(kind):
    """What to say of data that hold text."""
    return (
        f"X holds text (in a {kind}); expected numbers. Encode text columns first, for "
        "example with OneHotEncoder(sparse_output=False) in a ColumnTransformer."
    )


def choose_output_activation(output_activation, loss, low, high):
    """What "auto" means for values from `low` to `high`, and whether the loss fits it.

    Raises
    ------
    ValueError
        If the loss is the cross-entropy and a value lies outside [0, 1], or the
        output activation is not the sigmoid that it needs.
    """
    in_0_1 = low >= -ROUNDING and high <= 1 + ROUNDING
    if loss == "binary_cross_entropy":
        if not in_0_1:
            raise ValueError(
                "loss='binary_cross_entropy' needs values in [0, 1], but X ranges from "
                f"{low:.7g} to {high:.7g}. Scale X with MinMaxScaler, or use "
                "loss='squared_error'."
            )
        if output_activation not in ("auto", "sigmoid"):
            raise ValueError(
                "loss='binary_cross_entropy' needs output_activation='sigmoid' or "
                f"'auto', but got {output_activation!r}."
            )
        return "sigmoid"
    if output_activation == "auto":
        return "sigmoid" if in_0_1 else "identity"
    return output_activation


def warn_out_of_range(low, high, output_activation, slack=RANGE_TOLERANCE):
    """Warn where values leave what the output activation can put out by over `slack`."""
    least, most = ACTIVATION_RANGES[output_activation]
    if math.isinf(least):
        return
    if low < least - slack or high > most + slack:
        warn(
            f"X ranges from {low:.5g} to {high:.5g}, but reconstructions stay in "
            f"[{least:g}, {most:g}], what output_activation={output_activation!r} can "
            "put out. Scale X into that interval (MinMaxScaler(clip=True) does it for "
            "[0, 1]), or fit with output_activation='identity'.",
            OutputRangeWarning,
        )


def _array_unless_ragged(sequence):
    try:
        return np.asarray(sequence)
    except ValueError:
        return sequence


def validated_rows(estimator, X, *, reset):
    """Check all of `X` but its values, which `Rows` checks as they are read.

    Parameters
    ----------
    estimator : estimator
        Gets, or is compared with, the number and names of the features.
    X : array-like of shape (n_samples, n_features)
        A stream of images may have more dimensions.
    reset : bool
        Whether the estimator is being fitted.

    Returns
    -------
    Rows
    """
    refuse_text(X)
    if is_stream(X):
        return _stream(estimator, X, reset)
    try:
        # Its own copy would be in float64 from lists, and its check of the values slow.
        rows = validate_data(
            estimator, X, reset=reset, order="C", ensure_all_finite=False
        )
    except ValueError as error:
        if "could not convert string" in str(error):
            raise ValueError(text_error(type(X).__name__)) from error
        raise
    return Rows(rows)


def _stream(estimator, X, reset):
    kind = type(X).__name__
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X, a {kind}, holds {X.dtype}; expected real numbers.")
    rows = Rows(X, streamed=True)
    if not len(rows) or not rows.n_features:
        raise ValueError(
            f"X, a {kind}, has shape {tuple(X.shape)}; a minimum of 1 row and 1 feature "
            "is required."
        )
    shape_of_rows = np.broadcast_to(np.float32(0), (len(rows), rows.n_features))
    validate_data(estimator, shape_of_rows, reset=reset, skip_check_array=True)
    return rows
