"""Pairs of answers, both orders: win rates, flips, lengths, ratings; through the command line."""

from __future__ import annotations

import gzip
import itertools
import json

import choix
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalharness.errors import TooFewSamples
from evalharness.metrics.preference import LengthControlledWinRate
from evalharness.stats.bradley_terry import bradley_terry, rate_arms
from evalharness.testing.metric_kit import check_metric

JUDGE = {"name": "liked", "kind": "preference"}


def pair_script(court, says):
    """A scripted judge of pairs: `says(k, order)` with order 0 where the candidate stands first."""
    path = court.folder / "pairs.yaml"
    told = {
        f"q{k}@{order}": json.dumps({"reason": "r", "better": says(k, order)})
        for k in range(court.n)
        for order in (0, 1)
    }
    path.write_text(yaml.safe_dump(told))
    return {**JUDGE, "model": f"scripted/{path}"}


def duel(court, expect=0):
    court.first = court.answers("first", lambda k: f"a good answer {k}")
    court.second = court.answers("second", lambda k: f"a bad answer {k}")
    return court.commands.json(
        "gate", court.path, "--candidate", court.first, "--baseline", court.second, expect=expect
    )


def test_a_win_rate_is_gated_as_superiority_over_one_half(court):
    court.suite(
        pair_script(court, lambda k, order: "AB"[order] if k % 4 else "BA"[order]),
        gate="liked", test="superiority",
    )  # fmt: skip
    facts = duel(court)
    (gate,) = facts["gates"]
    assert ("READY", 0.75, 0.5) == (facts["verdict"], gate["candidate"], gate["baseline_value"])
    assert 0 < gate["lower"] < 0.25 < gate["upper"]


def test_an_absolute_bar_on_the_win_rate_is_judged_too(court):
    court.suite(pair_script(court, lambda k, order: "BA"[order]), gate="liked",
                test="at_least, value: 0.4")  # fmt: skip
    assert "NOT_READY" == duel(court, expect=1)["verdict"]


def test_a_judge_that_prefers_the_first_is_found_out(court):
    court.suite(pair_script(court, lambda k, order: "A"), gate="liked", test="superiority")
    facts = duel(court, expect=2)
    rows = {row["metric"]: row for row in court.commands.json(
        "compare", court.second, court.first, "--suite", court.path)["comparisons"]}  # fmt: skip
    assert (0.5, 1.0) == (rows["liked"]["candidate"], rows["liked_flip_rate"]["candidate"])
    _, out, _ = court.commands.run(
        "gate", court.path, "--candidate", court.first, "--baseline", court.second, "-q"
    )
    assert "changes its mind on 100% of the pairs" in out
    assert "INCONCLUSIVE" == facts["verdict"]


def test_pairs_are_judged_once_whichever_way_round(court):
    court.suite(pair_script(court, lambda k, order: "tie"), gate="liked", test="superiority")
    duel(court, expect=2)
    journals = list(court.commands.out.glob("pairs/*/evidence.jsonl"))
    lines = journals[0].read_text().splitlines()
    assert (1, 1 + 2 * court.n) == (len(journals), len(lines))
    court.commands.json(
        "gate", court.path, "--candidate", court.second, "--baseline", court.first, expect=2
    )
    assert lines == journals[0].read_text().splitlines()


def test_equal_answers_are_a_tie_and_nobody_is_asked(court):
    court.suite(pair_script(court, lambda k, order: "A"), gate="liked", test="superiority")
    same = court.answers("same", lambda k: "one text for all")
    twin = court.answers("twin", lambda k: "one text for all")
    _, out, _ = court.commands.run("judge", court.path, same, twin, "-q")
    assert "wins 50.0%" in out
    assert "ties 60 of 60" in out
    assert "one and the same text" in out
    (journal,) = court.commands.out.glob("pairs/*/evidence.jsonl")
    assert 1 == len(journal.read_text().splitlines())


def test_a_failed_answer_of_either_arm_counts_against_the_candidate(court):
    court.suite(pair_script(court, lambda k, order: "AB"[order]))
    whole = court.answers("whole", lambda k: f"x{k}")
    rows = [{"id": f"q{k}", "output": f"y{k}"} for k in range(court.n) if k % 4]
    holes = court.commands.jsonl("holes.jsonl", rows)
    (standing,) = court.commands.json("judge", court.path, whole, holes)
    assert 0.75 == standing["pairs"][0]["win_rate"]
    (standing,) = court.commands.json("judge", court.path, holes, whole)
    assert 0.0 == standing["pairs"][0]["win_rate"]


def test_unreadable_preferences_make_the_verdict_invalid(court):
    court.suite(pair_script(court, lambda k, order: "A" if k % 5 else "who knows"),
                gate="liked", test="superiority")  # fmt: skip
    assert "could judge 80.0%" in duel(court, expect=3)["invalid"][0]["message"]


