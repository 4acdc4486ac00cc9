"""A process that trains one peer, an epoch at a time, as its parent tells it to.

Each peer trains in the main thread of a process of its own, so that none disturbs the
thread pools or the memory of another, and stops after each turn until it is told to go
on. Orders come on stdin and answers go to stdout, a line of JSON each.
"""

import contextlib
import json
import os
import sys
import time

ENDLESS = 1_000_000  # epochs; training ends when the parent says so


class Finished(BaseException):
    """Ends a training from within."""


def main():
    answers = _take_stdout()

    def answer(**what):
        print(json.dumps(what), file=answers, flush=True)

    def read():
        line = sys.stdin.readline()
        return json.loads(line) if line else {"order": "end"}

    try:
        follow_orders(read, answer)
    except Exception as error:  # the parent leaves the peer out, and says why
        answer(error=f"{type(error).__name__}: {str(error).splitlines()[0]}")
        raise


def follow_orders(read, answer):
    """Make the peer of the first order, then obey the others."""
    job = read()

    import data
    import machine
    import peers

    machine.use_threads(job["threads"])
    X, X_test, image_shape = data.load(job["dataset"])
    X = X[: job["n_rows"]].copy()

    peer = peers.make(job["peer"], job["recipe"], image_shape, X.shape[1])
    options = peer.tune(X) if hasattr(peer, "tune") else {}
    answer(ready=True, options=options)
    while (order := read())["order"] != "end":
        if order["order"] == "train":
            train_in_turns(peer, X, read, answer)
        else:
            answer(**whole_fit(peer, X, X_test, order["epochs"]))


def train_in_turns(peer, X, read, answer):
    """Train until the parent orders something else than epochs.

    A peer that has a method ``go_on`` is not stopped within a fit: each turn is a call
    that goes on with the training, whose first epoch is not counted. (A thread that
    tunes TensorFlow's input sleeps the longer, the longer a pause was, and the end of
    an epoch waits for it.) The others are stopped by the function called after epochs.
    """
    if not hasattr(peer, "go_on"):
        with contextlib.suppress(Finished):
            peer.fit(X, ENDLESS, turns(read, answer))
        return
    start = time.perf_counter()
    peer.fit(X, 1, lambda: None)
    answer(seconds=time.perf_counter() - start)
    while (order := read())["order"] == "epochs":
        ends = []
        peer.go_on(X, 1 + order["epochs"], lambda: ends.append(time.perf_counter()))  # noqa: B023
        answer(seconds=ends[-1] - ends[0])


def whole_fit(peer, X, X_test, epochs):
    """Seconds of a fit with all its set-up, and the error that it ends with."""
    start = time.perf_counter()
    peer.fit(X, epochs, lambda seconds=None: None)
    seconds = time.perf_counter() - start
    if not hasattr(peer, "reconstruct"):
        return {"seconds": seconds, "test_error": None}
    error = ((peer.reconstruct(X_test) - X_test) ** 2).mean()
    return {"seconds": seconds, "test_error": float(error)}


def turns(read, answer):
    """A function to call after each epoch, that waits where a turn is over.

    The first turn is one epoch, with whatever a peer does before it. Where the function
    is given seconds, they count instead of those of the clock.
    """
    left, total, start = 1, 0.0, time.perf_counter()

    def mark(seconds=None):
        nonlocal left, total, start
        total += time.perf_counter() - start if seconds is None else seconds
        left -= 1
        if left == 0:
            answer(seconds=total)
            order = read()
            if order["order"] != "epochs":
                raise Finished
            left, total = order["epochs"], 0.0
        start = time.perf_counter()

    return mark


def _take_stdout():
    """A file for the answers; whatever else is printed goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
