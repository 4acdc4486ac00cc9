"""Displays of latent codes and of training: histograms, scatter plots, loss curves."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers import small_dense
from sklearn.decomposition import PCA, KernelPCA
from sklearn.mixture import GaussianMixture

from skae.displays import LatentHistogramDisplay, LatentScatterDisplay, LossCurveDisplay


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(0).normal(size=(200, 2))


@pytest.fixture(scope="module")
def classes():
    return np.arange(200) % 3


# --- LatentHistogramDisplay -------------------------------------------------------


def test_histograms_show_the_codes_and_the_density(digits):
    model = small_dense().fit(digits)
    display = LatentHistogramDisplay.from_estimator(
        model, digits, components=[3, 1], n_bins=10
    )
    codes = model.transform(digits)
    np.testing.assert_array_equal(display.codes, codes)
    for bars, line, component in zip(display.bars_, display.lines_, [3, 1], strict=True):
        heights, edges = np.histogram(codes[:, component], bins=10, density=True)
        np.testing.assert_allclose(bars.get_data().values, heights)
        np.testing.assert_allclose(bars.get_data().edges, edges)
        drawn = model.sample_latent(100_000, random_state=0)[:, component]
        inside = ((drawn >= edges[0]) & (drawn <= edges[-1])).mean()
        area = (line.get_data().values * np.diff(edges)).sum()
        assert area == pytest.approx(inside, abs=1e-6)
    titles = [ax.get_title() for ax in display.axes_]
    assert titles == ["component 3", "component 1"]
    legend = [text.get_text() for text in display.legend_.get_texts()]
    assert legend == ["latent codes", "fitted density"]


def test_the_first_six_components_are_drawn_by_default(digits):
    model = small_dense(n_components=8).fit(digits)
    assert LatentHistogramDisplay.from_estimator(model, digits).components == [*range(6)]


def test_without_a_density_there_are_only_bars(digits):
    model = small_dense(latent_density=None).fit(digits)
    display = LatentHistogramDisplay.from_estimator(model, digits)
    assert len(display.bars_) == 4
    assert display.lines_ == []


def test_a_density_of_scikit_learn_is_drawn(digits):
    model = small_dense(latent_density=GaussianMixture(2, random_state=0)).fit(digits)
    assert len(LatentHistogramDisplay.from_estimator(model, digits).lines_) == 4


@pytest.mark.parametrize("n_samples", [1, 2])
def test_few_samples_and_one_component_are_drawn(n_samples):
    codes = np.ones((n_samples, 1))
    display = LatentHistogramDisplay.from_predictions(codes, n_bins=5)
    assert len(display.axes_) == 1
    assert display.bars_[0].get_data().values.max() > 0


def test_axes_outside_a_subplot_grid_are_refused(codes):
    ax = plt.figure().add_axes([0.1, 0.1, 0.8, 0.8])
    with pytest.raises(
        ValueError, match=r"must be part of a subplot grid.*plt\.subplots"
    ):
        LatentHistogramDisplay.from_predictions(codes, ax=ax)


@pytest.mark.parametrize("components", [[], [2], [-1], [0.0], "ab", 1, [[0, 1]]])
def test_invalid_components_are_named(codes, components):
    message = rf"components={re.escape(repr(components))} is invalid; .* from 0 to 1"
    with pytest.raises(ValueError, match=message):
        LatentHistogramDisplay.from_predictions(codes, components=components)


@pytest.mark.parametrize("n_bins", [0, 2.5, "auto", True])
def test_an_invalid_number_of_bins_is_named(codes, n_bins):
    message = f"n_bins={n_bins!r} is invalid; must be an integer of at least 1"
    with pytest.raises(ValueError, match=message):
        LatentHistogramDisplay.from_predictions(codes, n_bins=n_bins)


def test_the_density_counts_samples_outside_the_bins(codes):
    drawn = np.concatenate([codes, codes + 1000])
    display = LatentHistogramDisplay(codes, [0], drawn=drawn).plot()
    density = display.lines_[0].get_data()
    assert np.sum(density.values * np.diff(density.edges)) == pytest.approx(0.5)


# --- LatentScatterDisplay ---------------------------------------------------------


@pytest.mark.parametrize("n_dimensions", [2, 3])
def test_codes_are_reduced_by_kernel_pca(digits, n_dimensions):
    model = small_dense().fit(digits)
    display = LatentScatterDisplay.from_estimator(
        model, digits, n_dimensions=n_dimensions
    )
    codes = model.transform(digits)
    gamma = 1 / (codes.shape[1] * codes.var(dtype=np.float64))
    expected = KernelPCA(n_dimensions, kernel="rbf", gamma=gamma).fit_transform(codes)
    np.testing.assert_allclose(abs(display.points), abs(expected), atol=1e-3)
    assert display.ax_.get_title() == "KernelPCA of 200 latent codes"
    assert display.ax_.name == ("3d" if n_dimensions == 3 else "rectilinear")
    assert display.ax_.get_xlabel() == "dimension 1"


def test_each_class_has_its_colour_marker_and_legend_entry(codes, classes):
    names = np.array(["ant", "bee", "cow"])[classes]
    display = LatentScatterDisplay.from_predictions(codes, names)
    legend = [text.get_text() for text in display.legend_.get_texts()]
    assert legend == ["ant", "bee", "cow"]
    for i, points in enumerate(display.points_):
        np.testing.assert_array_equal(points.get_offsets(), codes[classes == i])
    colours = {tuple(points.get_facecolor()[0]) for points in display.points_}
    markers = {points.get_paths()[0].vertices.tobytes() for points in display.points_}
    assert len(colours) == len(markers) == 3


def test_numbers_have_a_colour_bar(codes):
    display = LatentScatterDisplay.from_predictions(codes, codes[:, 0])
    assert display.legend_ is None
    assert display.colorbar_.ax.get_ylabel() == "y"
    np.testing.assert_array_equal(display.points_[0].get_array(), codes[:, 0])


def test_many_different_integers_have_a_colour_bar(codes):
    display = LatentScatterDisplay.from_predictions(codes, np.arange(200))
    assert display.colorbar_ is not None


def test_a_random_subset_of_many_samples_is_drawn(digits):
    model, y = small_dense().fit(digits), np.arange(200)
    display = LatentScatterDisplay.from_estimator(
        model, digits, y, max_samples=50, random_state=0, reducer=PCA(2)
    )
    same = LatentScatterDisplay.from_estimator(
        model, digits, y, max_samples=50, random_state=0, reducer=PCA(2)
    )
    assert display.points.shape == (50, 2)
    np.testing.assert_array_equal(display.points, same.points)
    assert len(set(display.y)) == 50
    codes = model.transform(digits[display.y])
    np.testing.assert_allclose(
        abs(display.points), abs(PCA(2).fit_transform(codes)), 1e-3
    )
    assert display.ax_.get_title() == "PCA of 50 latent codes"


def test_the_names_of_a_data_frame_reach_the_model(digits):
    X = pd.DataFrame(digits, columns=[f"pixel {i}" for i in range(64)])
    model = small_dense(n_components=2).fit(X)  # a warning without names is an error
    display = LatentScatterDisplay.from_estimator(model, X, max_samples=30, reducer=None)
    assert display.points.shape == (30, 2)


def test_images_reach_the_model_as_images(digits):
    images = digits.reshape(-1, 8, 8)
    model = small_dense(n_components=2).fit(images)
    display = LatentScatterDisplay.from_estimator(
        model, images, max_samples=30, reducer=None, thumbnails=True
    )
    assert display.points.shape == (30, 2)
    assert display.image_shape == (1, 8, 8)


def test_the_given_reducer_is_not_fitted(digits):
    pca = PCA(2)
    LatentScatterDisplay.from_estimator(small_dense().fit(digits), digits, reducer=pca)
    assert not hasattr(pca, "components_")


def test_codes_of_two_components_need_no_reducer(digits):
    model = small_dense(n_components=2).fit(digits)
    display = LatentScatterDisplay.from_estimator(model, digits, reducer=None)
    np.testing.assert_array_equal(display.points, model.transform(digits))


def test_thumbnails_are_drawn_at_their_points(digits):
    model = small_dense().fit(digits)
    display = LatentScatterDisplay.from_estimator(
        model, digits, thumbnails=True, image_shape=(8, 8)
    )
    assert 5 < len(display.thumbnails_) < 200
    first = display.thumbnails_[0]
    np.testing.assert_array_equal(first.xy, display.points[0])
    shown = first.offsetbox.get_data()
    np.testing.assert_array_equal(shown, digits[0].reshape(8, 8))


@pytest.mark.parametrize("n_samples", [1, 2])
def test_few_samples_are_drawn(digits, n_samples):
    model = small_dense(n_components=2).fit(digits)
    display = LatentScatterDisplay.from_estimator(model, digits[:n_samples], reducer=None)
    assert len(display.points_[0].get_offsets()) == n_samples


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_dimensions": 4}, "n_dimensions=4 is invalid; must be 2 or 3"),
        ({"reducer": "tsne"}, "reducer='tsne' is invalid; must be 'kernel_pca', None"),
        ({"reducer": 3}, "reducer=3 is invalid; must be 'kernel_pca', None"),
        ({"reducer": None}, r"shape \(200, 4\); must be .*reducer=PCA"),
        ({"y": "y"}, r"y has shape \(\); must be \(200,\)"),
        ({"y": np.ones(3)}, r"y has shape \(3,\); must be \(200,\)"),
        ({"thumbnails": True}, "image_shape=None is invalid for flat samples; must be"),
        (
            {"thumbnails": True, "image_shape": (8, 8), "n_dimensions": 3},
            "thumbnails=True is invalid with n_dimensions=3; use",
        ),
        (
            {"max_samples": 0},
            "max_samples=0 is invalid; must be an integer of at least 1",
        ),
    ],
)
def test_invalid_parameters_of_a_scatter_plot_are_named(digits, options, message):
    model = small_dense().fit(digits)
    with pytest.raises(ValueError, match=message):
        LatentScatterDisplay.from_estimator(model, digits, **options)


@pytest.mark.parametrize(("n_dimensions", "projection"), [(2, "3d"), (3, "rectilinear")])
def test_axes_of_another_projection_are_refused(n_dimensions, projection):
    ax = plt.figure().add_subplot(projection=projection)
    with pytest.raises(ValueError, match=f"ax has the projection '{projection}', but"):
        LatentScatterDisplay.from_predictions(np.ones((5, n_dimensions)), ax=ax)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.0, np.nan, 1.0], "y contains complex numbers, NaN or infinity"),
        ([0.5, 1j, 1.0], "y contains complex numbers, NaN or infinity"),
        ([0.5, np.inf, 1.0], "y contains complex numbers, NaN or infinity"),
        (["a", None, "b"], "y mixes values of types NoneType, str"),
        ([[0], [1], [2]], r"y has shape \(3, 1\); must be \(3,\)"),
    ],
)
def test_invalid_labels_are_named(y, message):
    with pytest.raises(ValueError, match=f"LatentScatterDisplay: {message}"):
        LatentScatterDisplay.from_predictions(np.ones((3, 2)), y)


@pytest.mark.parametrize("n_columns", [1, 4])
def test_points_of_other_dimensions_are_refused(n_columns):
    message = rf"points have shape \(5, {n_columns}\); must be \(n_samples, 2\)"
    with pytest.raises(ValueError, match=message):
        LatentScatterDisplay.from_predictions(np.ones((5, n_columns)))


# --- LossCurveDisplay -------------------------------------------------------------


def test_losses_are_drawn_per_epoch(digits):
    model = small_dense(max_epochs=4, validation_fraction=0.2).fit(digits)
    display = LossCurveDisplay.from_estimator(model, name="mine")
    np.testing.assert_array_equal(display.line_.get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(display.line_.get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(
        display.validation_line_.get_ydata(), model.validation_loss_curve_
    )
    assert display.line_.get_color() == display.validation_line_.get_color()
    assert display.validation_line_.get_linestyle() == "--"
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["mine", "mine, validation"]
    assert display.ax_.get_xlabel() == "epoch"


def test_models_on_the_same_axes_have_different_colours(digits):
    first = LossCurveDisplay.from_estimator(small_dense().fit(digits))
    second = LossCurveDisplay.from_estimator(
        small_dense(validation_fraction=0.2).fit(digits), name="second", ax=first.ax_
    )
    assert second.ax_ is first.ax_
    assert first.line_.get_color() != second.line_.get_color()
    legend = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert legend == ["DenseAutoencoder", "second", "second, validation"]


def test_without_a_validation_set_there_is_no_validation_line(digits):
    display = LossCurveDisplay.from_estimator(small_dense().fit(digits))
    assert display.validation_line_ is None


def test_a_loss_of_one_epoch_is_a_visible_point(digits):
    display = LossCurveDisplay.from_estimator(small_dense(max_epochs=1).fit(digits))
    assert display.line_.get_marker() == "o"


@pytest.mark.parametrize(("curve", "scale"), [([3, 1], "log"), ([1, -2], "linear")])
def test_losses_below_zero_are_on_a_linear_scale(curve, scale):
    assert LossCurveDisplay(curve).plot().ax_.get_yscale() == scale
