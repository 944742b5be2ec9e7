"""How fast the command line starts, against `python -c "import numpy"`."""

from __future__ import annotations

import sys
import tempfile

from measure import claim, evalharness, interleaved


def main() -> None:
    with tempfile.TemporaryDirectory() as out:
        gate = evalharness(
            "gate", "facts", "--candidate", "tuned", "--baseline", "base", "--limit", "1",
            "--reports", "none", "--quiet", "--out", out,
        )  # fmt: skip
        taken = interleaved(
            {
                "numpy": [sys.executable, "-c", "import numpy"],
                "help": evalharness("--help"),
                "gate": gate,
            },
            rounds=11,
        )
    for name, seconds in taken.items():
        print(f"     {name}: {seconds:.3f} CPU s")
    claim("--help against importing numpy", taken["help"] / taken["numpy"], 1.5)
    claim("a one-sample replay gate against importing numpy", taken["gate"] / taken["numpy"], 4)


if __name__ == "__main__":
    main()
