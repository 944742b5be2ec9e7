"""The committed example reports are what the gates write today, but for dates and durations."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKER = runpy.run_path(str(ROOT / "reports" / "make.py"))
MOMENTS = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\+00:00|Z| UTC)?|\b[\d.]+ s\b")


@pytest.mark.parametrize("name", sorted(MAKER["EXAMPLES"]))
def test_an_example_report_is_what_the_gate_writes(name, tmp_path, request):
    if request.config.getoption("update_golden"):
        MAKER["make"](name, ROOT / "reports")
    for made in MAKER["make"](name, tmp_path):
        kept = ROOT / "reports" / name / made.name
        old, new = (MOMENTS.sub("", path.read_text(encoding="utf-8")) for path in (kept, made))
        assert old == new, f"{kept}: `python reports/make.py` writes it anew"


def test_every_example_is_told_of_and_no_other():
    page = (ROOT / "reports" / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\]\(([\w-]+)/report\.md\)", page))
    folders = {path.parent.name for path in (ROOT / "reports").glob("*/report.md")}
    assert told == folders == set(MAKER["EXAMPLES"])
