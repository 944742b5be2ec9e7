"""`evalharness tune together --train FILE --model BASE [--gate SUITE --baseline M]`."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalharness.cli import options as shared
from evalharness.cli.options import Output, taking
from evalharness.cli.progress import showing_progress
from evalharness.errors import UsageError
from evalharness.stages.options import RunOptions

if TYPE_CHECKING:
    from evalharness.tune.follow import Journal
    from evalharness.tune.judge import Court
    from evalharness.tune.recipe import Recipe
    from evalharness.tune.work import Lesson, Workshop

FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How the job is to be found, followed and judged, as given on the command line."""

    provider: str
    train: Path | None
    validation: Path | None
    job: str | None
    fresh: bool
    wandb: bool
    checkpoints: bool
    poll: float


RECIPE_OPTIONS = (
    click.option("--model", metavar="BASE", help="The base model to train."),
    click.option("--epochs", type=click.IntRange(min=1), default=3, show_default=True),
    click.option("--learning-rate", type=float, default=1e-5, show_default=True),
    click.option("--lora-r", type=click.IntRange(min=1), default=16, show_default=True),
    click.option("--lora-alpha", type=click.IntRange(min=1), help="Default: twice the rank."),
    click.option("--lora-dropout", type=click.FloatRange(0, 1, max_open=True), default=0.0),
    click.option("--full", is_flag=True, help="Train all weights instead of an adapter."),
    click.option("--batch-size", type=click.IntRange(min=1), help="Rows a step; else the largest."),
    click.option("--method", type=click.Choice(["sft", "dpo"]), default="sft", show_default=True),
    click.option("--n-checkpoints", type=click.IntRange(min=1), help="Models kept on the way."),
    click.option(
        "--n-evals", type=click.IntRange(min=0), default=0, help="Losses on --validation."
    ),
    click.option("--suffix", default="", help="Part of the new model's name."),
    click.option("--training-seed", type=int, help="Seed of the training itself."),
)
WISH_OPTIONS = (
    click.argument("provider", type=click.Choice(["together"])),
    click.option("--train", type=FILE, help="Training rows: chats, or prompts and completions."),
    click.option("--validation", type=FILE, help="Rows that only a loss is taken on."),
    click.option("--job", metavar="FT-ID", help="Follow this job instead of beginning one."),
    click.option("--new", "fresh", is_flag=True, help="Another job, though this one was begun."),
    click.option("--wandb", is_flag=True, help="Log to Weights & Biases, by WANDB_API_KEY."),
    click.option("--checkpoints", is_flag=True, help="Gate every checkpoint on the way too."),
    click.option("--poll", type=click.FloatRange(min=0), default=20.0, help="Seconds to a look."),
)
RECIPE_NAMES = (
    "model", "epochs", "learning_rate", "lora_r", "lora_alpha", "lora_dropout", "full",
    "batch_size", "method", "n_checkpoints", "n_evals", "suffix", "training_seed",
)  # fmt: skip


def gathered(function: Callable[..., int]) -> Callable[..., int]:
    """Give the verb its own options, gathered as `recipe: Recipe | None` and `wish: Wish`."""

    @functools.wraps(function)
    def call(**given: Any) -> int:  # Any: click's values, typed by the options above
        """Gather the options into a recipe and a wish."""
        recipe = {name: given.pop(name) for name in RECIPE_NAMES}
        wish = Wish(**{name: given.pop(name) for name in Wish.__slots__})
        return function(recipe=recipe_of(recipe, wish), wish=wish, **given)

    command = call
    for option in reversed((*WISH_OPTIONS, *RECIPE_OPTIONS)):
        command = option(command)
    return command


def recipe_of(given: dict[str, Any], wish: Wish) -> Recipe | None:  # Any: see `gathered`
    """The recipe that the options spell; None where a job is followed. Raises UsageError."""
    from evalharness.tune.recipe import Recipe

    if wish.job is not None:
        return None
    if wish.train is None or given["model"] is None:
        raise UsageError(
            "a new job needs --train FILE and --model BASE",
            mend="or follow one that was begun: --job ft-...",
        )
    kept = given["n_checkpoints"] or (given["epochs"] if wish.checkpoints else 1)
    return Recipe(
        model=given["model"].removeprefix(f"{wish.provider}/"),
        method=given["method"],
        epochs=given["epochs"],
        learning_rate=given["learning_rate"],
        lora_r=None if given["full"] else given["lora_r"],
        lora_alpha=None if given["full"] else given["lora_alpha"],
        lora_dropout=given["lora_dropout"],
        batch_size=given["batch_size"],
        checkpoints=kept,
        evaluations=given["n_evals"],
        suffix=given["suffix"],
        seed=given["training_seed"],
    )


