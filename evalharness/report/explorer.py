"""Every sample with every answer, packed into the page for its search, filters and sorting.

Reads: Facts.samples.  Gives: one block of JSON text, which the page's own script reads; texts in it
are data, never markup.  Depends on: clean, numbers, page limits.
Long texts are cut so that the page stays within its budget; the cut is told in the text.  A large
block is deflated and written in base64, which the browser unpacks (DecompressionStream).
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from evalharness.report import clean
from evalharness.results import AnswerFacts, Facts, SampleFacts

Cell: TypeAlias = "str | int | float | list[Cell] | dict[str, str] | None"

BUDGET: Final = 40_000_000
"""Characters of text that a page may carry before texts are cut."""

LEAST_TEXT: Final = 200
MOST_TEXT: Final = 8000
PLAIN_LIMIT: Final = 500_000
"""Below this many characters the block is written as it is, so that it can be read in the file."""


@dataclass(frozen=True, slots=True)
class Explorer:
    """The block and how it is packed ("" or "deflate"), and what its filters offer."""

    block: str
    packing: str
    count: int
    total: int
    arms: tuple[str, ...]
    metrics: tuple[str, ...]
    slices: tuple[str, ...]


def build_explorer(facts: Facts) -> Explorer | None:
    """The samples of these facts, or None where they hold none."""
    if not facts.samples:
        return None
    arms = tuple(dict.fromkeys(arm.name for arm in facts.arms))
    metrics = _metrics(facts)
    limit = _text_limit(facts.samples)
    rows: list[Cell] = [_row(sample, arms, metrics, limit) for sample in facts.samples]
    roles = {arm.name: arm.role for arm in facts.arms}
    document: dict[str, Cell] = {
        "arms": list[Cell](clean.one_line(arm) for arm in arms),
        "roles": list[Cell](roles[arm] for arm in arms),
        "metrics": list[Cell](clean.one_line(name) for name in metrics),
        "lower": list[Cell](_lower_is_better(facts, name) for name in metrics),
        "rows": rows,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packing = "deflate" if len(text) > PLAIN_LIMIT else ""
    slices = {f"{key}={value}" for sample in facts.samples for key, value in sample.slices.items()}
    return Explorer(
        block=_pack(text) if packing else _inert(text),
        packing=packing,
        count=len(rows),
        total=facts.n_samples or len(rows),
        arms=arms,
        metrics=metrics,
        slices=tuple(sorted(clean.one_line(slice_) for slice_ in slices)),
    )


def _metrics(facts: Facts) -> tuple[str, ...]:
    """Metrics that samples have values of, in the order of the arms' own tables."""
    seen = {
        name
        for sample in facts.samples
        for answer in sample.answers.values()
        for name in answer.values
    }
    ordered = dict.fromkeys(name for arm in facts.arms for name in arm.summary.metrics)
    return tuple([name for name in ordered if name in seen] + sorted(seen - ordered.keys()))


def _lower_is_better(facts: Facts, metric: str) -> int:
    for arm in facts.arms:
        if metric in arm.summary.metrics:
            return int(arm.summary.metrics[metric].direction == "lower")
    return 0


def _text_limit(samples: Sequence[SampleFacts]) -> int:
    """The longest text that is shown whole: as long as the budget allows."""
    lengths = [
        length
        for sample in samples
        for length in (
            len(sample.input),
            *map(len, sample.targets),
            *(len(answer.text) for answer in sample.answers.values()),
        )
    ]
    limit = MOST_TEXT
    while limit > LEAST_TEXT and sum(min(length, limit) for length in lengths) > BUDGET:
        limit //= 2
    return limit


def _row(
    sample: SampleFacts, arms: Sequence[str], metrics: Sequence[str], limit: int
) -> list[Cell]:
    answers: list[Cell] = [_answer(sample.answers.get(arm), metrics, limit) for arm in arms]
    return [
        clean.one_line(sample.id),
        sample.repeat,
        clean.one_line(sample.suite),
        _text(sample.input, limit),
        [_text(target, limit) for target in sample.targets],
        {clean.one_line(key): clean.one_line(value) for key, value in sample.slices.items()},
        answers,
    ]


def _answer(answer: AnswerFacts | None, metrics: Sequence[str], limit: int) -> Cell:
    """[text, values, failed, unparsed, finish, latency_s, cost_usd], the last ones left off."""
    if answer is None:
        return None
    values: list[Cell] = [
        round(number, 6) if (number := answer.values.get(name)) is not None else None
        for name in metrics
    ]
    cells: list[Cell] = [
        _text(answer.text, limit),
        values,
        clean.one_line(answer.failed) if answer.failed else None,
        int(answer.unparsed) or None,
        clean.one_line(answer.finish) or None,
        None if answer.latency_s is None else round(answer.latency_s, 4),
        None if answer.cost_usd is None else float(f"{answer.cost_usd:.4g}"),
    ]
    while cells[-1] is None:
        cells.pop()
    return cells


def _text(text: str, limit: int) -> str:
    return clean.visible(clean.cut(text, limit))


def _inert(text: str) -> str:
    """JSON that cannot end its element or open another: HTML sees no < in it."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _pack(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 3)).decode()
