"""Checkpoints: an interrupted fit continues, and ends as an uninterrupted one."""

import functools
import hashlib
import inspect
import io
import json
import os
import pathlib
import time
import zipfile
import zlib

import numpy as np
import torch

from skae._saving.codec import NotPlainError, decode, encode
from skae._saving.files import write_atomically
from skae._saving.networks import frozen_names
from skae._saving.state import checksum, versions, warn_of_versions
from skae._training import resume
from skae.exceptions import CheckpointWarning, SavedModelError, warn

# Seconds between checkpoints: at least so many, and so many times the last one's.
MIN_SECONDS = 5.0
SECONDS_PER_SECOND = 50.0

LAST, PREVIOUS = "checkpoint.npz", "checkpoint.previous.npz"
HEADER = "header"  # the entry of a file that describes the others

# Part of the parameter's value that is replaced by a name of the fit.
PLACEHOLDER = "{fit}"

# Objects in parameters are compared by their attributes, down to this depth.
MAX_DEPTH = 3

# Parameters that do not change the trained networks.
WITHOUT_EFFECT = {"checkpoint", "distributed", "latent_density", "verbose"}

READING_ERRORS = (
    *(OSError, EOFError, LookupError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
)


class Checkpoints:
    """The checkpoints of one fit, in a folder.

    The last one and the one before are kept. A file is replaced only by a whole one.

    Parameters
    ----------
    folder : path-like
        Created if missing. "{fit}" in it is replaced by a name that depends on the
        parameters and the samples.
    parameters : dict
        Parameters of the estimator, by name.
    start : dict of str to str
        What else determines the fit, such as a checksum of the samples.

    Attributes
    ----------
    seed : int or None
        The integer in place of a `random_state` that is none.

    Raises
    ------
    ValueError
        If the folder cannot be used, or holds the checkpoint of another fit.
    """

    def __init__(self, folder, parameters, start):
        texts = {
            f"the parameter {name}": text_of(value)
            for name, value in sorted(parameters.items())
            if name not in WITHOUT_EFFECT
        }
        self.identity = start | texts
        name = checksum(self.identity)[:16]
        self.folder = pathlib.Path(os.fspath(folder).replace(PLACEHOLDER, name))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"checkpoint={os.fspath(folder)!r} is invalid: {error}. It must be a "
                "folder, or the path of a new one."
            ) from error
        self.saved = self._read()
        self.seed = None
        if not isinstance(parameters["random_state"], int | np.integer):
            fresh = int(np.random.SeedSequence().generate_state(1)[0] >> 1)
            self.seed = fresh if self.saved is None else self.saved["seed"]
        self._next_time, self._has_failed = time.monotonic() + MIN_SECONDS, False

    def restore(self, net):
        """Give a net the state of the checkpoint; return whether training has ended.

        Parameters
        ----------
        net : AutoencoderNet
            At the start of training, after ``on_train_begin``.
        """
        return restore(net, self.saved)

    def save_if_due(self, net, *, has_ended):
        """Write a checkpoint after an epoch, if it is the last or some time has passed.

        An error in writing, such as a full disk, does not end the training. A warning
        tells of it.
        """
        start = time.monotonic()
        if start < self._next_time and not has_ended:
            return
        try:
            self._write(self._state(net, has_ended))
        except OSError as error:
            if not self._has_failed:
                warn(
                    f"The checkpoint in {self.folder} could not be written: {error}. "
                    "Training continues.",
                    CheckpointWarning,
                )
            self._has_failed = True
        end = time.monotonic()
        pause = max(MIN_SECONDS, SECONDS_PER_SECOND * (end - start))
        self._next_time = end + pause

    def _state(self, net, has_ended):
        noise = net.noise_source_
        has_own_noise = noise is not None and noise is not net.generator_
        return {
            "identity": self.identity,
            "versions": versions(),
            "seed": self.seed,
            "weights": dict(net.module_.state_dict()),
            "frozen": frozen_names(net.module_),
            "optimizer": resume.optimizer_state(net.optimizer_),
            "groups": net.optimizer_.state_dict()["param_groups"],
            "generator": net.generator_.get_state(),
            "noise": noise.get_state() if has_own_noise else None,
            "steps": [net.step_, net.n_steps_so_far_],
            "history": [dict(epoch) for epoch in net.history],
            "loss_curve": net.loss_curve_,
            "validation_loss_curve": net.validation_loss_curve_,
            "callbacks": {name: callback_state(cb) for name, cb in net.callbacks_},
            "has_ended": has_ended,
        }

    def _write(self, state):
        arrays = {}
        header = json.dumps(encode(state, arrays)).encode()
        arrays[HEADER] = np.frombuffer(header, np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        last = self.folder / LAST
        if last.exists():
            os.replace(last, self.folder / PREVIOUS)
        write_atomically(last, buffer.getbuffer())

    def _read(self):
        """Return the state of the last checkpoint that can be read, None without one."""
        paths = [self.folder / LAST, self.folder / PREVIOUS]
        paths = [path for path in paths if path.exists()]
        problems = []
        for path in paths:
            try:
                state = read(path)
            except READING_ERRORS as error:
                problems.append(f"{path} cannot be read ({error})")
                continue
            self._check_identity(state)
            break
        else:
            state = None
        if problems:
            continues = (
                "starts again" if state is None else "continues from the one before"
            )
            warn(f"{'; '.join(problems)}. Training {continues}.", CheckpointWarning)
        return state

    def _check_identity(self, state):
        saved = state["identity"]
        for name in self.identity | saved:
            was, now = saved.get(name), self.identity.get(name)
            if was != now:
                raise ValueError(
                    f"The folder {str(self.folder)!r}, the parameter checkpoint, holds a "
                    f"checkpoint of another fit: {name} was {was}, and is now {now}. Fit "
                    "with the same parameters and samples to continue it. To start "
                    "again, delete the folder, or use another one; '{fit}' in the path "
                    "stands for a folder of each fit."
                )
        warn_of_versions("checkpoint", state["versions"])


class ReceivedCheckpoint:
    """The checkpoint that the first of several processes has read, and writes.

    Parameters
    ----------
    saved : dict or None
        Its state; None if there is none.
    """

    def __init__(self, saved):
        self.saved = saved

    def restore(self, net):
        """Give a net the state of the checkpoint; return whether training has ended."""
        return restore(net, self.saved)

    def save_if_due(self, net, *, has_ended):
        """Write nothing: the first process does."""


def restore(net, saved):
    """Give a net a saved state, if there is one; return whether training has ended."""
    if saved is None:
        return False
    net.module_.load_state_dict(saved["weights"])
    for name, parameter in net.module_.named_parameters():
        parameter.requires_grad_(name not in saved["frozen"])
    resume.load_optimizer_state(net.optimizer_, saved["optimizer"], saved["groups"])
    net.generator_.set_state(saved["generator"])
    if saved["noise"] is not None:
        net.noise_source_.set_state(saved["noise"])
    net.step_, net.n_steps_so_far_ = saved["steps"]
    del net.history[:]
    net.history.extend(saved["history"])
    net.continue_from(saved["loss_curve"], saved["validation_loss_curve"])
    for name, callback in net.callbacks_:
        restore_callback(callback, saved["callbacks"].get(name, {}))
    return saved["has_ended"]


def read(path):
    """Return the state in a file; raise one of `READING_ERRORS` if it is damaged."""
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    state = decode(json.loads(arrays.pop(HEADER).tobytes()), arrays)
    if not isinstance(state, dict) or "identity" not in state:
        raise SavedModelError("it is not a checkpoint")
    return state


def callback_state(callback):
    """Return the attributes of a callback that are plain data.

    Of schedulers and similar objects, the `state_dict` is taken.
    """
    state = {}
    for name, value in vars(callback).items():
        if _has_state(value):
            inner = {k: v for k, v in value.state_dict().items() if _is_plain(v)}
            state[name] = {"state_dict": inner}
        elif _is_plain(value):
            state[name] = {"value": value}
    return state


def restore_callback(callback, state):
    """Set the attributes of a callback to those of `callback_state`."""
    for name, saved in state.items():
        if "value" in saved:
            setattr(callback, name, saved["value"])
        elif _has_state(getattr(callback, name, None)):
            getattr(callback, name).load_state_dict(saved["state_dict"])


def _has_state(value):
    methods = hasattr(value, "state_dict") and hasattr(value, "load_state_dict")
    return methods and not isinstance(value, type)


def _is_plain(value):
    try:
        encode(value, {})
    except NotPlainError:
        return False
    return True


def text_of(value, depth=0):
    """Return a text that is the same for equal parameters, also in another process."""
    if isinstance(value, functools.partial):
        return f"partial({text_of(value.func)}, {value.args}, {value.keywords})"
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(text_of(item, depth) for item in value)}]"
    if isinstance(value, torch.device):
        return repr(str(value))
    if isinstance(value, np.bool_ | np.number):
        return repr(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    inside = ""
    if depth < MAX_DEPTH and not isinstance(value, np.random.RandomState):
        attributes = sorted(getattr(value, "__dict__", {}).items())
        inside = ", ".join(
            f"{name}={text_of(item, depth + 1)}"
            for name, item in attributes
            if not name.startswith("_") and not name.endswith("_")
        )
    return f"{type(value).__qualname__}({inside})"


def checksum_of_rows(rows):
    """Return a checksum of the values of samples, a str."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{len(rows)} {rows.n_features} {rows.dtype}".encode())
    for part in rows.parts():
        digest.update(part.numpy().reshape(-1).view(np.uint8))
    return digest.hexdigest()


def checksum_of_net(net):
    """Return a checksum of the weights of a net, or of None."""
    arrays = {}
    encode(None if net is None else net.module_.state_dict(), arrays)
    return checksum(arrays)
