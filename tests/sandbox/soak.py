"""Hostile programs in a row: what they leave behind, and how late their verdicts come.

A command, so that its memory, descriptors and orphans are its own and nobody else's:
`python soak.py BACKEND PROGRAMS WAITING` prints one JSON object of what it found.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox_machine import adopt_orphans, descendants

from evalharness.records import CodeTask
from evalharness.sandbox import Duplicates, Job, Limits, Sandbox

CODE = CodeTask(tests="def check(candidate):\n    assert candidate(2, 3) == 5\n", entry_point="add")
WALL_S = 0.25

GOOD = "def add(a, b):\n    return a + b\n"
DEFINE = "def add(a, b):\n    return None\n"
HOSTILE = {
    "fork bomb": "import os, time\nfor _ in range(40):\n    try:\n        os.fork()\n    except OSError:\n        break\n" + DEFINE,
    "orphan": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n    time.sleep(60)\n" + DEFINE,
    "files": "import os\nfor n in range(200):\n    open(f'f{n}', 'w').write('x' * 1000)\nos.mkdir('d', 0)\n" + DEFINE,
    "links": "import os\nos.symlink('/', 'root')\nos.link('root', 'hard')\n" + DEFINE,
    "modes": "import os\nos.makedirs('a/b/c')\nos.chmod('a', 0)\nos.chmod('.', 0)\n" + DEFINE,
    "shm": "open('/dev/shm/x', 'w').write('y')\nopen('/tmp/z', 'w').write('y')\n" + DEFINE,
    "descriptors": "import os\nheld = []\nwhile True:\n    try:\n        held.append(os.open('.', 0))\n    except OSError:\n        break\n" + DEFINE,
    "sockets": "import socket\npairs = [socket.socketpair() for _ in range(20)]\n" + DEFINE,
    "pipes": "import os\npipes = [os.pipe() for _ in range(20)]\nos.write(pipes[0][1], b'x' * 60000)\n" + DEFINE,
    "threads": "import threading, time\nfor _ in range(8):\n    threading.Thread(target=time.sleep, args=(60,)).start()\n" + DEFINE,
    "exit": "import os\nos._exit(0)\n",
    "crash": "import ctypes\nctypes.string_at(0)\n",
    "abort": "import os\nos.abort()\n",
    "memory": "x = bytearray(1 << 34)\n",
    "output": "import os\nos.write(1, b'x' * (1 << 20))\n" + DEFINE,
    "answers": "import os\nos.write(3, b'[\"r\",5]\\n' * 100)\n" + DEFINE,
    "garbage": "import os\nos.write(3, os.urandom(5000))\n" + DEFINE,
    "half an answer": "import os\nos.write(3, b'[\"r\",')\nos._exit(0)\n",
    "signals": "import os, signal\nfor s in range(1, 32):\n    try:\n        os.kill(-1, s)\n    except OSError:\n        pass\n" + DEFINE,
    "tracing": "import sys\nsys.settrace(lambda *a: 1 / 0)\n" + DEFINE,
    "closing": "import os\nos.closerange(0, 64)\n" + DEFINE,
    "builtins": "import builtins\nbuiltins.len = builtins.type = None\n" + DEFINE,
    "cycle": "def add(a, b):\n    x = []\n    x.append(x)\n    return x\n",
    "deep": "def add(a, b):\n    x = []\n    for _ in range(5000):\n        x = [x]\n    return x\n",
    "wide": "def add(a, b):\n    return [0] * 3_000_000\n",
    "name": "def add(a, b):\n    raise type('x' * 5000, (Exception,), {})('y' * 5000)\n",
}  # fmt: skip
WAITING = {
    "loop": "while True:\n    pass\n",
    "sleep": "import time\ntime.sleep(60)\n",
    "loop in a call": "def add(a, b):\n    while True:\n        pass\n",
    "ignores signals": "import signal\nfor s in range(1, 32):\n    try:\n        signal.signal(s, signal.SIG_IGN)\n    except OSError:\n        pass\nwhile True:\n    pass\n",
}  # fmt: skip


@dataclass(frozen=True)
class Soaked:
    """What a run of hostile programs left, and how long it took to stop those that wait.

    statuses: how often each was given.  left: processes, descriptors, mounts, groups and folders
    that were not there before.  grown_bytes: of this process.  late_s: from the limit to the
    verdict, the slowest of a hundred; cpu_s: of everything, each program's own work included.
    """

    statuses: dict[str, int]
    left: dict[str, int]
    grown_bytes: int
    late_s: float
    cpu_s: float
    seconds: float


def mounts() -> set[str]:
    return set(Path("/proc/self/mountinfo").read_text().splitlines())


def groups() -> set[str]:
    mine = f"evalharness-{os.getpid()}-"
    roots = [Path(line.split()[4]) for line in mounts() if " - cgroup" in line]
    return {str(path) for root in roots for path in root.glob(f"**/{mine}*")}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def jobs(programs: dict[str, str], count: int) -> list[Job]:
    names = list(programs)
    limits = Limits(wall_s=WALL_S, memory_bytes=256 << 20)
    chosen = [names[n % len(names)] for n in range(count)]
    return [Job(task=name, program=programs[name], code=CODE, limits=limits) for name in chosen]


def lateness(box: Sandbox, count: int) -> list[float]:
    """Seconds from the limit to the verdict, each program asked for alone.

    One that was run a second time had its limit twice.
    """
    found = []
    for one in jobs(WAITING, count):
        started = time.monotonic()
        execution = next(box.run_many([one]))
        assert execution.status in ("timeout_wall", "timeout_cpu"), execution
        limit_s = WALL_S * (2 if execution.retried else 1)
        found.append(time.monotonic() - started - limit_s)
    return sorted(found)


def soak(backend: str, count: int, waiting: int) -> Soaked:
    """Run `count` hostile programs and `waiting` that never end."""
    adopt_orphans()
    started = time.monotonic()
    statuses: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)  # the user that root becomes must get through
        tempfile.tempdir = folder
        before = mounts()
        with Sandbox(workers=2, backend=backend, duplicates=Duplicates.RUN) as box:
            list(box.run_many(jobs(HOSTILE, 4 * len(HOSTILE))))  # what is loaded once is loaded now
            held, size = descriptors(), rss_bytes()
            for execution in box.run_many(jobs(HOSTILE, count)):
                statuses[execution.status] += 1
            held, grown = descriptors() - held, rss_bytes() - size
            late = lateness(box, waiting)
            statuses["good"] = int(box.run(GOOD, CODE).status == "passed")
        left = {
            "processes": len(descendants(os.getpid())),
            "descriptors": held,
            "mounts": len(mounts() - before),
            "groups": len(groups()),
            "folders": len(os.listdir(folder)),
        }
        tempfile.tempdir = None
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(one.ru_utime + one.ru_stime for one in used)
    p99 = late[int(0.99 * (len(late) - 1))]
    return Soaked(dict(statuses), left, grown, p99, cpu_s, time.monotonic() - started)


if __name__ == "__main__":
    print(json.dumps(asdict(soak(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
