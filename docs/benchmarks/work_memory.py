"""Peak memory of `fit` and `transform`, and data in files larger than the memory.

Run with a job in JSON, it is the fresh process that fits once and prints bytes.
"""

import json
import pathlib
import resource
import sys
import tempfile

import numpy as np

N_ROWS = 1_000_000
N_FEATURES = {"array": 100, "float32 file": 784, "uint8 file": 784}
N_COMPONENTS = {"array": 32, "float32 file": 8, "uint8 file": 8}  # codes stay in memory
HEADROOM = 400 * 2**20  # bytes that a process may take above what it has at the start
FILE_PIECE = 10_000  # rows written at a time


def run(settings):
    from processes import PeerError, run_script

    n_rows = 20_000 if settings.quick else N_ROWS
    cases = {}
    for case in N_FEATURES:
        job = {"case": case, "n_rows": n_rows, "headroom": HEADROOM}
        try:
            cases[case] = run_script("work_memory.py", job, settings.threads)
        except PeerError as error:
            cases[case] = {"error": str(error)}
    return {"headroom": HEADROOM, "cases": cases}


def measure(case, n_rows, headroom):
    """Peaks of a fit of one epoch and of a transform, in bytes."""
    from skae import DenseAutoencoder

    n_features = N_FEATURES[case]
    autoencoder = DenseAutoencoder(
        N_COMPONENTS[case], max_epochs=1, device="cpu", random_state=0
    )
    random = np.random.default_rng(0)
    tiny = random.random((400, n_features), dtype=np.float32)
    autoencoder.fit(tiny).transform(tiny)
    if case == "array":
        X = random.random((n_rows, n_features), dtype=np.float32)
        return sizes(X) | peaks(autoencoder, X)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rows"
        return measure_file(autoencoder, path, case.split()[0], n_features, headroom)


def sizes(X):
    """Rows, columns and bytes of the data."""
    return {"n_rows": len(X), "n_features": X.shape[1], "x_bytes": X.nbytes}


def peaks(autoencoder, X):
    """Peak bytes above those at the start, for `fit` and `transform`."""
    from memory import PeakMemory

    with PeakMemory() as fit:
        autoencoder.fit(X)
    with PeakMemory() as transform:
        autoencoder.transform(X)
    return {
        "fit": fit.resident,
        "fit_anonymous": fit.anonymous,
        "transform": transform.resident,
        "transform_anonymous": transform.anonymous,
    }


def measure_file(autoencoder, path, dtype, n_features, headroom):
    """The same from a file that is larger than all memory the process may take."""
    from memory import status

    limit = status("VmData") + headroom
    n_rows = int(1.2 * limit) // (n_features * np.dtype(dtype).itemsize)
    write_rows(path, dtype, n_rows, n_features)
    # Not RLIMIT_AS, which counts the mapped file itself.
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    X = np.memmap(path, dtype, mode="r", shape=(n_rows, n_features))
    given = sizes(X) | {"limit": limit}
    try:
        return given | peaks(autoencoder, X)
    except (MemoryError, RuntimeError) as error:  # torch raises the latter
        message = str(error).splitlines()[0]
        return given | {"error": f"{type(error).__name__}: {message}"}


def write_rows(path, dtype, n_rows, n_features):
    """Random rows, in a file; integers of one byte, or floats in [0, 1]."""
    random = np.random.default_rng(0)
    piece = random.random((FILE_PIECE, n_features), dtype=np.float32)
    if dtype == "uint8":
        piece = (255 * piece).astype(np.uint8)
    with path.open("wb") as file:
        for start in range(0, n_rows, FILE_PIECE):
            file.write(piece[: n_rows - start].tobytes())


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
