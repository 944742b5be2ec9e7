"""One recorded entry as an outcome: what a recording may say about an answer.

Reads: entries decoded from any form of recording.  Gives: `Outcome`s.
Depends on: records, chat, errors.  Knows nothing of files or offsets.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from evalharness.data.chat import parse_tool_calls
from evalharness.errors import DataError
from evalharness.records import (
    FAILURE_KINDS,
    Answered,
    Completion,
    Failed,
    FailureKind,
    Finish,
    Outcome,
    Provenance,
    TokenLogprob,
    ToolCall,
    Usage,
)

MAX_REPEATS: Final = 10_000
"""More answers to one sample than that are a mistake in the file."""

_FINISH: Final[dict[str, Finish]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool": "tool",
    "tool_calls": "tool",
    "tool_use": "tool",
    "function_call": "tool",
    "filtered": "filtered",
    "content_filter": "filtered",
    "safety": "filtered",
}
"""What providers call the end of an answer -> our name for it; any other is `unknown`."""


class RecordedUsage(msgspec.Struct, frozen=True):
    """Tokens as the recording counts them; keys that we do not know are passed over."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a recording. Keys that mean nothing to us are passed over.

    output or outputs: one answer, or one a repeat; null is no answer.
    latency_s, ttft_s, cost_usd: a number, or with `outputs` a list of one a repeat.
    error: a text, or an object with a kind or type and a message.
    """

    id: str | int | float | None = None
    repeat: int | None = None
    output: str | int | float | bool | list[str | None] | msgspec.UnsetType | None = msgspec.UNSET
    outputs: list[str | None] | None = None
    latency_s: float | list[float | None] | None = None
    ttft_s: float | list[float | None] | None = None
    cost_usd: float | list[float | None] | None = None
    usage: RecordedUsage | None = None
    error: str | bool | dict[str, Any] | None = None  # Any: a provider's own error object
    finish_reason: str | list[str | None] | None = None
    logprobs: Any = None  # Any: three forms in use, parsed when the answer is asked for
    tool_calls: list[Any] | None = None  # Any: parsed by `chat`
    input_sha256: str | None = None
    served_model: str | None = None
    session: str | None = None
    taken_at: str | None = None

    def answers(self) -> list[str | None] | None:
        """The answers by repeat where the entry holds several, else None."""
        if self.outputs is not None:
            return self.outputs
        return self.output if isinstance(self.output, list) else None

    def is_silent(self) -> bool:
        """Whether it holds neither an answer (null is one) nor an error nor tool calls."""
        unsaid = self.output is msgspec.UNSET and self.outputs is None
        return unsaid and not self.error and not self.tool_calls

    def is_error_of_all(self) -> bool:
        """Whether it is an error that names no repeat and so stands for each."""
        return bool(self.error) and self.repeat is None


FIELDS: Final[tuple[str, ...]] = Entry.__struct_fields__
"""Every name that `--fields` and `outputs: {fields: ...}` can map."""


_RECORDED: Final = Provenance(source="recorded")


def outcome(entry: Entry, repeat: int, text: str | None) -> Outcome:
    """What a checked entry says about one repeat.

    text: the answer, None if the entry holds null.
    An entry with an error is Failed whatever else it holds; its kind is the error's own if that is
    one of FAILURE_KINDS.  No text and no tool calls is Failed("empty").
    """
    if entry.error:
        return _failed(entry.error)
    if text is None and not entry.tool_calls:
        filtered = _finish(entry, repeat) == "filtered"
        return Failed(kind="content_filter" if filtered else "empty", detail="recorded as null")
    latency_s, ttft_s, cost_usd = entry.latency_s, entry.ttft_s, entry.cost_usd
    return Answered(
        completion=Completion(
            text=text or "",
            finish=_finish(entry, repeat) if entry.finish_reason else "unknown",
            tool_calls=_tool_calls(entry) if entry.tool_calls else (),
            usage=None if entry.usage is None else _usage(entry.usage),
            latency_s=latency_s[repeat] if isinstance(latency_s, list) else latency_s,
            ttft_s=ttft_s[repeat] if isinstance(ttft_s, list) else ttft_s,
            cost_usd=cost_usd[repeat] if isinstance(cost_usd, list) else cost_usd,
            logprobs=None if entry.logprobs is None else _logprobs(entry.logprobs),
            served_model=entry.served_model,
            provenance=_provenance(entry),
        )
    )


def check(entry: Entry) -> None:
    """Refuse what would only show when the answer is asked for.

    Raises DataError, without a place: negative seconds or dollars, fewer numbers than repeats, log-
    probabilities or tool calls that cannot be read, a repeat below 0.
    """
    if entry.latency_s is not None:
        _check_amount("latency_s", entry.latency_s, entry)
    if entry.ttft_s is not None:
        _check_amount("ttft_s", entry.ttft_s, entry)
    if entry.cost_usd is not None:
        _check_amount("cost_usd", entry.cost_usd, entry)
    if entry.repeat is not None and not 0 <= entry.repeat < MAX_REPEATS:
        raise DataError(
            f"repeat is {entry.repeat}", mend=f"repeats count from 0 and end before {MAX_REPEATS}"
        )
    if entry.usage is not None:
        _usage(entry.usage)
    if entry.tool_calls:
        _tool_calls(entry)
    if entry.logprobs is not None:
        _logprobs(entry.logprobs)


def _check_amount(name: str, value: float | list[float | None], entry: Entry) -> None:
    if isinstance(value, list):
        answers = entry.answers()
        n_answers = 1 if answers is None else len(answers)
        if len(value) != n_answers:
            raise DataError(
                f"{name} has {len(value)} numbers for {n_answers} answers",
                mend="one number for all repeats, or a list of one a repeat",
            )
        value = min((number for number in value if number is not None), default=0.0)
    if value < 0:
        raise DataError(f"{name} is negative: {value}", mend="leave out what is not known")


def _provenance(entry: Entry) -> Provenance:
    if entry.session is None and entry.taken_at is None:
        return _RECORDED
    return Provenance(source="recorded", session=entry.session or "", taken_at=entry.taken_at)


def _failed(error: str | bool | dict[str, Any]) -> Failed:  # noqa: FBT001  Any: see Entry.error
    if isinstance(error, bool):
        return Failed(kind="unknown", detail="recorded as an error")
    if isinstance(error, str):
        kind = _kind(error)
        return Failed(kind=kind, detail="" if error == kind else error)
    named = [error.get(key) for key in ("kind", "type", "code")]
    kinds = [_kind(name) for name in named if isinstance(name, str)]
    known = [kind for kind in kinds if kind != "unknown"]
    message = error.get("message") or error.get("detail") or next(filter(None, named), "")
    return Failed(kind=known[0] if known else "unknown", detail=str(message))


def _kind(text: str) -> FailureKind:
    return text if text in FAILURE_KINDS else "unknown"  # type: ignore[return-value]


def _finish(entry: Entry, repeat: int) -> Finish:
    reason = entry.finish_reason
    if isinstance(reason, list):
        reason = reason[repeat] if repeat < len(reason) else None
    return _FINISH.get((reason or "").lower(), "unknown")


def _usage(used: RecordedUsage) -> Usage:
    if min(used.prompt_tokens, used.completion_tokens) < 0:
        raise DataError("usage has a negative number of tokens", mend="leave out what is not known")
    return Usage(
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cached_tokens=used.cached_tokens,
        reasoning_tokens=used.reasoning_tokens,
    )


def _tool_calls(entry: Entry) -> tuple[ToolCall, ...]:
    return parse_tool_calls(entry.tool_calls, where="")


def _logprobs(value: Any) -> tuple[TokenLogprob, ...]:  # Any: see Entry.logprobs
    """Token log-probabilities from any of three forms.

    [{"token", "logprob", "top"}]; OpenAI's {"content": [{..., "top_logprobs": [...]}]}; and
    Together's {"tokens": [...], "token_logprobs": [...]}.
    """
    try:
        if isinstance(value, dict) and "tokens" in value:
            pairs = zip(value["tokens"], value["token_logprobs"], strict=True)
            return tuple(
                TokenLogprob(token=token, logprob=number)
                for token, number in pairs
                if number is not None  # the first token of a text has none
            )
        tokens = value["content"] if isinstance(value, dict) else value
        return tuple(_token(token) for token in tokens)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"logprobs cannot be read: {error!r}", mend='[{"token": "Hi", "logprob": -0.1}, ...]'
        ) from error


def _token(token: Any) -> TokenLogprob:  # Any: see Entry.logprobs
    top = token.get("top") or token.get("top_logprobs") or {}
    if isinstance(top, list):
        top = {other["token"]: other["logprob"] for other in top}
    return TokenLogprob(token=token["token"], logprob=token["logprob"], top=top)
