"""A loopback server that speaks the providers' protocols and misbehaves on a plan.

`python -m evalharness.testing.emulator --port 0` runs it in a process of its own;
`serve(plan)` runs it in a thread of this one.  Standard library only, deterministic: an answer is
a function of the request, a fault of (seed, request, how often it was asked).
Used by the tests, the benchmarks and the authors of client plug-ins.
"""

from evalharness.testing.emulator.plan import FaultRule, LatencyPlan, LimitPlan, Plan
from evalharness.testing.emulator.server import Emulator, serve

__all__ = ["Emulator", "FaultRule", "LatencyPlan", "LimitPlan", "Plan", "serve"]
