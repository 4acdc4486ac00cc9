"""Batches of samples on the training device, from memory or out-of-core.

If several processes train one model, each has a part of every batch.
"""

import concurrent.futures
import math

import torch

from skae._data.share import Part

# Bytes to read and move at a time, for samples that are not held on the device.
CHUNK_BYTES = 16 * 2**20

# Fraction of a GPU's free memory for the samples; the rest is for the networks.
MEMORY_SHARE = 0.7


def make_source(rows, device, standardizer=None):
    """Return the source of training batches: on the device, if the samples fit there.

    Parameters
    ----------
    rows : Rows
    device : torch.device
    standardizer : Standardizer or None, default=None
        Applied in float64 to samples that float32 cannot hold. Other samples stay as they
        are.

    Returns
    -------
    ArraySource, DeviceSource, HostSource or StreamSource
    """
    convert = None
    if standardizer is not None and rows.dtype == torch.float64:
        convert = standardizer.to_float32
    source = _source(rows, device, convert)
    source.is_standardized = convert is not None
    return source


def _source(rows, device, convert):
    if rows.streamed:
        return StreamSource(rows, device, convert)
    array = rows.in_memory(convert)
    if device.type == "cpu":
        return ArraySource(array)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if array.nbytes > MEMORY_SHARE * free:
            return HostSource(array, device)
    try:
        return DeviceSource(torch.tensor(array, device=device))
    except torch.OutOfMemoryError:  # less memory than reported
        return HostSource(array, device)


def batch_sizes(n_rows, batch_size):
    """Yield the size of each batch; a single last row joins the previous batch.

    Batch normalization cannot be trained on one row.
    """
    n_whole, rest = divmod(n_rows, batch_size)
    if rest == 1 and n_whole and batch_size > 1:
        n_whole, rest = n_whole - 1, batch_size + 1
    for _ in range(n_whole):
        yield batch_size
    if rest:
        yield rest


class Source:
    """Base class of the sources of batches.

    Attributes
    ----------
    is_standardized : bool
        Whether the batches are standardised already.
    """

    is_standardized = False


class ArraySource(Source):
    """Samples of a NumPy array, for training on the CPU.

    Parameters
    ----------
    array : ndarray of shape (n_samples, n_features)
        Only read: each batch is a copy.
    """

    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def batches(self, index, batch_size, generator, share=None):
        """Yield float32 batches of the rows at `index`, and the part that they are."""
        index = permuted(index, len(self), generator)
        n_rows = len(self) if index is None else len(index)
        index = None if index is None else index.numpy()
        for start, stop, part in own_ranges(n_rows, batch_size, share):
            if index is None:
                batch = self.array[start:stop].copy()
            else:
                batch = self.array.take(index[start:stop], axis=0)
            yield torch.from_numpy(batch).float(), part


class DeviceSource(Source):
    """Samples on the training device, as one tensor.

    Parameters
    ----------
    tensor : torch.Tensor of shape (n_samples, n_features)
    """

    def __init__(self, tensor):
        self.tensor = tensor

    def __len__(self):
        return len(self.tensor)

    def batches(self, index, batch_size, generator, share=None):
        """Yield float32 batches of the rows at `index`, and the part that they are."""
        index = permuted(index, len(self), generator)
        if index is None:
            index = torch.arange(len(self), device="cpu")
        index = index.to(self.tensor.device)
        for start, stop, part in own_ranges(len(index), batch_size, share):
            yield self.tensor.index_select(0, index[start:stop]).float(), part


class HostSource(Source):
    """Samples in the CPU's memory that are too large for the device's.

    Parameters
    ----------
    array : ndarray of shape (n_samples, n_features)
    device : torch.device
    """

    def __init__(self, array, device):
        self.array = array
        self.device = device

    def __len__(self):
        return len(self.array)

    def batches(self, index, batch_size, generator, share=None):
        """Yield float32 batches of the rows at `index`, and the part that they are."""
        index = permuted(index, len(self), generator)
        if index is None:
            index = torch.arange(len(self), device="cpu")
        ranges = list(own_ranges(len(index), batch_size, share))
        own = torch.cat([index[start:stop] for start, stop, _ in ranges])
        row_bytes = self.array.itemsize * self.array.shape[1]
        chunks = (
            torch.from_numpy(self.array.take(rows.numpy(), axis=0))
            for rows in own.split(rows_per_chunk(row_bytes, batch_size))
        )
        sizes = (stop - start for start, stop, _ in ranges)
        batches = rebatched(prefetched(moved(chunks, self.device), self.device), sizes)
        for batch, (_, _, part) in zip(batches, ranges, strict=True):
            yield batch.float(), part


