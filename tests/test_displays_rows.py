"""Displays of samples: reconstructions, generated samples, grids, interpolations."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import small_conv, small_dense

from skae.displays import (
    InterpolationDisplay,
    LatentGridDisplay,
    ReconstructionDisplay,
    SampleDisplay,
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.random((40, 5, 6)).astype(np.float32)


def drawn(display):
    """Return the picture of a display, with NaN between the images."""
    return np.ma.filled(np.ma.masked_invalid(display.image_.get_array()), np.nan)


# --- ReconstructionDisplay --------------------------------------------------------


def test_originals_are_above_their_reconstructions(images):
    reconstructed = 1 - images
    display = ReconstructionDisplay.from_predictions(images[:3], reconstructed[:3])
    picture = drawn(display)
    np.testing.assert_array_equal(picture[:5, :6], images[0])
    np.testing.assert_array_equal(picture[6:11, :6], reconstructed[0])
    np.testing.assert_array_equal(picture[:5, 14:20], images[2])
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels[:2] == ["original", "reconstruction"]
    assert display.ax_.get_title() == "Reconstructions"


def test_the_error_of_each_image_is_written_below_it():
    X = np.zeros((3, 4, 4))
    reconstructed = np.stack([np.full((4, 4), v) for v in (0.1, 0.2, 0.04)])
    display = ReconstructionDisplay.from_predictions(X, reconstructed)
    np.testing.assert_allclose(display.errors, [0.01, 0.04, 0.0016])
    assert [text.get_text() for text in display.texts_] == ["1.0", "4.0", "0.2"]
    assert display.ax_.get_yticklabels()[2].get_text() == r"MSE ($\times\ 10^{-2}$)"


def test_images_that_exceed_the_columns_continue_in_further_lines(images):
    display = ReconstructionDisplay.from_predictions(images[:7], images[:7], n_columns=3)
    assert len(display.texts_) == 7
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels.count("original") == labels.count("reconstruction") == 3
    picture = drawn(display)
    band = picture.shape[0] // 3
    np.testing.assert_array_equal(picture[2 * band : 2 * band + 5, :6], images[6])
    assert np.isnan(picture[2 * band :, 7:]).all()


@pytest.mark.parametrize("n_samples", [1, 2])
def test_perfect_reconstructions_are_drawn(images, n_samples):
    display = ReconstructionDisplay.from_predictions(
        images[:n_samples], images[:n_samples]
    )
    assert [text.get_text() for text in display.texts_] == ["0.0"] * n_samples
    assert display.ax_.get_yticklabels()[2].get_text() == "MSE"


def test_white_and_black_are_0_and_1_or_the_extremes(images):
    display = ReconstructionDisplay.from_predictions(images, 2 * images)
    assert display.image_.get_clim() == (0, 1)
    display = ReconstructionDisplay.from_predictions(5 * images, images)
    assert display.image_.get_clim() == pytest.approx((0, 5 * images.max()), abs=0.05)


def test_colours_are_drawn_as_colours():
    X = np.random.default_rng(0).random((2, 3, 4, 5))
    display = ReconstructionDisplay.from_predictions(X, X)
    assert display.image_shape == (3, 4, 5)
    picture = np.asarray(display.image_.get_array())
    np.testing.assert_allclose(picture[:4, :5, :3], X[0].transpose(1, 2, 0), atol=1e-3)
    assert (picture[:4, :5, 3] == 1).all()
    assert (picture[4, :, 3] == 0).all()  # transparent between the images


def test_signals_are_stacked_lines(digits):
    model = small_conv(image_shape=(1, 1, 64)).fit(digits)
    display = ReconstructionDisplay.from_estimator(model, digits[:4])
    assert display.kind == "signals"
    assert len(display.lines_) == 8
    first, second, *_ = (line.get_ydata() for line in display.lines_)
    np.testing.assert_array_equal(first, digits[0])
    np.testing.assert_allclose(second - digits[1], -1.15)
    reconstructed = model.reconstruct(digits[:4])
    np.testing.assert_allclose(display.lines_[4].get_ydata(), reconstructed[0])
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["original", "reconstruction"]


def test_tabular_samples_are_a_parity_plot(digits):
    model = small_dense().fit(digits)
    display = ReconstructionDisplay.from_estimator(model, digits)
    assert display.kind == "parity"
    points = display.points_.get_offsets()
    np.testing.assert_allclose(points[:, 0], digits.ravel())
    np.testing.assert_allclose(points[:, 1], model.reconstruct(digits).ravel())
    (diagonal,) = display.lines_
    np.testing.assert_array_equal(*diagonal.get_data())
    assert display.ax_.get_xlabel() == "original value"
    assert display.ax_.get_title() == f"Mean squared error {-model.score(digits):.2g}"


def test_integers_do_not_overflow():
    X = np.full((2, 4), 200, np.uint8)
    X_reconstructed = np.full((2, 4), 210, np.uint8)
    display = ReconstructionDisplay.from_predictions(X, X_reconstructed)
    np.testing.assert_array_equal(display.errors, [100, 100])


def test_images_with_other_channels_can_be_drawn_as_a_parity_plot():
    X = np.random.default_rng(0).random((3, 4, 5, 5))
    display = ReconstructionDisplay.from_predictions(X, X, kind="parity")
    assert display.points_ is not None
    with pytest.raises(ValueError, match="has 4 channels"):
        ReconstructionDisplay.from_predictions(X, X)


@pytest.mark.parametrize("n_columns", [0, 2.5, "3"])
def test_an_invalid_number_of_columns_is_named(images, n_columns):
    message = f"n_columns={n_columns!r} is invalid; must be an integer of at least 1"
    with pytest.raises(ValueError, match=message):
        ReconstructionDisplay.from_predictions(images, images, n_columns=n_columns)
    with pytest.raises(ValueError, match=message):
        SampleDisplay.from_predictions(images, n_columns=n_columns)


def test_errors_are_those_of_score_samples(digits):
    model = small_dense().fit(digits)
    display = ReconstructionDisplay.from_estimator(model, digits, image_shape=(8, 8))
    np.testing.assert_allclose(display.errors, -model.score_samples(digits), rtol=1e-6)


@pytest.mark.parametrize(
    ("X", "reconstructed", "options", "message"),
    [
        (
            np.ones((2, 4)),
            np.ones((3, 4)),
            {},
            "2 samples with 4 .* 3 samples with 4 .*; both must have",
        ),
        (np.ones((0, 4)), np.ones((0, 4)), {}, r"X is invalid.*0 sample\(s\)"),
        (np.ones((2, 4)), np.ones((2, 4)), {"kind": "movie"}, "kind='movie' is invalid"),
        (np.ones((2, 4)), np.ones((2, 4)), {"kind": "images"}, "image_shape=None is inv"),
    ],
)
def test_invalid_reconstructions_are_named(X, reconstructed, options, message):
    with pytest.raises(ValueError, match=message):
        ReconstructionDisplay.from_predictions(X, reconstructed, **options)


def test_options_are_passed_to_matplotlib(images, digits):
    display = ReconstructionDisplay.from_predictions(images[:2], images[:2])
    display.plot(image_kw={"cmap": "viridis"}, text_kw={"color": "red"})
    assert display.image_.get_cmap().name == "viridis"
    assert display.texts_[0].get_color() == "red"
    display = ReconstructionDisplay.from_predictions(digits, digits)
    display.plot(scatter_kw={"s": 50}, line_kw={"linewidth": 7})
    assert display.points_.get_sizes() == [50]
    assert display.lines_[0].get_linewidth() == 7


# --- SampleDisplay ----------------------------------------------------------------


def test_samples_are_those_that_the_estimator_draws(digits):
    model = small_dense().fit(digits)
    display = SampleDisplay.from_estimator(
        model, 12, image_shape=(8, 8), random_state=3, n_columns=4
    )
    samples = model.sample(12, random_state=3)
    np.testing.assert_array_equal(display.samples, samples)
    np.testing.assert_array_equal(drawn(display)[9:17, :8], samples[4].reshape(8, 8))
    assert display.ax_.get_title() == "12 generated samples"


def test_a_single_sample_is_one_image(images):
    display = SampleDisplay.from_predictions(images[:1], title="Just one")
    np.testing.assert_array_equal(drawn(display), images[0])
    assert display.ax_.get_title() == "Just one"


def test_the_grid_of_samples_is_approximately_square():
    display = SampleDisplay.from_predictions(np.ones((100, 8, 8)))
    assert drawn(display).shape == (89, 89)
    display = SampleDisplay.from_predictions(np.ones((32, 8, 16)))
    assert drawn(display).shape == (8 * 9 - 1, 4 * 17 - 1)


def test_tabular_samples_are_a_heat_map():
    X = np.array([[0.0, 5], [1, 5], [2, 5]])
    display = SampleDisplay.from_predictions(X)
    np.testing.assert_array_equal(display.image_.get_array(), [[0, 0], [0.5, 0], [1, 0]])
    assert display.ax_.get_xlabel() == "feature"


def test_samples_of_signals_are_lines(digits):
    model = small_conv(image_shape=(1, 1, 64)).fit(digits)
    display = SampleDisplay.from_estimator(model, 3, random_state=0)
    assert len(display.lines_) == 3
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), display.samples[0])


def test_an_empty_array_is_refused():
    with pytest.raises(ValueError, match=r"samples is invalid.*0 sample\(s\)"):
        SampleDisplay.from_predictions(np.ones((0, 4)))


def test_a_model_without_a_density_is_explained(digits):
    model = small_dense(latent_density=None).fit(digits)
    with pytest.raises(ValueError, match=r"requires a density.*fit_density"):
        SampleDisplay.from_estimator(model, 4, image_shape=(8, 8))


# --- LatentGridDisplay ------------------------------------------------------------


def test_the_grid_varies_two_components_and_keeps_the_others_at_their_means(digits):
    model = small_dense().fit(digits)
    display = LatentGridDisplay.from_estimator(
        model, digits, components=(2, 0), n_steps=3, image_shape=(8, 8)
    )
    codes = model.transform(digits)
    corner = codes.mean(axis=0)
    corner[2], corner[0] = np.quantile(codes[:, 2], 0.95), np.quantile(codes[:, 0], 0.05)
    expected = model.inverse_transform(corner[None])[0]
    np.testing.assert_allclose(display.X_decoded[-1], expected, atol=1e-5)  # right, below
    np.testing.assert_allclose(
        drawn(display)[-8:, -8:], expected.reshape(8, 8), atol=1e-5
    )
    assert display.ax_.get_xlabel() == "latent component 2"
    assert display.ax_.get_ylabel() == "latent component 0"
    assert display.components == (2, 0)


def test_ticks_of_the_grid_are_values_of_the_components(digits):
    model = small_dense().fit(digits)
    display = LatentGridDisplay.from_estimator(
        model, digits, n_steps=3, image_shape=(8, 8)
    )
    labels = [float(label.get_text()) for label in display.ax_.get_xticklabels()]
    assert labels == pytest.approx(list(display.values[0]), rel=0.05)
    ups = [float(label.get_text()) for label in display.ax_.get_yticklabels()]
    assert ups == pytest.approx(list(display.values[1]), rel=0.05)
    heights = display.ax_.get_yticks()
    assert (
        heights[0] > heights[-1]
    )  # the y axis of an image points down: the minimum is at the bottom


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"components": (0, 9)}, r"components=\(0, 9\) is invalid; .* from 0 to 3"),
        ({"components": (1, 1)}, "must be two different integers"),
        ({"components": (0, 1, 2)}, "must be two different integers"),
        ({"n_steps": 1}, "n_steps=1 is invalid; must be an integer of at least 2"),
        ({"n_steps": 2.5}, "n_steps=2.5 is invalid; must be an integer of at l"),
    ],
)
def test_invalid_parameters_of_a_grid_are_named(digits, options, message):
    model = small_dense().fit(digits)
    with pytest.raises(ValueError, match=message):
        LatentGridDisplay.from_estimator(model, digits, image_shape=(8, 8), **options)


def test_a_grid_needs_two_components(digits):
    model = small_dense(n_components=1).fit(digits)
    with pytest.raises(ValueError, match="1 latent component; must have at least 2"):
        LatentGridDisplay.from_estimator(model, digits, image_shape=(8, 8))


# --- InterpolationDisplay ---------------------------------------------------------


def test_a_path_starts_and_ends_with_the_reconstructions_of_its_samples(digits):
    model = small_dense().fit(digits)
    display = InterpolationDisplay.from_estimator(
        model, digits[:2], digits[5:7], n_steps=6, image_shape=(8, 8)
    )
    steps = model.interpolate(digits[:2], digits[5:7], n_steps=6)
    np.testing.assert_allclose(display.steps, steps)
    picture = drawn(display)
    start = model.reconstruct(digits[:1]).reshape(8, 8)
    end = model.reconstruct(digits[6:7]).reshape(8, 8)
    np.testing.assert_allclose(picture[:8, :8], start, atol=1e-5)
    np.testing.assert_allclose(picture[-8:, -8:], end, atol=1e-5)
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["start", "end"]
    assert display.ax_.get_title() == "Interpolation in latent space, 6 steps"


@pytest.mark.parametrize("n_steps", [1, 2.5, "3"])
def test_an_invalid_number_of_steps_is_named(digits, n_steps):
    message = f"n_steps={n_steps!r} is invalid; must be an integer of at least 2"
    with pytest.raises(ValueError, match=message):
        InterpolationDisplay.from_estimator(
            small_dense().fit(digits), digits[:2], digits[2:4], n_steps=n_steps
        )


def test_paths_between_images_are_drawn(images):
    model = small_dense().fit(images)
    display = InterpolationDisplay.from_estimator(model, images[:1], images[1:2])
    assert display.image_shape == (1, 5, 6)
    assert display.steps.shape == (1, 10, 30)
