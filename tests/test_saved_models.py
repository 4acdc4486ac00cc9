"""Files that earlier versions have saved are loaded, with the same results."""

import pathlib
import pickle

import numpy as np
import pytest
import skops.io
from saved_models import MODELS, training_data

import skae
from skae.saving import load_model

FOLDER = pathlib.Path(__file__).parent / "saved_models"
LOAD = {
    ".pickle": lambda path: pickle.loads(path.read_bytes()),
    ".skops": lambda path: skops.io.load(path, trusted=skae.TRUSTED_TYPES),
    ".safetensors": load_model,
}
FILES = sorted(path for path in FOLDER.rglob("*") if path.suffix in LOAD)


def test_each_model_is_kept_in_each_format():
    names = {path.name for path in FILES if path.parent.name == "form-1"}
    assert names == {name + ending for name in MODELS for ending in LOAD}


@pytest.mark.filterwarnings("ignore::skae.exceptions.ModelVersionWarning")
@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_a_saved_model_is_loaded(path):
    model, X = LOAD[path.suffix](path), training_data()
    expected = np.load(path.with_suffix(".npz"))
    close = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(model.transform(X), expected["transform"], **close)
    np.testing.assert_allclose(model.reconstruct(X), expected["reconstruct"], **close)
    np.testing.assert_allclose(model.sample(3), expected["sample"], **close)
    model.fit(X)