class StreamSource(Source):
    """Samples that are read from a memory-mapped array or a file, chunk by chunk.

    In random order, the chunks are shuffled, and the rows within each. A small
    validation set of an array with own chunks is read once.

    Parameters
    ----------
    rows : Rows
    device : torch.device
    convert : callable, default=None
        Maps float64 rows to float32 ones.
    """

    def __init__(self, rows, device, convert=None):
        self.rows = rows
        self.device = device
        self.convert = convert
        self._held_index = self._held = None

    def __len__(self):
        return len(self.rows)

    def batches(self, index, batch_size, generator, share=None):
        """Yield float32 batches of the rows at `index`, and the part that they are.

        `index` must be sorted.
        """
        if generator is None and index is not None and self._holds(index):
            yield from self._held.batches(None, batch_size, None, share)
            return
        n_rows = len(self) if index is None else len(index)
        chunks = self._chunks(index, batch_size, generator)
        if share is not None:
            yield from self._shared_batches(chunks, n_rows, batch_size, share)
            return
        parts = self._read_parts(chunks, batch_size)
        parts = prefetched(moved(parts, self.device), self.device)
        for batch in rebatched(parts, batch_sizes(n_rows, batch_size)):
            yield batch.float(), None

    def _holds(self, index):
        """Return whether the rows at `index`, if they are few, are in memory."""
        if index is not self._held_index:
            rows = self.rows.take(index.numpy())
            self._held = (
                None if rows.streamed else _source(rows, self.device, self.convert)
            )
            self._held_index = index
        return self._held is not None

    def _chunks(self, index, batch_size, generator):
        """Yield where each chunk starts and stops, and which of its rows are wanted."""
        n_rows = rows_per_chunk(4 * self.rows.n_features, batch_size)
        bounds = self.rows.bounds(n_rows)
        order = torch.arange(len(bounds) - 1, device="cpu")
        for number in permuted(order, len(order), generator).tolist():
            start, stop = bounds[number : number + 2]
            within = torch.arange(stop - start, device="cpu")
            if index is not None:
                within = index[(index >= start) & (index < stop)] - start
                if not len(within):
                    continue
            yield start, stop, permuted(within, len(within), generator)

    def _read_parts(self, chunks, batch_size):
        """Yield the wanted rows of chunks; large chunks in parts."""
        n_rows = rows_per_chunk(4 * self.rows.n_features, batch_size)
        for start, stop, within in chunks:
            chunk = self._read(start, stop)
            for part in within.split(n_rows):
                yield self._converted(chunk.index_select(0, part))

    def _shared_batches(self, chunks, n_rows, batch_size, share):
        """Yield the own rows of each batch, of chunks of which only these are read."""
        n_features = self.rows.n_features
        rest = torch.empty(0, n_features, dtype=torch.float32, device=self.device)
        # The places of these rows in the order of all rows.
        places = torch.empty(0, dtype=torch.int64, device="cpu")
        sizes = batch_sizes(n_rows, batch_size)
        first, size, n_seen = 0, next(sizes), 0
        for start, stop, within in chunks:
            order = torch.arange(start, stop, device="cpu")[within]
            is_own = share.owns(order, share.block_length(self.rows))
            read = self._read_own(order[is_own], start, stop, share)
            rest = torch.cat([rest, read.to(self.device)])
            places = torch.cat([places, n_seen + is_own.nonzero().ravel()])
            n_seen += len(order)
            while size is not None and first + size <= n_seen:
                n_own = int((places < first + size).sum())
                if n_own:
                    yield rest[:n_own], Part(size, n_own, places[:n_own] - first)
                else:
                    yield rest.new_zeros(1, rest.shape[1]), Part(size, 0, slice(0, 1))
                rest, places = rest[n_own:], places[n_own:]
                first, size = first + size, next(sizes, None)

    def _read_own(self, index, start, stop, share):
        """Return the rows at `index`, all between `start` and `stop`, in this order."""
        blocks = list(share.blocks(self.rows, start, stop))
        if not blocks:
            n_features = self.rows.n_features
            return torch.empty(0, n_features, dtype=torch.float32, device="cpu")
        known = torch.cat([torch.arange(*block, device="cpu") for block in blocks])
        read = torch.cat([self._converted(self._read(*block)) for block in blocks])
        return read[torch.searchsorted(known, index)]

    def _read(self, start, stop):
        """Return checked rows, which may share memory with the array."""
        is_converted = self.convert is not None
        return self.rows.checked(
            start, stop, torch.float64 if is_converted else torch.float32
        )

    def _converted(self, chunk):
        if self.convert is None:
            return chunk.float()
        return torch.from_numpy(self.convert(chunk.numpy()))


