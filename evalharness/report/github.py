"""GitHub's three places for a verdict: step summary, annotations, pull-request comment.

Reads: Facts.  Gives: text for $GITHUB_STEP_SUMMARY, for stdout and for one comment that is updated
in place (found again by its hidden first line).  Talks to nobody.
Depends on: markdown, wording, clean.
Sources: docs.github.com, "Workflow commands" (escapes; ten annotations of a kind a step) and
"Job summaries" (1 MiB); a comment holds 65,536 characters.
"""

from __future__ import annotations

import hashlib
from typing import Final

from evalharness.report import clean, markdown
from evalharness.report.numbers import Medium
from evalharness.report.reasons import why
from evalharness.report.wording import (
    headline,
    invalid_line,
    read_gate,
    state_words,
)
from evalharness.results import Facts

SUMMARY_BYTES: Final = 1_000_000
COMMENT_CHARACTERS: Final = 65_000
MOST_ANNOTATIONS: Final = 10
LEVEL: Final = {
    "READY": "notice",
    "NOT_READY": "error",
    "INCONCLUSIVE": "error",
    "INVALID": "error",
}


def render_step_summary(facts: Facts) -> str:
    """Markdown for $GITHUB_STEP_SUMMARY: the whole report, or its head where it is too long."""
    whole = markdown.render_markdown(facts)
    if len(whole.encode()) <= SUMMARY_BYTES:
        return whole
    return render_comment_body(facts)


def render_annotations(facts: Facts) -> str:
    """Workflow commands, one line each: the verdict first, then what kept it from READY."""
    if facts.verdict is None:
        return ""
    state = facts.verdict.state
    first = "; ".join(why(facts, Medium.TERMINAL)) or headline(facts)
    lines = [_command(LEVEL[state], f"{state_words(state)}: {headline(facts)}", first)]
    lines += [
        _command("error", f"invalid evidence: {invalid.code}", invalid_line(invalid))
        for invalid in facts.invalid
    ]
    for row in facts.gates:
        if row.outcome == "PASS":
            continue
        reading = read_gate(row, Medium.TERMINAL)
        told = "; ".join(
            filter(None, (reading.values, reading.effect, reading.requirement, reading.note))
        )
        level = "error" if row.outcome == "FAIL" and row.role != "diagnostic" else "warning"
        lines.append(_command(level, f"{row.outcome}: {reading.label}", told))
    return "\n".join(lines[:MOST_ANNOTATIONS]) + "\n"


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return clean.one_line(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def comment_marker(facts: Facts) -> str:
    """The hidden line by which the comment of the same question is found again.

    It depends on suites and baselines, not on the candidate: the next commit's model replaces the
    comment of the one before.
    """
    asked = sorted({(row.suite, row.baseline) for row in facts.gates or facts.comparisons})
    about = repr(asked) if asked else facts.title
    digest = hashlib.sha256(about.encode("utf-8", "replace")).hexdigest()[:12]
    return f"<!-- evalharness {facts.kind} {digest} -->"


def render_comment(facts: Facts) -> str:
    """A pull-request comment: marker, verdict, tables, and how to reproduce it."""
    return f"{comment_marker(facts)}\n{render_comment_body(facts)}"


def render_comment_body(facts: Facts) -> str:
    """What fits a comment: the verdict and its tables, without the samples."""
    parts = [*markdown.lead(facts), *markdown.results(facts)]
    parts[0] = parts[0].replace("# ", "## ", 1)
    if facts.reproduce:
        parts.append(markdown.fence(facts.reproduce))
    body = ""
    for part in filter(None, parts):
        if len(body) + len(part) > COMMENT_CHARACTERS:
            return body + "\nThe rest stands in report.md.\n"
        body += part + "\n\n"
    return body.rstrip("\n") + "\n"
