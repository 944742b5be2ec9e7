"""decide: suites, a candidate and baselines -> runs, comparisons, and (for a gate) one verdict.

Reads and writes: run folders, runs/gates/<id>/gate.json.
Depends on: blessed (which executes), compare, verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evalharness.clients.stack import Shared
from evalharness.errors import SpecError, UsageError
from evalharness.handover import OnlineGate, OnlinePlan
from evalharness.online.plan import Arms, online_gates, online_plan
from evalharness.results import ComparisonRow, GateArm, GateFile, GateRow, Invalid, Volatile
from evalharness.spec.locate import find_suite
from evalharness.spec.read import digest, read_suite
from evalharness.spec.suite import Policy, Suite
from evalharness.stages.arms import Arm, distinct, resolve, resolve_all
from evalharness.stages.blessed import execute_with_blessed, resolve_baseline, stale
from evalharness.stages.compare import compare_tables
from evalharness.stages.deciding.integrity import sandbox_stamps
from evalharness.stages.deciding.needed import beyond_this_set
from evalharness.stages.deciding.spending import (
    UNACCOUNTED,
    Allowance,
    Evidence,
    allowance,
    entries_of,
    evidence_of,
    write_down,
)
from evalharness.stages.deciding.verdict import judge, verdict
from evalharness.stages.judging.duelling import Duels
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.pairing import pair
from evalharness.stages.planning.facts import CalibrationRow
from evalharness.stages.planning.power import calibrate
from evalharness.stages.planning.power_curves import power_curves
from evalharness.stages.planning.sealed import Kept, kept
from evalharness.stages.standings.standing import Placed, SuiteStanding, stand_suite, standings
from evalharness.store.keys import derive_seed, sha256_of
from evalharness.store.marks import MarkTable, read_marks
from evalharness.store.runs import RunFolder, read_json, write_json

EXPLORATORY = "EXPLORATORY"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """What a gate is asked to decide.

    policy: instead of every suite's own; the verdict is then stamped EXPLORATORY.
    reproduce: the command that asks for it again.
    """

    suites: tuple[Suite, ...]
    candidates: tuple[str, ...]
    baselines: tuple[str, ...]
    policy: Policy | None = None
    reproduce: str = ""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One suite's runs, compared and judged.

    accounts: what each candidate was judged on and the alpha that this may spend.
    """

    suite: Suite
    arms: list[GateArm]
    gates: list[GateRow] = field(default_factory=list)
    comparisons: list[ComparisonRow] = field(default_factory=list)
    invalid: list[Invalid] = field(default_factory=list)
    n_paired: list[int] = field(default_factory=list)
    accounts: list[tuple[Evidence, Allowance]] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    standing: list[SuiteStanding] = field(default_factory=list)
    online: list[OnlineGate] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def gate(request: GateRequest, options: RunOptions, report: Report) -> Path:
    """Run what is missing, judge every gate, write gate.json; gives the gate's folder.

    Raises SpecError for a suite without gates; otherwise as `execute`.
    """
    started = options.clock()
    suites = [_with_policy(suite, request.policy) for suite in request.suites]
    for suite in suites:
        if not any(gate.role != "diagnostic" for gate in suite.policy.gates):
            raise SpecError(
                f"suite '{suite.name}' has no gates, so nothing could be decided",
                where=f"{suite.place}, policy.gates",
                mend="add at least one gate with role primary or guardrail",
            )
    shared = Shared()
    judged = [_judge_suite(suite, request, options, report, shared=shared) for suite in suites]
    gates = tuple(row for part in judged for row in part.gates)
    invalid = tuple(reason for part in judged for reason in part.invalid)
    alpha = min(allowed.alpha for part in judged for _, allowed in part.accounts)
    decided = verdict(
        gates,
        invalid,
        alpha=alpha,
        n_paired=min((n for part in judged for n in part.n_paired), default=0),
        stamps=_stamps(request, judged),
    )
    hashes = _hashes(suites, judged, options)
    warnings = [warning for part in judged for warning in part.warnings]
    if request.policy is None:
        for part in judged:
            for evidence, allowed in part.accounts:
                write_down(part.suite, evidence, allowed, decided.state, now=options.clock())
            plan = _plan_of(part, hashes, options)
            warnings += [plan.warning] if plan.warning else []
            hashes.update({f"{part.suite.name}.plan": plan.sha256} if plan.sha256 else {})
    file = GateFile(
        gate="",
        kind="gate",
        arms=tuple(arm for part in judged for arm in part.arms),
        verdict=decided,
        gates=gates,
        comparisons=tuple(row for part in judged for row in part.comparisons),
        standings=standings([one for part in judged for one in part.standing], gates, alpha=alpha),
        online=_online(judged) if decided.state == "READY" else None,
        power=power_curves(gates, [row for part in judged for row in part.comparisons]),
        invalid=invalid,
        warnings=tuple(warnings),
        hashes=hashes,
        reproduce=request.reproduce,
        volatile=_volatile(started, options),
    )
    return _write(file, options.out)


