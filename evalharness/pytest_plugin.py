"""The pytest plugin: a readiness gate as a test.

    from evalharness.pytest_plugin import assert_ready

    def test_the_tuned_model_is_ready():
        assert_ready("facts", candidate="tuned", baseline="base")

Or by marker, where the command line may name the models:

    @pytest.mark.evalgate("facts", baseline="base")
    def test_it_stays_short(evalgate_facts): ...

    pytest --evalgate-candidate together/you/model --evalgate-out runs

Reads: the marker, the command line.  Gives: `assert_ready`, the marker `evalgate`, the fixtures
`evalgate_options`, `evalgate_candidate`, `evalgate_baseline` and `evalgate_facts`.
Depends on: api, report.terminal, imported when a gate is judged, so that pytest starts at once.
Under xdist each worker keeps its runs in a folder of its own below --evalgate-out.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from evalharness.results import Facts
    from evalharness.stages.options import RunOptions

Names = str | Sequence[str]

FACTS: pytest.StashKey[list[Facts]] = pytest.StashKey()
OPTIONS: pytest.StashKey[RunOptions] = pytest.StashKey()


def assert_ready(
    suites: str | Path | Sequence[str | Path],
    *,
    candidate: Names,
    baseline: Names,
    options: RunOptions | None = None,
) -> Facts:
    """Judge the gate, and fail with the whole verdict unless it is READY; gives its facts.

    suites, candidate, baseline: as `evalharness gate` takes them.  options: where runs are kept,
    the seed, a limit; those of the fixture `evalgate_options` suit a test.
    Raises AssertionError for NOT_READY, INCONCLUSIVE and INVALID, HarnessError where nothing
    could be judged.
    """
    __tracebackhide__ = True
    from evalharness.api import gate

    facts = gate(suites, candidate=candidate, baseline=baseline, options=options)
    if facts.verdict is None or facts.verdict.state != "READY":
        from evalharness.report.terminal import Style, render

        raise AssertionError(render(facts, style=Style.PLAIN, width=100))
    return facts


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the models and the folder of runs on pytest's command line."""
    group = parser.getgroup("evalharness", "readiness gates")
    group.addoption("--evalgate-candidate", metavar="M", help="candidate of gates that name none")
    group.addoption("--evalgate-baseline", metavar="M", help="baseline of gates that name none")
    group.addoption("--evalgate-out", metavar="DIR", default="runs", help="folder that holds runs")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "evalgate(suite, candidate=, baseline=): fail the test unless the gate is READY",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Judge the gates of a marked test before its fixtures, once each."""
    found = [_judge(item, mark) for mark in item.iter_markers("evalgate")]
    item.stash[FACTS] = found
    return (yield)


@pytest.fixture(scope="session")
def evalgate_options(pytestconfig: pytest.Config) -> RunOptions:
    """Options of this session's gates: --evalgate-out, with a folder for each xdist worker."""
    return _options(pytestconfig)


@pytest.fixture(scope="session")
def evalgate_candidate(pytestconfig: pytest.Config) -> str:
    """The model of --evalgate-candidate; the test is skipped without."""
    return _named(pytestconfig, "candidate")


@pytest.fixture(scope="session")
def evalgate_baseline(pytestconfig: pytest.Config) -> str:
    """The model of --evalgate-baseline; the test is skipped without."""
    return _named(pytestconfig, "baseline")


@pytest.fixture
def evalgate_facts(request: pytest.FixtureRequest) -> Facts:
    """The facts of this test's nearest marker `evalgate`, to assert more about."""
    found: list[Facts] = request.node.stash.get(FACTS, [])
    if not found:
        pytest.fail("evalgate_facts needs the marker evalgate on the test", pytrace=False)
    return found[0]


def _judge(item: pytest.Item, mark: pytest.Mark) -> Facts:
    """The gate of one marker. Fails the test with the verdict, or with how to mend the marker."""
    from evalharness.errors import HarnessError

    suites = mark.args or (mark.kwargs.get("suite"),)
    unknown = sorted(set(mark.kwargs) - {"suite", "candidate", "baseline"})
    if unknown or suites[0] is None:
        told = f"unknown argument '{unknown[0]}'" if unknown else "no suite"
        pytest.fail(f"marker evalgate(suite, candidate=, baseline=): {told}", pytrace=False)
    try:
        return assert_ready(
            list(suites),
            candidate=mark.kwargs.get("candidate") or _named(item.config, "candidate"),
            baseline=mark.kwargs.get("baseline") or _named(item.config, "baseline"),
            options=_options(item.config),
        )
    except AssertionError as verdict:
        pytest.fail(str(verdict), pytrace=False)
    except HarnessError as error:
        pytest.fail(f"{type(error).__name__}: {error}", pytrace=False)


def _named(config: pytest.Config, role: str) -> str:
    name = config.getoption(f"--evalgate-{role}")
    if not name:
        pytest.skip(f"no {role} named: give --evalgate-{role} M")
    return str(name)


def _options(config: pytest.Config) -> RunOptions:
    """One set of options a session, so that all its gates are one sitting."""
    from evalharness.stages.options import RunOptions

    if OPTIONS not in config.stash:
        out = Path(config.getoption("--evalgate-out"))
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        config.stash[OPTIONS] = RunOptions(
            out=out / worker if worker else out,
            session=f"pytest-{uuid.uuid4().hex[:8]}",
            environment=dict(os.environ),
        )
    return config.stash[OPTIONS]
