"""Layers of the networks, in the order of the forward pass."""

import copy
import dataclasses
import functools
import weakref
from collections.abc import Iterable
from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._random import DrawFrom
from skae.nn.autoencoder import Decoder, Encoder
from skae.nn.linear_path import LinearPath, Standardizer

NO_LAYERS = nn.Identity | nn.Sequential | nn.ModuleList | nn.ModuleDict | Standardizer

# Descriptions of modules, with the names and shapes of the weights they are valid for.
_described: weakref.WeakKeyDictionary[nn.Module, Any] = weakref.WeakKeyDictionary()


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of a network, with the activations that follow it.

    Parameters
    ----------
    kind : str
        For example "Conv2d 3x3 + ReLU".
    shape : tuple of int or None
        Shape of the output for one sample; None if the forward pass does not use the
        layer.
    n_parameters : int
        Number of its parameters, without those of an earlier layer.
    is_shared : bool
        Whether an earlier layer has all of its parameters.
    is_beside : bool, default=False
        Whether it is the linear map beside the network, not one of its layers.
    """

    kind: str
    shape: tuple[int, ...] | None
    n_parameters: int
    is_shared: bool
    is_beside: bool = False


def describe(estimator: Any) -> tuple[list[Layer], list[Layer]]:
    """Return the layers of a fitted autoencoder, in the order of the forward pass.

    The linear map beside a network comes after it. Parts with parameters that are not
    used in the forward pass, such as the flow of a variational encoder, come last.

    Parameters
    ----------
    estimator : estimator
        A fitted autoencoder. It is not changed.

    Returns
    -------
    encoder, decoder : list of Layer

    Raises
    ------
    NotFittedError
        If the autoencoder is not fitted.
    """
    check_is_fitted(estimator)
    module = estimator.module_
    weights = [(name, weight.shape) for name, weight in module.named_parameters()]
    known, layers = _described.get(module, (None, None))
    if known != weights:
        counted: set[int] = set()
        layers = (
            _layers(estimator.encoder_, estimator.n_features_in_, counted),
            _layers(estimator.decoder_, _n_components(estimator), counted),
        )
        _described[module] = weights, layers
    return layers


def count_parameters(module: nn.Module) -> int:
    """Return the number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def output_shapes(layers: Iterable[Layer]) -> list[tuple[int, ...]]:
    """Return the output shapes of a network's layers that have parameters."""
    weighted = (layer for layer in layers if layer.n_parameters or layer.is_shared)
    return [
        layer.shape
        for layer in weighted
        if layer.shape is not None and not layer.is_beside
    ]


def shape_text(shape: tuple[int, ...] | None) -> str:
    """Return a shape as text, such as "16 x 28 x 28"."""
    return "" if shape is None else " x ".join(map(str, shape))


def table(estimator: Any) -> str:
    """Return the layers of a fitted autoencoder as a table, a str."""
    encoder, decoder = describe(estimator)
    total = count_parameters(estimator.module_)
    rows = [
        (type(estimator).__name__, "output shape", "parameters"),
        *_network_rows("encoder", "input", estimator.n_features_in_, encoder),
        *_network_rows("decoder", "latent code", _n_components(estimator), decoder),
        ("total", "", f"{total:,}"),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{name:{widths[0]}}    {shape:{widths[1]}}    {count:>{widths[2]}}".rstrip()
        for name, shape, count in rows
    ]
    rule = "-" * (sum(widths) + 8)
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _n_components(estimator):
    """Return the fitted dimension, which the parameter may no longer be."""
    return len(estimator.get_feature_names_out())


def _network_rows(name, source, n_inputs, layers):
    n_parameters = sum(layer.n_parameters for layer in layers)
    rows = [(name, "", f"{n_parameters:,}"), (f"  {source}", str(n_inputs), "")]
    for layer in layers:
        count = f"{layer.n_parameters:,}" if layer.n_parameters else ""
        count = "shared" if layer.is_shared else count
        rows.append((f"  {layer.kind}", shape_text(layer.shape), count))
    return rows


# Finding the layers -------------------------------------------------------------------


