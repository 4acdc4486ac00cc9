"""Rows that are read some at a time: memory maps, and whatever slices."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import small_conv, small_dense
from skorch.callbacks import Callback

from skae._data import batches
from skae._data.rows import Rows, is_out_of_core
from skae._training import inference


class Sliced:
    """An array that only slices, like a data set in a file; counts what is read."""

    def __init__(self, array, *, n_rows=None):
        self.array = array
        self.dtype = array.dtype
        self.shape = (n_rows or len(array), *array.shape[1:])
        self.most = self.n_read = 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.most = max(self.most, rows.stop - rows.start)
        self.n_read += len(self.array[rows])
        return self.array[rows]


@pytest.fixture
def memory_map(tmp_path):
    """A function from an array to a read-only map of a file with the same values."""

    def mapped(array):
        path = tmp_path / "rows.npy"
        np.save(path, array)
        return np.load(path, mmap_mode="r")

    return mapped


@pytest.fixture
def _small_chunks(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_BYTES", 4 * 64 * 64)  # 64 rows of the digits
    monkeypatch.setattr(inference, "CHUNK_ROWS", 64)


def test_maps_and_what_slices_are_streams_and_arrays_are_not(memory_map, digits):
    assert is_out_of_core(memory_map(digits))
    assert is_out_of_core(Sliced(digits))
    for array in (digits, digits.tolist(), torch.tensor(digits), memory_map(digits)[[1]]):
        assert not is_out_of_core(array)
    assert not is_out_of_core(Sliced(digits[0]))


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "float64", "int16"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_map_that_is_one_chunk_trains_as_the_array_does(
    memory_map, digits, all_weights, dtype, shuffle
):
    X = (16 * digits).astype(dtype)
    in_memory = small_dense(shuffle=shuffle).fit(X)
    mapped = small_dense(shuffle=shuffle).fit(memory_map(X))
    np.testing.assert_array_equal(all_weights(mapped), all_weights(in_memory))
    np.testing.assert_array_equal(mapped.transform(memory_map(X)), in_memory.transform(X))


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_a_map_in_order_trains_as_the_array_does(memory_map, digits, all_weights, dtype):
    X = (16 * digits).astype(dtype)
    in_memory = small_dense(shuffle=False, batch_size=30).fit(X)
    mapped = small_dense(shuffle=False, batch_size=30).fit(memory_map(X))
    np.testing.assert_array_equal(all_weights(mapped), all_weights(in_memory))


@pytest.mark.usefixtures("_small_chunks")
def test_a_shuffled_map_is_learnt_and_never_read_as_a_whole(digits):
    X = Sliced(digits.astype(np.float32))
    ae = small_dense(max_epochs=20, lr=0.01, weight_decay=0).fit(X)
    assert ae.loss_curve_[-1] < 0.7 * ae.loss_curve_[0]
    codes = ae.transform(X)
    np.testing.assert_allclose(codes, ae.transform(digits), atol=1e-5)
    assert ae.score(X) == pytest.approx(ae.score(digits), rel=1e-4)


@pytest.mark.usefixtures("_small_chunks")
def test_only_chunks_are_read_at_a_time(monkeypatch, digits):
    monkeypatch.setattr("skae._data.rows.PASS_BYTES", 4 * 64 * 64)
    X = Sliced(digits.astype(np.float32))
    small_dense(batch_size=16).fit(X).reconstruct(X)
    assert X.most == 64


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize("shuffle", [False, True])
def test_rows_of_a_map_can_be_held_out(memory_map, digits, shuffle):
    X = digits.astype(np.float32)
    settings = {"validation_fraction": 0.3, "shuffle": shuffle, "max_epochs": 2}
    mapped = small_dense(**settings).fit(memory_map(X))
    in_memory = small_dense(**settings).fit(X)
    assert mapped.validation_loss_curve_ == pytest.approx(
        in_memory.validation_loss_curve_, rel=0.1 if shuffle else 1e-6
    )


@pytest.mark.parametrize("make", [small_dense, small_conv])
def test_a_map_of_images_is_flattened_as_it_is_read(memory_map, digits, make):
    images = digits.astype(np.float32).reshape(-1, 8, 8)
    mapped, in_memory = make().fit(memory_map(images)), make().fit(images)
    assert mapped.image_shape_ == (1, 8, 8)
    assert mapped.reconstruct(memory_map(images)).shape == images.shape
    np.testing.assert_array_equal(
        mapped.transform(memory_map(images)), in_memory.transform(images)
    )


def test_partial_fit_takes_a_map(memory_map, digits):
    X = digits.astype(np.float32)
    assert small_dense().partial_fit(memory_map(X)).partial_fit(X).n_iter_ == 2


LARGER_THAN_MEMORY = """
import pathlib, re, resource, sys
import numpy as np, torch
from skae import DenseAutoencoder
torch.set_num_threads(1)
ae = DenseAutoencoder(2, hidden_layer_sizes=(8,), max_epochs=1, batch_size=512)
ae.fit(np.zeros((600, 4096), dtype=np.float32))
status = pathlib.Path("/proc/self/status").read_text()
limit = int(re.search(r"VmData:\\s+(\\d+)", status)[1]) * 1024 + 150 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
X = np.load(sys.argv[1], mmap_mode="r")
assert X.nbytes > 190 * 2**20
print(ae.fit(X).partial_fit(X).transform(X).shape)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are Linux's")
@pytest.mark.parametrize(("dtype", "n_rows"), [("uint8", 49152), ("float32", 12288)])
def test_a_map_may_be_larger_than_the_memory_that_there_is(tmp_path, dtype, n_rows):
    path = tmp_path / "rows.npy"  # all zeros: the file takes no room on the disk
    np.lib.format.open_memmap(path, "w+", dtype, (n_rows, 4096)).flush()
    # glibc may keep what is freed in holes of its heap, more of it in one run than in
    # another; above a fixed threshold it gives all back, so that the limit measures skae.
    result = subprocess.run(
        [sys.executable, "-c", LARGER_THAN_MEMORY, path],
        capture_output=True,
        text=True,
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20)},
    )
    assert result.stdout.strip() == str((n_rows, 2)), result.stderr


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinity")])
@pytest.mark.parametrize("wrap", [np.asarray, Sliced])
def test_a_bad_value_is_named_by_its_row(digits, value, kind, wrap):
    X = digits.astype(np.float32)
    X[[7, 120, 121, 122, 199]] = value
    with pytest.raises(
        ValueError, match=rf"contains {kind}, in rows 7, 120, 121 and 2 more"
    ):
        small_dense().fit(wrap(X))
    ae = small_dense().fit(digits)
    with pytest.raises(ValueError, match=rf"contains {kind}, in rows 7, "):
        ae.transform(wrap(X))


