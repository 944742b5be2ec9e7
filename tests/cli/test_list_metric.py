"""`list metrics NAME` tells what a metric measures and what it can be asked for."""

from __future__ import annotations

import json

import pytest

from evalharness.catalog import METRICS


def test_a_metric_tells_its_options_and_their_defaults(commands):
    code, out, _ = commands.run("list", "metrics", "rouge_l")

    assert 0 == code
    assert out.startswith("rouge_l: ROUGE-L: the longest common subsequence of words")
    assert '  tokenizer  "ascii"\n' in out
    assert "  stemmer    false\n" in out
    assert '  impl       "own"\n' in out


def test_an_option_without_a_default_is_required(commands):
    _, out, _ = commands.run("list", "metrics", "json_schema")

    assert "  schema  required\n" in out


def test_a_metric_without_options_says_so(commands):
    _, out, _ = commands.run("list", "metrics", "error_rate")

    assert "no options" in out


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_can_be_told(commands, name):
    code, out, _ = commands.run("list", "metrics", name, "--json")
    card = json.loads(out)

    assert (0, name) == (code, card["name"])
    assert card["about"].endswith(".")


def test_a_mistyped_metric_is_named_the_near_one(commands):
    code, _, err = commands.run("list", "metrics", "rogue_l")

    assert 65 == code
    assert "did you mean 'rouge_l'?" in err


def test_other_lists_take_no_name(commands):
    code, _, err = commands.run("list", "suites", "facts")

    assert 64 == code
    assert "`list suites` takes no name" in err
