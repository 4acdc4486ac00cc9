"""The data: rows for training and testing in [0, 1], and the shape of an image."""

import functools

import numpy as np
from sklearn.datasets import load_digits

from skae.datasets import fetch_images

DATASETS = ("mnist", "fashion-mnist", "digits")


@functools.cache
def load(name):
    """Rows for training, rows for testing, and (channels, height, width).

    Raises
    ------
    OSError
        If the files are not there; nothing is downloaded here.
    """
    if name == "digits":
        rows = (load_digits().data / 16).astype(np.float32)
        order = np.random.default_rng(0).permutation(len(rows))
        rows = rows[order]
        return rows[:1437], rows[1437:], (1, 8, 8)
    train, test = (
        fetch_images(name, subset=part, download_if_missing=False)
        for part in ("train", "test")
    )
    return train.data, test.data, train.image_shape


def is_there(name):
    """Whether the data set can be loaded."""
    try:
        load(name)
    except OSError:
        return False
    return True