@pytest.mark.usefixtures("_small_chunks")
def test_a_value_that_goes_bad_in_a_late_epoch_leaves_the_last_full_one(
    digits, all_weights
):
    class Rotting(Sliced):
        def __getitem__(self, rows):
            self.reads = getattr(self, "reads", 0) + 1
            chunk = super().__getitem__(rows).copy()
            if self.reads > 1 + 4 + 4 + 2:  # a look through, two epochs, half an epoch
                chunk[5] = np.nan
            return chunk

    settings = {"shuffle": False, "lr_schedule": "constant", "init": "random"}
    settings |= {"output_activation": "sigmoid"}
    ae = small_dense(max_epochs=9, **settings)
    with pytest.raises(ValueError, match=r"contains NaN, in row 1\d\d"):
        ae.fit(Rotting(digits.astype(np.float32)))
    assert ae.n_iter_ == 2
    two = small_dense(max_epochs=2, **settings).fit(digits)
    np.testing.assert_array_equal(all_weights(ae), all_weights(two))


def test_rows_that_are_gone_are_named(digits):
    X = digits.astype(np.float32)
    with pytest.raises(
        ValueError,
        match=r"changed its size.*rows 0 to 219 have shape \(200, 64\) instead",
    ):
        small_dense().fit(Sliced(X, n_rows=220))

    class Growing(Sliced):
        def __getitem__(self, rows):
            self.shape = (300, 64)
            return super().__getitem__(rows)

    with pytest.raises(ValueError, match="there are 300 samples instead of 200"):
        small_dense().fit(Growing(X))


