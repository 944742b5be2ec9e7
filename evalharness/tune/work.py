"""A fine-tuning job from its file to its verdicts, as one call that may be broken off and repeated.

Reads and writes: runs/tunes/<id>/tune.json.  Gives: the journal of a finished job.
Depends on: training_file, follow, judge, together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from evalharness.clients.settings import ClientSettings
from evalharness.errors import ClientError, UsageError
from evalharness.stages.options import Report, RunOptions
from evalharness.tune.follow import DONE, Following, Journal, begin, follow, open_journal
from evalharness.tune.judge import Court, Model, judge_models, models_of
from evalharness.tune.recipe import Recipe, Tune
from evalharness.tune.together import TogetherTuning
from evalharness.tune.training_file import require_no_leak, require_trainable


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is to be learnt from what. validation: rows that the service reports a loss on.

    fresh: another job, though there is one with the very same settings.
    """

    recipe: Recipe
    train: Path
    validation: Path | None = None
    fresh: bool = False


def prepare(lesson: Lesson, court: Court, out: Path) -> tuple[Journal, list[str]]:
    """Check the files before anything is sent; gives the job's journal and the warnings.

    Raises DataError for a training file that no service takes, or that holds what will be asked.
    """
    warnings = require_trainable(lesson.train, lesson.recipe.method)
    if lesson.validation is not None:
        require_trainable(lesson.validation, lesson.recipe.method)
    require_no_leak(lesson.train, court.suites)
    journal = open_journal(out, lesson.recipe, lesson.train, fresh=lesson.fresh)
    return journal, [f"{one.where}: {one.message}" for one in warnings]


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the work needs from outside. settings: of the provider.  wandb_key: None without."""

    settings: ClientSettings
    following: Following
    options: RunOptions
    report: Report
    wandb_key: str | None = None


def train(journal: Journal, lesson: Lesson | None, shop: Workshop) -> None:
    """Begin the job if it is not, and follow it to its end.

    Raises ClientError where it ends without a model; the same call goes on where it stood.
    """
    state = journal.tune.state
    if state is not None and state.status == DONE:
        return
    service = TogetherTuning(shop.settings, wandb_key=shop.wandb_key)
    try:
        if lesson is not None:
            begin(journal, service, (lesson.train, lesson.validation), shop.following)
        follow(journal, service, shop.following, shop.report)
    finally:
        service.close()


def judge(journal: Journal, court: Court, shop: Workshop, find: Callable[[], list[Model]]) -> Tune:
    """Gate what the job made; `find` gives its models. Raises as `gate` does."""
    spent = journal.tune.state.price_usd if journal.tune.state is not None else None
    judged = judge_models(
        find(), court, journal.tune.losses, with_rest(shop.options, spent), shop.report
    )
    journal.note(msgspec.structs.replace(journal.tune, judged=tuple(judged)))
    return journal.tune


def result_of(journal: Journal) -> list[Model]:
    """The job's result alone."""
    state = journal.tune.state
    return [Model(f"together/job:{journal.job}", state.steps if state is not None else None)]


def checkpoints_of(journal: Journal, settings: ClientSettings) -> list[Model]:
    """The job's checkpoints, its result last; the result alone, with a note, where it has none."""
    try:
        return models_of(journal.job, settings)
    except ClientError as error:
        if error.kind != "bad_request":
            raise
        note = f"{error.message}; only the result is judged"
        journal.note(msgspec.structs.replace(journal.tune, notes=(note,)))
        return result_of(journal)


def with_rest(options: RunOptions, spent_usd: float | None) -> RunOptions:
    """What --max-cost leaves for asking once the job is paid."""
    if options.max_cost_usd is None or spent_usd is None:
        return options
    rest = options.max_cost_usd - spent_usd
    if rest < 0:
        raise UsageError(
            f"the job cost ${spent_usd:.2f}, more than --max-cost allows in all",
            mend="raise --max-cost: what is left of it is for asking the model",
        )
    return replace(options, max_cost_usd=rest)
