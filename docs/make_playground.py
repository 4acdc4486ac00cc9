"""Train the model of the page "Playground" on MNIST, and save what the page loads.

python docs/make_playground.py             # to docs/_static/playground; takes minutes

The files are the encoder and the decoder as ONNX models, and model.json: samples of the
latent codes and a few test digits. MNIST is loaded from the folder in the environment
variable SKAE_DATA, and downloaded if it is missing.
"""

import argparse
import base64
import json
import pathlib

import numpy as np
import onnx
from onnx import helper, numpy_helper

from skae import DenseVariationalAutoencoder
from skae.datasets import fetch_images

OUT = pathlib.Path(__file__).resolve().parent / "_static" / "playground"
LIMIT = 3  # of the sliders; the prior of a component is N(0, 1)
N_SAMPLES = 1000
N_DIGITS_PER_CLASS = 2
MIN_SIZE = 1000  # of weights that are saved in float16


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    options = parser.parse_args()
    train, test = (fetch_images("mnist", subset=subset) for subset in ("train", "test"))
    vae = fit(train.data)
    save(vae, test.data, test.target, options.out)


def fit(X):
    vae = DenseVariationalAutoencoder(
        n_components=10,
        hidden_layer_sizes=(256, 128),
        max_epochs=20,
        init="random",
        loss="binary_cross_entropy",
        n_flow_layers=0,
        random_state=0,
    )
    return vae.fit(X)  # (60000, 784), MNIST in [0, 1]


def save(vae, X_test, y_test, out):
    """Save the networks and model.json in the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for part in ("encoder", "decoder"):
        path = out / f"{part}.onnx"
        path.write_bytes(with_small_weights(vae.to_onnx(part)).SerializeToString())
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    path = out / "model.json"
    path.write_text(json.dumps(describe(vae, X_test, y_test)) + "\n")
    error = -vae.score(X_test)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB; test error {error:.4f}")


def with_small_weights(model):
    """Return the ONNX model with its large weights in float16, cast when it is loaded."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    casts = []
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < MIN_SIZE:
            continue
        name = tensor.name
        small = numpy_helper.from_array(weights.astype(np.float16), f"{name}_float16")
        tensor.CopyFrom(small)
        casts.append(
            helper.make_node("Cast", [small.name], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def describe(vae, X_test, y_test):
    """Return what the page needs beside the networks.

    `components` has the indices of the components, the most informative first, `samples`
    latent codes of `sample_latent`, and `test_digits` their pixels (uint8 in base64) and
    the means of their latent codes.
    """
    first = [np.flatnonzero(y_test == label) for label in np.unique(y_test)]
    chosen = np.sort(np.concatenate([found[:N_DIGITS_PER_CLASS] for found in first]))
    digits = X_test[chosen]
    pixels = np.round(255 * digits).astype(np.uint8)
    return {
        "limit": LIMIT,
        "components": np.argsort(-vae.kl_per_component_).tolist(),
        "samples": rounded(vae.sample_latent(N_SAMPLES, random_state=0)),
        "test_error": round(float(-vae.score(X_test)), 5),
        "test_digits": {
            "labels": y_test[chosen].tolist(),
            "pixels": base64.b64encode(pixels.tobytes()).decode(),
            "codes": rounded(vae.transform(digits)),
            "error": round(float(-vae.score(digits)), 5),
        },
    }


def rounded(values):
    return [[round(float(value), 3) for value in row] for row in values]


if __name__ == "__main__":
    main()
