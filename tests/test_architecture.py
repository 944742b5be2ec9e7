"""The floor plan: no import upward, no circle, no heavy import at start, sizes as in the design."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "evalharness"

FLOORS = {
    "errors": 1,
    "text": 1,
    "version": 1,
    "records": 2,
    "results": 2,
    "standings": 2,
    "handover": 2,
    "stats": 2,
    "contracts": 3,
    "sandbox": 3,
    "catalog": 4,
    "spec": 4,
    "store": 4,
    "data": 4,
    "prompts": 4,
    "metrics": 4,
    "encoders": 4,
    "clients": 5,
    "stages": 6,
    "testing": 6,
    "tune": 6,
    "online": 6,
    "interop": 6,
    "integrations": 6,
    "report": 7,
    "cli": 8,
    "api": 8,
    "view": 8,
    "__init__": 9,
    "__main__": 9,
    "pytest_plugin": 9,
    "shipped": 9,
}
"""Room -> floor. A room may import rooms of its own floor or below; circles are refused apart."""

ALONE = {"stats": {"errors", "stats"}, "text": {"text"}, "errors": set(), "records": {"errors"}}
"""Rooms that must stay usable alone, and all that they may touch."""

FORBIDDEN = {
    "report": {"metrics", "clients"},
    "metrics": {"clients", "store", "stages", "data", "sandbox", "encoders"},
    "clients": {"metrics", "stages", "report"},
}


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path, *, top_only: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(ast.walk(node))
        if top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            skipped.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = modules()
GRAPH = {
    name: {
        target for target in imports(path, top_only=True) if target in MODULES and target != name
    }
    for name, path in MODULES.items()
}


def test_every_room_has_a_floor():
    assert {room(name) for name in MODULES} <= set(FLOORS)


def test_no_room_imports_upward_even_lazily():
    upward = [
        f"{name} -> {target}"
        for name, path in MODULES.items()
        for target in imports(path, top_only=False)
        if target.startswith("evalharness.")
        and room(target) in FLOORS
        and FLOORS[room(target)] > FLOORS[room(name)]
    ]
    assert sorted(set(upward)) == []


@pytest.mark.parametrize("name", sorted(ALONE))
def test_rooms_that_stand_alone_touch_nothing_else(name):
    touched = {
        room(target)
        for module, path in MODULES.items()
        if room(module) == name
        for target in imports(path, top_only=False)
        if target.startswith("evalharness.")
    }
    assert touched - {name} <= ALONE[name]


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_rooms_keep_their_distance(name):
    touched = {
        room(target)
        for module, path in MODULES.items()
        if room(module) == name
        for target in imports(path, top_only=False)
        if target.startswith("evalharness.")
    }
    assert set() == touched & FORBIDDEN[name]


def test_there_are_no_import_circles():
    state: dict[str, int] = {}
    circles: list[list[str]] = []

    def visit(name: str, trail: list[str]) -> None:
        state[name] = 1
        for target in sorted(GRAPH[name]):
            if state.get(target) == 1:
                circles.append(
                    [*trail[trail.index(target) :], target] if target in trail else [name, target]
                )
            elif target not in state:
                visit(target, [*trail, target])
        state[name] = 2

    for name in sorted(GRAPH):
        if name not in state:
            visit(name, [name])
    assert circles == []


def without_docstring(parent: ast.Module | ast.ClassDef) -> list[str]:
    """Public functions, classes and methods that say nothing; what stands inside a function is its own."""
    found = []
    for node in parent.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                found.append(node.name)
            if isinstance(node, ast.ClassDef):
                found += [f"{node.name}.{inner}" for inner in without_docstring(node)]
    return found


def test_files_and_functions_stay_small():
    too_big, too_long, too_wide, undocumented = [], [], [], []
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 500:
            too_big.append(name)
        undocumented += [f"{name}: {public}" for public in without_docstring(ast.parse(text))]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                where = f"{name}:{node.lineno} {node.name}"
                if node.end_lineno - node.lineno + 1 > 60:
                    too_long.append(where)
                arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                if len([a for a in arguments if a.arg not in ("self", "cls")]) > 6:
                    too_wide.append(where)
    assert (too_big, too_long, too_wide, undocumented) == ([], [], [], [])


HEAVY = (
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "aiohttp",
    "torch",
    "sacrebleu",
    "nltk",
    "datasets",
    "jinja2",
)


def loaded_by(arguments: list[str]) -> set[str]:
    program = (
        "import sys; from evalharness.cli.main import main; main(sys.argv[1:]); "
        "print('\\n' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_nothing_heavy():
    assert set() == loaded_by(["--help"]) & set(HEAVY)


def test_importing_the_package_loads_nothing_heavy():
    program = "import evalharness, sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert set() == {name.split(".")[0] for name in done.stdout.split()} & set(HEAVY)


def test_a_text_gate_loads_no_optional_package(tmp_path):
    loaded = loaded_by(
        [
            "gate",
            "facts",
            "--candidate",
            "tuned",
            "--baseline",
            "base",
            "--limit",
            "20",
            "--out",
            str(tmp_path),
            "--reports",
            "none",
            "--quiet",
        ]
    )
    assert set() == loaded & (set(HEAVY) - {"numpy"})
