"""PyOD's `AutoEncoder`, an outlier detector whose decoder mirrors its encoder."""

import recipes
import torch
from pyod.models.auto_encoder import AutoEncoder


class MarkedAutoEncoder(AutoEncoder):
    """PyOD's estimator, calling `mark` after each epoch."""

    def epoch_update(self):
        super().epoch_update()
        self.mark()


class PyodPeer:
    """The recipe's encoder, mirrored, without the batch norm and dropout by default."""

    def __init__(self, recipe, image_shape, n_features):
        self.hidden = [*recipes.HIDDEN, recipes.N_COMPONENTS]

    def fit(self, X, epochs, mark):
        self.detector = MarkedAutoEncoder(
            preprocessing=False,
            lr=recipes.LR,
            epoch_num=epochs,
            batch_size=recipes.BATCH_SIZE,
            optimizer_params={"weight_decay": 0.0},
            device="cpu",
            verbose=0,
            hidden_neuron_list=self.hidden,
            batch_norm=False,
            dropout_rate=0.0,
        )
        self.detector.mark = mark
        self.detector.fit(X)

    def reconstruct(self, X):
        with torch.inference_mode():
            return self.detector.model(torch.from_numpy(X)).numpy()
