"""The engine against plain torch: an epoch of either gives the same model."""

import functools

import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense
from sklearn.decomposition import PCA
from skorch.callbacks import Callback
from torch import nn

Adam = functools.partial(torch.optim.Adam, foreach=False)


class FirstWeights(Callback):
    """Keeps the weights that training starts from."""

    def on_train_begin(self, net, **kwargs):
        self.weights_ = [w.detach().clone() for w in net.module_.parameters()]


def plain_dense():
    return nn.Sequential(
        *(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 4)),
        *(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid()),
    )


def plain_conv():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4)),
        *(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 32), nn.ReLU()),
        nn.Unflatten(1, (8, 2, 2)),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(8, 4, 3, padding=1), nn.ReLU()),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(4, 1, 3, padding=1)),
        *(nn.Flatten(), nn.Sigmoid()),
    )


class PlainPath(nn.Module):
    """The dense autoencoder with linear maps beside it, for standardised samples."""

    def __init__(self, stds, activation):
        super().__init__()
        layers = list(plain_dense())
        self.encoder_linear = nn.Linear(64, 4)
        self.encoder = nn.Sequential(*layers[:3])
        self.decoder_linear = nn.Linear(4, 64)
        self.decoder = nn.Sequential(*layers[3:6])
        self.activation = activation
        self.stds = torch.tensor(stds, dtype=torch.float32)

    def forward(self, X):
        codes = (self.encoder_linear(X) + self.encoder(X)) / self.stds
        output = self.decoder_linear(codes * self.stds) + self.decoder(codes)
        return self.activation(output)


def train_one_epoch(net, weights, X, target, optimizer):
    """Train as a tutorial does, except that a short last batch counts by its samples."""
    with torch.no_grad():
        for parameter, weight in zip(net.parameters(), weights, strict=True):
            parameter.copy_(weight)
    optimizer = optimizer(net.parameters(), lr=0.01)
    for batch, batch_target in zip(X.split(32), target.split(32), strict=True):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(batch), batch_target)
        (loss * len(batch) / 32).backward()
        optimizer.step()
    return net(X).detach()


SETTINGS = {"lr": 0.01, "lr_schedule": "constant", "shuffle": False, "max_epochs": 1}


@pytest.mark.parametrize(
    ("make", "plain"), [(small_dense, plain_dense), (small_conv, plain_conv)]
)
def test_an_epoch_is_that_of_plain_torch(digits, make, plain):
    ae = make(init="random", callbacks=[FirstWeights()], **SETTINGS).fit(digits)
    X = torch.tensor(digits, dtype=torch.float32)
    weights = ae.callbacks_[0][1].weights_
    expected = train_one_epoch(plain(), weights, X, X, Adam)
    np.testing.assert_allclose(ae.reconstruct(digits), expected, atol=1e-5)


@pytest.mark.parametrize("output_activation", ["identity", "sigmoid"])
def test_an_epoch_beside_a_linear_path_is_that_of_plain_torch(digits, output_activation):
    # At PCA, the gradient of the encoder is 0 but for rounding, which Adam enlarges.
    optimizer = torch.optim.SGD if output_activation == "identity" else Adam
    params = {"output_activation": output_activation, "optimizer": optimizer}
    ae = small_dense(callbacks=[FirstWeights()], **SETTINGS | params).fit(digits)
    weights = ae.callbacks_[0][1].weights_
    mean, scale = digits.mean(axis=0), np.sqrt(digits.var(axis=0).mean())
    standardized = (digits - mean) / scale
    stds = np.sqrt(PCA(4).fit(standardized).explained_variance_)
    is_identity = output_activation == "identity"
    target = standardized if is_identity else digits
    net = PlainPath(stds, nn.Identity() if is_identity else nn.Sigmoid())
    pair = [torch.tensor(array, dtype=torch.float32) for array in (standardized, target)]
    expected = train_one_epoch(net, weights, *pair, optimizer).numpy()
    if is_identity:
        expected = expected * scale + mean
    np.testing.assert_allclose(ae.reconstruct(digits), expected, atol=1e-5)
