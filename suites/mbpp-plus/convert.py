"""MBPP+ as tasks whose tests stand in one text: check(candidate).

Reads: a release file of MBPP+ (MbppPlus.jsonl, gzipped or not), which holds inputs and the
reference solution but no expected values.
Gives: JSON Lines that the suite `mbpp-plus` takes.
Depends on: the standard library.  Runs none of the code it reads.

    python suites/mbpp-plus/convert.py --source MbppPlus.jsonl.gz --out mbpp-plus.jsonl

The tests call the reference solution beside the candidate on every input and compare: exactly,
within the task's tolerance for floats, and as sets where the order is not specified.
"""

# ruff: noqa: INP001 - a command beside its suite, no package
from __future__ import annotations

import argparse
import ast
import gzip
import json
from pathlib import Path
from typing import Any

UNORDERED = frozenset(
    {
        "similar_elements",
        "find_char_long",
        "common_in_nested_lists",
        "extract_singly",
        "larg_nnum",
        "intersection_array",
        "find_dissimilar",
        "Diff",
    }
)
"""Functions whose result is a collection in no specified order."""

SLOW = frozenset(f"Mbpp/{number}" for number in (84, 123, 255, 271, 300, 389, 392, 592, 599, 603))
"""Tasks whose reference takes seconds on all inputs; they keep SMALLEST_INPUTS added ones."""

SMALLEST_INPUTS = 10

COMPLEX = frozenset({"Mbpp/124", "Mbpp/252"})
"""Tasks on complex numbers, which JSON holds as texts."""

UNSPEAKABLE = frozenset(f"Mbpp/{number}" for number in (737, 787, 794))
"""Tasks whose reference gives a match object, which is no plain value; they are left out."""

TESTS = """\
import copy
import math

inf, nan = float("inf"), float("nan")
INPUTS = {inputs!r}
REFERENCE = {reference!r}
TOLERANCE = {tolerance!r}


def same(given, wanted):
    if isinstance(wanted, float) and isinstance(given, (int, float)):
        if math.isnan(wanted):
            return math.isnan(given)
        return given == wanted or math.isclose(given, wanted, rel_tol=1e-7, abs_tol=TOLERANCE)
    if isinstance(wanted, (list, tuple)) and isinstance(given, (list, tuple)):
        return len(given) == len(wanted) and all(map(same, given, wanted))
    return given == wanted


def check(candidate):
    space = {{}}
    exec(REFERENCE, space)
    for arguments in INPUTS:
        wanted = space[{entry_point!r}](*copy.deepcopy(arguments))
        given = candidate(*copy.deepcopy(arguments))
        {compare}
"""
EXACT = "assert same(given, wanted), (arguments, given, wanted)"
AS_SETS = "assert set(given) == set(wanted), (arguments, given, wanted)"

Arguments = list[Any]  # Any: an argument of any task


def literal_arguments(asserts: str, name: str) -> Arguments:
    """The arguments of the first call of `name` in the original asserts; [] if not literal."""
    for node in ast.walk(ast.parse(asserts)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            try:
                return [ast.literal_eval(argument) for argument in node.args]
            except ValueError:
                return []
    return []


def like(pattern: Any, value: Any) -> Any:
    """`value`, which went through JSON, with the tuples and sets of `pattern`."""
    if not isinstance(value, list) or not isinstance(pattern, list | tuple | set):
        return value
    parts = list(pattern) or [None]
    inner = [like(parts[min(place, len(parts) - 1)], one) for place, one in enumerate(value)]
    if isinstance(pattern, tuple):  # a list where the pattern has none is a tuple in a tuple
        inner = [
            like((), one) if isinstance(one, list) and not_sequence(parts) else one for one in inner
        ]
    return type(pattern)(inner)


def not_sequence(parts: list[Any]) -> bool:
    """Whether no part of a pattern is a list, so that none is expected inside."""
    return not any(isinstance(part, list) for part in parts)


def shaped_inputs(row: dict[str, Any]) -> list[Arguments]:
    """All inputs of a task, as its asserts would write them."""
    inputs = [*row["base_input"], *plus_inputs(row)]
    if row["task_id"] in COMPLEX:
        return [[complex(one) for one in arguments] for arguments in inputs]
    patterns = literal_arguments(row["assertion"], row["entry_point"])
    return [like_all(patterns, arguments) for arguments in inputs]


def like_all(patterns: Arguments, arguments: Arguments) -> Arguments:
    """Every argument in the shape of its pattern, as far as there are patterns."""
    shaped = [like(pattern, one) for pattern, one in zip(patterns, arguments, strict=False)]
    return [*shaped, *arguments[len(shaped) :]]


def plus_inputs(row: dict[str, Any]) -> list[Arguments]:
    """The added inputs; of slow tasks those with the smallest numbers."""
    inputs: list[Arguments] = row["plus_input"]
    if row["task_id"] not in SLOW:
        return inputs
    return sorted(inputs, key=largest)[:SMALLEST_INPUTS]


def largest(arguments: Arguments) -> float:
    """The largest size of a number in the arguments."""
    return max((abs(one) for one in arguments if isinstance(one, int | float)), default=0)


def task_of(row: dict[str, Any]) -> dict[str, Any]:
    """One task of the release file, its tests written out."""
    name = row["entry_point"]
    tests = TESTS.format(
        inputs=shaped_inputs(row),
        reference=row["canonical_solution"].strip() + "\n",
        tolerance=max(float(row["atol"]), 1e-6),
        entry_point=name,
        compare=AS_SETS if name in UNORDERED else EXACT,
    )
    return {
        "id": row["task_id"],
        "input": row["prompt"].strip().strip('"').strip(),
        "tests": tests,
        "entry_point": name,
        "canonical": row["canonical_solution"],
    }


def main() -> None:
    """Write the tasks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    opened = gzip.open if options.source.suffix == ".gz" else open
    with opened(options.source, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    tasks = [task_of(row) for row in rows if row["task_id"] not in UNSPEAKABLE]
    options.out.write_text("".join(json.dumps(task) + "\n" for task in tasks), encoding="utf-8")


if __name__ == "__main__":
    main()
