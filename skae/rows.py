"""The forms that data come in: flat rows, images, and the range of their values."""

import math

import numpy as np

from skae.exceptions import OutputRangeWarning, warn
from skae.networks import ACTIVATION_RANGES

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
    shape : tuple of int or None
        What is behind n_samples where `X` holds images, else None.

    Raises
    ------
    ValueError
        If `X` has more than four dimensions.
    """
    if isinstance(X, list | tuple):
        X = _array_unless_ragged(X)
    n_dimensions = getattr(X, "ndim", 2)
    if n_dimensions < 3:
        return X, None
    shape = tuple(X.shape[1:])
    if n_dimensions > 4:
        raise ValueError(
            f"X has {n_dimensions} dimensions; expected rows (n_samples, n_features), "
            "or images (n_samples, height, width) or (n_samples, channels, height, "
            "width). X.reshape(len(X), -1) makes rows of anything."
        )
    return np.asarray(X).reshape(X.shape[0], math.prod(shape)), shape


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


def as_floats(rows):
    """The rows in the precision to compute with: float64 if they are, else float32."""
    is_double = rows.dtype.kind == "f" and rows.dtype.itemsize > 4
    return rows.astype(np.float64 if is_double else np.float32, copy=False)


def as_float32(rows):
    """The rows in float32, which training takes.

    Raises
    ------
    ValueError
        If a value is beyond what float32 can hold.
    """
    with np.errstate(over="ignore"):
        rows32 = rows.astype(np.float32, copy=False)
    if rows32 is not rows and not np.isfinite(rows32).all():
        largest = float(np.abs(rows).max())
        raise ValueError(
            f"X holds a value of size {largest:.5g}, beyond float32's largest, "
            f"{np.finfo(np.float32).max:.5g}; training is in float32. Scale X first, for "
            "example with StandardScaler."
        )
    return rows32


def choose_output_activation(output_activation, loss, rows):
    """What "auto" means for these rows, and whether the loss can go with it.

    Raises
    ------
    ValueError
        If the loss is the cross-entropy and a value lies outside [0, 1], or the
        output activation is not the sigmoid that it needs.
    """
    low, high = float(rows.min()), float(rows.max())
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


def warn_out_of_range(rows, output_activation, slack=RANGE_TOLERANCE):
    """Warn where `rows` leave what the output activation can put out by over `slack`."""
    least, most = ACTIVATION_RANGES[output_activation]
    if math.isinf(least):
        return
    low, high = float(rows.min()), float(rows.max())
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
