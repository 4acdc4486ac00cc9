"""What the figures of a run depend on: versions, processor, threads, date."""

import datetime
import importlib.metadata
import os
import pathlib
import platform

import torch

PACKAGES = (
    "skae",
    "numpy",
    "scikit-learn",
    "torch",
    "skorch",
    "keras",
    "tensorflow",
    "jax",
    "pyod",
    "pythae",
)


def describe(threads):
    """Versions, processor, threads and date; no name of the machine, no folder."""
    return {
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "cores": os.cpu_count(),
        "date": datetime.date.today().isoformat(),
    }


def use_threads(threads):
    """Let this process and those it starts run on `threads` cores.

    Cores are taken away where the system allows it, since not every library listens to
    the same variable; the variables are for those systems where it does not.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ.update(thread_variables(threads))
    torch.set_num_threads(threads)


def thread_variables(threads):
    """The environment variables that number the threads of the common libraries."""
    names = (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
    return dict.fromkeys(names, str(threads))


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor():
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
