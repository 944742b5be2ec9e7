"""execute: arms over a suite -> complete, scored run folders; does only what is missing.

plan -> generate (all arms at once, interleaved in time) -> evidence -> score -> aggregate.
Depends on: the other stages, catalog and clients (opened by name).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from evalharness.clients.stack import Asker, Shared, build_asker, open_client
from evalharness.contracts import Client, Source
from evalharness.data.sources import ids_of
from evalharness.errors import StoreError, UsageError
from evalharness.records import JsonObject
from evalharness.spec.suite import Suite
from evalharness.stages.aggregate import aggregate
from evalharness.stages.arms import Arm
from evalharness.stages.asking import settings_of
from evalharness.stages.continuations import check_scores
from evalharness.stages.evidence import gather_evidence
from evalharness.stages.extraction import build_extractor
from evalharness.stages.generate import first_error, generate
from evalharness.stages.judging.bench import check_benches, cold_repeats, refuse_self_judging
from evalharness.stages.judging.heard import labels_hash
from evalharness.stages.judging.judge import gather_judgements
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.plan import Plan, Reads, held_once, heldout, make_plan
from evalharness.stages.score import score, suite_metrics
from evalharness.stages.selfcheck import broken_references
from evalharness.store.keys import sha256_of
from evalharness.store.runs import RunFolder, write_json

if TYPE_CHECKING:
    from evalharness.data.recordings import Recording

NAMED_IDS = 5


@dataclass(frozen=True, slots=True)
class Opened:
    """An arm with its client and its plan."""

    arm: Arm
    client: Client
    asker: Asker
    plan: Plan


def execute(
    suite: Suite,
    arms: Sequence[Arm],
    options: RunOptions,
    report: Report,
    *,
    shared: Shared | None = None,
) -> list[RunFolder]:
    """Run what is missing of every arm, score it, and give the folders in the arms' order.

    shared: one budget and one set of rate limits with whatever else the command asks.

    Raises UsageError, SpecError, DataError, ClientError, BudgetExceeded, WriteError; whatever was
    answered before stays journalled and the same call resumes.
    """
    check_scoring(suite)
    fresh = [arm for arm in arms if arm.run is None]
    shared = shared or Shared()
    with _held(suite, fresh, options) as source:
        opened = (
            []
            if source is None
            else [open_arm(suite, arm, options, shared, source=source) for arm in fresh]
        )
        known = [arm.run.manifest().identity for arm in arms if arm.run is not None]
        refuse_self_judging(suite, [*known, *(item.plan.identity for item in opened)])
        if options.judging == "ask" and any(not item.plan.folder.complete for item in opened):
            check_benches(suite, options, shared)
        asyncio.run(_generate_all(opened, options, report))
        folders = {id(item.arm): item.plan.folder for item in opened}
        del opened  # a recording's index is not needed any more: 17 bytes an answer
        done: list[RunFolder] = []
        for arm in arms:
            folder = arm.run or folders[id(arm)]
            if arm.run is not None:
                _check_foreign(folder, suite)
            finish(suite, folder, options, report, shared=shared, source=source)
            done.append(folder)
        return done


def _held(
    suite: Suite, fresh: Sequence[Arm], options: RunOptions
) -> AbstractContextManager[Source | None]:
    """The held-out samples for arms that are to be run, kept where models are asked; None without.

    Complete runs alone need no data, which may be gone by then.
    """
    if not fresh:
        return nullcontext(None)
    if all(arm.recorded for arm in fresh):
        return nullcontext(heldout(suite, options))
    return held_once(suite, options)


def check_scoring(suite: Suite) -> None:
    """Refuse a metric, an option or an extraction rule that fails, before anything is asked."""
    suite_metrics(suite)
    build_extractor(suite.extract, where=suite.place)


def open_arm(
    suite: Suite, arm: Arm, options: RunOptions, shared: Shared, *, source: Source
) -> Opened:
    """Open an arm's client and lay out its plan over the held-out samples; nothing is asked yet."""
    settings = settings_of(arm, options, _client_options(suite, arm, options))
    client = open_client(arm.provider, arm.model, settings)
    check_scores(suite, client)
    reads = reads_of(client)
    plan = make_plan(suite, arm, client.identity, options, reads=reads, source=source)
    return Opened(arm, client, build_asker(client, settings, shared=shared), plan)


