"""The training engine: the skorch net of this package, its batches and its epochs."""

import contextlib
import copy
import math
import sys

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer, PassthroughScoring
from skorch.dataset import Dataset
from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

from skae.callbacks import looks_at_batches, raised_by_statement, to_save
from skae.networks import Autoencoder


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

    def _mean_loss(self, prefix):
        """The mean loss of the epoch at hand, each batch weighted by its rows."""
        wanted = [f"{prefix}_loss", f"{prefix}_batch_size"]
        losses, sizes = zip(*self.history[-1, "batches", :, wanted], strict=True)
        loss = float(np.average(losses, weights=sizes))
        self.history.record(f"{prefix}_loss", loss)
        return loss

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
