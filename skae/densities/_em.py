"""Gaussian mixtures fitted in torch: both steps of an iteration are one large product.

The log density of a row under a component is a polynomial of second degree in the row:
a product of the component's coefficients with the row's monomials. The sums that new
means and covariances need are a product of the shares with the same monomials.
"""

import numpy as np
import torch
from sklearn.cluster import kmeans_plusplus

# How many components there are rows, and time, for: costs grow with rows, components
# and squared features. Measured on codes of MNIST and of digits (docs/generation.md).
MAX_COMPONENTS = 120
COMPONENTS_BY_ROOT = 0.6
ROWS_PER_FEATURE = 2
MAX_PRODUCTS = 1e10

# Rows that k-means++ chooses from, that k-means and the first iterations are made on,
# and that monomials are held of at a time.
CENTRE_ROWS = 3_000
FIRST_ROWS = 12_000
CHUNK_ROWS = 4_096
CENTRE_ITERATIONS = 3

# Least variance within components, as a share of all: rows may stand on few points.
LEAST_SHARE = 1e-5


def number_of_components(n_rows, n_features):
    """How many components to fit to so many rows."""
    most = min(
        MAX_COMPONENTS,
        int(COMPONENTS_BY_ROOT * n_rows**0.5),
        n_rows // (ROWS_PER_FEATURE * n_features),
        int(MAX_PRODUCTS / (n_rows * n_features**2)),
    )
    return max(most, 1)


def fit_mixture(whitened, n_components, max_iter, rng):
    """Fit a mixture to rows of unit covariance.

    k-means gives the first components. The first half of the iterations is made on
    `FIRST_ROWS` rows where there are more, the second half on all.

    Parameters
    ----------
    whitened : ndarray of shape (n_samples, n_features)
    n_components : int
    max_iter : int
    rng : RandomState

    Returns
    -------
    shares : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_features)
    covariances : ndarray of shape (n_components, n_features, n_features)
    """
    order = rng.permutation(len(whitened))
    rows = np.ascontiguousarray(whitened[order].T, dtype=np.float32)
    rows = torch.from_numpy(rows)  # (n_features, n_samples)
    first, n_features = rows[:, : max(FIRST_ROWS, 2 * n_components)], len(rows)
    centres = _centres(first, n_components, rng)
    sums = _sums(first, lambda chunk, monomials: _nearest(chunk, centres))
    for number in range(max_iter):
        log_density = _coefficients(*_maximise(sums, n_features)).float()
        part = first if number < max_iter // 2 else rows
        sums = _sums(part, _shares_by(log_density))
    return tuple(part.numpy() for part in _maximise(sums, n_features))


def _centres(rows, n_components, rng):
    """Centres by a few iterations of k-means from k-means++."""
    few = rows[:, : max(CENTRE_ROWS, 2 * n_components)].T.numpy()
    centres, _ = kmeans_plusplus(few, n_components, random_state=rng)
    centres = torch.from_numpy(centres)
    for _ in range(CENTRE_ITERATIONS):
        shares = _nearest(rows, centres)
        counts = shares.sum(dim=1)[:, None]
        centres = torch.where(counts > 0, shares @ rows.T / counts.clamp(1), centres)
    return centres


def _nearest(rows, centres):
    """One for the nearest centre of each row, else zero: (n_components, n_samples)."""
    distances = centres.square().sum(dim=1)[:, None] - 2 * centres @ rows
    nearest = distances.argmin(dim=0, keepdim=True)
    return torch.zeros_like(distances).scatter_(0, nearest, 1.0)


def _shares_by(coefficients):
    """A function of rows and their monomials: how likely each is each component's."""
    return lambda rows, monomials: torch.softmax(coefficients @ monomials, dim=0)


def _sums(rows, shares_of):
    """Sums of the rows' monomials by their shares, (n_components, n_monomials)."""
    sums = 0.0
    for chunk in rows.split(CHUNK_ROWS, dim=1):
        monomials = _monomials(chunk)
        sums = sums + (shares_of(chunk, monomials) @ monomials.T).double()
    return sums


def _monomials(rows):
    """The products of each two elements, the elements, and one: (n_monomials, rows)."""
    first, second = _pairs(len(rows))
    ones = rows.new_ones(1, rows.shape[1])
    return torch.cat([rows[first] * rows[second], rows, ones])


def _maximise(sums, n_features):
    """Shares, means and covariances that make the rows most likely, given a prior.

    The prior acts as n_features / 2 + 1 more rows in each component would, that have the
    mean covariance of all components: an inverse Wishart distribution, as in Fraley and
    Raftery 2007.
    """
    counts, means = sums[:, -1], sums[:, -1 - n_features : -1]
    means = means / counts.clamp(1e-9)[:, None]
    first, second = _pairs(n_features)
    scatter = sums.new_zeros(len(sums), n_features, n_features)
    scatter[:, first, second] = scatter[:, second, first] = sums[:, : len(first)]
    scatter -= counts[:, None, None] * means[:, :, None] * means[:, None, :]
    pooled = scatter.sum(dim=0) / counts.sum()
    strength = n_features / 2 + 1
    covariances = (scatter + strength * pooled) / (counts + strength)[:, None, None]
    # Squares of float32 numbers were subtracted: an error as large as their rounding.
    sizes = 1 + means.square().sum(dim=1)[:, None]
    covariances.diagonal(dim1=1, dim2=2).add_(LEAST_SHARE * sizes)
    return counts / counts.sum(), means, covariances


def _coefficients(shares, means, covariances):
    """The monomials' coefficients in the log density, (n_components, n_monomials)."""
    factors = torch.linalg.cholesky(covariances)
    precisions = torch.cholesky_inverse(factors)
    first, second = _pairs(means.shape[1])
    squares = precisions[:, first, second] * torch.where(first == second, 0.5, 1.0)
    linear = (precisions @ means[:, :, None])[:, :, 0]
    log_volumes = factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    constants = shares.log() - log_volumes - (linear * means).sum(dim=1) / 2
    return torch.cat([-squares, linear, constants[:, None]], dim=1)


def _pairs(n_features):
    return torch.triu_indices(n_features, n_features, device="cpu")
