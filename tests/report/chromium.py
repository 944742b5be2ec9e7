"""A real Chromium for the tests of pages: its DevTools protocol over aiohttp, and nothing else.

`Browser` starts one headless process in a profile of its own; `Page` opens a file, and keeps what
the console said, what was requested and what the page's policy refused.
Source: chromedevtools.github.io/devtools-protocol (Page, Runtime, Log, Network, Emulation).
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """The path of an installed Chromium or Chrome, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Seen:
    """What a page did while it was open."""

    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Browser:
    """One headless process; use as a context manager."""

    def __init__(self, program: str, profile: Path) -> None:
        self._runner = asyncio.Runner()
        self._process = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--hide-scrollbars",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._port = self._find_port(profile / "DevToolsActivePort")

    def _find_port(self, path: Path) -> int:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if path.is_file() and (lines := path.read_text().splitlines()):
                return int(lines[0])
            if self._process.poll() is not None:
                raise RuntimeError(f"Chromium ended with {self._process.returncode}")
            time.sleep(0.05)
        raise TimeoutError("Chromium opened no DevTools port within 60 s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._runner.close()

    def open(self, path: Path | str, **options: Any) -> Page:
        """A file, or an address, in a tab of its own, loaded; options as in Page.load."""
        page = Page(self._port, self._runner)
        page.load(path, **options)
        return page


class Page:
    """One tab; close it when done."""

    def __init__(self, port: int, runner: asyncio.Runner) -> None:
        self.seen = Seen()
        self._runner = runner
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        runner.run(self._connect(port))

    async def _connect(self, port: int) -> None:
        self._session = aiohttp.ClientSession()
        async with self._session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as reply:
            target = await reply.json()
        self._socket = await self._session.ws_connect(
            target["webSocketDebuggerUrl"], max_msg_size=0
        )
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._send(f"{domain}.enable")

    async def _read(self) -> None:
        async for message in self._socket:
            event = json.loads(message.data)
            if "id" in event:
                self._replies.pop(event["id"]).set_result(event)
            else:
                self._note(event["method"], event.get("params", {}))

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.consoleAPICalled":
            words = [str(part.get("value", part.get("description"))) for part in params["args"]]
            self.seen.console.append(f"{params['type']}: {' '.join(words)}")
        elif method == "Runtime.exceptionThrown":
            self.seen.errors.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.seen.errors.append(f"{params['entry']['level']}: {params['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            self.seen.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded.set()

    async def _send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[number] = future
        await self._socket.send_json({"id": number, "method": method, "params": params})
        reply = await asyncio.wait_for(future, 60)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One protocol call."""
        return self._runner.run(self._send(method, **params))

    def load(
        self, path: Path | str, *, size: tuple[int, int] = (1280, 900), scheme: str = "light"
    ) -> None:
        """Open a file or an address at a window size and colour scheme, and wait for its load event."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=size[0] < 600,
        )
        self.media(scheme)
        address = path if isinstance(path, str) else path.resolve().as_uri()
        self._runner.run(self._go(address))

    async def _go(self, address: str) -> None:
        self._loaded.clear()
        await self._send("Page.navigate", url=address)
        await asyncio.wait_for(self._loaded.wait(), 60)

    def media(self, scheme: str, medium: str = "") -> None:
        """Which colour scheme, and which medium ("print"), the page believes it is shown in."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.send("Emulation.setEmulatedMedia", media=medium, features=features)

    def run(self, code: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        reply = self.send(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in reply:
            raise RuntimeError(str(reply["exceptionDetails"]))
        return reply["result"].get("value")

    def until(self, code: str, *, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(code):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never true: {code}")
            time.sleep(0.05)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """A screenshot as PNG, of the whole page or of what the window shows."""
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def pdf(self) -> bytes:
        """The page as it prints."""
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])

    def close(self) -> None:
        """Leave the tab."""
        self._runner.run(self._close())

    async def _close(self) -> None:
        await self._send("Page.close")
        await self._socket.close()
        await self._session.close()
        self._reader.cancel()
