"""Training times: peers of one recipe, an epoch of one beside an epoch of another."""

import data
import recipes
from processes import close_workers, start_workers
from timing import compare

TURN_SECONDS = 0.5  # a turn takes at least that long, in as many epochs as it needs


def compare_training(recipe, pairs, settings):
    """Seconds of epochs and of whole fits, in pairs of peers.

    An epoch is timed between two calls that each peer makes, at the end of one epoch
    and of the next, in the midst of a fit that goes on; the first epochs of that fit
    are not counted.

    Parameters
    ----------
    recipe : {"dense", "conv"}
    pairs : list of (str, str)
        Names of peers.
    settings : Settings

    Returns
    -------
    figures : dict
        With ``epochs`` and ``fits``, lists of ratios; ``test_errors`` and ``options``,
        by peer; ``left_out``, by peer, why.
    """
    n_rows = 1_000 if settings.quick else recipes.N_ROWS[recipe]
    if settings.peers:
        pairs = [pair for pair in pairs if set(pair) <= {"skae", *settings.peers}]
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    turn_seconds = 0.0 if settings.quick else TURN_SECONDS
    workers, left_out = start_workers(names, recipe, settings, n_rows, turn_seconds)
    try:
        pairs = [pair for pair in pairs if set(pair) <= set(workers)]
        turns = {name: worker.turn for name, worker in workers.items()}
        epochs = compare(named(pairs, turns), settings.rounds)
        for worker in workers.values():
            worker.finish()
        fits, test_errors = _compare_fits(pairs, workers, settings)
    finally:
        close_workers(workers)
    X, _, _ = data.load(settings.dataset)
    return {
        "n_rows": len(X[:n_rows]),
        "n_features": X.shape[1],
        "epochs": epochs,
        "fits": fits,
        "test_errors": test_errors,
        "options": {name: w.options for name, w in workers.items() if w.options},
        "left_out": left_out,
    }


def named(pairs, measures):
    """Pairs of measures by a name such as "skae / skorch"."""
    return {f"{a} / {b}": (measures[a], measures[b]) for a, b in pairs}


def with_best(ratios, name, candidates):
    """The ratios, with the least favourable of some candidates once more as `name`."""
    best = max(
        (ratio for ratio in ratios if ratio["name"] in candidates),
        key=lambda ratio: ratio["ratio"],
        default=None,
    )
    if best is None:
        return ratios
    return [best | {"name": name, "stands_for": best["name"]}, *ratios]


def _compare_fits(pairs, workers, settings):
    """Whole fits of a few epochs, set-up included, and the errors on the test rows."""
    epochs, rounds = (1, 1) if settings.quick else (2, min(settings.rounds, 3))
    test_errors = {}

    def whole_fit(name):
        answer = workers[name].fit(epochs)
        test_errors[name] = answer["test_error"]
        return answer["seconds"]

    pairs = [(a, b) for a, b in pairs if "product" not in a]
    fits = {a: lambda a=a: whole_fit(a) for pair in pairs for a in pair}
    for fit in fits.values():
        fit()  # some parts of a fit come only after the training, which none has ended
    ratios = compare(named(pairs, fits), rounds)
    return [ratio | {"epochs": epochs} for ratio in ratios], test_errors
