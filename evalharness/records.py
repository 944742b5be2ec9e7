"""The data that crosses floors: samples, requests, outcomes, marks, estimates.

Reads: nothing.  Gives: frozen msgspec Structs, and nothing that computes.
Depends on: errors.  Knows nothing of files, models, metrics or statistics.

Rules that every record keeps:
- No sentinel numbers.  "Could not" is a type of its own: `Failed`, `Unscored`, `Undetermined`.
- Numbers are finite.  The JSON codec would write NaN as null without a word, so constructors of
  numeric records refuse it.
- Unknown keys are refused when bytes become records; fields may be added, never renamed.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal, TypeAlias

import msgspec

FORMAT: Final = 1
"""The version of every file this package writes; readers accept every released one."""

JsonObject: TypeAlias = dict[str, Any]  # Any: whatever a user's own JSON held


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every record: immutable, keyword-only, closed to unknown keys."""


def require_finite(record: str, **numbers: float | None) -> None:
    """Refuse NaN and infinities, naming the field; None passes.

    Raises ValueError, which the codec turns into an error with the field's path.
    """
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{record}.{name} must be a finite number, got {number}")


# --- what is asked ---------------------------------------------------------------------------


class ToolCall(Record, frozen=True, kw_only=True):
    """One call of a tool that a model asked for; `arguments` is the JSON text as it came."""

    name: str
    arguments: str
    id: str = ""


class Message(Record, frozen=True, kw_only=True):
    """One turn of a conversation. `content` is None where a turn holds tool calls only."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


class CodeTask(Record, frozen=True, kw_only=True):
    """What a program is judged by.

    tests: test source in the named style.  entry_point: the function the tests call.
    prompt: source that stands before the answer (imports, helpers, signature) if any.
    style: how `tests` is written: `check` defines check(candidate); `asserts` is a list of assert
    lines; `stdio` is JSON pairs of stdin and stdout; `unittest` and `pytest` are test modules.
    preload: modules that the tests import, declared so that the sandbox can bring them.
    """

    tests: str
    entry_point: str | None = None
    prompt: str = ""
    style: Literal["check", "asserts", "stdio", "unittest", "pytest"] = "check"
    canonical: str | None = None
    preload: tuple[str, ...] = ()


class Sample(Record, frozen=True, kw_only=True):
    """One held-out item.

    id: unique in the set; a turn of a conversation is "id#turn".
    input or messages: what the model is given; `targets`: every acceptable answer, may be empty.
    cluster: samples that share one (a story, a template, a user) are not independent.
    slices: named groups that results are split by.
    content_sha256: of everything that is asked and judged; pairing checks it.
    """

    id: str
    input: str | None = None
    messages: tuple[Message, ...] = ()
    targets: tuple[str, ...] = ()
    cluster: str | None = None
    slices: dict[str, str] = {}
    metadata: JsonObject = {}
    code: CodeTask | None = None
    tools: tuple[JsonObject, ...] = ()
    target_tool_calls: tuple[ToolCall, ...] = ()
    content_sha256: str = ""


class Sampling(Record, frozen=True, kw_only=True):
    """Decoding options sent with a request; None means: not sent, the server decides."""

    temperature: float | None = 0.0
    max_tokens: int | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None
    response_format: JsonObject | None = None
    extra: JsonObject = {}

    def __post_init__(self) -> None:
        require_finite("Sampling", temperature=self.temperature, top_p=self.top_p)


class Request(Record, frozen=True, kw_only=True):
    """One question to a model, rendered; the same for every client.

    kind: `generate` asks for text; `score` asks for the log-probabilities of `continuation`.
    key: hash of (model, base URL, rendered payload, repeat), see `store.keys`; the sample id is an
    index beside it and no part of it.
    """

    key: str
    sample_id: str
    repeat: int = 0
    kind: Literal["generate", "score"] = "generate"
    messages: tuple[Message, ...] = ()
    continuation: str | None = None
    sampling: Sampling = Sampling()
    tools: tuple[JsonObject, ...] = ()
    input_sha256: str = ""


# --- what comes back -------------------------------------------------------------------------

Finish: TypeAlias = Literal["stop", "length", "tool", "filtered", "unknown"]


class Usage(Record, frozen=True, kw_only=True):
    """Tokens as billed. `estimated` is set where the provider did not say."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


