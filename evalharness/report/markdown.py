"""The report as Markdown: readable raw, and as GitHub and GitLab render it.

Reads: Facts.  Gives: text.  Model text stands in fenced blocks only, names in code spans: nothing
in them can become a link, a heading, a mention or HTML.
Depends on: wording, arms, numbers, clean.
Source: GitHub Flavored Markdown 0.29, sections 4.5 (fences), 4.10 (tables), 6.3 (code spans).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from evalharness.report import clean, numbers
from evalharness.report.arms import (
    answered_words,
    by_slice,
    failed_lines,
    gated_metrics,
    read_metric,
    spent_line,
)
from evalharness.report.numbers import Medium
from evalharness.report.online_words import (
    GATE_HEADER,
    LOOK_HEADER,
    alarm_words,
    gate_rows,
    look_rows,
    online_sentence,
)
from evalharness.report.reasons import why
from evalharness.report.standing_words import standing_lines
from evalharness.report.wording import (
    STATE_SENTENCE,
    Reading,
    headline,
    invalid_line,
    pairings,
    read_comparison,
    read_gate,
    state_words,
)
from evalharness.results import ArmFacts, ComparisonRow, Facts, Flip

MARK: Final = {
    "READY": "\u2705",
    "NOT_READY": "\u274c",
    "INCONCLUSIVE": "\u26a0\ufe0f",
    "INVALID": "\u26d4",
    "PASS": "\u2705",
    "FAIL": "\u274c",
}
MOST_FLIPS: Final = 20
MOST_TEXT: Final = 2000
_SPECIAL: Final = re.compile(r"([\\`*\[\]#|~$]|(?<![^\W_])_|_(?![^\W_]))")


def prose(text: str) -> str:
    r"""A sentence of ours or a user's, with nothing in it that Markdown would act on.

    >>> prose("f1 *of* <b> @team #12")
    'f1 \\*of\\* &lt;b&gt; @\u200bteam \\#12'
    """
    plain = clean.one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _SPECIAL.sub(r"\\\1", plain)
    return escaped.replace("@", "@\u200b").replace("://", ":\u200b//").replace("www.", "www\u200b.")


def code(text: str) -> str:
    r"""A name as a code span, safe in a table too.

    >>> code("a`b|c")
    '`` a`b\\|c ``'
    """
    plain = clean.one_line(text)
    if not plain:
        return ""
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    plain = plain.replace("|", "\\|")
    return f"`{plain}`" if not longest else f"{'`' * (longest + 1)} {plain} {'`' * (longest + 1)}"


def fence(text: str, *, limit: int = MOST_TEXT) -> str:
    """Model text as a fenced block that the text itself cannot close."""
    shown = clean.visible(clean.cut(text, limit))
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    bar = "`" * max(3, longest + 1)
    return f"{bar}text\n{shown}\n{bar}"


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()
) -> str:
    """A table of cells that are already escaped; columns in `right` are set to the right."""
    aligned = set(right)
    rule = ["--:" if column in aligned else ":--" for column in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def render_markdown(facts: Facts) -> str:
    """The whole report: verdict, gates, arms, slices, flips, how to reproduce it."""
    body = [*_online(facts), *_arms(facts), *_flips(facts), *_origin(facts)]
    parts = [*lead(facts), *results(facts), *body]
    return "\n\n".join(part for part in parts if part) + "\n"


def lead(facts: Facts) -> list[str]:
    """The heading and what must be read first: verdict, why, what is invalid, warnings."""
    if facts.verdict is None:
        return [f"# {prose(headline(facts))}", _bullets(prose(text) for text in facts.warnings)]
    state = facts.verdict.state
    stamps = " ".join(f"**{prose(stamp)}**" for stamp in facts.verdict.stamps)
    return [
        f"# {MARK[state]} {state_words(state)}: {prose(headline(facts))}",
        f"{STATE_SENTENCE[state]} {stamps}".strip(),
        _bullets(f"**why:** {prose(reason)}" for reason in why(facts, Medium.PAGE)),
        _bullets(f"**invalid:** {prose(invalid_line(invalid))}" for invalid in facts.invalid),
        _bullets(f"**warning:** {prose(text)}" for text in facts.warnings),
    ]


def results(facts: Facts) -> list[str]:
    """One table of gates (or of comparisons, where nothing is judged) a pairing."""
    parts: list[str] = []
    groups = pairings(facts)
    for group in groups:
        if len(groups) > 1:
            suite, candidate, baseline = group
            against = f" vs {code(baseline)}" if baseline else ""
            parts.append(f"### {code(suite)}: {code(candidate)}{against}")
        if facts.gates:
            readings = [
                read_gate(row, Medium.PAGE)
                for row in facts.gates
                if (row.suite, row.candidate_arm, row.baseline) == group
            ]
            parts.append(_gate_table(readings))
    if facts.gates and facts.verdict is not None:
        parts.append(
            f"Bounds are one-sided at {numbers.exact(facts.verdict.alpha)} each "
            f"({numbers.level(facts.verdict.alpha)} intervals); the verdict uses them, "
            "never the point estimates."
        )
    parts.append(
        _bullets(
            f"**{prose(name)}:** {prose(told)}" for name, told in standing_lines(facts, Medium.PAGE)
        )
    )
    parts += [f"**{prose(name)}:** {prose(told)}" for name, told in failed_lines(facts)]
    return parts + _comparisons(facts)


def _gate_table(readings: Sequence[Reading]) -> str:
    return table(
        ("gate", "candidate vs baseline", "effect", "outcome", "the policy asks"),
        [
            (
                code(reading.label),
                prose(reading.values),
                prose(reading.effect),
                f"{MARK[reading.outcome]} {reading.outcome}",
                prose("; ".join(filter(None, (reading.requirement, reading.note)))),
            )
            for reading in readings
        ],
    )


def _how(row: ComparisonRow) -> str:
    """How a difference was tested."""
    q_value = "" if row.q_value is None else f", q {numbers.p_value(row.q_value)}"
    return f"{row.method}, n {row.n:,}, {row.n_clusters:,} clusters{q_value}"


def _comparisons(facts: Facts) -> list[str]:
    if not facts.comparisons:
        return []
    rows = []
    for row in facts.comparisons:
        reading = read_comparison(row, Medium.PAGE)
        tally = "" if row.wins is None else f"{row.wins} / {row.losses} / {row.ties}"
        rows.append(
            (
                code(reading.label),
                code(row.baseline),
                prose(reading.values),
                prose(reading.effect),
                numbers.p_value(row.p_value).replace("<", "&lt;"),
                tally,
                prose("; ".join(filter(None, (_how(row), reading.note)))),
            )
        )
    header = ("metric", "against", "values", "difference", "p", "win / loss / tie", "how")
    level = f"{facts.comparisons[0].level:.0%}".replace("%", " %")
    return ["## Differences", f"Two-sided {level} intervals.", table(header, rows)]


def _online(facts: Facts) -> list[str]:
    plan = facts.online
    if plan is None:
        return []
    looks = [tuple(map(prose, row)) for row in look_rows(plan)]
    gates = [(code(row[0]), *map(prose, row[1:])) for row in gate_rows(plan)]
    return [
        "## The A/B test that this earns",
        f"{prose(online_sentence(plan))}. The same as data: `online_plan.json`.",
        table(LOOK_HEADER, looks, right=range(1, len(LOOK_HEADER))),
        table(GATE_HEADER, gates),
        _bullets(prose(line) for line in alarm_words(plan)),
    ]


def _arms(facts: Facts) -> list[str]:
    parts = []
    for arm in facts.arms:
        model = arm.summary.model
        named = " ".join(
            code(model[key]) for key in ("provider", "model", "base_url") if model.get(key)
        )
        parts += [f"## {code(arm.name)} ({arm.role})", named]
        parts.append(_metric_table(arm, gated_metrics(facts)))
        parts.append(prose(spent_line(arm)))
    return parts


def _metric_table(arm: ArmFacts, gated: Sequence[str]) -> str:
    rows = []
    for slice_, metrics in by_slice(arm, gated):
        for name, metric in metrics.items():
            reading = read_metric(name, metric, slice_, Medium.PAGE)
            rows.append(
                (
                    code(reading.label),
                    prose(reading.values),
                    prose(reading.point),
                    f"{metric.n:,}",
                    prose(
                        "; ".join(filter(None, (answered_words(metric, Medium.PAGE), reading.note)))
                    ),
                    code(metric.signature),
                )
            )
    header = ("metric", "value", "interval", "n", "note", "signature")
    return table(header, rows, right=(3,)) if rows else ""


def _flips(facts: Facts) -> list[str]:
    if not facts.flips:
        return []
    shown = facts.flips[:MOST_FLIPS]
    parts = ["## Where the arms differ most"]
    if len(shown) < len(facts.flips):
        parts.append(f"{len(shown)} of {len(facts.flips)}; all of them stand in facts.json.")
    return parts + [_flip(flip) for flip in shown]


def _flip(flip: Flip) -> str:
    better = "candidate" if flip.candidate_value > flip.baseline_value else "baseline"
    values = f"{flip.candidate_value:.3g} vs {flip.baseline_value:.3g}"
    title = f"{code(flip.sample_id)} {code(flip.metric)}: {values} (the {better} is higher)"
    parts = [f"### {title}", "asked", fence(flip.input)]
    for target in flip.targets[:3]:
        parts += ["reference", fence(target)]
    parts += [f"candidate {code(flip.candidate_arm)}", fence(flip.candidate_text)]
    parts += [f"baseline {code(flip.baseline)}", fence(flip.baseline_text)]
    return "\n\n".join(parts)


def _origin(facts: Facts) -> list[str]:
    parts = []
    if facts.reproduce:
        parts += ["## Reproduce", fence(facts.reproduce)]
    if facts.hashes:
        rows = [(code(name), code(digest)) for name, digest in sorted(facts.hashes.items())]
        parts.append(table(("what", "sha256"), rows))
    return parts


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
