"""The page in a real headless Chromium: quiet, closed, usable without a mouse, and readable."""

from __future__ import annotations

import handmade_facts as made
import msgspec
import pytest
from chromium import Browser, find_chromium
from test_report_clean import HOSTILE, infected

from evalharness.report.html import render_html
from evalharness.results import AnswerFacts, SampleFacts

PROGRAM = find_chromium()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no Chromium or Chrome on this machine: the pages are not opened"
)
SIZES = [(1280, 900), (820, 1100), (390, 844)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def show(browser, tmp_path):
    """Write facts as a page and open it; every page is closed after the test."""
    opened = []

    def go(facts, **options):
        path = tmp_path / f"report-{len(opened)}.html"
        path.write_text(render_html(facts), encoding="utf-8")
        page = browser.open(path, **options)
        if facts.samples:
            page.until("document.body.dataset.samples === 'ready'")
        opened.append(page)
        return page

    yield go
    for page in opened:
        page.close()


def rows(page):
    return page.run(
        "[...document.querySelectorAll('#s-body > tr:not(.detail) th')].map(e => e.textContent)"
    )


def choose(page, name, value):
    page.run(
        f"(e => {{ e.value = {value!r}; e.dispatchEvent(new Event('change')); }})"
        f"(document.getElementById({name!r}))"
    )


@pytest.mark.parametrize("kind", list(made.EVERY))
def test_the_console_stays_silent_and_nothing_is_requested(show, kind):
    page = show(made.EVERY[kind]())
    assert page.seen.console == []
    assert page.seen.errors == []
    assert len(page.seen.requests) == 1
    assert page.seen.requests[0].startswith("file:///")


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_text_runs_nothing_and_asks_for_nothing(show, name):
    poison = HOSTILE[name]
    facts = infected(poison)
    answer = AnswerFacts(text=poison[:5000], values={"rouge_l": 0.5}, failed=None)
    sample = SampleFacts(
        id=poison[:200],
        input=poison[:5000],
        targets=(poison[:5000],),
        slices={"x": poison[:200]},
        answers={arm.name: answer for arm in facts.arms},
    )
    page = show(msgspec.structs.replace(facts, samples=(sample,)))
    page.run("document.querySelector('#s-body button').click()")
    assert page.seen.errors == []
    assert len(page.seen.requests) == 1
    assert (
        page.run("document.querySelectorAll('img, iframe, object, form, link, base').length") == 0
    )
    assert page.run("document.scripts.length") == 2
    assert page.run("document.title.length > 0 && !document.querySelector('.text b, .text script')")


def test_the_policy_of_the_page_stops_a_script_that_got_in(browser, tmp_path):
    page_text = render_html(made.ready()).replace(
        "<main",
        "<script>document.title = 'owned'</script><img src='https://example.invalid/x'><main",
    )
    path = tmp_path / "owned.html"
    path.write_text(page_text)
    page = browser.open(path)
    assert page.run("document.title") != "owned"
    assert any("Content Security Policy" in error for error in page.seen.errors)
    page.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["full", "several", "invalid", "run"])
