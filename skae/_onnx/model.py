"""Whole ONNX models of an estimator's networks."""

import numpy as np
import onnx
from onnx import helper

from skae._onnx.graph import MAX_OPSET, Graph
from skae._onnx.layers import DOUBLE, FLOAT, add_decoder, add_encoder
from skae._version import __version__
from skae.nn.copying import copy_module

# Version of the file format, which runtimes of the year of `MAX_OPSET` read.
IR_VERSION = 10


def make_model(estimator, part, output, *, is_double):
    """Return the `onnx.ModelProto` of a part of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
    part : {"encoder", "decoder", "reconstruction", "score_samples"}
    output : str
        Name of the output.
    is_double : bool
        Whether input and output are in float64, else in float32.
    """
    graph, kind = Graph(MAX_OPSET), DOUBLE if is_double else FLOAT
    shape = estimator._fitted_shape or [estimator.n_features_in_]
    x = "X"
    if part == "decoder":
        x, shape = "codes", [estimator.n_components_]
    add_part(graph, estimator, part, x, output, is_double=is_double)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            type(estimator).__name__,
            [helper.make_tensor_value_info(x, kind, ["n_samples", *shape])],
            [helper.make_tensor_value_info(output, kind, None)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", graph.opset)],
        ir_version=IR_VERSION,
        producer_name="skae",
        producer_version=__version__,
    )
    return onnx.shape_inference.infer_shapes(model)


def add_part(graph, estimator, part, x, output, *, is_double):
    """Add the nodes of a part of an estimator, from the value `x` to `output`."""
    module = copy_module(estimator.module_).cpu().eval()
    sizes = estimator.n_features_in_, estimator.n_components_
    name = x
    if part != "decoder":
        name = x = flat(graph, estimator, x)
        name = add_encoder(graph, module.encoder, x, *sizes, is_double=is_double)
    elif is_double:
        name = graph.add("Cast", x, to=FLOAT)
    if part == "encoder":
        if is_double:
            graph.add("Cast", name, to=DOUBLE, output=output)
        else:
            graph.add("Identity", name, output=output)
        return
    name = add_decoder(graph, module.decoder, name, sizes[1], is_double=is_double)
    if part == "score_samples":
        difference = graph.add("Sub", name, x)
        square = graph.add("Mul", difference, difference)
        axes = graph.constant(np.array([1], np.int64))
        graph.add("Neg", graph.add("ReduceMean", square, axes, keepdims=0), output=output)
        return
    shape = estimator._fitted_shape or [sizes[0]]
    shape = graph.constant(np.array([-1, *shape], np.int64))
    graph.add("Reshape", name, shape, output=output)


def flat(graph, estimator, x):
    """Reshape images to flat samples."""
    if estimator._fitted_shape is None:
        return x
    shape = graph.constant(np.array([-1, estimator.n_features_in_], np.int64))
    return graph.add("Reshape", x, shape)


def cast(graph, x, is_double):
    """Cast samples of any numeric type to float64 or float32."""
    return graph.add("Cast", x, to=DOUBLE if is_double else FLOAT)
