"""Choose the output activation, and warn about data outside its range."""

import math

from skae.exceptions import OutputRangeWarning, warn
from skae.nn.networks import ACTIVATION_RANGES

# How far values may exceed the range of the output activation without a warning.
TOLERANCE = 1e-3

# How far scaling to [0, 1] in float32 may miss it, relative to the largest value.
ROUNDING = 1e-6

# A sigmoid is for data that use much of [0, 1]: values that are all near 0 saturate it
# before anything else is learned.
MIN_LARGEST_VALUE = 0.1


def choose_output_activation(output_activation, loss, low, high):
    """Resolve "auto" for values from `low` to `high`, and check it against the loss.

    Raises
    ------
    ValueError
        If the loss is the cross-entropy and a value is outside [0, 1], or the output
        activation is not the sigmoid.
    """
    in_0_1 = low >= -ROUNDING * max(high, 0.0) and high <= 1 + ROUNDING
    if loss == "binary_cross_entropy":
        if not in_0_1:
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
        return "sigmoid" if in_0_1 and high >= MIN_LARGEST_VALUE else "identity"
    return output_activation


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
