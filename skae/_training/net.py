"""The training engine: skorch's NeuralNet with epochs and steps for autoencoders."""

import contextlib
import math
import sys

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer, PassthroughScoring
from skorch.dataset import Dataset, unpack_data
from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

from skae._data.batches import ArraySource, Batches, DeviceSource, make_source
from skae._random import on_device
from skae._training import resume
from skae._training.callbacks import (
    asks_to_stop,
    explain_missing_key,
    has_batch_hooks,
    picklable_callback,
)
from skae._training.manual_gradient import manual_gradient
from skae._training.optimizers import STEPS_BETWEEN_FLUSHES, flush_denormals
from skae._training.precision import autocast, float32_products
from skae._training.threads import is_small_step, one_thread
from skae.exceptions import NonFiniteError, StopTraining
from skae.nn.autoencoder import Autoencoder
from skae.nn.copying import copy_module
from skae.nn.linear_path import decaying_weights
from skae.nn.losses import LearnedScaleLoss
from skae.nn.noise import PartOfNoise

# Parts of torch's RuntimeErrors about exhausted CPU memory.
ALLOCATION_SIGNS = ("can't allocate memory", "not enough memory")

# Part of torch's error about batch normalization of one sample.
ONE_SAMPLE_SIGN = "Expected more than 1 value per channel"

# Squares of larger weights overflow in float32.
MAX_WEIGHT = 1e18


class RowsDataset(Dataset):
    """Data set for the hooks of skorch's callbacks.

    Parameters
    ----------
    source : ArraySource, DeviceSource, HostSource or StreamSource
    index : torch.Tensor or None
        Indices of its samples in `source`; None for all.
    standardizer : Standardizer or None, default=None
        Maps the samples of a source that are standardised back to their units.
    """

    def __init__(self, source, index=None, standardizer=None):
        self.source = source
        self.index = index
        self.standardizer = standardizer

    def __len__(self):
        return len(self.source) if self.index is None else len(self.index)

    @property
    def X(self):
        """Samples in float32, (n_samples, n_features), read on access."""
        return self._read(self.index, max(len(self), 1))

    y = X

    def __getitem__(self, number):
        index = (
            torch.arange(len(self), device="cpu") if self.index is None else self.index
        )
        row = self._read(index[[number]], 1)[0]
        return row, row

    def subset(self, index):
        """Return the data set of the samples at sorted indices, an ndarray."""
        return RowsDataset(self.source, torch.from_numpy(index), self.standardizer)

    def _read(self, index, n_rows):
        X, _ = next(iter(Batches(self.source, n_rows, index=index)))
        return self.standardizer.inverse(X) if self.source.is_standardized else X


