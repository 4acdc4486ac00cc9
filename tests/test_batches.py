"""Batches: every row once, from memory, for a small device, and from a stream."""

import itertools

import numpy as np
import pytest
import torch

from skae._data import batches
from skae._data import rows as rows_module
from skae._data.batches import (
    ArraySource,
    Batches,
    DeviceSource,
    HostSource,
    StreamSource,
    make_source,
    prefetched,
)
from skae._data.rows import Rows
from skae._training.net import RowsDataset
from skae.nn.linear_path import Standardizer

CPU = torch.device("cpu")
N_ROWS = 10


@pytest.fixture
def rows():
    """Ten rows of two features; their first is their number."""
    return np.arange(2.0 * N_ROWS, dtype=np.float32).reshape(-1, 2) / [2, 1]


@pytest.fixture(params=["array", "device", "host", "stream"])
def source(request, rows, monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_BYTES", 4 * 2 * 4)  # four rows
    if request.param == "stream":
        return StreamSource(Rows(rows, streamed=True), CPU)
    if request.param == "host":
        return HostSource(rows, CPU)
    if request.param == "device":
        return DeviceSource(torch.tensor(rows))
    return ArraySource(rows)


def numbers(passes):
    """The numbers of the rows in each batch."""
    return [X[:, 0].int().tolist() for X, _ in passes]


def in_one(passes):
    return list(itertools.chain(*numbers(passes)))


def test_every_row_comes_once_in_an_epoch_in_a_new_order(source):
    passes = Batches(source, 2, torch.Generator().manual_seed(0))
    epochs = [in_one(passes) for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(N_ROWS))
    assert epochs[0] != epochs[1] != list(range(N_ROWS))


@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [
        (1, [1] * 10),
        (3, [3, 3, 4]),  # the lone last row joins the batch before it
        (4, [4, 4, 2]),
        (7, [7, 3]),
        (9, [10]),
        (10, [10]),
    ],
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_last_batch_is_short_but_never_one_row(source, batch_size, expected, shuffle):
    generator = torch.Generator() if shuffle else None
    passes = Batches(source, batch_size, generator)
    sizes = [len(numbers) for numbers in numbers(passes)]
    assert sizes == expected
    assert len(passes) == len(expected)


@pytest.mark.parametrize("n_rows", [1, 2, 3, 31, 32, 33, 63, 64, 65])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_the_number_of_batches_is_known_beforehand(n_rows, batch_size):
    passes = Batches(ArraySource(np.zeros((n_rows, 1), np.float32)), batch_size)
    assert len(passes) == len(list(passes))


def test_without_a_generator_the_order_stays(source):
    assert numbers(Batches(source, 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_index_takes_its_rows_alone(source, shuffle):
    index = torch.tensor([1, 2, 5, 8, 9])
    generator = torch.Generator().manual_seed(0) if shuffle else None
    taken = in_one(Batches(source, 2, generator, index))
    assert (sorted(taken) if shuffle else taken) == index.tolist()


def test_a_stream_is_shuffled_by_chunks_and_within_them(rows, monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_BYTES", 4 * 2 * 4)  # four rows
    source = StreamSource(Rows(rows, streamed=True), CPU)
    taken = in_one(Batches(source, 1, torch.Generator().manual_seed(1)))
    chunk_of = [number // 4 for number in taken]
    assert len([chunk for chunk, _ in itertools.groupby(chunk_of)]) == 3
    assert chunk_of != sorted(chunk_of)
    assert any(b < a for a, b in itertools.pairwise(taken) if a // 4 == b // 4)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "float16", "bool", "float64", "int64", ">f4"]
)
def test_any_type_comes_in_float32(dtype):
    array = np.array([[0, 1], [1, 0]]).astype(dtype)
    for streamed in (False, True):
        [(X, _)] = Batches(make_source(Rows(array, streamed=streamed), CPU), 2)
        assert X.dtype == torch.float32
        np.testing.assert_array_equal(X, array.astype(np.float32))


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
def test_rows_in_memory_are_not_copied(dtype):
    array = np.ones((4, 3), dtype=dtype)
    for array_given in (array, np.broadcast_to(array, array.shape)):  # read-only
        assert np.shares_memory(make_source(Rows(array_given), CPU).array, array)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("is_read_only", [False, True])
def test_a_batch_is_a_copy_that_may_be_written_to(is_read_only, shuffle):
    array = np.ones((4, 3), dtype=np.float32)
    array.setflags(write=not is_read_only)
    generator = torch.Generator() if shuffle else None
    for X, _ in Batches(make_source(Rows(array), CPU), 2, generator):
        X.zero_()
    assert (array == 1).all()


@pytest.mark.parametrize("dtype", ["float64", "int64", "uint32", ">f8"])
@pytest.mark.parametrize("streamed", [False, True])
def test_numbers_that_float32_cannot_hold_are_standardised_before(
    dtype, streamed, monkeypatch
):
    monkeypatch.setattr(batches, "CHUNK_BYTES", 4 * 2 * 4)  # four rows
    monkeypatch.setattr(rows_module, "PASS_BYTES", 4 * 2 * 3)  # three rows
    array = (10**9 + np.arange(20).reshape(10, 2)).astype(dtype)
    before = array.copy()
    standardizer = Standardizer.of(array.mean(axis=0), 2.0)
    source = make_source(Rows(array, streamed=streamed), CPU, standardizer)
    assert source.is_standardized
    X = torch.cat([batch for batch, _ in Batches(source, 3)])
    assert X.dtype == torch.float32
    np.testing.assert_allclose(X[:, 0], np.arange(-9, 10, 2) / 2, atol=1e-5)
    np.testing.assert_allclose(X[:, 1], X[:, 0], atol=1e-5)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
def test_numbers_that_float32_holds_stay_as_they_are(dtype):
    array = np.ones((4, 3), dtype=dtype)
    source = make_source(Rows(array), CPU, Standardizer.of(np.ones(3), 2.0))
    assert not source.is_standardized
    assert np.shares_memory(source.array, array)


def test_a_dataset_shows_standardised_rows_in_their_units():
    standardizer = Standardizer.of(np.array([8.0, 9.0]), 2.0)
    for dtype in (np.float64, np.float32):
        array = np.arange(20, dtype=dtype).reshape(10, 2)
        source = make_source(Rows(array), CPU, standardizer)
        dataset = RowsDataset(source, torch.tensor([3, 5]), standardizer)
        np.testing.assert_allclose(dataset.X, array[[3, 5]], rtol=1e-7)
        np.testing.assert_allclose(dataset[1][0], array[5], rtol=1e-7)


def test_a_batch_may_be_made_a_pair_of_input_and_target(source):
    passes = Batches(source, 4, as_pair=lambda X: (X + 1, X))
    assert [(X - target).unique().tolist() for X, target in passes] == [[1]] * 3
    assert [target[:, 0].int().tolist() for _, target in passes][2] == [8, 9]


def test_rows_that_do_not_fit_on_a_device_stay_in_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 100))
    source = make_source(Rows(np.ones((9, 3), dtype=np.float32)), torch.device("cuda"))
    assert isinstance(source, HostSource)


def test_rows_for_which_the_allocator_has_no_room_stay_in_memory(monkeypatch):
    def full(array, device):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch, "tensor", full)
    source = make_source(Rows(np.ones((9, 3), dtype=np.float32)), torch.device("mps"))
    assert isinstance(source, HostSource)


def test_a_dataset_shows_its_rows(source):
    index = torch.tensor([3, 5])
    assert RowsDataset(source).X[:, 0].tolist() == list(range(N_ROWS))
    assert RowsDataset(source, index).y[:, 0].tolist() == [3, 5]
    assert len(RowsDataset(source, index)) == 2


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("n_rows", [1, 7, 150])
def test_a_random_subset_of_rows_is_read_as_any_rows(streamed, n_rows):
    array = np.arange(800.0).reshape(400, 2)
    rows = Rows(array, streamed=streamed)
    index = rows.subsample(n_rows, np.random.RandomState(0))
    assert len(index) == (100 if streamed and n_rows == 150 else n_rows)  # whole runs
    assert (np.diff(index) > 0).all()
    subset = rows.take(index)
    assert len(subset) == len(index)
    assert subset.streamed == streamed
    np.testing.assert_array_equal(subset.to_numpy(), array[index])
    part, (low, high) = subset.read(len(index) // 2, len(index))
    np.testing.assert_array_equal(part, array[index[len(index) // 2 :]])
    assert (low, high) == (part.min(), part.max())
    np.testing.assert_array_equal(subset.take(np.array([0])).to_numpy(), array[index[:1]])


def test_a_subset_as_large_as_the_data_is_the_data(rows):
    given = Rows(rows)
    assert given.subsample(N_ROWS, np.random.RandomState(0)) is None
    assert given.take(None) is given


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_chunks_prepared_ahead_come_in_their_order(device):
    assert list(prefetched(iter([3, 1, 2]), torch.device(device))) == [3, 1, 2]


def test_an_error_while_preparing_ahead_reaches_the_caller():
    def chunks():
        yield 1
        raise ValueError("row 17")

    prepared = prefetched(chunks(), torch.device("meta"))
    assert next(prepared) == 1
    with pytest.raises(ValueError, match="row 17"):
        next(prepared)
