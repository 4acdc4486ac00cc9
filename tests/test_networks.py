"""Networks and their arithmetic, by hand."""

import pytest
import torch

from skae.nn.autoencoder import Autoencoder, Decoder, Encoder, squared_errors
from skae.nn.networks import (
    ACTIVATIONS,
    MONOTONE_ACTIVATIONS,
    UpsampleConv2d,
    conv_decoder,
    conv_encoder,
    dense_layers,
)


def test_dense_layers_end_without_an_activation():
    layers = dense_layers([3, 5, 2], "tanh")
    assert [type(layer).__name__ for layer in layers] == ["Linear", "Tanh", "Linear"]


def test_an_unknown_activation_is_named():
    with pytest.raises(ValueError, match=r"activation='swish' is invalid.*'silu'"):
        dense_layers([2, 3, 2], "swish")


@pytest.mark.parametrize("kind", [Encoder, Decoder])
def test_the_activation_is_applied_to_the_output_of_the_body(kind):
    body = torch.nn.Identity()
    X = torch.tensor([[0.0, 2.0]])
    torch.testing.assert_close(kind(body, "sigmoid")(X), torch.sigmoid(X))


def test_an_autoencoder_puts_out_the_values_before_the_last_activation():
    identity = torch.nn.Identity()
    pair = Autoencoder(Encoder(identity, "relu"), Decoder(identity, "sigmoid"))
    raw, codes = pair(torch.tensor([[-1.0, 3.0]]))
    torch.testing.assert_close(codes, torch.tensor([[0.0, 3.0]]))
    torch.testing.assert_close(raw, codes)


def test_squared_errors_are_means_over_each_row():
    X = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
    errors = squared_errors(X, torch.nn.Identity(), torch.nn.ReLU())
    torch.testing.assert_close(errors, torch.tensor([2.0, 0.0]))


def test_pooling_keeps_the_last_row_of_an_odd_image():
    encoder = conv_encoder((1, 3, 3), (1,), 1, "max", (4,), "identity")
    X = torch.zeros(1, 9)
    X[0, 8] = 5.0
    with torch.no_grad():
        encoder[1].weight.fill_(1.0)
        encoder[1].bias.zero_()
        pooled = encoder[:5](X)  # (batch, 2 * 2)
    torch.testing.assert_close(pooled, torch.tensor([[0.0, 0.0, 0.0, 5.0]]))


def test_enlarging_repeats_each_pixel_and_crops_to_the_encoders_size():
    decoder = conv_decoder((1, 3, 3), (1,), 1, "nearest", (4,), "identity")
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    enlarging = decoder[3]
    with torch.no_grad():
        enlarging.weight.fill_(1.0)
        enlarging.bias.zero_()
        enlarged = decoder[3:](image).reshape(3, 3)
    expected = torch.tensor([[1.0, 1.0, 2.0], [1.0, 1.0, 2.0], [3.0, 3.0, 4.0]])
    torch.testing.assert_close(enlarged, expected)


@pytest.mark.parametrize("scale_factor", [(2, 2), (1, 2), (3, 2)])
@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 3), (1, 3), (7, 5)])
def test_enlarging_and_convolving_in_one_piece_is_the_same_function(
    kernel_size, scale_factor
):
    folded = UpsampleConv2d(3, 4, kernel_size, scale_factor).double()
    images = torch.randn(2, 3, 5, 6, generator=torch.Generator(), dtype=torch.float64)
    enlarged = torch.nn.functional.interpolate(images, scale_factor=scale_factor)
    padding = [side // 2 for side in kernel_size]
    plain = torch.nn.functional.conv2d(
        enlarged, folded.weight, folded.bias, padding=padding
    )
    torch.testing.assert_close(folded(images), plain, rtol=1e-12, atol=1e-12)
    gradients = [
        torch.autograd.grad(result.sin().sum(), folded.weight)[0]
        for result in (folded(images), plain)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_pooling_comes_first_only_where_that_changes_nothing(activation):
    encoder = conv_encoder((1, 6, 6), (2,), 3, "max", (4,), activation)
    X = torch.randn(5, 36, generator=torch.Generator())
    convolved = encoder[:2](X)
    pooled = torch.nn.functional.max_pool2d(ACTIVATIONS[activation]()(convolved), 2)
    torch.testing.assert_close(encoder[:4](X), pooled)
    kinds = [type(layer).__name__ for layer in encoder[2:4]]
    assert (kinds[0] == "MaxPool2d") is (activation in MONOTONE_ACTIVATIONS)


@pytest.mark.parametrize("kernel_size", [2, 4])
def test_even_kernels_keep_the_size_and_warn_of_nothing(kernel_size):
    encoder = conv_encoder((1, 6, 6), (2,), kernel_size, "max", (4,), "relu")
    assert encoder[:3](torch.zeros(1, 36)).shape == (1, 2, 6, 6)
