"""A held-out set that is parsed and checked once, however often it is gone through.

Reads: a Source.  Writes: a temporary file without a name.  Gives: read_once, Spool.
Depends on: contracts, records.
A run goes through its data three times: to check it before money is spent, to ask, to score.  The
first time parses, checks and hashes every row and leaves the samples behind, encoded; the others
take them from there at a fifth of the CPU, and see what was checked even if the file has changed.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, Final

import msgspec

from evalharness.contracts import Source
from evalharness.data.sources import FileSource, ids_of
from evalharness.records import Sample

BLOCK_BYTES: Final = 64 * 1024
"""Samples that are written, and later read, at once."""


@contextmanager
def read_once(source: Source, folder: Path) -> Iterator[Source]:
    """The same samples as often as wanted, parsed once, for as long as the block lasts.

    folder: where the temporary file goes; it is made if need be.  Where none can be written, and
    for sources that are no files, whose samples may hold what JSON cannot, the source is read anew
    each time.
    """
    if not isinstance(source, FileSource):
        yield source
        return
    spool = Spool(source, folder)
    try:
        yield spool
    finally:
        spool.close()


class Spool:
    """A source whose samples are kept, encoded, once it has been gone through to its end."""

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._starts = array("Q")

    @property
    def where(self) -> str:
        """The source's place."""
        return self._source.where

    def __iter__(self) -> Iterator[Sample]:
        """Every sample; raises what the source raises, the first time."""
        return self._read() if self._file is not None else self._first()

    def ids(self) -> Iterator[str]:
        """The samples' ids, as cheaply as the source can tell them."""
        return ids_of(self._source)

    def close(self) -> None:
        """Let the kept samples go; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _first(self) -> Iterator[Sample]:
        """The source's own samples, which are kept on the way if there is a place for them."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115  # outlives
        except OSError:
            yield from self._source
            return
        try:
            encoder = msgspec.json.Encoder()
            starts = array("Q", (0,))
            block = bytearray()
            for sample in self._source:
                encoder.encode_into(sample, block, -1)
                block += b"\n"
                if len(block) >= BLOCK_BYTES:
                    starts.append(starts[-1] + write(file, block))
                    block.clear()
                yield sample
            starts.append(starts[-1] + write(file, block))
            if self._file is None and starts[-1] == file.tell():
                self._file, self._starts = file, starts
        finally:
            if file is not self._file:
                file.close()

    def _read(self) -> Iterator[Sample]:
        decoder = msgspec.json.Decoder(Sample)
        for start, end in pairwise(self._starts):
            if self._file is None:
                raise ValueError("the samples were let go while they were read")
            yield from decoder.decode_lines(os.pread(self._file.fileno(), end - start, start))


def write(file: IO[bytes], block: bytearray) -> int:
    """Write a block; gives its length. What the disk does not take shows in the file's size."""
    with suppress(OSError):
        file.write(block)
    return len(block)
