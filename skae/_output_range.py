"""Choose the output activation, and warn about data outside its range."""

import math

import numpy as np

from skae.exceptions import OutputRangeWarning, warn
from skae.nn.networks import ACTIVATION_RANGES

# How far values may exceed the range of the output activation without a warning.
TOLERANCE = 1e-3

# How far scaling to [0, 1] in float32 may miss it, relative to the largest value.
ROUNDING = 1e-6

# A sigmoid is for images that use much of [0, 1], and for other data near 0 and 1: with
# mean m, their variance is at least this share of m * (1 - m), that of binary values.
# Columns scaled to [0, 1] are mostly below (docs/benchmarks/design_notes.md).
MIN_LARGEST_VALUE = 0.1
MIN_VARIANCE_SHARE = 0.6

# Samples from which mean and variance are computed, and their values together.
N_CHECKED_SAMPLES = 1_000
N_CHECKED_VALUES = 2**22


def suits_sigmoid(rows, low, high, *, is_image):
    """Return whether a sigmoid suits samples with values from `low` to `high`.

    Parameters
    ----------
    rows : Rows
    low, high : float
    is_image : bool
        Whether X has images, not flat samples.
    """
    if not _is_in_0_1(low, high) or high < MIN_LARGEST_VALUE:
        return False
    if is_image:
        return True
    n_samples = min(N_CHECKED_SAMPLES, max(N_CHECKED_VALUES // rows.n_features, 2))
    some = rows.take(rows.subsample(n_samples, np.random.RandomState(0))).to_numpy()
    mean = some.mean()
    return some.var() > MIN_VARIANCE_SHARE * mean * (1 - mean)


def choose_output_activation(output_activation, loss, low, high, use_sigmoid):
    """Resolve "auto" for values from `low` to `high`, and check it against the loss.

    Raises
    ------
    ValueError
        If the loss is the cross-entropy and a value is outside [0, 1], or the output
        activation is not the sigmoid.
    """
    if loss == "binary_cross_entropy":
        if not _is_in_0_1(low, high):
            raise ValueError(
                "loss='binary_cross_entropy' requires values of X in [0, 1], but X "
                f"ranges from {low:.7g} to {high:.7g}. Scale X with MinMaxScaler, or use "
                "loss='squared_error'."
            )
        if output_activation not in ("auto", "sigmoid"):
            raise ValueError(
                f"output_activation={output_activation!r} is invalid with "
                "loss='binary_cross_entropy'; must be 'sigmoid' or 'auto'."
            )
        return "sigmoid"
    if output_activation == "auto":
        return "sigmoid" if use_sigmoid else "identity"
    return output_activation


def _is_in_0_1(low, high):
    return low >= -ROUNDING * max(high, 0.0) and high <= 1 + ROUNDING


def warn_out_of_range(low, high, output_activation):
    """Warn if values from `low` to `high` exceed the range of the output activation."""
    least, most = ACTIVATION_RANGES[output_activation]
    if math.isinf(least):
        return
    if low < least - TOLERANCE or high > most + TOLERANCE:
        warn(
            f"X ranges from {low:.5g} to {high:.5g}, but output_activation="
            f"{output_activation!r} restricts reconstructions to [{least:g}, {most:g}]. "
            "Scale X into this range, for example with MinMaxScaler, or fit with "
            "output_activation='identity'. To detect anomalies, do not clip X to the "
            "range, because clipping hides them.",
            OutputRangeWarning,
        )