@click.command(name="tune")
@gathered
@click.option("--gate", "suites", multiple=True, metavar="SUITE", help="Gate the result over this.")
@click.option("--baseline", "baselines", multiple=True, metavar="M", help="What to compare with.")
@taking(
    shared.OUT,
    shared.DATA,
    shared.LIMIT,
    shared.QUIET,
    shared.JSON,
    shared.MAX_CONNECTIONS,
    shared.MAX_COST,
    shared.NO_CACHE,
    shared.REPORTS,
    shared.EXIT_ZERO,
)
def command(
    recipe: Recipe | None,
    wish: Wish,
    suites: tuple[str, ...],
    baselines: tuple[str, ...],
    options: RunOptions,
    output: Output,
) -> int:
    """Fine-tune a model, and say whether what it became is ready.

    Checks the training file, uploads it, begins the job once and follows it to its end. The same
    command goes on where it stood; Ctrl-C leaves the job running. With --gate the exit code is the
    verdict on the job's result.
    """
    from evalharness.spec.locate import find_suite
    from evalharness.spec.read import read_suite
    from evalharness.tune.judge import Court
    from evalharness.tune.work import train

    court = Court(
        suites=tuple(read_suite(find_suite(name)) for name in suites),
        baselines=baselines,
        reproduce=shlex.join(["evalharness", *sys.argv[1:]]),
    )
    journal, lesson = opened(recipe, wish, court, options)
    with showing_progress(quiet=output.quiet) as report:
        shop = workshop(wish, options, report)
        try:
            train(journal, lesson, shop)
        except KeyboardInterrupt:
            tell_how_to_follow(journal, wish)
            raise
        judged(journal, court, shop, wish)
    return shown(journal, options, output)


def opened(
    recipe: Recipe | None, wish: Wish, court: Court, options: RunOptions
) -> tuple[Journal, Lesson | None]:
    """The job's journal, and what is to be learnt where the job may have to be begun."""
    from evalharness.tune.follow import journal_of_job
    from evalharness.tune.training_file import require_no_leak
    from evalharness.tune.work import Lesson, prepare

    if recipe is None or wish.train is None:
        if wish.train is not None:
            require_no_leak(wish.train, court.suites)
        return journal_of_job(options.out, wish.job or ""), None
    lesson = Lesson(recipe=recipe, train=wish.train, validation=wish.validation, fresh=wish.fresh)
    journal, warnings = prepare(lesson, court, options.out)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    return journal, lesson


def workshop(wish: Wish, options: RunOptions, report: Any) -> Workshop:  # Any: a Report
    """What the work needs from outside. Raises UsageError for --wandb without its key."""
    from evalharness.clients.settings import ClientSettings
    from evalharness.tune.follow import Following
    from evalharness.tune.work import Workshop

    wandb_key = os.environ.get("WANDB_API_KEY") if wish.wandb else None
    if wish.wandb and not wandb_key:
        raise UsageError("--wandb needs WANDB_API_KEY", mend="export WANDB_API_KEY=...")
    return Workshop(
        settings=ClientSettings(environment=options.environment),
        following=Following(poll_s=wish.poll, max_cost_usd=options.max_cost_usd),
        options=options,
        report=report,
        wandb_key=wandb_key,
    )


def judged(journal: Journal, court: Court, shop: Workshop, wish: Wish) -> None:
    """Gate the result, or every checkpoint; nothing without --gate."""
    from evalharness.tune.work import checkpoints_of, judge, result_of

    if not court.suites:
        return
    if wish.checkpoints:
        judge(journal, court, shop, lambda: checkpoints_of(journal, shop.settings))
    else:
        judge(journal, court, shop, lambda: result_of(journal))


def tell_how_to_follow(journal: Journal, wish: Wish) -> None:
    """Say that the job goes on, and how to find it again."""
    state = journal.tune.state
    if state is None:
        return
    click.echo(
        f"\nthe job goes on at Together. Follow it from anywhere with:\n"
        f"  evalharness tune {wish.provider} --job {state.job}",
        err=True,
    )


def shown(journal: Journal, options: RunOptions, output: Output) -> int:
    """Write the job's page and picture, print what was found; gives the exit code."""
    from evalharness.cli.output import print_facts
    from evalharness.report.training import (
        choice_line,
        render_page,
        render_summary,
        render_table,
        render_training,
    )
    from evalharness.store.files import write_atomic

    tune, folder = journal.tune, journal.folder
    write_atomic(folder / "tune.md", render_page(tune).encode())
    picture = render_training(tune)
    if picture is not None:
        write_atomic(folder / "training.svg", picture.encode())
    result = tune.judged[-1] if tune.judged else None
    if output.as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(tune), indent=1).decode())
    elif result is not None:
        print_facts(options.out / "gates" / result.gate, out=options.out, output=output)
        click.echo()
    if not output.as_json:
        click.echo("\n".join(render_summary(tune)))
        if len(tune.judged) > 1:
            click.echo(render_table(tune.judged))
            click.echo(f"  note: {choice_line(tune.judged)}")
        click.echo(f"  see: {folder / 'tune.md'}")
    return result.exit_code if result is not None and not output.exit_zero else 0
