"""Image data sets as flat samples in [0, 1], loaded by torchvision."""

import dataclasses
import os
import pathlib
from typing import get_args

import numpy as np
from sklearn.utils import Bunch

from skae._types import ImageBunch, ImageData, ImageShape, Subset

__all__ = ["fetch_images"]


@dataclasses.dataclass(frozen=True)
class _Source:
    """Source and properties of a data set.

    Parameters
    ----------
    torchvision_name : str
        Class in `torchvision.datasets`.
    folder : str
        Folder of the files in torchvision's layout, relative to the data home.
    image_shape : tuple of int
        (channels, height, width).
    description : str
        Text for ``DESCR``.
    """

    torchvision_name: str
    folder: str
    image_shape: ImageShape
    description: str


_SOURCES: dict[ImageData, _Source] = {
    "mnist": _Source(
        "MNIST",
        "MNIST/raw",
        (1, 28, 28),
        "MNIST: handwritten digits, 60,000 for training and 10,000 for testing.\n"
        "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, 'Gradient-based learning applied "
        "to document recognition', Proceedings of the IEEE 86, 1998.",
    ),
    "fashion-mnist": _Source(
        "FashionMNIST",
        "FashionMNIST/raw",
        (1, 28, 28),
        "Fashion-MNIST: pictures of clothing in ten classes, 60,000 for training and "
        "10,000 for testing.\n"
        "H. Xiao, K. Rasul and R. Vollgraf, 'Fashion-MNIST: a novel image dataset for "
        "benchmarking machine learning algorithms', 2017, arXiv:1708.07747.",
    ),
    "kmnist": _Source(
        "KMNIST",
        "KMNIST/raw",
        (1, 28, 28),
        "Kuzushiji-MNIST: cursive Japanese characters in ten classes, 60,000 for "
        "training and 10,000 for testing.\n"
        "T. Clanuwat et al., 'Deep learning for classical Japanese literature', 2018, "
        "arXiv:1812.01718.",
    ),
    "cifar-10": _Source(
        "CIFAR10",
        "cifar-10-batches-py",
        (3, 32, 32),
        "CIFAR-10: colour photographs in ten classes, 50,000 for training and 10,000 "
        "for testing.\n"
        "A. Krizhevsky, 'Learning multiple layers of features from tiny images', 2009.",
    ),
    "svhn": _Source(
        "SVHN",
        ".",
        (3, 32, 32),
        "SVHN: house numbers in street photographs, cropped to single digits, 73,257 "
        "for training and 26,032 for testing.\n"
        "Y. Netzer et al., 'Reading digits in natural images with unsupervised feature "
        "learning', NIPS workshop 2011.",
    ),
}


def fetch_images(
    name: ImageData,
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: Subset = "train",
    download_if_missing: bool = True,
) -> ImageBunch:
    """Load an image data set as flat samples in [0, 1], and download it if necessary.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist", "kmnist", "cifar-10", "svhn"}
        Name of the data set.
    data_home : str or path-like, default=None
        Folder with the data sets, in torchvision's layout (``MNIST/raw/...``). None means
        the environment variable ``SKAE_DATA`` if set, otherwise ``~/skae_data``.
    subset : {"train", "test"}, default="train"
        Subset to load.
    download_if_missing : bool, default=True
        Whether to download missing files. If False, missing files raise an OSError.

    Returns
    -------
    images : sklearn.utils.Bunch
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, channels * height * width)
            Pixels in float32, from 0 to 1, channels first.
        target : ndarray of shape (n_samples,)
            Class of each image, in int64.
        image_shape : tuple of int
            (channels, height, width).
        DESCR : str
            Description of the data set and its source.

    Raises
    ------
    ValueError
        If `name` or `subset` is unknown.
    OSError
        If files are missing and `download_if_missing` is False, or if the download
        failed.

    Examples
    --------
    >>> from skae.datasets import fetch_images
    >>> images = fetch_images("mnist")
    >>> images.image_shape
    (1, 28, 28)
    >>> images.data.dtype, images.data.shape[1]
    (dtype('float32'), 784)
    """
    _check_choice("name", name, get_args(ImageData))
    _check_choice("subset", subset, get_args(Subset))
    source = _SOURCES[name]
    home = _data_home(data_home)
    pixels, target = _as_arrays(_load(source, home, subset, download_if_missing))
    channels, height, width = source.image_shape
    return Bunch(
        data=pixels.reshape(-1, channels * height * width) / np.float32(255),
        target=target,
        image_shape=source.image_shape,
        DESCR=f"{source.description}\n\nThis is the {subset} subset.",
    )


def _data_home(data_home):
    if data_home is None:
        data_home = os.environ.get("SKAE_DATA") or "~/skae_data"
    if not isinstance(data_home, str | os.PathLike):
        raise TypeError(
            f"data_home={data_home!r} is invalid; must be the path of a folder, or None."
        )
    return pathlib.Path(data_home).expanduser()


def _check_choice(parameter, value, choices):
    if not (isinstance(value, str) and value in choices):
        expected = ", ".join(repr(choice) for choice in choices)
        raise ValueError(
            f"fetch_images: {parameter}={value!r} is invalid; must be one of {expected}."
        )


def _load(source, home, subset, download_if_missing):
    """Return torchvision's data set, from the files in `home` or from the network."""
    from torchvision import datasets

    load = getattr(datasets, source.torchvision_name)
    part = {"split": subset} if source.torchvision_name == "SVHN" else {}
    part = part or {"train": subset == "train"}
    folder = home / source.folder
    try:
        return load(home, download=False, **part)
    except RuntimeError as error:  # how torchvision reports missing files
        if not download_if_missing:
            raise OSError(
                f"{source.torchvision_name} was not found in {folder}. Copy its files to "
                "this folder, set data_home or the environment variable SKAE_DATA to "
                "another folder, or use download_if_missing=True."
            ) from error
    try:
        return load(home, download=True, **part)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"{source.torchvision_name} could not be downloaded to {folder}: {error}\n"
            "Download the files on a machine with network access and copy them to this "
            "folder, or set data_home or the environment variable SKAE_DATA to a folder "
            "that contains them."
        ) from error


def _as_arrays(dataset):
    """Return pixels, channels first, and classes of a torchvision data set."""
    pixels = np.asarray(dataset.data)
    if type(dataset).__name__ == "CIFAR10":
        pixels = pixels.transpose(0, 3, 1, 2)  # (n_samples, channels, height, width)
    target = dataset.labels if hasattr(dataset, "labels") else dataset.targets
    return pixels, np.asarray(target, dtype=np.int64)
