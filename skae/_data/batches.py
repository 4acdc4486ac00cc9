"""Batches of rows on the training device, from memory or from a stream."""

import concurrent.futures
import math

import torch

# Of the rows that are not held on the device, what is read and moved at a time.
CHUNK_BYTES = 16 * 2**20

# The share of a device's free memory that the rows may take, beside the network.
MEMORY_SHARE = 0.7


def place(rows, device):
    """Rows where training takes them from: on the device where they fit.

    Parameters
    ----------
    rows : Rows
    device : torch.device

    Returns
    -------
    Resident, Hosted or Streamed
    """
    if rows.streamed:
        return Streamed(rows, device)
    tensor = rows.tensor()
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if tensor.nbytes > MEMORY_SHARE * free:
            return Hosted(tensor, device)
    try:
        return Resident(
            tensor.to(device),
            read_only=device.type == "cpu" and not rows.array.flags.writeable,
        )
    except torch.OutOfMemoryError:  # the allocator found less than was free
        return Hosted(tensor, device)


class Resident:
    """Rows that lie on the training device as one tensor.

    Parameters
    ----------
    tensor : torch.Tensor of shape (n_samples, n_features)
    read_only : bool, default=False
        Whether its memory is the caller's, and not to be written to.
    """

    def __init__(self, tensor, *, read_only=False):
        self.tensor = tensor
        self.read_only = read_only

    def __len__(self):
        return len(self.tensor)

    def batches(self, index, batch_size, generator):
        """Yield float32 batches of the rows at `index`, in a random order where asked."""
        index = in_order(index, len(self), generator)
        if index is None:
            for rows in self.tensor.split(batch_size):
                yield rows.clone().float() if self.read_only else rows.float()
            return
        for batch in index.to(self.tensor.device).split(batch_size):
            yield self.tensor.index_select(0, batch).float()


class Hosted:
    """Rows in the CPU's memory, too many for the training device's.

    Parameters
    ----------
    tensor : torch.Tensor of shape (n_samples, n_features)
        On the CPU.
    device : torch.device
    """

    def __init__(self, tensor, device):
        self.tensor = tensor
        self.device = device

    def __len__(self):
        return len(self.tensor)

    def batches(self, index, batch_size, generator):
        """Yield float32 batches of the rows at `index`, in a random order where asked."""
        index = in_order(index, len(self), generator)
        if index is None:
            index = torch.arange(len(self), device="cpu")
        n_rows = chunk_rows(self.tensor.shape[1] * self.tensor.element_size(), batch_size)
        chunks = (self.tensor.index_select(0, part) for part in index.split(n_rows))
        for chunk in ahead(on_device(chunks, self.device), self.device):
            yield from chunk.float().split(batch_size)


class Streamed:
    """Rows that are read from a map or a file, one chunk after the other.

    In random order, the chunks are shuffled among each other and the rows within each.

    Parameters
    ----------
    rows : Rows
    device : torch.device
    """

    def __init__(self, rows, device):
        self.rows = rows
        self.device = device

    def __len__(self):
        return len(self.rows)

    def batches(self, index, batch_size, generator):
        """Yield float32 batches of the rows at `index` (sorted), in random order or not.

        Only the last batch may be a short one: what a chunk leaves over begins the next.
        """
        rest = None
        chunks = on_device(self._chunks(index, batch_size, generator), self.device)
        for chunk in ahead(chunks, self.device):
            if rest is not None:
                chunk = torch.cat([rest, chunk])
            n_whole = len(chunk) - len(chunk) % batch_size
            if n_whole:
                yield from chunk[:n_whole].split(batch_size)
            rest = chunk[n_whole:].clone() if n_whole < len(chunk) else None
        if rest is not None:
            yield rest

    def _chunks(self, index, batch_size, generator):
        n_rows = chunk_rows(4 * self.rows.n_features, batch_size)
        starts = torch.arange(0, len(self), n_rows, device="cpu")
        starts = starts if generator is None else in_order(starts, len(self), generator)
        for start in starts.tolist():
            stop, within = min(start + n_rows, len(self)), None
            if index is not None:
                within = index[(index >= start) & (index < stop)] - start
                if not len(within):
                    continue
            chunk = self.rows.read(start, stop)
            within = in_order(within, len(chunk), generator)
            yield chunk if within is None else chunk.index_select(0, within)


class Batches:
    """The batches of some rows, in a new random order on every pass where asked.

    Yields each batch twice, as skorch's (input, target): an autoencoder's target
    is its input.

    Parameters
    ----------
    source : Resident, Hosted or Streamed
    batch_size : int
    generator : torch.Generator or None
        Draws the order of the rows; None keeps it.
    index : torch.Tensor or None
        Numbers of the rows to take; None takes all.
    """

    def __init__(self, source, batch_size, generator=None, index=None):
        self.source = source
        self.batch_size = batch_size
        self.generator = generator
        self.index = index
        self.n_rows = len(source) if index is None else len(index)

    def __len__(self):
        return math.ceil(self.n_rows / self.batch_size)

    def __iter__(self):
        for rows in self.source.batches(self.index, self.batch_size, self.generator):
            yield rows, rows


def in_order(index, n_rows, generator):
    """The numbers of the rows in the order to take them; None for all as they come."""
    if generator is None:
        return index
    n_rows = n_rows if index is None else len(index)
    order = torch.randperm(n_rows, generator=generator, device="cpu")
    return order if index is None else index[order]


def chunk_rows(row_bytes, batch_size):
    """Rows in a chunk: whole batches, as many as `CHUNK_BYTES` hold."""
    return max(CHUNK_BYTES // (row_bytes * batch_size), 1) * batch_size


def on_device(chunks, device):
    """Move chunks to the device; to CUDA's from pinned memory, without waiting."""
    for chunk in chunks:
        if device.type == "cuda":
            yield chunk.pin_memory().to(device, non_blocking=True)
        else:
            yield chunk.to(device)


def ahead(chunks, device):
    """The same chunks; for another device, each is prepared while the last is used."""
    if device.type == "cpu":
        yield from chunks
        return
    with concurrent.futures.ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = reader.submit(next, chunks, None)
            yield chunk
