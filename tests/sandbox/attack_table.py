"""The shared attack programs against every backend, as root and as an ordinary user: a table.

`python attack_table.py ATTACKS [WALL_S]` prints the Markdown that docs/security.md shows.  Where it
is root it starts each run twice, once as itself and once as a user who owns nothing, both with an
interpreter that every user may start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from sandbox_machine import FAR_UID, ROOT, plain_interpreter

BACKENDS = ("ns", "landlock", "bwrap")
KINDS = (
    "limit",
    "crash",
    "secret",
    "harm",
    "network",
    "forge",
    "contaminate",
    "determinism",
    "legit",
)


class Column(NamedTuple):
    """One run: a backend as one user, and what it lost to; `refused` says why there is none."""

    title: str
    total: dict[str, int]
    lost: dict[str, list[str]]
    refused: str


def run(folder: str, backend: str, wall_s: str, uid: int | None) -> Column:
    """Run every attack against one backend as one user."""
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    environ = {"PYTHONPATH": os.pathsep.join([str(ROOT), *packages]), "PATH": "/usr/bin:/bin"}
    user = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    script = str(Path(__file__).parent / "attack_range.py")
    command = [plain_interpreter() or sys.executable, script, folder, backend, wall_s]
    ran = subprocess.run(
        command, env=environ, cwd="/", capture_output=True, text=True, check=False, **user
    )
    found = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    total, lost = dict.fromkeys(KINDS, 0), {kind: [] for kind in KINDS}
    for finding in found:
        total[finding["kind"]] += 1
        if finding["lost"]:
            lost[finding["kind"]].append(f"{finding['name']}: {finding['lost']}")
    who = "user" if uid is not None or os.geteuid() else "root"
    return Column(f"{backend}, {who}", total, lost, "" if found else ran.stderr[-300:])


def main() -> None:
    folder = str(Path(sys.argv[1]).resolve())
    wall_s = sys.argv[2] if len(sys.argv) > 2 else "20"
    users = (None, FAR_UID) if os.geteuid() == 0 else (None,)
    columns = [run(folder, backend, wall_s, uid) for backend in BACKENDS for uid in users]
    print("| kind | " + " | ".join(column.title for column in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for kind in KINDS:
        cells = [f"{c.total[kind] - len(c.lost[kind])}/{c.total[kind]}" for c in columns]
        print(f"| {kind} | " + " | ".join(cells) + " |")
    totals = [(sum(c.total.values()), sum(map(len, c.lost.values()))) for c in columns]
    print("| **all** | " + " | ".join(f"{total - lost}/{total}" for total, lost in totals) + " |")
    print()
    for column in columns:
        for why in [column.refused, *(line for lines in column.lost.values() for line in lines)]:
            if why:
                print(f"- {column.title}: {why}")


if __name__ == "__main__":
    main()