def compare_runs(
    references: Sequence[str],
    suite_name: str | None,
    options: RunOptions,
    report: Report,
    *,
    alpha: float,
) -> Path:
    """Compare candidates with a baseline (the first reference); gives the comparison's folder.

    Raises PairingError where two runs share no samples or asked different ones.
    """
    started = options.clock()
    suite = _suite_of(references, suite_name)
    suite = msgspec.structs.replace(
        suite, policy=msgspec.structs.replace(suite.policy, alpha=alpha)
    )
    baseline = resolve_baseline(references[0], suite=suite.name, out=options.out)
    candidates = resolve_all(references[1:], options, suite=suite.name)
    arms = distinct([baseline, *candidates])
    shared = Shared()
    duels = Duels(suite, options, report, shared=shared)
    folders = execute_with_blessed(suite, arms, options, report, shared=shared)
    tables = [read_marks(folder.marks_path) for folder in folders]
    rows: list[ComparisonRow] = []
    for arm, folder, table in zip(arms[1:], folders[1:], tables[1:], strict=True):
        pairing = pair(*duels.judged((tables[0], table), (folders[0], folder)))
        rows += compare_tables(
            pairing,
            suite=suite,
            names=(arms[0].name, arm.name),
            seed=options.seed or 0,
        )
    placed = [
        Placed(arm.name, "arm", table, folder)
        for arm, table, folder in zip(arms, tables, folders, strict=True)
    ]
    file = GateFile(
        gate="",
        kind="compare",
        arms=tuple(_arms_of(suite, arms, folders, options.out, baselines=1)),
        comparisons=tuple(rows),
        standings=standings(
            [stand_suite(suite, placed, (), (), seed=options.seed or 0)], (), alpha=alpha
        ),
        warnings=tuple(duels.warnings),
        hashes={f"{suite.name}.suite": suite.sha256},
        reproduce=f"evalharness compare {' '.join(references)} --suite {suite.name}",
        volatile=_volatile(started, options),
    )
    return _write(file, options.out)


def calibration(folder: Path, options: RunOptions, *, draws: int) -> list[CalibrationRow]:
    """How often the policy of a gate errs on data of its own shape, for each suite and pair.

    folder: the gate's.  Raises StoreError.
    """
    import numpy as np

    file = read_json(folder / "gate.json", GateFile)
    rows: list[CalibrationRow] = []
    seed = options.seed or 0
    for suite_name in dict.fromkeys(arm.suite for arm in file.arms):
        arms = [arm for arm in file.arms if arm.suite == suite_name]
        baselines = [arm for arm in arms if arm.role == "baseline"]
        for candidate in (arm for arm in arms if arm.role == "candidate"):
            runs = [RunFolder(options.out / arm.run) for arm in (baselines[0], candidate)]
            pairing = pair(*(read_marks(run.marks_path) for run in runs))
            policy = runs[1].manifest().suite.policy
            rng = np.random.default_rng(derive_seed(seed, "calibrate", suite_name, candidate.name))
            rows += calibrate(pairing, policy, draws=draws, rng=rng)
    return rows


