"""Training on from where a net stopped, in this process or from a saved net."""

import copy

import torch

from skae._training.callbacks import EARLY_STOPPING

# Options of an optimizer that may change while its state is kept.
OTHER_OPTIONS = {
    "params",
    "lr",
    "initial_lr",
    "weight_decay",
    "capturable",
    "foreach",
    "fused",
}


def start_from(net, fitted):
    """Give a fresh net the weights of a fitted one, and its optimizer's state if kept.

    Raises
    ------
    ValueError
        If the weights do not fit.
    """
    try:
        net.module_.load_state_dict(fitted.module_.state_dict())
    except RuntimeError as error:
        raise ValueError(
            "warm_start=True starts from the fitted weights, which do not fit the "
            f"parameters as they are now. {_mismatch(net, fitted)} Set the parameters "
            "back, or use warm_start=False."
        ) from error
    state = _optimizer_state(fitted)
    if state is not None and state["kind"] == _kind(net.optimizer_):
        _load_optimizer_state(net, state)


def get_ready(net, device, settings):
    """Prepare a fitted net to train on, on any device, with these settings."""
    optimizer_state, saved = _optimizer_state(net), net.saved_
    has_moved = net.device != device
    vars(net).update(settings, device=device, saved_=None)
    net.callbacks_ = [pair for pair in net.callbacks_ if pair[0] != EARLY_STOPPING]
    net.module_.to(device)  # using the model may have moved it
    net.criterion_.to(device)
    if net.optimizer_ is None or has_moved:
        net.initialize_optimizer()
        if optimizer_state is not None:
            _load_optimizer_state(net, optimizer_state)
    if net.generator_ is None:
        net.generator_ = torch.Generator()
        net.generator_.set_state(saved["generator"])
    for group in net.optimizer_.param_groups:
        group["lr"] = net.lr


def snapshot(net):
    """What training changes in a net, as it is now; callbacks are not looked into."""
    optimizer, generator = net.optimizer_, net.generator_
    return {
        "attributes": dict(vars(net)),
        "weights": {k: w.clone() for k, w in net.module_.state_dict().items()},
        "optimizer": optimizer and copy.deepcopy(optimizer.state_dict()),
        "generator": generator and generator.get_state(),
        "n_epochs": len(net.loss_curve_),
        "n_history": len(net.history),
    }


def restore(net, before):
    """Undo what training changed since the snapshot."""
    vars(net).update(before["attributes"])
    net.module_.load_state_dict(before["weights"])
    if net.optimizer_ is not None:
        net.optimizer_.load_state_dict(before["optimizer"])
    if net.generator_ is not None:
        net.generator_.set_state(before["generator"])
    del net.loss_curve_[before["n_epochs"] :]
    del net.validation_loss_curve_[before["n_epochs"] :]
    del net.history[before["n_history"] :]


def to_save(net):
    """What a saved net needs to train on: its generator's and its optimizer's state.

    Of the optimizer, only where the net is resumable.
    """
    if net.generator_ is None:
        return net.saved_
    return {
        "optimizer": _optimizer_state(net) if net.resumable else None,
        "generator": net.generator_.get_state(),
    }


def _optimizer_state(net):
    """The state of the optimizer by number of weight, None where it was not kept."""
    if net.optimizer_ is None:
        return None if net.saved_ is None else net.saved_["optimizer"]
    state = net.optimizer_.state_dict()["state"]
    return {"kind": _kind(net.optimizer_), "state": _on_cpu(state)}


def _kind(optimizer):
    """The optimizer's class and options, which decide what its state consists of."""
    options = [
        {k: v for k, v in group.items() if k not in OTHER_OPTIONS}
        for group in optimizer.state_dict()["param_groups"]
    ]
    return type(optimizer), options


def _on_cpu(state):
    return {
        number: {
            name: value.detach().cpu().clone() if torch.is_tensor(value) else value
            for name, value in values.items()
        }
        for number, values in state.items()
    }


def _load_optimizer_state(net, state):
    """Take the state, not the rate and the like, which the net's parameters set."""
    groups = net.optimizer_.state_dict()["param_groups"]
    net.optimizer_.load_state_dict({"state": state["state"], "param_groups": groups})


def _mismatch(net, fitted):
    new, old = net.module_.state_dict(), fitted.module_.state_dict()
    for name in new:
        if name not in old or new[name].shape != old[name].shape:
            was = tuple(old[name].shape) if name in old else "absent"
            return f"{name} has shape {tuple(new[name].shape)}, and was {was}."
    return f"There were {len(old)} arrays of weights, and are {len(new)}."
