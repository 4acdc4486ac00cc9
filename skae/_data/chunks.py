"""Arrays in chunks, of dask, zarr and HDF5, which are read along their own chunks."""

import bisect
import itertools
import math

import numpy as np

# Neighbouring chunks are read together up to this number of bytes.
JOINED_BYTES = 16 * 2**20

# Larger chunks of files are not read as a whole. Those of dask arrays always are.
MAX_CHUNK_BYTES = 128 * 2**20


class ChunkedArray:
    """An array that is read along its own chunks, of which the last ones are kept.

    A slice of a chunk takes as long to read as the whole chunk, which is computed or
    decompressed for it. Slices in increasing order read each chunk once.

    Parameters
    ----------
    array : array-like of shape (n_samples, ...)
        An object with `shape`, `dtype` and slices.
    lengths : iterable of int
        Number of samples in each chunk.

    Attributes
    ----------
    bounds : list of int
        The first sample of each group of chunks that are read together, and the number
        of samples.
    """

    def __init__(self, array, lengths):
        self.array = array
        self.dtype = np.dtype(array.dtype)
        self.bounds = _joined(lengths, _row_bytes(array))
        self._kept, self._group = None, None

    @property
    def shape(self):
        return self.array.shape

    def __len__(self):
        return self.bounds[-1]

    def __getitem__(self, part):
        start, stop, _ = part.indices(len(self))
        pieces = []
        while start < stop:
            number = bisect.bisect_right(self.bounds, start) - 1
            first, last = self.bounds[number : number + 2]
            pieces.append(self._read_group(number)[start - first : stop - first])
            start = last
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def __array__(self, dtype=None, copy=None):
        return np.array(self[:], dtype=dtype)

    def _read_group(self, number):
        if number != self._kept:
            self._kept, self._group = None, None  # before others take its memory
            start, stop = self.bounds[number : number + 2]
            self._group = self._read(start, stop)
            self._kept = number
        return self._group

    def _read(self, start, stop):
        return np.asarray(self.array[start:stop])


class DaskArray(ChunkedArray):
    """A dask array, of which some chunks are computed at a time.

    Parameters
    ----------
    array : dask.array.Array
    columns : pandas.Index, default=None
        Names of the features.
    """

    def __init__(self, array, columns=None):
        super().__init__(array, array.chunks[0])
        self.columns = columns

    def _read(self, start, stop):
        chunk = self.array[start:stop].compute()
        if hasattr(chunk, "toarray") or isinstance(chunk, np.ma.MaskedArray):
            raise TypeError(
                f"X is a dask array with chunks of type {type(chunk).__name__}; must be "
                "dense NumPy arrays. Use X.map_blocks with a function that converts a "
                "chunk, such as lambda chunk: chunk.toarray() for sparse chunks."
            )
        return np.asarray(chunk)


def open_dask(X):
    """Return a `DaskArray` for an array or a data frame of dask.

    Unknown numbers of samples are counted, in one pass. `X` is not changed.
    """
    from dask import array as dask_array

    columns = None
    if not isinstance(X, dask_array.Array):
        if not hasattr(type(X), "to_dask_array"):
            raise TypeError(
                f"X is a dask {type(X).__name__}; must be a dask array or data frame, "
                "such as dask.array.from_delayed(...), or X.compute()."
            )
        columns = getattr(X, "columns", None)
        X = X.to_dask_array(lengths=True)
    elif any(math.isnan(length) for length in itertools.chain(*X.chunks)):
        X = X.copy()
        X.compute_chunk_sizes()
    return DaskArray(X, columns)


def along_chunks(X):
    """Return a `ChunkedArray` for an array with chunks; return the rest as is."""
    chunks = getattr(X, "chunks", None)
    if isinstance(X, ChunkedArray) or not isinstance(chunks, tuple):
        return X
    if not isinstance(chunks[0], int | np.integer) or chunks[0] < 1:
        return X
    length, n_samples = int(chunks[0]), X.shape[0]
    if length * _row_bytes(X) > MAX_CHUNK_BYTES:
        return X
    n_whole, rest = divmod(n_samples, length)
    return ChunkedArray(X, [length] * n_whole + [rest])


def _row_bytes(array):
    itemsize = max(np.dtype(array.dtype).itemsize, 4)  # in float32 or larger
    return itemsize * math.prod(array.shape[1:])


def _joined(lengths, row_bytes):
    """Return the bounds of groups of chunks with about `JOINED_BYTES`."""
    n_rows = JOINED_BYTES // max(row_bytes, 1)
    bounds, total = [0], 0
    for length in map(int, lengths):
        if total + length - bounds[-1] > n_rows and total > bounds[-1]:
            bounds.append(total)
        total += length
    return [*bounds, total] if total > bounds[-1] else bounds
