"""scikit-learn's callbacks: the tree of tasks, its end, and no effect on the model."""

import copy
import json
import pathlib
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import skops.io
from helpers import small_dense
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

import skae
from skae import AutoencoderDetector, DenseAutoencoder
from skae.exceptions import StopTraining
from skae.saving import load_model, save_model

# scikit-learn has callbacks from version 1.9.
sklearn_callback = pytest.importorskip("sklearn.callback")
ProgressBar, ScoringMonitor = (
    sklearn_callback.ProgressBar,
    sklearn_callback.ScoringMonitor,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::skae.exceptions.PosteriorCollapseWarning"
)

FOLDER = pathlib.Path(skae.__file__).parent


def path_of(context):
    names = []
    while context is not None:
        names.append(context.task_name)
        context = context.parent
    return names[::-1]


class Recorder:
    """Writes each call of a hook to a file, from any process."""

    def __init__(self, file):
        self.file = file

    def setup(self, estimator, context):
        self._write("setup", context)

    def on_fit_task_begin(self, estimator, context):
        self._write("begin", context)

    def on_fit_task_end(self, estimator, context):
        self._write("end", context)

    def teardown(self, estimator, context):
        self._write("teardown", context)

    def _write(self, hook, context):
        with open(self.file, "a") as file:
            file.write(json.dumps([hook, path_of(context)]) + "\n")

    @property
    def calls(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    @property
    def ended(self):
        """The paths of the tasks that have ended, without the reports of losses."""
        paths = [path for hook, path in self.calls if hook == "end"]
        return [path for path in paths if "loss" not in path[-1]]


class Propagated(Recorder):
    """A recorder for a search or a pipeline and the estimators in it."""

    max_propagation_depth = None


class Hooks:
    """A callback of functions: what a test leaves out does nothing."""

    def __init__(self, **hooks):
        self.hooks = hooks

    def _call(self, hook, *arguments):
        return self.hooks[hook](*arguments) if hook in self.hooks else None

    def setup(self, estimator, context):
        self._call("setup", estimator, context)

    def on_fit_task_begin(self, estimator, context):
        self._call("begin", estimator, context)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        return self._call("end", estimator, context, fitted_estimator)

    def teardown(self, estimator, context):
        self._call("teardown", estimator, context)


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path / "calls")


@pytest.fixture
def propagated(tmp_path):
    return Propagated(tmp_path / "calls")


def attributes_of_callbacks(estimator):
    return {name for name in vars(estimator) if "callback" in name and "skl" in name} | {
        name for name in vars(estimator) if name.endswith("_ctx")
    }


# --- the tree of tasks -------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "name"),
    [("fit", "fit"), ("fit_transform", "fit-transform"), ("partial_fit", "partial-fit")],
)
def test_each_way_to_fit_is_a_task_of_epochs(digits, make_any, recorder, method, name):
    estimator = make_any().set_callbacks(recorder)
    getattr(estimator, method)(digits)
    expected = [["setup", [name]], ["begin", [name]]]
    for number, loss in enumerate(estimator.loss_curve_, 1):
        for path in ([name, "epoch"], [name, f"epoch {number}, loss {loss:.5g}"]):
            expected += [["begin", path], ["end", path]]
    assert recorder.calls == [*expected, ["end", [name]], ["teardown", [name]]]


def test_ten_losses_of_a_long_fit_are_reported(digits, recorder):
    estimator = small_dense(max_epochs=25, validation_fraction=0.2)
    estimator.set_callbacks(recorder).fit(digits)
    reports = [path[1] for hook, path in recorder.calls if hook == "end" and path[1:]]
    reports = [name for name in reports if name != "epoch"]
    curves = zip(estimator.loss_curve_, estimator.validation_loss_curve_, strict=True)
    texts = [
        f"epoch {number}, loss {loss:.5g}, validation loss {validation_loss:.5g}"
        for number, (loss, validation_loss) in enumerate(curves, 1)
    ]
    assert reports == [*texts[2::3], texts[-1]]


