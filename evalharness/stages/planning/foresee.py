"""foresee: the plan of a gate, from its references to its figures; asks nothing.

Reads: the suite, its data, earlier runs.  Gives: PlanFacts.
Depends on: execute (to open arms), planning, pilot.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from evalharness.clients.pricing import price_of
from evalharness.clients.stack import Shared
from evalharness.errors import SpecError
from evalharness.spec.suite import Suite
from evalharness.stages.arms import distinct, resolve_all
from evalharness.stages.execute import check_scoring, open_arm
from evalharness.stages.options import RunOptions
from evalharness.stages.plan import heldout
from evalharness.stages.planning.pilot import assumed_pairing, earlier_runs
from evalharness.stages.planning.power import (
    ArmPlan,
    Assumed,
    Pilot,
    PlanFacts,
    plan_arm,
    plan_power,
)
from evalharness.store.keys import derive_seed


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
    plans: list[ArmPlan] = []
    with tempfile.TemporaryDirectory() as folder:
        apart = replace(options, out=Path(folder))
        for arm in arms:
            if arm.run is not None or arm.recorded:
                continue  # nothing will be asked
            opened = open_arm(suite, arm, apart, Shared())
            price = arm.price or price_of(opened.client.identity, options.environment)
            plans.append(plan_arm(opened.plan, price))
            asyncio.run(opened.asker.close())
    return plan_power(suite, pilot, plans, n=n, better_by=assumed.gain, rng=rng)
