"""Expectation maximization (EM) for Gaussian mixtures, as large matrix products.

The log-density of a code under a component is a quadratic polynomial in the code. The
E-step is one product of the polynomials' coefficients with the monomials of all codes,
and the M-step one product of the responsibilities with the same monomials. In float32
these products are accurate for codes within a few hundred standard deviations of each
component. Three measures make the result accurate in other cases too:

- Outlying codes are fitted separately (`split_by_scale`).
- Narrow components are fitted in float64 (`_is_narrow`).
- Only the E-steps, not the result, widen components by the rounding errors (`_widened`).
"""

import numpy as np
import torch
from torch import nn

from skae.densities._gaussian import MIN_VARIANCE, _AffineGaussian, mean_and_covariance

# "auto" limits the number of components by the number of codes and by the time of a
# fit, which grows with codes, components and squared features. The limits were chosen on
# codes of MNIST, digits and tables (docs/benchmarks/design_notes.md).
MAX_COMPONENTS = 200
COMPONENTS_PER_ROOT = 0.8
CODES_PER_FEATURE = 2
MAX_PRODUCTS = 1.25e10

# Codes that k-means++ chooses from, and that k-means and the first EM iterations use.
N_CENTRE_CODES = 3_000
N_FIRST_CODES = 12_000
N_KMEANS_ITERATIONS = 3
# With k components, k-means starts this number / k times, and at least once.
N_KMEANS_STARTS = 15
# Monomials that are computed at a time, so that they fit in the caches, and the fewest
# and most codes.
CHUNK_VALUES = 2**18
CHUNK_CODES = (256, 4_096)

# Variance that the E-steps add to a component at the origin of the whitened codes. It
# is larger than the rounding errors of the products. Components that are narrower need
# float64.
RESOLUTION = {torch.float32: 1e-5, torch.float64: 1e-12}
# Smaller responsibilities count as zero.
NEGLIGIBLE = 1e-30
# Variance of a component whose codes are all equal. float32 codes resolve little more.
MIN_COMPONENT_VARIANCE = 1e-12

# The pooled variance is at most this many times the median of the components' variances.
MAX_POOLED_RATIO = 10.0

# Codes that the spread of most codes is measured on.
N_SPREAD_CODES = 1_000
MAX_OUTLIER_ROUNDS = 10
# A code is outlying if it is this many times farther from the median than half the codes.
OUTLYING_RATIO = 50.0


def fit_mixture(X, n_components, max_iter, rng):
    """Fit a mixture, with components of their own for outlying codes.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Codes, in float64.
    n_components : int or None
        None chooses by `number_of_components`.
    max_iter : int
    rng : RandomState

    Returns
    -------
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_features)
    covariances : ndarray of shape (n_components, n_features, n_features)
    """
    groups = [X]
    if n_components != 1:
        groups = split_by_scale(X[rng.permutation(len(X))])
    if n_components is None:
        numbers = [number_of_components(*group.shape) for group in groups]
    else:
        last = min(n_components, len(groups)) - 1  # takes all that are left over
        groups = [*groups[:last], np.concatenate(groups[last:])]
        numbers = _apportion(n_components, [len(group) for group in groups])
    parts, prior = [], None
    for group, number in zip(groups, numbers, strict=True):
        weights, means, covariances = _fit_group(group, number, max_iter, rng, prior)
        parts.append((weights * len(group) / len(X), means, covariances))
        if prior is None:
            prior = np.tensordot(weights, covariances, axes=1)
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def number_of_components(n_samples, n_features):
    """Return the number of components that "auto" chooses."""
    number = min(
        MAX_COMPONENTS,
        int(COMPONENTS_PER_ROOT * n_samples**0.5),
        n_samples // (CODES_PER_FEATURE * n_features),
        int(MAX_PRODUCTS / (n_samples * n_features**2)),
    )
    return max(number, 1)


def split_by_scale(X):
    """Split codes into the bulk and groups of outlying codes, each on its own scale.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Codes, in random order.

    Returns
    -------
    groups : list of ndarray
        The bulk first.
    """
    groups = []
    while len(X):
        is_outlying = _is_outlying(X)
        groups.append(X[~is_outlying])
        X = X[is_outlying]
    return groups


def _is_outlying(X):
    """Return a mask of the codes that are outlying along some direction."""
    is_outlying = np.zeros(len(X), dtype=bool)
    for _ in range(MAX_OUTLIER_ROUNDS):  # outlying codes may hide others
        is_new = _is_far(X[~is_outlying])
        is_outlying[~is_outlying] = is_new
        if is_outlying.mean() >= 0.5:  # no bulk, as where most features are mostly zero
            return np.zeros(len(X), dtype=bool)
        if not is_new.any():
            break
    return is_outlying


