"""`init --from` copies a suite that can be validated at once; `list` knows what was blessed."""

from __future__ import annotations

import pytest

from evalharness.cli.main import main
from evalharness.spec.locate import PACKAGE


@pytest.mark.parametrize("name", ["support-faq", "internal-code", "gsm8k"])
def test_a_copied_suite_is_the_suite_under_its_new_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine", "--from", name]) == 0
    shipped = PACKAGE.parent / "suites" / name
    expected = (shipped / "suite.yaml").read_text().replace(f"name: {name}", "name: mine", 1)
    assert (tmp_path / "mine/suite.yaml").read_text() == expected
    if (shipped / "heldout.jsonl").exists():
        assert main(["validate", "mine"]) == 0


def test_a_suite_file_alone_is_copied_as_suite_yaml(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text("name: other\n")
    assert main(["init", "mine", "--from", "other.yaml"]) == 0
    assert (tmp_path / "mine/suite.yaml").read_text() == "name: mine\n"


def test_a_suite_that_is_not_there_leaves_no_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine", "--from", "suport-faq"]) == 64
    assert "did you mean 'support-faq'?" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_a_blessed_run_is_listed_among_the_baselines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "facts", "--model", "base", "--quiet"]) == 0
    [run] = (tmp_path / "runs").glob("*/run.json")
    assert main(["bless", str(run.parent), "--as", "last-quarter"]) == 0
    capsys.readouterr()
    assert main(["list", "baselines"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if "last-quarter" in line]
    assert line.split(maxsplit=1) == ["last-quarter", "Blessed for facts, 360 answers."]
