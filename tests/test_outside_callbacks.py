"""Callbacks that report to something outside: clones share it, and optuna prunes."""

import pickle
import threading

import numpy as np
import optuna
import pytest
from helpers import small_dense
from optuna.trial import TrialState
from optuna_integration import SkorchPruningCallback
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EarlyStopping, LoadInitState, TrainEndCheckpoint

from skae import AutoencoderDetector

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Tracker:
    """What a callback reports to: as a connection, it cannot be copied or pickled."""

    def __init__(self):
        self.lock = threading.Lock()
        self.losses = []


class Reports(Callback):
    """Reports losses to a tracker, which it holds directly or in a container."""

    def __init__(self, tracker):
        self._held = {"tracker": tracker}
        self.tracker = tracker

    def initialize(self):
        self.n_epochs_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        assert self._held["tracker"] is self.tracker
        self.n_epochs_ += 1
        self.tracker.losses.append(net.history[-1, "train_loss"])


# --- clones ------------------------------------------------------------------------


def test_a_clone_reports_to_the_same_tracker(digits):
    tracker = Tracker()
    cloned = clone(small_dense(callbacks=[Reports(tracker)])).fit(digits)
    assert tracker.losses == cloned.loss_curve_


@pytest.mark.parametrize(
    "around",
    [
        lambda ae: clone(make_pipeline(StandardScaler(), ae)),
        lambda ae: AutoencoderDetector(ae, random_state=0),
        lambda ae: GridSearchCV(ae, {"n_components": [2]}, cv=2),
    ],
    ids=["pipeline", "detector", "search"],
)
def test_reports_arrive_from_estimators_around(digits, around):
    tracker = Tracker()
    fitted = around(small_dense(callbacks=[Reports(tracker)])).fit(digits)
    assert len(tracker.losses) == (9 if isinstance(fitted, GridSearchCV) else 3)


def test_a_clone_has_callbacks_of_its_own(digits):
    given = Reports(Tracker())
    given.initialize().seen = [1]
    [cloned] = clone(small_dense(callbacks=[given])).callbacks
    assert cloned is not given
    assert cloned.seen == given.seen
    assert cloned.seen is not given.seen
    assert not hasattr(cloned, "n_epochs_")
    assert given.n_epochs_ == 0


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_clone_keeps_names_classes_and_the_container(kind):
    given = kind([("first", Reports(Tracker())), EarlyStopping, Callback()])
    cloned = clone(small_dense(callbacks=given)).callbacks
    assert type(cloned) is kind
    assert cloned[0][0] == "first"
    assert cloned[0][1].tracker is given[0][1].tracker
    assert cloned[1] is EarlyStopping
    assert type(cloned[2]) is Callback


def test_callbacks_of_a_clone_refer_to_each_other():
    checkpoint = TrainEndCheckpoint()
    callbacks = [checkpoint, LoadInitState(checkpoint)]
    cloned, loading = clone(small_dense(callbacks=callbacks)).callbacks
    assert loading.checkpoint is cloned is not checkpoint


def test_a_fitted_estimator_in_a_callback_is_shared():
    class Judge(Callback):
        def __init__(self, judge):
            self.judge = judge

    judge = BaseEstimator()
    [cloned] = clone(small_dense(callbacks=[Judge(judge)])).callbacks
    assert cloned.judge is judge


def test_a_callback_can_say_how_it_is_cloned():
    class Shared(Callback):
        def __sklearn_clone__(self):
            return self

    callback = Shared()
    assert clone(small_dense(callbacks=[callback])).callbacks[0] is callback


@pytest.mark.parametrize("callbacks", [None, "tqdm", 3, [3]])
def test_other_values_are_cloned_as_they_are(callbacks):
    assert clone(small_dense(callbacks=callbacks)).callbacks == callbacks


def test_a_clone_has_all_parameters(digits):
    estimator = small_dense(callbacks=[Reports(Tracker())], noise="gaussian")
    estimator.set_output(transform="pandas")
    cloned = clone(estimator.fit(digits))
    without = {"callbacks": None}
    assert cloned.get_params() | without == estimator.get_params() | without
    assert not hasattr(cloned, "n_iter_")
    assert cloned.fit_transform(digits).shape == (200, 4)
    assert hasattr(cloned.transform(digits), "columns")


# --- optuna ------------------------------------------------------------------------


def pruned_study(objective, n_trials=2, **params):
    """Run a study whose second trial is worse than its first, and is pruned."""
    pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=0)
    study = optuna.create_study(direction="minimize", pruner=pruner, **params)
    study.enqueue_trial({"n_components": 8})
    study.enqueue_trial({"n_components": 1})
    study.optimize(objective, n_trials=n_trials)
    return study


def pruning(trial, **params):
    return small_dense(
        n_components=trial.suggest_int("n_components", 1, 8),
        callbacks=[SkorchPruningCallback(trial, "train_loss")],
        **params,
    )


def fit_clone(estimator, X):
    return clone(make_pipeline(StandardScaler(), estimator)).fit(X)


def validated_or_pruned(estimator, X):
    cv = [(range(100), range(100, 200))]
    return -cross_val_score(estimator, X, cv=cv, error_score="raise")[0]


@pytest.mark.parametrize(
    "run",
    [
        lambda ae, X: ae.fit(X).loss_curve_[-1],
        lambda ae, X: fit_clone(ae, X)[-1].loss_curve_[-1],
        validated_or_pruned,
    ],
    ids=["fit", "clone", "cross-validation"],
)
def test_optuna_prunes_a_worse_trial(digits, run):
    study = pruned_study(lambda trial: run(pruning(trial), digits))
    good, bad = study.trials
    assert good.state == TrialState.COMPLETE
    assert list(good.intermediate_values) == [0, 1, 2]
    assert bad.state == TrialState.PRUNED
    assert list(bad.intermediate_values) == [0]


def test_optuna_gets_the_losses_of_the_training(digits):
    curves = []

    def objective(trial):
        estimator = clone(pruning(trial)).fit(digits)
        curves.append(estimator.loss_curve_)
        return estimator.loss_curve_[-1]

    study = pruned_study(objective, n_trials=1)
    assert list(study.trials[0].intermediate_values.values()) == curves[0]


def test_a_pruned_fit_leaves_the_model_of_its_last_epoch(digits, all_weights):
    kept = []

    def objective(trial):
        kept.append(pruning(trial, lr_schedule="constant"))
        return kept[-1].fit(digits).loss_curve_[-1]

    study = pruned_study(objective)
    assert study.trials[1].state == TrialState.PRUNED
    estimator = kept[1]
    assert estimator.n_iter_ == 1
    assert estimator.density_ is None
    shorter = small_dense(n_components=1, max_epochs=1, lr_schedule="constant")
    np.testing.assert_array_equal(
        all_weights(estimator), all_weights(shorter.fit(digits))
    )


def test_a_pruned_first_epoch_of_partial_fit_leaves_the_estimator_unfitted(digits):
    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=0.0))
    estimator = pruning(study.ask())
    with pytest.raises(optuna.TrialPruned):
        estimator.partial_fit(digits)
    assert not hasattr(estimator, "n_iter_")


def test_processes_report_to_a_study_in_a_file(digits, tmp_path):
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study"))
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    sent = pickle.loads(pickle.dumps(pruning(trial))).fit(digits)
    values = study.trials[0].intermediate_values
    assert list(values.values()) == sent.loss_curve_
