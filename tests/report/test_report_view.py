"""A folder of runs in the browser: real run folders, a real server, a real Chromium."""

from __future__ import annotations

import http.client
import os
import shutil
import threading
import urllib.error
import urllib.request

import pytest
from chromium import Browser, find_chromium

from evalharness.api import gate
from evalharness.errors import HarnessError, StoreError, UsageError
from evalharness.report.history import HistoryReader
from evalharness.report.serve import NotHere, ViewServer, compare_facts
from evalharness.report.shelf import render_shelf, when
from evalharness.stages.options import RunOptions


@pytest.fixture(scope="module")
def made_runs(tmp_path_factory):
    """Two gates over the shipped recordings: three runs, two verdicts."""
    out = tmp_path_factory.mktemp("runs")
    for candidate, baseline in (
        ("facts-tuned", "facts-base"),
        ("facts-undertrained", "facts-tuned"),
    ):
        gate("facts", candidate=candidate, baseline=baseline, options=RunOptions(out=out))
    return out


@pytest.fixture
def out(made_runs, tmp_path):
    """A copy that a test may damage."""
    shutil.copytree(made_runs, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def server(out):
    with ViewServer(out) as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join(10)


def get(server, path, **headers):
    request = urllib.request.Request(server.url + path.lstrip("/"), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read().decode(), reply.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def unfinish(out):
    """Make the first run look as it does while it is being made."""
    run = HistoryReader(out).read().runs[0]
    run.folder.summary_path.unlink()
    return run


# --- reading ---------------------------------------------------------------------------------


def test_history_holds_every_run_and_gate_oldest_first(out):
    history = HistoryReader(out).read()
    assert len(history.runs) == 3
    assert [entry.file.verdict.state for entry in history.gates] == ["READY", "NOT_READY"]
    assert history.suites == ("facts",)
    assert history.damaged == ()
    assert [run.created_at for run in history.runs] == sorted(
        run.created_at for run in history.runs
    )


def test_an_empty_and_an_absent_folder_hold_nothing(tmp_path):
    assert HistoryReader(tmp_path).read().runs == ()
    assert HistoryReader(tmp_path / "absent").read().gates == ()


def test_what_did_not_change_is_not_read_again(out):
    reader = HistoryReader(out)
    first = reader.read()
    again = reader.read()
    assert all(one is two for one, two in zip(first.runs, again.runs, strict=True))
    assert all(one is two for one, two in zip(first.gates, again.gates, strict=True))


def test_a_run_that_is_finished_meanwhile_is_read_again(out):
    run = HistoryReader(out).read().runs[0]
    summary = run.folder.summary_path.read_bytes()
    run.folder.summary_path.unlink()
    reader = HistoryReader(out)
    assert reader.read().run(run.name).summary is None
    run.folder.summary_path.write_bytes(summary)
    assert reader.read().run(run.name).summary is not None


def test_an_unfinished_run_counts_its_answers(out):
    run = unfinish(out)
    found = HistoryReader(out).read().run(run.name)
    assert found.summary is None
    assert found.answered == 360


def test_a_damaged_run_is_named_and_the_others_are_shown(out):
    runs = HistoryReader(out).read().runs
    runs[0].folder.summary_path.write_text("{")
    history = HistoryReader(out).read()
    assert [name for name, _ in history.damaged] == [runs[0].name]
    assert len(history.runs) == 2
    assert "Damaged." in render_shelf(history, where="x", now=0.0)


# --- the page --------------------------------------------------------------------------------


def test_the_page_shows_verdicts_runs_and_timelines(out):
    page = render_shelf(HistoryReader(out).read(), where=str(out), now=0.0)
    assert page.index("Not ready") < page.index(">Ready<")
    assert page.count('type="radio"') == 6
    assert page.count("<figure>") == 4
    assert "refresh" not in page.partition("</head>")[0]


def test_a_running_run_asks_for_the_page_again_and_an_old_one_does_not(out):
    run = unfinish(out)
    touched = run.folder.outcomes_path.stat().st_mtime
    history = HistoryReader(out).read()
    running = render_shelf(history, where="x", now=touched + 10)
    stopped = render_shelf(history, where="x", now=touched + 10_000)
    assert 'http-equiv="refresh"' in running
    assert ">running<" in running
    assert "360 answers so far" in running
    assert 'http-equiv="refresh"' not in stopped
    assert ">unfinished<" in stopped


def test_an_empty_folder_says_how_to_make_the_first_run(tmp_path):
    assert "No run yet" in render_shelf(HistoryReader(tmp_path).read(), where="x", now=0.0)


def test_a_time_is_told_to_the_minute():
    assert when("2026-01-02T03:04:05+00:00") == "2026-01-02 03:04"
    assert when("") == ""


# --- comparing -------------------------------------------------------------------------------


def test_any_two_runs_are_compared_as_the_gate_compared_them(out):
    history = HistoryReader(out).read()
    verdict = history.gates[-1].file
    by_arm = {run.arm: run for run in history.runs}
    facts = compare_facts(by_arm["facts-tuned"], by_arm["facts-undertrained"])
    ours = {(row.metric, row.slice): row.difference for row in facts.comparisons}
    theirs = {(row.metric, row.slice): row.difference for row in verdict.comparisons}
    assert ours == theirs
    assert facts.samples
    assert facts.differences


def test_a_run_is_not_compared_with_itself(out):
    run = HistoryReader(out).read().runs[0]
    with pytest.raises(UsageError, match="two runs that differ"):
        compare_facts(run, run)


def test_two_runs_of_one_arm_are_told_apart_by_their_names(out):
    folder = HistoryReader(out).read().runs[0].folder
    shutil.copytree(folder.path, out / "zz-again")
    history = HistoryReader(out).read()
    first, second = (run for run in history.runs if run.arm == folder.manifest().arm)
    facts = compare_facts(first, second)
    assert len({arm.name for arm in facts.arms}) == 2
    assert all(row.difference == 0 for row in facts.comparisons if row.metric == "exact_match")


def test_an_unfinished_run_is_not_compared(out):
    name = unfinish(out).name
    history = HistoryReader(out).read()
    with pytest.raises(StoreError, match="is not finished"):
        compare_facts(history.run(name), history.runs[-1])


# --- the server ------------------------------------------------------------------------------


def test_it_answers_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.url.startswith("http://127.0.0.1:")


def test_every_page_is_found_by_name(server):
    history = server.reader.read()
    for path in ("/", f"/gate/{history.gates[0].name}", f"/run/{history.runs[0].name}"):
        status, page, headers = get(server, path)
        assert status == 200
        assert page.startswith("<!DOCTYPE html>")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/run/",
        "/run/absent",
        "/gate/absent",
        "/run/../gates",
        "/run/%2e%2e%2fgates",
        "/run/..%2f..%2f..%2fetc%2fpasswd",
        "/gate/%00",
        "/compare",
        "/compare?baseline=x",
        "/run/a/b/c",
        "/compare?baseline=%3Cscript%3E&candidate=y",
    ],
)
def test_nothing_but_what_the_folder_holds_is_answered(server, path):
    status, page, _ = get(server, path)
    assert status == 404
    assert "<script" not in page
    assert "root:" not in page


