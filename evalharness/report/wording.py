"""What a gate or a comparison says, in words: shared by every renderer.

Reads: results records.  Gives: `Reading`s, made of short plain strings in one medium.
Depends on: results, numbers, clean.  Knows nothing of layouts and computes no statistic.

A ratio that a policy asks to be below 1 is read the other way round ("8.3x cheaper, at least 8x"),
since that is how people say it; every other ratio is a multiple of the baseline ("1.04x").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evalharness.records import VerdictState
from evalharness.report import numbers
from evalharness.report.clean import one_line
from evalharness.report.numbers import Medium
from evalharness.results import ComparisonRow, Facts, GateRow, Invalid

LESS: Final = {"usd": "cheaper", "seconds": "faster", "tokens": "fewer"}
RATIOS: Final = frozenset({"max_ratio", "min_ratio"})
BARS: Final = frozenset({"at_most", "at_least"})

STATE_SENTENCE: Final[dict[VerdictState, str]] = {
    "READY": "The evidence supports putting the candidate in front of real traffic.",
    "NOT_READY": "At least one gate failed, and the evidence for that is strong.",
    "INCONCLUSIVE": "The evidence does not decide yet, one way or the other.",
    "INVALID": "The evidence cannot be used, so no gate was judged by it.",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One row of a table, as words.

    label: metric with unit and slice.  values: "0.412 vs 0.398".  point, interval: the effect and
    its bounds.  outcome: PASS, FAIL, INCONCLUSIVE or "".  requirement: what the policy asks.
    note: what else must be said (a reason, samples still needed, a diagnostic role).
    worse, better: the interval's ends by what they mean for the candidate; "" where unbounded.
    """

    label: str
    values: str
    point: str
    interval: str
    outcome: str
    requirement: str
    note: str
    worse: str = ""
    better: str = ""

    @property
    def effect(self) -> str:
        """The point estimate with its bounds."""
        return f"{self.point} {self.interval}".strip()


def name_of(metric: str, scale: str, slice_: str | None) -> str:
    """A metric as a table names it: with its unit, and the slice it is seen on.

    >>> name_of("f1", "fraction", "lang=de")
    'f1 [lang=de]'
    """
    label = one_line(numbers.unit_label(metric, scale))
    return f"{label} [{one_line(slice_)}]" if slice_ else label


def is_ratio(row: GateRow | ComparisonRow) -> bool:
    """Whether the row's effect is candidate / baseline rather than a difference."""
    if isinstance(row, GateRow):
        return row.test in RATIOS
    return "ratio" in row.method


def more_is_better(row: GateRow) -> bool:
    """Which side of the threshold is the good one, in the units of the threshold."""
    if row.test in {"max_ratio", "at_most"}:
        return False
    if row.test in {"min_ratio", "at_least"}:
        return True
    return row.direction == "higher"


def reads_upwards(row: GateRow) -> bool:
    """Whether a larger number, as it is told, is better: "8.3x cheaper" is, "1.04x" is not."""
    return more_is_better(row) or (row.test in RATIOS and _turned(row))


def _turned(row: GateRow | ComparisonRow) -> bool:
    """Whether a ratio is told the other way round: "8.3x cheaper" rather than "0.12x"."""
    if row.scale not in LESS or row.difference is None or row.upper is None:
        return False
    if isinstance(row, GateRow) and (row.test != "max_ratio" or not 0 < row.threshold < 1):
        return False
    return (row.lower if row.lower is not None else row.difference) > 0 and row.upper < 1


Ends = tuple[str | None, str | None]


def _ratio_effect(row: GateRow | ComparisonRow) -> tuple[str, Ends]:
    lower, upper, point = row.lower, row.upper, row.difference
    if point is None:
        return numbers.UNDETERMINED, (None, None)
    threshold = row.threshold if isinstance(row, GateRow) else None
    word = ""
    if _turned(row):
        lower, upper, point = _inverse(upper), _inverse(lower), 1 / point
        threshold = _inverse(threshold)
        word = f" {LESS[row.scale]}"
    digits = _ratio_digits((lower, upper), threshold)
    return numbers.times(point, digits=digits) + word, (
        None if lower is None else numbers.times(lower, digits=digits),
        None if upper is None else numbers.times(upper, digits=digits),
    )


