"""Deterministic answers for tests, demos and rehearsals; no network, no model.

    scripted/echo                      the last user message
    scripted/reverse                   the same, backwards
    scripted/constant?text=42          always the same words
    scripted/fail?kind=throttle&p=0.1  that failure for a tenth of the requests, else the echo
    scripted/answers.yaml              a file: sample id, or last user message, -> answer

Reads: the script file, once.  Gives: ScriptedClient (a BatchClient).
Depends on: contracts, records, settings.
A script file is a YAML or JSON mapping; a value is the answer's text or a mapping with `text` or
`fail` and any of latency_s, ttft_s, cost_usd, finish, prompt_tokens, completion_tokens.  A key
`ID@R` answers repeat R only; the key `*` answers whatever no other key does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from evalharness.clients.calls import NOT_BILLED, permanent
from evalharness.clients.settings import (
    ClientSettings,
    option_number,
    refuse_unknown_options,
    split_query,
)
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import DataError, HarnessError, SpecError, did_you_mean
from evalharness.records import (
    FAILURE_KINDS,
    Answered,
    Completion,
    Failed,
    FailureKind,
    Finish,
    Outcome,
    Provenance,
    Record,
    Request,
    Usage,
    require_finite,
)

BATCH_SIZE: Final = 256
PROGRAMS: Final = ("echo", "reverse", "constant", "fail")
OPTIONS: Final = ("text", "kind", "p", "seed", "latency_s", "ttft_s", "cost_usd")


class Line(Record, frozen=True, kw_only=True):
    """One answer of a script: `text`, or the kind of failure in its place."""

    text: str | None = None
    fail: FailureKind | None = None
    finish: Finish = "stop"
    latency_s: float | None = None
    ttft_s: float | None = None
    cost_usd: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def __post_init__(self) -> None:
        require_finite("Line", latency_s=self.latency_s, ttft_s=self.ttft_s, cost_usd=self.cost_usd)


Script = Callable[[Request], Line]


def open_scripted(model: str, settings: ClientSettings) -> ScriptedClient:
    """The client for `scripted/<model>`.

    Raises SpecError for an unknown program or option, DataError for a wrong script file.
    """
    name, query = split_query(model)
    options = {**settings.options, **query}
    refuse_unknown_options(options, OPTIONS, provider="scripted")
    details = {key: str(value) for key, value in sorted(options.items())}
    if name in PROGRAMS:
        script = program(name, options)
    elif Path(name).is_file():
        content = Path(name).read_bytes()
        details["sha256"] = hashlib.sha256(content).hexdigest()
        script = table(read_script(content, where=name))
    else:
        raise SpecError(
            f"no scripted client '{name}', and no such file",
            mend=did_you_mean(name, PROGRAMS) or f"one of {', '.join(PROGRAMS)}, or a script file",
        )
    identity = Identity(provider="scripted", model=name, details=details)
    return ScriptedClient(script, identity, session=settings.session)


def program(name: str, options: Mapping[str, Any]) -> Script:  # Any: text or number, as written
    """A built-in script with its options."""
    plain = Line(
        latency_s=option_number(dict(options), "latency_s"),
        ttft_s=option_number(dict(options), "ttft_s"),
        cost_usd=option_number(dict(options), "cost_usd"),
    )
    words = str(options.get("text", ""))
    kind = str(options.get("kind", "overload"))
    share = option_number(dict(options), "p", 1.0)
    seed = str(options.get("seed", "0"))
    if kind not in FAILURE_KINDS:
        known = get_args(FailureKind)
        raise SpecError(
            f"no failure kind '{kind}'", mend=did_you_mean(kind, known) or ", ".join(known)
        )

    def answer(request: Request) -> Line:
        """The line of the named script for this request."""
        asked = last_user_text(request)
        if name == "constant":
            return msgspec.structs.replace(plain, text=words)
        if name == "reverse":
            return msgspec.structs.replace(plain, text=asked[::-1])
        if name == "fail" and uniform(seed, request) < (1.0 if share is None else share):
            return Line(fail=kind)  # type: ignore[arg-type]  # checked against FAILURE_KINDS
        return msgspec.structs.replace(plain, text=asked)

    return answer


def table(lines: Mapping[str, Line]) -> Script:
    """A script that looks answers up: `id@repeat`, then the id, then the question, then `*`."""
    missing = Line(fail="missing")

    def answer(request: Request) -> Line:
        """The file's line for this sample and repeat, sample, text, or anybody."""
        for key in (f"{request.sample_id}@{request.repeat}", request.sample_id):
            if key in lines:
                return lines[key]
        return lines.get(last_user_text(request)) or lines.get("*") or missing

    return answer