def _with_policy(suite: Suite, policy: Policy | None) -> Suite:
    return suite if policy is None else msgspec.structs.replace(suite, policy=policy)


def _suite_of(references: Sequence[str], name: str | None) -> Suite:
    """The suite that a comparison is about: named, or the one that the runs are of."""
    if name is not None:
        return read_suite(find_suite(name))
    for reference in references:
        arm = resolve(reference)
        if arm.run is not None:
            return arm.run.manifest().suite
    raise UsageError(
        "the arms are no runs, so the suite is not known", mend="name it with --suite SUITE"
    )


def _judge_suite(
    suite: Suite, request: GateRequest, options: RunOptions, report: Report, *, shared: Shared
) -> _Judged:
    """Execute, compare and judge one suite."""
    baselines = [
        resolve_baseline(reference, suite=suite.name, out=options.out)
        for reference in request.baselines
    ]
    candidates = resolve_all(request.candidates, options, suite=suite.name)
    arms = distinct([*baselines, *candidates])
    duels = Duels(suite, options, report, shared=shared)
    folders = execute_with_blessed(suite, arms, options, report, shared=shared)
    tables = [read_marks(folder.marks_path) for folder in folders]
    count = len(request.baselines)
    judged = _Judged(suite, list(_arms_of(suite, arms, folders, options.out, baselines=count)))
    judged.invalid.extend(stale(suite, arms, options))
    for place in range(count, len(arms)):
        evidence = evidence_of(suite, folders[place].manifest(), [*tables[:count], tables[place]])
        allowed = allowance(suite, evidence, entries_of(suite))
        judged.accounts.append((evidence, allowed))
        judged.stamps.extend(sandbox_stamps(folders[place]))
        if allowed.refused is not None:
            judged.invalid.append(allowed.refused)
        spent = msgspec.structs.replace(
            suite, policy=msgspec.structs.replace(suite.policy, alpha=allowed.alpha)
        )
        for number, baseline in enumerate(arms[:count]):
            both = duels.judged((tables[number], tables[place]), (folders[number], folders[place]))
            _judge_pair(spent, both, (baseline.name, arms[place].name), options, judged)
    judged.warnings.extend(duels.warnings)
    least = min((allowed.alpha for _, allowed in judged.accounts), default=suite.policy.alpha)
    spent = msgspec.structs.replace(
        suite, policy=msgspec.structs.replace(suite.policy, alpha=least)
    )
    placed = [
        Placed(arm.name, "baseline" if number < count else "candidate", table, folder)
        for number, (arm, table, folder) in enumerate(zip(arms, tables, folders, strict=True))
    ]
    seed = options.seed if options.seed is not None else (suite.generation.seed or 0)
    judged.standing.append(stand_suite(spent, placed, judged.gates, judged.invalid, seed=seed))
    judged.online.extend(_sized(judged, placed, seed))
    return judged


def _sized(judged: _Judged, placed: Sequence[Placed], seed: int) -> list[OnlineGate]:
    """The gates of the only candidate against the first baseline, sized for traffic."""
    candidates = [arm for arm in placed if arm.role == "candidate"]
    rows = [
        row
        for row in judged.gates
        if row.baseline == placed[0].name and row.candidate_arm == candidates[0].name
    ]
    open_ = [row for row in rows if row.role != "diagnostic" and row.outcome != "PASS"]
    if len(candidates) > 1 or judged.invalid or open_:
        return []  # nothing to hand over
    arms = Arms(placed[0].table, candidates[0].table)
    seen = [row for row in rows if row.metric in arms.candidate.metrics]  # no judge of pairs there
    return online_gates(seen, arms, judged.suite.policy, seed=seed)


