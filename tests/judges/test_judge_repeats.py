"""Judges that are asked again: one score of several, their noise, and what it does to intervals."""

from __future__ import annotations

import json

import krippendorff
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.errors import SpecError
from evalharness.metrics.judged import Voice, most_frequent
from evalharness.records import Answered, Completion, Item, Judgement, Sample, Unscored
from evalharness.testing.metric_kit import check_metric, value_of

SAID = Answered(completion=Completion(text="x"))


def heard(score):
    return Judgement(judge="m", outcome=SAID, parsed=None if score is None else {"score": score})


def item(place, scores, name="kind"):
    told = {f"{name}@{k}" if k else name: heard(score) for k, score in enumerate(scores)}
    return Item(
        sample=Sample(id=str(place)), completion=Completion(text="x"), text="x", evidence=told
    )


def metric(name, how):
    return make_metric(name, {"judge": "kind", "combine": how})


def value(name, how, table):
    asked = metric(name, how)
    rows = asked.measure([item(place, scores) for place, scores in enumerate(table)])
    assert rows.scored_n.all()
    return value_of(asked, rows.rows_nk)


scores = st.lists(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=3, max_size=3), min_size=3, max_size=9
)


# --- one score of several ----------------------------------------------------------------------


def test_a_mean_of_repeats_is_the_mean_and_a_majority_what_most_said():
    table = [[1.0, 0.0, 1.0], [0.0, 0.0, 0.25]]
    assert pytest.approx((2 / 3 + 1 / 12) / 2) == value("judge", "mean of 3", table)
    assert 0.5 == value("judge", "majority of 3", table)
    assert 0.5 == most_frequent([1.0, 0.0, 0.25, 0.25, 0.75, 0.75])


