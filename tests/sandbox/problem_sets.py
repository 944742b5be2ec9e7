"""Real problem sets and real answers of models, as jobs; read from the shared data folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalharness.records import CodeTask
from evalharness.sandbox import Job


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a compressed file, one a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def humaneval(data: Path, *, plus: bool = False) -> dict[str, tuple[dict[str, Any], CodeTask]]:
    """task id -> its row and what an answer to it is judged by."""
    name = "HumanEvalPlus-OriginFmt.jsonl.gz" if plus else "HumanEval.jsonl.gz"
    return {
        row["task_id"]: (
            row,
            CodeTask(
                tests=row["test"],
                entry_point=row["entry_point"],
                prompt=row["prompt"],
                canonical=row["canonical_solution"],
                preload=("numpy",) if plus else (),
            ),
        )
        for row in rows(data / "humaneval" / name)
    }


def canonical(data: Path, *, plus: bool = False) -> list[Job]:
    """The authors' own solutions of HumanEval."""
    return [
        Job(task=task, program=row["prompt"] + row["canonical_solution"], code=code)
        for task, (row, code) in humaneval(data, plus=plus).items()
    ]


def answers(data: Path, system: str, *, plus: bool = False) -> list[Job]:
    """One system's recorded answers, run as prompt and completion."""
    tasks = humaneval(data, plus=plus)
    jobs = []
    for row in rows(data / "humaneval_samples" / f"{system}.jsonl.gz"):
        task, code = tasks[row["task_id"]]
        for completion in row.get("completions") or [row["completion"]]:
            program = task["prompt"] + completion
            jobs.append(Job(task=row["task_id"], program=program, code=code))
    return jobs


def mbpp(data: Path) -> list[Job]:
    """The authors' own solutions of MBPP, judged by their assert lines."""
    jobs = []
    for row in rows(data / "mbpp" / "mbpp.jsonl.gz"):
        lines = [row["test_setup_code"], *row["test_list"], *row["challenge_test_list"]]
        code = CodeTask(tests="\n".join(lines), canonical=row["code"], style="asserts")
        jobs.append(Job(task=f"mbpp/{row['task_id']}", program=row["code"], code=code))
    return jobs


def mbpp_sanitized(data: Path) -> list[Job]:
    """The sanitized set in HumanEval's form."""
    return [
        Job(
            task=row["task_id"],
            program=row["prompt"] + row["canonical_solution"],
            code=CodeTask(
                tests=row["test"],
                entry_point=row["entry_point"],
                prompt=row["prompt"],
                canonical=row["canonical_solution"],
            ),
        )
        for row in rows(data / "mbpp" / "mbpp_sanitized.jsonl.gz")
    ]


def mbpp_answers(data: Path, name: str) -> list[tuple[Job, bool]]:
    """One system's recorded answers to MBPP, each with its authors' own verdict."""
    return [
        (
            Job(
                task=row["name"],
                program=row["solution"],
                code=CodeTask(
                    tests=row["test"], entry_point=row["entry_point"], prompt=row["prompt"]
                ),
            ),
            row["is_solved"],
        )
        for row in rows(data / "mbpp_samples" / f"{name}.jsonl.gz")
    ]
