"""aggregate: marks -> one estimate with an interval per metric and slice, and summary.json.

Reads: marks.jsonl, outcomes.jsonl (for what was spent).  Writes: summary.json, last.
Depends on: effects, store.  Failures count as the metric's worst value; the value without them
stands beside.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from evalharness.errors import TooFewSamples
from evalharness.records import Answered, Estimate, Estimated, Judgement, Undetermined
from evalharness.results import MetricSummary, RunSummary, Spent, Volatile
from evalharness.spec.judges import ABOUT_JUDGES
from evalharness.spec.suite import Suite
from evalharness.stages.bill import spent
from evalharness.stages.deciding.effects import absolute_effect
from evalharness.stages.deciding.kinds import plain_value
from evalharness.stages.pairing import arm_rows, arm_units, slice_mask
from evalharness.store.journal import EvidenceEntry, read_entries
from evalharness.store.marks import MarkTable, read_marks
from evalharness.store.runs import RunFolder, write_json

MOST_SLICES = 50
"""Slices summed up at most; more are named in a warning."""


def aggregate(
    suite: Suite, folder: RunFolder, *, scoring: str, notes: Sequence[str] = ()
) -> RunSummary:
    """Sum up a scored run and write its summary, which marks it complete.

    notes: what else a reader should know: metrics that the references themselves fail, judges.
    """
    table = read_marks(folder.marks_path)
    manifest = folder.manifest()
    names = list(table.slices)[:MOST_SLICES]
    seed = manifest.seed
    summary = RunSummary(
        run=folder.path.name,
        suite=suite.name,
        arm=manifest.arm,
        model={
            "provider": manifest.identity.provider,
            "model": manifest.identity.model,
            "base_url": manifest.identity.base_url,
            **manifest.identity.details,
        },
        n=len(table),
        n_samples=int(table.first_n.sum()),
        n_failed=int(table.failed_n.sum()),
        failures=table.failures,
        metrics={
            label: summarise(table, label, suite=suite, slice_name=None, seed=seed)
            for label in table.metrics
        },
        slices={
            name: {
                label: summarise(table, label, suite=suite, slice_name=name, seed=seed)
                for label, metric in table.metrics.items()
                if metric.columns.sees != "outcomes" and metric.columns.name not in ABOUT_JUDGES
            }
            for name in names
        },
        spent=with_judges(spent(folder), folder),
        fingerprints={**manifest.fingerprints, "suite": suite.sha256, "scoring": scoring},
        warnings=(*manifest.notes, *table.header.advice, *notes, *warnings(table)),
        volatile=Volatile(
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            host=platform.node(),
            python=platform.python_version(),
        ),
    )
    write_json(folder.summary_path, summary)
    return summary


def summarise(
    table: MarkTable, label: str, *, suite: Suite, slice_name: str | None, seed: int
) -> MetricSummary:
    """One metric over a run or a slice of it."""
    metric = table.metrics[label]
    columns = metric.columns
    kept, left_out = arm_units(table, label, slice_name=slice_name, failures="against_candidate")
    n = int(kept.sum())
    wanted = slice_mask(table, slice_name) if slice_name else slice(None)
    return MetricSummary(
        estimate=_estimate(table, label, suite=suite, slice_name=slice_name, seed=seed, n=n),
        value_answered=_answered_value(table, label, slice_name),
        n=n,
        n_failed=int(table.failed_n[wanted].sum()),
        n_unscored=left_out,
        n_unparsed=int(table.unparsed_n[wanted].sum()),
        signature=columns.signature,
        direction=columns.direction,
        scale=columns.scale,
        kind=columns.kind,
        reasons=metric.reasons if slice_name is None else {},
    )


def _answered_value(table: MarkTable, label: str, slice_name: str | None) -> float | None:
    """The metric's value over the answered units alone."""
    answered, _ = arm_rows(table, label, slice_name=slice_name, failures="left_out")
    return plain_value(table.metrics[label].columns, answered)


def _estimate(
    table: MarkTable, label: str, *, suite: Suite, slice_name: str | None, seed: int, n: int
) -> Estimated:
    """The estimate at level 1 - 2 alpha over n units, or why there is none."""
    alpha = suite.policy.alpha
    try:
        measured = absolute_effect(
            table, label, slice_name=slice_name, failures="against_candidate", seed=seed
        )
        effect = measured.effect
        bounds = effect.bounds(alpha)
    except TooFewSamples as error:
        return Undetermined(reason=error.message, n=n)
    return Estimate(
        value=effect.value,
        lower=min(bounds.lower, effect.value),
        upper=max(bounds.upper, effect.value),
        level=1.0 - 2.0 * alpha,
        method=effect.method,
        n=effect.n,
        n_clusters=effect.n_clusters,
    )


def with_judges(spent: Spent, folder: RunFolder) -> Spent:
    """The same with what judging took; cached judgements were paid by an earlier run."""
    if not folder.evidence_path.exists():
        return spent
    requests = prompt = completion = 0
    cost: float | None = None
    for entry in read_entries(folder.evidence_path, EvidenceEntry):
        if not isinstance(entry.evidence, Judgement):
            continue
        requests += 1
        outcome = entry.evidence.outcome
        if not isinstance(outcome, Answered):
            continue
        answer = outcome.completion
        if answer.usage is not None:
            prompt += answer.usage.prompt_tokens
            completion += answer.usage.completion_tokens
        if answer.cost_usd is not None and answer.provenance.source != "cached":
            cost = (cost or 0.0) + answer.cost_usd
    return msgspec.structs.replace(
        spent,
        judge_requests=requests,
        judge_prompt_tokens=prompt,
        judge_completion_tokens=completion,
        judge_cost_usd=cost,
    )


def warnings(table: MarkTable) -> list[str]:
    """What a reader of the numbers should know first."""
    found: list[str] = []
    for label, metric in table.metrics.items():
        columns = metric.columns
        if columns.sees == "outcomes" or not metric.answered_n.any():
            continue
        worst = columns.low if columns.direction == "higher" else columns.high
        value = _answered_value(table, label, None)
        if worst is not None and value == worst and len(table) > 1:
            found.append(
                f"{label} is {worst:g} on every sample: is the suite broken, or its extraction?"
            )
    if len(table.slices) > MOST_SLICES:
        found.append(f"{len(table.slices)} slices; the first {MOST_SLICES} are summed up")
    if table.failures:
        kinds = ", ".join(f"{count} {kind}" for kind, count in table.failures.items())
        found.append(f"{sum(table.failures.values())} of {len(table)} failed: {kinds}")
    return found