def test_no_window_scrolls_sideways(show, kind, size):
    page = show(made.EVERY[kind](), size=size)
    assert page.run("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("size", SIZES)
def test_the_verdict_is_seen_without_scrolling(show, size):
    page = show(made.full(), size=size)
    bottom = page.run("document.querySelector('h1').getBoundingClientRect().bottom")
    assert bottom < size[1] / 2
    assert page.run("document.querySelector('.why').getBoundingClientRect().bottom") < size[1]


def test_long_names_break_instead_of_widening_the_page(show):
    facts = infected(HOSTILE["oneword"])
    page = show(facts, size=(390, 844))
    assert page.run("document.documentElement.scrollWidth") <= 390


def test_search_finds_a_word_of_an_answer(show):
    page = show(made.full())
    assert len(rows(page)) == 25
    page.run(
        "(e => { e.value = 'LIABILITY'; e.dispatchEvent(new Event('input')); })"
        "(document.getElementById('s-search'))"
    )
    page.until("document.getElementById('s-count').textContent.startsWith('30 ')")
    assert all(int(name[2:]) % 6 == 1 for name in rows(page))


def test_samples_are_sorted_by_gain_and_by_loss(show):
    page = show(made.full())
    changes = "[...document.querySelectorAll('#s-body > tr > td:last-child')].map(e => Number(e.textContent))"
    choose(page, "s-sort", "gain")
    gains = page.run(changes)
    choose(page, "s-sort", "loss")
    losses = page.run(changes)
    assert gains == sorted(gains, reverse=True)
    assert losses == sorted(losses)
    assert gains[0] > 0 > losses[0]


@pytest.mark.parametrize(("show_what", "count"), [("failed", 3), ("unparsed", 20), ("all", 180)])
def test_samples_are_filtered_by_what_happened(show, show_what, count):
    page = show(made.full())
    choose(page, "s-show", show_what)
    assert page.run("document.getElementById('s-count').textContent") == f"{count} of 180"


def test_samples_are_filtered_by_slice(show):
    page = show(made.full())
    choose(page, "s-slice", "lang=de")
    assert page.run("document.getElementById('s-count').textContent") == "45 of 180"


def test_better_worse_and_same_make_up_all_that_can_be_compared(show):
    page = show(made.full())
    counts = []
    for what in ("better", "worse", "same"):
        choose(page, "s-show", what)
        counts.append(int(page.run("document.getElementById('s-count').textContent").split()[0]))
    assert sum(counts) == 177


def test_pages_of_samples_are_turned(show):
    page = show(made.full())
    first = rows(page)
    page.run("document.getElementById('s-next').click()")
    assert rows(page)[0] == "q-0026"
    page.run("document.getElementById('s-prev').click()")
    assert rows(page) == first


def test_an_opened_sample_shows_both_answers_with_their_own_words_marked(show):
    page = show(made.full())
    page.run("document.querySelector('#s-body button').click()")
    assert (
        page.run("document.querySelector('#s-body button').getAttribute('aria-expanded')") == "true"
    )
    texts = page.run(
        "[...document.querySelectorAll('.detail .sides .text')].map(e => e.textContent)"
    )
    assert texts == [
        "- the liability clause applies after 11 days",
        "- the liability clause applies within 11 calendar days",
    ]
    marks = page.run(
        "[...document.querySelectorAll('.detail mark')].map(e => e.textContent.trim())"
    )
    assert marks == ["after", "within", "calendar"]
    page.run("document.querySelector('#s-body button').click()")
    assert page.run("document.querySelectorAll('tr.detail').length") == 0


def test_a_sample_opens_by_keyboard_alone(show):
    page = show(made.full())
    page.run("document.querySelector('#s-body button').focus()")
    for kind in ("keyDown", "keyUp"):
        page.send(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Enter",
            code="Enter",
            text="\r",
            windowsVirtualKeyCode=13,
        )
    page.until("document.querySelectorAll('tr.detail').length === 1")


def test_flips_are_filtered_by_who_is_higher(show):
    page = show(made.full())
    choose(page, "flip-winner", "candidate")
    shown = "[...document.querySelectorAll('details.flip')].filter(e => !e.hidden).map(e => e.dataset.winner)"
    assert page.run(shown) == ["candidate"]


def test_flips_are_filtered_by_the_arms_that_differ(show):
    page = show(made.several())
    choose(page, "flip-against", "ft-3b against rag-8b")
    assert page.run("document.getElementById('flip-count').textContent") == "2 shown"


def test_against_several_baselines_those_that_are_not_passed_stand_open(show):
    page = show(made.several())
    states = "[...document.querySelectorAll('#gates > details')].map(e => e.open)"
    assert page.run(states) == [True, True, False, False]
    chips = "[...document.querySelectorAll('.overview .chip')].length"
    assert page.run(chips) == 9


def test_a_large_list_travels_packed_and_opens_the_same(show):
    facts = made.full()
    many = tuple(
        msgspec.structs.replace(made.sample(1 + number % 180), id=f"n-{number}")
        for number in range(6000)
    )
    page = show(msgspec.structs.replace(facts, samples=many))
    assert page.run("document.getElementById('s-data').dataset.packing") == "deflate"
    assert page.run("document.getElementById('s-count').textContent") == "6,000 of 6,000"
    assert page.seen.errors == []


def test_without_a_script_the_verdict_and_the_flips_are_there(browser, tmp_path):
    path = tmp_path / "still.html"
    path.write_text(render_html(made.full()))
    page = browser.open(path)
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.load(path)
    told = page.send("DOMSnapshot.captureSnapshot", computedStyles=[])["strings"]
    assert "Not ready" in told
    assert any("needs the page’s own script" in text for text in told)
    page.send("Emulation.setScriptExecutionDisabled", value=False)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast_and_axe_finds_no_serious_fault(show, scheme):
    axe = pytest.importorskip("axe_core_python", reason="axe-core is not installed")
    from pathlib import Path

    page = show(made.full(), scheme=scheme)
    page.run((Path(axe.__file__).parent / "axe.min.js").read_text() + ";true")
    found = page.run("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    serious = [
        (fault["id"], fault["nodes"][0]["html"][:120], fault["nodes"][0]["failureSummary"][:300])
        for fault in found
        if fault["impact"] in {"serious", "critical"}
    ]
    assert serious == []


def test_the_page_prints(show):
    page = show(made.full())
    data = page.pdf()
    assert data.startswith(b"%PDF")
    assert 2 <= data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") <= 30


def test_print_leaves_out_what_paper_cannot_use(show):
    page = show(made.full())
    page.media("light", "print")
    hidden = page.run(
        "['.contents', '.tools', '#samples'].map(s => getComputedStyle(document.querySelector(s)).display)"
    )
    assert hidden == ["none"] * 3


def test_dark_and_light_are_two_palettes(show):
    colour = "getComputedStyle(document.body).backgroundColor"
    assert show(made.ready(), scheme="light").run(colour) != show(made.ready(), scheme="dark").run(
        colour
    )
