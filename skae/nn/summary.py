"""What networks consist of: their layers, as one row goes through them."""

import copy
import dataclasses
import functools

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._random import DrawFrom
from skae.nn.autoencoder import Coder

NO_LAYERS = nn.Identity | nn.Sequential | nn.ModuleList | nn.ModuleDict


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of a network, with what follows it and leaves the shape as it is.

    Parameters
    ----------
    kind : str
        For example "Conv2d 3x3 + ReLU".
    shape : tuple of int or None
        Of what it puts out for a row; None where rows do not come by.
    n_parameters : int
        Number of its parameters, those left out that an earlier layer has too.
    is_shared : bool
        Whether it has parameters, and an earlier layer has all of them.
    """

    kind: str
    shape: tuple[int, ...] | None
    n_parameters: int
    is_shared: bool


def describe(estimator):
    """The layers of a fitted autoencoder, in the order that rows come by.

    What has parameters that rows do not come by, such as the flow of a variational
    encoder, stands behind.

    Parameters
    ----------
    estimator : object
        A fitted autoencoder, which stays as it is.

    Returns
    -------
    encoder, decoder : list of Layer

    Raises
    ------
    NotFittedError
        If it is not fitted.
    """
    check_is_fitted(estimator)
    counted = set()
    return (
        _layers(estimator.encoder_, estimator.n_features_in_, counted),
        _layers(estimator.decoder_, estimator._n_features_out, counted),
    )


def size(shape):
    """A shape, to be read: "16 x 28 x 28"."""
    return "" if shape is None else " x ".join(map(str, shape))


class ArchitectureMixin:
    """What a fitted autoencoder tells of its networks."""

    def summary(self) -> str:
        """Return the layers of the networks as a table.

        Returns
        -------
        table : str
            To be printed: layers, the shapes of what they put out for a row, and their
            numbers of parameters. Activations, and all that leaves the shape as it is,
            stand beside the layer before. Parameters that two layers share are counted
            once.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skae import DenseAutoencoder
        >>> X, _ = load_iris(return_X_y=True)
        >>> autoencoder = DenseAutoencoder(2, hidden_layer_sizes=(8,), max_epochs=5)
        >>> print(autoencoder.fit(X).summary())
        DenseAutoencoder    output shape    parameters
        ----------------------------------------------
        encoder                                     58
          rows              4
          Linear + ReLU     8                       40
          Linear            2                       18
        decoder                                     60
          codes             2
          Linear + ReLU     8                       24
          Linear            4                       36
        ----------------------------------------------
        all                                        118
        """
        encoder, decoder = describe(self)
        table = [
            (type(self).__name__, "output shape", "parameters"),
            *_part("encoder", "rows", self.n_features_in_, encoder),
            *_part("decoder", "codes", self._n_features_out, decoder),
            ("all", "", f"{self.n_parameters_:,}"),
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            f"{name:{widths[0]}}    {shape:{widths[1]}}    {count:>{widths[2]}}".rstrip()
            for name, shape, count in table
        ]
        rule = "-" * (sum(widths) + 8)
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    @property
    def n_parameters_(self) -> int:
        """Number of parameters of both networks."""
        check_is_fitted(self)
        return sum(p.numel() for p in self.net_.module_.parameters())

    @property
    def encoder_shapes_(self) -> list[tuple[int, ...]]:
        """Output shapes of the encoder's layers that have parameters."""
        return _shapes(describe(self)[0])

    @property
    def decoder_shapes_(self) -> list[tuple[int, ...]]:
        """Output shapes of the decoder's layers that have parameters."""
        return _shapes(describe(self)[1])


def _part(name, given, n_given, layers):
    """The lines of a network in the table."""
    n_parameters = sum(layer.n_parameters for layer in layers)
    lines = [(name, "", f"{n_parameters:,}"), (f"  {given}", str(n_given), "")]
    for layer in layers:
        count = f"{layer.n_parameters:,}" if layer.n_parameters else ""
        count = "shared" if layer.is_shared else count
        lines.append((f"  {layer.kind}", size(layer.shape), count))
    return lines