def test_all_tasks_fit_into_the_announced_number(digits):
    contexts = []
    for n_epochs in (1, 9, 10, 11, 25):
        hooks = Hooks(teardown=lambda _, context: contexts.append(context))
        small_dense(max_epochs=n_epochs).set_callbacks(hooks).fit(digits)
        n_tasks = sum(1 for _ in contexts[-1]) - 1
        assert n_tasks == contexts[-1].max_subtasks >= n_epochs


def test_training_twice_is_one_training_for_callbacks(digits, recorder):
    estimator = small_dense(max_epochs="auto").set_callbacks(recorder).fit(digits)
    assert estimator.n_iter_ > 0
    assert recorder.ended == [["fit", "epoch"]] * estimator.n_iter_ + [["fit"]]


def test_a_model_that_stays_at_pca_has_no_epochs(recorder):
    X = np.random.default_rng(0).normal(size=(60, 5))
    estimator = small_dense(max_epochs="auto").set_callbacks(recorder).fit(X)
    assert estimator.n_iter_ == 0
    assert [hook for hook, _ in recorder.calls] == ["setup", "begin", "end", "teardown"]


def test_a_pipeline_has_the_epochs_of_its_last_step(digits, propagated):
    pipeline = make_pipeline(StandardScaler(), small_dense())
    pipeline.set_callbacks(propagated).fit(digits)
    # The last task of the pipeline and the fit of its last step are one task.
    assert propagated.ended == [
        ["fit", "fit"],
        *[["fit", "fit", "epoch"]] * 3,
        ["fit", "fit"],
        ["fit"],
    ]
    [loss] = [path[2] for hook, path in propagated.calls if "loss" in path[-1]][::2]
    assert loss == f"epoch 3, loss {pipeline[-1].loss_curve_[-1]:.5g}"
    assert attributes_of_callbacks(pipeline[-1]) == set()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_has_the_epochs_of_all_fits(digits, propagated, n_jobs):
    search = GridSearchCV(small_dense(), {"n_components": [2, 3]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(propagated).fit(digits)
    epochs = [path for path in propagated.ended if path[-1] == "epoch"]
    in_search, of_refit = ["fit", "search", "fit", "epoch"], ["fit", "fit", "epoch"]
    assert sorted(epochs) == sorted([in_search] * 4 * 3 + [of_refit] * 3)
    assert [hook for hook, _ in propagated.calls].count("teardown") == 1
    assert attributes_of_callbacks(search.best_estimator_) == set()


def test_progress_bars_of_a_search_show_fits_and_losses(digits, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    search = GridSearchCV(small_dense(), {"n_components": [2, 3]}, cv=2)
    search.set_callbacks(ProgressBar()).fit(digits)
    shown = capsys.readouterr().out
    bars = [line.split("━")[0].rstrip() for line in shown.splitlines() if "100%" in line]
    depths = [len(bar) - len(bar.lstrip()) for bar in bars]
    assert depths == [0, 2, *[4, 6] * 4, 2, 4]
    assert all("DenseAutoencoder - fit" in bar for bar in bars[2:-2:2])
    assert all(re.search(r"epoch 3, loss 0\.\d+", bar) for bar in bars[3:-2:2])
    loss = search.best_estimator_.loss_curve_[-1]
    assert f"epoch 3, loss {loss:.5g}" in bars[-1]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_monitor_of_the_estimator_in_a_search_gets_all_scores(digits, n_jobs):
    monitor = ScoringMonitor(scoring={"error": error})
    estimator = small_dense().set_callbacks(monitor)
    GridSearchCV(estimator, {"n_components": [2, 3]}, cv=2, n_jobs=n_jobs).fit(digits)
    rows = monitor.get_logs().data
    assert len(rows) == 5 * (3 + 1)
    assert all(0 < row["error"] < 0.1 for row in rows)


def error(estimator, X, y):
    assert y is X  # the target of an autoencoder
    return -estimator.score(X)


# --- what callbacks are given ------------------------------------------------------


def test_the_model_of_an_epoch_is_that_of_a_shorter_fit(digits, make_any):
    models = []
    params = {"lr_schedule": "constant", "max_epochs": 3}
    hooks = Hooks(end=lambda _, context, fitted: models.append(fitted))
    estimator = make_any(**params).set_callbacks(hooks).fit(digits)
    *epochs, last = [model for model in models if model is not None]
    assert len(epochs) == 3
    for n_epochs, model in enumerate(epochs, 1):
        shorter = make_any(**params | {"max_epochs": n_epochs}).fit(digits)
        np.testing.assert_array_equal(model.transform(digits), shorter.transform(digits))
        assert model.loss_curve_ == shorter.loss_curve_
        assert model.density_ is None
        assert attributes_of_callbacks(model) == {"_skl_callbacks"}
    for model in (last, estimator):
        np.testing.assert_array_equal(
            model.sample(3, random_state=0), estimator.sample(3, random_state=0)
        )


def test_the_model_of_an_epoch_can_be_saved(digits):
    models = []
    hooks = Hooks(end=lambda _, context, fitted: models.append(fitted))
    small_dense().set_callbacks(hooks).fit(digits)
    loaded = pickle.loads(pickle.dumps(models[0]))
    np.testing.assert_array_equal(loaded.transform(digits), models[0].transform(digits))


def test_callbacks_get_the_estimator_that_is_fitted(digits):
    given = []
    hooks = Hooks(begin=lambda estimator, _: given.append(estimator))
    estimator = small_dense().set_callbacks(hooks).fit(digits)
    assert {id(each) for each in given} == {id(estimator)}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_model_is_the_same_with_callbacks(digits, make_any, all_weights, method):
    def draws(estimator, context, fitted):
        if fitted is not None:
            fitted.fit_density(digits, "gaussian").sample(3)

    fits = []
    for callbacks in ([], [Hooks(end=draws)]):
        estimator = make_any(random_state=np.random.RandomState(3))
        getattr(estimator.set_callbacks(*callbacks), method)(digits)
        fits.append(
            [
                all_weights(estimator),
                estimator.loss_curve_,
                estimator.sample(4),
                estimator.random_state.random_sample(),
            ]
        )
    for without, with_callbacks in zip(*fits, strict=True):
        np.testing.assert_array_equal(without, with_callbacks)


def test_partial_fit_continues_the_same_with_callbacks(digits, all_weights, recorder):
    without, seen = small_dense(), small_dense().set_callbacks(recorder)
    for _ in range(3):
        without.partial_fit(digits)
        seen.partial_fit(digits)
    np.testing.assert_array_equal(all_weights(without), all_weights(seen))
    assert recorder.ended == [["partial-fit", "epoch"], ["partial-fit"]] * 3


def test_skorch_callbacks_see_the_same_epochs(digits, recorder):
    class Counts(Callback):
        def initialize(self):
            self.epochs_ = []
            return self

        def on_epoch_end(self, net, **kwargs):
            self.epochs_.append(recorder.ended.count(["fit", "epoch"]))

    estimator = small_dense(callbacks=[Counts()]).set_callbacks(recorder).fit(digits)
    assert dict(estimator.callbacks_)["Counts"].epochs_ == [0, 1, 2]


def test_verbose_shows_its_own_bar(digits, recorder, capsys):
    small_dense(verbose=1).set_callbacks(recorder).fit(digits)
    assert "3/3" in capsys.readouterr().err


# --- ends --------------------------------------------------------------------------


def stop_at(n_epochs):
    seen = []

    def end(estimator, context, fitted):
        seen.append(context.task_name)
        return seen.count("epoch") == n_epochs

    return Hooks(end=end)


def test_a_callback_that_returns_true_stops_training(digits, make_any, all_weights):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise StopTraining

    expected = make_any(max_epochs=6, callbacks=[Stop()]).fit(digits)
    stopped = make_any(max_epochs=6).set_callbacks(stop_at(2)).fit(digits)
    assert stopped.n_iter_ == 2
    assert stopped.density_ is not None
    np.testing.assert_array_equal(all_weights(stopped), all_weights(expected))


def test_the_epoch_that_a_skorch_callback_stops_at_ends(digits, recorder):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise StopTraining

    small_dense(callbacks=[Stop()]).set_callbacks(recorder).fit(digits)
    assert recorder.ended == [["fit", "epoch"], ["fit"]]


@pytest.mark.parametrize("error_class", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("hook", "task", "n_iter"),
    [
        ("setup", "fit", None),
        ("begin", "fit", None),
        ("begin", "epoch", None),
        ("end", "epoch", 1),
        ("end", "fit", 3),
    ],
)
def test_an_error_of_a_callback_closes_the_fit(
    digits, recorder, hook, task, n_iter, error_class
):
    def fail(estimator, context, *_):
        if context.task_name == task:
            raise error_class("planted")

    estimator = small_dense().set_callbacks(recorder, Hooks(**{hook: fail}))
    with pytest.raises(error_class, match="planted"):
        estimator.fit(digits)
    assert recorder.calls[-1] == ["teardown", ["fit"]]
    assert attributes_of_callbacks(estimator) == {"_skl_callbacks"}
    assert getattr(estimator, "n_iter_", None) == n_iter
    if n_iter is not None:
        assert estimator.transform(digits).shape == (200, 4)
    estimator.set_callbacks().fit(digits)
    assert estimator.n_iter_ == 3


def test_an_error_in_teardown_keeps_the_trained_model(digits):
    def fail(estimator, context):
        raise RuntimeError("planted")

    estimator = small_dense().set_callbacks(Hooks(teardown=fail))
    with pytest.raises(RuntimeError, match="planted"):
        estimator.fit(digits)
    assert estimator.n_iter_ == 3
    assert attributes_of_callbacks(estimator) == {"_skl_callbacks"}


def test_a_failed_fit_closes_what_it_has_opened(digits, recorder):
    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise RuntimeError("planted")

    estimator = small_dense(callbacks=[Fails()]).set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="planted"):
        estimator.fit(digits)
    assert estimator.n_iter_ == 2
    assert recorder.ended == [["fit", "epoch"]]
    assert recorder.calls[-1] == ["teardown", ["fit"]]
    assert attributes_of_callbacks(estimator) == {"_skl_callbacks"}


@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit"])
def test_invalid_samples_open_nothing(recorder, method):
    estimator = small_dense().set_callbacks(recorder)
    recorder.file.touch()
    with pytest.raises(ValueError, match="NaN"):
        getattr(estimator, method)(np.full((9, 4), np.nan))
    assert recorder.calls == []
    assert attributes_of_callbacks(estimator) == {"_skl_callbacks"}


def test_a_failed_fit_in_a_search_closes_the_search(digits, propagated):
    search = GridSearchCV(small_dense(), {"lr": [1e-3, -1.0]}, error_score="raise")
    with pytest.raises(ValueError, match="lr"):
        search.set_callbacks(propagated).fit(digits)
    assert propagated.calls[-1][0] == "teardown"
    assert attributes_of_callbacks(search.estimator) == set()


# --- saved models and clones -------------------------------------------------------


def skops_copy(estimator):
    return skops.io.loads(skops.io.dumps(estimator), trusted=skae.TRUSTED_TYPES)


def safetensors_copy(estimator, folder):
    save_model(estimator, folder / "model")
    return load_model(folder / "model")


@pytest.mark.parametrize(
    "duplicate",
    [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy, skops_copy],
    ids=["pickle", "copy", "deepcopy", "skops"],
)
@pytest.mark.parametrize("kind", ["autoencoder", "detector"])
def test_a_saved_model_has_no_callbacks(digits, recorder, duplicate, kind):
    estimator = small_dense() if kind == "autoencoder" else small_detector()
    saved = duplicate(estimator.set_callbacks(recorder).fit(digits))
    assert attributes_of_callbacks(estimator) == {"_skl_callbacks"}
    assert attributes_of_callbacks(saved) == set()
    np.testing.assert_array_equal(
        saved.score_samples(digits), estimator.score_samples(digits)
    )


def test_a_file_of_a_model_has_no_callbacks(digits, recorder, tmp_path):
    estimator = small_dense().set_callbacks(recorder).fit(digits)
    assert attributes_of_callbacks(safetensors_copy(estimator, tmp_path)) == set()
    assert b"Recorder" not in pickle.dumps(estimator)


def test_the_estimator_that_a_search_sends_to_a_process_keeps_its_callbacks(recorder):
    for estimator in (small_dense(), small_detector()):
        sent = pickle.loads(pickle.dumps(estimator.set_callbacks(recorder)))
        assert sent._skl_callbacks[0].file == recorder.file


def test_clones_share_callbacks(recorder):
    for estimator in (small_dense(), small_dense(callbacks=[Callback()])):
        cloned = clone(estimator.set_callbacks(recorder))
        assert cloned._skl_callbacks[0] is recorder


# --- the detector ------------------------------------------------------------------


def small_detector(**params):
    return AutoencoderDetector(small_dense(**params), random_state=0)


def test_the_fit_of_a_detector_contains_that_of_its_autoencoder(digits, propagated):
    detector = AutoencoderDetector(make_pipeline(StandardScaler(), small_dense()))
    detector.set_callbacks(propagated).fit(digits)
    in_pipeline = ["fit", "fit", "fit"]
    assert propagated.ended == [
        in_pipeline,
        *[[*in_pipeline, "epoch"]] * 3,
        in_pipeline,
        ["fit", "fit"],
        ["fit"],
    ]
    assert attributes_of_callbacks(detector.estimator_[-1]) == set()


def test_a_detector_scores_the_same_with_callbacks(digits, propagated):
    expected = small_detector().fit(digits)
    seen = small_detector().set_callbacks(propagated).fit(digits)
    np.testing.assert_array_equal(
        seen.score_samples(digits), expected.score_samples(digits)
    )
    assert seen.offset_ == expected.offset_


def test_callbacks_of_a_detector_get_the_fitted_detector(digits):
    models = []
    hooks = Hooks(end=lambda _, context, fitted: models.append(fitted))
    detector = small_detector().set_callbacks(hooks).fit(digits)
    np.testing.assert_array_equal(models[-1].predict(digits), detector.predict(digits))


def test_a_failed_fit_of_a_detector_closes_what_it_has_opened(digits, propagated):
    detector = small_detector(lr=-1.0).set_callbacks(propagated)
    with pytest.raises(ValueError, match="lr"):
        detector.fit(digits)
    assert propagated.calls[-1] == ["teardown", ["fit"]]
    assert attributes_of_callbacks(detector) == {"_skl_callbacks"}
    assert not hasattr(detector, "estimator_")


# --- scikit-learn below 1.9 --------------------------------------------------------

WITHOUT_CALLBACKS = """
import sys

import skae
import sklearn.cluster, sklearn.decomposition, sklearn.neighbors  # at first use

for name in [name for name in sys.modules if name.split(".")[0] == "skae"]:
    del sys.modules[name]
sys.modules["sklearn.callback"] = None  # importing it fails, as below 1.9

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skae import AutoencoderDetector, DenseAutoencoder

X = np.random.default_rng(0).normal(size=(40, 5))
estimator = DenseAutoencoder(2, max_epochs=2, random_state=0)
assert not hasattr(estimator, "set_callbacks")
assert not hasattr(AutoencoderDetector(), "set_callbacks")
estimator.fit(X).partial_fit(X)
AutoencoderDetector(clone(estimator)).fit(X)
GridSearchCV(estimator, {"n_components": [1, 2]}, cv=2).fit(X)
print(float(clone(estimator).fit(X).loss_curve_[-1]))
"""


def test_estimators_work_without_the_callbacks_of_scikit_learn():
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_CALLBACKS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    X = np.random.default_rng(0).normal(size=(40, 5))
    expected = DenseAutoencoder(2, max_epochs=2, random_state=0).fit(X)
    assert float(result.stdout) == expected.loss_curve_[-1]


def test_one_module_knows_whether_scikit_learn_has_callbacks():
    users = [
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*.py")
        if re.search(r"^\s*(from|import) sklearn\.callback", path.read_text(), re.M)
    ]
    assert users == ["_callback_tasks.py"]
