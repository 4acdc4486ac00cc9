"""ONNX nodes for torch modules.

The layers of skae's own networks are written as nodes. A network with any other layer is
converted by torch's exporter, which takes seconds.
"""

import contextlib
import logging
import math
import warnings

import numpy as np
import torch
from torch import nn

from skae.nn import linear_path, networks

# ONNX's numbers of the types.
FLOAT, DOUBLE = 1, 11


def add_encoder(graph, encoder, x, n_features, n_components, *, is_double):
    """Add an encoder to a graph; return the name of the latent codes, in float32.

    Parameters
    ----------
    graph : Graph
    encoder : Encoder or GaussianEncoder
        In evaluation mode. Of random codes, the means are returned.
    x : str
        Name of the samples, flat.
    n_features, n_components : int
    is_double : bool
        Whether the samples are in float64, else in float32.
    """
    x = _standardized(graph, encoder.standardizer, x, is_double)
    body, is_random, has_path = encoder.body, encoder.is_random, _has_path(encoder.body)
    codes = add_network(graph, body.network if has_path else body, x, n_features)
    if is_random:
        codes = _first_columns(graph, codes, n_components)
    if has_path:
        codes = graph.add("Add", _add_linear(graph, body.linear, x), codes)
        codes = graph.add("Div", codes, graph.constant(_array(body.scales)))
    return codes if is_random else add_network(graph, encoder.activation, codes, 1)


def add_decoder(graph, decoder, codes, n_components, *, is_double):
    """Add a decoder to a graph; return the name of the samples.

    Parameters
    ----------
    graph : Graph
    decoder : Decoder
    codes : str
        Name of the latent codes, in float32.
    n_components : int
    is_double : bool
        Whether the samples are in float64, else in float32.
    """
    body = decoder.body
    if _has_path(body):
        added = add_network(graph, body.network, codes, n_components)
        scaled = graph.add("Mul", codes, graph.constant(_array(body.scales)))
        output = graph.add("Add", _add_linear(graph, body.linear, scaled), added)
    else:
        output = add_network(graph, body, codes, n_components)
    output = add_network(graph, decoder.activation, output, 1)
    if is_double:
        output = graph.add("Cast", output, to=DOUBLE)
    if decoder.standardizer is None:
        return output
    mean, rest, scale = _means_and_scale(decoder.standardizer, is_double)
    scaled = graph.add("Mul", output, graph.constant(scale))
    if rest is not None:
        scaled = graph.add("Add", scaled, graph.constant(rest))
    return graph.add("Add", scaled, graph.constant(mean))


def add_network(graph, module, x, n_inputs):
    """Add a network to a graph; return the name of its output.

    Parameters
    ----------
    graph : Graph
    module : torch.nn.Module
        Of inputs (batch, n_inputs), in evaluation mode.
    x : str
        Name of its input, in float32.
    n_inputs : int
    """
    if _is_known(module):
        return LAYERS[type(module)](graph, module, x)
    return graph.add_model(_exported(module, n_inputs, graph.opset), x)


def _array(tensor):
    return tensor.detach().cpu().numpy()


def _has_path(body):
    return isinstance(body, linear_path.EncoderPath | linear_path.DecoderPath)


# The parts of encoders and decoders ---------------------------------------------------


def _means_and_scale(standardizer, is_double):
    """Return means, their rests and the scale; in float64, means without rests."""
    mean, rest, scale = map(
        _array, (standardizer.mean, standardizer.mean_rest, standardizer.scale)
    )
    if not is_double:
        return mean, rest, scale
    return mean.astype(np.float64) + rest, None, scale.astype(np.float64)


def _standardized(graph, standardizer, x, is_double):
    """Standardise samples in their type; return them in float32."""
    if standardizer is not None:
        mean, rest, scale = _means_and_scale(standardizer, is_double)
        x = graph.add("Sub", x, graph.constant(mean))
        if rest is not None:
            x = graph.add("Sub", x, graph.constant(rest))
        x = graph.add("Div", x, graph.constant(scale))
    return graph.add("Cast", x, to=FLOAT) if is_double else x


def _first_columns(graph, x, n_columns):
    limits = (graph.constant(np.array([n], np.int64)) for n in (0, n_columns, 1))
    return graph.add("Slice", x, *limits)


# Layers -------------------------------------------------------------------------------


def _add_linear(graph, layer, x):
    weight = graph.constant(_array(layer.weight))
    if layer.bias is None:
        return graph.add("Gemm", x, weight, transB=1)
    return graph.add("Gemm", x, weight, graph.constant(_array(layer.bias)), transB=1)


def _add_gain(graph, layer, x):
    return graph.add("Mul", x, graph.constant(_array(layer.weight)))


def _add_sequential(graph, layers, x):
    for layer in layers:
        x = LAYERS[type(layer)](graph, layer, x)
    return x


def _simple(operator, **attributes):
    return lambda graph, layer, x: graph.add(operator, x, **attributes)


def _add_leaky_relu(graph, layer, x):
    return graph.add("LeakyRelu", x, alpha=layer.negative_slope)


def _add_elu(graph, layer, x):
    return graph.add("Elu", x, alpha=layer.alpha)


