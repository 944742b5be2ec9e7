"""`evalharness init DIR`: a working suite to start from and to replace piece by piece."""

from __future__ import annotations

import re
from pathlib import Path

import click

from evalharness.errors import UsageError


@click.command(name="init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--from", "source", metavar="SUITE", help="Copy this suite instead of the example.")
def command(folder: Path, source: str | None) -> int:
    """Write a suite, held-out data and two recorded models that can be gated at once.

    With --from: the suite.yaml and the data of a suite that exists, to be changed.
    """
    from evalharness.store.files import write_atomic

    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"'{folder}' is not empty", mend="name a new folder; nothing was overwritten"
        )
    files = _example(folder) if source is None else _copy(source, folder.name)
    for name, content in files.items():
        write_atomic(folder / name, content)
    click.echo(f"wrote {folder}: {', '.join(dict.fromkeys(_top(name) for name in files))}")
    click.echo("next:")
    click.echo(f"  evalharness validate {folder}")
    if source is None:
        click.echo(
            f"  evalharness gate {folder} --candidate {folder}/outputs/candidate.jsonl "
            f"--baseline {folder}/outputs/baseline.jsonl"
        )
    return 0


def _example(folder: Path) -> dict[str, bytes]:
    from evalharness.stages.example import example_files

    return {name: text.encode() for name, text in example_files(folder.name).items()}


def _copy(reference: str, name: str) -> dict[str, bytes]:
    """A suite's folder, file by file, under its new name; of a lone file, that file."""
    from evalharness.spec.locate import find_suite

    suite = find_suite(reference)
    named = re.sub(rb"(?m)^name:.*$", b"name: " + name.encode(), suite.read_bytes(), count=1)
    if suite.name != "suite.yaml":
        return {"suite.yaml": named}
    paths = sorted(path for path in suite.parent.rglob("*") if path.is_file())
    kept = [path for path in paths if "__pycache__" not in path.parts]
    files = {str(path.relative_to(suite.parent)): path.read_bytes() for path in kept}
    return files | {"suite.yaml": named}


def _top(name: str) -> str:
    first, slash, _ = name.partition("/")
    return first + slash
