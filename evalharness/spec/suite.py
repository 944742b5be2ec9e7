"""What a suite, a baseline and a policy say, as types.

Reads: nothing.  Gives: the records that `spec.read` fills from YAML.
Depends on: records.  Knows nothing of files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from evalharness.records import GateRole, GateTest, JsonObject, Record


class HubData(Record, frozen=True, kw_only=True):
    """A data set of the Hugging Face hub."""

    path: str
    name: str | None = None
    split: str = "test"
    revision: str | None = None


class CodeSpec(Record, frozen=True, kw_only=True):
    """How a code suite's tests are written, see `records.CodeTask`.

    prompt_is_code: the sample's input is source that stands before the answer (HumanEval).
    inprocess: tests share the candidate's process; forgeable, so it cannot carry a READY.
    """

    style: Literal["check", "asserts", "stdio", "unittest", "pytest"] = "check"
    preload: tuple[str, ...] = ()
    prompt_is_code: bool = False
    inprocess: bool = False
    timeout_s: float = 3.0
    memory_mb: int = 1024


class DataSpec(Record, frozen=True, kw_only=True):
    """Where the held-out samples come from and which of their fields mean what.

    path or hf: exactly one, unless the command line gives --data.
    fields: our name -> theirs, dots reach into objects ("answers.text").
    turns: of chat rows, score the `last` assistant message or `all` of them.
    slices: fields whose values split the results.  train: the file it was held out from.
    """

    path: str | None = None
    hf: HubData | None = None
    format: Literal["jsonl", "json", "csv", "squad", "lines"] | None = None
    fields: dict[str, str] = {}
    turns: Literal["last", "all"] = "last"
    slices: tuple[str, ...] = ()
    train: str | None = None
    code: CodeSpec | None = None


class FewShotSpec(Record, frozen=True, kw_only=True):
    """Worked examples before the question, from the train split only."""

    train: str
    k: int = 3
    select: Literal["fixed", "random", "bm25", "embedding"] = "fixed"
    seed: int = 0
    fields: dict[str, str] = {}
    encoder: str | None = None


class RagSpec(Record, frozen=True, kw_only=True):
    """Passages found for the question: `documents` is a folder of texts or a JSONL file."""

    documents: str
    k: int = 4
    template: str = "{{ passages }}\n\n{{ prompt }}"
    chunk_words: int = 200


class PromptSpec(Record, frozen=True, kw_only=True):
    """How a sample becomes messages.

    template: Jinja2; sees `input`, `metadata`, `id` and every metadata field by its name.
    history: what earlier turns of a conversation show the model: nothing of its own side
    (`none`), the reference answers (`gold`) or its own answers (`predicted`).
    """

    system: str | None = None
    template: str = "{{ input }}"
    history: Literal["none", "gold", "predicted"] = "gold"
    few_shot: FewShotSpec | None = None
    rag: RagSpec | None = None


class GenerationSpec(Record, frozen=True, kw_only=True):
    """Decoding; what is left out is not sent."""

    temperature: float | None = 0.0
    max_tokens: int | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    repeats: int = 1
    logprobs: int | None = None
    response_format: JsonObject | None = None
    extra: JsonObject = {}


class ExtractSpec(Record, frozen=True, kw_only=True):
    """From the answer to what is scored; one of `pattern`, `json_path`, `number`, `code`.

    pattern: regular expression; its first group (or the whole match) is kept.
    take: which match, where there are several.
    json_path: dotted path into the answer's JSON (after taking off a code fence).
    number: the last number.  code: the last fenced block, else the whole text.
    """

    pattern: str | None = None
    take: Literal["first", "last"] = "first"
    json_path: str | None = None
    number: Literal["last", "first"] | None = None
    code: bool = False
    strip: bool = True


class MetricSpec(Record, frozen=True, kw_only=True):
    """A metric by name, with its options; `label` is how results call it (the name if None)."""

    name: str
    options: JsonObject = {}
    label: str | None = None

    @property
    def key(self) -> str:
        """The name results carry."""
        return self.label or self.name


class JudgeSpec(Record, frozen=True, kw_only=True):
    """A model, or people, that judge answers; the judge's name is its metric's in results.

    model: what `--model` would take; None where only people judged (`human`).
    kind: what is asked.  `rubric` scores on a scale, `factuality` against the references,
    `groundedness` claim by claim against a source, `abstention` whether declining was right,
    `preference` which of two arms' answers is better, asked in both orders.
    rubric: what to look at.  template: the whole question instead (Jinja2), then `parse`.
    scale: least and greatest score of a rubric.  choices: words that a verdict may be -> score.
    parse: regular expression; its first group is the score, the word, or A, B or tie.
    source: the metadata field that holds the source; `prompt` is everything the arm was shown.
    unanswerable: the metadata field that is true where declining is right, or `field=value`;
    without it a sample without references is unanswerable.
    human: a file of people's labels, which corrects the model's.
    repeats: how often each judgement is asked for, every time with another seed.
    combine: a judgement's score is the mean of its repeats, or the word that most of them say.
    allow_self_judging: let a model judge its own answers.
    model_sha256: of what the file says that `model` names; empty where it names none.
    """

    name: str
    model: str | None = None
    kind: Literal["rubric", "factuality", "groundedness", "abstention", "preference"] = "rubric"
    rubric: str | None = None
    system: str | None = None
    template: str | None = None
    scale: tuple[float, float] = (1.0, 5.0)
    choices: dict[str, float] = {}
    parse: str | None = None
    source: str = "context"
    unanswerable: str | None = None
    human: str | None = None
    generation: GenerationSpec = GenerationSpec()
    repeats: int = 1
    combine: Literal["mean", "majority"] = "mean"
    allow_self_judging: bool = False
    model_sha256: str = ""


class GateSpec(Record, frozen=True, kw_only=True):
    """One condition of the verdict; the keys that a test needs are checked when it is read."""

    metric: str
    test: GateTest
    role: GateRole = "primary"
    margin: float | None = None
    min_gain: float | None = None
    ratio: float | None = None
    value: float | None = None
    slice: str | None = None
    alpha: float | None = None
    recorded: Literal["refused", "allowed"] = "refused"


class LooksSpec(Record, frozen=True, kw_only=True):
    """How alpha is shared out when the same evidence may be judged more than once.

    candidates: how many candidates may be tried; looks: how often samples may be added.
    """

    candidates: int = 1
    looks: int = 1
    spending: Literal["obrien_fleming", "pocock"] = "obrien_fleming"


class Policy(Record, frozen=True, kw_only=True):
    """What READY means for this suite. alpha is one-sided; levels of shown intervals are 1-2a."""

    alpha: float = 0.05
    power: float = 0.8
    min_coverage: float = 0.98
    gates: tuple[GateSpec, ...] = ()
    ledger: LooksSpec | None = None


class Suite(Record, frozen=True, kw_only=True):
    """A held-out set, how it is asked, how it is scored and what READY means.

    ask: for an `answer`; or for the likelihoods of texts that are given: of each sample's first
    `target`, or of each of its `choices` (`metadata.choices`), where repeat r is choice r.
    base: the folder that relative paths start from.  file: the file's name in it.
    sha256: of what it says, not of its file.
    """

    name: str
    data: DataSpec = DataSpec()
    description: str = ""
    prompt: PromptSpec = PromptSpec()
    ask: Literal["answer", "target", "choices"] = "answer"
    generation: GenerationSpec = GenerationSpec()
    extract: ExtractSpec | None = None
    metrics: tuple[MetricSpec, ...] = ()
    judges: tuple[JudgeSpec, ...] = ()
    policy: Policy = Policy()
    outputs: dict[str, str] = {}
    base: str = ""
    file: str = "suite.yaml"
    sha256: str = ""

    @property
    def place(self) -> str:
        """The suite's file, as errors name it."""
        return str(Path(self.base) / self.file)


class PriceSpec(Record, frozen=True, kw_only=True):
    """US dollars per million tokens, or per hour of a dedicated endpoint."""

    prompt_usd_per_mtok: float | None = None
    completion_usd_per_mtok: float | None = None
    usd_per_hour: float | None = None
    as_of: str | None = None
    source: str | None = None


class Baseline(Record, frozen=True, kw_only=True):
    """A named arm: a prompt program and a client, or a recording.

    model: what `--model` would take (`provider/name`, a recording's path).
    prompt and generation: instead of the suite's own, where given.
    rung: the kind of step on the ladder that reports call it ("LoRA"); else told from the prompt.
    """

    name: str
    model: str
    description: str = ""
    prompt: PromptSpec | None = None
    generation: GenerationSpec | None = None
    price: PriceSpec | None = None
    options: JsonObject = {}
    outputs: dict[str, str] = {}
    rung: str = ""
    base: str = ""


Specification: TypeAlias = Suite | Baseline
