"""Several processes that train one model: as one process does, or not at all."""

import os
import pathlib
import pickle
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from distributed_fits import FITS, seen
from helpers import small_dense

from skae._data import batches, share
from skae._data.batches import ArraySource, Batches, DeviceSource, HostSource, make_source
from skae._data.rows import Rows
from skae._data.share import Share
from skae._training import distributed
from skae._training.checkpoints import Checkpoints
from skae.exceptions import DistributedError

SCRIPT = pathlib.Path(__file__).with_name("distributed_fits.py")
CPU = torch.device("cpu")

WITHOUT_COUNTERPART = ("no random_state", "stopped by one", "checkpoint")


def by_torchrun(n_processes, *arguments):
    """Run the script as a user does."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, f"--nproc_per_node={n_processes}", str(SCRIPT), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr


def by_hand(n_processes, *arguments):
    """Start processes with torchrun's environment; return their exit statuses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": str(n_processes), "MASTER_ADDR": "127.0.0.1"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            env=os.environ | common | {"MASTER_PORT": port, "RANK": str(rank)},
        )
        for rank in range(n_processes)
    ]
    return [process.wait(timeout=300) for process in processes]


def results(folder, what, rank):
    return pickle.loads((folder / f"{what}-{rank}.pickle").read_bytes())


def save_twice(checkpoints, net, *, has_ended):
    checkpoints._write(checkpoints._state(net, has_ended))
    if len(net.loss_curve_) == 2:
        raise OSError("power failure")


