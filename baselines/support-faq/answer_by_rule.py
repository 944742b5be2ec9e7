"""Two programs that answer `support-faq` without any model: the floor that a model must beat.

Reads: heldout.jsonl of the suite.  Gives: copied-sentence.jsonl and house-style-rules.jsonl.
Depends on: the standard library.  Both are rules, written by looking at the train split only.

    python baselines/support-faq/answer_by_rule.py

copied-sentence    the sentence of the help page that shares most words with the question.
house-style-rules  the same sentence, cut down by a dozen patterns to the house style.
"""

# ruff: noqa: INP001 - a command beside its recordings, no package
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
HELDOUT = HERE.parents[1] / "suites" / "support-faq" / "heldout.jsonl"
NOT_FOUND = "Not in our help pages."

COMMON_WORDS = (
    "a an and are as at be by can do does for from get give have how i in is it long may me much "
    "must my need no not of on or our so than that the there this to us was we what when where "
    "which who will with you your hi quick one bought"
)
COMMON = frozenset(re.findall(r"[a-z]+", COMMON_WORDS))
SYNONYMS = {
    "broken": "damage", "damaged": "damage", "pieces": "damage", "pictures": "photo",
    "cheaper": "price", "money": "refund", "discount": "off", "track": "parcel",
    "guarantee": "warranty", "claim": "warranty", "expire": "valid", "cost": "fee", "charge": "fee",
    "abroad": "deliver", "country": "deliver", "postage": "ship", "break": "pause",
    "instalments": "monthly", "erased": "deleted", "data": "deleted", "stop": "cancel",
}  # fmt: skip

PATTERNS: tuple[tuple[str, str], ...] = (
    (r"takes (\d+ to \d+ working days)", r"\1."),
    (r"(\d+ to \d+) working days after you order", r"\1 working days."),
    (r"within (\d+ days) of delivery", r"Within \1 of delivery."),
    (r"accepted for (\d+ days)", r"Within \1 of delivery."),
    (r"no later than (\d+ days) after delivery", r"Within \1 of delivery."),
    (r"within (\d+) working days|paid (\d+) working days", r"Within \1\2 working days of arrival."),
    (r"(?:for|have) (\d+ h) (?:after|from)", r"Within \1 of ordering."),
    (r"(?:over|From) (\$\d+)", r"From \1."),
    (r"from (\$\d+) to (\$\d+)|between (\$\d+) and (\$\d+)", r"From \1\3 to \2\4."),
    (r"(\d+) points for every|brings members (\d+) points", r"\1\2 points per dollar."),
    (r"(\d+) points are worth (\$\d+)", r"\2 off for \1 points."),
    (r"save (\d+ %)|is (\d+ %) cheaper", r"\1\2 on every delivery."),
    (r"(?:for|For) (\d+ years)|warranty of (\d+ years)", r"\1\2 from purchase."),
    (r"(\d+ days) (?:of notice )?before the next delivery", r"\1 before the next delivery."),
    (r"after (\d+ days)|takes (\d+ days)", r"After \1\2."),
    (r"([Ee]very|rhythm of) (\d+ to \d+ weeks)", r"Every \2."),
    (r"to ([\w.]+@[\w.]+\w)", r"Email \1."),
)  # fmt: skip


def stems(text: str) -> set[str]:
    """The telling words of a text, roughly cut to their stems."""
    words = [word for word in re.findall(r"[a-z$%]+", text.lower()) if word not in COMMON]
    words = [SYNONYMS.get(word, word) for word in words]
    return {re.sub(r"(ing|ed|es|s)$", "", word)[:6] for word in words}


def best_sentence(question: str, article: str) -> str | None:
    """The sentence that shares most stems with the question; None if none shares any."""
    sentences = re.split(r"(?<=[.?]) +", article)[1:-1]  # without the opening and the close
    asked = stems(question)
    shared = [len(asked & stems(sentence)) for sentence in sentences]
    return sentences[shared.index(max(shared))] if max(shared) > 0 else None


def copied_sentence(question: str, article: str) -> str:
    """The sentence as it stands; the page's first rule if nothing matches."""
    return best_sentence(question, article) or re.split(r"(?<=[.?]) +", article)[1]


def house_style(question: str, article: str) -> str:
    """The sentence in the house style, as far as the patterns know it."""
    sentence = best_sentence(question, article)
    if sentence is None:
        return NOT_FOUND
    for pattern, short in PATTERNS:
        found = re.search(pattern, sentence)
        if found:
            return found.expand(short)
    if re.match(
        r"(Hi [^,]+, |Quick one: |I bought .*? )?(can|do|does|is|must|may|will)\b",
        question,
        re.IGNORECASE,
    ):
        return "No." if re.search(r"\b(not|no|only|cannot)\b", sentence) else "Yes."
    return sentence


def record(name: str, answer: Callable[[str, str], str]) -> None:
    """Write one recording; a rule has no latency or tokens worth recording."""
    rows = [json.loads(line) for line in HELDOUT.read_text(encoding="utf-8").splitlines()]
    lines = [
        json.dumps({"id": row["id"], "output": answer(row["question"], row["article"])}) + "\n"
        for row in rows
    ]
    (HERE / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    record("copied-sentence", copied_sentence)
    record("house-style-rules", house_style)
