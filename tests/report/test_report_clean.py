"""Hostile text stays text, in every renderer."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import handmade_facts as made
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report import clean, diff, github, jsonfile, junit, markdown, svg, terminal
from evalharness.report.html import render_html

HOSTILE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "ansi": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "controls": "".join(map(chr, range(32))) + "\x7f\x9b",
    "rtl": "safe \u202egnp.exe\u202c \u2066 \u2069 \u061c",
    "surrogate": "broken \ud800 pair \udfff",
    "fence": "```\n# not a heading\n````\n<!-- x -->",
    "table": "a | b \\| c \n | --- |",
    "mention": "@team see #12 and https://example.org/x",
    "entity": "&lt;b&gt; &amp; ]]> --> </style></title></textarea>",
    "jinja": "{{ 7 * 7 }} {% include '/etc/passwd' %} {{ ''.__class__ }}",
    "workflow": "::error::owned%0A::set-output name=x::y\n::warning::z",
    "noncharacters": "\ufffe\uffff\ufdd0\U000e0041",
    "long": "word " * 200_000,
    "oneword": "x" * 1_000_000,
}
text = st.text(st.characters(), max_size=60) | st.sampled_from(
    [v for k, v in HOSTILE.items() if len(v) < 500]
)


def infected(poison: str):
    """Facts with the poison in every place that a model, a file or a user can fill."""
    facts = made.inconclusive()
    arms = tuple(
        msgspec.structs.replace(
            arm,
            name=f"{arm.role} {poison[:300]}",
            rung=poison[:300],
            summary=msgspec.structs.replace(
                arm.summary,
                model={"model": poison[:300]},
                warnings=(poison[:300],),
                slices={poison[:300]: arm.summary.metrics},
                failures={poison[:300]: 3},
            ),
        )
        for arm in facts.arms
    )
    short = poison[:300]
    return msgspec.structs.replace(
        facts,
        title=short,
        arms=arms,
        verdict=made.verdict("INCONCLUSIVE", short, stamps=(short,)),
        gates=tuple(
            msgspec.structs.replace(
                row,
                metric=short,
                slice=short,
                reason=short,
                suite=short,
                baseline=short,
                method=short,
                signature=short,
            )
            for row in facts.gates
        ),
        comparisons=tuple(
            msgspec.structs.replace(row, metric=short, baseline=short, method=short, reason=short)
            for row in facts.comparisons
        ),
        flips=(
            made.flip(
                sample_id=short,
                metric=short,
                input=poison,
                targets=(poison,),
                candidate_text=poison,
                baseline_text=poison[::-1],
                slices={short: short},
            ),
        ),
        warnings=(short,),
        reproduce=short,
        hashes={short: short},
    )


@pytest.fixture(params=list(HOSTILE), ids=list(HOSTILE))
def poison(request):
    return HOSTILE[request.param]


def test_the_page_holds_no_element_that_a_text_brought(poison):
    page = render_html(infected(poison))
    page.encode()
    body = page.partition("<body")[2]
    assert "<img" not in body
    assert "<script>alert" not in body
    assert body.count("<script") == body.count("</script>") <= 2
    assert "<!-- x" not in body
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ufffe]", page)


def test_the_template_language_is_not_spoken_by_texts():
    page = render_html(infected(HOSTILE["jinja"]))
    assert "{{ 7 * 7 }} {% include &#39;/etc/passwd&#39; %}" in page


def test_the_terminal_gets_no_control_character(poison):
    told = terminal.render(infected(poison))
    told.encode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told)


def test_markdown_keeps_model_text_in_fences(poison):
    told = markdown.render_markdown(infected(poison))
    told.encode()
    outside, fence = [], None
    for line in told.splitlines():
        bar = re.match("`{3,}", line)
        if fence is None and bar:
            fence = bar.group()
        elif fence is not None:
            fence = None if line == fence else fence
        else:
            outside.append(line)
    assert fence is None
    without_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(outside))
    assert "<script" not in without_code
    assert not re.search(r"@team|(?<!\\)#12|https://example", without_code)


def test_a_table_of_markdown_keeps_its_columns(poison):
    told = markdown.render_markdown(infected(poison))
    table = told.partition("| gate |")[2].split("\n\n")[0].splitlines()[1:]
    for line in table:
        cells = re.split(r"(?<!\\)\|", line)
        assert len(cells) == 7, line


def test_junit_stays_well_formed(poison):
    root = ET.fromstring(junit.render_junit(infected(poison)))
    assert int(root.get("tests")) == len(list(root.iter("testcase")))


def test_facts_survive_as_json(poison):
    facts = infected(poison)
    again = jsonfile.decode_facts(jsonfile.encode_facts(facts))
    held = poison.replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")
    assert again.flips[0].candidate_text == held


def test_annotations_are_one_command_a_line(poison):
    told = github.render_annotations(infected(poison))
    for line in told.splitlines():
        assert re.match(r"::(error|warning|notice) title=[^:,]*::", line)
        assert "::set-output" not in line.partition("::")[2].partition(" ")[0]


def test_a_comment_fits(poison):
    comment = github.render_comment(infected(poison))
    assert len(comment) <= 65_536
    assert comment.startswith("<!-- evalharness gate ")


def test_a_megabyte_of_text_is_cut_and_the_rest_is_counted():
    page = render_html(infected(HOSTILE["oneword"]))
    assert len(page) < 400_000
    assert "more characters]" in page


@given(text)
def test_visible_text_has_nothing_invisible_and_encodes(poison):
    told = clean.visible(poison)
    told.encode()
    assert told == clean.visible(told)
    assert "\r" not in told


@given(text)
def test_one_line_is_one_line(poison):
    assert len(clean.one_line(poison).splitlines()) <= 1


@given(st.text(max_size=80), st.integers(4, 40))
def test_a_clipped_text_fits_its_columns(told, columns):
    assert clean.width(clean.clip(told, columns)) <= columns


@given(st.text(max_size=80), st.integers(0, 100))
def test_a_cut_text_says_how_much_is_missing(told, limit):
    found = clean.cut(told, limit)
    assert found.startswith(told[:limit])
    assert (found == told) == (len(told) <= limit) or "more characters]" in found


@given(text)
def test_svg_words_are_escaped(poison):
    root = ET.fromstring(svg.picture(10, 10, poison, svg.label(1, 1, poison)))
    assert root.get("role") == "img"


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_pieces_of_a_diff_join_to_the_texts(first, second):
    left, right = diff.word_diff(first, second)
    assert "".join(piece.text for piece in left) == first
    assert "".join(piece.text for piece in right) == second


@given(st.text(max_size=200))
def test_equal_texts_have_no_own_words(told):
    left, right = diff.word_diff(told, told)
    assert not any(piece.own for piece in left + right)


@given(
    st.lists(st.sampled_from(["a", "bb", "c3"]), max_size=30),
    st.lists(st.sampled_from(["a", "bb", "d"]), max_size=30),
)
def test_what_both_texts_keep_is_the_same(first, second):
    left, right = diff.word_diff(" ".join(first), " ".join(second))
    kept = ["".join("".join(p.text.split()) for p in side if not p.own) for side in (left, right)]
    assert kept[0] == kept[1]


def test_very_long_texts_are_shown_without_a_diff():
    long = "word " * (diff.MOST_WORDS + 1)
    left, right = diff.word_diff(long, "short")
    assert [piece.own for piece in left + right] == [False, False]
