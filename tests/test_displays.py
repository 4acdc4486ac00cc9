"""Behaviour that all displays share: estimators, axes, image shapes and errors."""

import functools
import inspect

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from helpers import small_conv, small_dense
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from skae import AutoencoderDetector, displays
from skae.callbacks import ReconstructionRecorder
from skae.displays import (
    AnomalyDisplay,
    ArchitectureDisplay,
    InterpolationDisplay,
    LatentGridDisplay,
    LatentHistogramDisplay,
    LatentScatterDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    ReconstructionProgressDisplay,
    SampleDisplay,
)

SHAPE = {"image_shape": (8, 8)}


@functools.cache
def fitted_detector():
    X = load_digits().data[:200] / 16
    return AutoencoderDetector(small_dense(), random_state=0).fit(X)


DRAW = {  # each display from an autoencoder of digits
    "ArchitectureDisplay": lambda ae, X, **kw: ArchitectureDisplay.from_estimator(
        ae, **kw
    ),
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
    "AnomalyDisplay": lambda ae, X, **kw: AnomalyDisplay.from_estimator(
        fitted_detector(), X, sample=3, **kw
    ),
    "LossCurveDisplay": lambda ae, X, **kw: LossCurveDisplay.from_estimator(ae, **kw),
    # It has no from_estimator: a recorder in the callbacks draws it.
    "ReconstructionProgressDisplay": lambda ae, X, **kw: dict(ae.callbacks_)[
        "ReconstructionRecorder"
    ].plot(**SHAPE, **kw),
}
every_display = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
OTHERS = ("ReconstructionProgressDisplay", "AnomalyDisplay")  # not of an autoencoder
FROM_ESTIMATOR = {name: draw for name, draw in DRAW.items() if name not in OTHERS}
every_display_of_estimators = pytest.mark.parametrize(
    "draw", FROM_ESTIMATOR.values(), ids=FROM_ESTIMATOR
)
ARRAYS = {  # the array that each holds, of samples or of latent codes
    "ReconstructionDisplay": "X_reconstructed",
    "SampleDisplay": "samples",
    "LatentHistogramDisplay": "codes",
    "LatentScatterDisplay": "points",
    "LatentGridDisplay": "X_decoded",
    "InterpolationDisplay": "steps",
    "LossCurveDisplay": "loss_curve",
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ae():
    X = load_digits().data / 16
    return small_dense(callbacks=[ReconstructionRecorder(X[:3])]).fit(X)


def test_all_displays_are_tested():
    assert set(DRAW) == set(displays.__all__)


def test_the_arrays_of_all_displays_that_hold_one_are_tested():
    assert set(DRAW) - set(ARRAYS) == {
        "AnomalyDisplay",
        "ArchitectureDisplay",
        "ReconstructionProgressDisplay",
    }


# --- axes ---------------------------------------------------------------------------


@every_display
def test_a_display_draws_into_the_given_axes(ae, digits, draw):
    _, (left, right) = plt.subplots(1, 2, layout="constrained")
    display = draw(ae, digits, ax=right)
    assert display.ax_ is right
    assert display.figure_ is right.figure
    assert not left.has_data()
    assert plt.get_fignums() == [display.figure_.number]


@every_display
def test_a_display_creates_a_figure_by_default(ae, digits, draw):
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
def test_a_display_does_not_change_the_settings_of_matplotlib(ae, digits, draw):
    before = dict(plt.rcParams)
    draw(ae, digits)
    assert dict(plt.rcParams) == before


@every_display
@pytest.mark.parametrize("kind", ["array", "figure", "text"])
def test_ax_must_be_axes(ae, digits, draw, kind):
    figure, array = plt.subplots(1, 2)
    ax, name = {
        "array": (array, "ndarray"),
        "figure": (figure, "Figure"),
        "text": ("ax", "str"),
    }[kind]
    message = f"ax is invalid; must be a matplotlib Axes or None, got {name}"
    with pytest.raises(TypeError, match=message):
        draw(ae, digits, ax=ax)


@every_display
def test_axes_of_another_projection_are_refused(ae, digits, draw):
    ax = plt.figure().add_subplot(projection="3d")
    message = r"ax has the projection '3d', but this plot needs 'rectilinear'. Create ax"
    with pytest.raises(ValueError, match=message):
        draw(ae, digits, ax=ax)


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


@pytest.mark.parametrize("name", DRAW)
def test_plot_refuses_unknown_options(ae, digits, name):
    display = DRAW[name](ae, digits)
    with pytest.raises(TypeError, match="colour"):
        display.plot(colour="red")
    kinds = {p.kind for p in inspect.signature(display.plot).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("AnomalyDisplay", "bar_kw"),
        ("ArchitectureDisplay", "bar_kw"),
        ("ReconstructionDisplay", "image_kw"),
        ("ReconstructionDisplay", "text_kw"),
        ("SampleDisplay", "image_kw"),
        ("LatentHistogramDisplay", "line_kw"),
        ("LatentScatterDisplay", "scatter_kw"),
        ("LatentGridDisplay", "image_kw"),
        ("InterpolationDisplay", "image_kw"),
        ("LossCurveDisplay", "line_kw"),
        ("ReconstructionProgressDisplay", "image_kw"),
    ],
)
def test_keyword_arguments_of_artists_must_be_dictionaries(ae, digits, name, option):
    display = DRAW[name](ae, digits)
    with pytest.raises(TypeError, match="must be a dict or None, got 'red'"):
        display.plot(**{option: "red"})