def test_three_arms_get_ratings_in_order(court):
    court.suite({**JUDGE, "model": "scripted/" + str(court.folder / "pairs.yaml")})
    pair_script(court, lambda k, order: "AB"[order] if k % 5 else "BA"[order])
    arms = [court.answers(name, lambda k, name=name: f"{name}{k}") for name in ("x", "y", "z")]
    (standing,) = court.commands.json("judge", court.path, *arms)
    assert ["x", "y", "z"] == [place["arm"] for place in standing["ratings"]]
    for place in standing["ratings"]:
        assert place["lower"] <= place["elo"] <= place["upper"]
    _, out, _ = court.commands.run("judge", court.path, *arms, "-q")
    assert "Bradley-Terry" in out
    assert f"judged: requests {6 * court.n}, tokens" in out


# --- Bradley-Terry -----------------------------------------------------------------------------


@given(arrays(np.float64, (4, 4), elements=st.integers(1, 40)))
def test_strengths_are_those_of_choix(wins):
    np.fill_diagonal(wins, 0.0)
    theirs = choix.opt_pairwise(
        4, [(i, j) for i, j in itertools.permutations(range(4), 2) for _ in range(int(wins[i, j]))],
        tol=1e-12,
    )  # fmt: skip
    assert np.allclose(bradley_terry(wins), theirs - theirs.mean(), atol=1e-4)


@given(arrays(np.float64, (3, 3), elements=st.floats(0.5, 50)))
def test_strengths_solve_the_likelihood_equations(wins):
    np.fill_diagonal(wins, 0.0)
    strength = bradley_terry(wins)
    chance = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
    expected = ((wins + wins.T) * chance).sum(axis=1)
    assert np.allclose(wins.sum(axis=1), expected, atol=1e-6)
    assert abs(strength.sum()) < 1e-9


def test_an_arm_that_never_lost_has_no_finite_rating():
    with pytest.raises(TooFewSamples, match="never lost"):
        bradley_terry(np.array([[0.0, 5.0], [0.0, 0.0]]))


def test_rating_intervals_hold_the_truth():
    rng = np.random.default_rng(5)
    truth = np.array([0.5, 0.0, -0.5])
    chance = 1 / (1 + np.exp(truth[None, :] - truth[:, None]))
    inside = 0
    for _ in range(60):
        won = rng.random((150, 3, 3)) < chance
        wins = np.triu(won, 1) + np.triu(~won, 1).swapaxes(1, 2)
        rated = rate_arms(wins.astype(float), rng=rng, draws=200)
        inside += int(((rated.lower_k <= truth) & (truth <= rated.upper_k)).sum())
    assert 0.90 <= inside / 180 <= 0.99


# --- lengths -----------------------------------------------------------------------------------


def logistic_rows(rng, n, constant, slope):
    longer = rng.normal(0.0, 100.0, n)
    chance = 1 / (1 + np.exp(-(constant + slope * np.tanh(longer / longer.std()))))
    won = (rng.random(n) < chance).astype(float)
    return np.column_stack([won, longer, np.ones(n)])


@pytest.mark.parametrize(("constant", "slope"), [(0.0, 0.0), (0.0, 2.0), (-1.0, 1.0), (1.0, -2.0)])
def test_the_win_rate_at_equal_length_is_found(constant, slope):
    rows = logistic_rows(np.random.default_rng(2), 20_000, constant, slope)
    found = LengthControlledWinRate().reduce_weighted(rows, np.ones((1, len(rows))))[0]
    assert abs(found - 1 / (1 + np.exp(-constant))) < 0.015


def test_the_regression_is_that_of_scipy():
    from scipy.optimize import minimize

    rows = logistic_rows(np.random.default_rng(3), 300, 0.4, 1.5)
    rows[:, 0] = np.clip(rows[:, 0], 0.1, 0.9)
    x = np.tanh(rows[:, 1] / rows[:, 1].std())

    def loss(at):
        z = at[0] + at[1] * x
        return (np.logaddexp(0, z) - rows[:, 0] * z).sum() + at[1] ** 2 / 2

    best = minimize(loss, [0.0, 0.0], tol=1e-14).x[0]
    found = LengthControlledWinRate().reduce_weighted(rows, np.ones((1, 300)))[0]
    assert found == pytest.approx(1 / (1 + np.exp(-best)), abs=1e-6)


def test_a_unit_that_weighs_two_is_a_unit_that_stands_twice():
    rows = logistic_rows(np.random.default_rng(4), 50, 0.4, 1.5)
    metric = LengthControlledWinRate()
    rng = np.random.default_rng(1)
    weights = rng.integers(0, 3, (7, 50)).astype(float)
    together = metric.reduce_weighted(rows, weights)
    alone = [metric.reduce_weighted(rows, one[None])[0] for one in weights]
    assert np.allclose(together, alone, atol=1e-7)


def test_a_side_that_always_wins_has_a_rate_of_one_and_no_warning():
    rows = np.column_stack([np.ones(40), np.arange(40.0), np.ones(40)])
    assert LengthControlledWinRate().reduce_weighted(rows, np.ones((2, 40)))[0] > 0.99


