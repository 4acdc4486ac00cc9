"""ReconstructionProgressDisplay: the drawing of frames, and the GIF."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import clipped_texts
from PIL import Image

from skae.displays import ReconstructionProgressDisplay


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def progress(n_samples=3, n_features=16, n_frames=4, **params):
    rng = np.random.default_rng(0)
    X = rng.random((n_samples, n_features))
    frames = [X + (n_frames - 1 - i) / 10 for i in range(n_frames)]
    return ReconstructionProgressDisplay(X, range(n_frames), frames, **params)


def labels(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def test_images_are_drawn_above_the_frames():
    display = progress(image_shape=(4, 4)).plot()
    picture = display.image_.get_array()
    np.testing.assert_allclose(picture[:4, :4].ravel(), display.X[0])
    below = display.reconstructions[0][0].reshape(4, 4)
    np.testing.assert_allclose(picture[5:9, :4], below)
    assert display.lines_ is None


def test_labels_are_epochs_and_texts_are_errors():
    display = progress(image_shape=(4, 4)).plot()
    assert labels(display) == ["original", "epoch 0", "epoch 1", "epoch 2", "epoch 3"]
    texts = [text.get_text() for text in display.error_texts_]
    assert texts == ["MSE", "0.09", "0.04", "0.01", "0"]
    assert display.ax_.get_title() == "Reconstructions by epoch"


def test_tabular_samples_are_lines_over_the_originals():
    display = progress().plot()
    assert display.image_ is None
    assert len(display.lines_) == 3 * 4
    assert len(display.ax_.lines) == 3 * 4 + 3 * 5
    first = display.lines_[0].get_ydata() + 1
    low, high = 0, 1
    expected = 0.8 * ((display.reconstructions[0][0] - low) / (high - low) - 0.5)
    np.testing.assert_allclose(first, expected)


def test_signals_are_lines():
    assert progress(image_shape=(1, 16)).plot().lines_ is not None


@pytest.mark.parametrize("n_features", [1, 2])
def test_samples_of_one_or_two_features_are_drawn(n_features):
    display = progress(n_features=n_features).plot()
    assert len(display.lines_[0].get_ydata()) == n_features


@pytest.mark.parametrize(
    ("n_epochs", "drawn"), [(1, [3]), (2, [0, 3]), (3, [0, 2, 3]), (9, [0, 1, 2, 3])]
)
def test_the_drawn_frames_are_evenly_spaced(n_epochs, drawn):
    display = progress().plot(n_epochs=n_epochs)
    assert labels(display) == ["original", *(f"epoch {i}" for i in drawn)]


@pytest.mark.parametrize("n_epochs", [0, 2.5, "all"])
def test_an_invalid_number_of_epochs_is_named(n_epochs):
    message = f"n_epochs={n_epochs!r} is invalid; must be an integer of at least 1"
    with pytest.raises(ValueError, match=message):
        progress().plot(n_epochs=n_epochs)


def test_a_wrong_image_shape_is_named():
    message = r"image_shape=\(5, 5\) is invalid; must be .* 16 elements.* has 25"
    with pytest.raises(ValueError, match=message):
        progress(image_shape=(5, 5))


@pytest.mark.parametrize(
    ("epochs", "frames", "message"),
    [
        ([0, 1], [np.ones((3, 4)), np.ones((3, 5))], r"reconstructions\[1\] has shape"),
        ([0, 1], [np.ones((3, 4))], "epochs has 2 elements and reconstructions has 1"),
        ([], [], "epochs has 0 elements and reconstructions has 0"),
        ([0], [np.full((3, 4), np.nan)], "reconstructions is invalid; .*NaN"),
    ],
    ids=["shape", "numbers", "none", "nan"],
)
def test_frames_that_do_not_fit_are_named(epochs, frames, message):
    with pytest.raises(ValueError, match=f"ReconstructionProgressDisplay: {message}"):
        ReconstructionProgressDisplay(np.ones((3, 4)), epochs, frames)


@pytest.mark.parametrize("frames_per_second", [0, -1, "fast", np.nan])
def test_an_invalid_speed_is_named(frames_per_second, tmp_path):
    message = f"frames_per_second={frames_per_second!r} is invalid; must be a number"
    with pytest.raises(ValueError, match=message):
        progress().save_gif(tmp_path / "a.gif", frames_per_second=frames_per_second)


def test_colour_images_are_drawn_in_colour():
    display = progress(n_features=48, image_shape=(3, 4, 4)).plot()
    assert display.image_.get_array().shape[-1] == 4


def test_options_are_passed_to_matplotlib():
    display = progress(image_shape=(4, 4)).plot(image_kw={"cmap": "viridis"})
    assert display.image_.get_cmap().name == "viridis"
    display = progress().plot(line_kw={"color": "red"})
    assert {line.get_color() for line in display.lines_} == {"red"}


@pytest.mark.parametrize("params", [{"image_shape": (4, 4)}, {}], ids=str)
@pytest.mark.parametrize("width", [300, 1200])
@pytest.mark.parametrize("n_samples", [1, 3])
def test_nothing_is_clipped_in_narrow_and_wide_figures(params, width, n_samples):
    display = progress(n_samples=n_samples, **params).plot()
    display.figure_.set_figwidth(width / 100)
    assert clipped_texts(display.figure_) == []


@pytest.mark.parametrize("params", [{"image_shape": (4, 4)}, {}], ids=str)
def test_a_gif_has_all_frames_and_leaves_no_figure_open(params, tmp_path):
    before = plt.get_fignums()
    progress(**params).save_gif(tmp_path / "a.gif", frames_per_second=10)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 4
        assert gif.info["duration"] == 100
    assert plt.get_fignums() == before
