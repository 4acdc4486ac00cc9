"""Searches on the processes of a dask cluster, of which one may die."""

import os
import signal

import joblib
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skae import DenseAutoencoder

GRID = {
    "ae__n_components": [1, 2, 3],
    "ae__lr": [0.001, 0.01],
}


@pytest.fixture(scope="module")
def client():
    """A client of two processes of one thread each."""
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        LocalCluster(processes=True, **settings) as cluster,
        Client(cluster) as client,
    ):
        client.amm.stop()  # it would leave the data with one worker
        yield client


def search(X, kind=GridSearchCV, **params):
    """Search on the halves of X; return the fitted search."""
    settings = {"hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}
    ae = DenseAutoencoder(**settings | params)
    model = Pipeline([("scaler", StandardScaler()), ("ae", ae)])
    # joblib would leave arrays of indices with one worker each, and lists with none.
    folds = [(half.tolist(), other.tolist()) for half, other in KFold(2).split(X)]
    draws = {} if kind is GridSearchCV else {"random_state": 0}  # of its subsets
    return kind(model, GRID, cv=folds, **draws).fit(X)


def assert_same(found, expected):
    """Assert that two searches have the same results, bit for bit."""
    assert found.best_params_ == expected.best_params_
    for name, values in expected.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(found.cv_results_[name], values)
    weights = found.best_estimator_["ae"].module_.state_dict()
    for name, tensor in expected.best_estimator_["ae"].module_.state_dict().items():
        np.testing.assert_array_equal(weights[name], tensor)


@pytest.mark.parametrize("kind", [GridSearchCV, HalvingGridSearchCV])
def test_a_search_on_dask_equals_one_in_this_process(client, digits, kind):
    X = digits.astype(np.float32)
    expected = search(X, kind)
    with joblib.parallel_config(backend="dask", n_jobs=-1, scatter=[X]):
        found = search(X, kind)
    assert_same(found, expected)
    assert len(client.scheduler_info()["workers"]) == 2


class DiesOnce(Callback):
    """Kill the process of the first fit to come here, unless it is that of the test."""

    def __init__(self, path, spared):
        self.path = path
        self.spared = spared

    def on_epoch_end(self, net, **kwargs):
        if os.getpid() == self.spared or os.path.exists(self.path):
            return
        with open(self.path, "x"):
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="requires SIGKILL")
def test_a_search_outlives_a_worker_that_is_killed(client, digits, tmp_path):
    X = np.tile(digits.astype(np.float32), (2, 1))  # indices of over 1,000 bytes
    expected = search(X)
    before = set(client.run(os.getpid).values())
    path = tmp_path / "killed"
    with joblib.parallel_config(backend="dask", n_jobs=-1, scatter=[X]):
        found = search(X, callbacks=[DiesOnce(path, os.getpid())])
    assert path.exists()
    assert_same(found, expected)
    client.wait_for_workers(2, timeout=60)
    assert len(before - set(client.run(os.getpid).values())) == 1