def test_an_unreadable_or_missing_repeat_leaves_the_answer_unscored():
    voice = Voice.of("kind", "mean of 3")
    assert "cannot be read" in voice.score(item(0, [1.0, None, 1.0])).reason
    assert "has not judged" in voice.score(item(0, [1.0, 1.0])).reason
    assert isinstance(voice.score(item(0, [])), Unscored)
    rate = metric("judge_parse_rate", "mean of 3")
    assert rate.measure([item(0, [1.0, None, 1.0])]).rows_nk[0, 0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("how", ["3", "median of 3", "mean of 0", "mean of x", "mean"])
def test_another_combination_is_refused(how):
    with pytest.raises(SpecError, match="mean of 3"):
        metric("judge", how)


# --- noise and agreement -----------------------------------------------------------------------


@given(scores)
def test_self_agreement_is_that_of_the_package_krippendorff(table):
    units = np.array(table)
    if np.ptp(units) == 0:
        assert np.isnan(value("judge_self_agreement", "mean of 3", table))
        return
    theirs = krippendorff.alpha(units.T, level_of_measurement="interval")
    assert max(theirs, -1.0) == pytest.approx(
        value("judge_self_agreement", "mean of 3", table), abs=1e-9
    )


@given(scores)
def test_noise_is_one_minus_the_intraclass_correlation_of_the_mean(table):
    units = np.array(table)
    total = units.mean(axis=1).var(ddof=1)
    found = value("judge_noise", "mean of 3", table)
    if total < 1e-12:
        assert np.isnan(found)
        return
    noise = units.var(axis=1, ddof=1).mean() / 3
    assert min(noise / total, 1.0) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize("name", ["judge_noise", "judge_self_agreement"])
def test_the_metrics_of_repeats_keep_the_contract(name):
    rng = np.random.default_rng(3)
    check_metric(metric(name, "mean of 2"), [item(k, rng.random(2)) for k in range(9)])


def test_a_judge_asked_once_has_no_noise_to_tell():
    rows = metric("judge_noise", "mean of 1").measure([item(0, [1.0])])
    assert not rows.scored_n.any()
    assert "was asked once" in rows.reasons[0]


def test_noise_is_found_and_the_interval_holds_it():
    """Truth per answer ~ N(0, 1), a judge with noise of variance 2: with k repeats 2/k stays."""
    rng = np.random.default_rng(11)
    truth = rng.normal(size=(4000, 1))
    for k in (2, 4):
        table = (truth + np.sqrt(2.0) * rng.normal(size=(4000, k))).tolist()
        share = value("judge_noise", f"mean of {k}", table)
        assert share == pytest.approx((2 / k) / (1 + 2 / k), abs=0.03)
        assert value("judge_self_agreement", f"mean of {k}", table) == pytest.approx(
            1 / 3, abs=0.05
        )
        assert np.var(np.mean(table, axis=1)) == pytest.approx(1 + 2 / k, abs=0.1)


# --- through the command line ------------------------------------------------------------------


def replies(court, says, repeats):
    """Recorded judgements: `says(k, r)` is the verdict of question k at repeat r."""
    rows = [
        {"id": f"q{k}", "outputs": [json.dumps({"reason": "r", **says(k, r)}) for r in repeats]}
        for k in range(court.n)
    ]
    court.commands.jsonl("suite/judged.jsonl", rows)
    return "judged.jsonl"


def rubric(model, **more):
    return {"name": "helpful", "model": model, "rubric": "Does it help?", "scale": "1..5", **more}


def test_repeats_are_asked_journalled_and_scored_by_their_mean(court):
    model = replies(court, lambda k, r: {"score": 2 + (k + r) % 3}, range(3))
    court.suite(rubric(model, repeats=3))
    facts = court.run("run", court.answers("first", lambda k: f"a{k}"))
    assert 3 * court.n == len(court.evidence())
    assert 3.0 == facts["metrics"]["helpful"]["value"]
    assert "mean-of:3" in facts["metrics"]["helpful"]["signature"]
    assert facts["metrics"]["helpful_noise"]["value"] is None  # every mean is 3
    assert -0.5 < facts["metrics"]["helpful_self_agreement"]["value"] < 0.0
    assert 1.0 == facts["metrics"]["helpful_parse_rate"]["value"]


def test_more_repeats_ask_only_what_is_new(court):
    model = replies(court, lambda k, r: {"score": 1 + r}, range(3))
    first = court.answers("first", lambda k: f"a{k}")
    court.suite(rubric(model))
    assert 1.0 == court.run("run", first)["metrics"]["helpful"]["value"]
    before = {json.dumps(one) for one in court.evidence()}
    court.suite(rubric(model, repeats=3))
    assert 2.0 == court.run("run", first)["metrics"]["helpful"]["value"]
    after = [json.dumps(one) for one in court.evidence()]
    assert (3 * court.n, court.n) == (len(after), len(before & set(after)))


def test_the_majority_of_words_decides(court):
    words = ["correct", "wrong", "correct"]
    model = replies(court, lambda k, r: {"verdict": words[r]}, range(3))
    judge = {"name": "true", "kind": "factuality", "model": model, "repeats": 3}
    court.suite({**judge, "combine": "majority"})
    facts = court.run("run", court.answers("first", lambda k: f"a{k}"))
    assert 1.0 == facts["metrics"]["true"]["value"]
    assert "true_self_agreement" in facts["metrics"]
    assert "true_noise" not in facts["metrics"]


def test_pairs_repeat_both_orders(court):
    verdicts = ["A", "A", "tie", "B", "B", "tie"]  # three with either order first
    model = replies(court, lambda k, r: {"better": verdicts[r]}, range(6))
    court.suite({"name": "liked", "kind": "preference", "model": model, "repeats": 3},
                gate="liked", test="superiority")  # fmt: skip
    arms = [court.answers(name, lambda k, name=name: f"{name}{k}") for name in ("x", "y")]
    facts = court.commands.json(
        "gate", court.path, "--candidate", arms[0], "--baseline", arms[1], expect=0
    )
    assert pytest.approx(5 / 6) == facts["gates"][0]["candidate"]
    (journal,) = court.commands.out.glob("pairs/*/evidence.jsonl")
    assert 6 * court.n == len(journal.read_text().splitlines()) - 1
    rows = {row["metric"]: row for row in court.commands.json(
        "compare", arms[1], arms[0], "--suite", court.path)["comparisons"]}  # fmt: skip
    assert rows["liked_self_agreement"]["candidate"] < 0.5


def test_repeats_have_seeds_of_their_own_and_are_never_the_same_cached_reply(
    court, emulator, monkeypatch, tmp_path
):
    monkeypatch.setenv("OPENAI_BASE_URL", emulator.url)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("EVALHARNESS_CACHE_DIR", str(tmp_path / "cache"))
    court.suite(rubric('openai/constant:{"score": 4}', repeats=3))
    facts = court.commands.json("run", court.path, "--model", court.answers("first", str))
    assert 3 * court.n == emulator.state()["requests"]
    assert any("3 times at temperature 0" in warning for warning in facts["warnings"])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"repeats": 0}, "cannot have 0 repeats"),
        ({"generation": {"repeats": 3}}, "write `repeats: 3` beside `generation`"),
        ({"repeats": 3, "combine": "majority"}, "gives numbers"),
        ({"repeats": 3, "combine": "median"}, "mean"),
        ({"repeats": 2, "model": None, "human": "r.jsonl"}, "people are not asked again"),
        ({"model_sha256": "ab"}, "unknown key 'model_sha256'"),
    ],
)
def test_repeats_that_cannot_be_are_refused(court, more, told):
    court.suite({**rubric("scripted/echo"), **more})
    code, _, err = court.commands.run("run", court.path, "--model", court.answers("a", str), "-q")
    assert (65, True) == (code, told in err), err


