"""The principal axes of the training samples, at which training starts."""

import numpy as np

from skae.exceptions import NonFiniteError
from skae.nn.linear_path import PrincipalAxes

# Samples from which the axes are computed, and their values together.
MAX_SAMPLES = 20_000
MAX_VALUES = 2**24
MAX_VALUES_OF_STREAM = 2**22

# Axes along which the standard deviation is a smaller share of the largest are rounding.
MIN_STD_RATIO = 1e-6

# Rounding in the mean of a constant column, in units of the spacing of its numbers.
MEAN_ROUNDING = 100


def find_principal_axes(rows, n_components, rng, index=None):
    """Return the `PrincipalAxes` of samples, and of a random subset of many samples.

    Parameters
    ----------
    rows : Rows
    n_components : int or float
        As for scikit-learn's PCA: the number of components, or the share of the variance
        that they explain. There may be fewer axes than this number.
    rng : RandomState
    index : ndarray of int, default=None
        Sorted indices of the samples to use; None uses all.
    """
    rows = rows.take(index)
    n_values = MAX_VALUES_OF_STREAM if rows.streamed else MAX_VALUES
    n_samples = min(MAX_SAMPLES, max(n_values // rows.n_features, 2))
    X = rows.take(rows.subsample(n_samples, rng)).to_numpy()
    with np.errstate(all="ignore"):
        mean = X.mean(axis=0)
        X -= mean
        scale = np.sqrt(np.vdot(X, X) / X.size)
    if not np.isfinite(scale):  # values are not checked under assume_finite
        raise NonFiniteError(
            "Training diverged before the first epoch: the variance of X is "
            f"{scale:.5g}. Check X for NaN and infinite values, and scale it, for "
            "example with StandardScaler."
        )
    if scale <= MEAN_ROUNDING * np.spacing(np.abs(mean).max()):
        return PrincipalAxes(mean, 1.0, np.zeros((0, len(mean))), np.zeros(0), 0.0)
    X /= scale
    is_number = isinstance(n_components, int)
    from sklearn.decomposition import PCA

    pca = PCA(
        min(n_components, *X.shape) if is_number else n_components,
        svd_solver="auto" if is_number else "full",
        copy=False,
        random_state=rng,
    ).fit(X)
    stds = np.sqrt(pca.explained_variance_)
    is_axis = stds > MIN_STD_RATIO * stds[0]
    noise_variance = float(np.nan_to_num(pca.noise_variance_))
    return PrincipalAxes(
        mean, float(scale), pca.components_[is_axis], stds[is_axis], noise_variance
    )
