"""Rows: the samples of X, in memory or out-of-core, read and checked in chunks."""

import math
import mmap

import numpy as np
import torch
from sklearn import get_config

from skae._data.chunks import ChunkedArray

# Types that torch supports and of which float32 holds all values.
SMALL_TYPES = {np.dtype(name) for name in ("float32", "float16", "uint8", "int8", "bool")}

# Neighbouring rows of out-of-core data that are read together for a subsample.
RUN_LENGTH = 100

# Bytes to read at a time in a pass over all values.
PASS_BYTES = 4 * 2**20

# Values of chunked arrays that are read once and kept, rather than in each pass.
KEPT_VALUES = 2**22

EMPTY_RANGE = (math.inf, -math.inf)


def is_out_of_core(X):
    """Return whether `X` is read by slices: a memory map, or a file's data set.

    That is an object that slices and has a shape and a NumPy dtype, but holds no array
    in memory.
    """
    if isinstance(X, np.ndarray):
        return isinstance(X, np.memmap) and X.ndim > 1
    slices = hasattr(X, "__getitem__") and len(getattr(X, "shape", ())) > 1
    in_memory = any(
        hasattr(X, name) for name in ("__array_interface__", "__array_namespace__")
    )
    return slices and isinstance(getattr(X, "dtype", None), np.dtype) and not in_memory


