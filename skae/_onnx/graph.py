"""ONNX graphs: the nodes and constants of a model of its own, or of skl2onnx's."""

import onnx
from onnx import helper, numpy_helper

# Older versions lack operators for which onnxruntime has kernels.
MIN_OPSET = 18
MAX_OPSET = 21


class Graph:
    """Nodes and constants of an ONNX model.

    Parameters
    ----------
    opset : int
        Version of the operators.

    Attributes
    ----------
    nodes : list of onnx.NodeProto
    constants : list of onnx.TensorProto
    """

    def __init__(self, opset):
        self.opset = opset
        self.nodes = []
        self.constants = []
        self._n_names = 0

    def name(self, kind):
        """Return a new name."""
        self._n_names += 1
        return f"skae_{kind}_{self._n_names}"

    def constant(self, array):
        """Add an array; return its name."""
        name = self.name("constant")
        self.add_constant(numpy_helper.from_array(array, name))
        return name

    def add(self, operator, *inputs, output=None, domain="", **attributes):
        """Add a node with one output; return the name of the output.

        Parameters
        ----------
        operator : str
        *inputs : str
            Names of values.
        output : str, default=None
            Name of the output; None chooses a new one.
        domain : str, default=""
        **attributes : object
            Attributes of the operator.
        """
        output = self.name(operator.lower()) if output is None else output
        self.add_node(operator, list(inputs), [output], domain, attributes)
        return output

    def add_node(self, operator, inputs, outputs, domain, attributes):
        """Add a node."""
        node = helper.make_node(
            operator, inputs, outputs, self.name("node"), domain=domain, **attributes
        )
        self.nodes.append(node)

    def add_constant(self, tensor):
        """Add a constant that has a name."""
        self.constants.append(tensor)

    def add_model(self, model, x, output=None):
        """Add the graph of a whole model with one input and one output.

        Parameters
        ----------
        model : onnx.ModelProto
        x : str
            Name of the value that is its input.
        output : str, default=None

        Returns
        -------
        str
            The name of its output.
        """
        graph = onnx.compose.add_prefix(model, self.name("network") + "/").graph
        self.add("Identity", x, output=graph.input[0].name)
        for tensor in graph.initializer:
            self.add_constant(tensor)
        for node in graph.node:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            inputs, outputs = list(node.input), list(node.output)
            self.add_node(node.op_type, inputs, outputs, node.domain, attributes)
        return self.add("Identity", graph.output[0].name, output=output)


class ContainerGraph(Graph):
    """Nodes and constants in a container of skl2onnx.

    Parameters
    ----------
    scope : skl2onnx.common._topology.Scope
    container : skl2onnx.common._container.ModelComponentContainer
    """

    def __init__(self, scope, container):
        super().__init__(min(max(container.target_opset, MIN_OPSET), MAX_OPSET))
        self.scope = scope
        self.container = container

    def name(self, kind):
        """Return a new name."""
        return self.scope.get_unique_variable_name(f"skae_{kind}")

    def add_constant(self, tensor):
        """Add a constant that has a name."""
        self.container.add_initializer(
            tensor.name, tensor.data_type, list(tensor.dims), tensor
        )

    def add_node(self, operator, inputs, outputs, domain, attributes):
        """Add a node."""
        self.container.add_node(
            operator,
            inputs,
            outputs,
            op_domain=domain,
            op_version=self.opset if domain == "" else 1,
            name=self.name("node"),
            **attributes,
        )
