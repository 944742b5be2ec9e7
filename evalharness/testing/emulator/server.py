"""The emulator itself: routes, its thread, its start and end.

Reads: a Plan.  Gives: Emulator, serve.  Depends on: the emulator's other modules.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from evalharness.records import JsonObject
from evalharness.testing.emulator.faults import error
from evalharness.testing.emulator.inference import complete
from evalharness.testing.emulator.jobs import Jobs
from evalharness.testing.emulator.ledger import Ledger
from evalharness.testing.emulator.plan import Plan
from evalharness.testing.emulator.routes import handle_job
from evalharness.testing.emulator.sampler import Samplers, handle_sampler
from evalharness.testing.emulator.wire import Connections, HttpRequest, Wire, listen

PRICES: Final = {"input": 0.5, "cachedInput": 0.25, "output": 1.5}
"""US dollars per million tokens."""

COMPLETIONS: Final = ("/v1/chat/completions", "/v1/completions")
TINKER: Final = "/services/tinker-prod/oai/api"
"""Tinker's OpenAI-compatible routes stand behind this prefix."""


class Emulator:
    """A loopback server; `url` ends in /v1 once it listens."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.ledger = Ledger(plan or Plan())
        self.jobs = Jobs()
        self.samplers = Samplers()
        self.connections = Connections()
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def root(self) -> str:
        """The server's address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base URL to give to a client."""
        return f"{self.root}/v1"

    async def start(self, port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        self._server = await listen(self.handle, port, self.connections)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections.open):
            connection.abort()

    def set_plan(self, plan: Plan) -> None:
        """Start anew with a plan: all counts are zero."""
        self.ledger = Ledger(plan)
        self.jobs = Jobs()
        self.samplers = Samplers()

    def state(self) -> JsonObject:
        """All counts since the plan was set."""
        return self.ledger.snapshot(connections=self.connections.opened)

    async def handle(self, request: HttpRequest, wire: Wire) -> None:
        """Answer one request by its route."""
        path = request.path.removeprefix(TINKER)
        if request.method == "POST" and path in COMPLETIONS:
            await complete(request, wire, self.ledger)
        elif path == "/__state":
            wire.send_json(self.state())
        elif path == "/__plan" and request.method == "POST":
            self.take_plan(request, wire)
        elif path == "/v1/models":
            self.list_models(request, wire)
        elif path == "/v2/supported-models":
            self.list_prices(wire)
        elif handle_job(self.jobs, request, path, wire, self.ledger):
            return
        elif not await handle_sampler(self.samplers, request, wire, self.ledger):
            wire.send_json(error(f"no route {request.method} {path}"), status=404)

    def take_plan(self, request: HttpRequest, wire: Wire) -> None:
        """Set the plan that the request's body holds."""
        try:
            self.set_plan(msgspec.json.decode(request.body or b"{}", type=Plan))
        except (msgspec.MsgspecError, ValueError) as wrong:
            wire.send_json(error(f"no plan: {wrong}"), status=400)
            return
        wire.send_json({"ok": True})

    def list_models(self, request: HttpRequest, wire: Wire) -> None:
        """The known models: an object with OpenAI, a bare list with prices with Together."""
        plan = self.ledger.plan
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if plan.keys and key not in plan.keys:
            wire.send_json(error("Incorrect API key", code="invalid_api_key"), status=401)
            return
        listed: list[JsonObject] = [
            {"id": name, "object": "model", "created": 0, "owned_by": "emulator"}
            for name in plan.models or ("echo",)
        ]
        if plan.dialect == "together":
            wire.send_json([{**model, "pricing": PRICES} for model in listed])
        else:
            wire.send_json({"object": "list", "data": listed})

    def list_prices(self, wire: Wire) -> None:
        """The catalogue with prices, in Together's shape: USD per million tokens."""
        names = self.ledger.plan.models or ("echo",)
        listed = [{"id": name, "pricing": PRICES, "contextLength": "8192"} for name in names]
        wire.send_json({"data": listed, "nextCursor": None})


@contextmanager
def serve(plan: Plan | None = None) -> Iterator[Emulator]:
    """An emulator in a thread of this process, for as long as the block lasts."""
    emulator = Emulator(plan)
    started = threading.Event()
    loop = asyncio.new_event_loop()

    def run() -> None:
        """Serve until the loop is stopped, then let nothing hang."""
        asyncio.set_event_loop(loop)
        loop.run_until_complete(emulator.start())
        started.set()
        loop.run_forever()
        loop.run_until_complete(emulator.stop())
        leftover = asyncio.all_tasks(loop)
        for task in leftover:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*leftover, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if not started.wait(timeout=30):
        raise RuntimeError("the emulator did not start")
    try:
        yield emulator
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=30)
