"""Further training of a fitted or saved net, for `partial_fit` and `warm_start`."""

import torch

from skae._training.callbacks import EARLY_STOPPING
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
        _load_optimizer_state(net, state)


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
    )
    copied.criterion_.to(device)
    copied.initialize_optimizer()
    optimizer_state = _optimizer_state(net)
    if optimizer_state is not None:
        _load_optimizer_state(copied, optimizer_state)
    return copied


def state_to_save(net):
    """Return the state of the generator and, if resumable, of the optimizer."""
    if net.generator_ is None:
        return net.saved_
    return {
        "optimizer": _optimizer_state(net) if net.resumable else None,
        "generator": net.generator_.get_state(),
    }


def _copied_generator(net):
    generator = torch.Generator()
    is_saved = net.generator_ is None
    generator.set_state(
        net.saved_["generator"] if is_saved else net.generator_.get_state()
    )
    return generator


def _optimizer_state(net):
    """Return the state of the optimizer for each weight, None if it was not kept."""
    if net.optimizer_ is None:
        return None if net.saved_ is None else net.saved_["optimizer"]
    state = net.optimizer_.state_dict()["state"]
    return {"kind": _kind(net.optimizer_), "state": _on_cpu(state)}


def _kind(optimizer):
    """Return the class and the options on which the optimizer's state depends."""
    options = [
        {k: v for k, v in group.items() if k not in CHANGEABLE_OPTIONS}
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
    """Load the state, but not the learning rate and other options, which may change."""
    groups = net.optimizer_.state_dict()["param_groups"]
    state = _on_cpu(state["state"])  # copies: the state may be another net's
    net.optimizer_.load_state_dict({"state": state, "param_groups": groups})


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
