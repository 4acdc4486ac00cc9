"""One model trained by one and by two processes: speed, losses, bytes and memory.

Each process has one thread. The runs alternate; the tables have the medians:

    python docs/benchmarks/several_processes.py --picture losses.png > tables.md

The last table is a plan, not a measurement: it computes from the measured time of a step,
and from the bytes that are sent in it, what many machines would need.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

# Samples, features, units of the hidden layer, samples in a batch.
CASES = [
    (200_000, 500, 1024, 2000),
    (200_000, 500, 1024, 500),
    (20_000, 100, 256, 200),
]
N_COMPONENTS = 32

# The plan: workers, and networks with bits per second and seconds to the first byte.
WORKERS = [8, 64, 512]
NETWORKS = {
    "1 Gbit/s": (1e9, 50e-6),
    "10 Gbit/s": (1e10, 30e-6),
    "100 Gbit/s": (1e11, 1e-5),
}
EFFICIENCY = 0.8


def samples(n_samples, n_features):
    """Return samples on a curved surface, with noise."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((n_samples, 20)).astype(np.float32)
    weights = rng.standard_normal((20, n_features)).astype(np.float32)
    noise = rng.standard_normal((n_samples, n_features)).astype(np.float32)
    return np.tanh(hidden @ weights / 4) + 0.1 * noise


def work(path, n_components, hidden, batch_size, max_epochs):
    """Fit in this process, one of one or two; the first one prints what it saw."""
    from skae import DenseAutoencoder

    X = np.load(path, mmap_mode="r")
    before = mapped_bytes(path)
    ae = DenseAutoencoder(
        n_components,
        hidden_layer_sizes=(hidden,),
        batch_size=batch_size,
        max_epochs=max_epochs,
        latent_density=None,
        random_state=0,
    ).fit(X)
    if os.environ.get("RANK", "0") == "0":
        n_steps = -(-len(X) // batch_size)
        result = {
            "losses": ae.loss_curve_,
            "step": min(ae.history_[:, "dur"]) / n_steps,
            "bytes": 4 * (ae.n_parameters_ + 1),
            "mapped": mapped_bytes(path) - before,
        }
        print("RESULT " + json.dumps(result))


def mapped_bytes(path):
    """Return the bytes of a memory-mapped file in this process's memory, on Linux."""
    total, is_file = 0, False
    with open("/proc/self/smaps") as lines:
        for line in lines:
            if not line.partition(" ")[0].endswith(":"):
                is_file = line.rstrip().endswith(str(path))
            elif is_file and line.startswith("Rss:"):
                total += 1024 * int(line.split()[1])
    return total


def run(n_processes, arguments):
    """Run the work in processes; return what the first one saw."""
    launcher = [sys.executable]
    if n_processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone"]
        launcher += [f"--nproc_per_node={n_processes}"]
    ended = subprocess.run(
        [*launcher, __file__, "--work", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in ended.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(lines[0].removeprefix("RESULT "))


def measure(case, folder, n_rounds, max_epochs):
    """Return the results of one and of two processes, a list of pairs."""
    n_samples, n_features, hidden, batch_size = case
    path = pathlib.Path(folder) / f"{n_samples}-{n_features}.npy"
    if not path.exists():
        np.save(path, samples(n_samples, n_features))
    arguments = [path, N_COMPONENTS, hidden, batch_size, max_epochs]
    return [tuple(run(n, arguments) for n in (1, 2)) for _ in range(n_rounds)]


def plan(seconds_per_sample, n_bytes):
    """Yield rows: workers, network, seconds to add gradients, samples a worker and batch.

    A step takes the time for a worker's samples, and that of a ring all-reduce. The batch
    is as large as `EFFICIENCY` needs.
    """
    for n_workers in WORKERS:
        for name, (bits, latency) in NETWORKS.items():
            rounds = 2 * (n_workers - 1)
            seconds = rounds * (8 * n_bytes / n_workers / bits + latency)
            own = seconds * EFFICIENCY / (1 - EFFICIENCY) / seconds_per_sample
            yield n_workers, name, seconds, own, own * n_workers


def draw(path, pair):
    """Draw the losses of one and of two processes beside each other."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), sharey=True, layout="constrained")
    for ax, result, title in zip(axes, pair, ("1 process", "2 processes"), strict=True):
        epochs = range(1, len(result["losses"]) + 1)
        ax.plot(epochs, result["losses"], marker="o", markersize=3)
        ax.set(title=title, xlabel="epoch")
    axes[0].set_ylabel("mean squared error")
    figure.savefig(path, dpi=150)


def main():
    """Measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", nargs=5, help="fit in this process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--cases", type=int, default=len(CASES))
    parser.add_argument("--picture")
    options = parser.parse_args()
    if options.work:
        path, *numbers = options.work
        work(path, *map(int, numbers))
        return
    print(
        "| samples x features | hidden | batch | 1 process, step | 2 processes, step |",
        end="",
    )
    print(" speed | sent in a step | difference of first losses | map in memory |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES[: options.cases]):
            pairs = measure(case, folder, options.rounds, options.epochs)
            one, two = (statistics.median(p[i]["step"] for p in pairs) for i in (0, 1))
            ratio = statistics.median(p[0]["step"] / p[1]["step"] for p in pairs)
            losses = np.array([[r["losses"][0] for r in pair] for pair in pairs])
            difference = np.abs(losses[:, 0] / losses[:, 1] - 1).max()
            n_samples, n_features, hidden, batch_size = case
            share = pairs[0][1]["mapped"] / (4 * n_samples * n_features)
            print(
                f"| {n_samples:,} x {n_features} | {hidden:,} | {batch_size:,} | "
                f"{1000 * one:.3g} ms | {1000 * two:.3g} ms | {ratio:.2f} | "
                f"{pairs[0][0]['bytes'] / 1e6:.2g} MB | {difference:.0e} | {share:.0%} |",
                flush=True,
            )
            if number == 0:
                first, n_bytes = one / batch_size, pairs[0][0]["bytes"]
                if options.picture:
                    draw(options.picture, pairs[0])
    print("\n| workers | network | all-reduce | samples of a worker | batch |")
    print("|---:|---|---:|---:|---:|")
    for n_workers, name, seconds, own, batch_size in plan(first, n_bytes):
        print(
            f"| {n_workers} | {name} | {1000 * seconds:.3g} ms | {own:,.0f} | "
            f"{batch_size:,.0f} |"
        )


if __name__ == "__main__":
    main()
