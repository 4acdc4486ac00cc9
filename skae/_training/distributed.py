"""Training of one model by several processes, such as those that torchrun starts.

Each process has a part of every batch. The sum of their gradients is that of one process
with the same batch, so that all have the same weights after each step.
"""

import atexit
import contextlib
import datetime
import multiprocessing
import os

import torch
from torch import distributed

from skae._data.share import Share
from skae.exceptions import DistributedError

# What torchrun, or any other launcher, sets in the environment of each process.
VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

# A process with another number was forked from the one that imported this module.
IMPORTED_IN = os.getpid()

# Seconds to wait for another process, unless the user has set up torch.distributed.
TIME_LIMIT = 600

# Seconds to wait for the reason why another process has failed.
FAREWELL_LIMIT = 60


@contextlib.contextmanager
def joined(wanted, device):
    """Yield the `Group` of the processes that train one model; None for a single one.

    An exception in one of the processes ends the training of all.

    Parameters
    ----------
    wanted : bool
        The parameter `distributed`.
    device : torch.device
    """
    if not wanted or not _is_launched():
        yield None
        return
    if device.type not in ("cpu", "cuda"):
        raise ValueError(
            f"device={str(device)!r} is invalid for several processes that train one "
            "model; must be 'cpu' or 'cuda'. With distributed=False, each trains alone."
        )
    if not distributed.is_initialized():
        _initialize()
    if distributed.get_world_size() == 1:
        yield None
        return
    group = Group(device)
    try:
        yield group
        group.any(False)  # all have ended, or none
    except BaseException as error:
        reason = group.part_after(error)
        if reason is None:
            raise
        raise DistributedError(reason) from error
    else:
        group.close()


def _is_launched():
    """Return whether this process is one of several that a launcher has started.

    Its own child processes, as of a search with n_jobs, have the same environment. Forked
    ones also have its connections, which they must not use.
    """
    if not distributed.is_available() or os.getpid() != IMPORTED_IN:
        return False
    if distributed.is_initialized():
        return True
    is_child = multiprocessing.parent_process() is not None
    return not is_child and os.environ.get("WORLD_SIZE", "1") != "1"


def _initialize():
    """Set up torch.distributed until this process ends."""
    given = {name: os.environ.get(name) for name in VARIABLES}
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        distributed.init_process_group(
            backend, timeout=datetime.timedelta(seconds=TIME_LIMIT)
        )
    except (ValueError, RuntimeError) as error:
        raise DistributedError(
            f"The other processes cannot be joined with {given} in the environment: "
            f"{error}. Start the script with torchrun, or set distributed=False to train "
            "in this process alone."
        ) from error
    atexit.register(_leave)


def _leave():
    if distributed.is_initialized():
        distributed.destroy_process_group()


