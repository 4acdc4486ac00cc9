"""The engine against plain torch: an epoch of either gives the same model."""

import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense
from skorch.callbacks import Callback
from torch import nn


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


def train_one_epoch(net, weights, X):
    """Train as a tutorial does, except that a short last batch counts by its samples."""
    with torch.no_grad():
        for parameter, weight in zip(net.parameters(), weights, strict=True):
            parameter.copy_(weight)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, foreach=False)
    for batch in X.split(32):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(batch), batch)
        (loss * len(batch) / 32).backward()
        optimizer.step()
    return net


@pytest.mark.parametrize(
    ("make", "plain"), [(small_dense, plain_dense), (small_conv, plain_conv)]
)
def test_an_epoch_is_that_of_plain_torch(digits, make, plain):
    settings = {"lr": 0.01, "lr_schedule": "constant", "shuffle": False, "max_epochs": 1}
    ae = make(callbacks=[FirstWeights()], **settings).fit(digits)
    X = torch.tensor(digits, dtype=torch.float32)
    net = train_one_epoch(plain(), ae.callbacks_[0][1].weights_, X)
    np.testing.assert_allclose(ae.reconstruct(digits), net(X).detach(), atol=1e-5)
