"""Write files whole or not at all."""

import contextlib
import os
import pathlib


def write_atomically(path, content):
    """Write a file under another name first, so that it is never half written.

    Parameters
    ----------
    path : path-like
    content : bytes
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
