"""Write files whole or not at all."""

import contextlib
import os
import pathlib


def write_atomically(path, write):
    """Write a file under another name first, so that it is never half written.

    Parameters
    ----------
    path : path-like
    write : callable
        Called with the path of the file to write.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