def _online(judged: Sequence[_Judged]) -> OnlinePlan | None:
    """The A/B test of a READY candidate, over all suites."""
    first = judged[0]
    names = (first.arms[0].name, first.arms[-1].name)
    return online_plan([gate for part in judged for gate in part.online], names, first.suite.policy)


def _stamps(request: GateRequest, judged: Sequence[_Judged]) -> tuple[str, ...]:
    """What the verdict rests on, in words that every report shows."""
    stamps = [EXPLORATORY] if request.policy is not None else []
    stamps += [stamp for part in judged for stamp in part.stamps]
    if any(part.suite.policy.ledger is None for part in judged):
        stamps.append(UNACCOUNTED)
    return tuple(dict.fromkeys(stamps))


def _judge_pair(
    suite: Suite,
    tables: tuple[MarkTable, MarkTable],
    names: tuple[str, str],
    options: RunOptions,
    judged: _Judged,
) -> None:
    """Add one pair's comparisons, gates and reasons of invalidity."""
    pairing = pair(*tables)
    seed = options.seed if options.seed is not None else (suite.generation.seed or 0)
    gates, invalid = judge(pairing, suite=suite, names=names, seed=seed)
    judged.gates.extend(gates if options.limit or options.shard else beyond_this_set(gates))
    judged.invalid.extend(invalid)
    judged.n_paired.append(len(pairing))
    if len(pairing) and not pairing.changed:
        judged.comparisons.extend(compare_tables(pairing, suite=suite, names=names, seed=seed))


def _arms_of(
    suite: Suite, arms: Sequence[Arm], folders: Sequence[RunFolder], out: Path, *, baselines: int
) -> Iterator[GateArm]:
    for number, (arm, folder) in enumerate(zip(arms, folders, strict=True)):
        yield GateArm(
            suite=suite.name,
            name=arm.name,
            role="baseline" if number < baselines else "candidate",
            run=_run_name(folder, out),
        )


def _run_name(folder: RunFolder, out: Path) -> str:
    """A run's name below `out`, or its whole path where it lies elsewhere."""
    beside = folder.path.parent.resolve() == out.resolve()
    return folder.path.name if beside else str(folder.path.resolve())


def _hashes(
    suites: Sequence[Suite], judged: Sequence[_Judged], options: RunOptions
) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for suite, part in zip(suites, judged, strict=True):
        hashes[f"{suite.name}.suite"] = suite.sha256
        hashes[f"{suite.name}.policy"] = digest(suite.policy)
        for arm in part.arms:
            manifest = RunFolder(options.out / arm.run).manifest()
            hashes[f"{suite.name}.data"] = manifest.fingerprints["data"]
    return hashes


def _plan_of(part: _Judged, hashes: Mapping[str, str], options: RunOptions) -> Kept:
    """The plan that one suite's gate answers to, if it was planned."""
    name = part.suite.name
    bound = {kind: hashes[f"{name}.{kind}"] for kind in ("policy", "data")}
    return kept(options.out, name, bound, n=min(part.n_paired, default=0))


def _volatile(started: float, options: RunOptions) -> Volatile:
    import platform

    from evalharness.version import VERSION

    return Volatile(
        created_at=datetime.fromtimestamp(options.clock(), tz=UTC).isoformat(timespec="seconds"),
        wall_s=round(max(0.0, options.clock() - started), 3),
        host=platform.node(),
        python=platform.python_version(),
        version=VERSION,
    )


def _write(file: GateFile, out: Path) -> Path:
    """gate.json in its folder: the same comparison of the same runs keeps its place."""
    bound = {name: value for name, value in file.hashes.items() if not name.endswith(".plan")}
    identity = sha256_of((file.kind, file.arms, bound))[:8]
    folder = out / "gates" / f"{identity}-1"
    write_json(folder / "gate.json", msgspec.structs.replace(file, gate=folder.name))
    plan = folder / "online_plan.json"
    if file.online is not None:
        write_json(plan, file.online)
    else:
        plan.unlink(missing_ok=True)  # of an earlier verdict on the same runs
    return folder
