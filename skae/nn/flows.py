"""CouplingFlow: an invertible network between latent codes and base variables."""

from typing import Any

import torch
from torch import Tensor, nn

# A coupling layer scales by factors from e^-2 to e^2.
MAX_LOG_SCALE = 2.0


class CouplingFlow(nn.Module):
    """Normalizing flow of affine coupling layers.

    It maps latent codes to base variables of the same size, as in Real NVP [1]_. Trained
    by maximum likelihood, it makes the base variables standard normal. Before training,
    it only permutes the components. It has no batch normalization and no ActNorm layers:
    train it on codes with a scale of about 1.

    Parameters
    ----------
    n_components : int
        Size of a latent code; at least 2.
    n_layers : int
        Number of coupling layers; at least 1.
    hidden_size : int
        Number of units in the two hidden layers of each coupling layer's network.

    References
    ----------
    .. [1] L. Dinh, J. Sohl-Dickstein and S. Bengio, "Density estimation using Real NVP",
       International Conference on Learning Representations, 2017.

    Examples
    --------
    >>> import torch
    >>> from skae.nn import CouplingFlow
    >>> flow = CouplingFlow(n_components=3, n_layers=2, hidden_size=8)
    >>> codes = torch.randn(5, 3)
    >>> base, log_volume = flow(codes)
    >>> base.shape, log_volume.shape
    (torch.Size([5, 3]), torch.Size([5]))
    >>> torch.allclose(flow.inverse(base), codes, atol=1e-5)
    True
    """

    sizes: dict[str, int]
    layers: Any  # a ModuleList of AffineCoupling

    def __init__(self, n_components: int, n_layers: int, hidden_size: int) -> None:
        super().__init__()
        if n_components < 2:
            raise ValueError(
                f"n_components={n_components} is invalid; must be at least 2, because a "
                "coupling layer transforms some components by the others."
            )
        if n_layers < 1:
            raise ValueError(f"n_layers={n_layers} is invalid; must be at least 1.")
        self.sizes = {
            "n_components": int(n_components),
            "n_layers": int(n_layers),
            "hidden_size": int(hidden_size),
        }
        self.layers = nn.ModuleList(
            AffineCoupling(n_components, hidden_size) for _ in range(n_layers)
        )

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Map latent codes to base variables.

        Parameters
        ----------
        codes : tensor of shape (batch, n_components)
            Latent codes.

        Returns
        -------
        base : tensor of shape (batch, n_components)
            Base variables.
        log_volume : tensor of shape (batch,)
            Logarithm of the absolute determinant of the Jacobian. The log-density of a
            code is the log-density of its base variables plus this.
        """
        base, log_volume = codes, codes.new_zeros(len(codes))
        for layer in self.layers:
            base, log_scale = layer(base)
            log_volume = log_volume + log_scale.sum(dim=1)
        return base, log_volume

    def inverse(self, base: Tensor) -> Tensor:
        """Map base variables to latent codes.

        Parameters
        ----------
        base : tensor of shape (batch, n_components)
            Base variables.

        Returns
        -------
        codes : tensor of shape (batch, n_components)
            Latent codes.
        """
        codes = base
        for layer in reversed(self.layers):
            codes = layer.inverse(codes)
        return codes


class AffineCoupling(nn.Module):
    """Scale and shift half of the components, by amounts computed from the other half.

    The components are permuted first. The permutation is drawn once, when the layer is
    built.

    Parameters
    ----------
    n_components : int
    hidden_size : int
        Number of units in the two hidden layers of the network that computes the
        scales and shifts.
    """

    order: Tensor
    order_back: Tensor
    sizes: list[int]
    network: nn.Sequential

    def __init__(self, n_components: int, hidden_size: int) -> None:
        super().__init__()
        order = torch.randperm(n_components)
        self.register_buffer("order", order)
        self.register_buffer("order_back", order.argsort())
        self.sizes = [n_components // 2, n_components - n_components // 2]
        self.network = nn.Sequential(
            nn.Linear(self.sizes[1], hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, 2 * self.sizes[0]),
        )
        # The layer starts without scaling and shifting.
        for weights in self.network[-1].parameters():
            nn.init.zeros_(weights)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the transformed values, and the log-scales, (batch, n_transformed)."""
        changed, kept = values.index_select(1, self.order).split(self.sizes, dim=1)
        log_scale, shift = self._scale_and_shift(kept)
        changed = changed * log_scale.exp() + shift
        return torch.cat([changed, kept], dim=1), log_scale

    def inverse(self, values: Tensor) -> Tensor:
        """Return the values that `forward` transforms to these."""
        changed, kept = values.split(self.sizes, dim=1)
        log_scale, shift = self._scale_and_shift(kept)
        changed = (changed - shift) * (-log_scale).exp()
        return torch.cat([changed, kept], dim=1).index_select(1, self.order_back)

    def _scale_and_shift(self, kept):
        log_scale, shift = self.network(kept).chunk(2, dim=1)
        return MAX_LOG_SCALE * torch.tanh(log_scale / MAX_LOG_SCALE), shift