# --- estimators -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ARRAYS)
def test_a_pipeline_is_drawn_in_the_space_of_its_input(digits, name):
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


def test_errors_of_a_pipeline_are_in_the_units_of_its_input(digits):
    X = 16 * digits
    scale = FunctionTransformer(lambda X: X / 16, lambda X: 16 * X)
    pipe = make_pipeline(scale, small_dense()).fit(X)
    display = ReconstructionDisplay.from_estimator(pipe, X[:4], **SHAPE)
    inside = -pipe[-1].score_samples(digits[:4])
    np.testing.assert_allclose(display.errors, 256 * inside, rtol=1e-4)
    np.testing.assert_array_equal(display.X, X[:4])


def test_samples_are_drawn_as_the_autoencoder_sees_them_if_steps_have_no_inverse(digits):
    pipe = make_pipeline(RootWithoutInverse(), small_dense()).fit(digits)
    display = ReconstructionDisplay.from_estimator(pipe, digits[:3], **SHAPE)
    np.testing.assert_allclose(display.X, np.sqrt(digits[:3]))


class RootWithoutInverse(FunctionTransformer):
    """A step that has no inverse."""

    def __init__(self):
        super().__init__(np.sqrt)

    inverse_transform = property()


def test_steps_after_the_autoencoder_do_not_matter(digits):
    pipe = make_pipeline(small_dense(), PCA(2)).fit(digits)
    display = LatentHistogramDisplay.from_estimator(pipe, digits)
    np.testing.assert_array_equal(display.codes, pipe[0].transform(digits))


def test_the_best_estimator_of_a_search_is_drawn(digits):
    pipe = make_pipeline(MinMaxScaler(clip=True), small_dense())
    search = GridSearchCV(pipe, {"denseautoencoder__n_components": [2, 3]}, cv=2)
    search.fit(digits)
    display = LossCurveDisplay.from_estimator(search)
    assert display.loss_curve == search.best_estimator_[-1].loss_curve_


def test_a_search_without_refit_is_explained(digits):
    search = GridSearchCV(small_dense(), {"n_components": [2]}, cv=2, refit=False)
    with pytest.raises(TypeError, match="must have refit=True"):
        LossCurveDisplay.from_estimator(search.fit(digits))


@every_display_of_estimators
@pytest.mark.parametrize(
    "estimator",
    [
        small_dense(),
        make_pipeline(MinMaxScaler(), small_dense()),
        GridSearchCV(small_dense(), {"n_components": [2]}),
    ],
    ids=["autoencoder", "pipeline", "search"],
)
def test_an_unfitted_estimator_is_refused(digits, draw, estimator):
    with pytest.raises(NotFittedError, match="not fitted"):
        draw(estimator, digits)


@every_display_of_estimators
def test_an_estimator_without_an_autoencoder_is_refused(digits, draw):
    forest = RandomForestClassifier(2).fit(digits, np.arange(len(digits)) % 3)
    message = r"estimator=RandomForest.*no autoencoder; must be a fitted autoencoder"
    with pytest.raises(TypeError, match=message):
        draw(forest, digits)


# --- data -------------------------------------------------------------------------------

TAKE_DATA = sorted(set(ARRAYS) - {"SampleDisplay", "LossCurveDisplay"})


def tensor_with_grad(X):
    return torch.tensor(X, requires_grad=True)


@pytest.mark.parametrize("name", TAKE_DATA)
@pytest.mark.parametrize(
    "convert",
    [tensor_with_grad, pl.DataFrame, pd.DataFrame, np.ndarray.tolist],
    ids=["tensor with grad", "polars", "pandas", "list"],
)
def test_containers_of_samples_make_no_difference(digits, name, convert):
    model = small_dense().fit(convert(digits))  # a frame's names belong to the model
    expected = getattr(DRAW[name](small_dense().fit(digits), digits), ARRAYS[name])
    result = getattr(DRAW[name](model, convert(digits)), ARRAYS[name])
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TAKE_DATA)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X: X * np.nan, ValueError, "NaN"),
        (lambda X: X[:, :9], ValueError, "64 features"),
        (lambda X: X.astype(str), ValueError, "not real numbers|not numbers"),
        (lambda X: csr_array(X), TypeError, "dense data is required"),
        (lambda X: "X", ValueError, "type str"),
    ],
    ids=["nan", "width", "text", "sparse", "string"],
)
def test_invalid_samples_are_named(ae, digits, name, change, error, message):
    with pytest.raises(error, match=message):
        DRAW[name](ae, change(digits))


