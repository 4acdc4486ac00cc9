"""Modules to train: encoder and decoder with their last activations.

Random numbers are drawn only where `forward` is given a generator, as in training.
Without one, the output only depends on the input.
"""

import torch
from torch import Tensor, nn

from skae._types import LastActivation
from skae.nn.flows import CouplingFlow
from skae.nn.linear_path import Standardizer
from skae.nn.networks import ACTIVATION_RANGES, make_activation
from skae.nn.noise import NoiseSource, noise_like

# Standard deviations of latent codes stay within e^-10 and e^10, which float32 can
# square.
MAX_LOG_VARIANCE = 20.0


class Encoder(nn.Module):
    """Network from samples to latent codes, with its last activation.

    Parameters
    ----------
    body : torch.nn.Module
        Maps (batch, n_features) to (batch, n_components).
    activation : {"identity", "relu", "tanh", "sigmoid"}
        Applied to the output of `body`.

    Attributes
    ----------
    standardizer : Standardizer or None
        Applied to samples first; None for networks that take samples as they are.
    """

    is_random: bool = False
    standardizer: Standardizer | None
    activation: nn.Module
    range: tuple[float, float]

    def __init__(self, body: nn.Module, activation: LastActivation) -> None:
        super().__init__()
        self.standardizer = None
        self.body = body
        self.activation = make_activation(activation)
        self.range = ACTIVATION_RANGES[activation]

    def forward(self, X: Tensor) -> Tensor:
        """Return the latent codes of a batch.

        Parameters
        ----------
        X : tensor of shape (batch, n_features)
            Samples.

        Returns
        -------
        codes : tensor of shape (batch, n_components)
            Latent codes.
        """
        return self.activation(self.body(standardized(X, self)))

    def encode(
        self, X: Tensor, generator: NoiseSource | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Encode a batch in training.

        Parameters
        ----------
        X : tensor of shape (batch, n_features)
            Standardised samples.
        generator : torch.Generator, default=None
            Ignored, present for consistency with `GaussianEncoder`.

        Returns
        -------
        codes : tensor of shape (batch, n_components)
            Latent codes.
        posterior : tuple
            Empty: the codes are not random.
        """
        return self.activation(self.body(X)), ()


class GaussianEncoder(nn.Module):
    """Network from samples to normal distributions of latent codes.

    Given a sample, the components of its latent code are independent normal variables.
    Calling the module returns their means.

    Parameters
    ----------
    body : torch.nn.Module
        Maps (batch, n_features) to (batch, 2 * n_components): the means, then the
        logarithms of the variances.
    flow : CouplingFlow or None, default=None
        Maps latent codes to variables with a standard normal prior. None puts that
        prior on the codes themselves.

    Attributes
    ----------
    standardizer : Standardizer or None
        Applied to samples first; None for networks that take samples as they are.
    """

    is_random: bool = True
    standardizer: Standardizer | None
    range: tuple[float, float]

    def __init__(self, body: nn.Module, flow: CouplingFlow | None = None) -> None:
        super().__init__()
        self.standardizer = None
        self.body = body
        self.flow = flow
        self.range = ACTIVATION_RANGES["identity"]

    def posterior(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distributions of the latent codes.

        Parameters
        ----------
        X : tensor of shape (batch, n_features)
            Samples.

        Returns
        -------
        mean : tensor of shape (batch, n_components)
            Means.
        log_variance : tensor of shape (batch, n_components)
            Logarithms of the variances, from -20 to 20.
        """
        return self._posterior(standardized(X, self))

    def _posterior(self, X: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.body(X).chunk(2, dim=1)
        return mean, log_variance.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)

    def forward(self, X: Tensor) -> Tensor:
        """Return the means of the latent codes of a batch.

        Parameters
        ----------
        X : tensor of shape (batch, n_features)
            Samples.

        Returns
        -------
        mean : tensor of shape (batch, n_components)
            Means of the latent codes.
        """
        return self.posterior(X)[0]

    def encode(
        self, X: Tensor, generator: NoiseSource | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Encode a batch in training.

        Parameters
        ----------
        X : tensor of shape (batch, n_features)
            Standardised samples.
        generator : torch.Generator, default=None
            Source of the random codes; None returns their means.

        Returns
        -------
        codes : tensor of shape (batch, n_components)
            Latent codes.
        posterior : tuple of tensor
            Values from which the loss computes the divergence from the prior: means and
            log-variances without a flow; with one, the transformed codes, the
            log-variances and the log-volumes of the transformation.
        """
        mean, log_variance = self._posterior(X)
        codes = mean
        if generator is not None:
            noise = noise_like(torch.randn, mean, generator)
            codes = mean + (log_variance / 2).exp() * noise
        if self.flow is None:
            return codes, (mean, log_variance)
        base, log_volume = self.flow(codes)
        return codes, (base, log_variance, log_volume)


class Decoder(nn.Module):
    """Network from latent codes to reconstructions, with its last activation.

    Parameters
    ----------
    body : torch.nn.Module
        Maps (batch, n_components) to (batch, n_features).
    activation : {"identity", "relu", "tanh", "sigmoid"}
        Applied to the output of `body`.

    Attributes
    ----------
    standardizer : Standardizer or None
        Maps the output of `body` to units of the data; None if it is in these units.
    """

    standardizer: Standardizer | None
    activation: nn.Module

    def __init__(self, body: nn.Module, activation: LastActivation) -> None:
        super().__init__()
        self.standardizer = None
        self.body = body
        self.activation = make_activation(activation)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the reconstructions for a batch of latent codes.

        Parameters
        ----------
        codes : tensor of shape (batch, n_components)
            Latent codes.

        Returns
        -------
        X_reconstructed : tensor of shape (batch, n_features)
            Reconstructions, in the units of the data.
        """
        return self.finish(self.body(codes))

    def finish(self, output: Tensor) -> Tensor:
        """Return the reconstructions for an output of `body`.

        Parameters
        ----------
        output : tensor of shape (batch, n_features)
            Output of `body`.

        Returns
        -------
        X_reconstructed : tensor of shape (batch, n_features)
            Reconstructions, in the units of the data.
        """
        output = self.activation(output)
        if self.standardizer is None:
            return output
        return self.standardizer.inverse(output)


class Autoencoder(nn.Module):
    """Encoder and decoder, trained together.

    Parameters
    ----------
    encoder : Encoder or GaussianEncoder
        Maps samples (batch, n_features) to latent codes (batch, n_components).
    decoder : Decoder
        Maps latent codes to samples.
    corruption : torch.nn.Module or None, default=None
        Called with samples and a generator; returns the samples to encode in training.
    """

    def __init__(
        self,
        encoder: Encoder | GaussianEncoder,
        decoder: Decoder,
        corruption: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.corruption = corruption

    @property
    def is_random(self) -> bool:
        """Whether training draws random numbers."""
        return self.corruption is not None or self.encoder.is_random

    def forward(
        self, X: Tensor, generator: NoiseSource | None = None
    ) -> tuple[Tensor, ...]:
        """Return the values from which the loss is computed.

        Samples are standardised already if the encoder has a `standardizer`. The values
        are the output of the decoder before its activation, the latent codes and,
        for random codes, the values that `GaussianEncoder.encode` returns for the loss.

        Parameters
        ----------
        X : tensor of shape (batch, n_features)
            Samples.
        generator : torch.Generator, default=None
            Source of random codes and of the corruption; None means neither.

        Returns
        -------
        values : tuple of tensor
            The output of ``decoder.body``, the latent codes, and the posterior.
        """
        if generator is not None and self.corruption is not None:
            X = self._corrupted(X, generator)
        else:
            X = X.clone()  # a network may change its input, which is the target too
        codes, posterior = self.encoder.encode(X, generator)
        return (self.decoder.body(codes), codes, *posterior)

    def _corrupted(self, X, generator):
        """Corrupt samples in the units of the data, in which noise is given."""
        standardizer = self.encoder.standardizer
        if standardizer is None:
            return self.corruption(X, generator)
        return standardizer(self.corruption(standardizer.inverse(X), generator))

    def reconstruct(self, X: Tensor) -> Tensor:
        """Return the reconstructions of a batch.

        Parameters
        ----------
        X : tensor of shape (batch, n_features)
            Samples.

        Returns
        -------
        X_reconstructed : tensor of shape (batch, n_features)
            Reconstructions, in the units of the data.
        """
        return self.decoder(self.encoder(X))


def standardized(X: Tensor, encoder: Encoder | GaussianEncoder) -> Tensor:
    """Return samples as the body of an encoder takes them."""
    return X if encoder.standardizer is None else encoder.standardizer(X)


def squared_errors(X: Tensor, encoder: nn.Module, decoder: nn.Module) -> Tensor:
    """Return the mean squared reconstruction error of each sample, (batch,)."""
    return (decoder(encoder(X.clone())) - X).square().mean(dim=1)


def absolute_errors(X: Tensor, encoder: nn.Module, decoder: nn.Module) -> Tensor:
    """Return the mean absolute reconstruction error of each sample, (batch,)."""
    return (decoder(encoder(X.clone())) - X).abs().mean(dim=1)


def squared_jacobian(X: Tensor, encoder: nn.Module) -> Tensor:
    """Return the squared derivatives of latent codes by samples.

    Parameters
    ----------
    X : tensor of shape (batch, n_features)
    encoder : Encoder or GaussianEncoder

    Returns
    -------
    tensor of shape (batch, n_components, n_features)
    """
    with torch.inference_mode(False), torch.enable_grad():
        X = X.clone().requires_grad_(True)
        codes = encoder(X)
        # The codes of a sample depend on this sample only.
        rows = [
            torch.autograd.grad(component.sum(), X, retain_graph=True)[0]
            for component in codes.unbind(dim=1)
        ]
    return torch.stack(rows, dim=1).square()


def posterior_parameters(X: Tensor, encoder: GaussianEncoder) -> Tensor:
    """Return means and standard deviations of codes, (batch, 2 * n_components)."""
    mean, log_variance = encoder.posterior(X)
    return torch.cat([mean, (log_variance / 2).exp()], dim=1)
