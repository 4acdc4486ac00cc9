"""OnnxExport: ONNX models of an estimator, and its part in skl2onnx's models."""

import importlib
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils.validation import check_is_fitted

from skae._types import OnnxPart
from skae._validation import check_value, one_of

OUTPUTS: dict[OnnxPart, str] = {
    "encoder": "codes",
    "decoder": "samples",
    "reconstruction": "samples",
    "score_samples": "scores",
}

# Types of tensors in skl2onnx that float32 holds; others are computed in float64.
SMALL_TYPES = (
    "FloatTensorType",
    "BooleanTensorType",
    "Int8TensorType",
    "UInt8TensorType",
)


class OnnxExport:
    """Mixin of the estimators: conversion to ONNX."""

    def to_onnx(self, part: OnnxPart = "encoder", *, dtype: DTypeLike = "float32") -> Any:
        """Return an ONNX model of the fitted networks.

        Whole pipelines are converted by skl2onnx: ``skl2onnx.to_onnx(pipeline, X[:1])``.
        The layers of skae's networks become ONNX's own operators; networks of your own
        class are converted by torch's exporter. Products and convolutions are computed
        in float32. Requires ``pip install "skae[onnx]"``.

        Parameters
        ----------
        part : str, default="encoder"
            What the model computes: "encoder", what `transform` returns; "decoder", what
            `inverse_transform` returns; "reconstruction" or "score_samples", what the
            methods `reconstruct` and `score_samples` return.
        dtype : {"float32", "float64"}, default="float32"
            Type of input and output.

        Returns
        -------
        model : onnx.ModelProto
            Its input is "X", of any number of samples of the shape in `fit`, or "codes"
            for the decoder. Its output is "codes", "samples" or "scores".

        Raises
        ------
        ValueError
            If a parameter is invalid.
        ImportError
            If the package onnx is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skae import DenseAutoencoder
        >>> X, _ = load_iris(return_X_y=True)
        >>> autoencoder = DenseAutoencoder(2, max_epochs=5, random_state=0).fit(X)
        >>> model = autoencoder.to_onnx()
        >>> [node.op_type for node in model.graph.node][:3]
        ['Sub', 'Sub', 'Div']
        """
        check_is_fitted(self)
        caller = f"{type(self).__name__}.to_onnx"
        check_value(caller, "part", part, one_of(*get_args(OnnxPart)))
        name = np.dtype(dtype).name
        check_value(caller, "dtype", name, one_of("float32", "float64"))
        _import("onnx")
        from skae._onnx.model import make_model

        return make_model(self, part, OUTPUTS[part], is_double=name == "float64")

    # The interface of skl2onnx, which calls the functions that these methods return.

    def onnx_parser(self) -> Callable[..., Any]:
        """Return the function by which skl2onnx names the output of `transform`.

        Returns
        -------
        function : callable
            Called by skl2onnx.
        """
        return lambda scope=None, inputs=None: [("codes", _output_type(self, inputs))]

    def onnx_shape_calculator(self) -> Callable[..., Any]:
        """Return the function by which skl2onnx finds the shape of `transform`.

        Returns
        -------
        function : callable
            Called by skl2onnx.
        """

        def calculate(operator):
            operator.outputs[0].type = _output_type(self, operator.inputs)

        return calculate

    def onnx_converter(self) -> Callable[..., Any]:
        """Return the function by which skl2onnx converts `transform`.

        Returns
        -------
        function : callable
            Called by skl2onnx.
        """

        def convert(scope, operator, container):
            from skae._onnx.graph import ContainerGraph
            from skae._onnx.model import add_part, cast

            graph = ContainerGraph(scope, container)
            names = [variable.full_name for variable in operator.inputs]
            is_double = _is_double(operator.inputs)
            columns = [cast(graph, name, is_double) for name in names]
            x = columns[0] if len(columns) == 1 else graph.add("Concat", *columns, axis=1)
            output = operator.outputs[0].full_name
            add_part(graph, self, "encoder", x, output, is_double=is_double)

        return convert


def _output_type(estimator, inputs):
    types = _import("skl2onnx.common.data_types")
    kind = types.DoubleTensorType if _is_double(inputs) else types.FloatTensorType
    return kind([None, estimator.n_components_])


def _is_double(inputs):
    return any(type(variable.type).__name__ not in SMALL_TYPES for variable in inputs)


def _import(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"This needs the package {package}. Install it with: "
            'pip install "skae[onnx]".'
        ) from error
