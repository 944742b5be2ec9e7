"""The verdict as JUnit XML: every CI shows it. A gate is a test case.

Reads: Facts.  Gives: XML text.  FAIL is a failure, evidence that cannot be used is an error,
INCONCLUSIVE is what `Undecided` says, a diagnostic gate never fails a build.
Depends on: wording, numbers, clean.
Sources: the JUnit schema of Jenkins (xunit-plugin, junit-10.xsd); XML 1.0, section 2.2 (Char).
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from enum import Enum

from evalharness.report import clean
from evalharness.report.numbers import Medium
from evalharness.report.wording import invalid_line, pairings, read_gate
from evalharness.results import Facts, GateRow


class Undecided(Enum):
    """How a gate that the evidence does not decide reads: FAILURE stops a build, SKIPPED does not.

    FAILURE is the default: "cannot tell" must not look like "may be shipped".
    """

    FAILURE = "failure"
    SKIPPED = "skipped"


def render_junit(facts: Facts, *, undecided: Undecided = Undecided.FAILURE) -> str:
    """One suite of test cases a pairing; a run or a comparison without a verdict has none.

    The same facts give the same bytes: there is no clock in it.
    """
    suites = [_invalid_suite(facts)] if facts.invalid else []
    for group in pairings(facts) if facts.gates else ():
        rows = [row for row in facts.gates if (row.suite, row.candidate_arm, row.baseline) == group]
        suites.append(_suite(group, [_case(row, facts, undecided) for row in rows]))
    cases = [case for _, group_cases in suites for case in group_cases]
    head = f"<testsuites{_attributes(name='evalharness', **_totals(cases))}>"
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head]
    for name, group_cases in suites:
        lines.append(f"  <testsuite{_attributes(name=name, **_totals(group_cases))}>")
        lines += [line for _, case in group_cases for line in case]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


Case = tuple[str, list[str]]


def _suite(group: tuple[str, str, str], cases: list[Case]) -> tuple[str, list[Case]]:
    suite, candidate, baseline = group
    return f"{suite}: {candidate} vs {baseline}" if baseline else f"{suite}: {candidate}", cases


def _invalid_suite(facts: Facts) -> tuple[str, list[Case]]:
    cases: list[Case] = []
    for invalid in facts.invalid:
        body = _element("error", invalid_line(invalid), invalid_line(invalid), type_=invalid.code)
        cases.append(
            ("errors", _testcase(invalid.suite or "evidence", f"evidence: {invalid.code}", body))
        )
    return "evidence", cases


def _case(row: GateRow, facts: Facts, undecided: Undecided) -> Case:
    kind, message = _result(row, facts, undecided)
    reading = read_gate(row, Medium.TERMINAL)
    told = f"{reading.values}; {reading.effect}; {reading.requirement}"
    detail = "\n".join(
        filter(None, (told, reading.note, f"method {row.method}, n {row.n}", row.signature))
    )
    name = f"{reading.label} {row.test}"
    against = f"{row.suite}.{row.baseline}" if row.baseline else row.suite
    if kind == "passed":
        body = [f"      <system-out>{_text(detail)}</system-out>"]
    else:
        body = _element(kind, f"{message}: {told}", detail, type_=row.outcome)
    return {"failure": "failures", "skipped": "skipped"}.get(kind, "passed"), _testcase(
        against, name, body
    )


def _result(row: GateRow, facts: Facts, undecided: Undecided) -> tuple[str, str]:
    """(kind of element, how the message starts) for one gate."""
    if facts.verdict is not None and facts.verdict.state == "INVALID":
        return "skipped", "not judged, the evidence cannot be used"
    if row.outcome == "PASS":
        return "passed", ""
    if row.role == "diagnostic":
        return "skipped", f"diagnostic gate says {row.outcome}, which decides nothing"
    if row.outcome == "FAIL":
        return "failure", "FAIL"
    return undecided.value, "INCONCLUSIVE"


def _testcase(class_name: str, name: str, body: Iterable[str]) -> list[str]:
    head = f"    <testcase{_attributes(classname=class_name, name=name)}>"
    return [head, *body, "    </testcase>"]


def _element(kind: str, message: str, detail: str, *, type_: str) -> list[str]:
    if kind == "skipped":
        return [f"      <skipped{_attributes(message=message)}>{_text(detail)}</skipped>"]
    return [f"      <{kind}{_attributes(message=message, type=type_)}>{_text(detail)}</{kind}>"]


def _totals(cases: list[Case]) -> dict[str, str]:
    kinds = [kind for kind, _ in cases]
    totals = {"tests": str(len(cases))}
    return totals | {kind: str(kinds.count(kind)) for kind in ("failures", "errors", "skipped")}


def _attributes(**values: str) -> str:
    return "".join(
        f' {name}="{html.escape(clean.one_line(value))}"' for name, value in values.items()
    )


def _text(text: str) -> str:
    return html.escape(clean.visible(text), quote=False)
