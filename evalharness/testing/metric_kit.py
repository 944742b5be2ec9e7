"""check_metric: does a metric keep its contract?  The same checks for built-ins and plug-ins.

Reads: a metric, and examples if it needs particular ones.  Gives: nothing, or AssertionError that
lists every broken rule.
Depends on: contracts, records.

What is checked: attributes and signature; rows, masks and reasons have the right shapes and finite
numbers; a row does not depend on its batch; order and repetition do not change a value; sums of
parts reduce to the whole's value; values are in range; bounds hold every row's value; hostile
texts do not crash it; it survives a pickle, since batches go to other processes.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from evalharness.contracts import ItemGroup, Metric, Rows
from evalharness.records import (
    Answered,
    Asked,
    Completion,
    Execution,
    ExecutionStatus,
    Failed,
    Item,
    Judgement,
    Sample,
    TokenLogprob,
    ToolCall,
    Usage,
)

if TYPE_CHECKING:
    from evalharness.contracts import Array

Check: TypeAlias = Callable[[Metric, Sequence[Any]], Iterator[str]]
"""A metric and examples -> what is wrong, in words."""

_KINDS: Final = ("binary", "continuous", "count", "corpus", "ordered", "refit")
_SCALES: Final = ("fraction", "points", "seconds", "usd", "tokens", "count", "plain")
_TOLERANCE: Final = 1e-9

_SAID: Final = {
    "judgement": {"score": 1},
    "judgement@1": {"score": 0},
    "judgement/first": {"score": 1},
    "judgement/second": {"score": 0},
    "judgement/human/kit": {"score": 1},
}
"""What the kit's judges say of every answer."""

HOSTILE_TEXTS: Final = (
    "",
    " ",
    "\x00\x01\x1c\x7f",
    "ab\x00",
    "\ud800 lone \udfff",
    "\u202e\u200b\ufeff",
    "<script>alert(1)</script>",
    "{{ ''.__class__ }}",
    "我爱北京",
    "ﬀ İ ß ǅ",
    "9" * 5000,
    "1e9999",
    "[" * 2000,
    "a" * 100_000,
    "w x " * 5_000,
    "\n" * 3_000,
)
"""Answers that have broken metrics elsewhere."""

_TEXTS: Final = (
    ("Paris", ("Paris",)),
    ("the capital is Paris.", ("Paris", "paris, France")),
    ("42", ("42", "forty-two")),
    ("I do not know", ("B",)),
    ("The answer is (B).", ("B",)),
    ('{"name": "x"}', ('{"name": "x"}',)),
    ("one line\nand a second one here", ("one line\nand another one here",)),
    ("the cat sat on the mat today", ("the cat is on the mat", "a cat sat on a mat")),
    ("", ("something",)),
)


def check_metric(metric: Metric, examples: Sequence[Any] | None = None) -> None:
    """Check a metric against its contract.

    examples: at least three Items, ItemGroups or Asked records (by what the metric `sees`) of
    which it scores some; without them the kit's own are used.  Any: one of the three.
    Raises AssertionError listing every broken rule.
    """
    examples = list(examples) if examples is not None else default_examples(metric)
    broken = [
        f"{check.__name__.strip('_').replace('_', ' ')}: {problem}"
        for check in _CHECKS
        for problem in _problems(check, metric, examples)
    ]
    if broken:
        raise AssertionError(
            f"metric '{metric.name}' breaks its contract:\n  " + "\n  ".join(broken)
        )


def _problems(check: Check, metric: Metric, examples: Sequence[Any]) -> list[str]:
    """What one check finds; a metric that raises has broken it."""
    try:
        return list(check(metric, examples))
    except Exception as error:  # noqa: BLE001  (whatever it raises is the finding)
        return [f"raised {error!r}"]


def score_texts(
    metric: Metric, answers: Sequence[str], references: Sequence[Sequence[str]]
) -> float:
    """The value of an answer metric over plain texts; references stand by answer.

    Raises ValueError if the lengths differ or an answer cannot be scored.
    """
    if len(answers) != len(references):
        raise ValueError(f"{len(answers)} answers but {len(references)} lists of references")
    items = [
        item_of(text, targets, name=str(place))
        for place, (text, targets) in enumerate(zip(answers, references, strict=True))
    ]
    rows = metric.measure(items)
    if rows.reasons:
        raise ValueError(f"not scored: {dict(rows.reasons)}")
    return value_of(metric, rows.rows_nk)


def value_of(metric: Metric, rows_nk: Array) -> float:
    """The metric's value over rows, by whichever way its kind reduces."""
    if metric.kind in ("ordered", "refit"):
        return float(metric.reduce_weighted(rows_nk, np.ones((1, len(rows_nk))))[0])
    return float(metric.reduce(rows_nk.sum(axis=0)))