ARRAYS_OF_USERS = {  # each display from arrays, and the name of its parameter
    "ReconstructionDisplay": (
        lambda X: ReconstructionDisplay.from_predictions(X, np.zeros((5, 2))),
        "X",
    ),
    "ReconstructionDisplay, reconstructions": (
        lambda X: ReconstructionDisplay.from_predictions(np.zeros((5, 2)), X),
        "X_reconstructed",
    ),
    "SampleDisplay": (SampleDisplay.from_predictions, "samples"),
    "LatentHistogramDisplay": (LatentHistogramDisplay.from_predictions, "codes"),
    "LatentScatterDisplay": (LatentScatterDisplay.from_predictions, "points"),
    "ReconstructionProgressDisplay": (
        lambda X: ReconstructionProgressDisplay(X, [0], [np.zeros((5, 2))]),
        "X",
    ),
}
every_array = pytest.mark.parametrize(
    ("draw", "parameter"), ARRAYS_OF_USERS.values(), ids=ARRAYS_OF_USERS
)


@every_array
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((5, 2), np.nan), "NaN"),
        (np.full((5, 2), np.inf), "infinity"),
        (np.full((5, 2), "a"), "string|text"),
        (np.full((5, 2), 1j), "Complex"),
        (np.zeros((5, 2), "datetime64[D]"), "datetime64"),
        (np.zeros(5), "1D array"),
        (None, "NoneType"),
        ("samples", "It has type str"),
        (np.ma.masked_equal(np.zeros((5, 2)), 0), "masked"),
        (np.zeros((0, 2)), r"0 sample\(s\)"),
        (np.zeros((1, 1, 1, 1, 2)), "5 dimensions"),
        ([[1, 2], [3]], "different lengths"),
    ],
    ids=str,
)
def test_invalid_arrays_are_named(draw, parameter, array, message):
    start = rf"Display: {parameter} is invalid; must be an array of finite real numbers"
    with pytest.raises(ValueError, match=rf"(?s){start}.*({message})"):
        draw(array)


@every_array
@pytest.mark.parametrize(
    "array",
    [
        torch.ones((5, 2), requires_grad=True),
        torch.ones((5, 2), dtype=torch.bfloat16),
        pl.DataFrame({"a": [1] * 5, "b": [2.0] * 5}),
        np.ones((5, 2), np.uint8),
        np.ones((5, 2), bool),
        np.ones((5, 2))[::-1],
    ],
    ids=["grad", "bfloat16", "polars", "uint8", "bool", "reversed"],
)
def test_arrays_may_have_any_real_type(draw, parameter, array):
    assert draw(array).ax_ if hasattr(draw(array), "ax_") else draw(array).plot().ax_


# --- image shapes ---------------------------------------------------------------------

NEED_IMAGES = ["LatentGridDisplay", "InterpolationDisplay"]


@pytest.mark.parametrize("name", ["ReconstructionDisplay", "SampleDisplay", *NEED_IMAGES])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (8, 9),
            r"image_shape=\(8, 9\) is invalid; must be .* 64 elements, .*but has 72",
        ),
        (64, r"image_shape=64 is invalid; must be \(height, width\)"),
        ("8x8", r"image_shape='8x8' is invalid; must be \(height, width\)"),
        ((8, -8), r"must be \(height, width\) or .*, all positive integers"),
        ((8.0, 8.0), r"image_shape=\(8.0, 8.0\) is invalid.*all positive integers"),
        ((4, 4, 4), r"has 4 channels; must have 1 \(grey\) or 3 \(RGB\)"),
    ],
)
def test_a_wrong_image_shape_is_explained(ae, digits, monkeypatch, name, shape, message):
    monkeypatch.setitem(SHAPE, "image_shape", shape)
    with pytest.raises(ValueError, match=message):
        DRAW[name](ae, digits)


@pytest.mark.parametrize("name", NEED_IMAGES)
def test_flat_samples_need_an_image_shape(ae, digits, monkeypatch, name):
    monkeypatch.setitem(SHAPE, "image_shape", None)
    message = f"{name}: image_shape=None is invalid for flat samples; must be"
    with pytest.raises(ValueError, match=message):
        DRAW[name](ae, digits)


@pytest.mark.parametrize("name", ["ReconstructionDisplay", "SampleDisplay", *NEED_IMAGES])
def test_models_of_images_need_no_image_shape(digits, monkeypatch, name):
    images = digits.reshape(-1, 8, 8)
    monkeypatch.setitem(SHAPE, "image_shape", None)
    for model in (small_dense().fit(images), small_conv().fit(images)):
        assert DRAW[name](model, images).image_shape == (1, 8, 8)
