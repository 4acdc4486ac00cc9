"""Peak memory of what is done in a block, as Linux counts it."""

import pathlib
import threading
import time

STATUS = pathlib.Path("/proc/self/status")
RESET_PEAK = "5"  # what makes Linux count VmHWM from now on


def status(field):
    """A field of this process's status, in bytes."""
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise KeyError(field)


class PeakMemory:
    """Context: the most memory that this process holds at any moment inside.

    Attributes
    ----------
    resident : int
        Bytes above those at the start, pages of mapped files included.
    anonymous : int
        The same without pages of files, which the system may drop at any time; looked
        at every millisecond.
    """

    def __enter__(self):
        pathlib.Path("/proc/self/clear_refs").write_text(RESET_PEAK)
        self._resident_before = status("VmRSS")
        self._anonymous_before = self._most = status("RssAnon")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()
        self.resident = status("VmHWM") - self._resident_before
        self.anonymous = self._most - self._anonymous_before

    def _look(self):
        while not self._over.is_set():
            self._most = max(self._most, status("RssAnon"))
            time.sleep(0.001)
