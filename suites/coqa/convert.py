"""CoQA as one question a row, with its history and all reference answers.

Reads: the authors' coqa-dev-v1.0.json, or the hub data set stanfordnlp/coqa (extra `hf`).
Gives: JSON Lines that the suite `coqa` takes.
Depends on: the standard library; `datasets` only for the hub copy.

    python suites/coqa/convert.py --out suites/coqa/coqa-dev.jsonl [--source coqa-dev-v1.0.json]

The authors' file holds four reference answers a question and is needed for their figures; the hub
copy holds one.
"""

# ruff: noqa: INP001 - a command beside its suite, no package
from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

SYSTEM = "Read the story and answer every question with a few words, taken from it if possible."

Row = dict[str, Any]  # Any: rows of JSON, in the shapes that `of_authors` and `of_hub` take apart


def of_authors(story: Row) -> tuple[str, str, str, list[str], list[list[str]]]:
    """Id, domain, text, questions and answers (several each) of a story in the authors' file."""
    questions = [turn["input_text"] for turn in story["questions"]]
    others = story.get("additional_answers", {})
    annotators = [story["answers"], *(others[key] for key in sorted(others))]
    answers = [[turns[at]["input_text"] for turns in annotators] for at in range(len(questions))]
    return story["id"], story["source"], story["story"], questions, answers


def of_hub(number: int, row: Row) -> tuple[str, str, str, list[str], list[list[str]]]:
    """The same of a row of the hub data set, which has one answer a question and no ids."""
    answers = [[answer] for answer in row["answers"]["input_text"]]
    return f"coqa-{number:04d}", row["source"], row["story"], list(row["questions"]), answers


def rows_of(
    key: str, domain: str, story: str, questions: Sequence[str], answers: Sequence[Sequence[str]]
) -> Iterator[Row]:
    """One row a question; the history holds the first reference answers."""
    messages = [{"role": "system", "content": f"{SYSTEM}\n\nStory: {story}"}]
    for turn, (question, references) in enumerate(zip(questions, answers, strict=True), start=1):
        messages.append({"role": "user", "content": question})
        yield {
            "id": f"{key}#{turn}",
            "messages": list(messages),
            "target": list(references),
            "cluster": key,
            "metadata": {"domain": domain, "turn": turn},
        }
        messages.append({"role": "assistant", "content": references[0]})


def stories(source: Path | None) -> Iterable[tuple[str, str, str, list[str], list[list[str]]]]:
    """Every story of the file, or of the hub data set if there is none."""
    if source is not None:
        return [of_authors(story) for story in json.loads(source.read_text("utf-8"))["data"]]
    from datasets import load_dataset  # noqa: PLC0415 - needed for the hub copy only

    rows = load_dataset("stanfordnlp/coqa", split="validation")
    return [of_hub(number, row) for number, row in enumerate(rows, start=1)]


def main() -> None:
    """Write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--source", type=Path, help="the authors' file instead of the hub")
    options = parser.parse_args()
    lines = [
        json.dumps(row, ensure_ascii=False) + "\n"
        for story in stories(options.source)
        for row in rows_of(*story)
    ]
    options.out.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
