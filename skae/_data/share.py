"""Which samples a process reads, if several processes train one model."""

from typing import NamedTuple

import torch

# Bytes of neighbouring rows of an out-of-core array that all processes have together,
# each a block. They are few beside a chunk that is shuffled, of which all have the same.
BLOCK_BYTES = 2**21

# Blocks for each process, at least, if there are enough rows.
MIN_BLOCKS = 8


class Part(NamedTuple):
    """The part of a batch that a process has.

    Attributes
    ----------
    n_batch : int
        Number of samples of the whole batch.
    n_own : int
        Number of those of this process. If it is 0, one arbitrary sample stands in for
        them: networks cannot be applied to none.
    positions : slice or torch.Tensor
        Their positions in the batch.
    """

    n_batch: int
    n_own: int
    positions: slice | torch.Tensor


class Share:
    """The samples of one of several processes.

    Of data in memory, it has an equal part of each batch. Of out-of-core data, it has
    blocks of neighbouring rows, always the same ones: it does not read the others.

    Parameters
    ----------
    rank : int
        Number of the process, from 0.
    size : int
        Number of processes.
    """

    def __init__(self, rank, size):
        self.rank = rank
        self.size = size

    def part(self, n_batch):
        """Return the `Part` of a batch in memory, of which the positions are a slice."""
        start, stop = (n_batch * rank // self.size for rank in (self.rank, self.rank + 1))
        if start == stop:
            return Part(n_batch, 0, slice(0, 1))
        return Part(n_batch, stop - start, slice(start, stop))

    def block_length(self, rows):
        """Return the number of rows of a block."""
        by_bytes = BLOCK_BYTES // (4 * rows.n_features * self.size)
        return max(min(by_bytes, len(rows) // (MIN_BLOCKS * self.size)), 1)

    def owns(self, index, block_length):
        """Return whether rows of an out-of-core array are those of this process."""
        return index // block_length % self.size == self.rank

    def blocks(self, rows, start=0, stop=None):
        """Yield the first row, and the one after the last, of each own block.

        Parameters
        ----------
        rows : Rows
        start, stop : int
            Only blocks, and parts of blocks, between these rows.
        """
        stop = len(rows) if stop is None else stop
        length = self.block_length(rows)
        for first in range(start - start % length, stop, length):
            if self.owns(first, length):
                yield max(first, start), min(first + length, stop)
