"""skorch callbacks of a fit: the user's, and the one of `early_stopping`."""

import copy

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler
from skorch.callbacks import EarlyStopping as SkorchEarlyStopping
from skorch.utils import noop

from skae._training.schedules import SCHEDULES

EARLY_STOPPING = "skae_early_stopping"  # the name of the parameter's callback

BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def is_callback_list(value):
    """Return whether `value` is a list of skorch callbacks, with or without names."""
    if not isinstance(value, list | tuple):
        return False
    return all(_is_callback(_callback_of(item)) for item in value)


def copy_callbacks(callbacks, *, validated):
    """Return copies of the callbacks for one fit.

    They are copied together: where a callback refers to another one of the list, its copy
    refers to the copy of that one. Containers, arrays and tensors are copied, too. Other
    attributes, such as a connection to an experiment tracker, are shared.

    Parameters
    ----------
    callbacks : list or None
        skorch callbacks or their classes, or (name, callback) pairs.
    validated : bool
        Whether there is a validation set, and so a validation loss.

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If a callback cannot be copied, or monitors the validation loss without a
        validation set.
    """
    copies = {}
    copied = [_fresh(item, copies) for item in callbacks or []]
    if not validated:
        for item in copied:
            _refuse_validation(_callback_of(item))
    return copied


def clone_callbacks(callbacks):
    """Return copies of the callbacks for another estimator, without fitted attributes.

    They are copied by the same rule as in `copy_callbacks`. Classes are kept. A callback
    can define ``__sklearn_clone__`` to control how it is cloned.

    Parameters
    ----------
    callbacks : list or tuple
        skorch callbacks or their classes, or (name, callback) pairs.

    Returns
    -------
    list or tuple
    """
    copies = {}
    return type(callbacks)(_copied(item, copies, False) for item in callbacks)


def check_for_partial_fit(callbacks, *, early_stopping, validated):
    """Raise a ValueError for callbacks and parameters that `partial_fit` cannot use.

    Parameters
    ----------
    callbacks : list or None
    early_stopping, validated : bool
    """
    if early_stopping:
        raise ValueError(
            "early_stopping=True is invalid in partial_fit, which trains for one epoch; "
            "must be False. Use fit for early stopping."
        )
    if _has_any(LRScheduler, callbacks or []):
        raise ValueError(
            "callbacks contains an LRScheduler, which would start its schedule again in "
            "each call of partial_fit. Remove it, and change the learning rate between "
            "the calls: set_params(lr=...)."
        )
    if not validated:
        for item in callbacks or []:
            _refuse_validation(_callback_of(item))


def choose_schedule(lr_schedule, callbacks):
    """Return the function for `lr_schedule`, None for a constant learning rate.

    Raises
    ------
    ValueError
        If a schedule is named, and an LRScheduler in the callbacks would set one too.
    """
    scheduled = _has_any(LRScheduler, callbacks)
    if scheduled and lr_schedule != "auto":
        raise ValueError(
            f"lr_schedule={lr_schedule!r} is invalid with an LRScheduler in callbacks: "
            "both would set the learning rate. Use lr_schedule='auto', or remove the "
            "LRScheduler."
        )
    if lr_schedule == "auto":
        # A model from the middle of a one-cycle schedule is poor: the rate is high there.
        constant = scheduled or _has_any(SkorchEarlyStopping, callbacks)
        lr_schedule = "constant" if constant else "onecycle"
    return SCHEDULES[lr_schedule]


def make_early_stopping(n_iter_no_change, tol):
    """Return name and callback for the parameter `early_stopping`."""
    callback = EarlyStopping(
        patience=int(n_iter_no_change), threshold=float(tol), load_best=True, sink=noop
    )
    return EARLY_STOPPING, callback


class EarlyStopping(SkorchEarlyStopping):
    """skorch's EarlyStopping, corrected for negative losses.

    The negative log-likelihood of small errors is negative, and skorch's relative
    threshold then counts a worse loss as an improvement.
    """

    def _calc_new_threshold(self, score):
        if self.threshold_mode != "rel":
            return super()._calc_new_threshold(score)
        change = self.threshold * abs(score)
        return score - change if self.lower_is_better else score + change


def asks_to_stop(callback):
    """Return whether a callback has stopped training by a KeyboardInterrupt.

    skorch's EarlyStopping raises one when its patience has run out. Any other
    KeyboardInterrupt is Ctrl-C.
    """
    return (
        isinstance(callback, SkorchEarlyStopping)
        and callback.misses_ >= callback.patience
    )


