"""skorch with its defaults, on the same torch module."""

import recipes
import torch
from peers_skae import AfterEpoch
from peers_torch import make_module
from skorch import NeuralNetRegressor


class SkorchPeer:
    """A `NeuralNetRegressor` with its own DataLoader, quiet and without validation."""

    def __init__(self, recipe, image_shape, n_features):
        self.recipe = (recipe, image_shape, n_features)

    def fit(self, X, epochs, mark):
        self.net = NeuralNetRegressor(
            make_module(*self.recipe),
            optimizer=torch.optim.Adam,
            lr=recipes.LR,
            batch_size=recipes.BATCH_SIZE,
            max_epochs=epochs,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
            callbacks=[AfterEpoch(mark)],
            callbacks__print_log=None,
        ).fit(X, X)

    def reconstruct(self, X):
        return self.net.predict(X)
