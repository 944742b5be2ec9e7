"""`evalharness list metrics|clients|suites|baselines|runs`: what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from evalharness.cli.options import JSON, OUT

KINDS = ("metrics", "clients", "suites", "baselines", "runs")


@click.command(name="list")
@click.argument("kind", type=click.Choice(KINDS))
@OUT
@JSON
def command(kind: str, out: Path, as_json: bool) -> int:
    """List metrics, clients, suites, baselines or runs."""
    tables: dict[str, Callable[[], list[tuple[str, str]]]] = {
        "metrics": _metrics,
        "clients": _clients,
        "suites": _suites,
        "baselines": _baselines,
        "runs": lambda: _runs(out),
    }
    rows = tables[kind]()
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode([{"name": name, "about": about} for name, about in rows]))
        return 0
    width = max((len(name) for name, _ in rows), default=0)
    for name, about in rows:
        click.echo(f"{name:<{width}}  {about}".rstrip())
    if not rows:
        click.echo(f"no {kind} here", err=True)
    return 0


def _metrics() -> list[tuple[str, str]]:
    from evalharness.catalog import METRICS, entry_points, owner

    built_in = [(name, _about(target)) for name, target in METRICS.items()]
    return sorted(built_in) + [(point.name, owner(point)) for point in entry_points("metric")]


def _clients() -> list[tuple[str, str]]:
    from evalharness.catalog import CLIENTS, entry_points, owner

    built_in = [(f"{name}/...", _about(target)) for name, target in CLIENTS.items()]
    return sorted(built_in) + [(f"{p.name}/...", owner(p)) for p in entry_points("client")]


def _about(target: str) -> str:
    """The first sentence of what a catalogue entry names."""
    import importlib
    import inspect

    module, _, attribute = target.partition(":")
    described = inspect.getdoc(getattr(importlib.import_module(module), attribute)) or ""
    return described.partition("\n")[0]


def _suites() -> list[tuple[str, str]]:
    from evalharness.spec.locate import suite_names
    from evalharness.spec.read import read_suite

    found = suite_names().items()
    return [(name, " ".join(read_suite(path).description.split())) for name, path in found]


def _baselines() -> list[tuple[str, str]]:
    from evalharness.spec.locate import baseline_names
    from evalharness.spec.read import read_baseline

    found = baseline_names().items()
    written = [(name, " ".join(read_baseline(path).description.split())) for name, path in found]
    return written + list(_blessed())


def _blessed() -> Iterator[tuple[str, str]]:
    """Blessed runs, by the suite that they answer; `--baseline NAME` finds them in its gates."""
    from evalharness.spec.locate import roots
    from evalharness.store.blessed import FILE, read_blessed

    for root in roots("baselines"):
        for path in sorted(root.glob(f"*/*/{FILE}")):
            file = read_blessed(path.parent).file
            yield file.name, f"Blessed for {file.summary.suite}, {file.summary.n} answers."


def _runs(out: Path) -> list[tuple[str, str]]:
    from evalharness.store.runs import list_runs

    rows = []
    for run in list_runs(out):
        manifest = run.manifest()
        state = "complete" if run.complete else "incomplete: run it again to resume"
        rows.append((run.path.name, f"{manifest.suite.name}  {manifest.arm}  {state}"))
    gates = sorted((out / "gates").glob("*/gate.json")) if (out / "gates").is_dir() else []
    return rows + [(f"gates/{path.parent.name}", _gate_line(path)) for path in gates]


def _gate_line(path: Path) -> str:
    from evalharness.results import GateFile
    from evalharness.store.runs import read_json

    gate = read_json(path, GateFile)
    state = gate.verdict.state if gate.verdict else "compared"
    arms = ", ".join(dict.fromkeys(f"{arm.name} ({arm.role})" for arm in gate.arms))
    return f"{state}  {arms}"