def explain_missing_key(error, callbacks, history):
    """Raise a ValueError if a KeyError is a callback's, for a value not in history."""
    for _, callback in callbacks:
        key = getattr(callback, "monitor", None)
        if isinstance(key, str) and repr(key) in str(error.args[:1]):
            known = sorted(k for k in history[-1] if k != "batches")
            raise ValueError(
                f"{type(callback).__name__} in callbacks has monitor={key!r}, which the "
                f"history does not contain; must be one of {known}, or the name of an "
                "EpochScoring before it in the list."
            ) from error


def has_batch_hooks(callback):
    """Return whether a callback has batch-level hooks."""
    return any(
        getattr(type(callback), hook) is not getattr(Callback, hook)
        or hook in vars(callback)
        for hook in BATCH_HOOKS
    )


def picklable_callback(callback):
    """Return a callback that can be pickled and copied together with its net.

    Optimizers and schedulers are left out. Tensors are detached from the graph of their
    computation: scoring callbacks keep such tensors when training is stopped.
    """
    left_out = (torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)
    changed = {}
    for name, value in vars(callback).items():
        if isinstance(value, left_out):
            changed[name] = None
        elif _holds_graph(value):
            changed[name] = _detached(value)
    if not changed:
        return callback
    saved = copy.copy(callback)
    vars(saved).update(changed)
    return saved


def _holds_graph(value):
    if isinstance(value, list | tuple):
        return any(map(_holds_graph, value))
    return torch.is_tensor(value) and value.grad_fn is not None


def _detached(value):
    if isinstance(value, list | tuple):
        return type(value)(map(_detached, value))
    return value.detach() if torch.is_tensor(value) else value


def _fresh(item, copies):
    """Return the copy of a callback, or of a (name, callback) pair.

    A class is replaced by an instance.
    """
    callback = _callback_of(item)
    try:
        copied = callback() if isinstance(callback, type) else _copied(callback, copies)
    except TypeError as error:
        if isinstance(callback, type):
            raise ValueError(
                f"{callback.__name__} in callbacks cannot be created: {error}. Pass an "
                "instance instead of the class."
            ) from error
        raise ValueError(
            f"{callback!r} in callbacks cannot be copied: {error}. Each fit trains with "
            "copies of its callbacks. Create what cannot be copied in on_train_begin."
        ) from error
    if type(copied) is SkorchEarlyStopping:
        copied.__class__ = EarlyStopping
    return copied if item is callback else (item[0], copied)


def _copied(value, copies, with_fitted=True):
    """Copy callbacks, containers, arrays and tensors; share everything else."""
    if id(value) in copies:
        return copies[id(value)][0]
    copied = value
    is_callback = isinstance(value, Callback)
    if is_callback and not with_fitted and hasattr(value, "__sklearn_clone__"):
        copied = value.__sklearn_clone__()
    elif hasattr(value, "__deepcopy__") or isinstance(value, np.ndarray):
        copied = copy.deepcopy(value)
    elif is_callback:
        copied = copy.copy(value)
        copies[id(value)] = copied, value  # before its attributes, which may refer to it
        for name, attribute in list(vars(copied).items()):
            if not with_fitted and name.endswith("_"):
                del vars(copied)[name]
            else:
                vars(copied)[name] = _copied(attribute, copies, with_fitted)
    elif type(value) in (list, set, tuple):
        copied = type(value)(_copied(item, copies, with_fitted) for item in value)
    elif type(value) is dict:
        copied = {k: _copied(item, copies, with_fitted) for k, item in value.items()}
    elif type(value).__module__ == "collections":
        copied = copy.copy(value)
    copies[id(value)] = copied, value  # the value too, so that its id stays its own
    return copied


def _refuse_validation(callback):
    """Raise a ValueError for a callback that needs a validation set."""
    name, monitor = type(callback).__name__, getattr(callback, "monitor", None)
    way_out = "Set validation_fraction=0.1 of the estimator, or use"
    if isinstance(monitor, str) and monitor.startswith("valid_"):
        raise ValueError(
            f"{name} in callbacks has monitor={monitor!r}, but there is no validation "
            f"set. {way_out} {name}(monitor={'train' + monitor[5:]!r})."
        )
    if getattr(callback, "on_train", None) is False:
        raise ValueError(
            f"{name} in callbacks has on_train=False, but there is no validation set. "
            f"{way_out} {name}(..., on_train=True)."
        )


def _has_any(kind, callbacks):
    """Return whether the callbacks contain one of a class, or that class."""
    return any(
        issubclass(value if isinstance(value, type) else type(value), kind)
        for value in map(_callback_of, callbacks)
    )


def _callback_of(item):
    is_pair = isinstance(item, tuple | list) and len(item) == 2
    return item[1] if is_pair and isinstance(item[0], str) else item


def _is_callback(value):
    return issubclass(value if isinstance(value, type) else type(value), Callback)
