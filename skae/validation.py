"""What an estimator is given for X: checked, and made into Rows."""

import numpy as np
from sklearn.utils.validation import validate_data

from skae.rows import refuse_text, text_error
from skae.sources import Rows, is_stream


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