def _is_far(X):
    """Return a mask of the codes that are far out, along features or principal axes."""
    median, spread = _median_and_spread(X)
    scaled = (X - median) / spread
    axes = np.linalg.eigh(scaled.T @ scaled)[1]
    projected = scaled @ axes
    median, spread = _median_and_spread(projected)
    # Smaller coordinates may be rounding errors of float32 codes.
    rounding = MIN_VARIANCE**0.5 * np.linalg.norm(scaled, axis=1, keepdims=True)
    limits = np.maximum(OUTLYING_RATIO * spread, rounding)
    is_far = (np.abs(scaled) > OUTLYING_RATIO) | (np.abs(projected - median) > limits)
    return is_far.any(axis=1)


def _median_and_spread(X):
    """Return the median of each feature, and the median of the distances from it.

    The spread leaves out values equal to the median, so that a feature that is mostly
    constant is judged by its other values.
    """
    few = X[:N_SPREAD_CODES]
    median = np.median(few, axis=0)
    distances = np.sort(np.abs(few - median), axis=0)
    n_others = (distances > 0).sum(axis=0, keepdims=True)
    middle = len(few) - 1 - n_others // 2
    spread = np.take_along_axis(distances, middle, axis=0)[0]
    spread = np.maximum(spread, 1e-100 * np.abs(X).max(axis=0))  # squares do not overflow
    return median, np.where(n_others[0] > 0, spread, np.inf)


