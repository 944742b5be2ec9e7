"""`evalharness rate RUN_A RUN_B --out pack/`: let people judge, blinded; `--collect` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalharness.cli.options import DATA, JSON, SEED, Output, taking
from evalharness.errors import UsageError
from evalharness.stages.options import RunOptions

if TYPE_CHECKING:
    from evalharness.stages.judging.collect import Collected

SHOWN = "evalharness.rate.show"
"""Where the command's context keeps the fields of --show."""
OUT = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("pack"),
    show_default=True,
    help="Folder of the pack.",
)


SHOW = click.option(
    "--show",
    multiple=True,
    metavar="FIELD",
    expose_value=False,
    callback=lambda context, _, fields: context.meta.__setitem__(SHOWN, fields),
    help="Show this field of the data beside the question, too; `reference` for the references.",
)
DRAWN = click.option("--limit", type=click.IntRange(min=1), help="So many items, drawn at random.")


@click.command(name="rate")
@click.argument("sources", nargs=-1, required=True, metavar="RUN [RUN_B] | FILES...")
@click.option("--collect", is_flag=True, help="Read the files that annotators returned.")
@click.option("--scale", metavar="LOW..HIGH", help="Rate single answers, e.g. 1..5.")
@click.option(
    "--runs",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder that holds runs.",
)
@SHOW
@taking(OUT, DATA, DRAWN, SEED, JSON)
def command(
    sources: tuple[str, ...],
    collect: bool,
    scale: str | None,
    runs: Path,
    options: RunOptions,
    output: Output,
) -> int:
    """Write a pack of answers for people to judge, or read what they returned.

    Two runs are compared pair by pair, blinded and in random order; with --scale the answers of one
    or two runs are rated one by one. Show what an annotator needs to tell right from wrong:
    --show article --show reference.
    """
    if collect:
        _show(sources, options.out, as_json=output.as_json)
    else:
        _write(sources, runs, options, scale)
    return 0


def _write(sources: tuple[str, ...], runs: Path, options: RunOptions, scale: str | None) -> None:
    import msgspec
    import numpy as np

    from evalharness.cli.output import find_folder
    from evalharness.report.rating_page import rating_page, rating_table
    from evalharness.stages.judging.rate import make_pack
    from evalharness.store.files import write_atomic
    from evalharness.store.runs import RunFolder, write_json

    if len(sources) != 2 and (scale is None or len(sources) != 1):
        raise UsageError(
            f"rate takes two runs, got {len(sources)}",
            mend="evalharness rate RUN_A RUN_B, or one run with --scale 1..5",
        )
    pack, key = make_pack(
        [RunFolder(find_folder(name, runs)) for name in sources],
        options,
        kind="preference" if scale is None else "rating",
        scale=_scale(scale),
        show=click.get_current_context().meta.get(SHOWN, ()),
        rng=np.random.default_rng(options.seed or 0),
    )
    items = [msgspec.to_builtins(item) for item in pack.items]
    page = rating_page(pack.pack, pack.kind, pack.scale, items)
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "key.json", key)
    write_atomic(options.out / "rate.html", page.encode("utf-8", "backslashreplace"))
    table = rating_table(pack.pack, pack.kind, items)
    write_atomic(options.out / "rate.csv", table.encode("utf-8-sig", "backslashreplace"))
    click.echo(f"pack {pack.pack}: {len(pack.items)} items in {options.out}")
    if key.n_equal:
        click.echo(f"  left out:  {key.n_equal} pairs with equal answers (they are ties)")
    click.echo("  give away: rate.html (keys 1, 2, 0; n, p; s saves), or rate.csv")
    click.echo("  keep:      key.json, which says whose answers they are")
    click.echo(f"  then:      evalharness rate --collect FILES... --out {options.out}")


def _scale(text: str | None) -> tuple[int, int]:
    """LOW..HIGH as whole numbers, at most ten apart. Raises UsageError."""
    low, dots, high = (text or "1..5").partition("..")
    try:
        numbers = int(low), int(high)
    except ValueError:
        numbers = (0, 0)
    if not dots or not 0 <= numbers[0] < numbers[1] <= 9:
        raise UsageError(
            f"--scale takes LOW..HIGH with 0 <= LOW < HIGH <= 9, got '{text}'", mend="--scale 1..5"
        )
    return numbers


def _show(files: tuple[str, ...], folder: Path, *, as_json: bool) -> None:
    import msgspec

    from evalharness.report.clean import one_line
    from evalharness.stages.judging.collect import collect

    found = collect([Path(name) for name in files], folder)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    judged = ", ".join(f"{one_line(who)} {count}" for who, count in found.counts.items())
    click.echo(f"{len(found.counts)} annotators of {found.n_items} items: {judged}")
    for line in _agreement(found):
        click.echo(f"  {line}")
    for mean in found.means:
        bounds = "" if mean.lower is None else f" [{mean.lower:.3f}, {mean.upper:.3f}]"
        what = "wins" if found.kind == "preference" else "mean"
        click.echo(f"  {one_line(mean.arm)}: {what} {mean.value:.3f}{bounds}, n {mean.n}")
    if found.kind == "preference":
        click.echo(f"  ties: {found.ties} of {sum(found.counts.values())} votes")
    low, high = found.scale
    kind = "kind: preference" if found.kind == "preference" else f"scale: {low}..{high}"
    click.echo(f"  wrote {found.written}: people as a judge, or beside a judge's `model`:")
    click.echo(f"    judges: [{{name: people, {kind}, human: {found.written}}}]")
    click.echo("    (`human` is a path from the suite's folder)")


def _agreement(found: Collected) -> list[str]:
    """How far annotators agree, or why that cannot be told."""
    if len(found.counts) < 2:
        return ["agreement: one annotator agrees with nobody; ask a second one"]
    level = "nominal" if found.kind == "preference" else "interval"
    alpha = "cannot be told" if found.alpha is None else f"{found.alpha:.3f}"
    lines = [f"agreement: Krippendorff's alpha ({level}) {alpha}"]
    for pair, kappa in found.kappas.items():
        told = "cannot be told" if kappa is None else f"{kappa:.3f}"
        lines.append(f"  Cohen's kappa {pair}: {told}")
    return lines