def _add_gelu(graph, layer, x):
    """Add x * (1 + erf(x / sqrt(2))) / 2; ONNX has Gelu since opset 20 only."""
    half, one, root = (np.float32(v) for v in (0.5, 1, 1 / math.sqrt(2)))
    scaled = graph.add("Mul", x, graph.constant(np.array(root)))
    error = graph.add("Add", graph.add("Erf", scaled), graph.constant(np.array(one)))
    product = graph.add("Mul", x, graph.constant(np.array(half)))
    return graph.add("Mul", product, error)


def _add_silu(graph, layer, x):
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _add_images(graph, layer, x):
    shape = graph.constant(np.array([-1, *layer.unflattened_size], np.int64))
    return graph.add("Reshape", x, shape)


def _add_crop(graph, layer, x):
    starts, stops, axes = ([0, 0], layer.size, [2, 3])
    limits = (graph.constant(np.array(v, np.int64)) for v in (starts, stops, axes))
    return graph.add("Slice", x, *limits)


def _add_zero_pad(graph, layer, x):
    left, right, top, bottom = layer.padding
    pads = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
    return graph.add("Pad", x, graph.constant(pads))


def _add_conv(graph, layer, x):
    return graph.add(
        "Conv",
        x,
        graph.constant(_array(layer.weight)),
        graph.constant(_array(layer.bias)),
        kernel_shape=list(layer.kernel_size),
        pads=[*layer.padding, *layer.padding],
    )


def _add_transposed_conv(graph, layer, x):
    return graph.add(
        "ConvTranspose",
        x,
        graph.constant(_array(layer.weight)),
        graph.constant(_array(layer.bias)),
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        pads=[*layer.padding, *layer.padding],
        output_padding=list(layer.output_padding),
    )


def _add_upsampling_conv(graph, layer, x):
    with torch.no_grad():
        kernel = _array(layer.transposed_kernel())
    padding = [side // 2 for side in layer.kernel_size]
    return graph.add(
        "ConvTranspose",
        x,
        graph.constant(np.ascontiguousarray(kernel)),
        graph.constant(_array(layer.bias)),
        kernel_shape=list(kernel.shape[2:]),
        strides=list(layer.scale_factor),
        pads=[*padding, *padding],
    )


def _add_upsampling(graph, layer, x):
    factors = np.array([1, 1, *layer.scale_factor], np.float32)
    return graph.add(
        "Resize",
        x,
        "",
        graph.constant(factors),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _pooling(operator):
    def add(graph, layer, x):
        return graph.add(
            operator,
            x,
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            ceil_mode=1,
        )

    return add


LAYERS = {
    nn.Sequential: _add_sequential,
    nn.Identity: lambda graph, layer, x: x,
    nn.ReLU: _simple("Relu"),
    nn.LeakyReLU: _add_leaky_relu,
    nn.ELU: _add_elu,
    nn.GELU: _add_gelu,
    nn.SiLU: _add_silu,
    nn.Tanh: _simple("Tanh"),
    nn.Sigmoid: _simple("Sigmoid"),
    nn.Linear: _add_linear,
    nn.Flatten: _simple("Flatten", axis=1),
    nn.Conv2d: _add_conv,
    nn.ConvTranspose2d: _add_transposed_conv,
    nn.MaxPool2d: _pooling("MaxPool"),
    nn.AvgPool2d: _pooling("AveragePool"),
    nn.Upsample: _add_upsampling,
    nn.ZeroPad2d: _add_zero_pad,
    linear_path.LinearPath: _add_linear,
    linear_path.Gain: _add_gain,
    networks.Images: _add_images,
    networks.Crop: _add_crop,
    networks.UpsampleConv2d: _add_upsampling_conv,
    networks.ContiguousConvTranspose2d: _add_transposed_conv,
}


def _is_known(module):
    """Return whether a network consists of layers as skae's networks have them."""
    return all(
        type(part) in LAYERS
        and not part._forward_hooks
        and not part._forward_pre_hooks
        and _has_known_options(part)
        for part in module.modules()
    )


def _has_known_options(layer):
    """Return whether a layer has only options that its nodes take into account."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        is_plain = layer.groups == 1 and set(layer.dilation) == {1}
        has_zeros = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        if type(layer) is nn.Conv2d and set(layer.stride) != {1}:
            return False
        return is_plain and has_zeros and layer.bias is not None
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        sizes = isinstance(layer.kernel_size, tuple) and layer.stride == layer.kernel_size
        return sizes and layer.padding == 0 and layer.ceil_mode
    if isinstance(layer, nn.GELU):
        return layer.approximate == "none"
    if isinstance(layer, nn.Upsample):
        return layer.mode == "nearest" and isinstance(layer.scale_factor, tuple)
    if isinstance(layer, nn.Flatten):
        return (layer.start_dim, layer.end_dim) == (1, -1)
    return True


# Other networks -----------------------------------------------------------------------


class _Copies(nn.Module):
    """A network that gets a copy of its input, since it may change it."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, X):
        return self.network(X.clone())


def _exported(module, n_inputs, opset):
    """Return the ONNX model of any network, for any number of samples."""
    # A batch of one sample would make the number of samples a constant.
    example = torch.zeros(3, n_inputs, device=_device(module))
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings(), _silent():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Copies(module).eval(),
            (example,),
            dynamo=True,
            dynamic_shapes=({0: batch},),
            opset_version=opset,
            external_data=False,
            verbose=False,
        )
    return program.model_proto


def _device(module):
    return next((p.device for p in module.parameters()), torch.device("cpu"))


@contextlib.contextmanager
def _silent():
    """Silence the log messages of torch's exporter."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
