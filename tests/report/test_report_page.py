"""What the page holds: words, sections, the packed samples, the policy of its security."""

from __future__ import annotations

import base64
import hashlib
import html as markup
import itertools
import json
import re
import zlib
from html.parser import HTMLParser

import handmade_facts as made
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report_clean import HOSTILE, infected

from evalharness.records import Undetermined
from evalharness.report import arms, explorer
from evalharness.report.explorer import build_explorer
from evalharness.report.html import render_html
from evalharness.report.numbers import Medium
from evalharness.report.page import build_page
from evalharness.results import AnswerFacts, SampleFacts, Spent

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Outline(HTMLParser):
    """The elements of a page; complains where they are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.faults, self.names = [], [], [], []
        self.anchors, self.styles, self.handlers = [], [], []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.anchors.append(value)
            if name == "style":
                self.styles.append(value)
            if name.startswith("on"):
                self.handlers.append(name)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def outline(page):
    found = Outline()
    found.feed(page)
    return found


@pytest.mark.parametrize("kind", list(made.EVERY))
def test_every_element_is_closed_and_every_id_is_one_of_a_kind(kind):
    found = outline(render_html(made.EVERY[kind]()))
    assert found.faults == []
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))


@pytest.mark.parametrize("kind", list(made.EVERY))
def test_every_link_leads_into_the_page_itself(kind):
    found = outline(render_html(made.EVERY[kind]()))
    assert all(anchor.startswith("#") and anchor[1:] in found.ids for anchor in found.anchors)


@pytest.mark.parametrize("name", [name for name in HOSTILE if len(HOSTILE[name]) < 500])
def test_no_inline_style_and_no_handler_whatever_the_texts_say(name):
    found = outline(render_html(infected(HOSTILE[name])))
    assert found.styles == []
    assert found.handlers == []
    assert found.faults == []
    assert not {"img", "iframe", "object", "embed", "form", "base"} & set(found.names)


def test_the_policy_allows_the_pages_own_style_and_script_by_their_hashes():
    page = render_html(made.full())
    policy = markup.unescape(re.search('Content-Security-Policy" content="(.*?)"', page).group(1))
    for name in ("style", "script"):
        text = re.findall(f"<{name}>(.*?)</{name}>", page, re.DOTALL)[-1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_headings_descend_without_a_gap():
    page = render_html(made.full())
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))


def test_the_verdict_comes_before_everything_else():
    page = render_html(made.not_ready())
    body = page.partition("<body")[2]
    order = [body.index(text) for text in ("Not ready", "lower by at least 1.2 pp", 'id="gates"')]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("kind", "sections"),
    [
        ("run", ["metrics", "evidence", "origin"]),
        ("invalid", ["arms", "metrics", "evidence", "origin"]),
        ("compare", ["arms", "differences", "metrics", "evidence", "flips", "origin"]),
        (
            "full",
            [
                "gates",
                "arms",
                "differences",
                "metrics",
                "speed",
                "reliability",
                "evidence",
                "flips",
                "samples",
                "origin",
            ],
        ),
    ],
)
def test_a_section_stands_only_where_there_is_something_to_show(kind, sections):
    page = render_html(made.EVERY[kind]())
    assert re.findall(r'<section id="([a-z]+)"', page) == sections


def test_the_command_that_made_the_report_and_every_hash_are_in_it():
    facts = made.full()
    page = render_html(facts)
    assert facts.reproduce in page
    assert all(digest in page for digest in facts.hashes.values())
    assert all(row.signature in page for row in facts.gates)


def test_failures_are_listed_by_kind_with_their_meaning():
    page = render_html(made.not_ready())
    assert "no answer within the deadline" in page
    assert "3 of 812 (0.4 %), counted against the candidate" in page


def test_an_exploratory_stamp_is_shown():
    verdict = made.verdict("INCONCLUSIVE", "stamped", stamps=("EXPLORATORY",))
    assert "EXPLORATORY" in render_html(msgspec.structs.replace(made.ready(), verdict=verdict))


def test_a_gate_that_failures_turned_is_told_beside_it():
    rows = (made.format_gate(outcome_answered="PASS"),)
    page = build_page(msgspec.structs.replace(made.not_ready(), gates=rows))
    assert page.groups[0].gates[0].answered == "failures left out: PASS"


def test_long_answers_are_cut_and_the_rest_is_counted():
    flips = (made.flip(candidate_text="word " * 5000),)
    page = render_html(msgspec.structs.replace(made.ready(), flips=flips))
    assert "[17,000 more characters]" in page


# --- words about arms ------------------------------------------------------------------------


def test_what_an_arm_took_is_told_by_kind():
    told = arms.spent_line(made.candidate_arm())
    assert told == "requests 810 live, 2 cached; tokens 120,400 in, 40,210 out; $0.170 to $0.171"


def test_an_unknown_price_is_said_and_never_zero():
    arm = made.baseline_arm()
    assert arms.spent_line(arm).endswith("price unknown")
    nothing = msgspec.structs.replace(arm.summary, spent=Spent())
    assert arms.spent_line(msgspec.structs.replace(arm, summary=nothing)).startswith("no requests")


def test_metrics_are_told_gated_first_then_quality_then_price():
    metrics = {
        "latency": made.metric(1.0, scale="seconds", direction="lower"),
        "cost": made.metric(0.1, scale="usd", direction="lower"),
        "errors": made.metric(0.1, direction="lower"),
        "f1": made.metric(0.5),
        "tokens": made.metric(9.0, scale="tokens", direction="lower"),
    }
    assert arms.in_order(metrics, []) == ["f1", "errors", "cost", "latency", "tokens"]
    assert arms.in_order(metrics, ["tokens", "f1"])[:2] == ["tokens", "f1"]


def test_leaving_failures_out_is_told_only_where_it_shows():
    assert arms.answered_words(made.metric(0.5, value_answered=0.50000001), Medium.PAGE) == ""
    assert arms.answered_words(made.metric(0.5, value_answered=None), Medium.PAGE) == ""
    told = arms.answered_words(made.metric(0.5, value_answered=0.6), Medium.PAGE)
    assert told == "60.0 % with failures left out"


def test_a_value_without_a_bound_is_told_as_measured():
    metric = made.metric(None, value_answered=0.4)
    assert isinstance(metric.estimate, Undetermined)
    assert arms.answered_words(metric, Medium.PAGE) == "measured 40.0 %"


def test_failures_are_told_most_frequent_first():
    assert arms.kinds_words({"b": 1, "a": 1, "c": 9}) == "c 9, a 1, b 1"
    assert arms.kind_meaning("throttle") == "the provider refused by rate limit"
    assert arms.kind_meaning("new kind") == "new kind"


# --- the packed samples ----------------------------------------------------------------------


def unpack(found):
    text = found.block
    if found.packing:
        text = zlib.decompress(base64.b64decode(text)).decode()
    return json.loads(text)


def with_samples(*samples):
    return msgspec.structs.replace(made.full(), samples=samples, n_samples=len(samples))


def test_without_samples_there_is_nothing_to_explore():
    assert build_explorer(made.ready()) is None


def test_every_answer_is_packed_with_its_values():
    found = unpack(build_explorer(made.full()))
    assert found["arms"] == ["ft-3b", "prompted-70b", "rag-8b"]
    assert found["metrics"] == ["rouge_l", "format_ok"]
    first = made.sample(1)
    assert found["rows"][0][0] == first.id
    ours, theirs, other = found["rows"][0][6]
    assert ours[0] == first.answers["ft-3b"].text
    assert theirs[1] == [first.answers["prompted-70b"].values[name] for name in found["metrics"]]
    assert other is None


def test_a_failed_answer_is_packed_with_its_kind():
    row = unpack(build_explorer(made.full()))["rows"][11]
    assert row[0] == "q-0012"
    assert row[6][0] == ["", [None, None], "timeout"]


def test_a_metric_that_should_fall_is_marked():
    answer = AnswerFacts(values={"cost_usd": 1.0, "rouge_l": 0.5})
    found = unpack(build_explorer(with_samples(SampleFacts(id="a", answers={"ft-3b": answer}))))
    assert dict(zip(found["metrics"], found["lower"], strict=True)) == {"rouge_l": 0, "cost_usd": 1}


def test_a_small_block_is_readable_and_a_large_one_packed():
    small = build_explorer(made.full())
    large = build_explorer(with_samples(*(made.sample(n % 180 + 1) for n in range(4000))))
    assert small.packing == ""
    assert large.packing == "deflate"
    assert len(large.block) < 300_000
    assert len(unpack(large)["rows"]) == 4000


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_can_end_the_block_or_open_an_element(question, answer):
    sample = SampleFacts(
        id="a",
        input=question + "</script><!--",
        answers={"ft-3b": AnswerFacts(text=answer + "<b>")},
    )
    found = build_explorer(with_samples(sample))
    assert "<" not in found.block
    assert ">" not in found.block
    assert unpack(found)["rows"][0][3].endswith("</script><!--")


def test_texts_are_cut_only_as_far_as_the_budget_asks():
    sample = SampleFacts(id="a", input="x" * 4000, answers={"ft-3b": AnswerFacts(text="y" * 4000)})
    few, many = [sample] * 20, [sample] * (4 * explorer.BUDGET // 8000)
    assert explorer._text_limit(few) == explorer.MOST_TEXT
    assert explorer.LEAST_TEXT <= explorer._text_limit(many) < 4000
    assert len(many) * 2 * explorer._text_limit(many) <= explorer.BUDGET


def test_slices_are_offered_once_each():
    assert build_explorer(made.full()).slices == ("lang=de", "lang=en")


def test_of_more_samples_than_are_listed_the_page_says_so():
    assert "180 of 812 samples" in render_html(made.full())
