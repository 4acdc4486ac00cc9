"""scikit-learn's own network: `MLPRegressor`, fitted to its input."""

import contextlib
import warnings

import numpy as np
import recipes
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor


class EpochLines:
    """Takes the place of stdout, and calls `mark` for the line printed each epoch."""

    def __init__(self, mark):
        self.mark = mark

    def write(self, text):
        if text.startswith("Iteration"):
            self.mark()

    def flush(self):
        pass


class MLPPeer:
    """The dense recipe's layers, ReLU at the code and the identity at the output.

    `MLPRegressor` has one activation for all hidden layers, and none at the end.
    """

    def __init__(self, recipe, image_shape, n_features):
        sizes = recipes.dense_sizes(n_features)
        self.hidden_layer_sizes = sizes[1:-1]

    def fit(self, X, epochs, mark):
        self.mlp = MLPRegressor(
            hidden_layer_sizes=self.hidden_layer_sizes,
            activation="relu",
            solver="adam",
            alpha=0.0,
            batch_size=recipes.BATCH_SIZE,
            learning_rate_init=recipes.LR,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=np.inf,
            random_state=0,
            verbose=True,
        )
        with contextlib.redirect_stdout(EpochLines(mark)), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.mlp.fit(X, X)

    def reconstruct(self, X):
        return self.mlp.predict(X)