def _inverse(number: float | None) -> float | None:
    return None if number is None else 1 / number


def _ratio_digits(bounds: tuple[float | None, float | None], threshold: float | None) -> int:
    """Digits at which no bound prints like a threshold that it differs from."""
    if threshold is None:
        return 2
    for digits in range(2, 7):
        threshold_text = float(numbers.times(threshold, digits=digits).rstrip("x").replace(",", ""))
        texts = [
            numbers.times(bound, digits=digits)
            for bound in bounds
            if bound != threshold and bound is not None
        ]
        if all(float(text.rstrip("x").replace(",", "")) != threshold_text for text in texts):
            return digits
    return 7


def _interval(ends: Ends) -> str:
    lower, upper = ends
    if lower is None and upper is None:
        return ""
    return f"[{lower or 'unbounded'}, {upper or 'unbounded'}]"


def _half_width(row: GateRow | ComparisonRow) -> float | None:
    if row.lower is None or row.upper is None:
        return None
    return (row.upper - row.lower) / 2


def _places(row: GateRow | ComparisonRow, medium: Medium) -> int:
    """Decimals of the row's effect: enough that no bound prints like the threshold it missed."""
    effects = (row.difference, row.lower, row.upper)
    places = numbers.decimals(effects, row.scale, medium, half_width=_half_width(row))
    if isinstance(row, GateRow):
        edges = (row.threshold, -row.threshold) if row.test == "equivalence" else (row.threshold,)
        for bound in (row.lower, row.upper):
            for edge in edges:
                places = numbers.apart(bound, edge, row.scale, medium, least=places)
    return places


def _effect(row: GateRow | ComparisonRow, medium: Medium) -> tuple[str, Ends]:
    if is_ratio(row):
        return _ratio_effect(row)
    places = _places(row, medium)
    absolute = isinstance(row, GateRow) and row.test in BARS
    tell = numbers.value if absolute else numbers.change
    return tell(row.difference, row.scale, medium, places=places), (
        None if row.lower is None else tell(row.lower, row.scale, medium, places=places),
        None if row.upper is None else tell(row.upper, row.scale, medium, places=places),
    )


def _values(row: GateRow | ComparisonRow, medium: Medium) -> str:
    pair = (row.candidate, row.baseline_value)
    width = None if is_ratio(row) else _half_width(row)
    places = numbers.decimals(pair, row.scale, medium, half_width=width)
    first = numbers.value(row.candidate, row.scale, medium, places=places)
    if isinstance(row, GateRow) and row.test in BARS:
        return first
    return f"{first} vs {numbers.value(row.baseline_value, row.scale, medium, places=places)}"


def requirement(row: GateRow, medium: Medium) -> str:
    """What the policy asks of this metric, as a phrase that reads after the numbers."""
    higher = row.direction == "higher"
    size = _size(row, medium)
    if row.test == "non_inferiority":
        return f"may lose at most {size}" if higher else f"may rise by at most {size}"
    if row.test == "superiority":
        if row.threshold == 0:
            return "must be higher" if higher else "must be lower"
        return f"must gain more than {size}" if higher else f"must fall by more than {size}"
    if row.test == "equivalence":
        return f"must stay within \u00b1{size}"
    if row.test in RATIOS:
        return _ratio_requirement(row)
    return f"at most {size}" if row.test == "at_most" else f"at least {size}"


def _size(row: GateRow, medium: Medium) -> str:
    """The threshold without its sign, no less precise than the policy wrote it."""
    number = abs(row.threshold)
    shown = numbers.shown(number, row.scale, medium)
    written = len(numbers.exact(round(shown, 9)).partition(".")[2])
    places = max(_places(row, medium), written)
    if row.test in BARS:
        return numbers.value(number, row.scale, medium, places=places)
    return numbers.change(number, row.scale, medium, places=places).replace("+", "", 1)


def _ratio_requirement(row: GateRow) -> str:
    if _turned(row):
        return f"at least {numbers.exact(round(1 / row.threshold, 4))}x"
    word = "at most" if row.test == "max_ratio" else "at least"
    return f"{word} {numbers.exact(row.threshold)}x"


