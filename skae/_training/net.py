"""The training engine: the skorch net of this package, its epochs and its steps."""

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

from skae._data.batches import Batches, Resident, place
from skae._random import on_device
from skae._training import resume as resuming
from skae._training.callbacks import looks_at_batches, raised_by_statement, to_save
from skae._training.manual_gradient import written_out
from skae._training.optimizers import STEPS_BETWEEN_DROPS, drop_negligible
from skae._training.precision import autocast, float32_products
from skae.nn.autoencoder import Autoencoder


class RowsDataset(Dataset):
    """What skorch's callbacks are given for a data set; they rarely look inside.

    Parameters
    ----------
    source : Resident, Hosted or Streamed
    index : torch.Tensor or None
        Numbers of its rows in `source`; None for all.
    """

    def __init__(self, source, index=None):
        self.source = source
        self.index = index

    def __len__(self):
        return len(self.source) if self.index is None else len(self.index)

    @property
    def X(self):
        """The rows, float32 (n_samples, n_features), read when asked for."""
        return next(iter(Batches(self.source, max(len(self), 1), index=self.index)))[0]

    y = X

    def __getitem__(self, number):
        index = (
            torch.arange(len(self), device="cpu") if self.index is None else self.index
        )
        [(row, _)] = Batches(self.source, 1, index=index[[number]])
        return row[0], row[0]


