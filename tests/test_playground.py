"""The playground of the documentation: its files, and the models that it runs."""

import base64
import importlib
import json
import pathlib
import re

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers import small_dense_variational

import skae

DOCS = pathlib.Path(skae.__file__).parents[1] / "docs"
FOLDER = DOCS / "_static" / "playground"
PAGE = (DOCS / "playground.md").read_text()
SCRIPTS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.js"))}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx")


@pytest.fixture(scope="module")
def description():
    return json.loads((FOLDER / "model.json").read_text())


@pytest.fixture(scope="module")
def digits(description):
    """The test digits of the page, in [0, 1]."""
    pixels = base64.b64decode(description["test_digits"]["pixels"])
    return np.frombuffer(pixels, np.uint8).reshape(-1, 784).astype(np.float32) / 255


@pytest.fixture
def make_playground(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("make_playground")


def run(model, values):
    """Return the output of an ONNX model, a file or its bytes."""
    session = onnxruntime.InferenceSession(model)
    (output,) = session.run(None, {session.get_inputs()[0].name: values})
    return output


def test_the_encoder_of_the_page_returns_the_codes_of_the_fitted_model(
    description, digits
):
    codes = run(FOLDER / "encoder.onnx", digits)
    expected = np.array(description["test_digits"]["codes"])
    assert codes.shape == expected.shape == (20, 10)
    np.testing.assert_allclose(codes, expected, rtol=0, atol=0.01)


def test_the_decoder_of_the_page_reconstructs_as_the_fitted_model(description, digits):
    reconstructed = run(FOLDER / "decoder.onnx", run(FOLDER / "encoder.onnx", digits))
    error = ((reconstructed - digits) ** 2).mean()
    assert error == pytest.approx(description["test_digits"]["error"], rel=0.01)
    assert error < 1.5 * description["test_error"]


def test_samples_of_the_page_decode_to_digits(description):
    samples = np.array(description["samples"], np.float32)
    assert samples.shape == (1000, 10)
    assert np.abs(samples.mean(axis=0)).max() < 0.2  # about N(0, 1)
    assert np.abs(samples.std(axis=0) - 1).max() < 0.2
    images = run(FOLDER / "decoder.onnx", samples)
    assert images.min() >= 0
    assert images.max() <= 1
    ink = images.mean(axis=1)  # MNIST's digits have 0.13
    assert ink.mean() == pytest.approx(0.13, abs=0.02)


def test_the_page_has_a_slider_for_each_component(description):
    assert sorted(description["components"]) == list(range(10))
    assert sorted(description["test_digits"]["labels"]) == sorted([*range(10)] * 2)
    assert "with 10 latent" in PAGE


def test_the_page_and_its_scripts_name_files_that_exist():
    in_page = re.findall(r'(?:src|href)="(_static/[^"]+)"', PAGE)
    assert len(in_page) == 2
    in_scripts = [
        name
        for script in SCRIPTS.values()
        for name in re.findall(
            r'"((?:\.\./|\./)?[\w./-]+\.(?:m?js|json|onnx|gzip))"', script
        )
    ]
    assert {"encoder.onnx", "decoder.onnx", "model.json"} <= set(in_scripts)
    paths = [DOCS / name for name in in_page] + [FOLDER / name for name in in_scripts]
    assert [path for path in paths if not path.is_file()] == []


def test_the_scripts_use_elements_of_the_page():
    used = {
        name
        for script in SCRIPTS.values()
        for name in re.findall(r'getElementById\("([\w-]+)"\)', script)
    }
    assert len(used) > 10
    assert used <= set(re.findall(r'id="([\w-]+)"', PAGE))


def test_weights_in_float16_change_a_model_little(make_playground, monkeypatch, digits):
    monkeypatch.setattr(make_playground, "MIN_SIZE", 10)
    vae = small_dense_variational(max_epochs=2).fit(digits)
    for part, given in (("encoder", digits), ("decoder", vae.transform(digits))):
        model = vae.to_onnx(part)
        small = make_playground.with_small_weights(model)
        assert small.ByteSize() < 0.6 * model.ByteSize()
        types = {tensor.data_type for tensor in small.graph.initializer}
        assert onnx.TensorProto.FLOAT16 in types
        expected = run(model.SerializeToString(), given)
        result = run(small.SerializeToString(), given)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(result, expected, rtol=0, atol=0.01 * scale)


def test_the_script_saves_what_the_page_loads(make_playground, tmp_path, capsys, digits):
    labels = np.repeat(np.arange(10), 2)
    vae = small_dense_variational(max_epochs=2).fit(digits)
    make_playground.save(vae, digits, labels, tmp_path)
    assert "encoder.onnx: 0." in capsys.readouterr().out
    description = json.loads((tmp_path / "model.json").read_text())
    shipped = json.loads((FOLDER / "model.json").read_text())
    assert description.keys() == shipped.keys()
    assert description["test_digits"].keys() == shipped["test_digits"].keys()
    codes = run(tmp_path / "encoder.onnx", digits)
    expected = description["test_digits"]["codes"]
    np.testing.assert_allclose(codes, expected, rtol=0, atol=0.01)
