"""The peers by name: where their code is, how they are set, what they need.

Modules are imported only in the process that trains the peer.
"""

import dataclasses
import importlib


@dataclasses.dataclass(frozen=True)
class Peer:
    """A way to train a recipe.

    Parameters
    ----------
    label : str
        For tables and plots.
    module, name : str
        Where its class is. It is made by ``name(recipe, image_shape, n_features,
        **options)``, trained anew by each ``fit(X, epochs, mark)``, which calls
        ``mark()`` after each epoch, and gives rows back by ``reconstruct(X)``.
    options : dict
        For the class.
    environment : dict
        Variables to set before anything is imported.
    """

    label: str
    module: str
    name: str
    options: dict = dataclasses.field(default_factory=dict)
    environment: dict = dataclasses.field(default_factory=dict)


def _torch(label, **options):
    return Peer(label, "peers_torch", "TorchPeer", options)


def _keras(label, backend, **options):
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2"}
    environment = {"KERAS_BACKEND": backend} | quiet
    return Peer(label, "peers_keras", "KerasPeer", options, environment)


def _skae(label, **options):
    return Peer(label, "peers_skae", "SkaePeer", options)


def _products(label, kind):
    return Peer(label, "peers_torch", "ProductPeer", {"kind": kind})


PEERS = {
    "skae": _skae("skae"),
    "skae-bfloat16": _skae("skae, bfloat16", precision="bfloat16"),
    "skae-mirrored": _skae("skae, mirrored", mirrored=True, latent_activation="relu"),
    "torch-tutorial": _torch("torch, tutorials' loop", loop="tutorial"),
    "torch-index": _torch("torch, best loop (rows by index)", loop="index"),
    "torch-gather": _torch("torch, best loop (rows shuffled at once)", loop="gather"),
    "torch-channels-last": _torch(
        "torch, best loop (channels_last)", loop="index", channels_last=True
    ),
    "torch-compiled": _torch("torch, best loop, compiled", loop="index", compiled=True),
    "torch-bfloat16": _torch("torch, best loop, bfloat16 autocast", loop="bfloat16"),
    "torch-channels-last-bfloat16": _torch(
        "torch, best loop (channels_last), bfloat16 autocast",
        loop="bfloat16",
        channels_last=True,
    ),
    "skorch": Peer("skorch's default", "peers_skorch", "SkorchPeer"),
    "keras-tensorflow": _keras("Keras on TensorFlow", "tensorflow"),
    "keras-jax": _keras("Keras on JAX", "jax"),
    "keras-tensorflow-bfloat16": _keras(
        "Keras on TensorFlow, mixed bfloat16", "tensorflow", bfloat16=True
    ),
    "sklearn-mlp": Peer("scikit-learn's MLPRegressor", "peers_sklearn", "MLPPeer"),
    "pyod": Peer("PyOD's AutoEncoder, mirrored", "peers_pyod", "PyodPeer"),
    "pythae": Peer("pythae's AE", "peers_pythae", "PythaePeer"),
    "product-square": _products("matrix products at the rate of a large one", "square"),
    "product-recipe": _products("the recipe's matrix products alone", "recipe"),
}


def label(name):
    """The label of a peer, or the name itself where it is no peer's."""
    return PEERS[name].label if name in PEERS else name


def make(name, recipe, image_shape, n_features):
    """A fresh peer; imports its module."""
    peer = PEERS[name]
    maker = getattr(importlib.import_module(peer.module), peer.name)
    return maker(recipe, image_shape, n_features, **peer.options)
