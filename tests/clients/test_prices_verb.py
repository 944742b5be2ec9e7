"""`evalharness prices`: the catalogue through the emulator, own prices, and a rented machine."""

from __future__ import annotations

import json

import pytest

from evalharness.cli.main import main
from evalharness.testing.emulator import Plan


@pytest.fixture
def own(emulator, tmp_path, monkeypatch):
    emulator.set_plan(Plan(dialect="together", models=("meta/echo", "meta/reverse")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOGETHER_API_KEY", "k")
    monkeypatch.setenv("TOGETHER_BASE_URL", emulator.root)
    path = tmp_path / "prices.yaml"
    path.write_text("unit: usd_per_mtok\nprices: {}\n")
    monkeypatch.setenv("EVALHARNESS_PRICES", str(path))
    return path


def said(capsys, *given):
    capsys.readouterr()
    assert 0 == main(["prices", *given])
    return capsys.readouterr().out


def test_the_catalogue_is_taken_with_its_date_and_asks_are_priced_by_it(own, capsys, tmp_path):
    told = said(capsys, "refresh", "together")
    assert "together/meta/echo  $0.5 in, $1.5 out per million tokens, as of 20" in told
    assert "2 changed, 0 gone, 2 known" in told
    assert "0 changed" in said(capsys, "refresh")
    assert "together/meta/reverse" in said(capsys, "list", "reverse")
    known = json.loads(said(capsys, "list", "--json"))
    assert 0.5 == known["together/meta/echo"]["prompt_usd_per_mtok"]
    assert "openai/gpt-4o" in known, "those that come with the program stay known"


def test_own_prices_outlive_a_refresh_and_win(own, capsys):
    own.write_text(
        "unit: usd_per_mtok\nsources: {deal: {where: contract, as_of: 2020-01-01}}\n"
        "prices:\n  together/Meta/Echo: {prompt: 0.1, completion: 0.2, source: deal}\n"
    )
    assert "1 changed" in said(capsys, "refresh")
    told = said(capsys, "list", "meta/echo")
    assert "$0.1 in, $0.2 out" in told
    assert "days old) (contract)" in told


def test_a_model_that_leaves_the_catalogue_has_no_price_any_more(emulator, own, capsys):
    said(capsys, "refresh")
    emulator.set_plan(Plan(dialect="together", models=("meta/echo",)))
    assert "its price is unknown now" in said(capsys, "refresh")
    assert "reverse" not in said(capsys, "list")


def test_a_rented_machine_is_weighed_against_the_price_by_token(own, capsys, tmp_path):
    said(capsys, "refresh")
    rows = [{"id": f"q{n}", "input": "word " * (1 + n % 7), "target": "x"} for n in range(40)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(
        "name: words\ndata: {path: d.jsonl}\nmetrics: [exact_match, cost_usd]\n"
        "generation: {max_tokens: 9}\n"
    )
    run = ["run", "suite.yaml", "--model", "together/meta/echo", "--no-cache", "--quiet", "--json"]
    assert 0 == main(run)
    (folder,) = (tmp_path / "runs").glob("*/summary.json")
    mean = json.loads(folder.read_text())["metrics"]["cost_usd"]["estimate"]["value"]
    found = json.loads(said(capsys, "break-even", folder.parent.name, "--per-hour", "2", "--json"))
    assert found["requests_per_hour"] == pytest.approx(2 / mean)
    assert found["lower_per_hour"] < found["requests_per_hour"] < found["upper_per_hour"]
    assert "$2 an hour is cheaper from" in said(
        capsys, "break-even", folder.parent.name, "--per-hour", "2"
    )


def test_a_run_without_a_price_is_not_weighed(own, capsys, tmp_path):
    (tmp_path / "d.jsonl").write_text('{"id": "a", "input": "x", "target": "x"}\n')
    (tmp_path / "suite.yaml").write_text("name: s\ndata: {path: d.jsonl}\nmetrics: [exact_match]\n")
    assert 0 == main(["run", "suite.yaml", "--model", "scripted/echo", "--quiet", "--json"])
    (folder,) = (tmp_path / "runs").glob("*/summary.json")
    assert 65 == main(["prices", "break-even", folder.parent.name, "--per-hour", "2"])
    assert "does not know what its requests cost" in capsys.readouterr().err
