"""VariationalMixin: what makes an autoencoder a variational one."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skae._data import array_api
from skae._data.check import ENCODING_TOLERANCE
from skae._validation import integer, one_of, real
from skae.densities._flow import FlowPrior
from skae.exceptions import PosteriorCollapseWarning, warn
from skae.nn.autoencoder import Coder, GaussianCoder, Posterior
from skae.nn.flows import CouplingFlow
from skae.nn.losses import (
    FlowPriorDivergence,
    LearnedScaleLoss,
    PriorDivergence,
    ReconstructionLoss,
)

LEARNED_SCALES = ("gaussian", "laplace")
LIKELIHOODS = (
    *LEARNED_SCALES,
    "binary_cross_entropy",
    "squared_error",
    "absolute_error",
    "huber",
)

# Units in the hidden layers of the flow's networks.
FLOW_HIDDEN_SIZE = 128

# Rows that the divergence of each component is a mean over, where there are more.
DESCRIBED_ROWS = 10_000

# A component whose divergence from the prior is below this, in nats, says nothing.
SILENT = 0.01


def variational_rules(rules):
    """A plain autoencoder's rules for parameters, for its variational sibling."""
    kept = {name: rule for name, rule in rules.items() if name != "latent_activation"}
    return kept | {
        "loss": one_of(*LIKELIHOODS),
        "beta": real(0),
        "n_flow_layers": integer(0),
    }


class VariationalMixin:
    """Codes that are normal variables, and a loss that draws them towards the prior.

    The encoder's network puts out two numbers for each component, the mean and the
    logarithm of the variance: `_build_networks` is to give it `_n_encoder_outputs()`
    outputs. To go before the autoencoder in the list of base classes.
    """

    def posterior(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return what the codes of `X` are distributed like: independent normals.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, or images of the shape that `fit` saw.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            Means, which `transform` returns too.
        std : ndarray of shape (n_samples, n_components)
            Standard deviations.
        """
        check_is_fitted(self)
        both = self._run(Posterior(self.encoder_), X, "posterior", ENCODING_TOLERANCE)
        mean, std = np.split(both, 2, axis=1)
        return array_api.like(X, mean), array_api.like(X, std)

    def _n_encoder_outputs(self):
        return 2 * self.n_components

    def _make_coders(self, encoder, decoder):
        flow = None
        if self.n_flow_layers > 0 and self.n_components > 1:  # one has no other to couple
            flow = CouplingFlow(self.n_components, self.n_flow_layers, FLOW_HIDDEN_SIZE)
        return GaussianCoder(encoder, flow), Coder(decoder, self.output_activation_)

    def _reconstruction_loss(self):
        if self.loss in LEARNED_SCALES:
            return LearnedScaleLoss(self.loss, self.output_activation_)
        return ReconstructionLoss(self.loss, self.output_activation_)

    def _code_terms(self, encoder):
        has_flow = encoder.flow is not None
        divergence = FlowPriorDivergence if has_flow else PriorDivergence
        return [divergence(self.beta, self.n_features_in_)]

    def _adopt(self, net):
        super()._adopt(net)
        self._divergences = None

    def _describe_codes(self, rows):
        some = rows.some(DESCRIBED_ROWS, np.random.RandomState(0))
        both = self._run_on(Posterior(self.encoder_), some).astype(np.float64)
        mean, std = np.split(both, 2, axis=1)
        place, variance = 0.0, 1.0  # the prior's, or those of all rows together
        if self.encoder_.flow is not None:
            place = mean.mean(axis=0)
            variance = mean.var(axis=0) + np.square(std).mean(axis=0)
        ratio = np.square(std) / variance
        divergences = np.square(mean - place) / variance + ratio - 1 - np.log(ratio)
        self._divergences = (divergences.mean(axis=0) / 2).tolist()
        super()._describe_codes(rows)

    @property
    def kl_per_component_(self) -> np.ndarray | None:
        """Divergence of each component's distribution, given a row, in nats."""
        check_is_fitted(self)
        return None if self._divergences is None else np.array(self._divergences)

    def _check_codes(self):
        greatest = max(self._divergences)
        if greatest < SILENT:
            warn(
                "The posterior has collapsed: the codes of all rows are distributed like "
                f"the prior (the greatest of kl_per_component_ is {greatest:.2g} nats), "
                "so that they say nothing of the rows. Lower beta, which is "
                f"{self.beta:g}, or train longer.",
                PosteriorCollapseWarning,
            )

    def _unfitted_density(self, latent_density, rng):
        is_prior = isinstance(latent_density, str) and latent_density == "standard_normal"
        if is_prior and self.encoder_.flow is not None:
            return FlowPrior(self.encoder_.flow)
        return super()._unfitted_density(latent_density, rng)

    def _ways(self, starts, ends, shares):
        """Along arcs of the sphere that the standard normal prior is near to."""
        if self.encoder_.flow is None:
            return arcs(starts, ends, shares)
        prior = FlowPrior(self.encoder_.flow).fit(starts)
        ways = arcs(prior.to_base(starts), prior.to_base(ends), shares)
        codes = prior.to_codes(ways.reshape(-1, ways.shape[2]))
        return codes.reshape(ways.shape).astype(starts.dtype)


def arcs(starts, ends, shares):
    """Points on the arcs between rows, straight where two point the same way or back.

    Parameters
    ----------
    starts, ends : ndarray of shape (n_samples, n_components)
    shares : ndarray of shape (n_steps,)
        Shares of the way, from 0 to 1.

    Returns
    -------
    ndarray of shape (n_samples, n_steps, n_components)
    """
    lengths = np.linalg.norm(starts, axis=1) * np.linalg.norm(ends, axis=1)
    products = (starts * ends).sum(axis=1)
    cosines = np.divide(products, lengths, out=np.ones_like(products), where=lengths > 0)
    angles = np.arccos(cosines.clip(-1, 1))[:, None, None]
    is_straight = np.sin(angles) < 1e-4
    angles = np.where(is_straight, 1.0, angles)
    shares = shares[:, None]  # (n_steps, 1), beside (n_samples, 1, n_components)
    starts, ends = starts[:, None], ends[:, None]
    curved = np.sin((1 - shares) * angles) * starts + np.sin(shares * angles) * ends
    straight = starts + shares * (ends - starts)
    return np.where(is_straight, straight, curved / np.sin(angles))
