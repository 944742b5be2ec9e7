"""The functions of the invented library `quayside` as tasks: docstring in, function out.

Reads: quayside/*.py and cases.py beside this file.  Gives: heldout.jsonl and train.jsonl, the same
on every machine.  Depends on: the standard library.  Runs the library, which is this project's own.

    python suites/internal-code/generate.py

A task shows the module's head (its docstring, constants and first helper functions), the signature
and the docstring.  Its tests call the candidate on the docstring's examples and on the arguments of
cases.py; the expected value, or that a ValueError is raised, comes from the library itself.
"""

# ruff: noqa: INP001 - a command beside its data, no package
from __future__ import annotations

import ast
import copy
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from cases import CASES

HERE = Path(__file__).resolve().parent
FAMILY = re.compile(r"^# family: (.+)$", re.MULTILINE)
TRAIN_MODULES = frozenset({"sensors"})

ORDERED = frozenset(
    {
        "stack_heights",
        "settle",
        "total_by_unit",
        "stock_after",
        "shrinkage",
        "turnover",
        "reorder_list",
        "changed_fields",
        "pack_counts",
        "daily_range",
        "duplicate_ids",
        "reversed_map",
    }
)
"""Functions whose docstring says in which order the keys of their result stand."""

Function = Callable[..., Any]  # Any: functions of the library take and give all kinds of plain data


@dataclass(frozen=True)
class Task:
    """One function of the library, taken apart.

    head: what stands before the first family.  stub: signature and docstring.  source: all of it.
    """

    name: str
    module: str
    family: str
    head: str
    stub: str
    source: str


def tasks_of(path: Path) -> Iterator[Task]:
    """Every public function of a module, by family."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    head = text[text.index('"""') : text.index("# family:")].strip()
    family_lines = [number for number, line in enumerate(lines, 1) if FAMILY.match(line)]
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef) or node.lineno < family_lines[0]:
            continue
        family = lines[max(n for n in family_lines if n < node.lineno) - 1]
        yield Task(
            name=node.name,
            module=path.stem,
            family=family.removeprefix("# family: "),
            head=head,
            stub="\n".join(lines[node.lineno - 1 : node.body[0].end_lineno]),
            source="\n".join(lines[node.lineno - 1 : node.end_lineno]),
        )


def load(path: Path) -> ModuleType:
    """A module of the library, imported from its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_tests(name: str, function: Function) -> str:
    """check(candidate), one assertion an argument tuple; the docstring's examples come first."""
    calls = [*example_calls(name, function), *CASES[name]]
    lines = ["def check(candidate):"]
    for arguments in calls:
        shown = ", ".join(repr(argument) for argument in arguments)
        try:
            value = function(*copy.deepcopy(arguments))
        except ValueError:
            lines += [f"    assert raises_value_error(candidate, {shown})".rstrip(" ,")]
            continue
        if isinstance(value, bool) or value is None:
            lines.append(f"    assert candidate({shown}) is {value!r}")
        elif name in ORDERED and isinstance(value, dict):
            lines.append(f"    assert list(candidate({shown}).items()) == {list(value.items())!r}")
        else:
            lines.append(f"    assert candidate({shown}) == {value!r}")
    return RAISES + "\n".join(lines) + "\n"


RAISES = """\
def raises_value_error(candidate, *arguments):
    try:
        candidate(*arguments)
    except ValueError:
        return True
    return False


"""


def example_calls(name: str, function: Function) -> Iterator[tuple[Any, ...]]:
    """The arguments of the docstring's own calls, where they are plain literals."""
    for line in re.findall(r">>> (.+)", function.__doc__ or ""):
        for node in ast.walk(ast.parse(line)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                try:
                    yield tuple(ast.literal_eval(argument) for argument in node.args)
                except ValueError:
                    continue


def row_of(task: Task, function: Function) -> dict[str, Any]:
    """The task as a line of the data file."""
    return {
        "id": f"{task.module}.{task.name}",
        "input": f"{task.head}\n\n\n{task.stub}\n",
        "prompt": f"{task.head}\n\n\n",
        "tests": write_tests(task.name, function),
        "entry_point": task.name,
        "canonical": f"{task.source}\n",
        "cluster": f"{task.module}: {task.family}",
        "metadata": {"module": task.module, "family": task.family},
    }


def main() -> None:
    """Write both files."""
    parts: dict[str, list[str]] = {"train": [], "heldout": []}
    for path in sorted((HERE / "quayside").glob("*.py")):
        module = load(path)
        part = "train" if path.stem in TRAIN_MODULES else "heldout"
        for task in tasks_of(path):
            row = row_of(task, getattr(module, task.name))
            parts[part].append(json.dumps(row, ensure_ascii=False) + "\n")
    for part, lines in parts.items():
        (HERE / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
