"""The training engine: the skorch net of this package, its batches and its epochs."""

import contextlib
import copy
import inspect
import math
import sys

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import (
    EarlyStopping,
    EpochTimer,
    LRScheduler,
    PassthroughScoring,
)
from skorch.dataset import Dataset
from skorch.utils import noop
from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

from skae.callbacks import (
    any_of,
    looks_at_batches,
    raised_by_statement,
    to_save,
)
from skae.networks import Autoencoder

OPTIMIZERS = {
    "adadelta": torch.optim.Adadelta,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}

# One kernel for all weights, on the CPU as on a GPU.
FUSED_OPTIMIZERS = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)

# Defaults of a training run, measured on tables and images (docs/training.md).
MAX_BATCH_SIZE = 200
MIN_BATCH_SIZE = 32
TARGET_STEPS = 4000
MIN_STEPS = 200
MAX_EPOCHS = 50
MIN_EPOCHS = 10


def one_cycle(progress):
    """Share of the peak learning rate after a share of the training steps.

    From 1/25 up to the peak in the first 30% of the steps, then down to almost
    nothing, both along half a cosine (Smith and Topin 2019, "Super-convergence").
    """
    warm_up, start, end = 0.3, 1 / 25, 1e-5
    if progress < warm_up:
        rise = (1 - math.cos(math.pi * progress / warm_up)) / 2
        return start + (1 - start) * rise
    fall = (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2
    return end + (1 - end) * fall


def cosine(progress):
    """Share of the peak rate that falls to 0 along half a cosine.

    From Loshchilov and Hutter 2017, "SGDR", without its restarts.
    """
    return (1 + math.cos(math.pi * progress)) / 2


SCHEDULES = {"constant": None, "cosine": cosine, "onecycle": one_cycle}


def is_optimizer_class(value):
    """Whether `value` makes a torch optimizer: a class, or a partial of one."""
    value = _optimizer_class(value)
    return (
        isinstance(value, type)
        and issubclass(value, torch.optim.Optimizer)
        and value is not torch.optim.Optimizer
    )


def optimizer_params(optimizer, weight_decay, device):
    """skorch's parameters for an optimizer, given by name or as a class.

    Raises
    ------
    ValueError
        If the optimizer has no weight decay to set, or a partial sets the rate.
    """
    optimizer = OPTIMIZERS.get(optimizer, optimizer)
    name = _optimizer_class(optimizer).__name__
    if "lr" in getattr(optimizer, "keywords", {}):
        raise ValueError(
            f"optimizer is a partial of {name} with lr={optimizer.keywords['lr']}. Leave "
            "lr out of the partial and give it as the estimator's parameter lr."
        )
    params = {"optimizer": optimizer}
    if weight_decay:
        if "weight_decay" not in inspect.signature(optimizer).parameters:
            raise ValueError(
                f"weight_decay={weight_decay} cannot be used: {name} has no "
                "weight_decay. Use weight_decay=0 or another optimizer."
            )
        params["optimizer__weight_decay"] = float(weight_decay)
    if optimizer in FUSED_OPTIMIZERS and device.type in ("cpu", "cuda"):
        params["optimizer__fused"] = True
    return params


def schedule(lr_schedule, callbacks):
    """The schedule that `lr_schedule` names, or None where the rate stays or is set.

    Raises
    ------
    ValueError
        If it is named, and an LRScheduler among the callbacks sets the rate too.
    """
    scheduled = any_of(LRScheduler, callbacks)
    if scheduled and lr_schedule != "auto":
        raise ValueError(
            f"lr_schedule={lr_schedule!r} and an LRScheduler in callbacks would both set "
            "the learning rate. Use lr_schedule='auto' with an LRScheduler, or leave the "
            "LRScheduler out."
        )
    if lr_schedule == "auto":
        # In the midst of a one-cycle, the model is no good to stop at.
        constant = scheduled or any_of(EarlyStopping, callbacks)
        lr_schedule = "constant" if constant else "onecycle"
    return SCHEDULES[lr_schedule]


def training_length(n_rows, batch_size, max_epochs):
    """Rows in a batch and number of epochs, where "auto" depends on `n_rows`.

    Small tables get small batches and more epochs: `TARGET_STEPS` steps where that is
    not more than `MAX_EPOCHS` passes, which overfit them, and `MIN_STEPS` in any case.
    """
    if batch_size == "auto":
        batch_size = min(max(n_rows // 40, MIN_BATCH_SIZE), MAX_BATCH_SIZE)
    if max_epochs == "auto":
        steps_per_epoch = math.ceil(n_rows / batch_size)
        most = max(MAX_EPOCHS, math.ceil(MIN_STEPS / steps_per_epoch))
        max_epochs = min(max(round(TARGET_STEPS / steps_per_epoch), MIN_EPOCHS), most)
    return min(int(batch_size), n_rows), int(max_epochs)


def rows_held_out(n_rows, validation_fraction, early_stopping):
    """Number of rows to hold out for validation.

    Raises
    ------
    ValueError
        If none would be left to train on, or to validate on.
    """
    if validation_fraction is None:
        if not early_stopping:
            return 0
        validation_fraction = 0.1
    n_held_out = math.ceil(validation_fraction * n_rows)
    if n_held_out == n_rows:
        raise ValueError(
            f"validation_fraction={validation_fraction} of {n_rows} rows leaves none to "
            "train on. Give more rows, or early_stopping=False and "
            "validation_fraction=None."
        )
    return n_held_out


def early_stopping(n_iter_no_change, tol):
    """The callback behind the parameter: it restores the best weights."""
    return (
        "skae_early_stopping",
        EarlyStopping(
            patience=n_iter_no_change, threshold=tol, load_best=True, sink=noop
        ),
    )


class Batches:
    """Slices of the rows, in a new random order on every pass where asked.

    Yields each slice twice, as skorch's (input, target): an autoencoder's target
    is its input.

    Parameters
    ----------
    rows : torch.Tensor of shape (n_samples, n_features)
    batch_size : int
    generator : torch.Generator or None
        Draws the order of the rows; None keeps it.
    """

    def __init__(self, rows, batch_size, generator=None):
        self.rows = rows
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self):
        return math.ceil(len(self.rows) / self.batch_size)

    def __iter__(self):
        for batch in self._slices():
            yield batch, batch

    def _slices(self):
        if self.generator is None:
            yield from self.rows.split(self.batch_size)
            return
        n_rows = len(self.rows)
        order = torch.randperm(n_rows, generator=self.generator, device="cpu")
        for index in order.to(self.rows.device).split(self.batch_size):
            yield self.rows[index]


class AutoencoderNet(NeuralNet):
    """skorch's NeuralNet for autoencoders, with an epoch that does little but train.

    It differs from its parent in that its batches are slices of one tensor, that
    callbacks which do not look at batches cost nothing per batch, that a failure
    leaves the weights of the last full epoch, and that Ctrl-C reaches the caller.

    Parameters
    ----------
    encoder, decoder : Coder
        Fresh networks; the net trains them in place.
    generator : torch.Generator or None
        Draws the order of the rows in each epoch; None keeps it.
    lr_schedule : callable or None
        Maps the share of steps done, in [0, 1], to a share of `lr`.
    n_held_out : int
        Number of rows that are not trained on, but validated on after each epoch:
        drawn by the generator, or the last ones without.
    **net_params
        Parameters of `skorch.NeuralNet`.

    Attributes
    ----------
    loss_curve_ : list of float
        Mean training loss of each full epoch that the present weights come from; empty
        where training failed and the weights are of no use.
    """

    def __init__(
        self, encoder, decoder, *, generator, lr_schedule, n_held_out, **net_params
    ):
        super().__init__(
            Autoencoder,
            module__encoder=encoder,
            module__decoder=decoder,
            predict_nonlinearity=decoder.activation,
            train_split=None,
            **net_params,
        )
        self.lr_schedule = lr_schedule
        self.n_held_out = n_held_out
        self.generator_ = generator
        self.loss_curve_ = []
        self.validation_loss_curve_ = []

    def get_default_callbacks(self):
        """skorch's own, without the one that prints."""
        return [
            ("skae_epoch_timer", EpochTimer()),
            ("skae_train_loss", PassthroughScoring(name="train_loss", on_train=True)),
            ("skae_valid_loss", PassthroughScoring(name="valid_loss")),
        ]

    # Training ---------------------------------------------------------------------

    def train(self, rows):
        """Train anew on `rows`, a float32 tensor (n_samples, n_features).

        Raises whatever stops it early, after going back to the last full epoch.
        """
        self.initialize()
        rows = rows.to(self.device)
        try:
            self.notify("on_train_begin", X=rows, y=rows)
            self.fit_loop(rows, rows)
            self.notify("on_train_end", X=rows, y=rows)
            self._check_finite(self.loss_curve_[-1])  # callbacks may change weights
        except BaseException:
            self._return_to_last_full_epoch()
            raise
        finally:
            self._set_training(False)
            self.last_weights_ = None
        return self

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Run the epochs, until they are done or a callback asks to stop."""
        rows, held_out = self._hold_out(X)
        datasets = {
            "dataset_train": self.get_dataset(rows, rows),
            "dataset_valid": None if held_out is None else Dataset(held_out, held_out),
        }
        batches = self.get_iterator(datasets["dataset_train"], training=True)
        epochs = self.max_epochs if epochs is None else epochs
        self.n_steps_, self.step_ = epochs * len(batches), 0
        with _progress(epochs, self.verbose) as show:
            for _ in range(epochs):
                wants_to_stop = self._run_epoch(batches, datasets, **fit_params)
                show(self.loss_curve_[-1])
                if wants_to_stop:
                    break
        return self

    def _hold_out(self, rows):
        """The rows to train on and those to validate on, None where there are none."""
        if not self.n_held_out:
            return rows, None
        if self.generator_ is not None:
            order = torch.randperm(len(rows), generator=self.generator_, device="cpu")
            rows = rows[order.to(rows.device)]
        return rows[: -self.n_held_out], rows[-self.n_held_out :]

    def _run_epoch(self, batches, datasets, **fit_params):
        """One epoch; whether a callback wants it to be the last one."""
        self.notify("on_epoch_begin", **datasets)
        self.run_single_epoch(
            batches, training=True, prefix="train", step_fn=self.train_step, **fit_params
        )
        loss, validation_loss = self._mean_loss("train"), None
        self._check_finite(loss)
        if datasets["dataset_valid"] is not None:
            held_out = self.get_iterator(datasets["dataset_valid"])
            self.run_single_epoch(
                held_out, training=False, prefix="valid", step_fn=self.validation_step
            )
            validation_loss = self._mean_loss("valid")
        self._keep_weights(loss, validation_loss)
        try:
            self.notify("on_epoch_end", **datasets)
        except KeyboardInterrupt as interrupt:
            if not raised_by_statement(interrupt):
                raise
            return True
        return False

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the batches; skorch's own where a callback looks at each."""
        if any(looks_at_batches(callback) for _, callback in self.callbacks_):
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        self._set_training(training)
        step = self._lean_step if training else self._lean_loss
        loss_sum, n_rows = 0.0, 0
        for rows, _ in iterator:
            loss_sum = loss_sum + step(rows).detach() * len(rows)
            n_rows += len(rows)
        self.history.new_batch()
        self.history.record_batch(f"{prefix}_loss", float(loss_sum) / n_rows)
        self.history.record_batch(f"{prefix}_batch_size", n_rows)
        self.history.record(f"{prefix}_batch_count", len(iterator))

    @torch.no_grad()
    def _lean_loss(self, rows):
        return self.criterion_(self.module_(rows), rows)

    def _lean_step(self, rows):
        """One optimizer step without skorch's calls around it; the loss before it."""

        def loss_with_gradient():
            self.optimizer_.zero_grad()
            loss = self.criterion_(self.module_(rows), rows)
            loss.backward()
            return loss

        return self._step_optimizer(loss_with_gradient)

    def _step_optimizer(self, step_fn):
        if self.lr_schedule is not None:
            share = self.lr_schedule(self.step_ / max(self.n_steps_ - 1, 1))
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * share
        self.step_ += 1
        return self.optimizer_.step(step_fn)

    def get_iterator(self, dataset, training=False):
        """The batches of a dataset's rows, shuffled while training."""
        rows = dataset.X
        if not isinstance(rows, torch.Tensor):
            rows = torch.as_tensor(rows, device="cpu")
        return Batches(rows, self.batch_size, self.generator_ if training else None)

    def get_dataset(self, X, y=None):
        """skorch's dataset, without a look at each row."""
        return X if isinstance(X, Dataset) else Dataset(X, y)

    def user_callbacks(self):
        """The (name, callback) pairs that are not our own."""
        return [pair for pair in self.callbacks_ if not pair[0].startswith("skae_")]

    # What a failure leaves --------------------------------------------------------

    def _mean_loss(self, prefix):
        """The mean loss of the epoch at hand, each batch weighted by its rows."""
        wanted = [f"{prefix}_loss", f"{prefix}_batch_size"]
        losses, sizes = zip(*self.history[-1, "batches", :, wanted], strict=True)
        loss = float(np.average(losses, weights=sizes))
        self.history.record(f"{prefix}_loss", loss)
        return loss

    def _check_finite(self, loss):
        """Give up, with nothing to return to, where training left the finite numbers."""
        peaks = torch.stack([w.detach().abs().max() for w in self.module_.parameters()])
        if math.isfinite(loss) and bool(peaks.isfinite().all()):
            return
        self.loss_curve_ = []
        raise ValueError(
            f"Training diverged in epoch {len(self.history)}: the loss is {loss:.5g} and "
            f"the largest weight {float(peaks.max()):.5g}. Scale X, for example with "
            f"StandardScaler or MinMaxScaler, or lower lr, which is {self.lr:g}."
        )

    def _keep_weights(self, loss, validation_loss):
        """Remember the weights at the end of a full epoch, all of them or none."""
        state = self.module_.state_dict()
        self.last_weights_ = {name: weights.clone() for name, weights in state.items()}
        self.validation_loss_curve_.append(validation_loss)
        self.loss_curve_.append(loss)

    def _return_to_last_full_epoch(self):
        if self.loss_curve_:
            self.module_.load_state_dict(self.last_weights_)
            del self.history[len(self.loss_curve_) :]
            del self.validation_loss_curve_[len(self.loss_curve_) :]

    # Saving -----------------------------------------------------------------------

    def __getstate__(self):
        """The weights once and on the CPU; nothing that only training needs."""
        module = self.module_
        if any(weights.device.type != "cpu" for weights in module.state_dict().values()):
            module = copy.deepcopy(module).cpu()
        return vars(self) | {
            "module_": module,
            "module__encoder": module.encoder,
            "module__decoder": module.decoder,
            "callbacks": None,
            "callbacks_": [(name, to_save(cb)) for name, cb in self.callbacks_],
            "device": "cpu",
            "optimizer_": None,
            "generator_": None,
        }

    def __setstate__(self, state):
        vars(self).update(state)


def _optimizer_class(optimizer):
    """The class behind a `functools.partial`, or what was given."""
    return getattr(optimizer, "func", optimizer)


@contextlib.contextmanager
def _progress(epochs, verbose):
    """A function that shows the loss of one more epoch, in a bar where verbose.

    Where the bar cannot be redrawn, as in a log file, it is a line in ten seconds.
    """
    if not verbose or sys.stderr is None:
        yield lambda loss: None
        return
    redrawn = sys.stderr.isatty() or issubclass(tqdm, tqdm_notebook)
    interval = 0.1 if redrawn else 10
    with tqdm(total=epochs, desc="epochs", unit="epoch", mininterval=interval) as bar:

        def show(loss):
            bar.set_postfix(loss=f"{loss:.5g}", refresh=False)
            bar.update()

        yield show