def _apportion(n_components, sizes):
    """Return the number of components of each group: one, and the rest by size."""
    n_spare = n_components - len(sizes)
    numbers = [1 + n_spare * size // sum(sizes) for size in sizes]
    numbers[0] += n_components - sum(numbers)
    return numbers


def _fit_group(X, n_components, max_iter, rng, prior):
    """Fit a mixture to one group of codes.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_components : int
    max_iter : int
    rng : RandomState
    prior : ndarray of shape (n_features, n_features) or None
        Covariance to shrink a single component towards; None for the bulk.

    Returns
    -------
    weights, means, covariances : ndarray
    """
    mean, covariance = mean_and_covariance(X)
    whole = _AffineGaussian(mean, covariance)
    varies = whole.factor.any(axis=0)
    n_components = min(n_components, len(X))
    if n_components == 1 or not varies.any():
        if prior is not None:
            strength = _prior_strength(X.shape[1])
            covariance = len(X) * covariance + strength * prior
            covariance /= len(X) + strength
        return np.ones(1), mean[None], covariance[None]
    weights, means, covariances = _fit_whitened(
        whole.whiten(X)[:, varies], n_components, max_iter, rng
    )
    factor = whole.factor[:, varies]
    return weights, mean + means @ factor.T, factor @ covariances @ factor.T


def _fit_whitened(whitened, n_components, max_iter, rng):
    """Fit a mixture to codes in random order that have unit covariance."""
    precise = torch.from_numpy(np.ascontiguousarray(whitened.T))
    rows = precise.float()  # (n_features, n_samples)
    n_first = max(N_FIRST_CODES, 2 * n_components)
    mixture, responsibilities = None, _kmeans(rows[:, :n_first], n_components, rng)
    for iteration in range(max_iter + 1):
        n_used = n_first if iteration <= max_iter // 2 else len(whitened)
        if mixture is not None:
            responsibilities = _e_step(*mixture, rows.dtype)
        mixture = _m_step(rows[:, :n_used], responsibilities)
        if rows is not precise and _is_narrow(*mixture):
            rows = precise
            mixture = _m_step(rows[:, :n_used], responsibilities)
    weights, _, covariances = mixture
    covariances.diagonal(dim1=1, dim2=2).add_(MIN_COMPONENT_VARIANCE)
    is_used = weights > 0
    return tuple(array[is_used].numpy() for array in mixture)


def _is_narrow(_, means, covariances):
    """Return whether a component is too narrow for sums in float32.

    The E-step would then more than double a variance.
    """
    reduced = _widened(means, covariances, -RESOLUTION[torch.float32])
    return torch.linalg.cholesky_ex(reduced).info.any()


def _widened(means, covariances, resolution):
    """Return the covariances plus the errors of products with this resolution."""
    widths = resolution * (1 + means.square().sum(dim=1))
    return covariances + torch.diag_embed(widths[:, None].expand(means.shape))


def _kmeans(rows, n_components, rng):
    """Return a function from codes to one-hot labels, by a few iterations of k-means.

    A few components often start badly, and are quick to start again.
    """
    few = rows[:, : max(N_CENTRE_CODES, 2 * n_components)].T.numpy()
    n_starts = max(1, N_KMEANS_STARTS // n_components)
    best, least = None, np.inf
    for _ in range(n_starts):
        from sklearn.cluster import kmeans_plusplus

        centres, _ = kmeans_plusplus(few, n_components, random_state=rng)
        centres = torch.from_numpy(centres)
        for _ in range(N_KMEANS_ITERATIONS):
            labels = _nearest(rows, centres)
            counts = labels.sum(dim=1)[:, None]
            centres = torch.where(counts > 0, labels @ rows.T / counts.clamp(1), centres)
        inertia = 0.0
        if n_starts > 1:
            inertia = torch.cdist(rows.T, centres).amin(dim=1).square().sum()
        if inertia < least:
            best, least = centres, inertia
    return lambda chunk, _: _nearest(chunk.to(best.dtype), best)


def _nearest(rows, centres):
    """Return one-hot labels of the nearest centres, (n_components, n_samples)."""
    distances = centres.square().sum(dim=1)[:, None] - 2 * centres @ rows
    nearest = distances.argmin(dim=0, keepdim=True)
    return torch.zeros_like(distances).scatter_(0, nearest, 1.0)


def _e_step(weights, means, covariances, dtype):
    """Return a function from codes and their monomials to responsibilities."""
    covariances = _widened(means, covariances, RESOLUTION[dtype])
    coefficients = _coefficients(weights, means, covariances).to(dtype)

    def responsibilities(_, monomials):
        shares = torch.softmax(coefficients @ monomials.to(dtype), dim=0)
        # Products with denormal numbers are slow.
        return nn.functional.threshold(shares, NEGLIGIBLE, 0.0, inplace=True)

    return responsibilities


def _coefficients(weights, means, covariances):
    """Return the monomials' coefficients in the log-density of each component."""
    factors = torch.linalg.cholesky(covariances)
    precisions = torch.cholesky_inverse(factors)
    first, second = _pairs(means.shape[1])
    squares = precisions[:, first, second] * torch.where(first == second, 0.5, 1.0)
    linear = (precisions @ means[:, :, None])[:, :, 0]
    log_volumes = factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    constants = weights.log() - log_volumes - (linear * means).sum(dim=1) / 2
    return torch.cat([-squares, linear, constants[:, None]], dim=1)


def _m_step(rows, responsibilities):
    """Return the weights, means and covariances that maximize the posterior.

    Parameters
    ----------
    rows : tensor of shape (n_features, n_samples)
        Codes. Sums have their precision, apart from the totals, which are in float64.
    responsibilities : callable
        Takes codes and their monomials, returns (n_components, n_samples).

    Returns
    -------
    weights, means, covariances : float64 tensor
    """
    n_features, sums = len(rows), 0.0
    first, second = _pairs(n_features)
    chunk_size = np.clip(CHUNK_VALUES // len(first), *CHUNK_CODES)
    for chunk in rows.split(int(chunk_size), dim=1):
        monomials = _monomials(chunk)
        shares = responsibilities(chunk, monomials).to(rows.dtype)
        sums = sums + (shares @ monomials.T).double()  # (n_components, n_monomials)
    counts, means = sums[:, -1], sums[:, -1 - n_features : -1]
    means = means / counts.clamp(1e-9)[:, None]
    scatter = sums.new_zeros(len(sums), n_features, n_features)
    scatter[:, first, second] = scatter[:, second, first] = sums[:, : len(first)]
    scatter -= counts[:, None, None] * means[:, :, None] * means[:, None, :]
    return counts / counts.sum(), means, _shrunk_covariances(counts, scatter)


def _monomials(rows):
    """Return the products of each two features, the features, and one.

    The shape is (n_monomials, n_samples).
    """
    first, second = _pairs(len(rows))
    ones = rows.new_ones(1, rows.shape[1])
    return torch.cat([rows[first] * rows[second], rows, ones])


def _shrunk_covariances(counts, scatter):
    """Return the covariances of the components, shrunk towards the pooled covariance.

    The prior is an inverse Wishart distribution, as in Fraley and Raftery (2007). It
    counts as `_prior_strength` more codes in each component, with the pooled covariance.
    A component that is much wider than most would inflate all others through the pooled
    covariance. So the latter is limited, along each feature.
    """
    pooled = scatter.sum(dim=0) / counts.sum()
    variances = scatter.diagonal(dim1=1, dim2=2) / counts.clamp(1e-9)[:, None]
    order = variances.argsort(dim=0)
    cumulative = counts[order].cumsum(dim=0)
    middle = (cumulative < counts.sum() / 2).sum(dim=0, keepdim=True)
    medians = variances.gather(0, order).gather(0, middle)[0]  # weighted by counts
    ratios = MAX_POOLED_RATIO * medians / pooled.diagonal().clamp(1e-300)
    limits = ratios.clamp(0, 1).sqrt()
    pooled = pooled * limits * limits[:, None]
    strength = _prior_strength(len(pooled))
    return (scatter + strength * pooled) / (counts + strength)[:, None, None]


def _prior_strength(n_features):
    return n_features / 2 + 1


def _pairs(n_features):
    return torch.triu_indices(n_features, n_features, device="cpu")
