"""Take the pictures of docs/images anew: `python docs/screenshots.py`, with Chromium installed.

Every picture is of a committed example report; nothing is edited by hand.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

PICTURES: Final = {
    "report.png": ("facts-ladder", "1100,1250"),
    "report-not-ready.png": ("facts-not-ready", "1100,1250"),
    "report-phone.png": ("facts-ready", "500,1100"),
}
"""Picture -> the example report below reports/, and the window in pixels."""


def main() -> int:
    """Take them all."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None:
        print("no Chromium or Chrome is installed", file=sys.stderr)
        return 1
    folder = ROOT / "docs" / "images"
    folder.mkdir(exist_ok=True)
    for picture, (report, window) in PICTURES.items():
        with tempfile.TemporaryDirectory() as profile:
            options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            options += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
            options += [f"--user-data-dir={profile}", f"--window-size={window}"]
            options += [f"--screenshot={folder / picture}"]
            page = (ROOT / "reports" / report / "report.html").as_uri()
            subprocess.run([program, *options, page], capture_output=True, check=True)
        print(folder.relative_to(ROOT) / picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
