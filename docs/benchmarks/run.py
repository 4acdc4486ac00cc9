"""Run the benchmarks: works to run, each with the data sets that are there.

python docs/benchmarks/run.py                       # all, in full: over an hour
python docs/benchmarks/run.py dense conv --rounds 5
python docs/benchmarks/run.py --quick --out quick  # everything, on digits, in minutes
"""

import argparse
import importlib
import json
import os
import pathlib
import time

import data
import machine
from settings import Settings

FOLDER = pathlib.Path(__file__).parent

# The data sets of each work, as far as they are there; None for works with their own.
WORKS = {
    "dense": data.DATASETS,
    "conv": data.DATASETS,
    "quality": data.DATASETS[:2],
    "small": None,
    "transform": data.DATASETS[:2],
    "grid_search": None,
    "memory": None,
    "growth": None,
}


def main():
    options = parse_options()
    machine.use_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    for work in options.works or WORKS:
        for dataset in datasets_of(work, options):
            settings = Settings(
                dataset=dataset,
                rounds=options.rounds or (1 if options.quick else 7),
                threads=options.threads,
                peers=tuple(options.peers),
                quick=options.quick,
            )
            run_work(work, settings, options.out)


def run_work(work, settings, folder):
    """Run a work and write its figures, with what they depend on, to a JSON file."""
    own_data = WORKS[work] is None
    name = work if own_data else f"{work}-{settings.dataset}"
    print(f"{name} ...", flush=True)
    start = time.perf_counter()
    figures = importlib.import_module(f"work_{work}").run(settings)
    result = {
        "work": work,
        "dataset": None if own_data else settings.dataset,
        "quick": settings.quick,
        "rounds": settings.rounds,
        "machine": machine.describe(settings.threads),
        "figures": figures,
    }
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


def datasets_of(work, options):
    """Data sets to run a work on; a placeholder for works with data of their own."""
    if WORKS[work] is None:
        return ["digits"]
    if options.quick:
        return options.datasets or ["digits"]
    names = options.datasets or WORKS[work]
    return [name for name in names if name in WORKS[work] and data.is_there(name)]


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("works", nargs="*", help=f"of {', '.join(WORKS)}; default: all")
    parser.add_argument(
        "--datasets", nargs="+", choices=data.DATASETS, help="default: those there"
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        default=[],
        metavar="PEER",
        help="peers to train the recipes with (of peers.py); without, all",
    )
    parser.add_argument("--rounds", type=int, help="pairs behind each ratio; default: 7")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="default: all cores"
    )
    parser.add_argument("--quick", action="store_true", help="only show that all runs")
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER / "results")
    options = parser.parse_args()
    if unknown := set(options.works) - set(WORKS):
        parser.error(f"no such work: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    main()
