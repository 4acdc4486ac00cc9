"""Tiny image files in the idx format of MNIST and its kin."""

import gzip

import numpy as np


def write_idx(folder, *, compressed=False):
    """Write both parts as torchvision finds them; return their images and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    parts = {}
    for subset, prefix, n_images in (("train", "train", 6), ("test", "t10k", 3)):
        images = rng.integers(0, 256, (n_images, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, n_images, dtype=np.uint8)
        parts[subset] = images, labels
        for array, kind in ((images, "images-idx3"), (labels, "labels-idx1")):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            content = header + array.tobytes()
            if compressed:
                content = gzip.compress(content)
            suffix = ".gz" if compressed else ""
            (folder / f"{prefix}-{kind}-ubyte{suffix}").write_bytes(content)
    return parts
