"""Writing whole files so that a reader sees all of one or nothing of it.

Reads: nothing.  Gives: atomic writes, with errors that say what cannot be written.
Depends on: errors.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalharness.errors import WriteError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into a WriteError that names the path."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> WriteError:
    """What the operating system's refusal to write a path means to the user."""
    return WriteError(
        f"cannot write '{path}': {error.strerror or error}",
        where=str(path),
        mend="free space or choose another folder with --out; what is written so far is kept",
    )


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file by temp file, fsync and rename. Raises WriteError."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
