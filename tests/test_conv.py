"""ConvAutoencoder: image shapes, and the article's network."""

import re
import warnings

import numpy as np
import pytest
from helpers import small_conv

from skae import ConvAutoencoder
from skae.exceptions import ImageShapeWarning


def layers_of(network):
    """The layers beside the linear path, if there is one."""
    return getattr(network.body, "network", network.body)


def kinds(network):
    return [type(layer).__name__ for layer in (*layers_of(network), network.activation)]


def random_samples(n_features, n_samples=12):
    return np.random.default_rng(0).random((n_samples, n_features), dtype=np.float32)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_articles_network_is_expressible(pooling):
    article = ConvAutoencoder(
        32,
        init="random",
        conv_channels=(16, 32),
        kernel_size=3,
        pooling=pooling,
        hidden_layer_sizes=(128,),
        latent_activation="sigmoid",
        max_epochs=1,
    ).fit(random_samples(784))
    pool = {"max": "MaxPool2d", "average": "AvgPool2d"}[pooling]
    # The maximum may be taken before the ReLU, the mean may not.
    halve = [pool, "ReLU"] if pooling == "max" else ["ReLU", pool]
    assert kinds(article.encoder_) == [
        *("Images", "Conv2d", *halve, "Conv2d", *halve),
        *("Flatten", "Linear", "ReLU", "Linear", "Sigmoid"),
    ]
    assert kinds(article.decoder_) == [
        *("Linear", "ReLU", "Linear", "ReLU", "Images"),
        *("UpsampleConv2d", "ReLU", "UpsampleConv2d", "Flatten", "Sigmoid"),
    ]
    assert article.encoder_.standardizer is article.decoder_.standardizer is None
    dense = article.encoder_.body[8]
    assert (dense.in_features, dense.out_features) == (32 * 7 * 7, 128)


@pytest.mark.parametrize(
    ("upsampling", "kind"),
    [("nearest", "UpsampleConv2d"), ("transpose", "ConvTranspose2d")],
)
def test_upsampling_chooses_the_layers_of_the_decoder(digits, upsampling, kind):
    decoder = small_conv(upsampling=upsampling).fit(digits).decoder_
    assert [name for name in kinds(decoder) if "Conv" in name] == [kind] * 2
    plain = small_conv(upsampling=upsampling, init="random").fit(digits).decoder_
    assert kinds(plain) == kinds(decoder)


SIZES = [(1, 27, 31), (3, 9, 8), (1, 1, 17), (1, 5, 1), (1, 2, 3), (1, 1, 1)]


@pytest.mark.parametrize("upsampling", ["nearest", "transpose"])
@pytest.mark.parametrize(
    ("image_shape", "kernel_size"),
    [(shape, k) for shape in SIZES for k in range(1, min(6, 2 * max(shape[1:]) + 2))],
)
def test_reconstructions_have_the_size_of_the_images(
    image_shape, kernel_size, upsampling
):
    X = random_samples(np.prod(image_shape))
    ae = small_conv(
        image_shape=image_shape,
        kernel_size=kernel_size,
        upsampling=upsampling,
        max_epochs=1,
    ).fit(X)
    assert ae.image_shape_ == image_shape
    assert ae.reconstruct(X).shape == X.shape


@pytest.mark.parametrize("kernel_size", [18, 10**5])
def test_a_kernel_that_covers_padding_alone_is_refused(digits, kernel_size):
    small_conv(kernel_size=17, max_epochs=1).fit(digits)
    message = f"kernel_size={kernel_size} is invalid for images.*must be at most 17"
    with pytest.raises(ValueError, match=message):
        small_conv(kernel_size=kernel_size).fit(digits)


def test_an_image_is_halved_until_it_is_one_pixel(digits):
    ae = small_conv(conv_channels=(2,) * 6).fit(digits)
    assert kinds(ae.encoder_).count("MaxPool2d") == 3  # 8 -> 4 -> 2 -> 1
    assert ae.transform(digits).shape == (200, 4)


