"""What a run of the benchmarks is told: data, rounds, threads, quick or in full."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Settings:
    """What every work is given.

    Parameters
    ----------
    dataset : {"digits", "mnist", "fashion-mnist"}
        The data set, for works that use one.
    rounds : int
        Pairs of measurements behind each ratio.
    threads : int
        Cores that a process may use.
    peers : tuple of str
        The peers to measure; empty for all.
    quick : bool
        Whether to show only that everything runs: small data, few repetitions. Its
        figures mean nothing.
    """

    dataset: str = "mnist"
    rounds: int = 7
    threads: int = 1
    peers: tuple = ()
    quick: bool = False
