"""Paired measurements: the two sides of each ratio are taken one right after the other.

On a machine that others use too, seconds drift; two measurements taken together drift
together. The ratio of each pair is kept, and the median of these ratios is reported.
"""

import statistics
import time


def paired_seconds(pairs, rounds):
    """Measure each pair once a round, the first side first in every other round.

    Parameters
    ----------
    pairs : dict
        Of name -> (measure, measure), functions that do a work and return its seconds.
    rounds : int

    Returns
    -------
    seconds : dict
        Of name -> (list of seconds, list of seconds), an entry for each round.
    """
    seconds = {name: ([], []) for name in pairs}
    for i in range(rounds):
        for name, measures in pairs.items():
            for side in (0, 1) if i % 2 == 0 else (1, 0):
                seconds[name][side].append(measures[side]())
    return seconds


def compare(pairs, rounds):
    """Ratios of the first to the second of each pair, as `summary` puts them.

    Parameters
    ----------
    pairs : dict
        Of name -> (measure, measure), as for `paired_seconds`.
    rounds : int

    Returns
    -------
    ratios : list of dict
    """
    measured = paired_seconds(pairs, rounds)
    return [summary(name, *measured[name]) for name in pairs]


def summary(name, seconds, other_seconds):
    """Median, quartiles and number of the paired ratios, with the medians of both."""
    ratios = [a / b for a, b in zip(seconds, other_seconds, strict=True)]
    low, _, high = quartiles(ratios)
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "low": low,
        "high": high,
        "rounds": len(ratios),
        "seconds": statistics.median(seconds),
        "other_seconds": statistics.median(other_seconds),
    }


def quartiles(values):
    """Quartiles; of a single value, that value."""
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def stopwatch(action, repeat=1):
    """A function that does `action` and returns its mean seconds over `repeat` calls."""

    def measure():
        start = time.perf_counter()
        for _ in range(repeat):
            action()
        return (time.perf_counter() - start) / repeat

    return measure


def repeats_for(action, seconds):
    """How many calls of `action` take about `seconds`, after one to warm up."""
    action()
    return max(1, round(seconds / max(stopwatch(action)(), 1e-6)))
