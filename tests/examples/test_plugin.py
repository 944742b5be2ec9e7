"""The example plug-in package, installed into a folder of its own and used by the command line."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("setuptools") is None,
    reason="setuptools is absent: the example cannot be built without a network",
)


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """The example's copy, and the folder that it is installed into."""
    folder = tmp_path_factory.mktemp("plugin")
    copy, target = folder / "plugin", folder / "site"
    shutil.copytree(root / "examples" / "plugin", copy)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--no-index", "--target", str(target), str(copy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    return copy, target


@pytest.fixture
def use(installed, tmp_path):
    """The command line with the plug-in installed, in the example's folder."""
    copy, target = installed

    def call(*arguments, code=None):
        command = [sys.executable, "-m", "evalharness", *arguments]
        if code is not None:
            command = [sys.executable, "-c", code]
        paths = [str(target), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    call.out = str(tmp_path / "runs")
    return call


def test_metric_client_and_source_of_a_package_make_a_gate(use):
    code, out, err = use(
        "gate", "suite.yaml", "--candidate", "keyword/answers.json", "--baseline",
        "keyword/wordy.json", "--out", use.out, "--json", "-q", "--reports", "none",
    )  # fmt: skip
    assert 0 == code, err
    facts = json.loads(out)
    assert ("READY", 36) == (facts["verdict"], facts["n_paired"])
    assert "short_sentences" == facts["gates"][0]["metric"]


def test_a_limit_and_a_second_run_hold_for_a_plug_ins_source(use):
    for _ in range(2):
        code, out, _ = use(
            "run", "suite.yaml", "--model", "keyword/answers.json", "--out", use.out, "--limit", "5",
            "--json", "-q",
        )  # fmt: skip
        assert (0, 5) == (code, json.loads(out)["n"])
    assert 1 == len(json.loads(use("list", "runs", "--out", use.out, "--json")[1]))


def test_the_lists_name_the_package(use):
    assert "short_sentences" in use("list", "metrics")[1]
    assert "evalharness-kitchen 0.1.0" in use("list", "clients")[1]


def test_options_of_a_plug_ins_metric_are_checked_by_name(use, installed):
    suite = installed[0] / "suite.yaml"
    text = suite.read_text()
    suite.write_text(text.replace("words: 8", "wordz: 8"))
    code, _, err = use("run", "suite.yaml", "--model", "keyword/answers.json", "--out", use.out)
    suite.write_text(text)
    assert 65 == code
    assert "did you mean 'words'" in err


def test_what_is_wrong_with_a_plug_ins_data_is_said(use, installed):
    (installed[0] / "broken.txt").write_text("Q: one\nnonsense\n")
    for verb in (
        ["validate", "suite.yaml"],
        ["run", "suite.yaml", "--model", "keyword/answers.json"],
    ):
        more = ["--data", "recipes:broken.txt", *(["--out", use.out] if verb[0] == "run" else [])]
        code, out, err = use(*verb, *more)
        assert 65 == code
        assert "broken.txt:2" in out + err
    assert 0 == use("validate", "suite.yaml")[0]


def test_the_conformance_kits_pass(use):
    code, _, err = use(
        code="from evalharness_kitchen.metric import ShortSentences\n"
        "from evalharness_kitchen.client import Keyword\n"
        "from evalharness.testing import check_metric, check_client\n"
        "from evalharness.records import Message, Request\n"
        "ask = Request(key='0', sample_id='s', messages=(Message(role='user', content='soup?'),))\n"
        "check_metric(ShortSentences(words=3))\n"
        "check_client(Keyword('m', {'soup': 'yes'}), ask)\n"
    )
    assert 0 == code, err


def test_without_the_package_its_names_are_unknown(commands, root):
    path = root / "examples" / "plugin" / "suite.yaml"
    code, _, err = commands.run("run", path, "--model", "scripted/echo")
    assert 65 == code
    assert "recipes:recipes.txt" in err or "short_sentences" in err
