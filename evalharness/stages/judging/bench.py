"""The bench: a suite's judge as somebody who can be asked, and whom it must not judge.

Reads: baseline files.  Gives: `Bench`, `open_bench`; what must be refused or told beforehand.
Depends on: arms, asking, clients (opened by name), prompts.judging.
A model that judges its own answers prefers them (Panickssery et al. 2024, arXiv:2404.13076), so it
is refused unless the suite asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness.clients.stack import Asker, Shared, bills, build_asker, open_client
from evalharness.contracts import Identity
from evalharness.errors import SpecError, UsageError
from evalharness.prompts.judging import JudgeProgram
from evalharness.spec.suite import GenerationSpec, JudgeSpec, Suite
from evalharness.stages.arms import Arm, resolve
from evalharness.stages.asking import settings_of
from evalharness.stages.options import RunOptions

ARM = "{arm}"
"""In a judge's `model`: the name of the arm that is judged, for recorded judgements."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One judge, opened: who is asked and how."""

    spec: JudgeSpec
    program: JudgeProgram
    identity: Identity
    asker: Asker
    generation: GenerationSpec

    @property
    def who(self) -> str:
        """The judge's provider and model."""
        return f"{self.identity.provider}/{self.identity.model}"


def judge_place(suite: Suite, judge: JudgeSpec) -> str:
    """Where a judge stands, for errors."""
    return f"{suite.place}, judges, '{judge.name}'"


def judge_arm(suite: Suite, judge: JudgeSpec, *, about: str = "") -> Arm:
    """The model that a judge is, found as `--model` finds one; files beside the suite first.

    about: the arm that is judged.  Raises UsageError for a reference that means nothing.
    """
    reference = (judge.model or "").replace(ARM, about)
    beside = Path(suite.base) / reference
    arm = resolve(str(beside) if beside.is_file() else reference, suite=suite.name)
    if arm.run is not None:
        raise SpecError(
            f"'{reference}' is a run: its answers are no judgements",
            where=judge_place(suite, judge),
            mend="name a model, a baseline file or recorded judgements",
        )
    return arm


def open_bench(
    suite: Suite, judge: JudgeSpec, options: RunOptions, shared: Shared, *, about: str
) -> Bench:
    """A judge's client in its wrappers; nothing is asked yet. Raises as opening an arm does."""
    arm = judge_arm(suite, judge, about=about)
    if arm.prompt is not None:
        raise SpecError(
            f"the baseline of judge '{judge.name}' brings a prompt, which no judge reads",
            where=f"{arm.where}, prompt",
            mend="write it in the suite, as the judge's `system` or `template`",
        )
    given = dict(arm.options)
    if arm.recorded and arm.outputs:
        given["fields"] = dict(arm.outputs)
    settings = settings_of(arm, options, given)
    client = open_client(arm.provider, arm.model, settings)
    return Bench(
        spec=judge,
        program=JudgeProgram(judge, where=judge_place(suite, judge)),
        identity=client.identity,
        asker=build_asker(client, settings, shared=shared),
        generation=arm.generation or judge.generation,
    )


def check_benches(suite: Suite, options: RunOptions, shared: Shared) -> None:
    """Open and close the judges of single answers, before the arms are asked for money.

    Raises what opening does (no such model, no key, no price under --max-cost), and UsageError
    where nothing bounds a reply's length under --max-cost.
    """
    for judge in suite.judges:
        if judge.kind == "preference" or judge.model is None or ARM in judge.model:
            continue  # recorded judgements of an arm may come later than its answers
        bench = open_bench(suite, judge, options, shared, about="")
        asyncio.run(bench.asker.close())
        if options.max_cost_usd is None or bench.generation.max_tokens is not None:
            continue
        if bills(bench.identity):
            raise UsageError(
                f"--max-cost needs a bound on the length of what judge '{judge.name}' replies",
                where=judge_place(suite, judge),
                mend="add `generation: {max_tokens: 300}` to the judge",
            )


def cold_repeats(suite: Suite) -> list[str]:
    """Warnings about judges that are asked again and again at temperature 0."""
    return [
        f"judge '{judge.name}' is asked {judge.repeats} times at temperature 0, where a seed moves "
        "little: its noise may look smaller than it is (generation: {temperature: 0.7})"
        for judge in suite.judges
        if judge.repeats > 1 and not judge.generation.temperature and not judge.model_sha256
    ]


def refuse_self_judging(suite: Suite, judged: Sequence[Identity]) -> None:
    """Raise SpecError where a judge is one of the models that it would judge."""
    for judge in suite.judges:
        if judge.model is None or judge.allow_self_judging or ARM in judge.model:
            continue
        arm = judge_arm(suite, judge)
        for identity in judged:
            if _is_same(arm, identity):
                raise SpecError(
                    f"judge '{judge.name}' is {identity.provider}/{identity.model}, which is one "
                    "of the arms: a model prefers its own answers",
                    where=judge_place(suite, judge),
                    mend="take another judge, or say `allow_self_judging: true`",
                )


def _is_same(arm: Arm, identity: Identity) -> bool:
    """Whether an arm is this model; behind another address it is still the same model."""
    if arm.recorded or identity.provider == "replay":
        return False
    if arm.provider == "scripted" or identity.provider == "scripted":
        return (arm.provider, _asked(arm.model)) == (identity.provider, _asked(identity.model))
    return arm.model.casefold() == identity.model.casefold()


def _asked(model: str) -> str:
    return model.partition("?")[0]
