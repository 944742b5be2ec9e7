"""Makers of items, groups and outcomes for metric tests; property tests are not timed."""

from __future__ import annotations

import pytest
from hypothesis import settings

from evalharness.contracts import ItemGroup
from evalharness.records import (
    Answered,
    Asked,
    Completion,
    Execution,
    Failed,
    Item,
    Sample,
)

settings.register_profile("untimed", deadline=None, max_examples=50)
settings.load_profile("untimed")


def make_item(text, targets=(), **completion):
    sample = Sample(id="s", targets=tuple(targets))
    return Item(sample=sample, completion=Completion(text=text, **completion), text=text)


def make_group(n, passes, *, failed=0, status="wrong_answer"):
    sample = Sample(id="s")
    items = tuple(
        Item(
            sample=sample,
            completion=Completion(text="code"),
            text="code",
            repeat=repeat,
            evidence={
                "execution": Execution(
                    task="s",
                    program_sha256="0" * 64,
                    status="passed" if repeat < passes else status,
                )
            },
        )
        for repeat in range(n)
    )
    return ItemGroup(sample=sample, items=items, n_failed=failed)


def make_asked(text="x", *, failed=None, unparsed=False, **completion):
    outcome = (
        Failed(kind=failed) if failed else Answered(completion=Completion(text=text, **completion))
    )
    return Asked(sample=Sample(id="s"), outcome=outcome, unparsed=unparsed)


@pytest.fixture(scope="session")
def item():
    """Makes an answered item: item(text, targets, **completion fields)."""
    return make_item


@pytest.fixture(scope="session")
def groups():
    """Makes a group of n repeats of which some passed."""
    return make_group


@pytest.fixture(scope="session")
def asked():
    """Makes an outcome: asked(text, failed=kind, **completion fields)."""
    return make_asked
