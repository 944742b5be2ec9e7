"""What answers cost, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.clients.pricing import (
    SHIPPED,
    break_even_requests_per_hour,
    cost_usd,
    price_of,
    read_prices,
)
from evalharness.clients.stack import build_asker, open_client
from evalharness.contracts import Identity
from evalharness.errors import SpecError
from evalharness.records import Usage
from evalharness.spec.suite import PriceSpec

PRICE = PriceSpec(prompt_usd_per_mtok=1.0, completion_usd_per_mtok=3.0)


def model(provider: str, name: str) -> Identity:
    return Identity(provider=provider, model=name)


def test_every_shipped_price_has_a_source_and_a_date():
    prices = read_prices(SHIPPED)
    assert prices
    for name, price in prices.items():
        assert price.source, name
        assert price.as_of >= "2025", name
        assert price.prompt_usd_per_mtok > 0, name
        assert price.completion_usd_per_mtok > 0, name


def test_a_known_model_is_found_whatever_its_case():
    price = price_of(model("openai", "GPT-4o-mini"), {})
    assert (price.prompt_usd_per_mtok, price.completion_usd_per_mtok) == (0.15, 0.60)


def test_an_unknown_model_has_no_price():
    assert price_of(model("openai", "my-own-tune"), {}) is None


def test_the_users_file_wins(tmp_path):
    own = tmp_path / "prices.yaml"
    own.write_text(
        "unit: usd_per_mtok\n"
        "sources: {contract: {where: 'our contract', as_of: 2026-10-01}}\n"
        "prices:\n"
        "  openai/gpt-4o-mini: {prompt: 0.1, completion: 0.2, source: contract}\n"
        "  hf/mine: {per_hour: 1.5}\n"
    )
    environment = {"EVALHARNESS_PRICES": str(own)}
    price = price_of(model("openai", "gpt-4o-mini"), environment)
    assert (
        price.prompt_usd_per_mtok, price.source, price.as_of
    ) == (0.1, "our contract", "2026-10-01")  # fmt: skip
    assert price_of(model("hf", "mine"), environment).usd_per_hour == 1.5
    assert price_of(model("openai", "gpt-4o"), environment) is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("prices: {}", "unit"),
        ("- 1", "unit"),
        ("unit: usd_per_token\nprices: {}", "unit"),
        ("unit: usd_per_mtok\nprices: {a/b: 3}", "mapping"),
        ("unit: usd_per_mtok\nprices: {a/b: {prompt: cheap}}", "a/b"),
        ("{", "YAML"),
    ],
)
def test_a_wrong_price_file_is_refused_with_its_place(tmp_path, content, words):
    path = tmp_path / "prices.yaml"
    path.write_text(content)
    with pytest.raises(SpecError) as refused:
        read_prices(path)
    assert words in str(refused.value)
    assert "prices.yaml" in str(refused.value)


def test_a_price_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SpecError, match="cannot read"):
        read_prices(tmp_path / "none.yaml")


def test_what_is_not_known_has_no_cost():
    usage = Usage(prompt_tokens=10, completion_tokens=10)
    assert cost_usd(None, PRICE) is None
    assert cost_usd(usage, None) is None
    assert cost_usd(usage, PriceSpec(prompt_usd_per_mtok=1.0)) is None
    assert cost_usd(usage, PriceSpec(usd_per_hour=2.0)) is None


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_cost_is_linear_in_tokens(prompt, made):
    once = cost_usd(Usage(prompt_tokens=prompt, completion_tokens=made), PRICE)
    twice = cost_usd(Usage(prompt_tokens=2 * prompt, completion_tokens=2 * made), PRICE)
    assert twice == pytest.approx(2 * once)
    assert once == pytest.approx((prompt + 3 * made) / 1e6)


def test_a_dedicated_machine_pays_from_so_many_requests_an_hour():
    assert break_even_requests_per_hour(2.0, 0.001) == pytest.approx(2000)
    assert break_even_requests_per_hour(2.0, 0.0) is None


def test_answers_carry_their_cost(emulator, settings, run, question):
    priced = replace(settings, price=PRICE)
    asker = build_asker(open_client("openai", "echo", priced), priced)

    async def ask():
        try:
            return await asker.ask(question("one two three"))
        finally:
            await asker.close()

    completion = run(ask).completion
    assert completion.usage.completion_tokens == 3
    expected = (completion.usage.prompt_tokens + 3 * 3) / 1e6
    assert completion.cost_usd == pytest.approx(expected)