def _note(row: GateRow) -> str:
    parts = []
    if row.role == "diagnostic":
        parts.append("diagnostic: does not decide")
    if row.n_more is not None:
        parts.append(
            f"about {numbers.count(row.n_more)} more samples would decide if the arms are equal"
        )
        parts += [one_line(told) for told in row.advice]
    if row.reason:
        parts.append(one_line(row.reason))
    return "; ".join(parts)


def read_gate(row: GateRow, medium: Medium) -> Reading:
    """A judged gate as words."""
    point, ends = _effect(row, medium)
    worse, better = ends if reads_upwards(row) else ends[::-1]
    return Reading(
        label=name_of(row.metric, row.scale, row.slice),
        values=_values(row, medium),
        point=point,
        interval=_interval(ends),
        outcome=row.outcome,
        requirement=requirement(row, medium),
        note=_note(row),
        worse=worse or "",
        better=better or "",
    )


def read_comparison(row: ComparisonRow, medium: Medium) -> Reading:
    """A comparison as words: no outcome, since nothing is judged."""
    point, ends = _effect(row, medium)
    return Reading(
        label=name_of(row.metric, row.scale, row.slice),
        values=_values(row, medium),
        point=point,
        interval=_interval(ends),
        outcome="",
        requirement=_p_words(row),
        note="; ".join(filter(None, (one_line(row.reason or ""), _best_case(row, medium)))),
    )


def _p_words(row: ComparisonRow) -> str:
    """The p-value, and what is left of it among its like."""
    if row.p_value is None:
        return ""
    told = f"p {numbers.p_value(row.p_value)}"
    return told if row.q_value is None else f"{told}, q {numbers.p_value(row.q_value)}"


def _best_case(row: ComparisonRow, medium: Medium) -> str:
    """How far the failures could move it: counted against the candidate, and for it."""
    if row.best_difference is None or row.lower is None or row.best_upper is None:
        return ""
    tell = numbers.change if not is_ratio(row) else _plain_ratio
    low, high = (
        tell(bound, row.scale, medium, places=_places(row, medium))
        for bound in (row.lower, row.best_upper)
    )
    return f"failures could put it anywhere in [{low}, {high}]"


def _plain_ratio(number: float | None, _: str, __: Medium, *, places: int | None = None) -> str:
    """A ratio as a multiple."""
    return numbers.times(number, digits=max(2, (places or 2) - 1))


def headline(facts: Facts) -> str:
    """The verdict's line after the state: what was compared, on how many samples."""
    title = one_line(facts.title)
    if facts.verdict is None or not facts.verdict.n_paired:
        return title
    return f"{title}, {numbers.count(facts.verdict.n_paired)} samples"


def answered_line(facts: Facts) -> str:
    """What the gates would say with failures left out; shown, never used."""
    known = [row for row in facts.gates if row.outcome_answered is not None]
    if not known:
        return ""
    moved = [row for row in known if row.outcome_answered != row.outcome]
    if not moved:
        return "left out: every gate says the same"
    told = ", ".join(
        f"{name_of(row.metric, row.scale, row.slice)} {row.outcome_answered}" for row in moved
    )
    return f"left out: {told} (shown, never used)"


def invalid_line(invalid: Invalid) -> str:
    """Why evidence cannot be used, with where and the stable code."""
    where = ", ".join(one_line(part) for part in (invalid.suite, invalid.arm) if part)
    return f"{one_line(invalid.message)} ({one_line(invalid.code)}{': ' + where if where else ''})"


def state_words(state: VerdictState) -> str:
    """The verdict for people.

    >>> state_words("NOT_READY")
    'NOT READY'
    """
    return state.replace("_", " ")


def pairings(facts: Facts) -> tuple[tuple[str, str, str], ...]:
    """Every (suite, candidate, baseline) that was gated or compared, in order of appearance."""
    rows: tuple[GateRow | ComparisonRow, ...] = facts.gates or facts.comparisons
    return tuple(dict.fromkeys((row.suite, row.candidate_arm, row.baseline) for row in rows))