def read_script(content: bytes, *, where: str) -> dict[str, Line]:
    """The lines of a script file; raises DataError with the key that is wrong."""
    import yaml

    try:
        loaded = yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"not a YAML or JSON file: {error}", where=where) from error
    if not isinstance(loaded, dict):
        raise DataError("a script is a mapping from id or question to answer", where=where)
    lines = {}
    for key, value in loaded.items():
        try:
            line = Line(text=value) if isinstance(value, str) else msgspec.convert(value, Line)
        except (msgspec.ValidationError, ValueError) as error:
            raise DataError(f"script entry is wrong: {error}", where=f"{where}, {key!r}") from error
        if (line.text is None) == (line.fail is None):
            raise DataError("a script entry has either `text` or `fail`", where=f"{where}, {key!r}")
        lines[str(key)] = line
    return lines


class ScriptedClient:
    """Answers by a script. Same request, same answer, in any order and at any concurrency."""

    def __init__(self, script: Script, identity: Identity, *, session: str = "") -> None:
        self.identity = identity
        self.capabilities = Capabilities(seed=True, deterministic=True)
        self.limits = Limits(max_connections=64, batch_size=BATCH_SIZE)
        self._script = script
        self._provenance = Provenance(source="live", session=session)

    async def complete(self, request: Request) -> Completion:
        """The script's answer; raises Permanent with the script's kind where it says `fail`."""
        outcome = self._outcome(request)
        if isinstance(outcome, Failed):
            raise permanent(outcome.kind, outcome.detail, NOT_BILLED)
        return outcome.completion

    async def complete_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """One outcome a request, in order."""
        return [self._outcome(request) for request in requests]

    async def close(self) -> None:
        """Nothing is held."""

    def _outcome(self, request: Request) -> Outcome:
        if request.kind == "score":
            return Failed(kind="unsupported", detail="a script has no log-probabilities")
        line = self._script(request)
        if line.text is None:
            return Failed(kind=line.fail or "missing", detail="so says the script")
        usage = Usage(
            prompt_tokens=count_words(*(turn.content or "" for turn in request.messages))
            if line.prompt_tokens is None
            else line.prompt_tokens,
            completion_tokens=count_words(line.text)
            if line.completion_tokens is None
            else line.completion_tokens,
            estimated=line.prompt_tokens is None or line.completion_tokens is None,
        )
        return Answered(
            completion=Completion(
                text=line.text,
                finish=line.finish,
                usage=usage,
                latency_s=line.latency_s,
                ttft_s=line.ttft_s,
                cost_usd=line.cost_usd,
                served_model=self.identity.model,
                provenance=self._provenance,
            )
        )


def last_user_text(request: Request) -> str:
    """What was asked last; empty where no user message has text."""
    for message in reversed(request.messages):
        if message.role == "user" and message.content is not None:
            return message.content
    return ""


def count_words(*texts: str) -> int:
    """Words, as a stand-in for tokens; marked as estimated wherever it is used."""
    return sum(len(text.split()) for text in texts)


def uniform(seed: str, request: Request) -> float:
    """A number in [0, 1) that depends on the seed and the request alone."""
    name = f"{seed}\0{request.sample_id}\0{request.repeat}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") / 2**64


def scripted_client(
    answers: Mapping[str, str], *, identity: Identity | None = None
) -> ScriptedClient:
    """A client for tests that answers from a dictionary (ids or questions -> text).

    >>> import asyncio
    >>> from evalharness.records import Message, Request
    >>> client = scripted_client({"q1": "Paris"})
    >>> ask = Request(key="0", sample_id="q1", messages=(Message(role="user", content="?"),))
    >>> asyncio.run(client.complete(ask)).text
    'Paris'
    """
    try:
        lines = {key: Line(text=text) for key, text in answers.items()}
    except TypeError as error:
        raise HarnessError(f"answers must be text: {error}") from error
    return ScriptedClient(table(lines), identity or Identity(provider="scripted", model="table"))
