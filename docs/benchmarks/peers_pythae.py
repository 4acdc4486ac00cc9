"""pythae's `AE`, with the recipe's networks, and its trainer."""

import logging
import tempfile

import recipes
import torch
from peers_torch import make_module
from pythae.data.datasets import BaseDataset
from pythae.models import AE, AEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback


class Encoder(BaseEncoder):
    """Layers that end in the code."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, rows):
        return ModelOutput(embedding=self.layers(rows))


class Decoder(BaseDecoder):
    """Layers from the code to the rows."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, codes):
        return ModelOutput(reconstruction=self.layers(codes))


class AfterEpoch(TrainingCallback):
    """Call a function after each epoch."""

    def __init__(self, mark):
        self.mark = mark

    def on_epoch_end(self, training_config, **kwargs):
        self.mark()


class PythaePeer:
    """`AE` and `BaseTrainer`, in the dense recipe."""

    def __init__(self, recipe, image_shape, n_features):
        logging.disable(logging.INFO)
        self.recipe = (recipe, image_shape, n_features)

    def fit(self, X, epochs, mark):
        self.model = self._build()
        rows = torch.from_numpy(X)
        with tempfile.TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=epochs,
                learning_rate=recipes.LR,
                per_device_train_batch_size=recipes.BATCH_SIZE,
                optimizer_cls="Adam",
                no_cuda=True,
            )
            trainer = BaseTrainer(
                self.model,
                train_dataset=BaseDataset(rows, torch.zeros(len(rows))),
                training_config=config,
                callbacks=[AfterEpoch(mark)],
            )
            trainer.train()

    def reconstruct(self, X):
        with torch.inference_mode():
            codes = self.model.encoder(torch.from_numpy(X)).embedding
            return self.model.decoder(codes).reconstruction.numpy()

    def _build(self):
        layers = make_module(*self.recipe)
        n_encoding = 2 * (len(recipes.HIDDEN) + 1)  # each with its activation
        n_features = self.recipe[-1]
        return AE(
            AEConfig(input_dim=(n_features,), latent_dim=recipes.N_COMPONENTS),
            encoder=Encoder(layers[:n_encoding]),
            decoder=Decoder(layers[n_encoding:]),
        )