class Rows:
    """The samples of an array that slices, flattened.

    Reading returns copies: the array itself is never changed.

    Parameters
    ----------
    array : array-like of shape (n_samples, ...)
        A NumPy array, or an object with `shape`, `dtype` and slices that NumPy reads.
    streamed : bool, default=False
        Whether the array may be too large for the memory.

    Attributes
    ----------
    n_features : int
        Number of elements of a sample.
    dtype : torch.dtype
        Type of the results: float64 for numbers that float32 does not hold, such as
        float64 and 64-bit integers, else float32.
    """

    def __init__(self, array, *, streamed=False):
        self.array = array
        self.streamed = streamed
        self.n_features = math.prod(array.shape[1:])
        fits = np.can_cast(array.dtype, np.float32)
        self.dtype = torch.float32 if fits else torch.float64
        self._shape = tuple(array.shape)

    def __len__(self):
        return self._shape[0]

    def read(self, start, stop, dtype=torch.float32):
        """Return rows `start` to `stop`, checked, and their range.

        Parameters
        ----------
        start, stop : int
        dtype : torch.dtype, default=torch.float32

        Returns
        -------
        rows : torch.Tensor of shape (stop - start, n_features)
            A copy on the CPU.
        value_range : tuple of float
            The least and the greatest value.

        Raises
        ------
        ValueError
            If a value is not finite, unless scikit-learn's ``assume_finite`` is set, or
            if the array has changed its shape.
        """
        rows = self._slice(start, stop)
        value_range = _checked_range(rows, start, dtype)
        return rows.to(dtype), value_range

    def checked(self, start, stop, dtype=torch.float32):
        """Return rows `start` to `stop`, checked for a type but not converted to it.

        They are of a type in `SMALL_TYPES`, or of `dtype` of the rows, may share memory
        with the array, and must not be changed.
        """
        rows = self._slice(start, stop, copy=False)
        _checked_range(rows, start, dtype)
        return rows

    def bounds(self, n_rows):
        """Return the first row of each part to read at a time, and the number of rows.

        The parts have `n_rows` rows; those of a chunked array are its groups of chunks.
        """
        if isinstance(self.array, ChunkedArray):
            return self.array.bounds
        return [*range(0, len(self), n_rows), len(self)]

    def range(self, share=None):
        """Read and check all rows; return the least and the greatest value.

        Parameters
        ----------
        share : Share or None, default=None
            Of an array that is streamed, only its rows.
        """
        total = EMPTY_RANGE
        is_shared = share is not None and self.streamed
        for start, stop in share.blocks(self) if is_shared else self._parts():
            rows = self._slice(start, stop, copy=False)
            total = merge_ranges(total, _checked_range(rows, start, torch.float32))
        return total

    def parts(self):
        """Yield all rows in parts, as tensors of their type, which may share memory."""
        for start, stop in self._parts():
            yield self._slice(start, stop, copy=False)

    def to_numpy(self):
        """Read all rows into a new float64 array (n_samples, n_features)."""
        result = np.empty((len(self), self.n_features))
        for start, stop in self._parts():
            result[start:stop] = self.read(start, stop, torch.float64)[0].numpy()
        return result

    def _parts(self):
        """Yield the first row, and the one after the last, of what is read at a time."""
        n_rows = max(PASS_BYTES // (4 * self.n_features), 1)
        for start in range(0, len(self), n_rows):
            yield start, min(start + n_rows, len(self))

    def in_memory(self, convert=None):
        """Return all rows as one array of a type in `SMALL_TYPES`, else in float32.

        It shares the memory of X where possible, and must not be changed.

        Parameters
        ----------
        convert : callable, default=None
            Maps float64 rows to float32 ones; used if `dtype` is float64.
        """
        array = self.array.reshape(len(self), self.n_features)
        if array.dtype in SMALL_TYPES:
            return array
        if convert is None or self.dtype != torch.float64:
            return array.astype(np.float32)
        result = np.empty(array.shape, dtype=np.float32)
        for start, stop in self._parts():
            result[start:stop] = convert(array[start:stop].astype(np.float64))
        return result

    def subsample(self, n_rows, rng):
        """Return the sorted indices of about `n_rows` random rows, None for all rows.

        For out-of-core data, they form runs of neighbouring rows.
        """
        if len(self) <= n_rows:
            return None
        length = min(RUN_LENGTH, n_rows) if self.streamed else 1
        n_runs = max(n_rows // length, 1)
        starts = rng.choice(len(self) // length, n_runs, replace=False) * length
        return (np.sort(starts)[:, None] + np.arange(length)).ravel()

    def take(self, index):
        """Return the `Rows` at the sorted indices `index`; None takes all.

        A few rows of a chunked array are read once, into memory.
        """
        if index is None:
            return self
        taken = Rows(RowSubset(self.array, index), streamed=self.streamed)
        is_small = len(taken) * self.n_features <= KEPT_VALUES
        if is_small and isinstance(self.array, ChunkedArray):
            return Rows(taken._slice(0, len(taken)).numpy())
        return taken

    def _slice(self, start, stop, *, copy=True):
        """Return rows as a tensor of their type; without `copy`, it may share memory."""
        forget_pages(self.array)
        rows = np.asarray(self.array[start:stop])
        expected = (stop - start, *self._shape[1:])
        n_rows = self.array.shape[0]
        if rows.shape != expected or n_rows != len(self):
            changes = []
            if rows.shape != expected:
                changes = [
                    f"rows {start} to {stop - 1} have shape {rows.shape} instead of "
                    f"{expected}"
                ]
            if n_rows != len(self):
                changes += [f"there are {n_rows} samples instead of {len(self)}"]
            raise ValueError(
                f"X changed its size while it was read: {' and '.join(changes)}. X must "
                "not change until fit or transform returns."
            )
        rows = rows.reshape(len(rows), self.n_features)
        if rows.dtype not in SMALL_TYPES:
            is_double = self.dtype == torch.float64
            rows = rows.astype(np.float64 if is_double else np.float32, copy=False)
        if copy or not _is_torchs_layout(rows):
            rows = np.array(rows, order="C")
        return torch.from_numpy(rows)


class RowSubset:
    """Some rows of an array that slices.

    Parameters
    ----------
    array : array-like of shape (n_samples, ...)
    index : ndarray of int
        The sorted indices of the rows.
    """

    def __init__(self, array, index):
        self.array = array
        self.index = index
        self.shape = (len(index), *array.shape[1:])
        self.dtype = array.dtype

    def __getitem__(self, part):
        index = self.index[part]
        forget_pages(self.array)
        runs = np.split(index, np.flatnonzero(np.diff(index) != 1) + 1)
        return np.concatenate([self.array[run[0] : run[-1] + 1] for run in runs])


def forget_pages(array):
    """Give back the memory of the pages of a memory-mapped array that have been read.

    They stay in the cache of the operating system, and are mapped again if needed.
    """
    if not isinstance(array, np.memmap) or not hasattr(mmap, "MADV_DONTNEED"):
        return
    if array.mode == "c":  # changes of the user are in these pages only
        return
    base = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def _is_torchs_layout(array):
    """Return whether torch takes an array without a copy and without a warning."""
    strides = array.strides
    return array.flags.writeable and all(
        stride >= 0 and stride % array.itemsize == 0 for stride in strides
    )


def merge_ranges(first, second):
    """Return the range of two sets of values from the range of each."""
    return min(first[0], second[0]), max(first[1], second[1])


def _checked_range(rows, start, dtype):
    """Return the range of some rows, the first of which has the index `start`."""
    low, high = (float(value) for value in torch.aminmax(rows))
    if get_config()["assume_finite"]:
        return low, high
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(_not_finite_message(rows, start))
    if dtype == torch.float32 and max(-low, high) > torch.finfo(dtype).max:
        raise ValueError(
            f"X contains an absolute value of {max(-low, high):.5g}; must be at most "
            f"{torch.finfo(dtype).max:.5g}, because training is in float32. Scale X, for "
            "example with StandardScaler."
        )
    return low, high


def _not_finite_message(rows, start):
    bad = rows.isfinite().logical_not().any(dim=1).nonzero().ravel() + start
    kind = "NaN" if rows.isnan().any() else "infinity"
    named = ", ".join(map(str, bad[:3].tolist()))
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    way_out = (
        "Impute missing values, for example with SimpleImputer"
        if kind == "NaN"
        else "Remove or replace infinite values"
    )
    return (
        f"Input X contains {kind}, in row{'s' if len(bad) > 1 else ''} {named}{more}; "
        f"all values must be finite. {way_out}."
    )
