"""A grid search of 12 candidates in 3 folds, with one process and with two.

Run with a job in JSON, it is the process that does one such search and prints seconds.
"""

import json
import sys
import time

N_JOBS = (1, 2)


def run(settings):
    from processes import run_script
    from timing import summary

    if settings.threads < max(N_JOBS) and not settings.quick:
        raise SystemExit("grid_search compares 1 process with 2: give --threads 2.")
    job = {"copies": 1, "max_epochs": 1} if settings.quick else {}
    rounds = 1 if settings.quick else min(settings.rounds, 3)
    first, again = {1: [], 2: []}, {1: [], 2: []}
    for i in range(rounds):
        for n_jobs in N_JOBS if i % 2 else N_JOBS[::-1]:
            seconds = run_script("work_grid_search.py", job | {"n_jobs": n_jobs}, 1)
            first[n_jobs].append(seconds["first"])
            again[n_jobs].append(seconds["again"])
    return {
        "searches": [
            summary("n_jobs=2 / n_jobs=1, first search", first[2], first[1]),
            summary("n_jobs=2 / n_jobs=1, workers running", again[2], again[1]),
        ]
    }


def search_twice(n_jobs, copies=2, max_epochs=10):
    """Seconds of a search that starts its workers, and of one that finds them there."""
    import joblib
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    from skae import DenseAutoencoder

    X = np.tile(load_digits().data.astype(np.float32), (copies, 1))
    autoencoder = DenseAutoencoder(
        max_epochs=max_epochs, latent_density=None, device="cpu", random_state=0
    )
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), autoencoder),
        {
            "denseautoencoder__n_components": [4, 8, 16, 32],
            "denseautoencoder__lr": [1e-3, 3e-3, 1e-2],
        },
        cv=3,
        n_jobs=n_jobs,
    )
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            search.fit(X)
        seconds.append(time.perf_counter() - start)
    return dict(zip(("first", "again"), seconds, strict=True))


if __name__ == "__main__":
    print(json.dumps(search_twice(**json.loads(sys.argv[1]))))