class TokenLogprob(Record, frozen=True, kw_only=True):
    """One token and its natural-log probability; `top` holds the alternatives seen."""

    token: str
    logprob: float
    top: dict[str, float] = {}

    def __post_init__(self) -> None:
        if not math.isfinite(self.logprob):  # a call less for each token
            require_finite("TokenLogprob", logprob=self.logprob)


class Provenance(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Where and when an answer was taken.

    source: `live` was asked in this run, `cached` in an earlier one, `recorded` by someone else.
    session: names the sitting; latency and cost are comparable only within one.
    taken_at: ISO 8601 in UTC; None if a recording does not say.
    """

    source: Literal["live", "cached", "recorded"] = "live"
    session: str = ""
    taken_at: str | None = None


class Completion(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a model returned. Times in seconds, money in US dollars, None where unknown.

    A journal leaves out what is at its default: an answer's line is a third as long.
    """

    text: str
    finish: Finish = "unknown"
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    usage: Usage | None = None
    latency_s: float | None = None
    ttft_s: float | None = None
    cost_usd: float | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    prompt_logprobs: tuple[TokenLogprob, ...] | None = None
    served_model: str | None = None
    system_fingerprint: str | None = None
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        known = (self.latency_s or 0.0) + (self.ttft_s or 0.0) + (self.cost_usd or 0.0)
        if not math.isfinite(known):  # one test an answer instead of three
            require_finite(
                "Completion", latency_s=self.latency_s, ttft_s=self.ttft_s, cost_usd=self.cost_usd
            )


FailureKind: TypeAlias = Literal[
    "missing",
    "throttle",
    "overload",
    "timeout",
    "connection",
    "truncated_stream",
    "malformed",
    "empty",
    "context_overflow",
    "auth",
    "bad_request",
    "content_filter",
    "refusal",
    "budget",
    "previous_turn",
    "mismatch",
    "unsupported",
    "unknown",
]

FAILURE_KINDS: Final[dict[str, str]] = {
    "missing": "the recording has no answer for this sample",
    "throttle": "the provider refused by rate limit",
    "overload": "the provider was over capacity",
    "timeout": "no answer within the deadline",
    "connection": "the connection broke",
    "truncated_stream": "the stream ended before its end mark",
    "malformed": "the response was not what the protocol says",
    "empty": "the response held no answer",
    "context_overflow": "the prompt is longer than the model's context",
    "auth": "the key was refused",
    "bad_request": "the provider refused the request",
    "content_filter": "the provider filtered the answer",
    "refusal": "the model refused, in a field of its own",
    "budget": "not asked: --max-cost was reached",
    "previous_turn": "not asked: an earlier turn of the conversation failed",
    "mismatch": "the recorded answer belongs to another input",
    "unsupported": "the client cannot do what the request asks",
    "unknown": "something else",
}


class Attempt(Record, frozen=True, kw_only=True):
    """One try at a request, as it went; `billed` is unknown when it broke after sending.

    cost_usd: of a try that gave no answer and was billed all the same, where usage and price are
    known; an answer's cost stands with the answer.
    """

    started_at: str
    latency_s: float
    status: int | None = None
    error: FailureKind | None = None
    detail: str = ""
    ttft_s: float | None = None
    usage: Usage | None = None
    billed: Literal["yes", "no", "unknown"] = "unknown"
    wait_s: float = 0.0
    cost_usd: float | None = None


class Answered(
    Record, frozen=True, kw_only=True, omit_defaults=True, tag="answered", tag_field="outcome"
):
    """The model answered, at the last of `attempts`."""

    completion: Completion
    attempts: tuple[Attempt, ...] = ()


class Failed(Record, frozen=True, kw_only=True, tag="failed", tag_field="outcome"):
    """No answer. `kind` is one of FAILURE_KINDS, `detail` says more in words."""

    kind: FailureKind
    detail: str = ""
    attempts: tuple[Attempt, ...] = ()


Outcome: TypeAlias = Answered | Failed


# --- what is found out about an answer -------------------------------------------------------


ExecutionStatus: TypeAlias = Literal[
    "passed",
    "wrong_answer",
    "assertion",
    "exception",
    "load_error",
    "timeout_wall",
    "timeout_cpu",
    "memory",
    "output_limit",
    "crash",
    "bad_return",
    "exit_early",
    "denied",
    "checker_error",
    "infra_error",
]


class Execution(Record, frozen=True, kw_only=True, tag="execution", tag_field="evidence"):
    """One program run against its tests in the sandbox.

    task: the sample's id.  program_sha256: of the program that ran, so that a changed answer or
    extraction rule is noticed.  wall_s, cpu_s: seconds.  max_rss_bytes: peak memory.
    """

    task: str
    program_sha256: str
    status: ExecutionStatus
    detail: str = ""
    backend: str = ""
    program: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    max_rss_bytes: int = 0
    output_bytes: int = 0
    retried: bool = False
    forgeable: bool = False


class Judgement(Record, frozen=True, kw_only=True, tag="judgement", tag_field="evidence"):
    """One judge's answer. `parsed` is None where the judge's words could not be read.

    unread: why they could not.
    """

    judge: str
    outcome: Outcome
    parsed: JsonObject | None = None
    unread: str = ""


Evidence: TypeAlias = Execution | Judgement


class Item(Record, frozen=True, kw_only=True):
    """What an answer metric sees: an answered sample, and what was found out about the answer.

    text: the part of the answer that is scored (after `extract`); equals completion.text without.
    evidence: named by what gathered it, e.g. {"execution": ...}.
    """

    sample: Sample
    completion: Completion
    text: str
    repeat: int = 0
    evidence: dict[str, Evidence] = {}


class Asked(Record, frozen=True, kw_only=True):
    """What an outcome metric sees: a sample and how asking went, failures included."""

    sample: Sample
    outcome: Outcome
    repeat: int = 0
    unparsed: bool = False


class Scored(Record, frozen=True, kw_only=True, tag="scored", tag_field="mark"):
    """One metric's statistic of one sample: a row of numbers, see `Metric.reduce`."""

    row: tuple[float, ...]

    def __post_init__(self) -> None:
        for number in self.row:
            require_finite("Scored", row=number)


class Unscored(Record, frozen=True, kw_only=True, tag="unscored", tag_field="mark"):
    """The metric could not judge this sample; `reason` says why, and what would help."""

    reason: str


Mark: TypeAlias = Scored | Unscored


# --- what is concluded -----------------------------------------------------------------------


class Estimate(Record, frozen=True, kw_only=True, tag="estimate", tag_field="estimate"):
    """A number with its uncertainty; lower <= upper, both two-sided bounds at `level`.

    n: samples; n_clusters: independent groups, equal to n where no clusters are declared.
    method: the interval's name, e.g. "wilson" or "bootstrap-t".
    """

    value: float
    lower: float
    upper: float
    level: float
    method: str
    n: int
    n_clusters: int

    def __post_init__(self) -> None:
        require_finite("Estimate", value=self.value, lower=self.lower, upper=self.upper)


class Undetermined(Record, frozen=True, kw_only=True, tag="undetermined", tag_field="estimate"):
    """No honest number can be given; `reason` says what is missing."""

    reason: str
    n: int = 0


Estimated: TypeAlias = Estimate | Undetermined

VerdictState: TypeAlias = Literal["READY", "NOT_READY", "INCONCLUSIVE", "INVALID"]
GateOutcome: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE"]
GateTest: TypeAlias = Literal[
    "non_inferiority",
    "superiority",
    "equivalence",
    "max_ratio",
    "min_ratio",
    "at_most",
    "at_least",
]
GateRole: TypeAlias = Literal["primary", "guardrail", "diagnostic"]

EXIT_CODES: Final[dict[VerdictState, int]] = {
    "READY": 0,
    "NOT_READY": 1,
    "INCONCLUSIVE": 2,
    "INVALID": 3,
}
