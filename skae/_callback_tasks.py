"""scikit-learn's callbacks, from version 1.9: the tree of tasks of a fit.

This is the only module that knows whether scikit-learn has callbacks. With a version
below 1.9, estimators have no `set_callbacks`, and `FitTasks` does nothing.
"""

import contextlib
import math

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef] # instead of the import
        """Empty mixin in place of that of scikit-learn 1.9."""

    def with_callbacks(method):
        """Return the method, unlike the decorator of scikit-learn 1.9."""
        return method


# Attributes of an estimator in which scikit-learn keeps its callbacks, and those that
# exist during a fit only.
CALLBACKS = "_skl_callbacks"
DURING_FIT = ("_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx")

# A fit that no other estimator has started reports so many losses at most.
MAX_REPORTS = 10


def without_callbacks(attributes, *, is_fitted):
    """Return the attributes to save.

    A fitted model is saved without its callbacks. An estimator to be fitted keeps them:
    searches send it to other processes.
    """
    left_out = (CALLBACKS, *DURING_FIT) if is_fitted else DURING_FIT
    return {name: value for name, value in attributes.items() if name not in left_out}


class FitTasks:
    """Tasks of a fit, which call scikit-learn's callbacks: its epochs and its losses.

    Losses are reported as names of tasks, because progress bars show names: ten during
    a fit, and the last one only if the fit is a part of a search or of a pipeline.

    Parameters
    ----------
    estimator : estimator
        It holds the callbacks, and is given to them.
    name : str
        Name of the root task.
    data : tuple
        Samples and target, which are given to the callbacks. The target None is replaced
        by the samples, which is what an autoencoder fits.
    model : callable
        Returns the attributes of the model at present. It is called only if a callback
        asks for the model.
    """

    def __init__(self, estimator, name, data, model):
        self._estimator, self._name, self._model = estimator, name, model
        self._root = self._epoch = None
        samples, target = data
        target = samples if target is None else target
        self._data = {"estimator": estimator, "X": samples, "y": target}
        self._is_supported = hasattr(estimator, "_init_callback_context")
        self._is_seen = hasattr(estimator, CALLBACKS)
        self._every, self._n_epochs, self._unreported = 1, 0, None

    def begin(self, n_epochs=0):
        """Begin the root task, if it has not begun.

        Parameters
        ----------
        n_epochs : int, default=0
            Maximum number of epochs.
        """
        if self._root is not None or not self._is_supported:
            return
        is_part = hasattr(self._estimator, "_parent_callback_ctx")
        self._every = max(1, n_epochs if is_part else math.ceil(n_epochs / MAX_REPORTS))
        n_tasks = n_epochs + math.ceil(n_epochs / self._every)
        self._begin_root(n_tasks)

    def _begin_root(self, n_tasks):
        self._root = self._estimator._init_callback_context(
            task_name=self._name, max_subtasks=n_tasks
        )
        self._root.call_on_fit_task_begin(**self._data)

    def begin_epoch(self):
        """Begin the task of an epoch."""
        if self._root is not None and self._is_seen:
            self._epoch = self._root.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._data)

    def end_epoch(self, loss, validation_loss):
        """End the task of an epoch; return whether a callback stops training.

        Parameters
        ----------
        loss : float
        validation_loss : float or None
        """
        if self._epoch is None:
            return False
        stops = self._epoch.call_on_fit_task_end(
            **self._data, reconstruction_attributes=self._model
        )
        self._epoch = None
        self._n_epochs += 1
        self._unreported = f"epoch {self._n_epochs}, loss {loss:.5g}"
        if validation_loss is not None:
            self._unreported += f", validation loss {validation_loss:.5g}"
        if self._n_epochs % self._every == 0:
            stops = self._report() or stops
        return stops

    def _report(self):
        # Tasks of an unknown number of subtasks get a bar of their own.
        report = self._root.subcontext(task_name=self._unreported, max_subtasks=None)
        self._unreported = None
        report.call_on_fit_task_begin(**self._data)
        return report.call_on_fit_task_end(**self._data)

    @contextlib.contextmanager
    def part(self, name, estimator):
        """Run the fit of another estimator as a task, the only one.

        Parameters
        ----------
        name : str
        estimator : estimator
            It gets the callbacks that are propagated.
        """
        if not self._is_supported:
            yield
            return
        self._begin_root(1)
        task = self._root.subcontext(task_name=name)
        with task.propagate_callback_context(estimator):
            task.call_on_fit_task_begin(**self._data)
            yield
            task.call_on_fit_task_end(**self._data)

    def end(self):
        """End the root task of a fit."""
        self.begin()
        if self._root is None:
            return
        if self._unreported is not None:
            self._report()
        self._root.call_on_fit_task_end(
            **self._data, reconstruction_attributes=self._model
        )
