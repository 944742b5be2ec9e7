"""The example that `init` writes: a small suite with two made-up models, all generated here.

Reads: nothing.  Gives: file name -> text; the same text on every machine.
Depends on: nothing but the standard library.
"""

from __future__ import annotations

import json
from typing import Final

ITEMS: Final = ("towel", "kettle", "lamp", "rug", "mug", "chair", "clock", "vase", "bowl", "tray")
SIZES: Final = ("small", "large", "travel", "classic")
DAYS: Final = (2, 3, 5, 7, 10, 14, 21, 28, 30)

SUITE: Final = """\
# What is held out, how it is asked, how it is scored, and what READY means.
name: {name}
description: Delivery times of an invented shop, answered with the number of days alone.
data:
  path: heldout.jsonl
  fields: {{input: question, target: answer, cluster: item}}
  slices: [size]
prompt:
  system: Answer with the number of days alone.
  template: "{{{{ input }}}}"
generation: {{temperature: 0.0, max_tokens: 16, seed: 7}}
metrics: [exact_match, f1]
policy:
  alpha: 0.05          # one-sided: at most 5 % of models that are too bad get a READY
  min_coverage: 0.98   # fewer answers than this and the evidence is INVALID
  gates:
    # The candidate may lose at most 3 points of exact match against the baseline ...
    - {{metric: exact_match, role: primary, test: non_inferiority, margin: 0.03}}
    # ... and must answer: at most 2 % of the questions may fail.
    - {{metric: error_rate, role: guardrail, test: at_most, value: 0.02}}
"""

README: Final = """\
# {name}

A suite to start from. `heldout.jsonl` holds {n} questions about an invented shop, ten items with
forty questions each; `outputs/` holds the answers of two made-up models, written by
`evalharness init` and not by any real model: replace them with recordings of yours.

    evalharness validate {name}
    evalharness gate {name} --candidate {name}/outputs/candidate.jsonl \\
      --baseline {name}/outputs/baseline.jsonl

Then ask a real model: `evalharness run {name} --model openai/MODEL` (key in OPENAI_API_KEY).
"""


def example_files(name: str) -> dict[str, str]:
    """Every file of the example, by its path below the new folder."""
    questions = _questions()
    return {
        "suite.yaml": SUITE.format(name=name),
        "heldout.jsonl": _lines(questions),
        "outputs/baseline.jsonl": _lines(_answers(questions, wrong_every=9, wordy_every=4)),
        "outputs/candidate.jsonl": _lines(_answers(questions, wrong_every=23, wordy_every=50)),
        "README.md": README.format(name=name, n=len(questions)),
    }


def _questions() -> list[dict[str, str]]:
    rows = []
    for number in range(400):
        item = ITEMS[number % len(ITEMS)]
        size = SIZES[number // len(ITEMS) % len(SIZES)]
        days = DAYS[(number * 7 + number // 40) % len(DAYS)]
        rows.append(
            {
                "id": f"q{number:03d}",
                "question": (
                    f"Order {1000 + number * 3} is a {size} {item}; the {size} {item} leaves after "
                    f"{days} days. How many days until it leaves?"
                ),
                "answer": str(days),
                "item": f"{item}-{number // 40}",
                "size": size,
            }
        )
    return rows


def _answers(
    questions: list[dict[str, str]], *, wrong_every: int, wordy_every: int
) -> list[dict[str, object]]:
    """What a made-up model says: mostly right, sometimes wrong, sometimes in a whole sentence."""
    rows: list[dict[str, object]] = []
    for number, question in enumerate(questions):
        days = question["answer"]
        text = days
        if (number * 13 + 5) % wrong_every == 0:
            text = str(int(days) + 1)
        elif (number * 11 + 3) % wordy_every == 0:
            text = f"It leaves after {days} days."
        usage = {"prompt_tokens": 34, "completion_tokens": len(text.split())}
        rows.append({"id": question["id"], "output": text, "usage": usage})
    return rows


def _lines(rows: list[dict[str, str]] | list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
