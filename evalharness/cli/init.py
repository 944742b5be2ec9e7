"""`evalharness init DIR`: a working offline example to start from and to replace piece by piece."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.errors import UsageError


@click.command(name="init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> int:
    """Write a suite, held-out data and two recorded models that can be gated at once."""
    from evalharness.stages.example import example_files
    from evalharness.store.files import write_atomic

    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"'{folder}' is not empty", mend="name a new folder; nothing was overwritten"
        )
    for name, text in example_files(folder.name).items():
        write_atomic(folder / name, text.encode())
    click.echo(f"wrote {folder}: suite.yaml, heldout.jsonl, outputs/, README.md")
    click.echo("next:")
    click.echo(f"  evalharness validate {folder}")
    click.echo(
        f"  evalharness gate {folder} --candidate {folder}/outputs/candidate.jsonl "
        f"--baseline {folder}/outputs/baseline.jsonl"
    )
    return 0
