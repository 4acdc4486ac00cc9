"""Time of an ONNX model beside that of `transform`, for one sample and for many.

Both run in this process with their default number of threads, in alternate series of
calls; the table has the medians:

    python docs/benchmarks/onnx_latency.py > table.md
"""

import statistics
import time
import warnings

import numpy as np
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import ConvAutoencoder, DenseAutoencoder

N_SAMPLES = 10_000
N_SERIES = 5


def function_of(model):
    """Return the function of an ONNX model."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return lambda X: session.run(None, {"X": X})


def medians(functions, X, n_runs):
    """Return the median seconds of functions of X, which are called in series."""
    seconds = [[] for _ in functions]
    for _ in range(N_SERIES):
        for function, own in zip(functions, seconds, strict=True):
            for _ in range(n_runs):
                start = time.perf_counter()
                function(X)
                own.append(time.perf_counter() - start)
    return [statistics.median(own) for own in seconds]


def cases():
    """Yield names, fitted estimators, their ONNX models and samples."""
    import skl2onnx

    rng = np.random.default_rng(0)
    digits = (load_digits().data / 16).astype(np.float32)
    images = rng.random((2000, 784)).astype(np.float32)
    dense = DenseAutoencoder(32, max_epochs=1, latent_density=None)
    conv = ConvAutoencoder(32, max_epochs=1, latent_density=None)
    for name, estimator, X in (
        ("dense, 64 columns", dense, digits),
        ("dense, 784 columns", dense, images),
        ("convolutional, 28 x 28 pixels", conv, images),
    ):
        estimator.fit(X)
        yield name, estimator, estimator.to_onnx(), X
    pipeline = make_pipeline(StandardScaler(), dense).fit(digits)
    model = skl2onnx.to_onnx(pipeline, digits[:1])
    yield "StandardScaler and dense, 64 columns", pipeline, model, digits


def main():
    """Measure, and print a table in Markdown."""
    print("| model | samples | `transform` | ONNX | ONNX / `transform` |")
    print("|---|---:|---:|---:|---:|")
    for name, estimator, model, X in cases():
        functions = [estimator.transform, function_of(model)]
        many = np.tile(X, (-(-N_SAMPLES // len(X)), 1))[:N_SAMPLES]
        for samples, n_runs in ((X[:1], 100), (many, 3)):
            by_skae, by_onnx = medians(functions, samples, n_runs)
            print(
                f"| {name} | {len(samples):,} | {1000 * by_skae:.3g} ms | "
                f"{1000 * by_onnx:.3g} ms | {by_onnx / by_skae:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
