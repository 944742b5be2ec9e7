"""A folder of runs in the browser, served on this machine alone.

Reads: a folder of runs, on request.  Gives: a server on 127.0.0.1; it writes nothing, asks nobody,
and answers only GET and HEAD for names that the folder holds.
Depends on: history, shelf, facts, units, html, stages.compare.
A foreign page cannot read it: requests must name this address in their Host header (no DNS
rebinding), answers forbid framing, sniffing and loading anything from elsewhere.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from evalharness.errors import HarnessError, StoreError, UsageError
from evalharness.report.facts import build_facts
from evalharness.report.history import History, HistoryReader, RunEntry
from evalharness.report.html import render_html
from evalharness.report.shelf import render_shelf
from evalharness.report.units import add_units, with_units
from evalharness.results import ArmFacts, Facts
from evalharness.stages.compare import compare_tables
from evalharness.stages.pairing import pair
from evalharness.store.marks import read_marks

ADDRESS: Final = "127.0.0.1"
HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class NotHere(UsageError):
    """Nothing of that name below the folder."""


class ViewServer(ThreadingHTTPServer):
    """The server of one folder; `serve_forever` runs it, `shutdown` ends it."""

    daemon_threads = True

    def __init__(self, out: Path, *, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.out = out
        self.clock = clock
        self.reader = HistoryReader(out)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def page(self, target: str) -> str:
        """The page of a request's path and query. Raises NotHere, or another HarnessError."""
        parts = urlsplit(target)
        history = self.reader.read()
        names = [unquote(part) for part in parts.path.split("/") if part]
        if not names:
            return render_shelf(history, where=str(self.out), now=self.clock())
        if names == ["compare"]:
            return self._comparison(history, parts.query)
        if len(names) == 2 and names[0] in {"run", "gate"}:
            return self._report(history, names[0], names[1])
        raise NotHere("no such page", where=parts.path)

    def _report(self, history: History, kind: str, name: str) -> str:
        run = history.run(name) if kind == "run" else None
        gate = history.gate(name) if kind == "gate" else None
        if run is not None:
            folder = run.folder.path
        elif gate is not None:
            folder = gate.path
        else:
            raise NotHere(f"no {kind} of that name", where=str(self.out))
        return render_html(add_units(build_facts(folder, out=self.out), folder, out=self.out))

    def _comparison(self, history: History, query: str) -> str:
        asked = parse_qs(query)
        found = []
        for role in ("baseline", "candidate"):
            name = asked.get(role, [""])[0]
            run = history.run(name)
            if run is None:
                raise NotHere(f"choose a {role} among the runs", where=str(self.out))
            found.append(run)
        return render_html(compare_facts(found[0], found[1]))


def compare_facts(baseline: RunEntry, candidate: RunEntry) -> Facts:
    """Two runs compared, in memory: as `evalharness compare` tells it, without writing a folder.

    Raises UsageError for one run twice, StoreError for an unfinished one, PairingError where they
    cannot be compared.
    """
    if baseline.name == candidate.name:
        raise UsageError("choose two runs that differ", where=baseline.name)
    for run in (baseline, candidate):
        if run.summary is None:
            raise StoreError(f"run '{run.name}' is not finished", where=str(run.folder.path))
    names = _distinct(baseline, candidate)
    suite = candidate.folder.manifest().suite
    pairing = pair(read_marks(baseline.folder.marks_path), read_marks(candidate.folder.marks_path))
    seed = suite.generation.seed or 0
    arms = (
        ArmFacts(name=names[1], role="candidate", summary=candidate.folder.summary()),
        ArmFacts(name=names[0], role="baseline", summary=baseline.folder.summary()),
    )
    facts = Facts(
        kind="compare",
        title=f"{suite.name}: {names[1]} vs {names[0]}",
        verdict=None,
        arms=arms,
        comparisons=tuple(compare_tables(pairing, suite=suite, names=names, seed=seed)),
        reproduce=f"evalharness compare {baseline.name} {candidate.name}",
    )
    runs = {
        (arm.summary.suite, arm.name): run.folder
        for arm, run in zip(arms, (candidate, baseline), strict=True)
    }
    return with_units(facts, runs)


def _distinct(baseline: RunEntry, candidate: RunEntry) -> tuple[str, str]:
    """The arms' names, told apart by their runs where they are equal."""
    if baseline.arm != candidate.arm:
        return baseline.arm, candidate.arm
    return f"{baseline.arm} ({baseline.name})", f"{candidate.arm} ({candidate.name})"


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ViewServer
    server_version = "evalharness"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a page, or with what is wrong as a page."""
        if self.headers.get("Host") not in self._hosts():
            self._answer(
                HTTPStatus.FORBIDDEN, _message("This server answers on this machine only.")
            )
            return
        try:
            self._answer(HTTPStatus.OK, self.server.page(self.path))
        except NotHere as error:
            self._answer(HTTPStatus.NOT_FOUND, _message(str(error)))
        except HarnessError as error:
            self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, _message(str(error)))

    def do_HEAD(self) -> None:
        """As GET, without the page."""
        self.do_GET()

    def _hosts(self) -> set[str]:
        port = self.server.server_port
        return {f"{ADDRESS}:{port}", f"localhost:{port}"}

    def _answer(self, status: HTTPStatus, page: str) -> None:
        body = page.encode()
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: standard error is for what the user should read."""


def _message(text: str) -> str:
    """A bare page that says what is wrong."""
    return (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
        f"<title>evalharness</title><p>{html.escape(text)}</p>"
        '<p><a href="/">All runs</a></p></html>'
    )