def test_the_length_controlled_rate_keeps_the_contract():
    from evalharness.records import Answered, Completion, Item, Judgement, Sample

    said = Answered(completion=Completion(text="A"))

    def item(k):
        share = (k % 3) / 2
        return Item(
            sample=Sample(id=str(k), metadata={"length_difference": 7.0 * k - 20}),
            completion=Completion(text="x"), text="x",
            evidence={f"judgement/{order}": Judgement(judge="m", outcome=said, parsed={"score": share})
                      for order in ("first", "second")},
        )  # fmt: skip

    check_metric(LengthControlledWinRate(), [item(k) for k in range(9)])


# --- AlpacaEval --------------------------------------------------------------------------------


def share_of(preference):
    return 0.5 if preference in (0, 1.5) else preference - 1


def alpaca(folder, file):
    rows = {}
    for line in gzip.decompress((folder / file).read_bytes()).decode().splitlines():
        row = json.loads(line)
        rows.setdefault(row["model"], []).append(row)
    return rows


@pytest.mark.shared
@pytest.mark.parametrize("model", ["vicuna-7b", "gpt-3.5-turbo-1106_verbose", "alpaca-7b_concise"])
def test_alpaca_evals_win_rate_standard_error_and_draws_come_out(court, shared_data, model):
    folder = shared_data / "alpaca_eval"
    annotated = alpaca(folder, "annotations_v2.jsonl.gz")[model]
    wanted = json.loads((folder / "expected.json").read_text())
    wanted = wanted["alpaca_eval_2 (weighted gpt4-turbo judge vs gpt4_1106_preview)"][model]
    court.data([{"id": str(row["i"]), "input": "?"} for row in annotated])
    judged = [
        {"id": str(row["i"]), "outputs": [
            json.dumps({"better": share_of(row["preference"])}),
            json.dumps({"better": 1 - share_of(row["preference"])}),
        ]}
        for row in annotated
    ]  # fmt: skip
    court.commands.jsonl("suite/judged.jsonl", judged)
    court.suite({**JUDGE, "model": "judged.jsonl"})
    arms = [
        court.commands.jsonl(f"{name}.jsonl", [
            {"id": str(row["i"]), "output": name[0] * max(1, row[f"len_{name}"])} for row in annotated
        ])
        for name in ("model", "baseline")
    ]  # fmt: skip
    (standing,) = court.commands.json("judge", court.path, *arms)
    (pair,) = standing["pairs"]
    assert wanted["n_scored"] == pair["n"]
    assert wanted["win_rate"] == pytest.approx(100 * pair["win_rate"], abs=1e-6)
    assert wanted["standard_error"] == pytest.approx(100 * pair["standard_error"], abs=1e-6)
    assert wanted["n_draws"] == pair["ties"]


@pytest.mark.shared
@pytest.mark.parametrize("version", ["1", "2"])
def test_alpaca_evals_figures_come_out_for_every_model(shared_data, version):
    folder = shared_data / "alpaca_eval"
    expected = json.loads((folder / "expected.json").read_text())
    (wanted,) = (value for key, value in expected.items() if key.startswith(f"alpaca_eval_{version} ")
                 or (version == "1" and key.startswith("alpaca_eval_1")))  # fmt: skip
    for model, rows in alpaca(folder, f"annotations_v{version}.jsonl.gz").items():
        shares = np.array([share_of(r["preference"]) for r in rows if r["preference"] is not None])
        figures = wanted[model]
        assert figures["n_scored"] == len(shares)
        assert figures["win_rate"] == pytest.approx(100 * shares.mean(), abs=1e-9)
        error = 100 * shares.std(ddof=1) / np.sqrt(len(shares))
        assert figures["standard_error"] == pytest.approx(error, abs=1e-9)
        assert figures["n_draws"] == int((shares == 0.5).sum())


@pytest.mark.shared
def test_length_control_takes_most_of_the_verbosity_out(shared_data):
    folder = shared_data / "alpaca_eval"
    wanted = json.loads((folder / "expected.json").read_text())
    wanted = wanted["alpaca_eval_2 (weighted gpt4-turbo judge vs gpt4_1106_preview)"]
    ours, plain, theirs = {}, {}, {}
    for model, rows in alpaca(folder, "annotations_v2.jsonl.gz").items():
        board = wanted[model].get("leaderboard") or {}
        if not board.get("length_controlled_winrate"):
            continue
        kept = [r for r in rows if r["preference"] is not None]
        table = np.array(
            [(share_of(r["preference"]), r["len_model"] - r["len_baseline"], 1) for r in kept],
            float,
        )
        rate = LengthControlledWinRate().reduce_weighted(table, np.ones((1, len(table))))[0]
        ours[model], plain[model] = 100 * rate, 100 * table[:, 0].mean()
        theirs[model] = float(board["length_controlled_winrate"])
    triple = [f"gpt-3.5-turbo-1106{ending}" for ending in ("", "_concise", "_verbose")]
    spread = [max(by[m] for m in triple) / min(by[m] for m in triple) for by in (plain, ours)]
    assert spread[0] > 1.7
    assert spread[1] < 1.05
    names = sorted(ours)
    assert np.corrcoef([ours[m] for m in names], [theirs[m] for m in names])[0, 1] > 0.9
    assert ours["gpt4_1106_preview"] == pytest.approx(50.0)
