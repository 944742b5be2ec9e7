"""Held-out sets of plug-in packages: `data.path: NAME:REST`, where a package offers NAME.

Reads: the entry points `evalharness.sources`.  Gives: `plugin_source`.
Depends on: catalog, identity, errors.
A plug-in's factory is called with (REST, base folder) and gives a Source.  Here its samples get
what every sample has: a content hash, and ids that are checked to be distinct.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from evalharness.catalog import entry_points, load
from evalharness.contracts import Source
from evalharness.data.identity import SeenIds, content_sha256
from evalharness.errors import DataError
from evalharness.records import Sample

REFERENCE: Final = re.compile(r"([a-z][a-z0-9_]+):(.*)", re.DOTALL)
"""Two letters at least, so that no drive of Windows is taken for a plug-in."""


def plugin_source(reference: str, *, base: Path, limit: int | None = None) -> Source | None:
    """The plug-in's set that a path names; None where it is an ordinary path.

    Raises SpecError for a plug-in that cannot be loaded, and what its factory raises.
    """
    match = REFERENCE.fullmatch(reference)
    if match is None or (base / reference).exists():
        return None
    name, rest = match.groups()
    if name not in {point.name for point in entry_points("source")}:
        return None
    factory = load(name, "source", {}, where="data.path")
    return CheckedSource(factory(rest, base), reference, limit)


class CheckedSource:
    """A plug-in's source with content hashes and distinct ids."""

    def __init__(self, source: Source, reference: str, limit: int | None) -> None:
        self.where = reference
        self._source = source
        self._limit = limit

    def __iter__(self) -> Iterator[Sample]:
        """Every sample. Raises DataError for an id that comes twice, or where there is none."""
        return islice(self._checked(), self._limit)

    def _checked(self) -> Iterator[Sample]:
        seen = SeenIds()
        for sample in self._source:
            if not sample.id or not seen.add(sample.id):
                raise DataError(
                    f"the id {sample.id!r} is empty or comes twice",
                    where=self.where,
                    mend="the plug-in must give each sample its own id",
                )
            if sample.content_sha256:
                yield sample
            else:
                yield msgspec.structs.replace(sample, content_sha256=content_sha256(sample))
        if not seen:
            raise DataError("the plug-in's source gives no samples", where=self.where)
