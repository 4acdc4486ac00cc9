"""The images of the gallery: 10,000 of MNIST where it is, else scikit-learn's digits.

The environment variable SKAE_GALLERY decides otherwise: "digits" takes these though
MNIST is there, "mnist" downloads it where it is not, and "quick" takes 400 digits and two
epochs, to see whether all scripts run.
"""

import os
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae.datasets import fetch_images

N_ROWS = 10_000
CHOICES = ("", "digits", "mnist", "quick")


class Images(NamedTuple):
    """Flat rows in [0, 1] and their classes, for training and for testing."""

    name: str
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    image_shape: tuple[int, int]

    def epochs(self, *, mnist, digits):
        """How long to train: on MNIST, on the digits, which are fewer, in a quick run."""
        if choice() == "quick":
            return 2
        return mnist if self.name == "MNIST" else digits


def load_images():
    """Load the images, and print which they are."""
    wanted = choice()
    mnist = None if wanted in ("digits", "quick") else load_mnist(wanted == "mnist")
    images = mnist or load_small_digits(400 if wanted == "quick" else None)
    height, width = images.image_shape
    print(
        f"{images.name}: {len(images.X):,} training images of {height} x {width} pixels"
    )
    return images


def choice():
    wanted = os.environ.get("SKAE_GALLERY", "")
    if wanted not in CHOICES:
        raise ValueError(
            f"SKAE_GALLERY={wanted!r} is not known; set it to 'digits', 'mnist' or "
            "'quick', or leave it out."
        )
    return wanted


def load_mnist(download):
    """The first rows of MNIST, which are in no order; None where it is not there."""
    try:
        train, test = (
            fetch_images("mnist", subset=part, download_if_missing=download)
            for part in ("train", "test")
        )
    except OSError:
        if download:
            raise
        return None
    first = slice(N_ROWS)
    return Images(
        "MNIST",
        train.data[first],
        train.target[first],
        test.data[first],
        test.target[first],
        (28, 28),
    )


def load_small_digits(n_rows):
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    parts = train_test_split(X[:n_rows], y[:n_rows], test_size=0.2, random_state=0)
    X, X_test, y, y_test = parts
    return Images("scikit-learn's digits", X, y, X_test, y_test, (8, 8))
