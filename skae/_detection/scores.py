"""Anomaly scores: how unusual a sample is, and what each feature contributes.

A score is computed from samples and residuals, the differences from their
reconstructions; both are arrays of shape (n_samples, n_features). Higher is more unusual.
"""

import numpy as np
from sklearn.metrics import pairwise_distances

from skae._detection.conditionals import ConditionalMixture

# Training samples among which neighbours are sought.
MAX_REFERENCES = 20_000

# The squared distance of whitened residuals, relative to that of standardised samples.
RESIDUAL_WEIGHT = 0.2

# Random training samples that tell whether one of them is itself an outlier: by its mean
# distance to the nearest half. Outliers may be near each other, but not near half of all.
MAX_PROBES = 1_000

# A distance is that of a training sample from itself if it is below this share of a
# usual distance.
SAME_SAMPLE = 1e-4

# Coordinates of which float32 holds the squared distances.
LARGEST = 1e15

# With more features, residuals are divided by their standard deviations only, and
# features are not compared with what the others predict.
MAX_WHITENED = 1000

# The least variance of residuals, relative to the variance of the samples.
MIN_VARIANCE_RATIO = 1e-4


class ReconstructionScore:
    """Mean squared residual."""

    def fit(self, samples, residuals):
        """Keep nothing: the score needs no training samples."""
        return self

    def add(self, samples, residuals):
        """Add held-out samples, where a score compares with samples."""

    def score(self, samples, residuals):
        """Return the score of each sample."""
        return np.square(residuals).mean(axis=1)

    def by_feature(self, samples, residuals):
        """Return the parts of the scores, which sum to them."""
        return np.square(residuals) / residuals.shape[1]

    def state(self):
        """Return what a file holds, as plain data."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state):
        """Return the fitted score of a `state`."""
        loaded = object.__new__(cls)
        vars(loaded).update(state)
        loaded._derive()
        return loaded

    def _derive(self):
        """Compute what a file does not hold."""


class ResidualScore(ReconstructionScore):
    """Mahalanobis distance of the residuals.

    The whitening is symmetric: a whitened feature is as similar as possible to its own
    residual.
    """

    def fit(self, samples, residuals):
        """Find the covariance of the residuals of training samples."""
        std = samples.std(axis=0)
        self.std = np.where(std > 0, std, 1.0)
        self.mean = residuals.mean(axis=0)
        if samples.shape[1] > MAX_WHITENED:
            floor = MIN_VARIANCE_RATIO * np.square(self.std)
            self.whitening = 1 / np.sqrt(residuals.var(axis=0) + floor)
            return self
        scaled = (residuals - self.mean) / self.std
        covariance = np.zeros((samples.shape[1], samples.shape[1]))
        if len(samples) > 1:
            from sklearn.covariance import LedoitWolf

            covariance += LedoitWolf(assume_centered=True).fit(scaled).covariance_
        covariance += MIN_VARIANCE_RATIO * np.eye(len(covariance))
        variances, axes = np.linalg.eigh(covariance)
        self.whitening = (axes / np.sqrt(variances)) @ axes.T / self.std[:, None]
        return self

    def whitened(self, residuals):
        """Return residuals as independent variables of variance 1."""
        centred = residuals - self.mean
        if self.whitening.ndim == 1:
            return centred * self.whitening
        return centred @ self.whitening

    def score(self, samples, residuals):
        """Return the score of each sample."""
        return np.sqrt(np.square(self.whitened(residuals)).sum(axis=1))

    def by_feature(self, samples, residuals):
        """Return the parts of the scores, which sum to them."""
        return divided(
            self.score(samples, residuals), np.square(self.whitened(residuals))
        )


class NeighborScore(ResidualScore):
    """Mean distance to the nearest training samples.

    The distance is that of standardised samples together with their whitened residuals.
    Training samples that are themselves far from others are no neighbours.

    Parameters
    ----------
    n_neighbors : int
    trimmed : float
        Share of the training samples that are left out.
    is_table : bool
        Whether the features are columns of a table, not pixels.
    rng : RandomState
        Selects some of many training samples.
    """

    def __init__(self, n_neighbors, trimmed, is_table, rng):
        self.n_neighbors = n_neighbors
        self.trimmed = trimmed
        self.is_table = is_table
        self.rng = rng
        self.conditionals = None

    def fit(self, samples, residuals):
        """Find the covariance of the residuals; `add` finds the neighbours."""
        super().fit(samples, residuals)
        self.points = self._points(samples, residuals)
        return self

    def add(self, samples, residuals):
        """Choose the samples among which neighbours are sought, with held-out ones.

        A sample is never its own neighbour. The scores of the added samples are therefore
        like those of new samples.
        """
        self._choose(np.vstack([self.points, self._points(samples, residuals)]))
        if self.is_table and samples.shape[1] <= MAX_WHITENED:
            known = self.points[:, : samples.shape[1]]
            self.conditionals = ConditionalMixture().fit(known, self.rng)

    def _choose(self, points):
        if len(points) > MAX_REFERENCES:
            chosen = self.rng.choice(len(points), MAX_REFERENCES, replace=False)
            points = points[np.sort(chosen)]
        n_kept = max(len(points) - round(self.trimmed * len(points)), 2)
        probes = points[self.rng.permutation(len(points))[:MAX_PROBES]]
        distances = np.sort(pairwise_distances(points, probes), axis=1)
        distances = distances[:, : max(len(probes) // 2, 1)].mean(axis=1)
        order = np.argsort(distances, kind="stable")
        from sklearn.neighbors import NearestNeighbors

        nearest, _ = NearestNeighbors(n_neighbors=1).fit(points).kneighbors()
        self.usual_distance = float(np.median(nearest))  # without the sample itself
        self.points = points[np.sort(order[:n_kept])]
        self._derive()

    def _derive(self):
        if isinstance(self.conditionals, dict):
            self.conditionals = ConditionalMixture.from_state(self.conditionals)
        n_neighbors = min(self.n_neighbors + 1, len(self.points))
        from sklearn.neighbors import NearestNeighbors

        self._index = NearestNeighbors(n_neighbors=n_neighbors).fit(self.points)

    def state(self):
        """Return what a file holds, as plain data."""
        content = {k: v for k, v in vars(self).items() if k not in ("_index", "rng")}
        if self.conditionals is not None:
            content["conditionals"] = self.conditionals.state()
        return content

    def score(self, samples, residuals):
        """Return the score of each sample."""
        distances, _ = self._neighbors(self._points(samples, residuals))
        return distances.mean(axis=1)

    def by_feature(self, samples, residuals):
        """Return the parts of the scores, which sum to them.

        In a table, they are in proportion to how unlikely a feature is, given the others.
        This names a wrong feature more often than the parts of the distance. In an image,
        where many pixels change together, they are the parts of the distance.
        """
        points, n_features = self._points(samples, residuals), samples.shape[1]
        distances, neighbors = self._neighbors(points)
        if self.conditionals is not None:
            surprise = self.conditionals.surprise(samples / self.std)
            return divided(distances.mean(axis=1), surprise)
        parts = np.zeros((len(points), n_features))
        for number in range(neighbors.shape[1]):
            squares = np.square(points - self.points[neighbors[:, number]])
            by_feature = squares[:, :n_features] + squares[:, n_features:]
            parts += divided(distances[:, number], by_feature)
        return parts / neighbors.shape[1]

    def _points(self, samples, residuals):
        whitened = np.sqrt(RESIDUAL_WEIGHT) * self.whitened(residuals)
        points = np.hstack([samples / self.std, whitened])
        return points.clip(-LARGEST, LARGEST).astype(np.float32)

    def _neighbors(self, points):
        """Return distances and indices of neighbours, without the sample itself."""
        distances, neighbors = self._index.kneighbors(points)
        distances = distances.astype(np.float64)
        if distances.shape[1] == 1:
            return distances, neighbors
        is_itself = distances[:, :1] <= SAME_SAMPLE * self.usual_distance
        return (
            np.where(is_itself, distances[:, 1:], distances[:, :-1]),
            np.where(is_itself, neighbors[:, 1:], neighbors[:, :-1]),
        )


def divided(totals, squares):
    """Divide totals among features in proportion to squares.

    Parameters
    ----------
    totals : ndarray of shape (n_samples,)
    squares : ndarray of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_samples, n_features)
    """
    sums = squares.sum(axis=1, keepdims=True)
    even = np.full_like(squares, 1 / squares.shape[1])
    return totals[:, None] * np.divide(squares, sums, out=even, where=sums > 0)


MEASURES: dict[str, type[ReconstructionScore]] = {
    "neighbors": NeighborScore,
    "reconstruction": ReconstructionScore,
    "residual": ResidualScore,
}
