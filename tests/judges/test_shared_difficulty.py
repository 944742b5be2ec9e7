"""Win rates at equal length where several arms share the difficulty of the questions."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import TooFewSamples
from evalharness.metrics.preference import LengthControlledWinRate
from evalharness.stats import difficulty
from evalharness.stats.difficulty import share_difficulty


def logistic(logits):
    return 1 / (1 + np.exp(-logits))


def drawn(rng, m, n, spread, slope=1.0):
    """Shares, lengths, and the true rates at equal length; longer answers win by themselves."""
    constant = np.linspace(-2.0, 0.5, m)
    easy = rng.normal(0.0, spread, n)
    longer = rng.normal(-100.0, 300.0, (m, n))
    length = np.tanh(longer / longer.std(axis=1, keepdims=True))
    chance = logistic(constant[:, None] + slope * length + easy)
    won = (rng.random((m, n)) < chance).astype(float)
    return won, longer, logistic(constant[:, None] + easy).mean(axis=1)


def rates(shares, longer, seed=0, **more):
    return share_difficulty(shares, longer, rng=np.random.default_rng(seed), **more)


def test_the_fit_is_that_of_scipy():
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    shares, longer, _ = drawn(rng, 3, 40, 1.0)
    cells = difficulty._cells(shares, longer)
    fit = difficulty._fit(cells, np.ones(40), 0.7, None)

    def loss(at):
        logits = at[:3, None] + at[3:6, None] * cells.length_mn + at[6:]
        gain = (shares * logits - np.logaddexp(0, logits)).sum()
        return -gain + (0.7 * (at[6:] ** 2).sum() + (at[3:6] ** 2).sum()) / 2

    best = minimize(loss, np.zeros(46), tol=1e-12).x
    ours = np.concatenate([fit.constant_m, fit.slope_m, fit.difficulty_n])
    assert np.allclose(best, ours, atol=2e-4)


def test_difficulties_are_found_where_there_are_some_and_none_where_there_are_none():
    rng = np.random.default_rng(2)
    shares, longer, truth = drawn(rng, 8, 800, 1.2)
    found = rates(shares, longer)
    assert 0.1 <= found.ridge <= 1.0
    assert np.abs(found.rate_m - truth).max() < 0.03
    assert ((found.lower_m <= truth) & (truth <= found.upper_m)).sum() >= 7
    shares, longer, _ = drawn(rng, 8, 800, 0.0)
    assert rates(shares, longer).ridge >= 10.0


def test_without_difficulty_it_is_the_rate_of_one_pair_alone(monkeypatch):
    monkeypatch.setattr(difficulty, "RIDGES", (1e6,))
    shares, longer, _ = drawn(np.random.default_rng(3), 3, 300, 1.0)
    found = rates(shares, longer).rate_m
    for arm in range(3):
        rows = np.column_stack([shares[arm], longer[arm], np.ones(300)])
        alone = LengthControlledWinRate().reduce_weighted(rows, np.ones((1, 300)))[0]
        assert alone == pytest.approx(found[arm], abs=1e-4)


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_the_order_of_arms_and_questions_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    cells = difficulty._cells(*drawn(rng, 4, 30, 1.0)[:2])
    arms, questions = rng.permutation(4), rng.permutation(30)
    turned = difficulty._Cells(*(
        getattr(cells, name)[arms][:, questions] for name in ("share_mn", "length_mn", "known_mn")
    ))  # fmt: skip
    ones = np.ones(30)
    first = difficulty._rates(cells, ones, difficulty._fit(cells, ones, 0.5, None))
    second = difficulty._rates(turned, ones, difficulty._fit(turned, ones, 0.5, None))
    assert np.allclose(first[arms], second, atol=1e-6)


def test_a_question_that_weighs_two_is_one_that_stands_twice():
    shares, longer, _ = drawn(np.random.default_rng(4), 3, 40, 1.0)
    cells = difficulty._cells(shares, longer)
    twice = difficulty._Cells(*(
        np.concatenate([getattr(cells, name)] * 2, axis=1)
        for name in ("share_mn", "length_mn", "known_mn")
    ))  # fmt: skip
    heavy = difficulty._fit(cells, np.full(40, 2.0), 0.5, None)
    doubled = difficulty._fit(twice, np.ones(80), 0.5, None)
    assert np.allclose(heavy.constant_m, doubled.constant_m, atol=1e-6)
    assert np.allclose(heavy.difficulty_n, doubled.difficulty_n[:40], atol=1e-6)


def test_an_arm_that_always_wins_and_questions_that_were_not_judged_are_borne():
    shares, longer, _ = drawn(np.random.default_rng(5), 3, 60, 1.0)
    shares[0] = 1.0
    shares[1, ::3] = np.nan
    found = rates(shares, longer)
    assert found.rate_m[0] > 0.999
    assert ((found.lower_m <= found.rate_m) & (found.rate_m <= found.upper_m)).all()


def test_one_arm_alone_shares_nothing():
    with pytest.raises(TooFewSamples, match="shared between arms"):
        rates(np.ones((1, 20)), np.ones((1, 20)))
    with pytest.raises(TooFewSamples):
        rates(np.full((2, 20), np.nan), np.ones((2, 20)))


# --- a tournament ------------------------------------------------------------------------------


def test_a_tournament_of_three_tells_the_rate_at_equal_difficulty_and_of_two_does_not(court):
    said = [
        {"id": f"q{k}", "outputs": [json.dumps({"better": word}) for word in words]}
        for k, words in ((k, ("A", "B") if (k * 7) % 5 else ("B", "A")) for k in range(court.n))
    ]
    court.commands.jsonl("suite/judged.jsonl", said)
    court.suite({"name": "liked", "kind": "preference", "model": "judged.jsonl"})
    arms = [court.answers(name, lambda k, name=name: name * (1 + k % 7)) for name in "xyz"]
    (standing,) = court.commands.json("judge", court.path, *arms)
    for pair in standing["pairs"]:
        assert pair["difficulty_lower"] <= pair["difficulty_controlled"] <= pair["difficulty_upper"]
    _, out, _ = court.commands.run("judge", court.path, *arms, "-q")
    assert "(difficulty shared " in out
    (standing,) = court.commands.json("judge", court.path, *arms[:2])
    assert standing["pairs"][0]["difficulty_controlled"] is None


# --- AlpacaEval --------------------------------------------------------------------------------


@pytest.fixture
def alpaca(shared_data):
    """Shares [m, n], lengths, and the published length-controlled win rates of AlpacaEval 2."""
    folder = shared_data / "alpaca_eval"
    wanted = json.loads((folder / "expected.json").read_text())
    wanted = wanted["alpaca_eval_2 (weighted gpt4-turbo judge vs gpt4_1106_preview)"]
    lines = gzip.decompress((folder / "annotations_v2.jsonl.gz").read_bytes()).splitlines()
    rows = [row for row in map(json.loads, lines) if row["model"] != "gpt4_1106_preview"]
    models = sorted({row["model"] for row in rows})
    shares = np.full((len(models), 805), np.nan)
    longer = np.zeros(shares.shape)
    for row in rows:
        at, said = (models.index(row["model"]), row["i"]), row["preference"]
        if said is not None:
            shares[at] = 0.5 if said in (0, 1.5) else said - 1
            longer[at] = row["len_model"] - row["len_baseline"]
    board = [float(wanted[m]["leaderboard"]["length_controlled_winrate"]) for m in models]
    return shares, longer, np.array(board)


@pytest.mark.shared
def test_the_published_length_controlled_win_rates_come_out_within_four_points(alpaca):
    shares, longer, published = alpaca
    found = 100 * rates(shares, longer).rate_m
    assert np.corrcoef(found, published)[0, 1] > 0.99
    assert np.abs(found - published).max() < 4.0
    assert np.abs(found - published).mean() < 1.2
    plain = 100 * np.nanmean(shares, axis=1)
    assert np.abs(plain - published).max() > 10.0  # what length and difficulty are worth
