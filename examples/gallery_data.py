"""The images of the gallery: 10,000 of MNIST if available, else scikit-learn's digits.

The environment variable SKAE_GALLERY overrides this choice: "digits" uses scikit-learn's
digits, "mnist" downloads MNIST if necessary, and "quick" uses 400 digits and two epochs
to test the scripts.
"""

import os
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae.datasets import fetch_images

N_SAMPLES = 10_000
CHOICES = ("", "digits", "mnist", "quick")


class Images(NamedTuple):
    """Flat images in [0, 1] and their classes, for training and testing."""

    name: str
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    image_shape: tuple[int, int]

    def epochs(self, *, mnist, digits):
        """Return the number of epochs: the digits are fewer and need more epochs."""
        if choice() == "quick":
            return 2
        return mnist if self.name == "MNIST" else digits


def load_images():
    """Load the images, and print their name and size."""
    wanted = choice()
    mnist = None if wanted in ("digits", "quick") else load_mnist(wanted == "mnist")
    images = mnist or load_small_digits(400 if wanted == "quick" else None)
    height, width = images.image_shape
    print(
        f"{images.name}: {len(images.X):,} training images of {height} x {width} pixels"
    )
    return images


def choice():
    """Return the value of SKAE_GALLERY."""
    wanted = os.environ.get("SKAE_GALLERY", "")
    if wanted not in CHOICES:
        raise ValueError(
            f"SKAE_GALLERY={wanted!r} is invalid; must be 'digits', 'mnist', 'quick' or "
            "unset."
        )
    return wanted


def load_mnist(download):
    """Load the first images of MNIST, which is shuffled; None if it is missing."""
    try:
        train, test = (
            fetch_images("mnist", subset=subset, download_if_missing=download)
            for subset in ("train", "test")
        )
    except OSError:
        if download:
            raise
        return None
    first = slice(N_SAMPLES)
    return Images(
        "MNIST",
        train.data[first],
        train.target[first],
        test.data[first],
        test.target[first],
        (28, 28),
    )


def load_small_digits(n_samples):
    """Load scikit-learn's digits; None loads all of them."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    parts = train_test_split(X[:n_samples], y[:n_samples], test_size=0.2, random_state=0)
    X, X_test, y, y_test = parts
    return Images("scikit-learn's digits", X, y, X_test, y_test, (8, 8))