class AutoencoderNet(NeuralNet):
    """skorch's NeuralNet for autoencoders, with an epoch that does little but train.

    It differs from its parent in that its batches are slices of one tensor, or of a
    stream, that callbacks which do not look at batches cost nothing per batch, that a
    failure leaves the weights of the last full epoch, and that Ctrl-C reaches the caller.

    Parameters
    ----------
    encoder, decoder : Coder
        Fresh networks; the net trains them in place.
    corruption : torch.nn.Module or None
        What changes rows before they are encoded while training.
    generator : torch.Generator
        Draws the order of the rows in each epoch, and noise.
    shuffle : bool
        Whether it does; otherwise the order stays.
    lr_schedule : callable or None
        Maps the share of steps done, in [0, 1], to a share of `lr`.
    n_held_out : int
        Number of rows that are not trained on, but validated on after each epoch:
        drawn by the generator, or the last ones without `shuffle`.
    precision : {"float32", "tf32", "bfloat16"}
        What the products of a training step are computed in.
    max_grad_norm : float or None
        The greatest norm of a step's gradient; a longer one is shortened to it.
    resumable : bool
        Whether a saved net holds the optimizer's state, to train on as if never saved.
    **net_params
        Parameters of `skorch.NeuralNet`.

    Attributes
    ----------
    loss_curve_ : list of float
        Mean training loss of each full epoch that the present weights come from; empty
        where training failed and the weights are of no use.
    """

    def __init__(
        self,
        encoder,
        decoder,
        corruption,
        *,
        generator,
        shuffle,
        lr_schedule,
        n_held_out,
        precision,
        max_grad_norm,
        resumable,
        **net_params,
    ):
        super().__init__(
            Autoencoder,
            module__encoder=encoder,
            module__decoder=decoder,
            module__corruption=corruption,
            predict_nonlinearity=decoder.activation,
            train_split=None,
            **net_params,
        )
        self.shuffle = shuffle
        self.lr_schedule = lr_schedule
        self.n_held_out = n_held_out
        self.precision = precision
        self.max_grad_norm = max_grad_norm
        self.resumable = resumable
        self.generator_ = generator
        self.saved_ = self.last_weights_ = None
        self.noise_source_ = self.noise_ = None
        self.n_steps_so_far_ = 0
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

    def train(self, rows, start=None):
        """Train anew on `rows`, of class Rows; from the weights of another net if given.

        Raises whatever stops it early, after going back to the last full epoch.
        """
        self.initialize()
        if start is not None:
            resuming.start_from(self, start)
        self._train(rows, self.max_epochs)
        return self

    def train_on(self, rows, device, settings):
        """One more pass, over any rows, from where it stopped; an error undoes it.

        `settings` are parameters of this class that may have changed.
        """
        before = resuming.snapshot(self)
        try:
            resuming.get_ready(self, device, settings)
            self._train(rows, 1)
        except BaseException:
            resuming.restore(self, before)
            raise
        return self

    def _train(self, rows, epochs):
        try:
            dataset = RowsDataset(place(rows, torch.device(self.device)))
            if self.module_.is_random:
                device = torch.device(self.device)
                self.noise_source_ = on_device(self.generator_, device)
            self.notify("on_train_begin", X=dataset, y=None)
            self.fit_loop(dataset, epochs=epochs)
            self.notify("on_train_end", X=dataset, y=None)
            if self.user_callbacks():  # they may have changed weights
                self._check_finite(self.loss_curve_[-1])
        except torch.OutOfMemoryError as error:
            self._return_to_last_full_epoch()
            raise MemoryError(self._too_large(rows, error)) from error
        except BaseException:
            self._return_to_last_full_epoch()
            raise
        finally:
            self._set_training(False)
            if hasattr(self, "optimizer_") and self.optimizer_ is not None:
                self.optimizer_.zero_grad()
            self.last_weights_ = self.noise_source_ = None

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Run the epochs, until they are done or a callback asks to stop."""
        rows, held_out = self._hold_out(X)
        datasets = {"dataset_train": rows, "dataset_valid": held_out}
        batches = self.get_iterator(rows, training=True)
        epochs = self.max_epochs if epochs is None else epochs
        self.n_steps_, self.step_ = epochs * len(batches), 0
        with _progress(epochs, self.verbose) as show:
            for _ in range(epochs):
                wants_to_stop = self._run_epoch(batches, datasets, **fit_params)
                show(self.loss_curve_[-1])
                if wants_to_stop:
                    break
        return self

    def _hold_out(self, dataset):
        """The rows to train on and those to validate on, None where there are none."""
        if not self.n_held_out:
            return dataset, None
        order = torch.arange(len(dataset), device="cpu")
        if self.shuffle:
            order = torch.randperm(len(order), generator=self.generator_, device="cpu")
        parts = order[: -self.n_held_out], order[-self.n_held_out :]
        return tuple(RowsDataset(dataset.source, part.sort().values) for part in parts)

    def _run_epoch(self, batches, datasets, **fit_params):
        """One epoch; whether a callback wants it to be the last one."""
        self.notify("on_epoch_begin", **datasets)
        with float32_products(self.precision, self.device):
            loss = self._pass_over(batches, "train", self.train_step, **fit_params)
            self._check_finite(loss)
            validation_loss = None
            if datasets["dataset_valid"] is not None:
                held_out = self.get_iterator(datasets["dataset_valid"])
                validation_loss = self._pass_over(held_out, "valid", self.validation_step)
        self._keep_weights(loss, validation_loss)
        try:
            self.notify("on_epoch_end", **datasets)
        except KeyboardInterrupt as interrupt:
            if not raised_by_statement(interrupt):
                raise
            return True
        return False

    def _pass_over(self, batches, prefix, step_fn, **fit_params):
        """Train, or validate, on all batches; their mean loss."""
        training = prefix == "train"
        if self.noise_source_ is not None:
            always_the_same = torch.Generator(self.device).manual_seed(0)
            self.noise_ = self.noise_source_ if training else always_the_same
        try:
            self.run_single_epoch(
                batches, training=training, prefix=prefix, step_fn=step_fn, **fit_params
            )
        finally:
            self.noise_ = None
        return self._mean_loss(prefix)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the batches; skorch's own where a callback looks at each."""
        if self._is_looked_at():
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        self._set_training(training)
        step = self._choose_step() if training else self._lean_loss
        loss_sum, n_rows = 0.0, 0
        for rows, _ in iterator:
            loss_sum = loss_sum + step(rows).detach() * len(rows)
            n_rows += len(rows)
        self.history.new_batch()
        self.history.record_batch(f"{prefix}_loss", float(loss_sum) / n_rows)
        self.history.record_batch(f"{prefix}_batch_size", n_rows)
        self.history.record(f"{prefix}_batch_count", len(iterator))

    def _is_looked_at(self):
        """Whether a callback looks at each batch."""
        return any(looks_at_batches(callback) for _, callback in self.callbacks_)

    def _mean_loss(self, prefix):
        """The mean loss of the epoch at hand, each batch weighted by its rows."""
        wanted = [f"{prefix}_loss", f"{prefix}_batch_size"]
        losses, sizes = zip(*self.history[-1, "batches", :, wanted], strict=True)
        loss = float(np.average(losses, weights=sizes))
        self.history.record(f"{prefix}_loss", loss)
        return loss

    @torch.no_grad()
    def _lean_loss(self, rows):
        return self.criterion_(self.infer(rows), rows)

    def _lean_step(self, rows):
        """One optimizer step without skorch's calls around it; the loss before it."""

        def loss_with_gradient():
            self.optimizer_.zero_grad()
            loss = self.criterion_(self.infer(rows), rows)
            loss.backward()
            self._clip_gradient()
            return loss

        return self.optimizer_.step(loss_with_gradient)

    def _dense_step(self, gradient):
        """A step like it, where the gradient is written out."""

        def step(rows):
            def loss_with_gradient():
                loss = gradient(rows)
                self._clip_gradient()
                return loss

            return self.optimizer_.step(loss_with_gradient)

        return step

    def train_step_single(self, batch, **fit_params):
        """skorch's own, which computes the gradient; it is clipped where asked."""
        step = super().train_step_single(batch, **fit_params)
        self._clip_gradient()
        return step

    def infer(self, x, **fit_params):
        """What the module puts out, in float32; while training, computed as asked."""
        if self.noise_ is not None:
            fit_params = fit_params | {"generator": self.noise_}
        if self.precision != "bfloat16" or not self.module_.training:
            return super().infer(x, **fit_params)
        with autocast(self.precision, self.device):
            outputs = super().infer(x, **fit_params)
        return tuple(output.float() for output in outputs)

    def _step_optimizer(self, step_fn):
        self._before_step()
        return self.optimizer_.step(step_fn)

    def _before_step(self):
        """Set the learning rate; on a CPU, keep denormal numbers away."""
        if self.lr_schedule is not None:
            share = self.lr_schedule(self.step_ / max(self.n_steps_ - 1, 1))
            for group in self.optimizer_.param_groups:
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].fill_(self.lr * share)
                else:
                    group["lr"] = self.lr * share
        self.step_ += 1
        self.n_steps_so_far_ += 1
        if self.n_steps_so_far_ % STEPS_BETWEEN_DROPS == 0:
            drop_negligible(self.optimizer_)

    def _clip_gradient(self):
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.module_.parameters(), self.max_grad_norm)

    def _choose_step(self):
        """A function that makes a step, in the quickest way there is for this epoch."""
        step = self._lean_step
        if torch.device(self.device).type == "cpu" and self.precision != "bfloat16":
            gradient = written_out(self.module_, self.criterion_)
            step = step if gradient is None else self._dense_step(gradient)

        def step_at_its_rate(rows):
            self._before_step()
            return step(rows)

        return step_at_its_rate

    def get_iterator(self, dataset, training=False):
        """The batches of a dataset's rows, shuffled while training."""
        generator = self.generator_ if training and self.shuffle else None
        if not isinstance(dataset, RowsDataset):
            dataset = self.get_dataset(dataset.X)
        return Batches(dataset.source, self.batch_size, generator, dataset.index)

    def get_dataset(self, X, y=None):
        """A data set of rows in memory, as they are given to `predict`."""
        if isinstance(X, Dataset):
            return X
        rows = torch.as_tensor(X, device=self.device)
        return RowsDataset(Resident(rows))

    def user_callbacks(self):
        """The (name, callback) pairs that are not our own."""
        return [pair for pair in self.callbacks_ if not pair[0].startswith("skae_")]

    # What a failure leaves --------------------------------------------------------

    def _check_finite(self, loss):
        """Give up, with nothing to return to, where training left the finite numbers."""
        weights = [w.detach() for w in self.module_.parameters()]
        peak = float(torch.nn.utils.get_total_norm(weights, math.inf))
        if math.isfinite(loss) and math.isfinite(peak):
            return
        self.loss_curve_ = []
        raise ValueError(
            f"Training diverged in epoch {len(self.history)}: the loss is {loss:.5g} and "
            f"the largest weight {peak:.5g}. Scale X, for example with "
            f"StandardScaler or MinMaxScaler, or lower lr, which is {self.lr:g}."
        )

    def _keep_weights(self, loss, validation_loss):
        """Remember the weights at the end of a full epoch, all of them or none."""
        state = self.module_.state_dict()
        self.last_weights_ = {name: weights.clone() for name, weights in state.items()}
        self.validation_loss_curve_.append(validation_loss)
        self.loss_curve_.append(loss)

    def _return_to_last_full_epoch(self):
        if self.loss_curve_ and self.last_weights_ is not None:
            self.module_.load_state_dict(self.last_weights_)
            del self.history[len(self.loss_curve_) :]
            del self.validation_loss_curve_[len(self.loss_curve_) :]

    def _too_large(self, rows, error):
        """What to say where the device's memory is not enough."""
        weights = sum(w.nbytes for w in self.module_.state_dict().values()) / 2**20
        batch = 4 * self.batch_size * rows.n_features / 2**20
        return (
            f"The memory of device {self.device!r} is too small to train with: weights "
            f"and optimizer state take {4 * weights:.0f} MiB, a batch of "
            f"{self.batch_size} rows {batch:.1f} MiB and what the layers make of it "
            f"more. torch says: {error}. Lower batch_size, make the layers smaller, or "
            "use device='cpu'."
        )

    # Saving -----------------------------------------------------------------------

    def __getstate__(self):
        """The weights once and on the CPU; of training only what may be gone on with."""
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
            "saved_": resuming.to_save(self),
            "last_weights_": None,
            "noise_source_": None,
            "noise_": None,
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
