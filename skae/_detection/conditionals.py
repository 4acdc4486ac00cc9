"""How unlikely each feature of a sample is, given its other features."""

import numpy as np

from skae.densities import LatentGaussianMixture

# Training samples of the mixture, its components, and samples for each of them and each
# feature.
MAX_SAMPLES = 5_000
MAX_COMPONENTS = 10
SAMPLES_PER_COMPONENT = 5

# Added to the variances, in units of the variances of the features.
VARIANCE_FLOOR = 1e-3


class ConditionalMixture:
    """Conditional distributions of each feature given the others.

    They are those of a mixture of Gaussian distributions. A Gaussian distribution with
    the mean m and the precision matrix P has the conditional variance 1 / P_jj of the
    feature j, and x_j differs from its conditional mean by (P (x - m))_j / P_jj.
    """

    def fit(self, samples, rng):
        """Fit the mixture to samples in units of their standard deviations."""
        if len(samples) > MAX_SAMPLES:
            samples = samples[rng.choice(len(samples), MAX_SAMPLES, replace=False)]
        n_samples, n_features = samples.shape
        n_components = n_samples // (SAMPLES_PER_COMPONENT * n_features)
        mixture = LatentGaussianMixture(
            int(np.clip(n_components, 1, MAX_COMPONENTS)), random_state=rng
        ).fit(samples.astype(np.float64))
        self.weights, self.means = mixture.weights_, mixture.means_
        floor = VARIANCE_FLOOR * np.eye(n_features)
        self.precisions = np.linalg.inv(mixture.covariances_ + floor)
        return self

    def surprise(self, samples):
        """Return the squared deviations from the expected values of the features.

        A deviation is measured in conditional standard deviations. With several
        components, the squares are averaged as exp(-square / 2), weighted by the
        probabilities of the components given the other features.

        Returns
        -------
        surprise : ndarray of shape (n_samples, n_features)
        """
        likelihood = total = np.float64(-np.inf)  # logarithms
        for weight, mean, precision in zip(
            self.weights, self.means, self.precisions, strict=True
        ):
            centred, diagonal = samples - mean, np.diag(precision)
            gradient = centred @ precision
            squares = np.square(gradient) / diagonal
            distances = (centred * gradient).sum(axis=1, keepdims=True)
            log_determinants = np.linalg.slogdet(precision)[1] - np.log(diagonal)
            others = np.log(weight) + 0.5 * (log_determinants - (distances - squares))
            total = np.logaddexp(total, others)
            likelihood = np.logaddexp(likelihood, others - 0.5 * squares)
        return np.maximum(2 * (total - likelihood), 0)

    def state(self):
        """Return what a file holds, as plain data."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state):
        """Return the fitted mixture of a `state`."""
        loaded = object.__new__(cls)
        vars(loaded).update(state)
        return loaded
