"""The convolutional recipe: seconds of an epoch, and of a fit, beside the peers'."""

from training import compare_training, with_best

PAIRS = [
    ("skae", "torch-index"),
    ("skae", "torch-channels-last"),
    ("skae", "torch-compiled"),
    ("skae", "torch-tutorial"),
    ("skae", "skorch"),
    ("skae", "keras-tensorflow"),
    ("skae", "keras-jax"),
    ("skae-bfloat16", "skae"),
    ("skae-bfloat16", "keras-tensorflow"),
    ("skae-bfloat16", "keras-tensorflow-bfloat16"),
    ("skae-bfloat16", "torch-channels-last-bfloat16"),
]
SLOW_TO_START = {"torch-compiled"}


def run(settings):
    pairs = PAIRS
    if settings.quick:
        pairs = [pair for pair in pairs if not SLOW_TO_START & set(pair)]
    figures = compare_training("conv", pairs, settings)
    figures["epochs"] = with_best(
        figures["epochs"],
        "skae / best plain torch",
        {"skae / torch-index", "skae / torch-channels-last"},
    )
    return figures
