"""Where in a recording each (id, repeat) stands: hashes and offsets, 17 bytes an entry.

Reads: ids, repeats and byte offsets as they come by.  Gives: positions and spans.
Depends on: numpy, imported when entries are looked up out of order.  Knows nothing of files.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

WHOLE: Final = -1
"""The repeat of an entry that holds every repeat of its sample."""

_MASK: Final = 2**64 - 1
_STEP: Final = 0x9E3779B97F4A7C15  # odd, so that steps visit all of 2**64 (Knuth's golden ratio)


class EntryIndex:
    """Entries in file order with their keys; built once, then looked up.

    The key of an id and a repeat is a hash that holds within this process only.
    Different ids may share a key (once in 3e7 recordings of a million entries): `positions` gives
    every candidate and the caller looks at the id.
    names_inputs: set by the caller where an entry says which input it answered.
    """

    def __init__(self) -> None:
        self.names_inputs = False
        self._keys = array("Q")
        self._starts = array("Q")
        self._next = 0
        self._is_whole = bytearray()
        self._max_repeat = 0
        self._sorted: tuple[Sequence[int], Sequence[int]] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, sample_id: str, repeat: int, start: int) -> None:
        """The next entry, which starts at byte `start`."""
        self._keys.append((hash(sample_id) + (repeat + 1) * _STEP) & _MASK)
        self._starts.append(start)
        self._is_whole.append(repeat == WHOLE)
        self._max_repeat = max(self._max_repeat, repeat)

    def finish(self, end: int) -> None:
        """The content ends at byte `end`: no entry follows."""
        self._starts.append(end)

    def span(self, position: int) -> tuple[int, int]:
        """The first byte of an entry and the first one after it (line ends included)."""
        return self._starts[position], self._starts[position + 1]

    @property
    def n_whole(self) -> int:
        """How many entries hold every repeat of their sample."""
        return self._is_whole.count(True)

    def near(self, sample_id: str, repeat: int) -> int | None:
        """Where the entry probably is if entries are asked for in file order, else None."""
        key = (hash(sample_id) + (repeat + 1) * _STEP) & _MASK
        keys, after = self._keys, self._next
        if after < len(keys) and keys[after] == key:
            self._next = after + 1
            return after
        return after - 1 if after and keys[after - 1] == key else None

    def positions(self, sample_id: str, repeat: int) -> Iterator[int]:
        """The entries that may hold this id and repeat: none, one, or by chance several."""
        key = (hash(sample_id) + (repeat + 1) * _STEP) & _MASK
        by_key, order = self._by_key()
        place = bisect_left(by_key, key)
        while place < len(by_key) and by_key[place] == key:
            position = order[place]
            self._next = position + 1
            yield position
            place += 1

    def _by_key(self) -> tuple[Sequence[int], Sequence[int]]:
        """Keys in ascending order and the position of each."""
        if self._sorted is None:
            import numpy as np

            keys = np.frombuffer(self._keys, dtype=np.uint64)
            order = np.argsort(keys, kind="stable")
            self._sorted = (keys[order].data, order.astype(np.uint32).data)
        return self._sorted

    def suspects(self) -> Iterator[tuple[int, int]]:
        """Pairs of positions (earlier, later) whose keys say that they are the same answer.

        Also an entry of all repeats beside one of a single repeat.
        """
        import numpy as np

        keys = np.frombuffer(self._keys, dtype=np.uint64)
        ascending = np.sort(keys)
        if np.any(ascending[1:] == ascending[:-1]):
            order = np.argsort(keys, kind="stable")
            is_first = np.concatenate(([True], keys[order[1:]] != keys[order[:-1]]))
            for later in np.sort(order[~is_first]).tolist():
                yield int(np.flatnonzero(keys == keys[later])[0]), later
        wholes = np.flatnonzero(np.frombuffer(self._is_whole, dtype=np.uint8))
        if 0 < len(wholes) < len(keys):
            for repeat in range(self._max_repeat + 1):
                single = keys[wholes] + np.uint64((repeat + 1) * _STEP & _MASK)
                for place in np.flatnonzero(np.isin(single, keys)).tolist():
                    whole, other = int(wholes[place]), int(np.flatnonzero(keys == single[place])[0])
                    yield min(whole, other), max(whole, other)
