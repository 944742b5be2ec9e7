"""The plan of the A/B test as words: how much traffic, which looks, which alarms.

Reads: an OnlinePlan.  Gives: sentences and table rows.
Depends on: numbers, clean.  Computes no statistic.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.handover import OnlineGate, OnlinePlan
from evalharness.report import numbers
from evalharness.report.clean import one_line


def online_sentence(plan: OnlinePlan) -> str:
    """The plan in one sentence."""
    return (
        f"{one_line(plan.candidate)} against {one_line(plan.control)} at {_percent(plan.share)} of "
        f"the traffic takes {plan.n_total:,} units ({plan.n_candidate:,} to the candidate; "
        f"{one_line(plan.binding)} binds), {len(plan.looks)} looks, at least {plan.least_days} days"
    )


LOOK_HEADER = (
    "look",
    "units",
    "candidate",
    "ship if z above",
    "roll back if z above",
    "alpha spent",
)


def look_rows(plan: OnlinePlan) -> list[tuple[str, ...]]:
    """One row a look."""
    return [
        (
            f"{number} of {len(plan.looks)}",
            f"{look.n_total:,}",
            f"{look.n_candidate:,}",
            f"{look.ship_z:.3f}",
            f"{look.harm_z:.3f}",
            f"{look.alpha_spent:.4f}",
        )
        for number, look in enumerate(plan.looks, start=1)
    ]


GATE_HEADER = ("gate", "asked", "measured on", "units", "planned for")


def gate_rows(plan: OnlinePlan) -> list[tuple[str, ...]]:
    """One row a gate."""
    return [
        (
            one_line(gate.metric) + (f" [{one_line(gate.slice)}]" if gate.slice else ""),
            f"{gate.test} {numbers.exact(gate.threshold)} ({gate.role})",
            "every answer" if gate.seen == "logs" else "labelled answers",
            _units(gate),
            one_line(gate.planned),
        )
        for gate in plan.gates
    ]


def _units(gate: OnlineGate) -> str:
    return one_line(gate.note) if gate.n_total is None else f"{gate.n_total:,}"


def alarm_words(plan: OnlinePlan) -> Sequence[str]:
    """What stops the test before any metric is read, and how the looks decide."""
    split = f"{_percent(plan.share)} / {_percent(1 - plan.share)}"
    return (
        (
            f"Split: planned {split} by user or session; at every look the sequential check alarms "
            f"at alpha {numbers.exact(plan.srm_alarm)}, at the end chi-squared at "
            f"{numbers.exact(plan.srm_final)}; after an alarm no metric is read."
        ),
        (
            "Ship when every gate's score z lies above the look's boundary (O'Brien-Fleming "
            f"spending, one-sided alpha {numbers.exact(plan.alpha)}); roll back when a gate's "
            "score for harm does (Pocock spending, a budget of its own). Any other peek decides "
            "nothing."
        ),
    )


def _percent(share: float) -> str:
    return f"{numbers.exact(round(100 * share, 4))} %"
