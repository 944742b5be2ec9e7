"""Where each cached answer stands: a few bytes of memory for each.

Reads: segment files of the response cache.  Gives: CacheIndex.
Depends on: the standard library; numpy to sort.
64 bits of the key name an entry; two keys that share them are told apart by the line itself.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

PREFIX: Final = b'{"key":"'
KEY_START: Final = len(PREFIX)
NAME_HEX: Final = 16
SORT_ABOVE: Final = 8192
"""New entries above which they are sorted in with the rest; until then they cost 150 bytes each."""

SEGMENT_BITS: Final = 20
"""A place is offset << 20 | segment: 16 TiB of segment, a million segments."""

READ_BYTES: Final = 4096
"""One read holds a usual entry; a longer one takes a second."""


class CacheIndex:
    """Finds the lines of a key in the segments of one folder."""

    _names: array[int]
    _places: array[int]
    _fresh: dict[int, tuple[int, ...]]
    _files: list[int]
    _numbers: dict[tuple[int, int], int]
    _indexed: list[int]
    _owned: int | None

    def __init__(self) -> None:
        self._forget()

    def follow(self, paths: Iterable[Path]) -> None:
        """Index what is new in these segments; a segment that is gone stays readable."""
        names = array("Q")
        places = array("Q")
        for path in paths:
            number = self._number(path)
            if number is None:
                continue
            for name, offset in self._new_lines(number):
                names.append(name)
                places.append(offset << SEGMENT_BITS | number)
        if len(names) > SORT_ABOVE:
            self._sort_in(names, places)
        else:
            for name, place in zip(names, places, strict=True):
                self._fresh[name] = (*self._fresh.get(name, ()), place)
            self._settle()

    def own(self, path: Path) -> int:
        """The number of a segment that this process writes; it is not read back from disk."""
        number = len(self._files)
        file = os.open(path, os.O_RDONLY)
        self._files.append(file)
        self._numbers[inode(file)] = number
        self._indexed.append(0)
        self._owned = number
        return number

    def add(self, name: int, segment: int, offset: int) -> None:
        """Index one line that was just written."""
        place = offset << SEGMENT_BITS | segment
        self._fresh[name] = (*self._fresh.get(name, ()), place)
        self._settle()

    def lines(self, name: int) -> Iterator[bytes]:
        """The lines whose key has these 64 bits, newest first."""
        for place in reversed(self._fresh.get(name, ())):
            yield self._line(place)
        at = bisect_left(self._names, name)
        same = []
        while at < len(self._names) and self._names[at] == name:
            same.append(self._places[at])
            at += 1
        for place in reversed(same):
            yield self._line(place)

    def close(self) -> None:
        """Close all files and forget where everything stands."""
        for file in self._files:
            os.close(file)
        self._forget()

    def _forget(self) -> None:
        self._names = array("Q")
        self._places = array("Q")
        self._fresh = {}
        self._files = []
        self._numbers = {}
        self._indexed = []
        self._owned = None

    def _number(self, path: Path) -> int | None:
        """The number of a segment, by its inode: a file that was replaced is another one."""
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        known = self._numbers.get(inode(file))
        if known is not None:
            os.close(file)
            return None if known == self._owned else known
        self._numbers[inode(file)] = len(self._files)
        self._files.append(file)
        self._indexed.append(0)
        return len(self._files) - 1

    def _new_lines(self, number: int) -> Iterator[tuple[int, int]]:
        """(name, offset) of the whole lines behind what is indexed of a segment."""
        start = self._indexed[number]
        if os.fstat(self._files[number]).st_size <= start:
            return
        with os.fdopen(os.dup(self._files[number]), "rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                if line.startswith(PREFIX):
                    yield key_name(line[KEY_START : KEY_START + NAME_HEX]), start
                start += len(line)
        self._indexed[number] = start

    def _settle(self) -> None:
        if len(self._fresh) > SORT_ABOVE:
            fresh, self._fresh = self._fresh, {}
            pairs = [(name, place) for name, places in fresh.items() for place in places]
            self._sort_in(
                array("Q", (name for name, _ in pairs)), array("Q", (place for _, place in pairs))
            )

    def _sort_in(self, names: array[int], places: array[int]) -> None:
        """Merge new entries into the sorted arrays; of equal names the newest stands last."""
        import numpy as np

        all_names = np.concatenate([np.asarray(self._names), np.asarray(names)])
        all_places = np.concatenate([np.asarray(self._places), np.asarray(places)])
        order = np.argsort(all_names, kind="stable")
        self._names = array("Q")
        self._names.frombytes(all_names[order].astype(np.uint64).tobytes())
        self._places = array("Q")
        self._places.frombytes(all_places[order].astype(np.uint64).tobytes())

    def _line(self, place: int) -> bytes:
        file = self._files[place & ((1 << SEGMENT_BITS) - 1)]
        offset = place >> SEGMENT_BITS
        size = READ_BYTES
        while True:
            piece = os.pread(file, size, offset)
            end = piece.find(b"\n")
            if end >= 0:
                return piece[: end + 1]
            if len(piece) < size:
                return piece
            size *= 8


def inode(file: int) -> tuple[int, int]:
    """What tells one file from another while it is open."""
    status = os.fstat(file)
    return status.st_dev, status.st_ino


def index_name(key: str) -> int:
    """The first 64 bits of a key; of what is no hexadecimal key, a hash."""
    return key_name(key[:NAME_HEX].encode("utf-8", "surrogatepass"))


def key_name(start: bytes) -> int:
    """64 bits from a key's first 16 characters, whatever they are."""
    try:
        return int(start, 16)
    except ValueError:
        from hashlib import blake2b

        return int.from_bytes(blake2b(start, digest_size=8).digest(), "big")
