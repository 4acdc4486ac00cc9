"""The dense recipe: seconds of an epoch, and of a fit, beside those of all peers."""

import recipes
from training import compare_training, with_best

PAIRS = [
    ("skae", "torch-index"),
    ("skae", "torch-gather"),
    ("skae", "torch-compiled"),
    ("skae", "torch-tutorial"),
    ("skae", "skorch"),
    ("skae", "keras-tensorflow"),
    ("skae", "keras-jax"),
    ("skae", "sklearn-mlp"),
    ("skae", "pythae"),
    ("skae-mirrored", "pyod"),
    ("skae-bfloat16", "skae"),
    ("skae-bfloat16", "torch-bfloat16"),
    ("product-square", "skae"),
    ("product-recipe", "skae"),
]
SLOW_TO_START = {"torch-compiled"}


def run(settings):
    pairs = PAIRS
    if settings.quick:
        pairs = [pair for pair in pairs if not SLOW_TO_START & set(pair)]
    figures = compare_training("dense", pairs, settings)
    figures["epochs"] = with_best(
        figures["epochs"],
        "skae / best torch loop",
        {"skae / torch-index", "skae / torch-gather"},
    )
    operations = recipes.dense_operations(figures["n_rows"], figures["n_features"])
    return figures | {"operations_per_epoch": operations}
