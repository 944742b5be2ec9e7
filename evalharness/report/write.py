"""Reports on disk: each file whole or not at all.

Reads: Facts.  Writes: report.html, report.md, facts.json, junit.xml and the rest, as asked.
Depends on: the renderers, errors.  A file is written beside its place, flushed and renamed: a
reader, or a kill, never sees half of one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from evalharness.errors import UsageError, WriteError, did_you_mean
from evalharness.results import Facts


def _html(facts: Facts) -> bytes:
    from evalharness.report.html import render_html

    return render_html(facts).encode()


def _markdown(facts: Facts) -> bytes:
    from evalharness.report.markdown import render_markdown

    return render_markdown(facts).encode()


def _json(facts: Facts) -> bytes:
    from evalharness.report.jsonfile import encode_facts

    return encode_facts(facts)


def _junit(facts: Facts) -> bytes:
    from evalharness.report.junit import render_junit

    return render_junit(facts).encode()


FILES: Final[dict[str, tuple[str, Callable[[Facts], bytes]]]] = {
    "html": ("report.html", _html),
    "md": ("report.md", _markdown),
    "json": ("facts.json", _json),
    "junit": ("junit.xml", _junit),
}
"""Format -> (file name, renderer). The order is the order of writing."""

USUAL: Final = ("html", "md", "json", "junit")


def write_reports(facts: Facts, folder: Path, formats: Sequence[str] = USUAL) -> dict[str, Path]:
    """Write the reports that were asked for; gives format -> path.

    folder: made if it is not there.  formats: keys of FILES, each written once.
    Raises UsageError for an unknown format before anything is written, WriteError where the folder
    or the disk refuses.
    """
    for name in formats:
        if name not in FILES:
            raise UsageError(
                f"unknown report format '{name}'",
                mend=did_you_mean(name, FILES) or f"one of {', '.join(FILES)}, or none",
            )
    written: dict[str, Path] = {}
    for name, (file_name, render) in FILES.items():
        if name in formats:
            path = folder / file_name
            write_whole(path, render(facts))
            written[name] = path
    return written


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by temporary file, fsync and rename. Raises WriteError on any OSError."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise WriteError(
            f"cannot write a report: {error.strerror or error}",
            where=str(path),
            mend="choose a folder that can be written with --out, or make room on the disk",
        ) from error
