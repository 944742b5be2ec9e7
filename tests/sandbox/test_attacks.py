"""The shared attack programs against every backend, with all that they go for planted."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from attack_range import Finding, read_attacks, run_all
from sandbox_machine import ROOT, need_backend

pytestmark = pytest.mark.shared

SHORT_WALL_S = 0.7
KINDS_WITHOUT_WAITING = ("secret", "harm", "network", "forge", "legit")
UNSUPPORTED = {"landlock": {"82_legit_multiprocessing"}, "bwrap": {"05_memory_bomb_children"}}
"""What docs/security.md says that a backend does not stop, or does not offer."""


@pytest.fixture(scope="module")
def attacks() -> Path:
    folder = ROOT.parent / "shared" / "attacks"
    if not folder.is_dir():
        pytest.skip("shared reference folder absent: ../shared/attacks")
    return folder


def lost(findings: list[Finding]) -> dict[str, str]:
    """Name -> what the sandbox failed at, of all attacks that it lost to."""
    return {finding.name: finding.lost for finding in findings if finding.lost}


def parsed(output: str) -> list[Finding]:
    return [Finding(**json.loads(line)) for line in output.splitlines() if line.startswith("{")]


def test_namespaces_hold_against_every_attack(ns, attacks):
    findings = list(run_all(attacks, ns, SHORT_WALL_S))
    assert len(read_attacks(attacks)) == len(findings)
    assert {} == lost(findings)


def test_namespaces_hold_for_an_unprivileged_user(attacks, as_nobody):
    if os.geteuid() != 0:
        pytest.skip("the test above ran as an unprivileged user already")
    script = str(Path(__file__).parent / "attack_range.py")
    ran = as_nobody(script, str(attacks), "ns", str(SHORT_WALL_S), *KINDS_WITHOUT_WAITING)
    findings = parsed(ran.stdout)
    if not findings and "SandboxError" in ran.stderr:
        pytest.skip(f"user namespaces are closed to ordinary users here: {ran.stderr[-400:]}")
    wanted = [one for one in read_attacks(attacks) if one.kind in KINDS_WITHOUT_WAITING]
    assert len(wanted) == len(findings), ran.stderr[-2000:]
    assert {} == lost(findings)


@pytest.mark.parametrize("backend", ["landlock", "bwrap"])
def test_other_backends_leak_nothing_and_are_never_forged(backend, attacks):
    need_backend(backend)
    kinds = frozenset(KINDS_WITHOUT_WAITING)
    findings = list(run_all(attacks, backend, SHORT_WALL_S, kinds))
    assert set(lost(findings)) <= UNSUPPORTED[backend], lost(findings)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["ns", "landlock", "bwrap"])
def test_every_backend_at_the_limits_that_the_attacks_name(backend, attacks):
    need_backend(backend)
    findings = list(run_all(attacks, backend, 20.0))
    assert set(lost(findings)) <= UNSUPPORTED.get(backend, set()), lost(findings)
    assert len(findings) - len(lost(findings)) >= 0.94 * len(findings)
    assert {} == lost([finding for finding in findings if finding.kind == "forge"])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["ns", "landlock", "bwrap"])
def test_every_backend_at_those_limits_for_an_unprivileged_user(backend, attacks, as_nobody):
    ran = as_nobody(str(Path(__file__).parent / "attack_range.py"), str(attacks), backend, "20")
    findings = parsed(ran.stdout)
    if not findings and "SandboxError" in ran.stderr:
        pytest.skip(f"{backend} does not work for ordinary users here: {ran.stderr[-400:]}")
    assert len(read_attacks(attacks)) == len(findings), ran.stderr[-2000:]
    assert set(lost(findings)) <= UNSUPPORTED.get(backend, set()), lost(findings)
