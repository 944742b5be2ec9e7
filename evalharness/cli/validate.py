"""`evalharness validate DATA|SUITE [--train FILE]`: find what is wrong before anything is paid."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalharness.cli.options import DATA, JSON
from evalharness.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from evalharness.contracts import Source
    from evalharness.data.findings import Finding
    from evalharness.spec.suite import Suite

BAD_DATA = 65
MOST_NAMED = 8
"""Metrics or baselines that are named; the others are counted."""


@click.command(name="validate")
@click.argument("target", metavar="DATA|SUITE")
@click.option(
    "--train",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The training file that the held-out samples must not occur in.",
)
@DATA
@JSON
def command(target: str, train: Path | None, data: Path | None, as_json: bool) -> int:
    """Check a suite, a held-out file or a training file: syntax, fields, duplicates, leaks."""
    from evalharness.data.checks import check_data, check_training
    from evalharness.data.sources import open_source
    from evalharness.spec.suite import DataSpec

    path = Path(target)
    is_data = path.is_file() and path.suffix not in (".yaml", ".yml")
    if is_data:
        spec = DataSpec(path=path.name)
        findings = list(check_data(spec, base=path.parent, train=train))
        if train is not None:
            findings += check_training(train)
        subject, checked = str(path), sample_lines(open_source(spec, base=path.parent), train)
    else:
        subject, findings, checked = _check_suite(target, data, train)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        import msgspec

        found = {"subject": subject, "checked": checked, "errors": errors, "findings": findings}
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        for finding in findings:
            click.echo(f"{finding.severity}: {finding.message}")
            click.echo(f"  where: {finding.where}")
            if finding.mend:
                click.echo(f"  mend:  {finding.mend}")
        warnings = len(findings) - errors
        click.echo(f"{subject}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
        for line in checked:
            click.echo(f"  {line}")
    return BAD_DATA if errors else 0


def _check_suite(
    target: str, data: Path | None, train: Path | None
) -> tuple[str, list[Finding], list[str]]:
    """The suite's file, what is wrong with it, and what was looked at."""
    from evalharness.data.checks import check_data, check_training
    from evalharness.data.sources import open_source
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_suite
    from evalharness.stages.selfcheck import check_suite

    path = find_suite(target)
    suite = read_suite(path)
    if suite.data.path is None and data is None:
        raise UsageError(
            f"suite '{suite.name}' names no local data to check", mend="give it with --data PATH"
        )
    base = Path(suite.base)
    heldout_from = train or (base / suite.data.train if suite.data.train else None)
    findings = list(check_data(suite.data, base=base, override=data, train=heldout_from))
    if train is not None:
        findings += check_training(train, spec=suite.data)
    if not any(finding.severity == "error" for finding in findings):
        findings += check_suite(suite, data)
    checked = sample_lines(open_source(suite.data, base=base, override=data), heldout_from)
    return str(path), findings, [*checked, *suite_lines(suite)]


def sample_lines(source: Source, train: Path | None) -> list[str]:
    """What the held-out samples carry, in a line; that they end at a broken line is said before."""
    n = with_targets = 0
    clusters: set[str] = set()
    slices: set[str] = set()
    try:
        for sample in source:
            n += 1
            with_targets += bool(sample.targets)
            slices.update(sample.slices)
            if sample.cluster is not None:
                clusters.add(sample.cluster)
    except HarnessError:
        return [f"{counted(n, 'sample')} before the first that cannot be read"]
    targets = "all" if with_targets == n > 0 else f"{with_targets:,}"
    parts = [f"{counted(n, 'sample')}, {targets} with a target"]
    if clusters:
        parts.append(counted(len(clusters), "cluster"))
    if slices:
        parts.append(f"sliced by {' and '.join(sorted(slices))}")
    if train is not None:
        parts.append(f"compared with {train.name}")
    return [", ".join(parts)]


def suite_lines(suite: Suite) -> list[str]:
    """What a suite measures and asks for, and what it would be held against."""
    from evalharness.spec.locate import baseline_names
    from evalharness.stages.arms import recording_names

    metrics = [metric.key for metric in suite.metrics] + [judge.name for judge in suite.judges]
    gates = suite.policy.gates
    deciding = sum(gate.role != "diagnostic" for gate in gates)
    lines = [_named(metrics, "metric")]
    lines.append(
        f"{counted(len(gates), 'gate')}, {deciding} deciding, at alpha {suite.policy.alpha:g}"
        if gates
        else "no gates: `gate` would refuse it"
    )
    own = (f"{suite.name}-", f"{suite.name}/")
    baselines = [name for name in baseline_names() if name.startswith(own)]
    baselines = baselines or recording_names(suite.name)
    lines.append(_named(baselines, "baseline") if baselines else "no baselines of its own")
    return [*lines, *price_lines(suite.name, baselines)]


def price_lines(suite: str, baselines: Sequence[str]) -> list[str]:
    """Whose price is known, of the baselines that ask a model."""
    from evalharness.clients.pricing import price_of
    from evalharness.contracts import Identity
    from evalharness.stages.arms import resolve

    known: list[str] = []
    unknown: list[str] = []
    for name in baselines:
        try:
            arm = resolve(name, suite=suite)
        except HarnessError:
            continue
        if arm.recorded or arm.run is not None:
            continue
        identity = Identity(provider=arm.provider, model=arm.model)
        price = arm.price or price_of(identity, os.environ)
        (unknown if price is None else known).append(name)
    lines = [f"price known: {', '.join(known)}"] if known else []
    return [*lines, f"price unknown: {', '.join(unknown)}"] if unknown else lines


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the singular or the plural.

    >>> counted(1, "error"), counted(0, "sample")
    ('1 error', '0 samples')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _named(names: Sequence[str], noun: str) -> str:
    """`2 metrics: f1, rouge_l`; the first few where there are many."""
    if not names:
        return f"no {noun}s"
    more = len(names) - MOST_NAMED
    shown = [*names[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return f"{counted(len(names), noun)}: {', '.join(shown)}"
