"""Settings: limits that make sense, options that are what they should be."""

from __future__ import annotations

import pytest

from evalharness.clients.settings import (
    ClientSettings,
    option_choice,
    option_number,
    option_text,
    split_query,
    with_general_options,
)
from evalharness.errors import SpecError, UsageError


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout_s": 0},
        {"ttft_timeout_s": -1},
        {"idle_timeout_s": float("nan")},
        {"max_connections": 0},
        {"max_cost_usd": -0.1},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError):
        ClientSettings(**wrong)


def test_keys_and_headers_are_not_shown():
    settings = ClientSettings(
        environment={"OPENAI_API_KEY": "sk-secret"}, headers={"Authorization": "sk-secret"}
    )
    assert "sk-secret" not in repr(settings)


def test_general_options_are_taken_out_of_a_providers_own():
    options = {
        "base_url": "http://h:1",
        "stream": "on",
        "timeout_s": "12.5",
        "idle_timeout_s": 3,
        "max_connections": 500,
        "headers": {"x-a": "b"},
        "api": "chat",
    }
    settings = with_general_options(ClientSettings(options=options, max_connections=100))
    assert settings.options == {"api": "chat"}
    assert (
        settings.base_url,
        settings.stream,
        settings.timeout_s,
        settings.idle_timeout_s,
        settings.max_connections,
    ) == ("http://h:1", "on", 12.5, 3.0, 100)
    assert settings.headers == {"x-a": "b"}
    assert settings == with_general_options(settings)


@pytest.mark.parametrize(("yaml", "stream"), [(True, "on"), (False, "off"), ("off", "off")])
def test_yaml_reads_on_as_true(yaml, stream):
    assert with_general_options(ClientSettings(options={"stream": yaml})).stream == stream


@pytest.mark.parametrize(
    ("model", "name", "options"),
    [
        ("echo", "echo", {}),
        ("a/b?adapter=c/d&x=1", "a/b", {"adapter": "c/d", "x": "1"}),
        ("what?", "what?", {}),
        ("what?really", "what?really", {}),
        (
            "m?base_url=http://h:1/v1?api-version=2",
            "m?base_url=http://h:1/v1",
            {"api-version": "2"},
        ),
        ("m?text=a%26b", "m", {"text": "a&b"}),
        ("m?text=", "m", {"text": ""}),
    ],
)
def test_a_query_is_split_from_a_models_name(model, name, options):
    assert split_query(model) == (name, options)


def test_options_are_checked_for_what_they_are():
    assert option_text({"a": "b"}, "a") == "b"
    assert option_text({}, "a", "c") == "c"
    assert option_number({"a": "1e3"}, "a") == 1000.0
    assert option_number({}, "a") is None
    for check in (
        lambda: option_text({"a": 1}, "a"),
        lambda: option_number({"a": "x"}, "a"),
        lambda: option_number({"a": True}, "a"),
        lambda: option_number({"a": [1]}, "a"),
    ):
        with pytest.raises(SpecError, match="'a'"):
            check()


def test_a_choice_names_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'completions'"):
        option_choice({"api": "completion"}, "api", ("chat", "completions"), "chat")
