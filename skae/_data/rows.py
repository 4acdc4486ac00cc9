"""The rows of X, wherever they lie: read some at a time, flat, and checked."""

import math

import numpy as np
import torch

# What torch can hold as it is, at no more than float32's size.
SMALL_TYPES = {np.dtype(name) for name in ("float32", "float16", "uint8", "int8", "bool")}

# Rows of a stream that are read together where some are picked.
STREAM_RUN = 100

# What is read at a time where the rows are only looked through.
CHUNK_BYTES = 4 * 2**20


def is_stream(X):
    """Whether the rows of `X` are to be read some at a time: a map, or a file's data set.

    That is what slices and tells its shape and NumPy type, and is no array in memory.
    """
    if isinstance(X, np.ndarray):
        return isinstance(X, np.memmap) and X.ndim > 1
    slices = hasattr(X, "__getitem__") and len(getattr(X, "shape", ())) > 1
    in_memory = any(
        hasattr(X, name) for name in ("__array_interface__", "__array_namespace__")
    )
    return slices and isinstance(getattr(X, "dtype", None), np.dtype) and not in_memory


class Rows:
    """Flat rows of an array that slices.

    Parameters
    ----------
    array : array-like of shape (n_samples, ...)
        A NumPy array, or what has `shape`, `dtype` and slices that NumPy can take.
    streamed : bool, default=False
        Whether it is never to be held in memory as a whole.

    Attributes
    ----------
    n_features : int
        Number of elements of a row.
    dtype : torch.dtype
        What to compute in: float64 where the array is, else float32.
    range : tuple of float
        The least and the greatest value that was read so far.
    """

    def __init__(self, array, *, streamed=False):
        self.array = array
        self.streamed = streamed
        self.n_features = math.prod(array.shape[1:])
        kind, size = np.dtype(array.dtype).kind, np.dtype(array.dtype).itemsize
        self.dtype = torch.float64 if kind == "f" and size > 4 else torch.float32
        self.range = (math.inf, -math.inf)
        self._shape = tuple(array.shape)

    def __len__(self):
        return self._shape[0]

    def read(self, start, stop, dtype=torch.float32):
        """Rows `start` to `stop`, a CPU tensor (stop - start, n_features) of `dtype`.

        Raises
        ------
        ValueError
            If a value is not finite, or the array no longer has the shape it had.
        """
        return self._checked(start, stop, dtype).to(dtype)

    def check(self):
        """Read all rows as for training; returns the least and the greatest value."""
        n_rows = max(CHUNK_BYTES // (4 * self.n_features), 1)
        for start in range(0, len(self), n_rows):
            self._checked(start, min(start + n_rows, len(self)), torch.float32)
        return self.range

    def _checked(self, start, stop, dtype):
        rows = self._slice(start, stop)
        low, high = (float(value) for value in torch.aminmax(rows))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(_not_finite(rows, start))
        if dtype == torch.float32 and max(-low, high) > torch.finfo(dtype).max:
            raise ValueError(
                f"X holds a value of size {max(-low, high):.5g}, beyond float32's "
                f"largest, {torch.finfo(dtype).max:.5g}; training is in float32. Scale X "
                "first, for example with StandardScaler."
            )
        self.range = (min(self.range[0], low), max(self.range[1], high))
        return rows

    def tensor(self):
        """All rows in one CPU tensor: of a type of `SMALL_TYPES`, or else in float32.

        It shares the array's memory where that can be: not to be written to.
        """
        array = self.array.reshape(len(self), self.n_features)
        if array.dtype not in SMALL_TYPES | {np.dtype("float64")}:
            array = array.astype(np.float32)
        tensor = torch.from_numpy(_writeable(array))
        return tensor.float() if tensor.dtype == torch.float64 else tensor

    def some(self, n_rows, rng):
        """Rows of about so many of these at random; the same where there are no more.

        Of a stream, they are runs of rows that stand together.
        """
        if len(self) <= n_rows:
            return self
        length = STREAM_RUN if self.streamed else 1
        n_runs = n_rows // length
        starts = rng.choice(len(self) // length, n_runs, replace=False) * length
        picked = Picked(self.array, np.sort(starts), length)
        return Rows(picked, streamed=self.streamed)

    def _slice(self, start, stop):
        """The rows as they are: no float yet, and not checked."""
        rows = np.asarray(self.array[start:stop])
        expected = (stop - start, *self._shape[1:])
        n_rows = self.array.shape[0]
        if rows.shape != expected or n_rows != len(self):
            raise ValueError(
                f"X changed its size while it was read: rows {start} to {stop - 1} have "
                f"shape {rows.shape}, expected {expected}, and there are "
                f"{n_rows} rows, not {len(self)}. Leave X alone until fit or "
                "transform has returned."
            )
        rows = rows.reshape(len(rows), self.n_features)
        if rows.dtype not in SMALL_TYPES:
            double = self.dtype == torch.float64
            rows = rows.astype(np.float64 if double else np.float32, copy=False)
        # What is in a file, or read-only, is not to be written to through the tensor.
        is_kept = isinstance(self.array, np.memmap) or not rows.flags.writeable
        return torch.from_numpy(rows.copy() if is_kept else rows)


class Picked:
    """Some rows of an array that slices, in runs of as many that stand together.

    Parameters
    ----------
    array : array-like of shape (n_samples, ...)
    starts : ndarray of int
        The first row of each run.
    length : int
        Number of rows in each run.
    """

    def __init__(self, array, starts, length):
        self.array = array
        self.starts = starts
        self.length = length
        self.shape = (len(starts) * length, *array.shape[1:])
        self.dtype = array.dtype

    def __getitem__(self, part):
        first, last = part.start // self.length, -(-part.stop // self.length)
        runs = [
            self.array[start : start + self.length]
            for start in self.starts[first:last].tolist()
        ]
        within = part.start - first * self.length
        return np.concatenate(runs)[within : within + part.stop - part.start]


def _writeable(array):
    """A view that says it may be written to, which torch asks for, and must not be."""
    if array.flags.writeable:
        return array

    class Memory:
        __array_interface__ = array.__array_interface__ | {
            "data": (array.__array_interface__["data"][0], False)
        }
        owner = array

    return np.asarray(Memory())


def _not_finite(rows, start):
    """What to say of rows with values that are not finite."""
    bad = rows.isfinite().logical_not().any(dim=1).nonzero().ravel() + start
    kind = "NaN" if rows.isnan().any() else "infinity"
    named = ", ".join(map(str, bad[:3].tolist()))
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    way_out = "Fill in what is missing, for example with SimpleImputer"
    return (
        f"Input X contains {kind}, in row{'s' if len(bad) > 1 else ''} {named}{more}; "
        f"expected finite numbers. {way_out if kind == 'NaN' else 'Remove such values'} "
        "first."
    )
