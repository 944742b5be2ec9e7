"""The sandbox behind the interface of evaluate's `code_eval`: the same call, without the danger.

    from evalharness.integrations.code_eval import CodeEval
    pass_at_k, results = CodeEval().compute(references=tests, predictions=programs, k=[1, 10])

Reads: programs and tests.  Gives: CodeEval.  Depends on: sandbox, stats.passk; not on evaluate.
Source: huggingface/evaluate, metrics/code_eval, for the names and shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypedDict

from evalharness.errors import DataError, SandboxError
from evalharness.records import CodeTask, Execution
from evalharness.sandbox import Job, Limits, Sandbox
from evalharness.stats.passk import pass_at_k

_USUAL_K: Final = (1, 10, 100)
_TIMED_OUT: Final = ("timeout_wall", "timeout_cpu")


class Result(TypedDict):
    """What became of one program; result: "passed", "timed out" or "failed: why"."""

    task_id: int
    passed: bool
    result: str
    completion_id: int


Results = dict[int, list[tuple[int, Result]]]


class CodeEval:
    """What `evaluate.load("code_eval")` gives, run in the sandbox.

    No environment variable has to allow it.  The tests run in another process than the program, and
    call it by name; a program's functions never run in the caller's process.
    """

    def compute(
        self,
        *,
        references: Sequence[str],
        predictions: Sequence[Sequence[str]],
        k: Sequence[int] | None = None,
        num_workers: int = 4,
        timeout: float = 3.0,
    ) -> tuple[dict[str, float], Results]:
        """({"pass@k": value}, results): problem number -> its (completion number, result).

        references: one test source a problem.  predictions: its programs.  k: None takes those of
        1, 10 and 100 that every problem has programs for; one that is asked for must be had.
        timeout: seconds a program.

        Raises DataError for unequal lengths, a problem without programs, a k that some problem has
        too few programs for (evaluate leaves it out in silence), or tests that are themselves
        broken; SandboxError where no sandbox works.

        >>> tests, programs = ["assert add(2,3)==5"], [["def add(a,b): return a*b"]]
        >>> CodeEval().compute(references=tests, predictions=programs)[0]  # doctest: +SKIP
        {'pass@1': 0.0}
        """
        wanted = _allowed(references, predictions, k)
        limits = Limits(wall_s=timeout)
        results: Results = {number: [] for number in range(len(references))}
        with Sandbox(workers=num_workers, limits=limits) as box:
            executions = box.run_many(_jobs(references, predictions))
            places = [
                (n, c) for n, programs in enumerate(predictions) for c in range(len(programs))
            ]
            for (number, completion), found in zip(places, executions, strict=True):
                results[number].append((completion, _result(number, completion, found)))
        counts = [
            (len(found), sum(result["passed"] for _, result in found)) for found in results.values()
        ]
        values = {
            f"pass@{one}": sum(pass_at_k(n, c, one) for n, c in counts) / len(counts)
            for one in wanted
        }
        return values, results


def _allowed(
    references: Sequence[str], predictions: Sequence[Sequence[str]], k: Sequence[int] | None
) -> list[int]:
    """The k to compute. Raises DataError for what cannot be computed."""
    if len(references) != len(predictions) or not references:
        raise DataError(
            f"{len(predictions)} lists of programs but {len(references)} tests",
            mend="give one test source and one list of programs for each problem",
        )
    fewest, number = min((len(programs), n) for n, programs in enumerate(predictions))
    if not fewest:
        raise DataError(f"problem {number} has no program", mend="leave it out, or give one")
    if k is None:
        return [one for one in _USUAL_K if one <= fewest]
    for one in k:
        if not 1 <= one <= fewest:
            raise DataError(
                f"pass@{one} needs {one} programs of every problem, problem {number} has {fewest}",
                mend=f"ask for k of 1 to {fewest}, or sample more",
            )
    return list(k)


def _jobs(references: Sequence[str], predictions: Sequence[Sequence[str]]) -> Iterator[Job]:
    for number, (tests, programs) in enumerate(zip(references, predictions, strict=True)):
        code = CodeTask(tests=tests, style="asserts")
        for program in programs:
            yield Job(task=str(number), program=program, code=code)


def _result(number: int, completion: int, found: Execution) -> Result:
    """A program's result. Raises where it says nothing about the program."""
    if found.status == "infra_error":
        raise SandboxError(f"problem {number}: {found.detail}", mend="run it again")
    if found.status == "checker_error":
        raise DataError(
            f"the tests of problem {number} are broken: {found.detail}",
            mend="make its canonical solution pass first",
        )
    words = "timed out" if found.status in _TIMED_OUT else f"failed: {found.detail}"
    return Result(
        task_id=number,
        passed=found.status == "passed",
        result="passed" if found.status == "passed" else words,
        completion_id=completion,
    )
