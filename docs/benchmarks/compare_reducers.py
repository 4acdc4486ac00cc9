"""Test error and codes of skae and of other packages that reduce dimensions.

The data are scikit-learn's digits in [0, 1], three random splits. All methods have
default parameters, with three exceptions. MLPRegressor has the layers 64-128-k-128-64 for
k components. pythae's AE trains for 50 epochs, as DenseAutoencoder does. One of the two
KernelPCA has the gamma and alpha with the lowest test error of 19 settings with 16
components. UMAP is decoded only with two components: it triangulates the codes, which
took more than ten minutes with 16. Packages that are not installed are skipped and
listed. The page "Why skae" shows the output:

    pip install umap-learn pythae encdr
    python docs/benchmarks/compare_reducers.py --components 16
    python docs/benchmarks/compare_reducers.py --components 2
"""

import argparse
import logging
import tempfile
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, KernelPCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor

from skae import DenseAutoencoder

TUNED = {"gamma": 0.1, "alpha": 1e-5}  # of KernelPCA
MAX_UMAP_COMPONENTS = 2  # to decode


def pca(k, seed):
    return PCA(k, random_state=seed)


def kernel_pca(k, seed, **params):
    return KernelPCA(
        k, kernel="rbf", fit_inverse_transform=True, random_state=seed, **params
    )


def tuned_kernel_pca(k, seed):
    return kernel_pca(k, seed, **TUNED)


def umap(k, seed):
    from umap import UMAP

    return UMAP(n_components=k, random_state=seed)


def mlp_regressor(k, seed):
    return MLPCodes(hidden_layer_sizes=(128, k, 128), random_state=seed)


def pythae_ae(k, seed):
    import pythae.models  # noqa: F401

    return PythaeAE(k, seed)


def encdr(k, seed):
    from encdr import ENCDR

    quiet = {
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
    }
    return ENCDR(latent_dim=k, random_state=seed, trainer_kwargs=quiet)


def dense(k, seed):
    return DenseAutoencoder(k, latent_density=None, random_state=seed)


METHODS = {
    "skae, DenseAutoencoder": dense,
    "PCA": pca,
    "KernelPCA": kernel_pca,
    "KernelPCA, tuned": tuned_kernel_pca,
    "UMAP": umap,
    "MLPRegressor": mlp_regressor,
    "pythae, AE": pythae_ae,
    "ENCDR": encdr,
}


class MLPCodes(MLPRegressor):
    """MLPRegressor with the codes of its middle layer, which it does not return."""

    def fit(self, X, y=None):
        return super().fit(X, X)

    def transform(self, X):
        return self._forward(X, slice(0, 2))

    def inverse_transform(self, codes):
        return self._forward(codes, slice(2, 4))

    def _forward(self, values, layers):
        for weights, bias in zip(
            self.coefs_[layers], self.intercepts_[layers], strict=True
        ):
            values = values @ weights + bias
            if weights is not self.coefs_[-1]:
                values = np.maximum(values, 0)
        return values


class PythaeAE:
    """pythae's autoencoder with its default networks and trainer."""

    def __init__(self, k, seed):
        self.k, self.seed = k, seed

    def fit(self, X):
        from pythae.models import AE, AEConfig
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        logging.disable(logging.INFO)
        self.model = AE(AEConfig(input_dim=(X.shape[1],), latent_dim=self.k))
        with tempfile.TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                output_dir=folder, num_epochs=50, no_cuda=True, seed=self.seed
            )
            BaseTrainer(self.model, self._data_set(X), training_config=config).train()
        return self

    def transform(self, X):
        return self.model.embed(self._tensor(X)).detach().numpy()

    def inverse_transform(self, codes):
        return self.model.decoder(self._tensor(codes)).reconstruction.detach().numpy()

    def _data_set(self, X):
        import torch
        from pythae.data.datasets import BaseDataset

        return BaseDataset(self._tensor(X), torch.zeros(len(X)))

    def _tensor(self, X):
        import torch

        return torch.from_numpy(np.asarray(X, dtype=np.float32))


def measure(model, X, X_test, y, y_test):
    """Return the error of test samples, the accuracy on their codes, and seconds."""
    start = time.perf_counter()
    codes = model.fit(X).transform(X)
    seconds = time.perf_counter() - start
    codes_test = model.transform(X_test)
    classifier = KNeighborsClassifier(5).fit(codes, y)
    accuracy = classifier.score(codes_test, y_test)
    error = decoding = np.nan
    if type(model).__name__ != "UMAP" or codes.shape[1] <= MAX_UMAP_COMPONENTS:
        start = time.perf_counter()
        decoded = np.reshape(model.inverse_transform(codes_test), X_test.shape)
        decoding = time.perf_counter() - start
        error = float(np.mean((decoded - X_test) ** 2))
    return {
        "error": error,
        "accuracy": accuracy,
        "seconds": seconds,
        "decoding": decoding,
    }


def main():
    """Measure all methods, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    X, y = load_digits(return_X_y=True)
    X = X / 16
    print(
        "| method | test error | accuracy on codes | seconds, fit | seconds, decoding |"
    )
    print("|---|---:|---:|---:|---:|")
    missing = []
    for name in options.methods:
        try:
            METHODS[name](options.components, 0)
        except ImportError as error:
            missing.append(f"{name} ({error})")
            continue
        runs = [
            measure(
                METHODS[name](options.components, seed),
                *train_test_split(X, y, random_state=seed),
            )
            for seed in range(options.seeds)
        ]
        mean = {key: np.mean([run[key] for run in runs]) for key in runs[0]}
        print(
            f"| {name} | {mean['error']:.4f} | {mean['accuracy']:.3f} |"
            f" {mean['seconds']:.2f} | {mean['decoding']:.3f} |",
            flush=True,
        )
    if missing:
        print("\nNot available:", "; ".join(missing))


if __name__ == "__main__":
    main()
