"""A flow: an invertible network from codes to what is standard normal, and back."""

import torch
from torch import nn

# A layer scales an element by a factor between e^-2 and e^2.
MAX_LOG_SCALE = 2.0


class CouplingFlow(nn.Module):
    """Affine coupling layers one behind the other (Dinh et al. 2017, "Real NVP").

    It begins as the identity, but for the order of the elements.

    Parameters
    ----------
    n_components : int
        Number of elements of a code; at least 2.
    n_layers : int
    hidden_size : int
        Units in the two hidden layers of each coupling layer's network.
    """

    def __init__(self, n_components, n_layers, hidden_size):
        super().__init__()
        self.layers = nn.ModuleList(
            AffineCoupling(n_components, hidden_size) for _ in range(n_layers)
        )

    def forward(self, codes):
        """What is standard normal, and the logarithms of the volumes there: (batch,)."""
        base, log_volume = codes, 0.0
        for layer in self.layers:
            base, log_scale = layer(base)
            log_volume = log_volume + log_scale.sum(dim=1)
        return base, log_volume

    def inverse(self, base):
        """The codes from which the flow makes `base`."""
        codes = base
        for layer in reversed(self.layers):
            codes = layer.inverse(codes)
        return codes


class AffineCoupling(nn.Module):
    """Scales and shifts half of the elements by what a network makes of the others.

    Which half is decided at random once.

    Parameters
    ----------
    n_components : int
    hidden_size : int
    """

    def __init__(self, n_components, hidden_size):
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
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    def forward(self, values):
        changed, kept = values.index_select(1, self.order).split(self.sizes, dim=1)
        log_scale, shift = self._scale_and_shift(kept)
        changed = changed * log_scale.exp() + shift
        return torch.cat([changed, kept], dim=1), log_scale

    def inverse(self, values):
        changed, kept = values.split(self.sizes, dim=1)
        log_scale, shift = self._scale_and_shift(kept)
        changed = (changed - shift) * (-log_scale).exp()
        return torch.cat([changed, kept], dim=1).index_select(1, self.order_back)

    def _scale_and_shift(self, kept):
        log_scale, shift = self.network(kept).chunk(2, dim=1)
        return MAX_LOG_SCALE * torch.tanh(log_scale / MAX_LOG_SCALE), shift
