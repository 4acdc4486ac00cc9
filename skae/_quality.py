"""How well a trained model reconstructs its training samples, column by column."""

import math

import numpy as np

from skae.exceptions import ColumnScaleWarning, warn

# Training samples that are looked at, and their values together.
MAX_SAMPLES = 2_000
MAX_VALUES = 2**22

# The columns' standard deviations are far apart if the largest exceeds the median by this
# factor. It is above 10 on raw tables that mix units, and below 3 on images and on tables
# in one unit.
MAX_SCALE_RATIO = 10.0

# Rounding in the mean of a constant column, in units of the spacing of its numbers, and
# in reconstructions, relative to the largest value.
ROUNDING = 100
FLOAT32_ROUNDING = 1e-6

# The share of columns that may be reconstructed worse than by their mean.
MAX_LOST_SHARE = 0.5


def some_of(rows):
    """Return a random subset of `Rows`, always the same, that is not too large."""
    n_samples = min(MAX_SAMPLES, max(MAX_VALUES // rows.n_features, 2))
    return rows.take(rows.subsample(n_samples, np.random.RandomState(0)))


def column_variances(X):
    """Return the variance of each column, 0 if it is only rounding."""
    rounding = ROUNDING * np.spacing(np.abs(X).max(axis=0))
    variances = X.var(axis=0)
    return np.where(variances > np.square(rounding), variances, 0.0)


def explained_variance_ratio(X, squared_errors):
    """Return 1 less the share of the variance that is lost.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    squared_errors : float or ndarray of shape (n_features,)
        Mean squared reconstruction error, or that of each column.
    """
    total, lost = np.mean(column_variances(X)), np.mean(squared_errors)
    if total == 0:
        is_exact = math.sqrt(lost) <= FLOAT32_ROUNDING * np.abs(X).max()
        return 1.0 if is_exact else 0.0
    return float(1 - lost / total)


def warn_if_columns_are_lost(variances, squared_errors):
    """Warn if most columns are reconstructed worse than by their mean.

    The loss is a sum over columns, in which columns with small values hardly count.

    Parameters
    ----------
    variances, squared_errors : ndarray of shape (n_features,)
        Variance and mean squared reconstruction error of each column.
    """
    varies = variances > 0
    if not varies.any():
        return
    low, middle, high = np.quantile(np.sqrt(variances[varies]), [0, 0.5, 1])
    if high < MAX_SCALE_RATIO * middle:
        return
    is_lost = (squared_errors > variances) & varies
    if is_lost.sum() > MAX_LOST_SHARE * varies.sum():
        warn(
            f"{is_lost.sum()} of {varies.sum()} columns of X are reconstructed worse "
            "than by their mean. Their scales are far apart: the standard deviations "
            f"range from {low:.2g} to {high:.2g}, and the loss is dominated by the "
            "largest. Use StandardScaler before the autoencoder, for example in a "
            "Pipeline.",
            ColumnScaleWarning,
        )
