"""Data, classifier and metrics of the study of generation."""

import dataclasses

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from skae.datasets import fetch_images
from skae.metrics import authenticity, class_coverage, frechet_distance, precision_recall

N_FEATURES = 64
N_PRECISION_RECALL = 3_000  # samples for precision and recall
N_AUTHENTICITY = 2_000  # generated samples, each compared with all training samples


@dataclasses.dataclass
class Data:
    """Flat images in [0, 1] and their classes, for training and testing."""

    name: str
    X: np.ndarray
    X_test: np.ndarray
    y: np.ndarray
    y_test: np.ndarray
    image_shape: tuple


def load(name):
    """Load "mnist" or scikit-learn's "digits"; None loads MNIST if available."""
    if name in (None, "mnist"):
        try:
            parts = [
                fetch_images("mnist", subset=part, download_if_missing=name == "mnist")
                for part in ("train", "test")
            ]
        except OSError:
            if name == "mnist":
                raise
        else:
            (X, y), (X_test, y_test) = ((p.data, p.target.astype(int)) for p in parts)
            return Data("MNIST", X, X_test, y, y_test, parts[0].image_shape)
    X, y = load_digits(return_X_y=True)
    parts = train_test_split((X / 16).astype(np.float32), y, random_state=0)
    return Data("digits", *parts, (1, 8, 8))


class Classifier(nn.Module):
    """Two convolutions and a layer of 64 units. The outputs of that are the features."""

    def __init__(self, image_shape, n_classes=10):
        super().__init__()
        channels, height, width = image_shape
        self.body = nn.Sequential(
            nn.Unflatten(1, image_shape),
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * (height // 4) * (width // 4), N_FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(N_FEATURES, n_classes)

    def forward(self, X):
        return self.head(self.body(X))


class Judge:
    """A classifier trained on the training data, and the metrics that use it."""

    def __init__(self, data, n_samples):
        self.data, self.n_samples = data, n_samples
        torch.manual_seed(0)
        self.classifier = NeuralNetClassifier(
            Classifier,
            module__image_shape=data.image_shape,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=2e-3,
            batch_size=100,
            max_epochs=max(3, 100_000 // len(data.X)),
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        ).fit(data.X, data.y)
        self.accuracy = self.classifier.score(data.X_test, data.y_test)

    def features(self, X):
        """Return the 64 features of samples, (n_samples, 64)."""
        with torch.inference_mode():
            # Copied: joblib shares arrays that cannot be written.
            chunks = torch.tensor(X, dtype=torch.float32).split(1_000)
            return torch.cat([self.classifier.module_.body(c) for c in chunks]).numpy()

    def measure(self, samples):
        """Return the metrics of generated samples, by column of the table."""
        coverage = class_coverage(self.classifier, samples)
        test, near = self.data.X_test, self._precision_recall(samples)
        return {
            "Fréchet": frechet_distance(test, samples, features=self.features),
            "precision": near.precision,
            "recall": near.recall,
            "authentic": authenticity(self.data.X, samples[:N_AUTHENTICITY]),
            "recognised": coverage.recognised,
            "rarest class": coverage.shares.min(),
            "share of 1s": coverage.shares[1],
        }

    def precision(self, samples):
        """Return the precision of generated samples."""
        return self._precision_recall(samples).precision

    def _precision_recall(self, samples):
        test, few = self.data.X_test[:N_PRECISION_RECALL], samples[:N_PRECISION_RECALL]
        return precision_recall(test, few, features=self.features)

    def measure_real(self, subset):
        """Return the metrics of the test samples, or of random training samples."""
        if subset == "test":
            return self.measure(self.data.X_test)
        order = np.random.default_rng(0).permutation(len(self.data.X))
        return self.measure(self.data.X[order[: self.n_samples]])