class Batches:
    """Iterable of batches, in a new random order in each pass if there is a generator.

    It yields pairs (input, target), as skorch expects. The target of an autoencoder is
    its input, except that the output may be in other units.

    Parameters
    ----------
    source : ArraySource, DeviceSource, HostSource or StreamSource
    batch_size : int
    generator : torch.Generator or None
        Source of the random order; None keeps the order of the samples.
    index : torch.Tensor or None
        Indices of the samples; None for all.
    as_pair : callable, default=None
        Returns input and target for a batch of the source; None returns it twice.
    share : Share or None, default=None
        The samples of this process; None if it has all.

    Attributes
    ----------
    part : Part or None
        The part of the last batch that this process has; None if it has all.
    """

    def __init__(
        self, source, batch_size, generator=None, index=None, as_pair=None, share=None
    ):
        self.source = source
        self.batch_size = batch_size
        self.generator = generator
        self.index = index
        self.as_pair = as_pair
        self.share = share
        self.part = None
        self.n_rows = len(source) if index is None else len(index)

    def __len__(self):
        n_batches = math.ceil(self.n_rows / self.batch_size)
        joined = self.n_rows % self.batch_size == 1 and 1 < self.batch_size < self.n_rows
        return n_batches - joined

    def __iter__(self):
        batches = self.source.batches(
            self.index, self.batch_size, self.generator, self.share
        )
        for X, part in batches:
            self.part = part
            yield (X, X) if self.as_pair is None else self.as_pair(X)


def permuted(index, n_rows, generator):
    """Return row indices in random order, or unchanged without a generator.

    None means all rows in their order.
    """
    if generator is None:
        return index
    n_rows = n_rows if index is None else len(index)
    order = torch.randperm(n_rows, generator=generator, device="cpu")
    return order if index is None else index[order]


def rows_per_chunk(row_bytes, batch_size):
    """Return the number of rows of a chunk: whole batches with about `CHUNK_BYTES`."""
    return max(CHUNK_BYTES // max(row_bytes * batch_size, 1), 1) * batch_size


def own_ranges(n_rows, batch_size, share):
    """Yield where each batch, or the own part of it, starts and stops, and its `Part`.

    The part is None if one process has all samples.
    """
    first = 0
    for size in batch_sizes(n_rows, batch_size):
        part = None if share is None else share.part(size)
        start, stop = (0, size) if part is None else part.positions.indices(size)[:2]
        yield first + start, first + stop, part
        first += size


def rebatched(chunks, sizes):
    """Yield batches of certain sizes from chunks of any size.

    Parameters
    ----------
    chunks : iterator of torch.Tensor
    sizes : iterator of int
        Their sum is the number of rows of all chunks.
    """
    size, rest = next(sizes), None
    for chunk in chunks:
        chunk = chunk if rest is None else torch.cat([rest, chunk])
        start = 0
        while size is not None and start + size <= len(chunk):
            yield chunk[start : start + size]
            start, size = start + size, next(sizes, None)
        rest = chunk[start:].clone() if start < len(chunk) else None


def moved(chunks, device):
    """Move chunks to the device; to CUDA asynchronously, from pinned memory."""
    for chunk in chunks:
        if device.type == "cuda":
            yield chunk.pin_memory().to(device, non_blocking=True)
        else:
            yield chunk.to(device)


def prefetched(chunks, device):
    """Yield chunks; for a GPU, prepare each one while the previous one is in use."""
    if device.type == "cpu":
        yield from chunks
        return
    with concurrent.futures.ThreadPoolExecutor(1) as reader:
        upcoming = reader.submit(next, chunks, None)
        while (chunk := upcoming.result()) is not None:
            upcoming = reader.submit(next, chunks, None)
            yield chunk
