"""How time and memory grow with rows, columns, components and epochs.

Run with a job in JSON, it is the fresh process that measures one point.
"""

import json
import statistics
import sys
import time

import numpy as np

BASE = {"n_rows": 2_000, "n_features": 64, "n_components": 16, "max_epochs": 4}
AXES = {
    "n_rows": [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000],
    "n_features": [16, 64, 256, 1_024, 4_096],
    "n_components": [2, 8, 32, 128, 512],
    "max_epochs": [1, 2, 4, 8, 16, 32, 64],
}
OVERRIDES = {"n_rows": {"n_features": 20, "max_epochs": 2}}
# "auto" would change these with the rows
BATCH_SIZE = 200
HIDDEN_LAYER_SIZES = (512,)
PAGE = 4096


def run(settings):
    from processes import run_script

    repeats = 1 if settings.quick else 3
    curves = {}
    for axis, values in AXES.items():
        values = values[:3] if settings.quick else values
        jobs = [BASE | OVERRIDES.get(axis, {}) | {axis: value} for value in values]
        points = [
            run_script("work_growth.py", job | {"repeats": repeats}, settings.threads)
            for job in jobs
        ]
        curves[axis] = {
            "values": values,
            "fixed": {k: v for k, v in jobs[0].items() if k != axis},
            "seconds": [point["seconds"] for point in points],
            "bytes": [point["bytes"] for point in points],
        }
        for unit in ("seconds", "bytes"):
            curves[axis][f"{unit}_slope"] = slope(values, curves[axis][unit])
    return {"batch_size": BATCH_SIZE, "curves": curves}


def slope(x, y):
    """Slope of log y over log x in the larger half, where fixed costs matter least."""
    half = len(x) // 2
    return float(np.polyfit(np.log(x[half:]), np.log(y[half:]), 1)[0])


def measure(n_rows, n_features, n_components, max_epochs, repeats):
    """Median seconds of a fit, and its peak of bytes above its data."""
    from memory import PeakMemory

    from skae import DenseAutoencoder

    autoencoder = DenseAutoencoder(
        n_components,
        hidden_layer_sizes=HIDDEN_LAYER_SIZES,
        latent_density=None,
        batch_size=BATCH_SIZE,
        max_epochs=max_epochs,
        device="cpu",
        random_state=0,
    )
    random = np.random.default_rng(0)
    DenseAutoencoder(2, max_epochs=1, device="cpu").fit(random.random((100, 4)))
    X = random.random((n_rows, n_features), dtype=np.float32)
    seconds = []
    with PeakMemory() as peak:
        autoencoder.fit(X)
    for _ in range(repeats):
        start = time.perf_counter()
        autoencoder.fit(X)
        seconds.append(time.perf_counter() - start)
    return {
        "seconds": statistics.median(seconds),
        "bytes": max(peak.resident, PAGE),
    }


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
