"""A warning for columns that are not learned because others are on a larger scale."""

import numpy as np

from skae.exceptions import ColumnScaleWarning, warn

# The columns' standard deviations are far apart if the largest exceeds the median by this
# factor. It is above 10 on raw tables that mix units, and below 3 on images and on tables
# in one unit.
MAX_SCALE_RATIO = 10.0

# The share of columns that may be reconstructed worse than by their mean.
MAX_LOST_SHARE = 0.5

# Samples that are looked at, and their values together.
N_CHECKED_SAMPLES = 1_000
N_CHECKED_VALUES = 2**22


def warn_if_columns_are_lost(rows, reconstruct):
    """Warn if most columns are reconstructed worse than by their mean.

    The loss is a sum over columns, in which columns with small values hardly count.
    Nothing is reconstructed if the columns are on similar scales.

    Parameters
    ----------
    rows : Rows
        Training samples.
    reconstruct : callable
        Maps `Rows` to their reconstruction, an ndarray of shape (n_samples, n_features).
    """
    n_samples = min(N_CHECKED_SAMPLES, max(N_CHECKED_VALUES // rows.n_features, 2))
    some = rows.take(rows.subsample(n_samples, np.random.RandomState(0)))
    X = some.to_numpy()
    scales = X.std(axis=0)
    varies = scales > 0
    if not varies.any():
        return
    low, middle, high = np.quantile(scales[varies], [0, 0.5, 1])
    if high < MAX_SCALE_RATIO * middle:
        return
    errors = np.sqrt(np.square(reconstruct(some) - X).mean(axis=0))
    is_lost = (errors > scales) & varies
    if is_lost.sum() > MAX_LOST_SHARE * varies.sum():
        warn(
            f"{is_lost.sum()} of {varies.sum()} columns of X are reconstructed worse "
            "than by their mean. Their scales are far apart: the standard deviations "
            f"range from {low:.2g} to {high:.2g}, and the loss is dominated by the "
            "largest. Use StandardScaler before the autoencoder, for example in a "
            "Pipeline.",
            ColumnScaleWarning,
        )
