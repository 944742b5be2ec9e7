"""Begin a fine-tuning job once, and follow it to its end through every interruption.

Reads and writes: runs/tunes/<id>/tune.json, after every step.  Gives: a finished Tune.
Depends on: recipe, training_file, store; the service through `Service`.
What costs money is asked once: before a job is begun tune.json says `asking`, and a command that
finds it so looks the job up by its file and suffix instead of beginning another.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from evalharness.clients.calls import fatal
from evalharness.clients.together_jobs import GONE
from evalharness.errors import BudgetExceeded, ClientError, StoreError
from evalharness.stages.options import Progress, Report
from evalharness.store.keys import sha256_of
from evalharness.store.runs import read_json, write_json
from evalharness.tune.recipe import JobState, Loss, Recipe, Tune

DONE: Final = "completed"
MOVING: Final = frozenset(
    {"pending", "queued", "running", "compressing", "uploading", "cancel_requested"}
)
"""States from which a job goes on; one that we do not know is followed too, until the deadline."""

ENDED: Final = GONE - MOVING
PASSING: Final = frozenset({"connection", "timeout", "overload", "throttle", "malformed"})
"""Failures to look at a job that say nothing about the job."""

FILE_TRIES: Final = 6
DAY_S: Final = 86400.0


class Service(Protocol):
    """A provider of fine-tuning; see `together.TogetherTuning`."""

    def upload(self, path: Path) -> str:
        """Upload a file; gives its id."""
        ...

    def file_is_ready(self, file: str) -> bool:
        """Whether the service has looked through a file; raises where it refuses it."""
        ...

    def estimate_usd(self, recipe: Recipe, file: str, validation: str) -> float | None:
        """What a job would cost, None where the service cannot say."""
        ...

    def begin(self, recipe: Recipe, file: str, validation: str) -> str:
        """Create a job; gives its id."""
        ...

    def find(self, recipe: Recipe, file: str) -> str | None:
        """The job that was begun with this file and suffix, None where there is none."""
        ...

    def look(self, job: str) -> JobState:
        """Where a job stands now."""
        ...

    def losses(self, job: str) -> list[Loss]:
        """The training losses that were recorded."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How patiently a job is followed.

    poll_s: between two looks.  deadline_s: of the whole wait.  max_cost_usd: never begin a job that
    is estimated dearer, or that nobody can estimate.
    """

    poll_s: float = 20.0
    deadline_s: float = 2 * DAY_S
    max_cost_usd: float | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class Journal:
    """A job's folder: what is known of it, on disk before anything is done with it."""

    folder: Path
    tune: Tune

    def note(self, tune: Tune) -> None:
        """Write what is known now."""
        self.tune = tune
        write_json(self.folder / "tune.json", tune)

    @property
    def job(self) -> str:
        """The job's id; only once it was begun."""
        assert self.tune.state is not None  # noqa: S101  # `begun` and `resume` see to it
        return self.tune.state.job


def open_journal(out: Path, recipe: Recipe, train: Path, *, fresh: bool = False) -> Journal:
    """The folder of the job that trains this recipe on this file: an earlier one, or a new one.

    fresh: begin another one, though there is a job with the very same settings.
    """
    sha256 = hashlib.sha256(train.read_bytes()).hexdigest()
    short = sha256_of((recipe, sha256))[:8]
    number = 1
    while (path := out / "tunes" / f"{short}-{number}" / "tune.json").is_file():
        if not fresh:
            return Journal(path.parent, _read(path))
        number += 1
    # The suffix tells a job apart from every other on the same file, so that it can be found again.
    named = msgspec.structs.replace(recipe, suffix=recipe.suffix or f"eh-{short}-{number}")
    tune = Tune(
        tune=f"{short}-{number}",
        provider="together",
        recipe=named,
        train=str(train),
        train_sha256=sha256,
    )
    journal = Journal(path.parent, tune)
    journal.note(tune)
    return journal


def journal_of_job(out: Path, job: str) -> Journal:
    """The folder of a job that was begun here or elsewhere."""
    for path in sorted((out / "tunes").glob("*/tune.json")):
        tune = _read(path)
        if tune.state is not None and tune.state.job == job:
            return Journal(path.parent, tune)
    state = JobState(job=job, status="unknown")
    tune = Tune(tune=job, provider="together", stage="begun", state=state)
    journal = Journal(out / "tunes" / job, tune)
    journal.note(tune)
    return journal


def _read(path: Path) -> Tune:
    return read_json(path, Tune)