# --- the same model ---------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, digits):
    """What three processes saw, and the folder with their data."""
    folder = tmp_path_factory.mktemp("fits")
    np.save(folder / "digits.npy", digits.astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save_if_due", save_twice)
        with pytest.raises(OSError, match="power failure"):
            FITS["checkpoint"](folder)
    by_torchrun(3, "fits", str(folder))
    return folder, [results(folder, "fits", rank) for rank in range(3)]


def assert_same_bits(one, other):
    for name, value in one.items():
        if isinstance(value, dict):
            assert_same_bits(value, other[name])
        else:
            np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize("name", FITS)
def test_all_processes_have_the_same_model(fitted, name):
    _, (first, *others) = fitted
    for other in others:
        assert_same_bits(first[name], other[name])


@pytest.mark.parametrize("name", [n for n in FITS if n not in WITHOUT_COUNTERPART])
def test_the_model_is_that_of_one_process(fitted, monkeypatch, name):
    folder, (together, *_) = fitted
    monkeypatch.setattr(batches, "CHUNK_BYTES", 4 * 64 * 64)
    alone = seen(FITS[name](folder))
    together = together[name]
    for curve in ("loss_curve", "validation_loss_curve"):
        if alone[curve] is None:
            assert together[curve] is None
        else:
            assert together[curve] == pytest.approx(alone[curve], rel=1e-5, abs=1e-5)
    for weight, value in alone["weights"].items():
        np.testing.assert_allclose(together["weights"][weight], value, atol=1e-5)
    np.testing.assert_allclose(together["codes"], alone["codes"], atol=1e-4)


def test_all_continue_from_the_checkpoint_of_an_interrupted_fit(fitted):
    folder, (together, *_) = fitted
    alone = FITS["checkpoint"](folder)  # completed by the processes: only loaded
    assert len(alone.loss_curve_) == 4
    assert_same_bits(seen(alone)["weights"], together["checkpoint"]["weights"])


def test_a_stop_in_one_process_stops_all(fitted):
    _, all_results = fitted
    assert [len(r["stopped by one"]["loss_curve"]) for r in all_results] == [2, 2, 2]


# --- failures ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def failures(tmp_path_factory, digits):
    """What two processes saw of fits that fail in one or both."""
    folder = tmp_path_factory.mktemp("failures")
    X = digits.astype(np.float32)
    X[7, 3] = np.nan
    np.save(folder / "digits.npy", X)
    assert by_hand(2, "failures", str(folder)) == [0, 0]
    return [results(folder, "failures", rank) for rank in range(2)]


SAME_IN_BOTH = {
    "another shape": "DistributedError: Process 1 of 2 does not fit the same model as "
    "process 0: the shape of X is (191, 64), and (190, 64) in process 0.",
    "other values": "DistributedError: Process 1 of 2 does not fit the same model as "
    "process 0: the checksum of X is ",
    "another parameter": "DistributedError: Process 1 of 2 does not fit the same model "
    "as process 0: the parameter n_components is 4, and 3 in process 0.",
    "NaN": "ValueError: Input X contains NaN, in row 7",
    "divergence": "NonFiniteError: Training diverged in epoch 1",
}


@pytest.mark.parametrize("name", SAME_IN_BOTH)
def test_all_processes_tell_of_the_same_error(failures, name):
    first, second = (outcome[name] for outcome in failures)
    assert first == second
    assert first.startswith(SAME_IN_BOTH[name])


@pytest.mark.parametrize(
    ("name", "rank", "message"),
    [
        ("NaN in own rows", 0, "ValueError: Input X contains NaN, in row 7"),
        ("one dimension", 1, "ValueError: Expected 2D array, got 1D array"),
        ("callback of the first", 0, "OSError: no disk"),
        ("callback of the second", 1, "OSError: no disk"),
        ("in a batch", 1, "OSError: no disk"),
        ("Ctrl-C", 0, "KeyboardInterrupt: "),
        ("density", 0, "RuntimeError: no density"),
    ],
)
def test_an_error_in_one_process_ends_all_and_is_named(failures, name, rank, message):
    assert failures[rank][name].startswith(message)
    reason = f"DistributedError: Training ended, because process {rank} failed: {message}"
    assert failures[1 - rank][name].startswith(reason)


def test_the_processes_fit_again_after_failures(failures):
    assert [outcome["none"] for outcome in failures] == [3, 3]


def test_each_process_trains_alone_if_told_so(failures):
    assert [outcome["separate"] for outcome in failures] == [3, 3]


@pytest.mark.parametrize("step", [1, 17])
def test_a_killed_process_ends_the_others_and_is_named(tmp_path, step):
    assert by_hand(2, str(step), str(tmp_path)) == [0, -9]
    outcome = results(tmp_path, str(step), 0)
    assert outcome.startswith(
        "DistributedError: Training ended, because process 1 of 2 ended or did not answer"
    )


# --- joining ----------------------------------------------------------------------


def test_a_single_process_joins_nothing(monkeypatch, digits):
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    small_dense().fit(digits)
    assert not torch.distributed.is_initialized()


def test_child_processes_of_a_search_join_nothing(monkeypatch, digits):
    """They have the environment of the process that torchrun has started."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(distributed.multiprocessing, "parent_process", lambda: object())
    small_dense().fit(digits)
    assert not torch.distributed.is_initialized()


def test_forked_processes_join_nothing(monkeypatch, digits):
    """They have the connections of the process that torchrun has started."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert len(small_dense().fit(digits).loss_curve_) == 3


def test_an_incomplete_environment_is_named(monkeypatch, digits):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    ae = small_dense()
    with pytest.raises(
        DistributedError, match=r"cannot be joined.*'RANK': None.*torchru"
    ):
        ae.fit(digits)
    assert not hasattr(ae, "loss_curve_")
    assert len(ae.set_params(distributed=False).fit(digits).loss_curve_) == 3


# --- the parts of a batch ---------------------------------------------------------


class Recorder:
    """An out-of-core array that records the rows that are read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read = set()

    def __getitem__(self, part):
        self.read |= set(range(*part.indices(len(self.array))))
        return self.array[part]


ARRAY = np.arange(75, dtype=np.float32).reshape(25, 3)


def stream(array=ARRAY):
    return make_source(Rows(array, streamed=True), CPU)


SOURCES = {
    "array": lambda: ArraySource(ARRAY),
    "device": lambda: DeviceSource(torch.tensor(ARRAY)),
    "host": lambda: HostSource(ARRAY, CPU),
    "stream": stream,
}


@pytest.fixture
def _small_chunks(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_BYTES", 4 * 3 * 8)  # eight rows
    monkeypatch.setattr(share, "BLOCK_BYTES", 4 * 3 * 6)  # six, of all together


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 4, 6, 30])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("index", [None, torch.arange(1, 25, 2)])
def test_the_parts_of_all_processes_are_the_batches(
    source, size, batch_size, shuffle, index
):
    def all_batches(share):
        generator = torch.Generator().manual_seed(0) if shuffle else None
        passes = Batches(SOURCES[source](), batch_size, generator, index, share=share)
        for _ in range(2):
            for X, _ in passes:
                yield X, passes.part

    whole = [X for X, _ in all_batches(None)]
    together = [torch.full_like(X, np.nan) for X in whole]
    for rank in range(size):
        own = list(all_batches(Share(rank, size)))
        assert len(own) == len(whole)
        for (X, part), batch, target in zip(own, whole, together, strict=True):
            assert part.n_batch == len(batch)
            assert len(X) == max(part.n_own, 1)
            if part.n_own:
                assert target[part.positions].isnan().all()
                target[part.positions] = X
    for batch, target in zip(whole, together, strict=True):
        torch.testing.assert_close(target, batch, rtol=0, atol=0)


@pytest.mark.usefixtures("_small_chunks")
def test_processes_read_their_rows_of_a_stream_only():
    read = []
    for rank in range(3):
        recorder = Recorder(ARRAY)
        one = Share(rank, 3)
        Rows(recorder, streamed=True).range(one)
        for _ in range(3):
            list(Batches(stream(recorder), 4, torch.Generator(), share=one))
        read.append(recorder.read)
    assert sorted(row for rows in read for row in rows) == list(range(25))
    assert max(map(len, read)) - min(map(len, read)) <= 4
