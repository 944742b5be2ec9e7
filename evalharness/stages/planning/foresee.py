"""foresee: the plan of a gate, from its references to its figures; asks nothing.

Reads: the suite, its data, earlier runs.  Gives: PlanFacts.
Depends on: execute (to open arms), judge_bill, power, pilot.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evalharness.clients.pricing import price_of
from evalharness.clients.stack import Asker, Shared
from evalharness.contracts import Source
from evalharness.errors import SpecError
from evalharness.spec.judges import pair_labels
from evalharness.spec.suite import Suite
from evalharness.stages.arms import Arm, distinct, resolve_all
from evalharness.stages.execute import Opened, check_scoring, open_arm
from evalharness.stages.extraction import build_extractor
from evalharness.stages.judging.judge import Answers, shown_program
from evalharness.stages.options import RunOptions
from evalharness.stages.pairing import Pairing
from evalharness.stages.plan import data_fingerprint, heldout, program_of
from evalharness.stages.planning.arm_bill import DEFAULT_ANSWER_TOKENS, plan_arm
from evalharness.stages.planning.facts import ArmPlan, JudgePlan, PlanFacts
from evalharness.stages.planning.judge_bill import (
    Contestant,
    Recorded,
    Texts,
    Unwritten,
    plan_judges,
)
from evalharness.stages.planning.pilot import Assumed, Pilot, assumed_pairing, earlier_runs
from evalharness.stages.planning.power import plan_power
from evalharness.store.keys import derive_seed

if TYPE_CHECKING:
    from evalharness.data.recordings import Recording
    from evalharness.store.runs import RunFolder


def foresee(
    suite: Suite, references: tuple[str, str], options: RunOptions, assumed: Assumed
) -> PlanFacts:
    """What a gate of (baseline, candidate) over a suite takes, and what it would decide.

    Raises SpecError for a suite without gates; otherwise as opening the arms does.
    """
    import numpy as np

    check_scoring(suite)
    if not suite.policy.gates:
        raise SpecError(
            f"suite '{suite.name}' has no gates to plan for",
            where=f"{suite.place}, policy.gates",
            mend="add at least one gate",
        )
    arms = distinct(resolve_all(references, options, suite=suite.name))
    n = sum(1 for _ in heldout(suite, options))
    seed = options.seed if options.seed is not None else (suite.generation.seed or 0)
    rng = np.random.default_rng(derive_seed(seed, "plan"))
    earlier = earlier_runs(suite, options.out, arms[0].name, arms[1].name)
    pilot = (
        Pilot(earlier, "the pairs of earlier runs")
        if earlier is not None
        else Pilot(assumed_pairing(suite, assumed, n=max(n, 200), rng=rng), assumed.words())
    )
    plans, judges = _bill(suite, arms, options, _paces(arms, earlier))
    facts = plan_power(suite, pilot, plans, n=n, better_by=assumed.gain, rng=rng)
    hashes = {**facts.hashes, "data": data_fingerprint(suite.data, suite, options)}
    basis = facts.basis + _unseen(suite)
    return msgspec.structs.replace(facts, basis=basis, judges=tuple(judges), hashes=hashes)


def _unseen(suite: Suite) -> str:
    """Gates that only a pair of arms can show, and no pilot of single answers."""
    names = [gate.metric for gate in suite.policy.gates if gate.metric in pair_labels(suite)]
    return f"; not in these figures: {', '.join(names)} (judged on pairs)" if names else ""


def _paces(arms: Sequence[Arm], earlier: Pairing | None) -> dict[str, float]:
    """Mean seconds a request, of both arms, as earlier runs measured them; none without."""
    found = {}
    tables = (earlier.baseline, earlier.candidate) if earlier is not None else ()
    for arm, table in zip(arms, tables, strict=False):
        metric = table.metrics.get("latency_mean_s")
        if metric is not None and metric.answered_n.any():
            found[arm.name] = float(metric.rows_nk[metric.answered_n, 0].mean())
    return found


def _bill(
    suite: Suite, arms: Sequence[Arm], options: RunOptions, paces: Mapping[str, float]
) -> tuple[list[ArmPlan], list[JudgePlan]]:
    """What asking the arms takes, and what judging their answers takes.

    paces: mean seconds a request, of the arms whose latency is known.
    """
    plans: list[ArmPlan] = []
    contestants: list[Contestant] = []
    source = heldout(suite, options)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        apart = replace(options, out=Path(folder))
        for arm in arms:
            if arm.run is not None:
                contestants.append(_with_run(suite, source, arm.name, arm.run, held))
                continue
            opened = open_arm(suite, arm, apart, Shared(), source=source)
            held.callback(_close, opened.asker)
            contestants.append(_without_run(suite, opened))
            if not arm.recorded:
                price = arm.price or price_of(opened.client.identity, options.environment)
                asked = plan_arm(opened.plan, price)
                pace = paces.get(arm.name)
                connections = max(1, opened.asker.limits.max_connections)
                taking = None if pace is None else asked.requests * pace / connections
                plans.append(msgspec.structs.replace(asked, seconds=taking))
        return plans, plan_judges(suite, source, contestants, options) if suite.judges else []


def _with_run(
    suite: Suite, source: Source, name: str, run: RunFolder, held: ExitStack
) -> Contestant:
    """An arm whose answers lie in a run."""
    answers = Answers(suite, source, run)
    held.callback(answers.close)
    shown = [shown_program(judge, answers) for judge in suite.judges]
    return Contestant(
        name=name,
        texts=answers,
        repeats=answers.manifest.suite.generation.repeats,
        program=next((program for program in shown if program is not None), None),
        run=run,
    )


def _without_run(suite: Suite, opened: Opened) -> Contestant:
    """An arm that is recorded, or still to be asked."""
    plan = opened.plan
    recording: Recording | None = getattr(opened.client, "recording", None)
    texts: Texts
    if recording is not None:
        texts = Recorded(recording, build_extractor(suite.extract, where=suite.place))
    else:
        texts = Unwritten(plan.name, plan.generation.max_tokens or DEFAULT_ANSWER_TOKENS)
    program = plan.program
    if program is None and any(judge.source == "prompt" for judge in suite.judges):
        program = program_of(suite, opened.arm, plan.source, "prompts")
    return Contestant(name=plan.name, texts=texts, repeats=plan.generation.repeats, program=program)


def _close(asker: Asker) -> None:
    """Close what an arm was opened with."""
    asyncio.run(asker.close())
