"""The gallery and the reference: the images of the gallery, and complete pages."""

import ast
import importlib
import pathlib
import re

import numpy as np
import pytest
from tiny_images import write_idx

import skae
from skae._docstrings import PAGE

ROOT = pathlib.Path(skae.__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("plot_*.py"))
ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
]


@pytest.fixture
def gallery_data(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.delenv("SKAE_GALLERY", raising=False)
    return importlib.import_module("gallery_data")


@pytest.fixture
def with_mnist(tmp_path, monkeypatch):
    write_idx(tmp_path / "MNIST" / "raw")
    monkeypatch.setenv("SKAE_DATA", str(tmp_path))


@pytest.fixture
def without_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("SKAE_DATA", str(tmp_path))


@pytest.mark.usefixtures("with_mnist")
def test_the_gallery_uses_mnist_if_available(gallery_data, capsys):
    images = gallery_data.load_images()
    assert images.X.shape == (6, 784)
    assert images.X_test.shape == (3, 784)
    assert images.epochs(mnist=7, digits=9) == 7
    assert capsys.readouterr().out == "MNIST: 6 training images of 28 x 28 pixels\n"


@pytest.mark.usefixtures("without_mnist")
def test_the_gallery_uses_digits_if_mnist_is_missing(gallery_data, capsys):
    images = gallery_data.load_images()
    assert images.X.shape[1] == images.X_test.shape[1] == 64
    assert images.X.max() == 1
    assert images.epochs(mnist=7, digits=9) == 9
    assert capsys.readouterr().out.startswith("scikit-learn's digits: 1,437 training")


@pytest.mark.usefixtures("with_mnist")
@pytest.mark.parametrize(
    ("choice", "n_samples", "epochs"), [("digits", 1437, 9), ("quick", 320, 2)]
)
def test_the_environment_can_choose_digits(
    gallery_data, monkeypatch, choice, n_samples, epochs
):
    monkeypatch.setenv("SKAE_GALLERY", choice)
    images = gallery_data.load_images()
    assert images.X.shape == (n_samples, 64)
    assert images.epochs(mnist=7, digits=9) == epochs


def test_an_unknown_choice_of_images_is_refused(gallery_data, monkeypatch):
    monkeypatch.setenv("SKAE_GALLERY", "cats")
    message = "SKAE_GALLERY='cats' is invalid; must be 'digits', 'mnist'"
    with pytest.raises(ValueError, match=message):
        gallery_data.load_images()


def test_simulated_heartbeats_are_changed_where_they_should_be(gallery_data):
    X, is_changed = gallery_data.simulate_heartbeats(30, unusual=True, random_state=0)
    normal, never = gallery_data.simulate_heartbeats(30, random_state=0)
    assert X.shape == is_changed.shape == (30, 1, 128)
    assert not never.any()
    assert is_changed.any(axis=(1, 2)).all()
    usual = np.abs(X - np.median(normal, axis=0))
    assert usual[is_changed].mean() > 3 * usual[~is_changed].mean()


def test_a_scratch_covers_dark_pixels(gallery_data):
    images = gallery_data.load_small_digits(100).X.reshape(-1, 8, 8)
    scratched, is_scratched = gallery_data.scratch(images, random_state=0)
    assert (scratched[is_scratched] == 1).all()
    assert (images[is_scratched] < 0.5).all()
    is_other = (scratched != images) & ~is_scratched
    assert (images[is_other] >= 0.5).all()


def test_every_figure_of_the_article_has_a_script():
    numbers = [int(script.name[5:7]) for script in SCRIPTS]
    assert numbers == list(range(1, 18))
    for script, ordinal in zip(SCRIPTS, ORDINALS, strict=False):
        prose = " ".join(ast.get_docstring(ast.parse(script.read_text())).split())
        assert f"the {ordinal} figure of :doc:`the article </index>`" in prose


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_text_before_each_code_block_has_two_to_five_sentences(script):
    text = script.read_text()
    blocks = re.findall(r"^# %%\n((?:#.*\n)+)", text, re.M)
    blocks.append("\n".join(ast.get_docstring(ast.parse(text)).splitlines()[2:]))
    for block in blocks:
        prose = re.sub(r"``.+?``|:doc:`.+?`", "name", block)
        n_sentences = len(re.findall(r"[.?](?=\s)", prose + "\n"))
        assert 2 <= n_sentences <= 5, block


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_a_title_prose_and_little_code(script):
    tree = ast.parse(script.read_text())
    title, rule, *prose = ast.get_docstring(tree).splitlines()
    assert rule == "=" * len(title)
    assert any(prose)
    sources = r"^from (gallery_data|sklearn.datasets) import"
    assert re.search(sources, script.read_text(), re.M)
    assert sum(len(ast.unparse(node).splitlines()) for node in tree.body[1:]) <= 60


def test_pictures_come_from_existing_scripts():
    text = (ROOT / "docs" / "make_pictures.py").read_text()
    named = set(re.findall(r'"(plot_\w+)"', text))
    assert named
    assert named <= {script.stem for script in SCRIPTS}


def test_notebooks_link_to_pages_of_the_reference():
    page = (ROOT / "docs" / "api.md").read_text()
    (folder,) = set(re.findall(r":toctree: (\S+)", page))
    assert f"/{folder}/skae.{{estimator_name}}.html" in PAGE
