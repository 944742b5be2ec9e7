"""`python -m evalharness.testing.emulator --port 0 [--plan FILE]`: an emulator of its own.

Reads: a plan file.  Prints: the base URL, on one line, once it listens.
Depends on: server, plan.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import sys
from pathlib import Path

import msgspec

from evalharness.testing.emulator.plan import Plan
from evalharness.testing.emulator.server import Emulator


async def run(port: int, plan: Plan) -> None:
    """Serve until the process is ended or its standard input closes."""
    emulator = Emulator(plan)
    await emulator.start(port)
    gc.freeze()
    sys.stdout.write(f"{emulator.url}\n")
    sys.stdout.flush()
    try:
        await asyncio.Event().wait()
    finally:
        await emulator.stop()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m evalharness.testing.emulator")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--plan", type=Path, help="a JSON file: answers, faults, latency, limits")
    arguments = parser.parse_args()
    plan = Plan()
    if arguments.plan is not None:
        plan = msgspec.json.decode(arguments.plan.read_bytes(), type=Plan)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(arguments.port, plan))


if __name__ == "__main__":
    main()
