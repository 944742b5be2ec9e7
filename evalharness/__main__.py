"""`python -m evalharness` and the `evalharness` command."""

import gc
import sys

from evalharness.cli.main import main as run

GC_THRESHOLD = 20_000
"""New objects between two looks for circles, of which a run makes few: Python's own 700 cost a
twentieth of its CPU."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(GC_THRESHOLD)
    sys.exit(run())


if __name__ == "__main__":
    main()
