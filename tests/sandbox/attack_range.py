"""Runs the shared attack programs against a sandbox, with everything planted that they go for.

Used by the tests in their own process, and as a command by those that want another user:
`python attack_range.py ATTACKS BACKEND WALL_S [KIND ...]` prints one JSON object a line.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox_machine import adopt_orphans, descendants

from evalharness.records import CodeTask, Execution
from evalharness.sandbox import Duplicates, Job, Limits, Sandbox

_FAR_UID = 64211
_CANARY, _PORT, _MARK = "evalharness-canary", "47999", "evh_"
"""What the programs name; each range has names of its own, so that several can stand at once."""

_ADD = "assert add(2, 3) == 5\nassert add(-1, 1) == 0\nassert add(0, 0) == 0\nassert add(100, 23) == 123"
_ADDF = (
    "assert isinstance(add(2, 3), (int, float))\nassert abs(add(2, 3) - 5) < 1e-9\n"
    "assert abs(add(-1, 1)) < 1e-9\nassert abs(add(100, 23) - 123) < 1e-9"
)
TASKS = {
    "add": CodeTask(
        tests="def check(candidate):\n"
        + "".join(f"    {line}\n" for line in _ADD.replace("add(", "candidate(").split("\n")),
        entry_point="add",
    ),
    "addf": CodeTask(
        tests="def check(candidate):\n"
        + "".join(f"    {line}\n" for line in _ADDF.replace("add(", "candidate(").split("\n")),
        entry_point="add",
    ),
}
GOOD = "def add(a, b):\n    return a + b\n"
BAD = "def add(a, b):\n    return a - b\n"
_REPEATS = {"contaminate": 2, "determinism": 6}
_TIMEOUTS = ("timeout_wall", "timeout_cpu")


@dataclass(frozen=True)
class Attack:
    """One program of the shared folder, with the words of its header."""

    name: str
    kind: str
    expect: str
    task: str
    probe: str
    limit_s: float
    program: str


def read_attack(path: Path) -> Attack:
    """The attack in a file."""
    text = path.read_bytes().decode()
    head = dict(re.findall(r"^# ([A-Z_]+): (.*?)\r?$", text, re.MULTILINE))
    return Attack(
        path.stem,
        head["KIND"],
        head["EXPECT"],
        head["TASK"],
        head["PROBE"],
        float(head["LIMIT_S"]),
        text,
    )


def read_attacks(folder: Path) -> list[Attack]:
    """Every attack of a folder, in order."""
    return [read_attack(path) for path in sorted(folder.glob("*.py"))]


@dataclass(frozen=True)
class Finding:
    """How one attack went: `lost` says what the sandbox failed at, or nothing."""

    name: str
    kind: str
    statuses: tuple[str, ...]
    detail: str
    lost: str
    seconds: float


class Range:
    """Plants secrets, listeners and a victim, and looks at them after each attack."""

    def __init__(self) -> None:
        token = secrets.token_hex(4)
        self._mark = f"{_MARK}{token}_"
        self._canary = Path("/tmp", f"{_CANARY}-{token}")
        for folder in (self._canary, self._canary / "markers", self._canary / "victim"):
            folder.mkdir(mode=0o777)
            folder.chmod(0o777)
        (self._canary / "secret.txt").write_text("CANARY-SECRET")
        (self._canary / "secret.txt").chmod(0o644)
        os.environ["EVALHARNESS_TEST_API_KEY"] = "CANARY-KEY-5f3a"
        self._secret = os.open(self._canary / "secret.txt", os.O_RDWR)
        os.set_inheritable(self._secret, True)
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(f"\0{self._canary.name}")
        self._unix.listen(8)
        self._at_rest = 0
        for sock in (self._tcp, self._udp, self._unix):
            sock.setblocking(False)
        as_user = {"user": _FAR_UID, "group": _FAR_UID} if os.geteuid() == 0 else {}
        self._victim = subprocess.Popen(["sleep", "3600"], **as_user)
        (self._canary / "victim.pid").write_text(str(self._victim.pid))
        self._replant()

    def aim(self, program: str) -> str:
        """A program of the shared folder, turned on what this range has planted."""
        port = str(self._tcp.getsockname()[1])
        named = program.replace(_CANARY, self._canary.name).replace(_MARK, self._mark)
        return named.replace(_PORT, port)

    def warm(self, box: Sandbox) -> str:
        """Run the neighbours once and count the processes at rest; what is wrong already."""
        wrong = _neighbours(box)
        self._at_rest = len(descendants(os.getpid()))
        return wrong

    def _replant(self) -> None:
        precious = self._canary / "victim" / "precious.txt"
        precious.write_text("precious")
        precious.chmod(0o666)
        for marker in (self._canary / "markers").iterdir():
            marker.unlink()

    def close(self) -> None:
        """Take everything away again."""
        self._victim.kill()
        self._victim.wait()
        for sock in (self._tcp, self._udp, self._unix):
            sock.close()
        os.close(self._secret)
        shutil.rmtree(self._canary, ignore_errors=True)
        del os.environ["EVALHARNESS_TEST_API_KEY"]

    def run(self, box: Sandbox, attack: Attack, wall_s: float) -> Finding:
        """Run one attack as often as its kind wants, then look at all that was planted."""
        started = time.monotonic()
        job = Job(
            task=attack.name,
            program=self.aim(attack.program),
            code=TASKS[attack.task],
            limits=Limits(wall_s=min(wall_s, attack.limit_s)),
        )
        found = list(box.run_many([job] * _REPEATS.get(attack.kind, 1)))
        if attack.probe == "marker:evh_late":
            time.sleep(1.7)  # what was started to write later has written by now
        lost = _wrong_verdict(attack, found) or self._harm() or _neighbours(box) or self._orphans()
        self._replant()
        statuses = tuple(execution.status for execution in found)
        seconds = round(time.monotonic() - started, 2)
        return Finding(attack.name, attack.kind, statuses, found[0].detail[:120], lost, seconds)

    def _harm(self) -> str:
        """What of the planted things was touched; empty if nothing was."""
        markers = [marker.name for marker in (self._canary / "markers").iterdir()]
        for folder in ("/tmp", "/var/tmp", "/dev/shm"):
            markers += [name for name in os.listdir(folder) if name.startswith(self._mark)]
        if markers:
            return f"written outside: {markers}"
        if (self._canary / "secret.txt").read_text() != "CANARY-SECRET":
            return "the secret was changed"
        precious = self._canary / "victim" / "precious.txt"
        if not precious.exists() or precious.read_text() != "precious":
            return "the precious file was changed"
        if self._victim.poll() is not None:
            return "the victim process was killed"
        state = Path(f"/proc/{self._victim.pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "T":
            os.kill(self._victim.pid, signal.SIGCONT)
            return "the victim process was stopped"
        return self._heard()

    def _orphans(self) -> str:
        """More processes below this one than at rest, and for longer than a jail takes to end."""
        deadline = time.monotonic() + 5.0
        while len(descendants(os.getpid())) > self._at_rest:
            if time.monotonic() > deadline:
                return f"processes live on: {len(descendants(os.getpid())) - self._at_rest}"
            time.sleep(0.02)
        return ""

    def _heard(self) -> str:
        for name, sock in (("tcp", self._tcp), ("unix", self._unix), ("udp", self._udp)):
            try:
                sock.recvfrom(1) if name == "udp" else sock.accept()
            except BlockingIOError:
                continue
            return f"the {name} listener was reached"
        return ""


def _wrong_verdict(attack: Attack, found: list[Execution]) -> str:
    statuses = {execution.status for execution in found}
    if statuses & {"infra_error", "checker_error"}:
        return f"blamed on something else: {statuses}"
    if attack.expect == "pass" and statuses != {"passed"}:
        return f"a legitimate program did not pass: {found[0].status} {found[0].detail}"
    if attack.expect == "same" and len(statuses) != 1:
        return f"verdicts differ: {statuses}"
    if attack.expect in ("fail", "timeout") and "passed" in statuses:
        return "passed"
    if attack.expect == "timeout" and not statuses <= set(_TIMEOUTS):
        return f"not a time-out: {statuses}"
    return ""


def _neighbours(box: Sandbox) -> str:
    good = box.run(GOOD, TASKS["add"]).status
    bad = box.run(BAD, TASKS["add"]).status
    return "" if (good, bad) == ("passed", "assertion") else f"afterwards good {good}, bad {bad}"


def run_all(
    folder: Path, backend: str, wall_s: float, kinds: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Attacks against one backend, in this process and as this user; all of them, or some kinds."""
    adopt_orphans()
    grounds = Range()
    try:
        with Sandbox(workers=1, backend=backend, duplicates=Duplicates.RUN) as box:
            if wrong := grounds.warm(box):
                raise AssertionError(wrong)
            for attack in read_attacks(folder):
                if kinds and attack.kind not in kinds:
                    continue
                yield grounds.run(box, attack, wall_s)
    finally:
        grounds.close()


if __name__ == "__main__":
    wanted = frozenset(sys.argv[4:])
    for finding in run_all(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), wanted):
        print(json.dumps(asdict(finding)), flush=True)