def item_of(text: str, targets: Sequence[str], *, name: str = "s") -> Item:
    """An answered sample with everything that a metric may need."""
    sample = Sample(
        id=name,
        input="question",
        targets=tuple(targets),
        target_tool_calls=(ToolCall(name="look", arguments='{"q": 1}'),),
    )
    logprobs = tuple(
        TokenLogprob(token=token, logprob=-0.1 * (place + 1), top={token: -0.1 * (place + 1)})
        for place, token in enumerate(text[:40].split() or ["x"])
    )
    completion = Completion(
        text=text,
        finish="stop",
        latency_s=0.5 + len(text) % 7,
        ttft_s=0.1,
        cost_usd=0.001,
        usage=Usage(prompt_tokens=7, completion_tokens=3),
        logprobs=logprobs,
        prompt_logprobs=logprobs,
        tool_calls=(ToolCall(name="look", arguments='{"q": 1}'),),
    )
    status: ExecutionStatus = "passed" if len(text) % 2 else "wrong_answer"
    return Item(
        sample=sample,
        completion=completion,
        text=text,
        evidence={
            "execution": Execution(task=name, program_sha256="0" * 64, status=status),
            **{
                where: Judgement(judge="kit", outcome=Answered(completion=completion), parsed=said)
                for where, said in _SAID.items()
            },
        },
    )


def default_examples(metric: Metric) -> list[Any]:  # Any: by what the metric sees
    """Examples for a metric: items, groups or outcomes."""
    items = [
        item_of(text, targets, name=f"s{place}") for place, (text, targets) in enumerate(_TEXTS)
    ]
    if metric.sees == "groups":
        return [
            ItemGroup(sample=item.sample, items=(item, items[0], items[1]), n_failed=place % 2)
            for place, item in enumerate(items)
        ]
    if metric.sees == "outcomes":
        answered = [
            Asked(sample=item.sample, outcome=Answered(completion=item.completion))
            for item in items
        ]
        lost = Asked(sample=items[0].sample, outcome=Failed(kind="timeout"))
        return [*answered, lost]
    return items


def _attributes(metric: Metric, _examples: Sequence[Any]) -> Iterator[str]:
    """Attributes have their types and the signature names the metric."""
    if not metric.name or not isinstance(metric.name, str):
        yield "name must be a non-empty text"
    if metric.kind not in _KINDS:
        yield f"kind must be one of {_KINDS}, not {metric.kind!r}"
    if metric.sees not in ("answers", "groups", "outcomes"):
        yield f"sees is {metric.sees!r}"
    if metric.direction not in ("higher", "lower"):
        yield f"direction is {metric.direction!r}"
    if metric.scale not in _SCALES:
        yield f"scale must be one of {_SCALES}, not {metric.scale!r}"
    if not metric.signature.startswith(metric.name) or metric.version not in metric.signature:
        yield f"signature {metric.signature!r} must start with the name and hold the version"
    if not metric.columns:
        yield "columns must name the statistics"
    low, high = metric.range
    if low is not None and high is not None and not low < high:
        yield f"range {metric.range} is empty"


def _rows(metric: Metric, examples: Sequence[Any]) -> Iterator[str]:
    """Rows, masks and reasons have the right shapes and finite numbers."""
    for what, batch in (("no items", []), ("the examples", examples)):
        rows = metric.measure(batch)
        yield from (f"of {what}: {problem}" for problem in _row_problems(metric, rows, len(batch)))
    if len(examples) >= 3 and not metric.measure(examples).scored_n.any():
        yield "no example was scored: give examples that the metric can judge"


def _row_problems(metric: Metric, rows: Rows, n: int) -> Iterator[str]:
    """What is wrong with the rows of n items."""
    shape = (n, len(metric.columns))
    if rows.rows_nk.shape != shape or rows.scored_n.shape != (n,):
        yield f"shapes {rows.rows_nk.shape} and {rows.scored_n.shape}, wanted {shape} and ({n},)"
        return
    if rows.rows_nk.dtype != np.float64 or rows.scored_n.dtype != np.bool_:
        yield "rows must be float64 and the mask bool"
    if not np.isfinite(rows.rows_nk).all():
        yield "rows must be finite"
    if rows.rows_nk[~rows.scored_n].any():
        yield "rows that are not scored must be zeros"
    if sorted(rows.reasons) != np.flatnonzero(~rows.scored_n).tolist():
        yield "every item that is not scored needs a reason, and no other"
    if not all(isinstance(reason, str) and reason for reason in rows.reasons.values()):
        yield "reasons must be non-empty texts"
    if metric.kind == "binary" and not np.isin(rows.rows_nk[rows.scored_n], (0.0, 1.0)).all():
        yield "binary rows hold 0 and 1 only"


def _batches(metric: Metric, examples: Sequence[Any]) -> Iterator[str]:
    """A row does not depend on what else stands in its batch, nor on the call before."""
    together = metric.measure(examples)
    again = metric.measure(examples)
    if not np.array_equal(together.rows_nk, again.rows_nk):
        yield "two calls give different rows"
    alone = [metric.measure([example]).rows_nk[0] for example in examples]
    if not np.array_equal(together.rows_nk, np.array(alone)):
        yield "a row changes with its batch"
    backwards = metric.measure(examples[::-1])
    if not np.array_equal(together.rows_nk, backwards.rows_nk[::-1]):
        yield "a row changes with the order of its batch"


