"""The parent's side of `worker.py`: start peers, give them turns, leave out the lame."""

import json
import math
import os
import pathlib
import re
import subprocess
import sys

import machine
from peers import PEERS

FOLDER = pathlib.Path(__file__).parent


class PeerError(RuntimeError):
    """A peer could not be started or trained; the message says why."""


class Worker:
    """A process that trains one peer.

    Parameters
    ----------
    peer : str
        A name in `peers.PEERS`.
    recipe : {"dense", "conv"}
    settings : Settings
    n_rows : int or None
        Rows to train on; None for all.
    """

    def __init__(self, peer, recipe, settings, n_rows=None):
        environment = os.environ | machine.thread_variables(settings.threads)
        self.process = subprocess.Popen(
            [sys.executable, str(FOLDER / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment | PEERS[peer].environment,
        )
        self.epochs_per_turn = 1
        self.options = self._ask(
            peer=peer,
            recipe=recipe,
            dataset=settings.dataset,
            n_rows=n_rows,
            threads=settings.threads,
        )["options"]

    def start(self, turn_seconds):
        """Train for two epochs; the second says how many make a turn."""
        first = self._ask(order="train")["seconds"]
        second = self.turn()
        self.epochs_per_turn = max(1, math.ceil(turn_seconds / second))
        return first

    def turn(self):
        """Train on for some epochs; seconds of one."""
        epochs = self.epochs_per_turn
        return self._ask(order="epochs", epochs=epochs)["seconds"] / epochs

    def finish(self):
        """End the training; the worker waits for another order."""
        self._tell(order="finish")

    def fit(self, epochs):
        """A whole fit: its seconds and its mean squared error on the test rows."""
        return self._ask(order="fit", epochs=epochs)

    def close(self):
        """End the process, in the middle of whatever it does."""
        self.process.kill()
        self.process.communicate()

    def _tell(self, **order):
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise PeerError("the process ended") from None

    def _ask(self, **order):
        self._tell(**order)
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the process ended"}
        if "error" in answer:
            self.close()
            raise PeerError(_without_paths(answer["error"]))
        return answer


def start_workers(names, recipe, settings, n_rows, turn_seconds):
    """Workers that have been warmed up, one after the other, by two epochs.

    Returns
    -------
    workers : dict
        Of peer's name -> `Worker`.
    left_out : dict
        Of peer's name -> why it could not be started.
    """
    workers, left_out = {}, {}
    for name in names:
        try:
            worker = Worker(name, recipe, settings, n_rows)
            worker.start(turn_seconds)
        except PeerError as error:
            left_out[name] = str(error)
            print(f"  {name} is left out: {error}", flush=True)
        else:
            workers[name] = worker
    return workers, left_out


def close_workers(workers):
    """End all processes."""
    for worker in workers.values():
        worker.close()


def run_script(name, job, threads):
    """The JSON that a script of this folder prints for a job, in a fresh process.

    Raises
    ------
    PeerError
        If the script fails.
    """
    result = subprocess.run(
        [sys.executable, str(FOLDER / name), json.dumps(job)],
        capture_output=True,
        text=True,
        env=os.environ | machine.thread_variables(threads),
    )
    if result.returncode:
        last_line = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise PeerError(_without_paths(last_line))
    return json.loads(result.stdout.strip().splitlines()[-1])


def _without_paths(message):
    """The message without folders of this machine, and not too long for a table."""
    return re.sub(r"\(?/[\w./-]+\)?", "", message).strip()[:200]