class AutoencoderNet(NeuralNet):
    """skorch's NeuralNet for autoencoders, with little overhead per batch.

    Its batches are slices of one array or stream. Callbacks without batch-level hooks
    cost nothing per batch. A failure leaves the weights of the last full epoch, and
    Ctrl-C reaches the caller. Only the estimators create and train it: skorch's own
    `fit`, `partial_fit` and `clone` are not supported.

    Parameters
    ----------
    encoder, decoder : torch.nn.Module
        Fresh modules, trained in place.
    corruption : torch.nn.Module or None
        Corrupts the samples to encode in training.
    generator : torch.Generator
        Source of the order of the samples in each epoch, and of noise.
    shuffle : bool
        Whether the order is random.
    lr_factor : float
        Factor of `lr`.
    lr_schedule : callable or None
        Maps the fraction of completed steps to a factor of `lr`, both in [0, 1].
    network_decay : float
        Decay of the networks beside the linear maps: after each step, those of their
        weights that have a gradient are multiplied by 1 - `network_decay` * learning
        rate.
    n_held_out : int
        Size of the validation set.
    precision : {"float32", "tf32", "bfloat16"}
        Precision of the products in a training step.
    max_grad_norm : float or None
        Maximum norm of the gradient; a larger one is scaled down to it.
    resumable : bool
        Whether a saved net holds the state of the optimizer.
    **net_params
        Parameters of `skorch.NeuralNet`.

    Attributes
    ----------
    loss_curve_ : list of float
        Mean training loss of each full epoch; empty if training diverged.
    validation_loss_curve_ : list of float or None
        Mean validation loss after each full epoch; None without a validation set.
    is_trained_ : bool
        Whether training ended without an exception.
    """

    # skorch registers these when an optimizer is created, which a loaded net has not.
    prefixes_ = [*NeuralNet.prefixes_, "optimizer"]
    cuda_dependent_attributes_ = ["optimizer_"]
    _optimizers = ["optimizer"]

    def __init__(
        self,
        encoder,
        decoder,
        corruption,
        *,
        generator,
        shuffle,
        lr_factor,
        lr_schedule,
        network_decay,
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
            predict_nonlinearity=decoder.finish,
            train_split=None,
            **net_params,
        )
        self.shuffle = shuffle
        self.lr_factor = lr_factor
        self.lr_schedule = lr_schedule
        self.network_decay = network_decay
        self.n_held_out = n_held_out
        self.precision = precision
        self.max_grad_norm = max_grad_norm
        self.resumable = resumable
        self.generator_ = generator
        self.saved_ = self.last_epoch_ = None
        self.noise_source_ = self.noise_ = None
        self.decaying_ = ()
        self.n_steps_so_far_ = 0
        self.loss_curve_ = []
        self.validation_loss_curve_ = []
        self.is_trained_ = False
        self.is_restored_ = False
        self.checkpoints_ = self.group_ = self.batches_ = self.tasks_ = None

    def initialize_optimizer(self, triggered_directly=None):
        """Create the optimizer; in a loaded net, only further training does so."""
        if not self.is_restored_:
            return super().initialize_optimizer()
        self.optimizer_ = None
        return self

    def get_params_for_optimizer(self, prefix, named_parameters):
        """Return the arguments for the optimizer; its learning rate is scaled."""
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        return args, kwargs | {"lr": self.lr * self.lr_factor}

    def get_default_callbacks(self):
        """Return skorch's default callbacks, without the one that prints."""
        return [
            ("skae_epoch_timer", EpochTimer()),
            ("skae_train_loss", PassthroughScoring(name="train_loss", on_train=True)),
            ("skae_valid_loss", PassthroughScoring(name="valid_loss")),
        ]

    # Training ---------------------------------------------------------------------

    def train(
        self,
        rows,
        start=None,
        *,
        index=None,
        validation=None,
        epochs=None,
        checkpoints=None,
        group=None,
    ):
        """Train for all epochs, from the weights of another net if given.

        Parameters
        ----------
        rows : Rows
        start : AutoencoderNet, default=None
        index : ndarray of int, default=None
            Sorted indices of the samples to train on; None for all.
        validation : ndarray of int, default=None
            Sorted indices of the validation set; None for no validation.
        epochs : int, default=None
            Number of epochs; None is the parameter `max_epochs`.
        checkpoints : Checkpoints, default=None
            Where training starts, if there is one, and where it is saved.
        group : Group, default=None
            The processes that train the net together; None for this one alone.
        """
        self.checkpoints_ = checkpoints
        try:
            self.initialize()
        except (TypeError, ValueError, AssertionError) as error:
            reason = str(error).rstrip(".")
            if not hasattr(self, "module_"):  # skorch initializes the callbacks first
                raise ValueError(f"callbacks is invalid: {reason}.") from error
            raise ValueError(
                f"The optimizer cannot be created with optimizer={self.optimizer!r} and "
                f"lr={self.lr:g}: {reason}. Check the arguments of a partial, and that "
                "the networks have parameters to train."
            ) from error
        if start is not None:
            resume.start_from(self, start)
        epochs = self.max_epochs if epochs is None else epochs
        self._train(rows, epochs, index, validation, group)

    def train_one_epoch(self, rows, *, index=None, validation=None, group=None):
        """Train for one more epoch, on any samples."""
        self._train(rows, 1, index, validation, group)

    def _train(self, rows, epochs, index, validation, group):
        self.is_trained_ = False
        try:
            if group is not None:
                self._join(group)
            self._train_on_device(rows, epochs, index, validation)
            self.is_trained_ = True
        except NonFiniteError:
            rows.range()  # raises, if the cause is that X has changed
            raise
        except ValueError as error:
            if ONE_SAMPLE_SIGN not in str(error):
                raise
            raise ValueError(
                f"X has {len(rows)} sample{'s' * (len(rows) > 1)} and batch_size="
                f"{self.batch_size}, but the networks contain batch normalization, which "
                "cannot be trained on a batch of one sample. Use a larger batch_size or "
                "more samples."
            ) from error
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            if not _is_out_of_memory(error):
                raise
            raise MemoryError(self._out_of_memory_message(rows, error)) from error
        finally:
            self.use_last_epoch()

    def _train_on_device(self, rows, epochs, index, validation):
        device = torch.device(self.device)
        # Optimizers may create tensors on the default device, which the caller can set.
        is_default = torch.get_default_device().type == device.type
        with contextlib.nullcontext() if is_default else device:
            # Samples for outputs in a range such as [0, 1] are not far from 0.
            standardizer = self.module_.decoder.standardizer
            source = make_source(rows, device, standardizer)
            dataset = RowsDataset(source, standardizer=standardizer)
            train_set, validation_set = (
                None if i is None else dataset.subset(i) for i in (index, validation)
            )
            if self.module_.is_random:
                self.noise_source_ = on_device(self.generator_, device)
            if train_set is not None and validation_set is None:
                dataset = train_set
            self.notify("on_train_begin", X=dataset, y=None)
            with one_thread(is_small_step(self.module_, self.batch_size)):
                self.fit_loop(
                    dataset if train_set is None else train_set,
                    validation_set,
                    epochs=epochs,
                )
            if epochs:  # callbacks read the history
                self.notify("on_train_end", X=dataset, y=None)
            if self.loss_curve_ and self.user_callbacks():  # may have changed weights
                self._check_finite(self.loss_curve_[-1])

    def _join(self, group):
        """Train together with other processes, from the same weights."""
        self.group_ = group
        group.copy_from_first(self.module_.state_dict().values())
        for part in self.criterion_.modules():
            if isinstance(part, LearnedScaleLoss):
                part.gather = self._gather_own

    def _gather_own(self, values):
        is_empty = self.batches_.part.n_own == 0
        return self.group_.gather(torch.zeros_like(values) if is_empty else values)

    def use_last_epoch(self):
        """End training; after a failure, with the weights of the last full epoch.

        It is called again if an interruption may have cut it short.
        """
        if not self.is_trained_ and self.last_epoch_ is not None:
            weights, self.loss_curve_, self.validation_loss_curve_ = self.last_epoch_
            self.module_.load_state_dict(weights)
            del self.history[len(self.loss_curve_) :]
        if getattr(self, "optimizer_", None) is not None:
            self.optimizer_.zero_grad()  # gradients are as large as the weights
        if hasattr(self, "module_"):
            self.module_.eval()
        for part in self.criterion_.modules() if self.group_ is not None else ():
            if isinstance(part, LearnedScaleLoss):
                part.gather = None
        self.last_epoch_ = self.noise_source_ = self.noise_ = None
        self.decaying_ = ()
        self.checkpoints_ = self.group_ = self.batches_ = self.tasks_ = None

    def continue_from(self, loss_curve, validation_loss_curve):
        """Take the present weights for those after the last epoch of these curves."""
        state = self.module_.state_dict()
        weights = {name: tensor.clone() for name, tensor in state.items()}
        self.last_epoch_ = weights, loss_curve, validation_loss_curve
        self.loss_curve_, self.validation_loss_curve_ = loss_curve, validation_loss_curve

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Run the epochs until they are complete or a callback stops training.

        Parameters
        ----------
        X, y : RowsDataset
            Training samples, and the validation set, None if there is none.
        epochs : int
        """
        datasets = {"dataset_train": X, "dataset_valid": y}
        batches = self.get_iterator(X, training=True)
        self.n_steps_, self.step_ = epochs * len(batches), 0
        n_before, checkpoints = len(self.loss_curve_), self.checkpoints_
        has_ended = epochs == 0
        if checkpoints is not None:
            has_ended = checkpoints.restore(self) or has_ended
        n_done = len(self.loss_curve_) - n_before
        if self.tasks_ is not None:
            self.tasks_.begin(epochs - n_done)
        with _progress(epochs, self.verbose and epochs, n_done) as show:
            while not has_ended:
                stops = self._run_epoch(batches, datasets, **fit_params)
                show(self.loss_curve_[-1])
                n_done += 1
                has_ended = stops or n_done == epochs
                if checkpoints is not None:
                    checkpoints.save_if_due(self, has_ended=has_ended)
        return self

    def _run_epoch(self, batches, datasets, **fit_params):
        """Run one epoch; return whether a callback stops training."""
        if self.tasks_ is not None:
            self.tasks_.begin_epoch()
        self.notify("on_epoch_begin", **datasets)
        self._check_trainable()  # callbacks may freeze weights
        with float32_products(self.precision, self.device):
            loss = self._pass_over(batches, "train", self.train_step, **fit_params)
        self._check_finite(loss)
        if self.group_ is not None:  # such as those of batch normalization
            self.group_.copy_from_first(self.module_.buffers())
        validation_loss = None
        if datasets["dataset_valid"] is not None:
            held_out = self.get_iterator(datasets["dataset_valid"])
            with float32_products("float32", self.device):
                validation_loss = self._pass_over(held_out, "valid", self.validation_step)
        self._keep_epoch(loss, validation_loss)
        stops = self._ask_to_stop(datasets)
        if self.tasks_ is not None:
            stops = self.tasks_.end_epoch(loss, validation_loss) or stops
        return stops if self.group_ is None else self.group_.any(stops)

    def _ask_to_stop(self, datasets):
        """Notify the callbacks of the end of an epoch; return whether one stops."""
        try:
            self.notify("on_epoch_end", **datasets)
        except StopTraining:
            return True
        except KeyboardInterrupt:
            if not any(asks_to_stop(callback) for _, callback in self.callbacks_):
                raise
            return True
        except KeyError as error:
            explain_missing_key(error, self.callbacks_, self.history)
            raise
        return False

    def _pass_over(self, batches, prefix, step_fn, **fit_params):
        """Train or validate on all batches; return their mean loss."""
        training, self.batches_ = prefix == "train", batches
        if self.noise_source_ is not None:
            fixed = torch.Generator(self.device).manual_seed(0)
            self.noise_ = self.noise_source_ if training else fixed
            if self.group_ is not None:
                self.noise_ = PartOfNoise(self.noise_, batches)
        try:
            if training and self.network_decay:
                self.decaying_ = decaying_weights(self.module_)
            self.run_single_epoch(
                batches, training=training, prefix=prefix, step_fn=step_fn, **fit_params
            )
        finally:
            self.noise_, self.decaying_ = None, ()
        return self._mean_loss(prefix)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run all batches; with skorch's loop if a callback has batch-level hooks."""
        if any(has_batch_hooks(callback) for _, callback in self.callbacks_):
            self._run_with_hooks(iterator, training, prefix, step_fn, **fit_params)
            return
        self._set_training(training)
        step = self._choose_step() if training else self._validation_loss
        loss_sum, n_rows = 0.0, 0
        for X, target in iterator:
            n_batch = len(X) if iterator.part is None else iterator.part.n_batch
            loss_sum = loss_sum + step(X, target).detach() * n_batch
            n_rows += n_batch
        self.history.new_batch()
        mean_loss = self._in_units(float(loss_sum) / n_rows)
        self._record_batch(prefix, mean_loss, n_rows)
        self.history.record(f"{prefix}_batch_count", len(iterator))

    def _run_with_hooks(self, iterator, training, prefix, step_fn, **fit_params):
        """Run all batches as skorch does, with the callbacks' batch-level hooks."""
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            part = iterator.part
            n_batch = len(batch[0]) if part is None else part.n_batch
            self._record_batch(prefix, step["loss"].item(), n_batch)
            self.notify("on_batch_end", batch=batch, training=training, **step)
        self.history.record(f"{prefix}_batch_count", len(iterator))

    def _record_batch(self, prefix, loss, n_batch):
        self.history.record_batch(f"{prefix}_loss", loss)
        self.history.record_batch(f"{prefix}_batch_size", n_batch)

    def _mean_loss(self, prefix):
        """Return the mean loss of the current epoch, weighted by batch size."""
        wanted = [f"{prefix}_loss", f"{prefix}_batch_size"]
        losses, sizes = zip(*self.history[-1, "batches", :, wanted], strict=True)
        loss = float(np.average(losses, weights=sizes))
        self.history.record(f"{prefix}_loss", loss)
        return loss

    # Steps ------------------------------------------------------------------------

    def _choose_step(self):
        """Return the function for the steps of this epoch: it returns the batch loss."""
        loss_with_gradient = self._autograd
        if torch.device(self.device).type == "cpu" and self.precision != "bfloat16":
            manual = manual_gradient(self.module_, self.criterion_, self.noise_)
            if manual is not None:
                loss_with_gradient = manual

        def step(X, target):
            def closure():
                loss = loss_with_gradient(X, target, self._batch_weight(X))
                return self._finish_gradient(loss)

            return self._step_optimizer(closure)

        return step

    def _autograd(self, X, target, weight):
        """Compute the gradient of the weighted loss of a batch; return the loss."""
        self.optimizer_.zero_grad()
        loss = self.criterion_(self.infer(X), target)
        (loss if weight == 1.0 else loss * weight).backward()
        return loss.detach()

    def _batch_weight(self, X):
        """Return the weight of a batch, proportional to its number of samples.

        The gradient of a likelihood with learned scale is proportional to 1 / error,
        which can be arbitrarily large for the few samples of a short last batch.
        """
        part = self.batches_.part
        return (len(X) if part is None else part.n_own) / self.batch_size

    def _finish_gradient(self, loss):
        """Sum the gradient over the processes and clip it; return the batch loss."""
        if self.group_ is not None:
            loss = self.group_.sum_gradients(self.module_, loss, self.batches_.part)
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.module_.parameters(), self.max_grad_norm)
        return loss

    def train_step_single(self, batch, **fit_params):
        """Compute loss and gradient of a batch, if a callback has batch-level hooks."""
        self._set_training(True)
        X, target = unpack_data(batch)
        outputs = self.infer(X, **fit_params)
        loss = self.get_loss(outputs, target, X=X, training=True)
        (loss * self._batch_weight(X)).backward()
        loss = self._finish_gradient(loss.detach())
        return {"loss": self._in_units(loss), "y_pred": outputs}

    def infer(self, x, **fit_params):
        """Return the outputs of the module in float32; in training, use `precision`."""
        if self.noise_ is not None:
            fit_params = fit_params | {"generator": self.noise_}
        if self.precision != "bfloat16" or not self.module_.training:
            return super().infer(x, **fit_params)
        with autocast(self.precision, self.device):
            outputs = super().infer(x, **fit_params)
        return tuple(output.float() for output in outputs)

    @torch.no_grad()
    def _validation_loss(self, X, target):
        return self._mean_over_processes(self.criterion_(self.infer(X), target))

    def validation_step(self, batch, **fit_params):
        """Compute the loss of a batch, if a callback has batch-level hooks."""
        step = super().validation_step(batch, **fit_params)
        return step | {"loss": self._in_units(self._mean_over_processes(step["loss"]))}

    def _mean_over_processes(self, loss):
        """Return the mean loss of a batch for that of the own samples."""
        if self.group_ is None:
            return loss
        part = self.batches_.part
        if part.n_own == 0:
            return self.group_.sum(torch.zeros_like(loss))
        return self.group_.sum(loss * (part.n_own / part.n_batch))

    def _in_units(self, loss):
        """Return a loss for standardised samples in units of the data."""
        standardizer = self.module_.decoder.standardizer
        if standardizer is None:
            return loss
        return self.criterion_.in_units(loss, float(standardizer.scale))

    def _step_optimizer(self, step_fn):
        if self.lr_schedule is not None:
            share = self.lr_schedule(self.step_ / max(self.n_steps_ - 1, 1))
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * self.lr_factor * share
        self.step_ += 1
        self.n_steps_so_far_ += 1
        if self.n_steps_so_far_ % STEPS_BETWEEN_FLUSHES == 0:
            flush_denormals(self.optimizer_)
        loss = self.optimizer_.step(step_fn)
        self._decay()
        return loss

    @torch.no_grad()
    def _decay(self):
        if not self.decaying_:
            return
        factor = 1 - self.network_decay * self.optimizer_.param_groups[0]["lr"]
        for weights in self.decaying_:
            if weights.grad is not None:
                weights.mul_(max(factor, 0.0))

    # Data -------------------------------------------------------------------------

    def get_iterator(self, dataset, training=False):
        """Return the batches of a data set, shuffled in training."""
        generator = self.generator_ if training and self.shuffle else None
        if not isinstance(dataset, RowsDataset):
            dataset = self.get_dataset(dataset.X)
        return Batches(
            dataset.source,
            int(self.batch_size),
            generator,
            dataset.index,
            self._pairs(dataset.source),
            None if self.group_ is None else self.group_.share,
        )

    def _pairs(self, source):
        """Return the function from a batch of a source to input and target."""
        standardize = self.module_.encoder.standardizer
        if standardize is None or source.is_standardized:
            return None
        if self.module_.decoder.standardizer is None:
            return lambda X: (standardize(X), X)

        def standardized_twice(X):
            X = standardize(X)
            return X, X

        return standardized_twice

    def get_dataset(self, X, y=None):
        """Return a data set of samples in memory, as given to `predict`."""
        if isinstance(X, Dataset):
            return X
        if torch.is_tensor(X):
            return RowsDataset(DeviceSource(X.to(self.device)))
        return RowsDataset(ArraySource(np.asarray(X)))

    def user_callbacks(self):
        """Return the (name, callback) pairs that are not skae's own."""
        return [pair for pair in self.callbacks_ if not pair[0].startswith("skae_")]

    # Failures ---------------------------------------------------------------------

    def _check_trainable(self):
        if not any(weights.requires_grad for weights in self.module_.parameters()):
            raise ValueError(
                "There is nothing to train: no parameter of the networks requires a "
                "gradient. If a callback such as Freezer freezes all, freeze fewer."
            )

    def _check_finite(self, loss):
        """Raise an error, and discard the last epoch, if training has diverged."""
        weights = [w.detach() for w in self.module_.parameters()]
        largest = float(torch.nn.utils.get_total_norm(weights, math.inf))
        if math.isfinite(loss) and largest < MAX_WEIGHT:
            return
        self.loss_curve_, self.last_epoch_ = [], None
        raise NonFiniteError(
            f"Training diverged in epoch {len(self.history)}: the loss is {loss:.5g} and "
            f"the largest weight is {largest:.5g}. Scale X, for example with "
            f"StandardScaler or MinMaxScaler, or lower the learning rate, lr={self.lr:g}."
        )

    def _keep_epoch(self, loss, validation_loss):
        """Store weights and loss curves of a full epoch, in one assignment."""
        self.continue_from(
            [*self.loss_curve_, loss], [*self.validation_loss_curve_, validation_loss]
        )

    def _out_of_memory_message(self, rows, error):
        weights = sum(w.nbytes for w in self.module_.state_dict().values()) / 2**20
        batch = 4 * self.batch_size * rows.n_features / 2**20
        way_out = "" if self.device == "cpu" else ", or device='cpu'"
        return (
            f"The memory of device {self.device!r} is too small for training: the "
            f"networks have {weights:.0f} MiB of weights, the optimizer state needs a "
            f"multiple of that, and a batch of {self.batch_size} samples needs "
            f"{batch:.1f} MiB plus its activations. torch reports: {error}. Lower "
            f"batch_size or n_components, or use smaller layers{way_out}."
        )

    # Saving -----------------------------------------------------------------------

    def __getstate__(self):
        """Return the weights, once and on the CPU, and what further training needs."""
        module = self.module_
        if any(weights.device.type != "cpu" for weights in module.state_dict().values()):
            module = copy_module(module).cpu()
        return vars(self) | {
            "module_": module,
            "module__encoder": module.encoder,
            "module__decoder": module.decoder,
            "callbacks": None,
            "callbacks_": [
                (name, picklable_callback(cb)) for name, cb in self.callbacks_
            ],
            "device": "cpu",
            "optimizer_": None,
            "generator_": None,
            "saved_": resume.state_to_save(self),
            "last_epoch_": None,
            "noise_source_": None,
            "noise_": None,
            "decaying_": (),
            "group_": None,
            "batches_": None,
            "tasks_": None,
        }

    def __setstate__(self, state):
        vars(self).update(state)


def _is_out_of_memory(error):
    is_cpu = any(sign in str(error) for sign in ALLOCATION_SIGNS)
    return isinstance(error, torch.OutOfMemoryError) or is_cpu


@contextlib.contextmanager
def _progress(epochs, verbose, initial):
    """Yield a function that shows the loss of an epoch, in a progress bar if verbose.

    Where a bar cannot be redrawn, as in a log file, it is written every ten seconds.
    """
    if not verbose or sys.stderr is None:
        yield lambda loss: None
        return
    is_redrawn = sys.stderr.isatty() or issubclass(tqdm, tqdm_notebook)
    interval = 0.1 if is_redrawn else 10
    options = {"desc": "epochs", "unit": "epoch", "mininterval": interval}
    with tqdm(total=epochs, initial=initial, **options) as bar:

        def show(loss):
            bar.set_postfix(loss=f"{loss:.5g}", refresh=False)
            bar.update()

        yield show
