"""Arrays in chunks: dask arrays and data frames, zarr and HDF5 files."""

import collections
import os
import re
import subprocess
import sys

import dask
import dask.array as da
import dask.dataframe as dd
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import zarr
from helpers import small_conv, small_dense
from sklearn.exceptions import NotFittedError

from skae._data import chunks
from skae._data.chunks import ChunkedArray, along_chunks, open_dask
from skae._data.rows import Rows

# 200 digits: four chunks.
LENGTHS = (60, 60, 60, 20)


@pytest.fixture(autouse=True)
def _one_chunk_at_a_time(monkeypatch):
    monkeypatch.setattr(chunks, "JOINED_BYTES", 4 * 64 * 64)  # 64 digits


@pytest.fixture
def counted(digits):
    """A dask array of the digits, and a count of how often each chunk is computed."""
    count = collections.Counter()

    def load(block_id):
        count[block_id[0]] += 1
        start = sum(LENGTHS[: block_id[0]])
        rows = digits[start : start + LENGTHS[block_id[0]]]
        return rows.astype(np.float32)

    def loaded(block, block_info=None):
        return load(block_info[None]["chunk-location"])

    empty = da.zeros(digits.shape, chunks=(LENGTHS, (64,)), dtype=np.float32)
    return empty.map_blocks(loaded, dtype=np.float32, meta=np.zeros((0, 0), "f4")), count


# --- training --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
def test_a_dask_array_in_order_trains_as_the_array_does(digits, all_weights, dtype):
    X = (16 * digits).astype(dtype)
    settings = {"shuffle": False, "batch_size": 30}
    in_memory = small_dense(**settings).fit(X)
    chunked = small_dense(**settings).fit(da.from_array(X, chunks=(LENGTHS, (64,))))
    np.testing.assert_array_equal(all_weights(chunked), all_weights(in_memory))
    codes = chunked.transform(da.from_array(X, chunks=(70, 64)))
    assert isinstance(codes, np.ndarray)
    np.testing.assert_allclose(codes, in_memory.transform(X), atol=1e-5)


def test_chunks_in_columns_are_joined(digits, all_weights):
    settings = {"shuffle": False, "batch_size": 30}
    in_memory = small_dense(**settings).fit(digits)
    chunked = small_dense(**settings).fit(da.from_array(digits, chunks=(60, 16)))
    np.testing.assert_array_equal(all_weights(chunked), all_weights(in_memory))


def computed_in_three_epochs(counted, **settings):
    """Return how often each chunk is computed in three epochs."""
    X, count = counted
    totals = []
    for n_epochs in (1, 4):
        count.clear()
        small_dense(max_epochs=n_epochs, batch_size=16, **settings).fit(X)
        totals.append(np.array([count[number] for number in range(4)]))
    return totals[1] - totals[0]


def test_each_chunk_is_computed_once_an_epoch(counted):
    np.testing.assert_array_equal(computed_in_three_epochs(counted, shuffle=False), 3)
    # The last chunk of an epoch is kept, and can be the first one of the next.
    assert 3 * 3 <= computed_in_three_epochs(counted, shuffle=True).sum() <= 3 * 4 + 1


def test_a_small_validation_set_is_computed_once(counted):
    settings = {"validation_fraction": 0.2, "shuffle": False}
    np.testing.assert_array_equal(computed_in_three_epochs(counted, **settings)[:3], 3)


def test_a_large_validation_set_is_read_in_each_epoch(counted, monkeypatch):
    X, _ = counted
    settings = {"validation_fraction": 0.3, "batch_size": 16, "shuffle": False}
    kept = small_dense(**settings).fit(X)
    monkeypatch.setattr("skae._data.rows.KEPT_VALUES", 0)
    read = small_dense(**settings).fit(X)
    assert read.validation_loss_curve_ == pytest.approx(kept.validation_loss_curve_)


def test_transform_computes_each_chunk_once(counted, digits):
    X, count = counted
    ae = small_dense().fit(digits)
    np.testing.assert_allclose(ae.transform(X), ae.transform(digits), atol=1e-5)
    assert count == dict.fromkeys(range(4), 1)


def test_a_shuffled_dask_array_is_learnt(counted):
    X, _ = counted
    ae = small_dense(max_epochs=20, lr=0.01, weight_decay=0).fit(X)
    assert ae.loss_curve_[-1] < 0.7 * ae.loss_curve_[0]


