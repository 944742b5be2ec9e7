"""Make the example reports of this folder anew: `python reports/make.py [FOLDER]`.

Every report here is what `evalharness gate` writes for arms that the project ships; nothing is
edited by hand.  A test makes them again and compares.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent

EXAMPLES: Final = {
    "facts-ready": "gate facts --candidate tuned --baseline base",
    "facts-not-ready": "gate facts --candidate undertrained --baseline tuned",
    "facts-ladder": "gate facts --candidate tuned --baseline base --baseline undertrained",
    "summaries-inconclusive": (
        "gate contract-summary --candidate contract-summary-copied-clauses "
        "--baseline contract-summary-first-sentences --limit 60"
    ),
}
"""Folder -> the arguments of the gate whose report it holds."""

KEPT: Final = ("report.html", "report.md", "junit.xml")


def make(name: str, into: Path) -> list[Path]:
    """Run the gate of an example and keep its reports; their paths. Raises if there are none."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "evalharness", *EXAMPLES[name].split(), "--quiet"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        found = sorted(Path(scratch).glob("runs/gates/*"))
        if not found:
            raise RuntimeError(f"{name}: {done.stderr}")
        folder = into / name
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(found[0] / kept, folder / kept)) for kept in KEPT]


def main(into: Path) -> int:
    """Make them all, below a folder."""
    for name in EXAMPLES:
        for path in make(name, into):
            print(path.relative_to(into))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
