"""SQuAD's and CoQA's scores by the official scripts themselves: `impl: reference`.

Reads: answers and references; a script that its authors publish.
Gives: the metrics of token_f1.py, scored by the functions of that script.
Depends on: base, hf_evaluate (for the copies in the package evaluate), token_f1.
No package holds these scripts, so a suite names its copy: evaluate-v1.1.py or evaluate-v2.0.py of
rajpurkar.github.io/SQuAD-explorer, evaluate-v1.0.py of stanfordnlp.github.io/coqa.  Without one,
evaluate (the extra `hf`) loads its copies of the first two, `squad` and `squad_v2`, from the hub.
The script runs in this process: name only one that you trust.  Its digest is in the signature.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final, TypeAlias

from evalharness.metrics.base import Judged, choice
from evalharness.metrics.hf_evaluate import load_module
from evalharness.metrics.token_f1 import ABSENT, SquadExactMatch, SquadMetric, TokenF1

Rule: TypeAlias = Callable[[str, Sequence[str]], float]
"""An answer and its references -> a score."""

_IN_EVALUATE: Final = {"v1": "squad", "v2": "squad_v2"}
_FUNCTIONS: Final = {
    "v1": ("metric_max_over_ground_truths", "exact_match_score", "f1_score"),
    "v2": ("get_raw_scores",),
    "coqa": ("CoQAEvaluator",),
}
_PUBLISHED: Final = {"v1": "evaluate-v1.1.py", "v2": "evaluate-v2.0.py", "coqa": "evaluate-v1.0.py"}


class _ByOfficialScript(SquadMetric):
    """What both metrics share: the script, and the score of one answer by it.

    script: its path; needed for `coqa`.
    Raises ValueError where it lacks the functions of the variant, MissingExtra and SpecError where
    evaluate is needed and cannot be had.
    """

    place: ClassVar[int]
    """Which of the script's two scores: 0 is exact match, 1 is F1."""

    def __init__(self, *, variant: str = "v1", script: str | None = None) -> None:
        choice("variant", variant, tuple(RULES))
        path = evaluates_copy(variant) if script is None else Path(script).expanduser()
        module = loaded(path, variant)
        self.script = script
        self.rule = RULES[variant](module, self.place)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        self.implementation = (f"impl:{digest}",)
        super().__init__(variant=variant)

    def __reduce__(self) -> tuple[Any, ...]:  # Any: what pickle asks for
        return _again, (type(self), self.variant, self.script)

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """One score an answer."""
        absent = ABSENT[self.variant]
        return [
            absent
            if absent is not None and not item.sample.targets
            else self.rule(item.text, item.sample.targets)
            for item in items
        ]


class ReferenceSquadExactMatch(_ByOfficialScript, SquadExactMatch):
    """Exact match by the official script."""

    place = 0


class ReferenceTokenF1(_ByOfficialScript, TokenF1):
    """Token F1 by the official script."""

    place = 1


def _again(kind: type[_ByOfficialScript], variant: str, script: str | None) -> _ByOfficialScript:
    """A metric made in another process."""
    return kind(variant=variant, script=script)


def loaded(path: Path, variant: str) -> ModuleType:
    """The script as a module. Raises ValueError where it is none, or another variant's."""
    spec = importlib.util.spec_from_file_location(f"official_{variant}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"script: there is no Python file '{path}'")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"script: '{path}' cannot be run: {error!r}") from error
    lacking = [name for name in _FUNCTIONS[variant] if not hasattr(module, name)]
    if lacking:
        raise ValueError(
            f"script: '{path}' has no {', '.join(lacking)}; variant {variant} is scored by "
            f"{_PUBLISHED[variant]}"
        )
    return module


def evaluates_copy(variant: str) -> Path:
    """The script in evaluate's module, from the hub or its cache.

    Raises ValueError for a variant that evaluate has not, MissingExtra, SpecError.
    """
    if variant not in _IN_EVALUATE:
        raise ValueError(
            f"impl: reference with variant: {variant} needs script, a path to {_PUBLISHED[variant]}"
        )
    module = load_module(_IN_EVALUATE[variant])
    return Path(inspect.getfile(type(module))).with_name("compute_score.py")


def _v1(script: ModuleType, place: int) -> Rule:
    """The best over the references, as `evaluate` of the script has it for one question."""
    score = (script.exact_match_score, script.f1_score)[place]
    return lambda text, targets: float(
        script.metric_max_over_ground_truths(score, text, list(targets))
    )


def _v2(script: ModuleType, place: int) -> Rule:
    """The script's own loop over a data set of one question."""

    def score(text: str, targets: Sequence[str]) -> float:
        """One answer by the script, as a data set of one question."""
        answers = [{"text": target} for target in targets]
        data = [{"paragraphs": [{"qas": [{"id": "", "answers": answers}]}]}]
        return float(script.get_raw_scores(data, {"": text})[place][""])

    return score


def _coqa(script: ModuleType, place: int) -> Rule:
    """The script's own leave-one-out over one turn."""
    key = ("em", "f1")[place]
    turn = script.CoQAEvaluator._compute_turn_score  # noqa: SLF001  (the public one reads a file)
    return lambda text, targets: float(turn(list(targets), text)[key])


RULES: Final = {"v1": _v1, "v2": _v2, "coqa": _coqa}
