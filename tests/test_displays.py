"""What all displays share: which estimators they take, where they draw, which errors."""

import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import small_conv, small_dense
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from skae import displays
from skae.displays import (
    InterpolationDisplay,
    LatentGridDisplay,
    LatentHistogramDisplay,
    LatentScatterDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    SampleDisplay,
)

SHAPE = {"image_shape": (8, 8)}
DRAW = {  # each display, of digits
    "ReconstructionDisplay": lambda ae, X, **kw: ReconstructionDisplay.from_estimator(
        ae, X[:5], **SHAPE, **kw
    ),
    "SampleDisplay": lambda ae, X, **kw: SampleDisplay.from_estimator(
        ae, 9, random_state=0, **SHAPE, **kw
    ),
    "LatentHistogramDisplay": lambda ae, X, **kw: LatentHistogramDisplay.from_estimator(
        ae, X, **kw
    ),
    "LatentScatterDisplay": lambda ae, X, **kw: LatentScatterDisplay.from_estimator(
        ae, X, random_state=0, **kw
    ),
    "LatentGridDisplay": lambda ae, X, **kw: LatentGridDisplay.from_estimator(
        ae, X, n_steps=4, **SHAPE, **kw
    ),
    "InterpolationDisplay": lambda ae, X, **kw: InterpolationDisplay.from_estimator(
        ae, X[:2], X[2:4], n_steps=5, **SHAPE, **kw
    ),
    "LossCurveDisplay": lambda ae, X, **kw: LossCurveDisplay.from_estimator(ae, **kw),
}
every_display = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
ARRAYS = {  # what each holds of rows, in their space or in that of the codes
    "ReconstructionDisplay": "X_reconstructed",
    "SampleDisplay": "samples",
    "LatentHistogramDisplay": "codes",
    "LatentScatterDisplay": "points",
    "LatentGridDisplay": "rows",
    "InterpolationDisplay": "steps",
    "LossCurveDisplay": "loss_curve",
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ae():
    return small_dense().fit(load_digits().data / 16)


def test_all_displays_are_tested():
    assert set(DRAW) <= set(displays.__all__)
    assert set(DRAW) == set(ARRAYS)


@every_display
def test_a_display_draws_into_the_axes_given(ae, digits, draw):
    _, (left, right) = plt.subplots(1, 2, layout="constrained")
    display = draw(ae, digits, ax=right)
    assert display.ax_ is right
    assert display.figure_ is right.figure
    assert not left.has_data()
    assert plt.get_fignums() == [display.figure_.number]


@every_display
def test_a_display_makes_a_figure_of_its_own_where_no_axes_are_given(ae, digits, draw):
    other, ax = plt.subplots()
    display = draw(ae, digits)
    assert display.figure_ is not other
    assert not ax.has_data()


@every_display
def test_plot_returns_the_display_and_draws_again(ae, digits, draw):
    display = draw(ae, digits)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


@every_display
def test_a_display_leaves_matplotlibs_settings_alone(ae, digits, draw):
    before = dict(plt.rcParams)
    draw(ae, digits)
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize("name", DRAW)
def test_a_pipeline_is_drawn_in_the_space_of_its_data(digits, name):
    X = 5 + 16 * digits
    pipe = make_pipeline(MinMaxScaler((0, 1), clip=True), small_dense()).fit(X)
    display = DRAW[name](pipe, X)
    held = np.asarray(getattr(display, ARRAYS[name]))
    scaled = DRAW[name](pipe[-1], pipe[0].transform(X))
    own = np.asarray(getattr(scaled, ARRAYS[name]))
    if name in ("ReconstructionDisplay", "SampleDisplay"):
        own = pipe[0].inverse_transform(own)
        assert held.min() >= 5 - 1e-5
    if name in ("LatentGridDisplay", "InterpolationDisplay"):
        own = pipe[0].inverse_transform(own.reshape(-1, 64)).reshape(own.shape)
    np.testing.assert_allclose(held, own, rtol=1e-5, atol=1e-5)


def test_errors_of_a_pipeline_are_in_the_units_of_its_data(digits):
    X = 16 * digits
    scale = FunctionTransformer(lambda X: X / 16, lambda X: 16 * X)
    pipe = make_pipeline(scale, small_dense()).fit(X)
    display = ReconstructionDisplay.from_estimator(pipe, X[:4], **SHAPE)
    inside = -pipe[-1].score_samples(digits[:4])
    np.testing.assert_allclose(display.errors, 256 * inside, rtol=1e-4)
    np.testing.assert_array_equal(display.X, X[:4])


def test_rows_are_drawn_as_the_autoencoder_sees_them_where_no_way_leads_back(digits):
    pipe = make_pipeline(RootWithoutInverse(), small_dense()).fit(digits)
    display = ReconstructionDisplay.from_estimator(pipe, digits[:3], **SHAPE)
    np.testing.assert_allclose(display.X, np.sqrt(digits[:3]))


class RootWithoutInverse(FunctionTransformer):
    """A step that cannot be undone."""

    def __init__(self):
        super().__init__(np.sqrt)

    inverse_transform = property()


def test_steps_after_the_autoencoder_do_not_matter(digits):
    pipe = make_pipeline(small_dense(), PCA(2)).fit(digits)
    display = LatentHistogramDisplay.from_estimator(pipe, digits)
    np.testing.assert_array_equal(display.codes, pipe[0].transform(digits))


def test_a_search_shows_its_best_estimator(digits):
    pipe = make_pipeline(MinMaxScaler(clip=True), small_dense())
    search = GridSearchCV(pipe, {"denseautoencoder__n_components": [2, 3]}, cv=2)
    search.fit(digits)
    display = LossCurveDisplay.from_estimator(search)
    assert display.loss_curve == search.best_estimator_[-1].loss_curve_


@every_display
@pytest.mark.parametrize(
    "estimator",
    [
        small_dense(),
        make_pipeline(MinMaxScaler(), small_dense()),
        GridSearchCV(small_dense(), {"n_components": [2]}),
    ],
    ids=["autoencoder", "pipeline", "search"],
)
def test_an_unfitted_estimator_is_named(digits, draw, estimator):
    with pytest.raises(NotFittedError, match="not fitted"):
        draw(estimator, digits)


@every_display
def test_what_is_no_autoencoder_gets_an_error_that_says_what_is(digits, draw):
    forest = RandomForestClassifier(2).fit(digits, np.arange(len(digits)) % 3)
    with pytest.raises(TypeError, match=r"got RandomForest.*Give a fitted autoencoder"):
        draw(forest, digits)


NEED_IMAGES = ["LatentGridDisplay", "InterpolationDisplay"]


@pytest.mark.parametrize("name", ["ReconstructionDisplay", "SampleDisplay", *NEED_IMAGES])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8, 9), r"image_shape=\(1, 8, 9\) has 72 elements, but rows have 64"),
        (64, r"image_shape=64; expected \(height, width\)"),
        ((8, -8), r"expected \(height, width\) or \(channels, height, width\), all pos"),
        ((4, 4, 4), r"has 4 channels; images of 1 or 3"),
    ],
)
def test_a_wrong_image_shape_is_explained(ae, digits, monkeypatch, name, shape, message):
    monkeypatch.setitem(SHAPE, "image_shape", shape)
    with pytest.raises(ValueError, match=message):
        DRAW[name](ae, digits)


