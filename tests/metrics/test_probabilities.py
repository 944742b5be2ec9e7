"""Probabilities and likelihoods: AUROC, Brier, calibration, perplexity, choice by likelihood."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.catalog import make_metric
from evalharness.contracts import ItemGroup
from evalharness.errors import SpecError
from evalharness.metrics.scored_label import (
    answer_probability,
    bin_edges,
    label_probability,
)
from evalharness.records import Completion, Item, Sample, TokenLogprob, Unscored
from evalharness.testing import check_metric, score_texts
from evalharness.testing.metric_kit import value_of

TEXT = {"positive": "1", "score": "text"}
SCORES = st.lists(
    st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=1, max_size=25
)


def ours(name, pairs, **options):
    answers = [repr(probability) for probability, _ in pairs]
    targets = [[str(int(happened))] for _, happened in pairs]
    return score_texts(make_metric(name, {**TEXT, **options}), answers, targets)


def tokens(*pairs):
    """TokenLogprobs from (token, log-probability, alternatives)."""
    return tuple(
        TokenLogprob(token=token, logprob=logprob, top=dict(rest[0]) if rest else {})
        for token, logprob, *rest in pairs
    )


def answered(text, targets, logprobs, **sample):
    completion = Completion(text=text, logprobs=logprobs)
    return Item(
        sample=Sample(id="s", targets=tuple(targets), **sample), completion=completion, text=text
    )


# --- against scikit-learn --------------------------------------------------------------------


@given(pairs=SCORES)
def test_ranking_metrics_are_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, happened = zip(*pairs, strict=True)
    if len(set(happened)) == 2:
        assert ours("auroc", pairs) == pytest.approx(
            metrics.roc_auc_score(happened, scores), abs=1e-12
        )
    else:
        assert math.isnan(ours("auroc", pairs))
    if any(happened):
        wanted = metrics.average_precision_score(happened, scores)
        assert ours("average_precision", pairs) == pytest.approx(wanted, abs=1e-12)
    else:
        assert math.isnan(ours("average_precision", pairs))


@given(pairs=SCORES)
def test_losses_are_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, happened = zip(*pairs, strict=True)
    brier = np.mean((np.array(scores) - np.array(happened)) ** 2)
    assert ours("brier", pairs) == pytest.approx(brier, abs=1e-12)
    log_loss = metrics.log_loss(happened, scores, labels=[False, True])
    assert ours("log_loss", pairs) == pytest.approx(log_loss, abs=1e-9)


@given(pairs=SCORES)
def test_turning_every_score_round_turns_the_area_round(pairs):
    area = ours("auroc", pairs)
    turned = ours("auroc", [(1 - score, happened) for score, happened in pairs])
    if not math.isnan(area):
        assert turned == pytest.approx(1 - area, abs=1e-12)


@pytest.mark.parametrize("name", ["auroc", "average_precision"])
@given(pairs=SCORES, seed=st.integers(0, 1000))
def test_weights_are_repetitions(name, pairs, seed, item):
    metric = make_metric(name, TEXT)
    items = [item(repr(score), [str(int(happened))]) for score, happened in pairs]
    rows_nk = metric.measure(items).rows_nk
    weights = np.random.default_rng(seed).integers(0, 3, (1, len(pairs))).astype(float)
    repeated = np.repeat(rows_nk, weights[0].astype(int), axis=0)
    (value,) = metric.reduce_weighted(rows_nk, weights)
    wanted = value_of(metric, repeated) if len(repeated) else math.nan
    assert value == pytest.approx(wanted, abs=1e-12, nan_ok=True)


# --- calibration -----------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@given(pairs=SCORES, n_bins=st.sampled_from([1, 4, 5, 10]))
def test_calibration_errors_are_the_textbooks(norm, pairs, n_bins):
    edges = bin_edges(n_bins)
    place = [int(np.searchsorted(edges, score, side="right")) for score, _ in pairs]
    gaps, sizes = [], []
    for one in set(place):
        inside = [pair for pair, where in zip(pairs, place, strict=True) if where == one]
        mean = sum(score for score, _ in inside) / len(inside)
        gaps.append(abs(mean - sum(happened for _, happened in inside) / len(inside)))
        sizes.append(len(inside) / len(pairs))
    gaps, sizes = np.array(gaps), np.array(sizes)
    wanted = {
        "l1": (gaps * sizes).sum(),
        "l2": np.sqrt((gaps**2 * sizes).sum()),
        "max": gaps.max(),
    }
    assert ours("ece", pairs, n_bins=n_bins, norm=norm) == pytest.approx(wanted[norm], abs=1e-12)


def test_certain_and_right_is_calibrated_and_certain_and_wrong_is_not():
    assert ours("ece", [(1.0, True), (0.0, False)]) == 0
    assert ours("ece", [(1.0, False), (0.0, True)]) == 1


@given(n_bins=st.integers(1, 300))
def test_bin_edges_rise_from_zero_to_one(n_bins):
    edges = bin_edges(n_bins)
    assert (edges[0], edges[-1], len(edges)) == (0, 1, n_bins + 1)
    assert (np.diff(edges) > 0).all()


def test_columns_hold_the_reliability_plot():
    metric = make_metric("ece", {**TEXT, "n_bins": 2})
    assert metric.columns == (
        "n_0", "n_1", "n_2", "probability_0", "probability_1", "probability_2",
        "happened_0", "happened_1", "happened_2",
    )  # fmt: skip


# --- what the probability is of --------------------------------------------------------------


def test_the_probability_of_an_answer_is_that_of_its_tokens():
    completion = Completion(text="ab", logprobs=tokens(("a", -0.5), ("b", -1.5)))
    assert answer_probability(completion, mean=False) == pytest.approx(math.exp(-2))
    assert answer_probability(completion, mean=True) == pytest.approx(math.exp(-1))
    assert isinstance(answer_probability(Completion(text="x"), mean=False), Unscored)


YES_NO = {"Yes": math.log(0.6), " no": math.log(0.2), "y": math.log(0.1), "maybe": math.log(0.1)}


@pytest.mark.parametrize(
    ("logprobs", "negative", "wanted"),
    [
        (tokens(("Yes", YES_NO["Yes"], YES_NO)), "no", 0.7 / 0.9),
        (tokens(("Yes", YES_NO["Yes"], YES_NO)), None, 0.7),
        (tokens((" ", -0.1), ("Yes", math.log(0.6))), "no", 0.6),
        (tokens(("No", math.log(0.8))), "no", 0.2),
    ],
)
def test_the_probability_of_a_label_is_read_from_the_first_words_alternatives(
    logprobs, negative, wanted
):
    completion = Completion(text="x", logprobs=logprobs)
    assert label_probability(completion, "yes", negative) == pytest.approx(wanted)


def test_a_label_that_is_not_among_the_alternatives_has_no_probability():
    completion = Completion(text="x", logprobs=tokens(("perhaps", -0.1)))
    assert "no label is among" in label_probability(completion, "yes", "no").reason
    assert "no log-probabilities" in label_probability(Completion(text="x"), "yes", None).reason


def test_a_token_that_begins_both_labels_counts_for_neither():
    completion = Completion(
        text="x", logprobs=tokens(("not", -0.1, {"not spam": -1.0, "not ham": -2.0}))
    )
    share = math.exp(-1) / (math.exp(-1) + math.exp(-2))
    assert label_probability(completion, "not spam", "not ham") == pytest.approx(share)


def test_confidence_in_the_answer_is_set_against_its_being_right():
    metric = make_metric("brier", {})
    sure, half = tokens(("Paris", 0.0)), tokens(("Rome", math.log(0.5)))
    items = [
        answered("Paris", ["paris "], sure),
        answered("Rome", ["Oslo"], half),
        answered("x", ["x"], None),
    ]
    rows = metric.measure(items)
    assert rows.rows_nk.tolist() == [[0, 1], [0.25, 1], [0, 0]]
    assert "no log-probabilities" in rows.reasons[2]


@pytest.mark.parametrize(
    ("text", "scored"),
    [
        ("0.7", True),
        ("70%", True),
        ("p = 0.7", True),
        ("1.7", False),
        ("0.1 0.2", False),
        ("", False),
    ],
)
def test_a_probability_as_text_is_one_number_from_zero_to_one(text, scored, item):
    rows = make_metric("brier", TEXT).measure([item(text, ["1"])])
    assert rows.scored_n[0] == scored
    if scored:
        assert rows.rows_nk[0, 0] == pytest.approx(0.09)


@pytest.mark.parametrize(
    "options",
    [{"score": "text"}, {"negative": "no"}, {"score": "logits"}, {"confidence": "sum"}],
)
def test_options_that_do_not_go_together_are_refused(options):
    with pytest.raises(SpecError):
        make_metric("auroc", options)


@pytest.mark.parametrize("options", [{"n_bins": 0}, {"n_bins": True}, {"norm": "l3"}])
def test_wrong_bins_are_refused(options):
    with pytest.raises(SpecError):
        make_metric("ece", options)


@pytest.mark.parametrize("name", ["auroc", "average_precision", "brier", "ece"])
def test_bounds_are_certain_and_wrong_or_right(name):
    samples = [Sample(id="1", targets=("1",)), Sample(id="2", targets=("0",))]
    metric = make_metric(name, TEXT)
    worst, best = (value_of(metric, bound) for bound in metric.bounds(samples))
    ends = (0.0, 1.0) if metric.direction == "higher" else (1.0, 0.0)
    assert (worst, best) == (0.5 if name == "average_precision" else ends[0], ends[1])
    assert make_metric("log_loss", TEXT).bounds(samples) is None


@pytest.mark.parametrize("name", ["auroc", "average_precision", "brier", "log_loss", "ece"])
def test_every_form_keeps_the_contract(name, item):
    examples = [item(f"0.{digit}", ["yes" if digit % 2 else "no"]) for digit in range(1, 9)]
    check_metric(make_metric(name, {"positive": "yes", "score": "text"}), examples)


def test_the_needs_follow_the_form():
    assert make_metric("auroc", {}).needs == {"targets", "logprobs"}
    assert make_metric("auroc", TEXT).needs == {"targets"}


# --- perplexity ------------------------------------------------------------------------------

LOGPROBS = st.lists(st.floats(-20, 0), min_size=1, max_size=10)


@given(documents=st.lists(LOGPROBS, min_size=1, max_size=5))
def test_perplexity_is_token_weighted(documents):
    items = [answered("x", (), tokens(*(("x", one) for one in document))) for document in documents]
    metric = make_metric("perplexity", {})
    value = value_of(metric, metric.measure(items).rows_nk)
    everything = [one for document in documents for one in document]
    assert value == pytest.approx(math.exp(-sum(everything) / len(everything)), rel=1e-9)
    assert value >= 1 - 1e-12


def test_perplexity_by_unit():
    logprobs = tokens(("the", -1.0), (" c", -1.0), ("at", -1.0), (" é", -1.0))
    items = [answered("the cat é", (), logprobs)]
    wanted = {"token": 4 / 4, "word": 4 / 3, "byte": 4 / 10, "sample": 4.0}
    for unit, mean in wanted.items():
        metric = make_metric("perplexity", {"unit": unit})
        assert value_of(metric, metric.measure(items).rows_nk) == pytest.approx(math.exp(mean))
    bits = make_metric("bits_per_byte", {})
    assert value_of(bits, bits.measure(items).rows_nk) == pytest.approx(0.4 / math.log(2))


def test_the_prompts_perplexity_is_another_thing():
    completion = Completion(text="x", prompt_logprobs=tokens(("a", -2.0)))
    item = Item(sample=Sample(id="s"), completion=completion, text="x")
    metric = make_metric("perplexity", {"of": "prompt"})
    assert metric.needs == {"prompt_logprobs"}
    assert value_of(metric, metric.measure([item]).rows_nk) == pytest.approx(math.exp(2))
    assert make_metric("perplexity", {}).measure([item]).reasons


def test_what_has_no_units_is_unscored_and_infinite_is_undetermined():
    metric = make_metric("perplexity", {"unit": "word"})
    rows = metric.measure([answered(" ", (), tokens((" ", -1.0)))])
    assert rows.reasons == {0: "no word in it"}
    assert math.isnan(metric.reduce(np.array([-1e6, 1.0])))
    assert math.isnan(metric.reduce(np.zeros(2)))
    assert metric.bounds([Sample(id="s")]) is None


# --- choice by likelihood --------------------------------------------------------------------


def group(choices, target, *, failed=0, listed=None):
    sample = Sample(id="s", targets=(target,), metadata={"choices": listed} if listed else {})
    items = tuple(
        Item(
            sample=sample,
            completion=Completion(text=text, logprobs=tokens(*logprobs) if logprobs else None),
            text=text,
            repeat=place,
        )
        for place, (text, logprobs) in enumerate(choices)
    )
    return ItemGroup(sample=sample, items=items, n_failed=failed)


SHORT_LONG = [("no", [("no", -2.0)]), ("certainly not", [("certainly", -1.5), (" not", -1.5)])]


@pytest.mark.parametrize(
    ("normalize", "target", "value"),
    [
        ("sum", "no", 1),
        ("token", "no", 0),
        ("token", "certainly not", 1),
        ("byte", "B", 1),
        ("sum", "A", 1),
    ],
)
def test_length_normalisation_changes_the_choice(normalize, target, value):
    metric = make_metric("choice_likelihood", {"normalize": normalize})
    rows = metric.measure([group(SHORT_LONG, target)])
    assert rows.rows_nk.tolist() == [[value, 1]]


def test_choices_are_known_by_the_texts_that_the_sample_lists():
    metric = make_metric("choice_likelihood", {})
    rows = metric.measure([group(SHORT_LONG, "never", listed=["never", "always"])])
    assert rows.rows_nk.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (group(SHORT_LONG, "no", failed=1), "not every choice"),
        (group([*SHORT_LONG, ("x", None)], "no"), "not every choice"),
        (group([], "no"), "not every choice"),
        (group(SHORT_LONG, "perhaps"), "no choice is the reference"),
        (ItemGroup(sample=Sample(id="s"), items=()), "no reference answer"),
    ],
)
def test_a_choice_without_a_likelihood_leaves_the_sample_unscored(broken, reason):
    rows = make_metric("choice_likelihood", {}).measure([broken])
    assert reason in rows.reasons[0]


def test_the_most_probable_letter_is_the_answer():
    metric = make_metric("letter_likelihood", {"letters": "ABCD"})
    first = tokens((" ", 0.0), ("(B", -0.5, {"A": -2.0, "(A": -2.0, " C": -3.0, "Z": -0.1}))
    items = [
        answered("B", ["B"], first),
        answered("B", ["A"], first),
        answered("B", ["Paris"], first),
        answered("B", ["B"], tokens(("hm", -0.1))),
        answered("B", ["B"], None),
    ]
    rows = metric.measure(items)
    assert rows.rows_nk[:2, 0].tolist() == [1, 0]
    assert sorted(rows.reasons) == [2, 3, 4]