def _values(metric: Metric, examples: Sequence[Any]) -> Iterator[str]:
    """Values are in range and do not change with order, repetition or the way of summing."""
    rows = metric.measure(examples)
    rows_nk = rows.rows_nk[rows.scored_n]
    if not len(rows_nk):
        return
    value = value_of(metric, rows_nk)
    low, high = metric.range
    if not math.isnan(value) and not (
        (low is None or value >= low - _TOLERANCE) and (high is None or value <= high + _TOLERANCE)
    ):
        yield f"value {value} is outside the range {metric.range}"
    if not _same(value, value_of(metric, rows_nk[::-1])):
        yield "the order of samples changes the value"
    is_mean = metric.kind in ("binary", "continuous", "count")
    if is_mean and not _same(value, value_of(metric, np.tile(rows_nk, (3, 1)))):
        yield "repeating every sample changes the value"
    ones_bn = np.ones((2, len(rows_nk)))
    weighted = metric.reduce_weighted(rows_nk, ones_bn) if _weighs(metric) else None
    if weighted is not None and (
        np.shape(weighted) != (2,) or not all(_same(value, float(one)) for one in weighted)
    ):
        yield "reduce_weighted with weights of 1 differs from the value"
    if metric.kind in ("ordered", "refit"):
        return
    half = len(rows_nk) // 2
    parts = rows_nk[:half].sum(axis=0) + rows_nk[half:].sum(axis=0)
    stacked = np.stack([rows_nk.sum(axis=0), parts])
    reduced = metric.reduce(stacked)
    if np.shape(reduced) != (2,) or not all(_same(value, float(one)) for one in reduced):
        yield "reduce over a leading axis, or of the sum of parts, differs from the value"


def _weighs(metric: Metric) -> bool:
    """Whether the metric has, or must have, reduce_weighted."""
    return metric.kind in ("ordered", "refit") or hasattr(metric, "reduce_weighted")


def _same(first: float, second: float) -> bool:
    """Equal up to the order of summing; NaN equals NaN."""
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _bounds(metric: Metric, examples: Sequence[Any]) -> Iterator[str]:
    """The worst and best rows have the right shape, and a value between them."""
    samples = [example.sample for example in examples]
    bounds = metric.bounds(samples)
    if bounds is None:
        if metric.kind == "binary":
            yield "a binary metric has a worst and a best row"
        return
    shape = (len(samples), len(metric.columns))
    if any(bound.shape != shape or not np.isfinite(bound).all() for bound in bounds):
        yield f"bounds must be two finite arrays of shape {shape}"
        return
    scored = metric.measure(examples).scored_n
    if not scored.any():
        return
    worst, best = (value_of(metric, bound[scored]) for bound in bounds)
    value = value_of(metric, metric.measure(examples).rows_nk[scored])
    if metric.direction == "lower":
        worst, value, best = -worst, -value, -best
    if any(math.isnan(one) for one in (worst, value, best)):
        return
    if not worst - _TOLERANCE <= value <= best + _TOLERANCE:
        yield f"the value {value} is not between the worst {worst} and the best {best}"


def _hostile_texts(metric: Metric, _examples: Sequence[Any]) -> Iterator[str]:
    """Control characters, lone surrogates, giants and emptiness are scored or given a reason."""
    items = [item_of(text, ("a reference",)) for text in HOSTILE_TEXTS]
    items += [item_of("an answer", (text,)) for text in HOSTILE_TEXTS]
    items += [item_of("an answer", ()), item_of("an answer", ("one",) * 500)]
    batch: list[Any] = items  # Any: by what the metric sees
    if metric.sees == "groups":
        batch = [ItemGroup(sample=item.sample, items=(item,)) for item in items]
        batch.append(ItemGroup(sample=items[0].sample, items=(), n_failed=2))
    elif metric.sees == "outcomes":
        bare = Answered(completion=Completion(text="x"))
        batch = [Asked(sample=items[0].sample, outcome=bare)]
        batch += [
            Asked(sample=items[0].sample, outcome=Failed(kind=kind))
            for kind in ("missing", "refusal", "content_filter", "timeout")
        ]
    rows = metric.measure(batch)
    metric.bounds([one.sample for one in batch])
    yield from _row_problems(metric, rows, len(batch))


def _pickles(metric: Metric, examples: Sequence[Any]) -> Iterator[str]:
    """Batches go to other processes, and the metric with them."""
    copy = pickle.loads(pickle.dumps(metric))  # noqa: S301  (made on this line)
    if copy.signature != metric.signature:
        yield "a pickled copy has another signature"
    if not np.array_equal(copy.measure(examples).rows_nk, metric.measure(examples).rows_nk):
        yield "a pickled copy gives other rows"


_CHECKS: Final[tuple[Check, ...]] = (
    _attributes,
    _rows,
    _batches,
    _values,
    _bounds,
    _hostile_texts,
    _pickles,
)
