"""The callbacks of a fit: skorch's, as users give them or parameters stand for them."""

import copy
import dis
import signal

import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.utils import noop

from skae._training.schedules import SCHEDULES

EARLY_STOPPING = "skae_early_stopping"  # the name of the parameter's callback

BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def are_callbacks(value):
    """Whether `value` is a list of skorch callbacks, each with a name or without."""
    if not isinstance(value, list | tuple):
        return False
    return all(_is_callback(_unnamed(item)) for item in value)


def copy_callbacks(callbacks, *, validated):
    """Copies of the callbacks, for one fit.

    Parameters
    ----------
    callbacks : list or None
        skorch callbacks or classes of such, or (name, callback) pairs.
    validated : bool
        Whether rows are held out, so that there is a validation loss.

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If one cannot be copied, or waits for rows held out where there are none.
    """
    copies = [_copied(item) for item in callbacks or []]
    if not validated:
        for item in copies:
            _refuse_validation(_unnamed(item))
    return copies


def check_for_partial_fit(callbacks, *, early_stopping, validated):
    """Raise a ValueError for what cannot work in `partial_fit`.

    Parameters are those of `copy_callbacks`, and the estimator's `early_stopping`.
    """
    if early_stopping:
        raise ValueError(
            "partial_fit makes one pass over its rows, so that early_stopping=True "
            "cannot work there. Use early_stopping=False, or fit."
        )
    if _any_of(LRScheduler, callbacks or []):
        raise ValueError(
            "An LRScheduler in callbacks would begin its schedule anew in each call of "
            "partial_fit. Leave it out, and set lr between the calls: "
            "set_params(lr=...)."
        )
    if not validated:
        for item in callbacks or []:
            _refuse_validation(_unnamed(item))


def schedule(lr_schedule, callbacks):
    """The schedule that `lr_schedule` names, or None where the rate stays or is set.

    Raises
    ------
    ValueError
        If it is named, and an LRScheduler among the callbacks sets the rate too.
    """
    scheduled = _any_of(LRScheduler, callbacks)
    if scheduled and lr_schedule != "auto":
        raise ValueError(
            f"lr_schedule={lr_schedule!r} and an LRScheduler in callbacks would both set "
            "the learning rate. Use lr_schedule='auto' with an LRScheduler, or leave the "
            "LRScheduler out."
        )
    if lr_schedule == "auto":
        # In the midst of a one-cycle, the model is no good to stop at.
        constant = scheduled or _any_of(EarlyStopping, callbacks)
        lr_schedule = "constant" if constant else "onecycle"
    return SCHEDULES[lr_schedule]


def early_stopping(n_iter_no_change, tol):
    """The callback behind the parameter: it restores the best weights."""
    return (
        EARLY_STOPPING,
        StopsEarly(patience=n_iter_no_change, threshold=tol, load_best=True, sink=noop),
    )


class StopsEarly(EarlyStopping):
    """skorch's, for losses below zero too: likelihoods of small errors are."""

    def _calc_new_threshold(self, score):
        return score - self.threshold * abs(score)


def _any_of(kind, callbacks):
    """Whether a callback of some class, or that class, is among the callbacks."""
    found = map(_unnamed, callbacks)
    return any(issubclass(cb if isinstance(cb, type) else type(cb), kind) for cb in found)


def to_save(callback):
    """The callback, without the optimizer and the weights that a scheduler holds."""
    held = (torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)
    dropped = {name for name, value in vars(callback).items() if isinstance(value, held)}
    if not dropped:
        return callback
    saved = copy.copy(callback)
    vars(saved).update(dict.fromkeys(dropped))
    return saved


def looks_at_batches(callback):
    """Whether a callback does something at each batch."""
    return any(
        getattr(type(callback), hook) is not getattr(Callback, hook)
        for hook in BATCH_HOOKS
    )


def raised_by_statement(interrupt):
    """Whether code raised this KeyboardInterrupt, not a signal.

    skorch's callbacks stop training by ``raise KeyboardInterrupt``, which must not be
    taken for Ctrl-C: that one breaks in where no ``raise`` stands, or comes from the
    program's own handler of the signal.
    """
    handler = getattr(signal.getsignal(signal.SIGINT), "__code__", None)
    traceback = interrupt.__traceback__
    while traceback.tb_frame.f_code is not handler and traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    instruction = dis.opname[code.co_code[traceback.tb_lasti]]
    return code is not handler and instruction == "RAISE_VARARGS"


def _copied(item):
    """A fresh callback, or (name, callback) pair; of a class, an instance."""
    callback = _unnamed(item)
    try:
        callback = callback() if isinstance(callback, type) else copy.deepcopy(callback)
    except TypeError as error:
        raise ValueError(
            f"{callback!r} in callbacks cannot be copied: {error}. Every fit trains with "
            "copies of its callbacks; what cannot be copied is to be made in their "
            "on_train_begin."
        ) from error
    return callback if item is _unnamed(item) else (item[0], callback)


def _refuse_validation(callback):
    """Raise a ValueError for a callback that waits for rows held out."""
    name, monitor = type(callback).__name__, getattr(callback, "monitor", None)
    if isinstance(monitor, str) and monitor.startswith("valid_"):
        raise ValueError(
            f"{name} in callbacks has monitor={monitor!r}, but no rows are held out for "
            "validation. Give the estimator validation_fraction=0.1, or use "
            f"{name}(monitor={'train' + monitor[5:]!r})."
        )
    if getattr(callback, "on_train", None) is False:
        raise ValueError(
            f"{name} in callbacks has on_train=False, but no rows are held out for "
            "validation. Give the estimator validation_fraction=0.1, or use "
            f"{name}(..., on_train=True)."
        )


def _unnamed(item):
    return item[1] if isinstance(item, tuple | list) and len(item) == 2 else item


def _is_callback(value):
    return issubclass(value if isinstance(value, type) else type(value), Callback)