def _layers(network, n_inputs, counted):
    """Return the layers of a network; `counted` holds the ids of counted parameters."""
    layers, beside, used = [], [], set()
    for module, shape in _forward_pass(network, n_inputs):
        used.update(id(part) for part in [module, *_within(module)])
        layer = _layer(module, shape, counted)
        if layer.is_beside:
            beside.append(layer)
            continue
        last = layers[-1] if layers else None
        has_parameters = layer.n_parameters or layer.is_shared
        if last is not None and not has_parameters and last.shape == shape:
            kind = f"{last.kind} + {layer.kind}"
            layers[-1] = dataclasses.replace(last, kind=kind)
        else:
            layers.append(layer)
    unused = [_layer(module, None, counted) for module in _unused(network, used)]
    return layers + beside + unused


def _forward_pass(network, n_inputs):
    """Return the layers that a sample passes, in order, with their output shapes.

    The sample passes through a copy in evaluation mode, with the same weights: the
    network may be in use in another thread.
    """
    weights = list(network.parameters())
    device = weights[0].device if weights else torch.device("cpu")
    shared = {id(weight): weight for weight in weights}
    for part in network.modules():  # torch refuses to copy what is computed of weights
        computed = (value for value in vars(part).values() if torch.is_tensor(value))
        shared.update({id(value): value.detach() for value in computed})
    copied = copy.deepcopy(network, shared).eval()
    passed = []

    def note(module, inputs, output, *, original):
        first = output[0] if isinstance(output, tuple | list) else output
        passed.append((original, tuple(getattr(first, "shape", ())[1:]) or None))

    for module, original in zip(copied.modules(), network.modules(), strict=True):
        if _is_layer(module):
            module.register_forward_hook(functools.partial(note, original=original))
    fixed = torch.Generator(device).manual_seed(0)
    with torch.inference_mode(), DrawFrom(fixed):
        output = copied(torch.zeros((1, n_inputs), device=device))
    if not passed or passed[-1][1] != output.shape[1:]:
        # Its own code changes the shape last: a GaussianEncoder takes the means.
        itself = network.body if type(network) in (Encoder, Decoder) else network
        passed.append((itself, tuple(output.shape[1:])))
    inside = {id(m) for layer, _ in passed for m in _within(layer)}
    return [(module, shape) for module, shape in passed if id(module) not in inside]


def _is_layer(module):
    """Return whether a module is a layer, and does not only contain layers."""
    if isinstance(module, NO_LAYERS):
        return False
    has_own = any(True for _ in module.parameters(recurse=False))
    return _is_torchs(module) or not any(module.children()) or has_own


def _is_torchs(module):
    return type(module).__module__.startswith("torch.nn.modules.")


def _within(layer):
    """Return the modules inside one of torch's own layers, such as attention."""
    inside = list(layer.modules())[1:]
    return inside if _is_torchs(layer) else []


def _unused(module, used):
    """Return the largest parts with parameters that the forward pass does not use."""
    if not any(id(part) in used for part in module.modules()):
        return [module] if any(True for _ in module.parameters()) else []
    return [found for part in module.children() for found in _unused(part, used)]


def _layer(module, shape, counted):
    """Return the `Layer` for a module, and add its parameters to `counted`."""
    whole = shape is None or _is_torchs(module)
    weights = list(module.parameters(recurse=whole))
    new = {id(weight): weight.numel() for weight in weights if id(weight) not in counted}
    counted.update(new)
    is_shared = bool(weights) and not new
    if isinstance(module, LinearPath):
        return Layer("linear path", shape, sum(new.values()), is_shared, True)
    return Layer(_kind(module), shape, sum(new.values()), is_shared)


def _kind(module):
    """Return the class of a module, with the options that a reader looks for."""
    kind = type(module).__name__.lstrip("_")
    kernel, stride = (getattr(module, name, ()) for name in ("kernel_size", "stride"))
    if kernel:
        kind += " " + (
            "x".join(map(str, kernel)) if isinstance(kernel, tuple) else f"{kernel}"
        )
    if isinstance(stride, tuple) and max(stride, default=1) > 1 and stride != kernel:
        kind += f", stride {'x'.join(map(str, stride))}"
    return kind
