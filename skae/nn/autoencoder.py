"""What is trained: an encoder, a decoder, the codes between them, and noise on the way.

Random numbers are drawn only where `forward` is given a generator, as in training;
without one, all of this is a function of the rows alone.
"""

import torch
from torch import nn

from skae.nn.networks import ACTIVATION_RANGES, ACTIVATIONS

# Standard deviations of codes are kept from e^-10 to e^10, where float32 can square them.
MAX_LOG_VARIANCE = 20.0


class Coder(nn.Module):
    """A network and the activation that ends it.

    Parameters
    ----------
    body : torch.nn.Module
        Maps (batch, n_in) to (batch, n_out).
    activation : {"identity", "relu", "tanh", "sigmoid"}
        Applied to what `body` puts out.
    """

    is_random = False

    def __init__(self, body, activation):
        super().__init__()
        self.body = body
        self.activation = ACTIVATIONS[activation]()
        self.range = ACTIVATION_RANGES[activation]
        parts = body.modules()
        self.works_in_place = any(getattr(part, "inplace", False) for part in parts)

    def raw(self, X):
        """What `body` puts out; `X` stays as it is, for it may be the caller's data."""
        return self.body(X.clone() if self.works_in_place else X)

    def forward(self, X):
        return self.activation(self.raw(X))

    def encode(self, X, generator=None):
        """The codes to decode while training, and what else the loss needs."""
        return self(X), ()


class GaussianCoder(Coder):
    """An encoder whose codes are independent normal variables, given a row.

    Parameters
    ----------
    body : torch.nn.Module
        Maps (batch, n_features) to (batch, 2 * n_components): the means, then the
        logarithms of the variances.
    flow : CouplingFlow or None
        Maps codes to what has a standard normal prior; None where the codes have.
    """

    is_random = True

    def __init__(self, body, flow=None):
        super().__init__(body, "identity")
        self.flow = flow

    def posterior(self, X):
        """Means and logarithms of the variances, (batch, n_components) each."""
        mean, log_variance = self.raw(X).chunk(2, dim=1)
        return mean, log_variance.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)

    def forward(self, X):
        return self.posterior(X)[0]

    def encode(self, X, generator=None):
        """Codes drawn by the generator, or their means without one.

        Behind them, what their divergence from the prior is computed from: means and
        log variances; with a flow, what it makes of the codes, and log volumes, instead
        of the means.
        """
        mean, log_variance = self.posterior(X)
        codes = mean
        if generator is not None:
            noise = torch.randn(
                mean.shape, generator=generator, dtype=mean.dtype, device=mean.device
            )
            codes = mean + (log_variance / 2).exp() * noise
        if self.flow is None:
            return codes, (mean, log_variance)
        base, log_volume = self.flow(codes)
        return codes, (base, log_variance, log_volume)


class Autoencoder(nn.Module):
    """An encoder and a decoder, trained as one.

    Parameters
    ----------
    encoder : Coder
        Maps rows (batch, n_features) to codes (batch, n_components).
    decoder : Coder
        Maps codes to rows.
    corruption : torch.nn.Module or None, default=None
        Called with rows and a generator, gives the rows to encode while training.
    """

    def __init__(self, encoder, decoder, corruption=None):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.corruption = corruption

    @property
    def is_random(self):
        """Whether training draws random numbers."""
        return self.corruption is not None or self.encoder.is_random

    def forward(self, X, generator=None):
        """Return the reconstruction before its output activation, and the codes.

        Where codes are random, what their divergence from the prior is computed from
        stands behind.
        """
        if generator is not None and self.corruption is not None:
            X = self.corruption(X, generator)
        codes, posterior = self.encoder.encode(X, generator)
        return (self.decoder.raw(codes), codes, *posterior)


class GaussianCorruption(nn.Module):
    """Adds normal noise.

    Parameters
    ----------
    level : float
        Standard deviation of the noise, in units of the rows.
    """

    def __init__(self, level):
        super().__init__()
        self.level = level

    def forward(self, X, generator):
        noise = torch.randn(X.shape, generator=generator, dtype=X.dtype, device=X.device)
        return torch.add(X, noise, alpha=self.level)


class MaskingCorruption(nn.Module):
    """Sets elements to 0.

    Parameters
    ----------
    level : float
        Probability of each element to be set to 0.
    """

    def __init__(self, level):
        super().__init__()
        self.level = level

    def forward(self, X, generator):
        drawn = torch.rand(X.shape, generator=generator, dtype=X.dtype, device=X.device)
        return X * (drawn >= self.level)


CORRUPTIONS = {"gaussian": GaussianCorruption, "masking": MaskingCorruption}


def make_corruption(noise, noise_level):
    """The corruption that the parameters of these names ask for, None for none.

    Raises
    ------
    ValueError
        If masking would leave nothing.
    """
    if noise is None:
        return None
    if noise == "masking" and noise_level >= 1:
        raise ValueError(
            f"noise='masking' with noise_level={noise_level} would set all elements to "
            "0; expected a probability below 1."
        )
    return CORRUPTIONS[noise](float(noise_level))


class SquaredErrors(nn.Module):
    """Mean squared reconstruction error of each row.

    Parameters
    ----------
    encoder, decoder : torch.nn.Module
        Map rows to codes and codes to rows.
    """

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, X):
        return (self.decoder(self.encoder(X)) - X).square().mean(dim=1)  # (batch,)


class Posterior(nn.Module):
    """Means and standard deviations of codes side by side.

    Parameters
    ----------
    encoder : GaussianCoder
    """

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, X):
        mean, log_variance = self.encoder.posterior(X)
        return torch.cat([mean, (log_variance / 2).exp()], dim=1)  # (batch, 2 * n)