def begin(
    journal: Journal, service: Service, files: tuple[Path, Path | None], following: Following
) -> None:
    """Have the journal's job begun: upload, price, create; what was done before is not done again.

    files: the training file, and one to validate on.
    Raises ClientError, BudgetExceeded, StoreError; the same call goes on from where it stood.
    """
    if journal.tune.stage == "begun":
        return
    if journal.tune.stage == "new":
        names = [_uploaded(service, path, following) if path else "" for path in files]
        journal.note(
            msgspec.structs.replace(
                journal.tune, stage="uploaded", file=names[0], validation=names[1]
            )
        )
    recipe, file = journal.tune.recipe, journal.tune.file
    if recipe is None:
        raise StoreError("the job's recipe is not written down", where=str(journal.folder))
    job = service.find(recipe, file) if journal.tune.stage == "asking" else None
    if job is None:
        estimate = service.estimate_usd(recipe, file, journal.tune.validation)
        _within(estimate, following.max_cost_usd)
        journal.note(msgspec.structs.replace(journal.tune, stage="asking", estimate_usd=estimate))
        job = service.begin(recipe, file, journal.tune.validation)
    state = JobState(job=job, status="pending", base=recipe.model)
    journal.note(msgspec.structs.replace(journal.tune, stage="begun", state=state))


def _uploaded(service: Service, path: Path, following: Following) -> str:
    """Upload one file and wait until the service has looked through it."""
    file = ""
    for number in range(1, FILE_TRIES + 1):
        try:
            file = service.upload(path)
            break
        except ClientError as error:
            if error.kind not in PASSING or number == FILE_TRIES:
                raise
            following.sleep(min(following.poll_s, 2.0**number))
    wait(lambda: service.file_is_ready(file), following, what=f"file {file}")
    return file


def _within(estimate: float | None, limit: float | None) -> None:
    """Refuse a job that may cost more than is allowed."""
    if limit is None:
        return
    if estimate is None:
        raise BudgetExceeded(
            "--max-cost cannot be kept: Together cannot estimate what this job costs",
            mend="leave --max-cost out, or ask again when the file has been looked through",
        )
    if estimate > limit:
        raise BudgetExceeded(
            f"the job is estimated at ${estimate:.2f}, --max-cost allows ${limit:.2f}",
            mend="nothing was begun; raise --max-cost, or train on less",
        )


def follow(journal: Journal, service: Service, following: Following, report: Report) -> JobState:
    """Look at a job until it has ended, write down every change; gives its last state.

    Raises ClientError for a job that ended without a model, is unknown, or outlasts the deadline.
    """
    if journal.tune.state is not None and journal.tune.state.status == DONE:
        return journal.tune.state

    def ended() -> bool:
        """Look once, note a change, tell it; whether the job is over."""
        state = service.look(journal.job)
        if state != journal.tune.state:
            journal.note(msgspec.structs.replace(journal.tune, state=state))
        _tell(state, report)
        return state.status == DONE or state.status in ENDED

    wait(ended, following, what=f"fine-tuning job {journal.job}")
    state = journal.tune.state
    if state is None or state.status != DONE or state.model is None:
        raise _no_model(journal)
    journal.note(msgspec.structs.replace(journal.tune, losses=tuple(service.losses(journal.job))))
    return state


def _no_model(journal: Journal) -> ClientError:
    """A job that is over and made nothing."""
    state = journal.tune.state
    status = state.status if state else "unknown"
    spent = f"; it cost ${state.price_usd:.2f}" if state and state.price_usd else ""
    return fatal(
        "bad_request",
        f"fine-tuning job {journal.job} ended without a model: its status is {status}{spent}",
        mend=f"`together fine-tuning list-events {journal.job}` says why; --new begins another job",
    )


def wait(ready: Callable[[], bool], following: Following, *, what: str) -> None:
    """Ask `ready` until it says yes; a failure to ask is borne until the deadline.

    Raises ClientError where asking fails for good, or where it takes too long.
    """
    until = following.clock() + following.deadline_s
    while True:
        try:
            if ready():
                return
        except ClientError as error:
            if error.kind not in PASSING:
                raise
            if following.clock() >= until:
                raise
        if following.clock() >= until:
            raise fatal(
                "timeout",
                f"{what} did not end within {following.deadline_s / 3600:g} hours",
                mend="run the command again: it goes on following",
            )
        following.sleep(following.poll_s)


def _tell(state: JobState, report: Report) -> None:
    report(
        Progress(
            stage="tune",
            arm=f"{state.job} ({state.status})",
            done=state.step or 0,
            total=state.steps,
            cost_usd=state.price_usd,
        )
    )