class Group:
    """The processes that train one model, for the duration of one fit.

    Parameters
    ----------
    device : torch.device
        Where the gradients are.

    Attributes
    ----------
    share : Share
        The samples of this process.
    """

    def __init__(self, device):
        size = distributed.get_world_size()
        self.share = Share(distributed.get_rank(), size)
        self.device = device
        limit = datetime.timedelta(seconds=FAREWELL_LIMIT)
        self._groups = {
            "objects": _call(distributed.new_group, backend="gloo"),
            "farewell": _call(distributed.new_group, backend="gloo", timeout=limit),
        }
        if device.type == "cuda":
            self._groups["tensors"] = _call(distributed.new_group, backend="nccl")

    @property
    def is_first(self):
        """Whether this is the process that writes files and shows the progress."""
        return self.share.rank == 0

    def close(self):
        """Leave the groups of this fit."""
        self._leave("objects", "tensors", "farewell")

    def _leave(self, *names):
        # A group is closed only if nothing refers to it.
        for name in self._groups.keys() & names:
            distributed.destroy_process_group(self._groups.pop(name))

    def _communicate(self, function, *args, kind="tensors"):
        group = self._groups.get(kind, self._groups["objects"])
        return _call(function, *args, group=group)

    # Communication ----------------------------------------------------------------

    def sum(self, tensor):
        """Add the tensors of all processes, in place; return the tensor."""
        self._communicate(distributed.all_reduce, tensor)
        return tensor

    def gather(self, tensor):
        """Return the tensors of all processes, stacked in a new first dimension."""
        gathered = [torch.empty_like(tensor) for _ in range(self.share.size)]
        self._communicate(distributed.all_gather, gathered, tensor)
        return torch.stack(gathered)

    def gather_objects(self, value):
        """Return the values of all processes, a list."""
        gathered = [None] * self.share.size
        self._communicate(distributed.all_gather_object, gathered, value, kind="objects")
        return gathered

    def of_first(self, value):
        """Return the value of the first process, to all."""
        values = [value]
        self._communicate(distributed.broadcast_object_list, values, 0, kind="objects")
        return values[0]

    def copy_from_first(self, tensors):
        """Set tensors to the values that they have in the first process."""
        for tensor in tensors:
            self._communicate(distributed.broadcast, tensor.detach(), 0)

    def any(self, condition):
        """Return whether a condition holds in one of the processes."""
        count = torch.tensor(float(condition), device=self.device)
        return bool(self.sum(count) > 0)

    def sum_gradients(self, module, loss, part):
        """Set the gradients to their sums over the processes; return the mean loss.

        They are weighted by the number of samples already.

        Parameters
        ----------
        module : torch.nn.Module
        loss : torch.Tensor
            Mean over the own samples.
        part : Part

        Returns
        -------
        loss : torch.Tensor
            Mean over the samples of the batch.
        """
        weights = [w for w in module.parameters() if w.grad is not None]
        gradients = [w.grad.reshape(-1) for w in weights]
        share = loss.detach().reshape(1) * (part.n_own / part.n_batch)
        flat = torch.cat([*gradients, share])
        if part.n_own == 0:
            flat.zero_()
        self.sum(flat)
        *sums, loss = flat.split([*(g.numel() for g in gradients), 1])
        for weight, gradient in zip(weights, sums, strict=True):
            weight.grad = gradient.view_as(weight)
        return loss[0]

    # Agreement and failure --------------------------------------------------------

    def check_agreement(self, what):
        """Raise a DistributedError if a process fits another model, or other samples.

        Parameters
        ----------
        what : dict of str to str
            What must be equal, by name.
        """
        first, *others = self.gather_objects(what)
        for rank, other in enumerate(others, start=1):
            for name, value in first.items():
                if other.get(name) != value:
                    raise DistributedError(
                        f"Process {rank} of {self.share.size} does not fit the same "
                        f"model as process 0: {name} is {other.get(name)}, and {value} "
                        "in process 0. All must call fit with the same parameters and "
                        "the same X. To train a model in each process, set "
                        "distributed=False."
                    )

    def part_after(self, error):
        """Tell the other processes of an error, and leave the groups of this fit.

        Parameters
        ----------
        error : BaseException

        Returns
        -------
        reason : str or None
            Why training ended, if the error only follows from that of another process.
        """
        is_own = not isinstance(error, LostConnectionError)
        own = f"{type(error).__name__}: {error}" if is_own else ""
        # No process may wait for this one. The last group serves to tell the reason.
        self._leave("objects", "tensors")
        answers = self._exchange(own)
        with contextlib.suppress(RuntimeError):
            self.close()
        if is_own:
            return None
        failed = {rank: text for rank, text in answers.items() if text}
        if failed:
            rank, text = min(failed.items())
            return f"Training ended, because process {rank} failed: {text}"
        lost = [str(rank) for rank, text in answers.items() if text is None]
        named = f"process{'es' * (len(lost) > 1)} {', '.join(lost)}"
        return (
            f"Training ended, because {named} of {self.share.size} ended or did not "
            f"answer in time. torch.distributed reports: {error}"
        )

    def _exchange(self, text):
        """Return the texts of the other processes by rank, None from a lost one."""
        answers = {}
        for rank in range(self.share.size):
            if rank != self.share.rank:
                with contextlib.suppress(RuntimeError):
                    answers[rank] = None
                    answers[rank] = self._swap(text, rank)
        return answers

    def _swap(self, text, rank):
        received, group = [None], self._groups["farewell"]
        if self.share.rank < rank:
            distributed.send_object_list([text], rank, group=group)
        distributed.recv_object_list(received, rank, group=group)
        if self.share.rank > rank:
            distributed.send_object_list([text], rank, group=group)
        return received[0]


class LostConnectionError(DistributedError):
    """Error raised if another process does not answer."""


def _call(function, *args, **options):
    """Call a function of torch.distributed; raise a LostConnectionError if it fails."""
    try:
        return function(*args, **options)
    except RuntimeError as error:  # of gloo and nccl
        reason = str(error)
    # Its traceback refers to the group, which must be closed.
    raise LostConnectionError(reason)
