"""Further training of a fitted or saved net, for `partial_fit` and `warm_start`."""

import numpy as np
import torch

from skae._training.callbacks import EARLY_STOPPING, picklable_callback
from skae.nn.copying import copy_module

# Options of an optimizer that may change while its state is kept.
CHANGEABLE_OPTIONS = {
    "params",
    "lr",
    "initial_lr",
    "weight_decay",
    "capturable",
    "foreach",
    "fused",
}


def start_from(net, fitted):
    """Give a fresh net the weights of a fitted one, and its optimizer state if kept.

    Raises
    ------
    ValueError
        If the shapes of the weights differ.
    """
    try:
        net.module_.load_state_dict(fitted.module_.state_dict())
    except RuntimeError as error:
        raise ValueError(
            "warm_start=True starts from the fitted weights, which do not match the "
            f"current parameters. {_mismatch(net, fitted)} Set the parameters back, or "
            "use warm_start=False."
        ) from error
    state = _optimizer_state(fitted)
    if state is not None and state["kind"] == _kind(net.optimizer_):
        load_optimizer_state(net.optimizer_, state)


def resumed(net, device, settings):
    """Return a copy of a fitted net that can be trained further; `net` is not changed.

    Callbacks are shared, not copied: they may hold much data.

    Parameters
    ----------
    net : AutoencoderNet
    device : str
    settings : dict
        Parameters of `AutoencoderNet` that may have changed.

    Returns
    -------
    AutoencoderNet
    """
    copied = object.__new__(type(net))
    vars(copied).update(
        vars(net),
        **settings,
        device=device,
        module_=copy_module(net.module_).to(device),
        callbacks_=[pair for pair in net.callbacks_ if pair[0] != EARLY_STOPPING],
        generator_=_copied_generator(net),
        history_=type(net.history)(net.history),
        saved_=None,
        is_restored_=False,
    )
    copied.criterion_.to(device)
    copied.initialize_optimizer()
    optimizer_state = _optimizer_state(net)
    if optimizer_state is not None:
        load_optimizer_state(copied.optimizer_, optimizer_state)
    return copied


def snapshot(net):
    """Return a copy of a net with its present weights and curves, for its results."""
    copied = object.__new__(type(net))
    vars(copied).update(
        vars(net),
        module_=copy_module(net.module_).eval(),
        history_=type(net.history)(net.history),
        saved_=state_to_save(net),
        optimizer_=None,
        generator_=None,
        last_epoch_=None,
        noise_source_=None,
        noise_=None,
        decaying_=(),
        checkpoints_=None,
        group_=None,
        batches_=None,
        tasks_=None,
        is_trained_=True,
    )
    return copied


def state_to_save(net):
    """Return the state of the generator and, if resumable, of the optimizer.

    It is plain data, as `skae._saving.state` defines it.
    """
    if net.generator_ is None:
        return net.saved_
    return {
        "optimizer": _optimizer_state(net) if net.resumable else None,
        "generator": net.generator_.get_state().numpy(),
    }


def _copied_generator(net):
    generator = torch.Generator()
    state = net.saved_["generator"] if net.generator_ is None else None
    if state is None:
        generator.set_state(net.generator_.get_state())
    else:
        generator.set_state(torch.tensor(state, device="cpu"))
    return generator


def _optimizer_state(net):
    """Return the state of the optimizer for each weight, None if it was not kept."""
    if net.optimizer_ is None:
        return None if net.saved_ is None else net.saved_["optimizer"]
    return optimizer_state(net.optimizer_)


def optimizer_state(optimizer):
    """Return the state of an optimizer for each weight, as plain data."""
    state = optimizer.state_dict()["state"]
    return {
        "kind": _kind(optimizer),
        "numbers": list(state),
        "values": [to_arrays(values) for values in state.values()],
    }


def _kind(optimizer):
    """Return the class and the options on which the optimizer's state depends."""
    options = [
        {k: v for k, v in group.items() if k not in CHANGEABLE_OPTIONS}
        for group in optimizer.state_dict()["param_groups"]
    ]
    return f"{type(optimizer).__qualname__} {options!r}"


def load_optimizer_state(optimizer, state, groups=None):
    """Load the state of `optimizer_state`.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    state : dict
    groups : list of dict, default=None
        Options, as in the optimizer's `state_dict`; None keeps those that it has, such
        as a learning rate that has changed.
    """
    if groups is None:
        groups = optimizer.state_dict()["param_groups"]
    values = (to_tensors(value) for value in state["values"])
    loaded = dict(zip(state["numbers"], values, strict=True))
    optimizer.load_state_dict({"state": loaded, "param_groups": groups})


def to_arrays(value):
    """Return copies of containers with arrays on the CPU in place of tensors."""
    if torch.is_tensor(value):
        return value.detach().cpu().numpy().copy()
    return _mapped(to_arrays, value)


def to_tensors(value):
    """Return copies of containers with tensors in place of arrays."""
    if isinstance(value, np.ndarray):
        return torch.tensor(value, device="cpu")
    return _mapped(to_tensors, value)


def _mapped(function, value):
    if isinstance(value, dict):
        return {key: function(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(function, value))
    return value


def saved_training(net):
    """Return what a trained net holds apart from its weights, as plain data."""
    return {
        "history": [dict(epoch) for epoch in net.history],
        "callbacks": [
            (name, picklable_callback(cb)) for name, cb in net.user_callbacks()
        ],
        "loss_curve": list(net.loss_curve_),
        "validation_loss_curve": list(net.validation_loss_curve_),
        "n_steps": net.n_steps_so_far_,
        "state": state_to_save(net),
    }


def restore(net, saved):
    """Make a fresh net one that has been trained, as `saved_training` has returned."""
    net.is_restored_ = True
    net.initialize()
    net.module_.eval()
    net.history.extend(saved["history"])
    net.callbacks_ += [tuple(pair) for pair in saved["callbacks"]]
    net.loss_curve_ = list(saved["loss_curve"])
    net.validation_loss_curve_ = list(saved["validation_loss_curve"])
    net.n_steps_so_far_ = saved["n_steps"]
    net.saved_, net.generator_, net.is_trained_ = saved["state"], None, True


def _mismatch(net, fitted):
    new, old = net.module_.state_dict(), fitted.module_.state_dict()
    for name in new:
        if name not in old or new[name].shape != old[name].shape:
            was = f"had {tuple(old[name].shape)}" if name in old else "did not exist"
            shape = tuple(new[name].shape)
            return f"{name} has shape {shape}, but {was} in the last fit."
    return (
        f"The networks have {len(new)} arrays of weights, but had {len(old)} in the last "
        "fit."
    )
