"""The rating page in a real Chromium: judged with the keyboard alone, quiet and closed."""

from __future__ import annotations

import json

import pytest
from chromium import Browser, find_chromium

from evalharness.report.rating_page import rating_page

PROGRAM = find_chromium()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no Chromium or Chrome on this machine: the page is not opened"
)
ITEMS = [
    {"item": f"{k:03}", "question": f"q{k}", "answers": ["<img src=x onerror=alert(1)>", "two"]}
    for k in range(1, 5)
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def show(browser, tmp_path):
    opened = []

    def go(kind):
        path = tmp_path / f"{kind}.html"
        path.write_text(rating_page(f"p-{tmp_path.name}", kind, (1, 5), ITEMS), encoding="utf-8")
        opened.append(browser.open(path))
        return opened[-1]

    yield go
    for page in opened:
        page.close()


def press(page, key):
    page.run(
        "document.body.dispatchEvent("
        f"new KeyboardEvent('keydown', {{key: {key!r}, bubbles: true, cancelable: true}}))"
    )


def saved(page, tmp_path):
    page.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    press(page, "s")
    for _ in range(100):
        found = list(tmp_path.glob("rating-*.json"))
        if found:
            return json.loads(found[0].read_text())
        page.run("new Promise(done => setTimeout(done, 50))")
    raise TimeoutError("nothing was saved")


def test_pairs_are_judged_with_the_keyboard_alone_and_saved(show, tmp_path):
    page = show("preference")
    for key in ("1", "2", "t", "ArrowLeft"):
        press(page, key)
    assert "4 judged" in page.run("document.querySelector('[role=status]').textContent")
    page.run("(e => { e.value = 'anna'; e.dispatchEvent(new Event('input')); })"
             "(document.getElementById('name'))")  # fmt: skip
    told = saved(page, tmp_path)
    assert "anna" == told["annotator"]
    assert ["left", "right", "tie", "left"] == [told["answers"][i["item"]]["choice"] for i in ITEMS]


def test_answers_are_shown_as_text_and_nothing_is_requested(show):
    page = show("preference")
    assert 0 == page.run("document.querySelectorAll('img').length")
    assert "<img src=x" in page.run("document.querySelector('.answers pre').textContent")
    assert [] == page.seen.errors
    assert [] == page.seen.console
    assert 1 == len(page.seen.requests)
    assert page.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"


def test_scores_are_given_by_digits_and_can_be_changed(show):
    page = show("rating")
    press(page, "4")
    press(page, "p")
    assert "say-4" == page.run("document.querySelector('[aria-pressed=true]').id")
    press(page, "2")
    press(page, "p")
    assert "say-2" == page.run("document.querySelector('[aria-pressed=true]').id")
    assert "9" not in page.run("[...document.querySelectorAll('button')].map(b => b.id).join()")
