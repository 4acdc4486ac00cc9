"""The peers by name: their labels, code, options and environment.

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
        Name in tables and plots.
    module, name : str
        Module and name of its class, which is called with ``(recipe, image_shape,
        n_features, **options)``. ``fit(X, epochs, mark)`` trains a new model and calls
        ``mark()`` after each epoch. ``reconstruct(X)`` returns the reconstructions.
    options : dict
        Keyword arguments of the class.
    environment : dict
        Environment variables to set before the module is imported.
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
    "torch-tutorial": _torch("torch, tutorial loop", loop="tutorial"),
    "torch-index": _torch("torch, best loop (samples by index)", loop="index"),
    "torch-gather": _torch("torch, best loop (shuffled once per epoch)", loop="gather"),
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
    "product-square": _products("matrix products, at the rate of a large one", "square"),
    "product-recipe": _products("matrix products of the recipe alone", "recipe"),
}

# Names in results that are not peers, for tables.
OTHER_LABELS = {
    "bare torch in one piece": "plain torch, all samples at once",
    "bare torch in the best chunks": "plain torch, best chunks",
    "PCA, one row": "PCA, one sample",
    "bare torch, one row": "plain torch, one sample",
    "import skae": "import of skae",
    "import its parts": "import of scikit-learn, skorch and torch",
}


def label(name):
    """Return the label of a peer or of another name; by default, the name itself."""
    return PEERS[name].label if name in PEERS else OTHER_LABELS.get(name, name)


def make(name, recipe, image_shape, n_features):
    """Import the module of a peer and return a new peer."""
    peer = PEERS[name]
    maker = getattr(importlib.import_module(peer.module), peer.name)
    return maker(recipe, image_shape, n_features, **peer.options)
