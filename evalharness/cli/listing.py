"""`evalharness list metrics|clients|suites|baselines|runs`: what there is; one metric's options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from evalharness.cli.options import JSON, OUT

REQUIRED = "required"
KINDS = ("metrics", "clients", "suites", "baselines", "runs")


@click.command(name="list")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", required=False)
@OUT
@JSON
def command(kind: str, name: str | None, out: Path, as_json: bool) -> int:
    """List metrics, clients, suites, baselines or runs; `list metrics NAME` tells its options."""
    if name is not None:
        return _one_metric(kind, name, as_json=as_json)
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

        click.echo(msgspec.json.encode([{"name": row, "about": about} for row, about in rows]))
        return 0
    width = max((len(row) for row, _ in rows), default=0)
    for row, about in rows:
        click.echo(f"{row:<{width}}  {about}".rstrip())
    if not rows:
        click.echo(f"no {kind} here", err=True)
    return 0


def _one_metric(kind: str, name: str, *, as_json: bool) -> int:
    """What one metric measures, and its options with their defaults."""
    import msgspec

    from evalharness.catalog import METRICS, REFERENCES, load
    from evalharness.errors import UsageError

    if kind != "metrics":
        raise UsageError(f"`list {kind}` takes no name", mend="only `list metrics NAME` does")
    factory = load(name, "metric", METRICS)
    about, options = _first_line(factory), _options(factory)
    if name in REFERENCES:
        options = {**_options(load(name, "metric", REFERENCES)), **options, "impl": "own"}
    if as_json:
        click.echo(msgspec.json.encode({"name": name, "about": about, "options": options}))
        return 0
    click.echo(f"{name}: {about}")
    width = max((len(option) for option in options), default=0)
    for option, default in options.items():
        shown = default if default == REQUIRED else msgspec.json.encode(default).decode()
        click.echo(f"  {option:<{width}}  {shown}")
    click.echo(f"docs/metrics/{name}.md says what they mean" if options else "no options")
    return 0


def _options(factory: Callable[..., object]) -> dict[str, object]:
    """Option -> its default; REQUIRED where there is none."""
    named = [
        option
        for option in inspect.signature(factory).parameters.values()
        if option.kind in (option.KEYWORD_ONLY, option.POSITIONAL_OR_KEYWORD)
    ]
    return {
        option.name: REQUIRED if option.default is option.empty else option.default
        for option in named
    }


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

    module, _, attribute = target.partition(":")
    return _first_line(getattr(importlib.import_module(module), attribute))


def _first_line(described: object) -> str:
    return (inspect.getdoc(described) or "").partition("\n")[0]


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