def test_unknown_sizes_are_named_with_the_way_out(digits):
    X = Sliced(digits)
    X.shape = (float("nan"), 64)
    with pytest.raises(ValueError, match=r"unknown sizes.*Count the samples first"):
        small_dense().fit(X)


def test_a_map_of_one_dimension_is_no_table(memory_map, digits):
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        small_dense().fit(memory_map(digits[0]))


def test_a_callback_may_look_at_single_rows(digits):
    class Looks(Callback):
        def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
            self.row_ = dataset_valid[1][0]

    X = Sliced(digits.astype(np.float32))
    ae = small_dense(callbacks=[Looks()], validation_fraction=0.1, shuffle=False).fit(X)
    np.testing.assert_array_equal(ae.callbacks_[0][1].row_, X.array[181])


@pytest.mark.usefixtures("_small_chunks")
def test_chunks_without_wanted_rows_are_not_read(digits):
    X = Sliced(digits.astype(np.float32))
    settings = {"shuffle": False, "batch_size": 16, "max_epochs": 1}
    small_dense(**settings).fit(X)
    without, X.n_read = X.n_read, 0
    small_dense(validation_fraction=0.01, **settings).fit(X)
    # the last chunk, and the validation set once more to measure its reconstruction
    assert X.n_read == without + 8 + 2


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros((3, 2), dtype=complex),
            "contains values of type complex128 that are not real",
        ),
        (np.zeros((0, 2)), r"shape \(0, 2\); must have at least 1 sample"),
        (np.zeros((3, 0)), r"shape \(3, 0\); must have at least 1"),
        (np.zeros((3, 2, 2, 2, 2)), "X has 5 dimensions"),
    ],
)
def test_what_cannot_be_rows_is_refused(array, message):
    with pytest.raises(ValueError, match=message):
        small_dense().fit(Sliced(array))


def test_a_stream_of_other_features_is_refused(digits):
    ae = small_dense().fit(digits)
    with pytest.raises(ValueError, match="X has 60 features, but"):
        ae.transform(Sliced(digits[:, :60]))


def test_values_beyond_float32_are_refused_where_training_starts():
    X = np.full((4, 3), 1e39)
    with pytest.raises(ValueError, match=r"1e\+39; must be at most 3\.4028e\+38"):
        small_dense().fit(X)


def test_rows_are_read_with_their_range():
    rows = Rows(np.array([[1.0, -2.0], [3.0, 0.0], [9.0, 9.0]]))
    assert rows.read(0, 2)[1] == (-2.0, 3.0)
    assert rows.range() == (-2.0, 9.0)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_subset_reads_its_rows_alone(streamed):
    array = np.arange(40.0).reshape(20, 2)
    index = np.array([0, 3, 4, 5, 11, 19])
    subset = Rows(Sliced(array) if streamed else array, streamed=streamed).take(index)
    assert len(subset) == 6
    np.testing.assert_array_equal(subset.read(1, 5, torch.float64)[0], array[index[1:5]])


@pytest.mark.parametrize(("streamed", "n_picked"), [(False, 250), (True, 200)])
def test_a_subsample_of_a_stream_is_made_of_runs(streamed, n_picked):
    rows = Rows(np.zeros((1000, 2)), streamed=streamed)
    index = rows.subsample(250, np.random.RandomState(0))
    assert len(index) == len(set(index)) == n_picked
    n_runs = 1 + (np.diff(index) > 1).sum()
    assert bool(n_runs <= 2) is streamed
    assert rows.subsample(1000, np.random.RandomState(0)) is None