def test_a_foreign_host_name_is_refused(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request("GET", "/", headers={"Host": "evil.example:80"})
    reply = connection.getresponse()
    assert reply.status == 403
    assert b"facts" not in reply.read()
    connection.close()


def test_head_gives_the_size_without_the_page(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request("HEAD", "/")
    reply = connection.getresponse()
    assert int(reply.headers["Content-Length"]) > 1000
    assert reply.read() == b""
    connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(server, method):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, "/", body=b"x")
    assert connection.getresponse().status == 501
    connection.close()


def test_a_run_that_cannot_be_shown_gives_a_message(server, out):
    run = server.reader.read().runs[0]
    run.folder.marks_path.unlink()
    status, page, _ = get(server, f"/run/{run.name}")
    assert status == 422
    assert "score the run again" in page


def test_a_page_that_is_not_there_is_an_error_of_its_own(server):
    with pytest.raises(NotHere):
        server.page("/run/absent")
    assert issubclass(NotHere, HarnessError)


def test_the_folder_is_not_written_to(server, out):
    before = sorted((str(path), os.stat(path).st_mtime_ns) for path in out.rglob("*"))
    names = [run.name for run in server.reader.read().runs]
    get(server, "/")
    get(server, f"/compare?baseline={names[0]}&candidate={names[1]}")
    assert before == sorted((str(path), os.stat(path).st_mtime_ns) for path in out.rglob("*"))


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium: the server is not browsed")
def test_two_runs_are_chosen_and_compared_in_a_browser(server, tmp_path):
    with Browser(find_chromium(), tmp_path / "profile") as browser:
        page = browser.open(server.url)
        assert page.run("document.querySelectorAll('figure svg').length") == 4
        page.run("document.querySelector('form button').click()")
        page.until("location.pathname === '/compare' && document.readyState === 'complete'")
        page.until("document.body.dataset.samples === 'ready'")
        assert page.run("document.querySelector('h1').textContent").strip().startswith("facts:")
        assert page.seen.errors == []
        assert all(address.startswith(server.url) for address in page.seen.requests)
        page.close()
