"""The data of the gallery: images, and simulated heartbeats.

The images are 10,000 of MNIST if available, else scikit-learn's digits. The environment
variable SKAE_GALLERY overrides this choice: "digits" uses scikit-learn's digits,
"mnist" downloads MNIST if necessary, and "quick" uses 400 digits and two epochs to test
the scripts.
"""

import os
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae.datasets import fetch_images

N_SAMPLES = 10_000
N_TIME_STEPS = 128
# Centre and width in time steps, and height, of the waves of a heartbeat.
WAVES = ((26, 4, 0.15), (44, 1.5, -0.12), (50, 2, 1.0), (56, 2, -0.25), (88, 8, 0.3))
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
        return epochs(mnist if self.name == "MNIST" else digits)


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


def epochs(wanted):
    """Return the number of epochs: two to test the scripts, else `wanted`."""
    return 2 if choice() == "quick" else wanted


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


def scratch(X, *, random_state):
    """Draw a white line over each image.

    Parameters
    ----------
    X : ndarray of shape (n_samples, height, width)
        Images in [0, 1].
    random_state : int

    Returns
    -------
    X : ndarray of shape (n_samples, height, width)
        Scratched images.
    is_scratched : ndarray of bool of shape (n_samples, height, width)
        The pixels of the line that were dark before.
    """
    rng = np.random.default_rng(random_state)
    is_line = np.zeros(X.shape, dtype=bool)
    side = min(X.shape[1:])
    for mask in is_line:
        start, end = rng.integers(0, side, size=2), rng.integers(0, side, size=2)
        rows, columns = np.linspace(start, end, 2 * side).round().astype(int).T
        mask[rows, columns] = True
    return np.where(is_line, 1, X).astype(X.dtype), is_line & (X < 0.5)


def simulate_heartbeats(n_samples, *, unusual=False, random_state):
    """Simulate heartbeats, a sum of five waves each.

    Parameters
    ----------
    n_samples : int
    unusual : bool, default=False
        Whether the signals are changed: those with an even index have a short
        disturbance, and the last wave of the others is upside down.
    random_state : int

    Returns
    -------
    X : ndarray of shape (n_samples, 1, 128)
        The signals.
    is_changed : ndarray of bool of shape (n_samples, 1, 128)
        Which time steps were changed.
    """
    rng = np.random.default_rng(random_state)
    time = np.arange(N_TIME_STEPS)
    rate = rng.normal(1, 0.04, size=(n_samples, 1))
    waves = np.zeros((len(WAVES), n_samples, N_TIME_STEPS))
    for wave, (center, width, height) in zip(waves, WAVES, strict=True):
        center = 50 + rate * (center - 50) + rng.normal(0, 0.7, size=(n_samples, 1))
        height = height * rng.normal(1, 0.12, size=(n_samples, 1))
        wave[:] = height * np.exp(-0.5 * ((time - center) / width) ** 2)
    is_changed = np.zeros((n_samples, N_TIME_STEPS), dtype=bool)
    X = waves.sum(axis=0) + rng.normal(0, 0.02, size=(n_samples, N_TIME_STEPS))
    if unusual:
        start = rng.integers(5, N_TIME_STEPS - 15, size=(n_samples, 1))
        is_changed = (start <= time) & (time < start + 10)
        is_changed[1::2] = np.abs(waves[-1, 1::2]) > 0.05
        X[::2] += is_changed[::2] * rng.normal(0, 0.3, size=X[::2].shape)
        X[1::2] -= 2 * waves[-1, 1::2]
    return X[:, None].astype(np.float32), is_changed[:, None]
