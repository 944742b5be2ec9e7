"""`evalharness validate DATA|SUITE [--train FILE]`: find what is wrong before anything is paid."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import DATA, JSON
from evalharness.errors import UsageError

BAD_DATA = 65


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
    from evalharness.spec.suite import DataSpec

    path = Path(target)
    is_data = path.is_file() and path.suffix not in (".yaml", ".yml")
    if is_data:
        findings = list(check_data(DataSpec(path=path.name), base=path.parent, train=train))
        if train is not None:
            findings += check_training(train)
        subject = str(path)
    else:
        subject, findings = _check_suite(target, data, train)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        import msgspec

        encoded = msgspec.json.encode({"subject": subject, "errors": errors, "findings": findings})
        click.echo(msgspec.json.format(encoded, indent=1).decode())
    else:
        for finding in findings:
            click.echo(f"{finding.severity}: {finding.message}")
            click.echo(f"  where: {finding.where}")
            if finding.mend:
                click.echo(f"  mend:  {finding.mend}")
        warnings = len(findings) - errors
        click.echo(f"{subject}: {errors} errors, {warnings} warnings")
    return BAD_DATA if errors else 0


def _check_suite(target: str, data: Path | None, train: Path | None) -> tuple[str, list]:  # type: ignore[type-arg]
    from evalharness.data.checks import check_data, check_training
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
    return str(path), findings
