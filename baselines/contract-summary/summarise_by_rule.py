"""Two programs that answer `contract-summary` without any model: the floor for a real one.

Reads: heldout.jsonl of the suite.  Gives: first-sentences.jsonl and copied-clauses.jsonl.
Depends on: the standard library.

    python baselines/contract-summary/summarise_by_rule.py

first-sentences   the first sentence of every section as one list of bullets; no headers.
copied-clauses    the same sentences sorted under the six headers by their section's title, cut
                  to 20 words; sections that are no boilerplate and fit nowhere are "Watch out".
"""

# ruff: noqa: INP001 - a command beside its recordings, no package
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
HELDOUT = HERE.parents[1] / "suites" / "contract-summary" / "heldout.jsonl"
PLACES = {
    "Payment": "Money",
    "Term": "Duration",
    "Termination": "Exit",
    "Liability": "Risk",
    "Law": "Risk",
    "Further duties": "Watch out",
}
HEADERS = ("Parties", "Money", "Duration", "Exit", "Risk", "Watch out")
MOST_WORDS = 20


def sections(contract: str) -> list[tuple[str, list[str]]]:
    """The numbered sections: title and sentences."""
    found = re.findall(r"^\d+\. ([^.]+)\. (.+)$", contract, re.MULTILINE)
    return [(title, re.split(r"(?<=[a-z)]\.) ", text)) for title, text in found]


def first_sentences(contract: str) -> str:
    """One bullet a section, in the order of the contract."""
    return "\n".join(f"- {sentences[0]}" for _, sentences in sections(contract))


def copied_clauses(contract: str) -> str:
    """Every sentence under the header of its section, cut to what the format allows."""
    bullets: dict[str, list[str]] = {header: [] for header in HEADERS}
    for name, role in re.findall(r"(?:between|and) ([^(\n]+) \(the \"(\w+)\"\)", contract):
        bullets["Parties"].append(f"{role}: {name}")
    for title, sentences in sections(contract):
        if title in PLACES:
            cut = [" ".join(sentence.split()[:MOST_WORDS]) for sentence in sentences]
            bullets[PLACES[title]] += cut
    bullets["Watch out"] = bullets["Watch out"] or ["Nothing unusual."]
    return "\n".join(
        line
        for header in HEADERS
        for line in (f"## {header}", *(f"- {bullet}" for bullet in bullets[header][:4]))
    )


def record(name: str, answer: Callable[[str], str]) -> None:
    """Write one recording; a rule has no latency or tokens worth recording."""
    rows = [json.loads(line) for line in HELDOUT.read_text(encoding="utf-8").splitlines()]
    lines = [
        json.dumps({"id": row["id"], "output": answer(row["contract"])}) + "\n" for row in rows
    ]
    (HERE / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    record("first-sentences", first_sentences)
    record("copied-clauses", copied_clauses)
