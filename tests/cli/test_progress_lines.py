"""Progress as plain lines, where standard error is no terminal."""

from __future__ import annotations

import time

from evalharness.cli.progress import showing_progress
from evalharness.stages.options import Progress


def test_the_end_of_a_stage_is_told_once_for_each_arm(capsys):
    with showing_progress(quiet=False) as report:
        for arm in ("base", "tuned"):
            report(Progress(stage="generate", arm=arm, done=1, total=3))
        time.sleep(1.05)
        for arm in ("base", "tuned"):
            for _ in range(2):  # the last batch, and the end of the stage
                report(Progress(stage="generate", arm=arm, done=3, total=3))
    lines = capsys.readouterr().err.splitlines()
    assert ["generate base: 3/3", "generate tuned: 3/3"] == [line.split(",")[0] for line in lines]


def test_what_changed_at_the_end_is_told_too(capsys):
    with showing_progress(quiet=False) as report:
        report(Progress(stage="generate", arm="base", done=1, total=3))
        time.sleep(1.05)
        report(Progress(stage="generate", arm="base", done=3, total=3))
        report(Progress(stage="generate", arm="base", done=3, total=3, failed=1))
    assert 2 == len(capsys.readouterr().err.splitlines())


def test_nothing_is_told_where_quiet_is_asked_for(capsys):
    with showing_progress(quiet=True) as report:
        report(Progress(stage="generate", arm="base", done=3, total=3))
    assert "" == capsys.readouterr().err
