"""fetch_images, with tiny files in the original formats."""

import functools
import http.server
import pickle
import re
import threading

import numpy as np
import pytest
import scipy.io
import torchvision.datasets
from tiny_images import write_idx

from skae.datasets import fetch_images

IDX_FOLDERS = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "kmnist": "KMNIST",
}


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", IDX_FOLDERS)
@pytest.mark.parametrize("subset", ["train", "test"])
def test_grey_images_become_flat_samples_in_0_1(tmp_path, name, subset):
    files = write_idx(tmp_path / IDX_FOLDERS[name] / "raw")
    images, target = files[subset]
    loaded = fetch_images(
        name, data_home=tmp_path, subset=subset, download_if_missing=False
    )
    assert loaded.data.shape == (len(images), 784)
    assert loaded.data.dtype == np.float32
    np.testing.assert_allclose(
        loaded.data, images.reshape(len(images), -1) / 255, rtol=1e-6
    )
    np.testing.assert_array_equal(loaded.target, target)
    assert loaded.target.dtype == np.int64
    assert loaded.image_shape == (1, 28, 28)
    assert subset in loaded.DESCR


def test_cifar_10_images_are_channels_first(tmp_path, monkeypatch):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    data = pixels(3, 3 * 32 * 32)  # the files hold the channels first
    for i in range(1, 6):
        batch = {"data": data, "labels": [i, 0, 9]}
        (folder / f"data_batch_{i}").write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a"] * 10}))
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", exists)
    test_list = [["data_batch_1", ""]]
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "test_list", test_list)
    loaded = fetch_images("cifar-10", data_home=tmp_path, download_if_missing=False)
    assert loaded.data.shape == (15, 3072)
    assert loaded.image_shape == (3, 32, 32)
    np.testing.assert_allclose(loaded.data[:3], data / 255, rtol=1e-6)
    assert loaded.target[:4].tolist() == [1, 0, 9, 2]


@pytest.mark.parametrize("subset", ["train", "test"])
def test_svhn_images_are_channels_first_and_ten_is_zero(tmp_path, monkeypatch, subset):
    data = pixels(32, 32, 3, 4)  # the files hold the images last
    labels = np.array([[10], [1], [2], [9]], dtype=np.uint8)
    scipy.io.savemat(tmp_path / f"{subset}_32x32.mat", {"X": data, "y": labels})
    monkeypatch.setattr(torchvision.datasets.svhn, "check_integrity", exists)
    loaded = fetch_images(
        "svhn", data_home=tmp_path, subset=subset, download_if_missing=False
    )
    assert loaded.data.shape == (4, 3072)
    image = loaded.data[1].reshape(loaded.image_shape)
    np.testing.assert_allclose(image, data[..., 1].transpose(2, 0, 1) / 255, rtol=1e-6)
    assert loaded.target.tolist() == [0, 1, 2, 9]


def exists(path, md5=None):
    return (
        path.exists() if hasattr(path, "exists") else __import__("os").path.exists(path)
    )


def test_the_environment_sets_the_data_home(tmp_path, monkeypatch):
    files = write_idx(tmp_path / "MNIST" / "raw")
    monkeypatch.setenv("SKAE_DATA", str(tmp_path))
    loaded = fetch_images("mnist", download_if_missing=False)
    np.testing.assert_array_equal(loaded.target, files["train"][1])


def test_the_default_data_home_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("SKAE_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "skae_data" / "MNIST"))):
        fetch_images("mnist", download_if_missing=False)


@pytest.mark.parametrize("name", [*IDX_FOLDERS, "cifar-10", "svhn"])
def test_the_error_for_missing_files_names_the_folder(tmp_path, name):
    with pytest.raises(OSError, match=r"was not found in .*SKAE_DATA") as error:
        fetch_images(name, data_home=tmp_path, download_if_missing=False)
    assert str(tmp_path) in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Serve a local folder in place of the mirrors of MNIST."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = functools.partial(SilentHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [url])
        yield folder
        server.shutdown()


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_missing_files_are_downloaded(mirror, tmp_path, monkeypatch):
    files = write_idx(mirror, compressed=True)
    resources = [(path.name, None) for path in sorted(mirror.iterdir())]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    loaded = fetch_images("mnist", data_home=tmp_path / "home")
    np.testing.assert_array_equal(loaded.target, files["train"][1])
    assert (tmp_path / "home/MNIST/raw/train-images-idx3-ubyte").exists()


def test_the_error_for_a_failed_download_explains_manual_download(tmp_path, monkeypatch):
    nobody = "http://127.0.0.1:9/"  # the discard port, which has no server
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [nobody])
    message = rf"(?s)could not be downloaded to .*{nobody}.*copy them to this folder"
    with pytest.raises(OSError, match=message) as error:
        fetch_images("mnist", data_home=tmp_path)
    assert str(tmp_path / "MNIST/raw") in str(error.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"name": "imagenet"}, r"name='imagenet' is invalid; must be one of 'mnist', "),
        ({"name": None}, "name=None is invalid; must be one of"),
        ({"name": "mnist", "subset": "valid"}, "subset='valid' is invalid; must be one"),
    ],
)
def test_unknown_names_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        fetch_images(**params)


def test_a_data_home_that_is_no_path_is_named():
    with pytest.raises(TypeError, match="data_home=3 is invalid; must be the path"):
        fetch_images("mnist", data_home=3)
