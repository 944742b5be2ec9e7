"""Run untrusted programs against tests, safely, and say what happened.

    from evalharness.sandbox import Sandbox
    Sandbox().run("def add(a, b): return a + b", "assert add(2, 3) == 5")

Reads: programs and tests.  Gives: Sandbox, Job, Limits, Mode, Duplicates, Probe, probe().
Depends on: records, errors.  Knows nothing of models, metrics or files of a run.
How it isolates, and what it does not stop: docs/security.md.
"""

from evalharness.sandbox.backend import Backend, Blueprint
from evalharness.sandbox.jobs import Job, Limits, Mode, guess_task
from evalharness.sandbox.pool import Duplicates, Sandbox
from evalharness.sandbox.probes import Probe, probe

__all__ = [
    "Backend",
    "Blueprint",
    "Duplicates",
    "Job",
    "Limits",
    "Mode",
    "Probe",
    "Sandbox",
    "guess_task",
    "probe",
]