# --- the judge's file --------------------------------------------------------------------------


def judge_file(court, **more):
    said = {"model": "scripted/echo", **more}
    (court.folder / "judge.yaml").write_text(yaml.safe_dump(said))


def test_another_model_behind_the_same_file_is_another_judge(court):
    first = court.answers("first", lambda k: f"a{k}")
    model = replies(court, lambda k, r: {"score": 2}, range(1))
    court.suite(rubric(model))
    old = court.run("run", first)["metrics"]["helpful"]
    replies(court, lambda k, r: {"score": 4}, range(1))
    new = court.run("run", first)["metrics"]["helpful"]
    assert (2.0, 4.0) == (old["value"], new["value"])
    assert old["signature"] != new["signature"]
    assert 2 * court.n == len(court.evidence())


def test_a_comment_or_a_price_makes_no_other_judge_and_its_parameters_do(court):
    from evalharness.spec.read import read_suite

    court.suite(rubric("judge.yaml"))
    hashes = []
    for more in ({}, {"price": {"prompt_usd_per_mtok": 1.0}}, {"description": "cheap"},
                 {"generation": {"temperature": 0.3}}, {"options": {"k": 1}}):  # fmt: skip
        judge_file(court, **more)
        hashes.append(read_suite(court.path).judges[0].model_sha256)
    assert hashes[0] == hashes[1] == hashes[2]
    assert 3 == len(set(hashes))


def test_a_prompt_in_a_judges_file_is_refused_and_not_left_out_in_silence(court):
    judge_file(court, prompt={"system": "Be strict."})
    court.suite(rubric("judge.yaml"))
    code, _, err = court.commands.run("run", court.path, "--model", court.answers("a", str), "-q")
    assert (65, True) == (code, "which no judge reads" in err), err


def test_a_changed_judge_against_a_blessed_baseline_is_invalid(court, monkeypatch):
    monkeypatch.chdir(court.commands.folder)
    model = court.script("script.yaml", lambda k: json.dumps({"score": 3 + k % 2}))
    judge_file(court, model=model)
    court.suite(rubric("judge.yaml"), gate="helpful", test="non_inferiority, margin: 0.5")
    base = court.answers("base", lambda k: f"b{k}")
    run = court.run("run", base)["run"]
    code, _, err = court.commands.run("bless", court.commands.out / run, "--as", "kept")
    assert 0 == code, err
    candidate = court.answers("first", lambda k: f"a{k}")
    arms = ("--candidate", candidate, "--baseline", "kept")
    assert "READY" == court.commands.json("gate", court.path, *arms)["verdict"]
    judge_file(court, model=model, generation={"temperature": 0.7})
    facts = court.commands.json("gate", court.path, *arms, expect=3)
    (reason,) = [one for one in facts["invalid"] if one["code"] == "signature"]
    assert "helpful was judged in two ways: asked:" in reason["message"]
    assert "bless a blessed baseline again" in reason["message"]
