"""Using a model: rows per second, and the time of one row, beside bare torch and PCA."""

import functools

import data
import torch
from sklearn.decomposition import PCA
from timing import compare, repeats_for, stopwatch

from skae import ConvAutoencoder, DenseAutoencoder

CHUNKS = tuple(2**k for k in range(7, 15))
N_ROWS = {"dense": 60_000, "conv": 12_000}  # fewer where each takes longer
N_ROWS_QUICK = 1_000
HIDDEN_LAYER_SIZES = (512,)  # in the dense model
ONE_ROW_SECONDS = 0.02  # of calls in a row, for each measurement of one row


def run(settings):
    X, _, image_shape = data.load(settings.dataset)
    few = X[:1000]
    models = {
        "dense": DenseAutoencoder(
            hidden_layer_sizes=HIDDEN_LAYER_SIZES, max_epochs=1, device="cpu"
        ).fit(few),
        "conv": ConvAutoencoder(image_shape=image_shape, max_epochs=1, device="cpu").fit(
            few
        ),
    }
    throughput, chunks = [], {}
    for name, model in models.items():
        rows = X[: N_ROWS_QUICK if settings.quick else N_ROWS[name]]
        codes = model.transform(rows)
        for method, module, data_in in (
            ("transform", model.encoder_, rows),
            ("inverse_transform", model.decoder_, codes),
        ):
            ours = functools.partial(getattr(model, method), data_in)
            ratios, chunk = _against_torch(ours, module, data_in, settings)
            title = f"{name}, {method}"
            throughput += [
                ratio | {"name": f"{title} / {ratio['name']}", "n_rows": len(data_in)}
                for ratio in ratios
            ]
            chunks[title] = chunk
    return {
        "throughput": throughput,
        "chunks": chunks,
        "one_row": _one_row(models["dense"], X, settings),
    }


def forward(module, rows, chunk):
    """The bare forward pass, chunk by chunk, into one array."""
    rows = torch.from_numpy(rows)
    with torch.inference_mode():
        if chunk >= len(rows):
            return module(rows).numpy()
        first = module(rows[:chunk])
        out = torch.empty(len(rows), *first.shape[1:])
        out[:chunk] = first
        for start in range(chunk, len(rows), chunk):
            out[start : start + chunk] = module(rows[start : start + chunk])
    return out.numpy()


def _against_torch(ours, module, rows, settings):
    """Ratios to the forward pass in one piece and in the chunks that are fastest."""
    whole = functools.partial(forward, module, rows, len(rows))
    seconds = {}
    for chunk in CHUNKS:
        measure = stopwatch(functools.partial(forward, module, rows, chunk))
        measure()
        seconds[chunk] = min(measure() for _ in range(3))
    best = min(seconds, key=seconds.get)
    in_chunks = functools.partial(forward, module, rows, best)
    pairs = {
        "bare torch in one piece": (stopwatch(ours), stopwatch(whole)),
        "bare torch in the best chunks": (stopwatch(ours), stopwatch(in_chunks)),
    }
    return compare(pairs, settings.rounds), best


def _one_row(model, X, settings):
    """Latency of `transform` on one row."""
    row = X[:1]
    pca = PCA(32).fit(X[:1000])
    calls = {
        "skae": functools.partial(model.transform, row),
        "PCA": functools.partial(pca.transform, row),
        "bare torch": functools.partial(forward, model.encoder_, row, 1),
    }
    watches = {
        name: stopwatch(call, repeats_for(call, ONE_ROW_SECONDS))
        for name, call in calls.items()
    }
    pairs = {
        f"skae / {name}, one row": (watches["skae"], watches[name])
        for name in ("PCA", "bare torch")
    }
    return compare(pairs, 3 * settings.rounds)
