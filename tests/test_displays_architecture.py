"""ArchitectureDisplay: bars, labels and texts of the layers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import clipped_texts, small_dense
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skae.displays import ArchitectureDisplay

# A few epochs are not enough for some variational models.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_the_widths_of_bars_are_logarithms_of_layer_sizes(digits):
    display = ArchitectureDisplay.from_estimator(small_dense().fit(digits))
    layers = ["input", "Linear + ReLU", "Linear", "latent code"]
    assert display.labels_ == [*layers, "Linear + ReLU", "Linear + Sigmoid"]
    widths = [bar.get_width() for bar in display.bars_]
    expected = np.log1p([64, 16, 4, 4, 16, 64]) / np.log1p(64)
    np.testing.assert_allclose(widths, expected)


def test_texts_are_shapes_and_numbers_of_parameters(digits):
    display = ArchitectureDisplay.from_estimator(small_dense().fit(digits))
    texts = [text.get_text() for text in display.texts_]
    assert texts[:3] == ["64", "16\n1,040 parameters", "4\n68 parameters"]
    title = "DenseAutoencoder\n2,856 parameters\n580 of them in linear paths"
    assert display.ax_.get_title() == title


def test_without_linear_paths_the_title_does_not_mention_them(digits):
    display = ArchitectureDisplay.from_estimator(small_dense(init="random").fit(digits))
    assert display.ax_.get_title() == "DenseAutoencoder\n2,276 parameters"


def test_the_latent_code_has_its_own_colour(digits):
    display = ArchitectureDisplay.from_estimator(small_dense().fit(digits))
    colours = [bar.get_facecolor() for bar in display.bars_]
    assert display.labels_[3] == "latent code"
    assert colours.count(colours[3]) == 1


def test_it_finds_the_autoencoder_in_a_pipeline(digits):
    pipeline = make_pipeline(MinMaxScaler(), small_dense()).fit(digits)
    display = ArchitectureDisplay.from_estimator(pipeline)
    assert display.name == "DenseAutoencoder"


def test_a_flow_has_a_label_and_no_bar(digits, make_any):
    estimator = make_any().fit(digits)
    display = ArchitectureDisplay.from_estimator(estimator)
    widths = {
        label: bar.get_width()
        for label, bar in zip(display.labels_, display.bars_, strict=True)
    }
    assert ("CouplingFlow" in widths) == hasattr(estimator, "n_flow_layers")
    assert widths.get("CouplingFlow", 0) == 0


def test_bar_options_are_passed_to_matplotlib(digits):
    display = ArchitectureDisplay.from_estimator(
        small_dense().fit(digits), bar_kw={"hatch": "/"}
    )
    assert display.bars_[0].get_hatch() == "/"


@pytest.mark.parametrize("width", [300, 1200])
def test_nothing_is_clipped_in_narrow_and_wide_figures(digits, make_any, width):
    display = ArchitectureDisplay.from_estimator(make_any().fit(digits))
    display.figure_.set_figwidth(width / 100)
    assert clipped_texts(display.figure_) == []
    assert display.ax_.get_position().width * width > 20