def test_there_may_be_no_convolutions(digits):
    ae = small_conv(conv_channels=()).fit(digits)
    assert ae.transform(digits).shape == (200, 4)


def test_images_of_one_colour_are_learnt():
    rng = np.random.default_rng(0)
    colours = rng.random((60, 3, 1, 1))
    X = np.broadcast_to(colours, (60, 3, 8, 8)).reshape(60, -1)
    ae = small_conv(
        image_shape=(3, 8, 8),
        n_components=3,
        conv_channels=(8, 16),
        hidden_layer_sizes=(64,),
        max_epochs=100,
    ).fit(X)
    assert -ae.score(X) < 0.2 * X.var()


def test_images_need_no_image_shape(digits):
    gray, colour = digits.reshape(-1, 4, 16), digits.reshape(-1, 4, 4, 4)
    assert small_conv().fit(gray).image_shape_ == (1, 4, 16)
    assert small_conv().fit(colour).image_shape_ == (4, 4, 4)


def test_an_image_shape_of_two_numbers_has_one_channel(digits):
    ae = small_conv(image_shape=(4, 16)).fit(digits)
    assert ae.image_shape_ == (1, 4, 16)


def test_a_square_number_of_features_is_a_square_image_without_a_warning(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert small_conv().fit(digits).image_shape_ == (1, 8, 8)


def test_other_flat_samples_are_signals_with_a_warning():
    with pytest.warns(
        ImageShapeWarning, match=r"n_features=12 is.*image_shape=\(channels"
    ):
        ae = small_conv().fit(random_samples(12))
    assert ae.image_shape_ == (1, 1, 12)


@pytest.mark.parametrize(
    ("image_shape", "X_shape", "message"),
    [
        ((1, 8, 9), (5, 64), r"\(1, 8, 9\) is invalid: it has 72 elements, but X has 64"),
        ((1, 8, 8), (5, 4, 16), r"\(1, 8, 8\) is invalid: X contains .*\(1, 4, 16\)"),
        ((8, 8, 3), (5, 192), r"looks channels-last; .*here \(3, 8, 8\)"),
        ((64,), (5, 64), r"\(64,\) is invalid; must be None, or a sequence of 2 or 3"),
        ((1, 0, 64), (5, 64), r"image_shape=\(1, 0, 64\) is invalid; must be"),
    ],
)
def test_a_wrong_image_shape_is_refused(image_shape, X_shape, message):
    X = np.zeros(X_shape)
    with pytest.raises(ValueError, match=message):
        small_conv(image_shape=image_shape).fit(X)


def test_the_way_out_of_a_channels_last_image_shape_works():
    X = random_samples(8 * 8 * 3)
    with pytest.raises(ValueError, match="channels-last") as error:
        small_conv(image_shape=(8, 8, 3)).fit(X)
    way_out = re.search(r"samples: (X\..*?)\. If", str(error.value)).group(1)
    X_first = eval(way_out, {"X": X})
    assert small_conv(image_shape=(3, 8, 8)).fit(X_first).image_shape_ == (3, 8, 8)
    np.testing.assert_array_equal(
        X_first.reshape(-1, 3, 8, 8)[:, 1], X.reshape(-1, 8, 8, 3)[..., 1]
    )


def test_image_shape_decides_whether_images_are_channels_last():
    X = np.random.default_rng(0).random((6, 16, 10, 1))
    assert small_conv(image_shape=(16, 10, 1)).fit(X).image_shape_ == (16, 10, 1)
    with pytest.raises(
        ValueError, match=r"set image_shape=\(16, 10, 1\) of ConvAutoencoder"
    ):
        small_conv().fit(X)


def test_images_of_another_shape_than_in_fit_are_refused(digits):
    ae = small_conv().fit(digits)
    with pytest.raises(ValueError, match=r"shape \(1, 4, 16\).*fitted on.*\(1, 8, 8\)"):
        ae.transform(digits.reshape(-1, 4, 16))
