"""The page on clients says what is so: providers, options, plans, failures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from evalharness.catalog import CLIENTS
from evalharness.clients.openai_http import OPTIONS
from evalharness.clients.settings import GENERAL_OPTIONS, ClientSettings, RetryPolicy
from evalharness.clients.tinker import OPTIONS as TINKER_OPTIONS
from evalharness.records import FAILURE_KINDS
from evalharness.testing.emulator import Plan
from evalharness.testing.emulator.faults import FAULTS


@pytest.fixture(scope="module")
def page(root) -> str:
    return (Path(root) / "docs" / "clients.md").read_text(encoding="utf-8")


def first_cells(page: str, heading: str) -> set[str]:
    """The code words in the first cells of the table under a heading."""
    section = page.partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_provider_is_on_the_page(page):
    table = page.partition("## ")[0]
    assert set(CLIENTS) == set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))


def test_every_option_is_on_the_page(page):
    assert {*GENERAL_OPTIONS, *OPTIONS, *TINKER_OPTIONS, "host"} == first_cells(
        page, "Options of every provider over HTTP"
    )


def test_the_defaults_on_the_page_are_the_defaults(page):
    settings = ClientSettings()
    for name in ("timeout_s", "ttft_timeout_s", "idle_timeout_s", "connect_timeout_s"):
        assert f"| `{name}` | {getattr(settings, name):g} |" in page
    policy = RetryPolicy()
    assert f"up to {policy.max_throttled} times" in page
    assert f"up to {policy.max_attempts} times" in page


def test_every_failure_on_the_page_is_one(page):
    named = first_cells(page, "What counts as an answer")
    assert named <= set(FAILURE_KINDS)
    assert {fault.expect for fault in FAULTS.values() if fault.expect} <= named


def test_the_plan_on_the_page_is_one(page):
    block = re.search(r"```json\n(.*?)```", page, flags=re.DOTALL).group(1)
    plan = msgspec.convert(json.loads(block), Plan)
    assert {name for rule in plan.rules for name in rule.faults} <= set(FAULTS)