def reads_of(client: Client) -> Reads:
    """What a client looks at; a recording compares inputs only where it says which it answered."""
    if client.capabilities.prompts:
        return "prompts"
    recording: Recording | None = getattr(client, "recording", None)
    return "contents" if recording is None or recording.names_inputs else "ids"


def _client_options(suite: Suite, arm: Arm, options: RunOptions) -> JsonObject:
    """A baseline's own options; for a recording, how its fields are called."""
    given: JsonObject = dict(arm.options)
    if arm.recorded:
        fields = {**suite.outputs, **arm.outputs, **options.fields}
        if fields:
            given["fields"] = fields
        if arm.model.endswith((".txt", ".txt.gz")):
            given["ids"] = [sample.id for sample in heldout(suite, options)]
    return given


async def _generate_all(opened: Sequence[Opened], options: RunOptions, report: Report) -> None:
    """Every arm at once, so that a drifting provider hits all of them alike."""
    try:
        async with asyncio.TaskGroup() as group:
            for item in opened:
                if not item.plan.folder.complete:
                    group.create_task(_generate_one(item, options, report))
    except BaseExceptionGroup as errors:
        raise first_error(errors) from None
    finally:
        for item in opened:
            await item.asker.close()


async def _generate_one(item: Opened, options: RunOptions, report: Report) -> None:
    tally = await generate(item.plan, item.asker, report, total=_total(item))
    recording = getattr(item.client, "recording", None)
    whole = options.limit is None and options.shard is None
    if (
        recording is not None
        and whole
        and tally.asked - tally.kinds.get("missing", 0) < recording.n
    ):
        note_extra_ids(item.plan, recording)


def note_extra_ids(plan: Plan, recording: Recording) -> None:
    """Write into run.json which of a recording's ids the data lacks; they are left out."""
    extra = recording.extra_ids(ids_of(plan.source))
    if not extra:
        return
    named = ", ".join(extra[:NAMED_IDS]) + (", ..." if len(extra) > NAMED_IDS else "")
    note = f"the recording holds {len(extra)} ids that the data lacks; left out: {named}"
    manifest = msgspec.structs.replace(plan.folder.manifest(), notes=(note,))
    write_json(plan.folder.manifest_path, manifest)


def _total(item: Opened) -> int | None:
    """How many units there are, by reading the data through once.

    Before money is spent this also finds a broken line or a template that fails.
    """
    if item.arm.recorded:
        return None
    count = 0
    for sample in item.plan.source:
        if item.plan.program is not None:
            item.plan.program.render(sample)
        count += item.plan.repeats(sample)
    return count


def finish(
    suite: Suite,
    folder: RunFolder,
    options: RunOptions,
    report: Report,
    *,
    shared: Shared,
    source: Source | None = None,
) -> None:
    """Gather evidence, score and sum up one run, unless that is done with these very metrics.

    source: the held-out samples, if they are open already.
    """
    scoring = scoring_hash(suite)
    if folder.complete and folder.summary().fingerprints.get("scoring") == scoring:
        return
    source = heldout(suite, options) if source is None else source
    manifest = folder.manifest()
    repeats = manifest.suite.generation.repeats
    gather_evidence(suite, source, folder, report, repeats=repeats)
    judged = gather_judgements(suite, source, folder, options, report, shared=shared)
    score(suite, source, folder, report, asked=manifest.suite)
    aggregate(
        suite,
        folder,
        scoring=scoring if judged else f"{scoring}, judgements missing",
        notes=(*broken_references(suite, source), *cold_repeats(suite)),
    )


def scoring_hash(suite: Suite) -> str:
    """sha256 of everything that turns answers into numbers."""
    from evalharness.version import VERSION

    gated = sorted({gate.metric for gate in suite.policy.gates})
    parts = (suite.metrics, suite.extract, suite.data.code, gated, suite.policy.alpha, VERSION)
    return sha256_of((*parts, suite.judges, labels_hash(suite)) if suite.judges else parts)


def _check_foreign(folder: RunFolder, suite: Suite) -> None:
    """A run given as an arm must be of this suite, and have answers."""
    manifest = folder.manifest()
    if manifest.suite.name != suite.name:
        raise UsageError(
            f"run '{folder.path.name}' is of suite '{manifest.suite.name}', not '{suite.name}'",
            mend=f"evalharness gate {manifest.suite.name} ...",
        )
    if not folder.outcomes_path.exists():
        raise StoreError("the run has no answers yet", where=str(folder.path))
