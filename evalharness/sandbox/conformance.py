"""What every sandbox backend must do, as a test that plug-ins run too.

Reads: a backend.  Gives: check_backend(), the list of what it fails at.
Depends on: pool, backend, jobs.  Runs real programs, none of which can do harm.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from evalharness.errors import SandboxError
from evalharness.records import CodeTask
from evalharness.sandbox.backend import Backend
from evalharness.sandbox.jobs import Job, Limits
from evalharness.sandbox.pool import Duplicates, Sandbox

_CODE: Final = CodeTask(
    tests="def check(candidate):\n    assert candidate(2, 3) == 5\n"
    "    assert candidate(1, 1) == 2\n",
    entry_point="add",
)
_SECRET_VARIABLE: Final = "EVALHARNESS_CONFORMANCE_SECRET"


class Expectation(NamedTuple):
    """One program, and the statuses that a conforming backend may give it.

    what: the rule in words, for the list of failures.
    """

    what: str
    program: str
    statuses: tuple[str, ...]


def expectations(secret: str) -> list[Expectation]:
    """The rules. secret: a file of the host that no program may read; "passed" means it was read.

    A hostile program here answers rightly only if its harm succeeded.
    """
    failed = ("assertion", "exception", "bad_return", "exit_early", "crash", "denied", "load_error")
    right, wrong = "    return a + b if leaked else None\n", "def add(a, b):\n"
    return [
        Expectation("a right program passes", wrong + "    return a + b\n", ("passed",)),
        Expectation("a wrong one fails", wrong + "    return a - b\n", ("assertion",)),
        Expectation("text that is no program fails to load", "def add(", ("load_error",)),
        Expectation(
            "a loop is stopped",
            wrong + "    while True:\n        pass\n",
            ("timeout_wall", "timeout_cpu"),
        ),
        Expectation("an early exit is no pass", "import os\nos._exit(0)\n", ("exit_early",)),
        Expectation(
            "an object that equals everything is no answer",
            "class E:\n    def __eq__(self, o): return True\n" + wrong + "    return E()\n",
            ("bad_return",),
        ),
        Expectation(
            "words on every descriptor are no verdict",
            "import os\n" + wrong + "    for fd in range(3, 64):\n        try:\n"
            "            os.write(fd, b'passed\\n')\n        except OSError:\n            pass\n"
            "    os._exit(0)\n",
            failed,
        ),
        Expectation(
            "memory is limited",
            wrong + "    x = bytearray(1 << 31)\n    return a + b\n",
            ("memory", "crash", "exception"),
        ),
        Expectation(
            "the host's environment is hidden",
            f"import os\nleaked = {_SECRET_VARIABLE!r} in os.environ\n" + wrong + right,
            failed,
        ),
        Expectation(
            "the host's files are hidden",
            f"try:\n    leaked = bool(open({secret!r}).read())\nexcept OSError:\n"
            "    leaked = False\n" + wrong + right,
            failed,
        ),
        Expectation(
            "there is no network",
            "import socket\ntry:\n    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
            ".sendto(b'x', ('127.0.0.1', 9))\n    leaked = True\nexcept OSError:\n"
            "    leaked = False\n" + wrong + right,
            failed,
        ),
    ]


_LEAVES: Final = (
    "import os\nfound = os.path.exists('left')\nopen('left', 'w').close()\n"
    "def add(a, b):\n    return a + b if found else None\n"
)
_DRAWS: Final = (
    "import random\ndrawn = random.random()\ndef add(a, b):\n    raise ValueError(drawn)\n"
)


def check_backend(backend: Backend) -> list[str]:
    """What a backend fails at, in words; an empty list is conformance.

    Raises SandboxError where it does not start at all.
    """
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text("secret", encoding="utf-8")
        os.environ[_SECRET_VARIABLE] = "secret"
        limits = Limits(wall_s=2.0, memory_bytes=512 << 20)
        try:
            with Sandbox(
                workers=1, limits=limits, backend=backend, duplicates=Duplicates.RUN
            ) as box:
                return [*_broken_rules(box, str(secret)), *_broken_repeats(box)]
        finally:
            del os.environ[_SECRET_VARIABLE]


def _broken_rules(box: Sandbox, secret: str) -> list[str]:
    rules = expectations(secret)
    jobs = [Job(task=rule.what, program=rule.program, code=_CODE) for rule in rules]
    found = zip(rules, box.run_many(jobs), strict=True)
    return [
        f"{rule.what}: was {execution.status} ({execution.detail})"
        for rule, execution in found
        if execution.status not in rule.statuses
    ]


def _broken_repeats(box: Sandbox) -> list[str]:
    """Rules about one program run twice."""
    broken = []
    left = [Job(task="left", program=_LEAVES, code=_CODE)] * 2
    if "passed" in {execution.status for execution in box.run_many(left)}:
        broken.append("a file of one program is seen by the next")
    drawn = [Job(task="drawn", program=_DRAWS, code=_CODE)] * 2
    if len({execution.detail for execution in box.run_many(drawn)}) != 1:
        broken.append("random numbers differ from run to run")
    return broken


def require(backend: Backend) -> None:
    """Raise SandboxError, one line for each rule that a backend breaks."""
    broken = check_backend(backend)
    if broken:
        raise SandboxError(
            f"the sandbox backend '{backend.name}' does not conform:\n  - " + "\n  - ".join(broken),
            mend="see docs/security.md for what a backend must do",
        )
