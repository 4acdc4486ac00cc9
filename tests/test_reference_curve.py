"""The script of the reference curve measures, resumes, and agrees with its page."""

import importlib.util
import pathlib
import types

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import skae

FOLDER = pathlib.Path(skae.__file__).parents[1] / "docs" / "benchmarks"


@pytest.fixture
def curve():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location(
        "reference_curve", FOLDER / "reference_curve.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def options(tmp_path):
    return types.SimpleNamespace(
        dataset="mnist",
        images=300,
        models=["pca"],
        components=[2, 8],
        seeds=[0],
        results=tmp_path / "results.jsonl",
    )


def fetch_digits(name, *, subset, download_if_missing):
    digits = load_digits()
    part = slice(400) if subset == "train" else slice(400, 600)
    return types.SimpleNamespace(data=digits.data[part] / 16, target=digits.target[part])


def test_a_fit_is_measured_once_and_as_by_hand(curve, options, monkeypatch):
    monkeypatch.setattr(curve, "fetch_images", fetch_digits)
    curve.measure_all(options)
    lines = options.results.read_text()
    curve.measure_all(options)  # all of it is in the results
    assert options.results.read_text() == lines

    rows = curve.read(options.results)
    assert [row["components"] for row in rows] == [2, 8]
    train = fetch_digits("", subset="train", download_if_missing=False).data
    test = fetch_digits("", subset="test", download_if_missing=False).data
    order = np.random.default_rng(0).permutation(400)[:300]
    pca = PCA(8, random_state=0).fit(train[order])
    error = np.mean((pca.inverse_transform(pca.transform(test)) - test) ** 2)
    np.testing.assert_allclose(rows[1]["error"], error, rtol=1e-6)
    assert rows[0]["neighbors"] < rows[1]["neighbors"]


def test_the_page_has_the_figures_of_the_results(curve):
    rows = curve.read(curve.RESULTS)
    assert {row["model"] for row in rows} == set(curve.MODELS)
    page = curve.PAGE.read_text(encoding="utf-8")
    assert curve.tables(curve.by_model(rows)) in page


def test_a_table_gives_the_mean_and_the_number_of_seeds(curve):
    fits = curve.by_model(
        {"model": "dense", "components": k, "error": error}
        for k, error in ((2, 0.25), (2, 0.75), (4, 0.125))
    )
    lines = curve.table(fits, "error", "{:.3f}").splitlines()
    assert "| DenseAutoencoder | 1 to 2 | 0.500 | 0.125 |" in lines
    assert "| PCA | 0 |  |  |" in lines