def test_the_order_depends_on_the_seed_alone(counted, all_weights):
    X, _ = counted
    weights = [all_weights(small_dense(random_state=seed).fit(X)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_partial_fit_takes_dask_arrays(digits, all_weights):
    settings = {"shuffle": False, "batch_size": 30}
    in_memory = small_dense(**settings).partial_fit(digits).partial_fit(digits)
    X = da.from_array(digits, chunks=(60, 64))
    chunked = small_dense(**settings).partial_fit(X).partial_fit(X)
    np.testing.assert_array_equal(all_weights(chunked), all_weights(in_memory))


def test_images_in_a_dask_array_keep_their_shape(digits):
    images = digits.astype(np.float32).reshape(-1, 8, 8)
    X = da.from_array(images, chunks=(60, 8, 4))
    ae = small_conv(shuffle=False).fit(X)
    assert ae.reconstruct(X).shape == images.shape
    in_memory = small_conv(shuffle=False).fit(images)
    np.testing.assert_allclose(ae.transform(X), in_memory.transform(images), atol=1e-5)


def test_map_blocks_transforms_without_computing(digits):
    X = da.from_array(digits, chunks=(60, 64))
    ae = small_dense().fit(digits)
    codes = X.map_blocks(ae.transform, dtype=X.dtype, chunks=(X.chunks[0], (2,)))
    assert codes.shape == (200, 2)
    np.testing.assert_allclose(codes.compute(), ae.transform(digits), atol=1e-6)


# --- unknown sizes and data frames -------------------------------------------------


def test_unknown_sizes_are_counted_and_x_is_not_changed(digits, all_weights):
    X = da.from_array(digits, chunks=(60, 64))
    some = X[X.sum(axis=1) > 20]
    assert np.isnan(some.shape[0])
    settings = {"shuffle": False, "batch_size": 30}
    chunked = small_dense(**settings).fit(some)
    assert np.isnan(some.shape[0])
    in_memory = small_dense(**settings).fit(digits[digits.sum(axis=1) > 20])
    np.testing.assert_array_equal(all_weights(chunked), all_weights(in_memory))
    assert len(chunked.transform(some)) == (digits.sum(axis=1) > 20).sum()


def test_a_data_frame_trains_as_that_of_pandas(digits, all_weights):
    frame = pd.DataFrame(digits, columns=[f"pixel {i}" for i in range(64)])
    X = dd.from_pandas(frame, npartitions=3)
    settings = {"shuffle": False, "batch_size": 30}
    in_memory, chunked = (
        small_dense(**settings).fit(frame),
        small_dense(**settings).fit(X),
    )
    np.testing.assert_array_equal(all_weights(chunked), all_weights(in_memory))
    assert list(chunked.feature_names_in_) == list(frame.columns)
    filtered = X[X["pixel 20"] > 0.5]
    assert len(chunked.transform(filtered)) == (frame["pixel 20"] > 0.5).sum()
    other = X.rename(columns={"pixel 3": "pixel x"})
    with pytest.raises(ValueError, match="feature names should match"):
        chunked.transform(other)


def test_the_output_for_a_data_frame_may_be_one_of_pandas(digits):
    frame = pd.DataFrame(digits, columns=[f"pixel {i}" for i in range(64)])
    ae = small_dense().fit(frame).set_output(transform="pandas")
    codes = ae.transform(dd.from_pandas(frame, npartitions=3))
    np.testing.assert_allclose(codes, ae.transform(frame), atol=1e-6)


# --- what is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (dask.delayed(np.ones)((9, 2)), TypeError, "X is a dask Delayed; must be a dask"),
        (da.ones(9, chunks=3), ValueError, "Expected 2D array, got 1D array"),
        (da.ones((0, 2), chunks=3), ValueError, r"shape \(0, 2\); must have at least 1"),
        (da.ones((9, 2), chunks=3, dtype=complex), ValueError, "not real numbers"),
        (
            da.full((9, 2), np.nan, chunks=3),
            ValueError,
            "NaN, in rows 0, 1, 2 and 6",
        ),
        (
            da.ones((9, 2), chunks=3).map_blocks(scipy.sparse.csr_array),
            TypeError,
            "chunks of type csr_array; must be dense.*chunk.toarray()",
        ),
        (
            da.ma.masked_greater(da.ones((9, 2), chunks=3), 0),
            TypeError,
            "chunks of type MaskedArray; must be dense",
        ),
        (
            dd.from_pandas(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), npartitions=1),
            ValueError,
            "OneHotEncoder",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(X, error, message):
    ae = small_dense()
    with pytest.raises(error, match=message):
        ae.fit(X)
    with pytest.raises(NotFittedError):
        ae.transform(np.ones((1, 2)))


def test_a_chunk_of_another_length_is_named(digits):
    X = da.from_array(digits, chunks=(60, 64))
    shorter = X.map_blocks(lambda chunk: chunk[:50], dtype=X.dtype)
    with pytest.raises(ValueError, match="X changed its size while it was read"):
        small_dense().fit(shorter)


def test_an_error_in_a_late_epoch_leaves_the_last_full_one(counted):
    X, count = counted

    def fails(chunk):
        if count.total() > 20:
            raise OSError("the disk is gone")
        return chunk

    ae = small_dense(max_epochs=9, output_activation="sigmoid")
    with pytest.raises(OSError, match="the disk is gone"):
        ae.fit(X.map_blocks(fails, dtype=X.dtype))
    assert 1 <= ae.n_iter_ < 9


# --- files -------------------------------------------------------------------------


def zarr_array(array, path):
    return zarr.create_array(path, data=array, chunks=(60, 32))


def hdf5_array(array, path):
    file = h5py.File(path, "w")
    return file.create_dataset("X", data=array, chunks=(60, 32), compression="gzip")


@pytest.mark.parametrize("store", [zarr_array, hdf5_array])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_a_file_in_order_trains_as_the_array_does(
    digits, all_weights, tmp_path, store, dtype
):
    X = (16 * digits).astype(dtype)
    stored = store(X, tmp_path / "digits")
    settings = {"shuffle": False, "batch_size": 30, "validation_fraction": 0.1}
    in_memory, chunked = (
        small_dense(**settings).fit(X),
        small_dense(**settings).fit(stored),
    )
    np.testing.assert_array_equal(all_weights(chunked), all_weights(in_memory))
    np.testing.assert_allclose(
        chunked.transform(stored), in_memory.transform(X), atol=1e-5
    )


@pytest.mark.parametrize("store", [zarr_array, hdf5_array])
def test_images_in_files_are_learnt(digits, tmp_path, store):
    images = digits.astype(np.float32).reshape(-1, 8, 8)
    X = zarr.create_array(tmp_path / "x", data=images, chunks=(60, 8, 8))
    if store is hdf5_array:
        X = h5py.File(tmp_path / "h", "w").create_dataset("X", data=images)  # one piece
    ae = small_conv(max_epochs=3).fit(X)
    assert ae.image_shape_ == (1, 8, 8)
    assert ae.reconstruct(X).shape == images.shape


class Chunked:
    """An array with chunks, as in a file; records the slices that are read."""

    def __init__(self, array, chunks):
        self.array, self.chunks, self.read = array, chunks, []
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.read.append((rows.start, rows.stop))
        return self.array[rows]


def test_small_chunks_are_read_together_and_large_ones_alone(digits):
    X = Chunked(digits, (25, 64))  # float64: two chunks exceed 64 digits in float32
    assert along_chunks(X).bounds == [0, 25, 50, 75, 100, 125, 150, 175, 200]
    X = Chunked(digits.astype(np.float16), (25, 64))  # counted in float32
    assert along_chunks(X).bounds == [0, 50, 100, 150, 200]
    X = Chunked(digits.astype(np.float32), (150, 64))
    assert along_chunks(X).bounds == [0, 150, 200]


@pytest.mark.parametrize("chunks", [None, (0, 64), ((100, 100), (64,))])
def test_unusable_chunks_are_ignored(digits, chunks):
    X = Chunked(digits, chunks)
    assert along_chunks(X) is X


def test_chunks_of_files_that_are_too_large_are_not_read_as_a_whole(digits, monkeypatch):
    X = Chunked(digits, (150, 64))
    assert isinstance(along_chunks(X), ChunkedArray)
    monkeypatch.setattr(chunks, "MAX_CHUNK_BYTES", 150 * 64 * 8 - 1)
    assert along_chunks(X) is X


def test_slices_in_order_read_each_group_once(digits):
    X = Chunked(digits.astype(np.float32), (60, 64))
    rows = Rows(along_chunks(X), streamed=True)
    read = np.concatenate(
        [rows.read(start, start + 25)[0] for start in range(0, 200, 25)]
    )
    np.testing.assert_array_equal(read, X.array)
    assert X.read == [(0, 60), (60, 120), (120, 180), (180, 200)]


def test_a_few_rows_are_read_once(digits):
    X = Chunked(digits.astype(np.float32), (60, 64))
    some = Rows(along_chunks(X), streamed=True).take(np.array([0, 3, 61, 199]))
    for _ in range(3):
        np.testing.assert_array_equal(some.read(0, 4)[0], X.array[[0, 3, 61, 199]])
    assert X.read == [(0, 60), (60, 120), (180, 200)]


def test_empty_chunks_are_skipped():
    X = da.concatenate([da.zeros((n, 2), chunks=(n or 1, 2)) for n in (0, 5, 0, 3, 0)])
    assert open_dask(X).bounds[-1] == 8
    assert Rows(open_dask(X), streamed=True).read(0, 8)[0].shape == (8, 2)


# --- memory ------------------------------------------------------------------------

LARGER_THAN_MEMORY = """
import pathlib, re, resource
import dask, dask.array as da, numpy as np, torch
from skae import DenseAutoencoder
torch.set_num_threads(1)
dask.config.set(scheduler="synchronous")
ae = DenseAutoencoder(2, hidden_layer_sizes=(8,), max_epochs=1, batch_size=512)
ae.fit(da.zeros((600, 4096), chunks=(300, 4096), dtype="float32"))
status = pathlib.Path("/proc/self/status").read_text()
limit = int(re.search(r"VmData:\\s+(\\d+)", status)[1]) * 1024 + 180 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
X = da.zeros((16384, 4096), chunks=(1024, 4096), dtype="float32")
assert X.nbytes > 250 * 2**20
print(ae.fit(X).partial_fit(X).transform(X).shape)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are Linux's")
def test_a_dask_array_may_be_larger_than_the_memory():
    result = subprocess.run(
        [sys.executable, "-c", LARGER_THAN_MEMORY],
        capture_output=True,
        text=True,
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20)},
    )
    assert re.fullmatch(r"\(16384, 2\)\s*", result.stdout), result.stderr