@pytest.mark.parametrize("name", NEED_IMAGES)
def test_flat_rows_without_a_shape_are_no_images(ae, digits, monkeypatch, name):
    monkeypatch.setitem(SHAPE, "image_shape", None)
    with pytest.raises(ValueError, match=f"{name} draws images, and nothing says.*Give"):
        DRAW[name](ae, digits)


@pytest.mark.parametrize("name", ["ReconstructionDisplay", "SampleDisplay", *NEED_IMAGES])
def test_a_model_of_images_needs_no_shape(digits, monkeypatch, name):
    images = digits.reshape(-1, 8, 8)
    monkeypatch.setitem(SHAPE, "image_shape", None)
    for model in (small_dense().fit(images), small_conv().fit(images)):
        assert DRAW[name](model, images).image_shape == (1, 8, 8)


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_plot_takes_no_option_that_it_does_not_know(ae, digits, name):
    display = DRAW[name](ae, digits)
    with pytest.raises(TypeError, match="colour"):
        display.plot(colour="red")
    kinds = {p.kind for p in inspect.signature(display.plot).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize("width", [3, 12])
@every_display
def test_nothing_is_clipped(ae, digits, draw, width):
    figure, ax = plt.subplots(figsize=(width, 3 if width == 3 else 7), dpi=100)
    figure.set_layout_engine("constrained")
    display = draw(ae, digits, ax=ax)
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    assert drawn.x0 >= -0.02
    assert drawn.y0 >= -0.02
    assert drawn.x1 <= width + 0.02
    assert drawn.y1 <= figure.get_figheight() + 0.02
    assert display.ax_.has_data() or display.axes_[0].has_data()
