"""What an offline verdict hands over to production: the plan of an A/B test, as data.

Reads: nothing.  Gives: the records of online_plan.json.
Depends on: records.  Knows nothing of how they came about or how they are shown.
"""

from __future__ import annotations

from typing import Literal

from evalharness.records import FORMAT, GateRole, GateTest, Record


class OnlineGate(Record, frozen=True, kw_only=True):
    """One gate of the policy, as it is asked of traffic.

    threshold: as in the policy's gate, in its own units.  seen: `logs` is measured on every
    answer; `labels` needs a reference, a rating or a judge on each unit that is counted.
    n_total: units of both arms for the policy's power, looks included; None where no number can be
    given, `note` says why.  planned: what truth that is planned for.
    """

    suite: str
    metric: str
    role: GateRole
    test: GateTest
    threshold: float
    seen: Literal["logs", "labels"]
    n_total: int | None
    planned: str
    note: str = ""
    scale: str = "plain"
    slice: str | None = None


class OnlineLook(Record, frozen=True, kw_only=True):
    """One planned look: what a score z must exceed to ship, or to roll back, after n units.

    alpha_spent, harm_spent: of the two budgets so far, one-sided.
    """

    information: float
    n_total: int
    n_candidate: int
    ship_z: float
    ship_alpha: float
    alpha_spent: float
    harm_z: float
    harm_spent: float


class OnlinePlan(Record, frozen=True, kw_only=True):
    """The A/B test that an offline READY earns: online_plan.json.

    share: of the traffic for the candidate.  n_total: units (users or sessions, not requests) of
    both arms, decided by the `binding` gate.  srm_alarm: alpha of the sequential check of the
    split at every look; srm_final: of the chi-squared test at the end.  least_days: a whole week,
    whatever the traffic.
    """

    candidate: str
    control: str
    share: float
    alpha: float
    power: float
    spending: Literal["obrien_fleming", "pocock"]
    harm_spending: Literal["obrien_fleming", "pocock"]
    inflation: float
    n_total: int
    n_candidate: int
    binding: str
    gates: tuple[OnlineGate, ...]
    looks: tuple[OnlineLook, ...]
    srm_alarm: float
    srm_final: float
    least_days: int
    format: int = FORMAT
