"""An interpreter whose library moved goes on importing, from the new place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from jail.view import relocate
relocate([({package!r}, "/jail"), ({old!r}, {new!r})])
print("random" in sys.modules)
import colorsys
print(colorsys.__file__)
print(sys.prefix)
print(sorted(path for path in sys.path if path.startswith({old!r})))
"""


def test_all_folders_move_at_once(tmp_path):
    old = str(Path(os.__file__).resolve().parents[2])
    new = tmp_path / "py"
    new.symlink_to(old)
    package = str(Path(__file__).resolve().parents[2] / "evalharness" / "sandbox")
    script = SCRIPT.format(package=package, old=old, new=str(new))
    base = os.path.realpath(sys.executable)
    ran = subprocess.run(
        [base, "-B", "-S", "-c", script],
        env={"PYTHONPATH": package},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stderr
    early, module, prefix, left = ran.stdout.splitlines()
    assert "False" == early  # it is seeded when a program imports it, and not before
    assert module.startswith(str(new))
    assert str(new) == prefix
    assert "[]" == left
