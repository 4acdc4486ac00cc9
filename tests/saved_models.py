"""Write the saved models of this version, which later versions must load.

    python tests/saved_models.py folder

The folder tests/saved_models/form-1 holds those of the first version with this form.
Files that have been released must not be written again.
"""

import pathlib
import pickle
import sys
import zipfile

import numpy as np
import skops.io

from skae import (
    ConvAutoencoder,
    ConvVariationalAutoencoder,
    DenseAutoencoder,
    DenseVariationalAutoencoder,
)
from skae.saving import save_model

SMALL = {"n_components": 2, "max_epochs": 2, "random_state": 0, "batch_size": 10}
DENSE = SMALL | {"hidden_layer_sizes": (5,)}
CONV = SMALL | {"hidden_layer_sizes": (5,), "conv_channels": (2,)}
MODELS = {
    "dense": lambda: DenseAutoencoder(**DENSE),
    "dense-random": lambda: DenseAutoencoder(
        **DENSE, init="random", latent_density="kde", latent_activation="sigmoid"
    ),
    "conv": lambda: ConvAutoencoder(**CONV, latent_density="gaussian"),
    "dense-variational": lambda: DenseVariationalAutoencoder(
        **DENSE, n_flow_layers=2, latent_density="standard_normal"
    ),
    "conv-variational": lambda: ConvVariationalAutoencoder(
        **CONV, n_flow_layers=0, latent_density="normal", warm_start=True
    ),
}


def training_data():
    """Return 20 samples of 16 features."""
    rng = np.random.RandomState(0)
    return rng.normal(size=(20, 3)) @ rng.normal(size=(3, 16)) + 5


def main(folder):
    """Write each model in three formats, and its results."""
    folder.mkdir(parents=True, exist_ok=True)
    X = training_data()
    for name, make in MODELS.items():
        model = make().fit(X)
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(model, protocol=4))
        skops.io.dump(model, folder / f"{name}.skops", compression=zipfile.ZIP_DEFLATED)
        save_model(model, folder / f"{name}.safetensors")
        np.savez(
            folder / f"{name}.npz",
            transform=model.transform(X),
            reconstruct=model.reconstruct(X),
            sample=model.sample(3),
        )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
