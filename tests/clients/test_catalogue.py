"""Prices of a provider's catalogue, as a file of the user's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.catalogue import fetch_prices, price_file, read_catalogue
from evalharness.clients.pricing import price_of
from evalharness.clients.settings import ClientSettings
from evalharness.contracts import Identity
from evalharness.errors import Fatal
from evalharness.testing.emulator import FaultRule, Plan


@pytest.fixture
def settings(emulator):
    emulator.set_plan(Plan(dialect="together", models=("meta/a", "meta/b")))
    return ClientSettings(base_url=emulator.root, environment={"TOGETHER_API_KEY": "k"})


def test_the_catalogue_becomes_a_price_file_that_is_read_back(settings, run, tmp_path):
    prices = run(lambda: fetch_prices(settings))
    assert {"together/meta/a", "together/meta/b"} == set(prices)
    path = tmp_path / "prices.yaml"
    path.write_text(price_file(prices, where="https://example.com/v1/models", as_of="2026-11-22"))
    found = price_of(
        Identity(provider="together", model="meta/a"), {"EVALHARNESS_PRICES": str(path)}
    )
    assert (0.5, 1.5, "2026-11-22", "https://example.com/v1/models") == (
        found.prompt_usd_per_mtok,
        found.completion_usd_per_mtok,
        found.as_of,
        found.source,
    )


def test_what_has_no_price_is_left_out():
    listed = [
        {"id": "priced", "pricing": {"input": "0.1", "output": 0.2}},
        {"id": "hourly", "pricing": {"input": 0, "output": 0, "hourly": 3}},
        {"id": "half", "pricing": {"input": 0.1}},
        {"id": "odd", "pricing": {"input": "cheap", "output": float("nan")}},
        {"id": "negative", "pricing": {"input": -1, "output": -1}},
        {"id": 7, "pricing": {"input": 1, "output": 1}},
        {"id": "bare"},
        "text",
    ]
    assert ["together/priced"] == list(read_catalogue(listed))
    assert read_catalogue(listed) == read_catalogue({"data": listed})


@given(
    st.recursive(st.none() | st.text(max_size=4) | st.floats(), lambda x: st.lists(x, max_size=3))
)
def test_no_catalogue_breaks_the_reader(listed):
    assert read_catalogue(listed) == {}


def test_a_catalogue_that_cannot_be_had_is_said(run):
    with pytest.raises(Fatal, match="TOGETHER_API_KEY"):
        run(lambda: fetch_prices(ClientSettings()))


def test_a_wrong_key_is_said(emulator, settings, run):
    emulator.set_plan(Plan(keys=("other",), rules=(FaultRule(faults=("key_401",)),)))
    with pytest.raises(Fatal) as refused:
        run(lambda: fetch_prices(settings))
    assert "auth" == refused.value.kind
