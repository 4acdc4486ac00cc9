"""ArchitectureDisplay: what it draws of an autoencoder's layers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import clipped_texts, small_dense
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skae.displays import ArchitectureDisplay
from skae.displays._style import ORANGE

# So few epochs are too few for some.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_bars_are_the_layers_as_wide_as_the_logarithm_of_their_sizes(digits):
    display = ArchitectureDisplay.from_estimator(small_dense().fit(digits))
    layers = ["rows", "Linear + ReLU", "Linear", "codes"]
    assert display.labels_ == [*layers, "Linear + ReLU", "Linear + Sigmoid"]
    widths = [bar.get_width() for bar in display.bars_]
    expected = np.log1p([64, 16, 4, 4, 16, 64]) / np.log1p(64)
    np.testing.assert_allclose(widths, expected)


def test_texts_say_shapes_and_numbers_of_parameters(digits):
    display = ArchitectureDisplay.from_estimator(small_dense().fit(digits))
    texts = [text.get_text() for text in display.texts_]
    assert texts[:3] == ["64", "16\n1,040 parameters", "4\n68 parameters"]
    assert display.ax_.get_title() == "DenseAutoencoder\n2,276 parameters"


def test_the_codes_have_a_colour_of_their_own(digits):
    display = ArchitectureDisplay.from_estimator(small_dense().fit(digits))
    colours = [bar.get_facecolor() for bar in display.bars_]
    assert colours.count(colours[3]) == 1
    assert display.bars_[3].get_facecolor() == plt.matplotlib.colors.to_rgba(ORANGE)


def test_it_finds_the_autoencoder_in_a_pipeline(digits):
    pipeline = make_pipeline(MinMaxScaler(), small_dense()).fit(digits)
    display = ArchitectureDisplay.from_estimator(pipeline)
    assert display.name == "DenseAutoencoder"


def test_the_flow_is_there_without_a_bar(digits, make_any):
    estimator = make_any().fit(digits)
    display = ArchitectureDisplay.from_estimator(estimator)
    widths = {
        label: bar.get_width()
        for label, bar in zip(display.labels_, display.bars_, strict=True)
    }
    assert ("CouplingFlow" in widths) == hasattr(estimator, "n_flow_layers")
    assert widths.get("CouplingFlow", 0) == 0


def test_it_draws_in_the_axes_given_with_the_options_given(digits):
    _, ax = plt.subplots()
    display = ArchitectureDisplay.from_estimator(
        small_dense().fit(digits), ax=ax, bar_kw={"hatch": "/"}
    )
    assert display.ax_ is ax
    assert display.bars_[0].get_hatch() == "/"


@pytest.mark.parametrize("width", [300, 1200])
def test_nothing_is_clipped_in_narrow_and_wide_figures(digits, make_any, width):
    display = ArchitectureDisplay.from_estimator(make_any().fit(digits))
    display.figure_.set_figwidth(width / 100)
    assert clipped_texts(display.figure_) == []
    assert display.ax_.get_position().width * width > 20


def test_an_unfitted_estimator_is_refused():
    with pytest.raises(NotFittedError):
        ArchitectureDisplay.from_estimator(small_dense())


def test_what_is_no_autoencoder_is_refused():
    with pytest.raises(TypeError, match="no autoencoder"):
        ArchitectureDisplay.from_estimator(LinearRegression().fit([[0], [1]], [0, 1]))
