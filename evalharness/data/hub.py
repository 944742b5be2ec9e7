"""Data sets of the Hugging Face hub as sources, through the `datasets` package.

Reads: the hub or its local cache.  Gives: a Source.
Depends on: samples, identity, errors; `datasets` (extra `hf`), imported when iterated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from evalharness.data.identity import SeenIds
from evalharness.data.rows import Row
from evalharness.data.samples import SampleMaker
from evalharness.errors import DataError, MissingExtra
from evalharness.records import Sample
from evalharness.spec.suite import DataSpec, HubData


class HubSource:
    """A split of a hub data set as a Source; rows keep the order of the split."""

    def __init__(self, spec: DataSpec, *, limit: int | None = None) -> None:
        if spec.hf is None:
            raise DataError("the suite names no hub data set", where="data.hf")
        self._hub = spec.hf
        self.where = hub_name(spec.hf)
        self._limit = limit
        self._maker = SampleMaker(spec)

    def __iter__(self) -> Iterator[Sample]:
        """Every sample. Raises MissingExtra without `datasets`, DataError without the data."""
        return islice(self._checked(), self._limit)

    def _checked(self) -> Iterator[Sample]:
        seen = SeenIds()
        rows, _ = hub_rows(self._hub)
        for row in rows:
            for sample in self._maker.samples(row):
                if not seen.add(sample.id):
                    raise DataError(
                        f"the id {sample.id!r} stands in an earlier row already",
                        where=row.where,
                        mend="map another field to id, or leave the duplicates out",
                    )
                yield sample


def hub_name(hub: HubData) -> str:
    """The data set as messages say it: `hf:openai/gsm8k/main:test`."""
    name = f"/{hub.name}" if hub.name else ""
    return f"hf:{hub.path}{name}:{hub.split}"


def hub_rows(hub: HubData) -> tuple[Iterator[Row], str]:
    """The split's rows, and what stands before their numbers in messages.

    Raises MissingExtra without `datasets`, DataError where the data set is not to be had.
    """
    place = f"{hub_name(hub)}: row "
    loaded = _load(hub)
    return (Row(place, number, dict(row)) for number, row in enumerate(loaded, start=1)), place


def _load(hub: HubData) -> Iterable[Mapping[str, Any]]:  # Any: the hub's columns
    where = hub_name(hub)
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingExtra(
            "datasets", extra="hf", needed_for=f"the hub data set {where}"
        ) from error
    try:
        rows: Iterable[Mapping[str, Any]] = load_dataset(
            hub.path, hub.name, split=hub.split, revision=hub.revision
        )
    except Exception as error:  # datasets raises many kinds, some of them its dependencies' own
        said = str(error).strip().splitlines()
        raise DataError(
            f"the hub data set cannot be had: {said[0] if said else type(error).__name__}",
            where=where,
            mend="check the name and the network, or give a local copy with --data PATH",
        ) from error
    return rows