def _shapes(layers):
    weighted = (layer for layer in layers if layer.n_parameters or layer.is_shared)
    return [layer.shape for layer in weighted if layer.shape is not None]


# Finding the layers -----------------------------------------------------------------


def _layers(network, n_inputs, counted):
    """The layers of a network; the parameters `counted` holds are counted already."""
    layers, used = [], set()
    for module, shape in _passed(network, n_inputs):
        used.update(id(part) for part in [module, *_within(module)])
        layer = _layer(module, shape, counted)
        last = layers[-1] if layers else None
        has_parameters = layer.n_parameters or layer.is_shared
        if last is not None and not has_parameters and last.shape == shape:
            kind = f"{last.kind} + {layer.kind}"
            layers[-1] = dataclasses.replace(last, kind=kind)
        else:
            layers.append(layer)
    return layers + [_layer(module, None, counted) for module in _unused(network, used)]


def _passed(network, n_inputs):
    """The layers' modules that a row comes by, in order, and the shapes behind them.

    The row goes through a twin of the network, in evaluation mode, that shares its
    weights: the network may be at work in another thread.
    """
    weights = list(network.parameters())
    device = weights[0].device if weights else torch.device("cpu")
    kept = {id(weight): weight for weight in weights}
    for part in network.modules():  # what was computed of weights cannot be copied
        computed = (value for value in vars(part).values() if torch.is_tensor(value))
        kept.update({id(value): value.detach() for value in computed})
    twin = copy.deepcopy(network, kept).eval()
    passed = []

    def note(module, inputs, output, *, original):
        first = output[0] if isinstance(output, tuple | list) else output
        passed.append((original, tuple(getattr(first, "shape", ())[1:]) or None))

    for module, original in zip(twin.modules(), network.modules(), strict=True):
        if _is_layer(module):
            module.register_forward_hook(functools.partial(note, original=original))
    always_the_same = torch.Generator(device).manual_seed(0)
    with torch.inference_mode(), DrawFrom(always_the_same):
        output = twin(torch.zeros((1, n_inputs), device=device))
    if not passed or passed[-1][1] != output.shape[1:]:
        itself = network.body if type(network) is Coder else network
        passed.append((itself, tuple(output.shape[1:])))  # what its own code does
    inside = {id(m) for layer, _ in passed for m in _within(layer)}
    return [(module, shape) for module, shape in passed if id(module) not in inside]


def _is_layer(module):
    """Whether a module is a layer, and not made of such."""
    if isinstance(module, NO_LAYERS):
        return False
    return _is_of_torch(module) or not any(module.children()) or _owned(module)


def _is_of_torch(module):
    return type(module).__module__.startswith("torch.nn.modules.")


def _within(layer):
    """The modules inside one of torch's own layers, such as attention."""
    inside = list(layer.modules())[1:]
    return inside if _is_of_torch(layer) else []


def _owned(module):
    """The parameters of a module that are not those of modules in it."""
    return list(module.parameters(recurse=False))


def _unused(module, used):
    """The largest parts of a network with parameters that rows do not come by."""
    if not any(id(part) in used for part in module.modules()):
        return [module] if any(True for _ in module.parameters()) else []
    return [found for part in module.children() for found in _unused(part, used)]


def _layer(module, shape, counted):
    """The description of a module, whose parameters are counted from now on."""
    whole = shape is None or _is_of_torch(module)
    weights = list(module.parameters()) if whole else _owned(module)
    new = {id(weight): weight.numel() for weight in weights if id(weight) not in counted}
    counted.update(new)
    is_shared = bool(weights) and not new
    return Layer(_kind(module), shape, sum(new.values()), is_shared)


def _kind(module):
    """A module's class, and of its options those that a reader looks for."""
    kind = type(module).__name__.lstrip("_")
    kernel, stride = (getattr(module, name, ()) for name in ("kernel_size", "stride"))
    if kernel:
        kind += " " + (
            "x".join(map(str, kernel)) if isinstance(kernel, tuple) else f"{kernel}"
        )
    if isinstance(stride, tuple) and max(stride, default=1) > 1 and stride != kernel:
        kind += f", stride {'x'.join(map(str, stride))}"
    return kind
