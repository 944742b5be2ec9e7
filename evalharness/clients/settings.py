"""What every client is opened with: deadlines, addresses, keys, options and prices.

Reads: nothing; the environment is handed in.  Gives: ClientSettings, RetryPolicy.
Depends on: records, spec.suite, errors.  Knows nothing of any provider.
Keys are read from `environment` when a client is opened; they are never stored in a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from evalharness.errors import SpecError, UsageError, did_you_mean
from evalharness.records import JsonObject
from evalharness.spec.suite import PriceSpec

STREAM_CHOICES = ("on", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently one request is asked again.

    max_attempts: tries in all, throttled ones apart.  max_throttled: refusals by rate limit or
    capacity that are borne before giving up.
    base_s, cap_s: full jitter draws the n-th wait from [0, min(cap_s, base_s * 2**n)].
    Source of full jitter: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog (2015).
    """

    max_attempts: int = 6
    max_throttled: int = 20
    base_s: float = 0.5
    cap_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """Everything a client factory may need besides the model's name.

    timeout_s: total deadline of one request, all attempts and waits together.
    ttft_timeout_s: until the first byte of an answer.  idle_timeout_s: between two pieces of it.
    connect_timeout_s: until a connection stands.
    max_connections: requests in flight at most; the limiter starts below and feels its way.
    base_url: where to ask instead of the provider's own address.  headers: sent with each request.
    options: of this provider, from a baseline file or a query string.
    environment: where keys and addresses are looked up; not shown in a repr.
    stream: whether answers are streamed, which measures the time to the first token.
    price: what the model costs, instead of the price file.  max_cost_usd: never spend more.
    warmup: short questions that go before the first, left out of every count; None lets the
    provider decide.  ready_timeout_s: how long a model may take to answer them.
    session: names the sitting in each answer's provenance.  seed: of the retry jitter.
    cache_dir: folder of the response cache shared between runs; None asks every time.
    """

    timeout_s: float = 300.0
    ttft_timeout_s: float = 120.0
    idle_timeout_s: float = 60.0
    connect_timeout_s: float = 15.0
    max_connections: int = 64
    base_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: JsonObject = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    stream: Literal["on", "off"] = "off"
    warmup: int | None = None
    ready_timeout_s: float = 600.0
    price: PriceSpec | None = None
    max_cost_usd: float | None = None
    session: str = ""
    seed: int = 0
    cache_dir: Path | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def __post_init__(self) -> None:
        for name in ("timeout_s", "ttft_timeout_s", "idle_timeout_s", "connect_timeout_s"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.warmup is not None and self.warmup < 0:
            raise UsageError(f"warmup must be 0 or more, got {self.warmup}")
        if self.max_connections < 1:
            raise UsageError(f"--max-connections must be 1 or more, got {self.max_connections}")
        if self.max_cost_usd is not None and not self.max_cost_usd >= 0:
            raise UsageError(f"--max-cost must be 0 or more, got {self.max_cost_usd}")


GENERAL_NUMBERS = (
    "timeout_s",
    "ttft_timeout_s",
    "idle_timeout_s",
    "connect_timeout_s",
    "ready_timeout_s",
)
GENERAL_OPTIONS = (*GENERAL_NUMBERS, "base_url", "stream", "headers", "max_connections", "warmup")
"""Options that every provider over HTTP takes, written among its own in a baseline file."""


def with_general_options(settings: ClientSettings) -> ClientSettings:
    """The settings with the general options (`base_url`, `stream`, ...) taken out of `options`.

    Raises SpecError for a wrong value. Doing it twice changes nothing.
    """
    options = settings.options
    if not any(name in options for name in GENERAL_OPTIONS):
        return settings
    changed = replace(
        settings,
        options={name: value for name, value in options.items() if name not in GENERAL_OPTIONS},
        base_url=option_text(options, "base_url", settings.base_url),
    )
    for name in GENERAL_NUMBERS:
        seconds = option_number(options, name)
        if seconds is not None:
            changed = replace(changed, **{name: seconds})  # type: ignore[arg-type]  # all floats
    if "stream" in options:
        # YAML reads a bare `on` as true.
        said = {True: "on", False: "off"}.get(options["stream"], options["stream"])
        stream = option_choice({"stream": said}, "stream", STREAM_CHOICES, "off")
        changed = replace(changed, stream=stream)  # type: ignore[arg-type]  # checked
    if "warmup" in options:
        changed = replace(changed, warmup=int(option_number(options, "warmup") or 0))
    if "max_connections" in options:
        most = option_number(options, "max_connections") or 0
        changed = replace(changed, max_connections=min(int(most), settings.max_connections))
    if "headers" in options:
        changed = replace(changed, headers={**settings.headers, **text_mapping(options, "headers")})
    return changed


def text_mapping(options: JsonObject, name: str) -> dict[str, str]:
    """A provider option that must map text to text; raises SpecError."""
    value = options.get(name, {})
    if not isinstance(value, dict) or not all(
        isinstance(key, str) and isinstance(text, str) for key, text in value.items()
    ):
        raise SpecError(f"client option '{name}' must map names to texts, got {value!r}")
    return value


def option_text(options: JsonObject, name: str, default: str | None = None) -> str | None:
    """A provider option that must be text; raises SpecError where it is something else."""
    value = options.get(name, default)
    if value is not None and not isinstance(value, str):
        raise SpecError(f"client option '{name}' must be text, got {value!r}")
    return value


def option_number(options: JsonObject, name: str, default: float | None = None) -> float | None:
    """A provider option that must be a number, text of a number included (a query string's)."""
    value = options.get(name, default)
    if value is None:
        return None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with suppress(ValueError):
            return float(value)
    raise SpecError(f"client option '{name}' must be a number, got {value!r}")


def option_choice(options: JsonObject, name: str, choices: tuple[str, ...], default: str) -> str:
    """A provider option that must be one of `choices`; raises SpecError naming the nearest."""
    value = option_text(options, name, default) or default
    if value not in choices:
        near = did_you_mean(value, choices)
        raise SpecError(
            f"client option '{name}' cannot be {value!r}",
            mend=near or f"one of: {', '.join(choices)}",
        )
    return value


def refuse_unknown_options(options: JsonObject, known: Iterable[str], *, provider: str) -> None:
    """Raise SpecError for an option that the provider's client does not know."""
    names = sorted(known)
    for option in options:
        if option not in names:
            raise SpecError(
                f"client '{provider}' has no option '{option}'",
                mend=did_you_mean(option, names) or f"its options: {', '.join(names) or 'none'}",
            )


def split_query(model: str) -> tuple[str, dict[str, str]]:
    """`PATH?name=value&...` as the path and its options; a `?` without `=` belongs to the path.

    >>> split_query("weights/base?adapter=weights/lora")
    ('weights/base', {'adapter': 'weights/lora'})
    """
    from urllib.parse import parse_qsl

    path, mark, query = model.rpartition("?")
    if not mark or "=" not in query:
        return model, {}
    return path, dict(parse_qsl(query, keep_blank_values=True))


def with_query(model: str, settings: ClientSettings) -> tuple[str, ClientSettings]:
    """A model's name without its query, and the settings with the query's options in them.

    General options (`base_url`, `stream`, ...) end where they belong, see `with_general_options`.
    """
    name, query = split_query(model)
    merged = replace(settings, options={**settings.options, **query}) if query else settings
    return name, with_general_options(merged)
