"""HTTP/1.1 by hand: requests in, and answers that may break every rule.

Reads: bytes of connections.  Gives: HttpRequest, Wire (what a handler answers through), listen.
Depends on: the standard library.  Knows nothing of models or faults.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

REASONS: Final = {200: "OK", 302: "Found", 400: "Bad Request", 404: "Not Found", 429: "Slow Down"}
MAX_HEAD_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # Any: JSON
        """The body as JSON; raises ValueError where it is not."""
        return json.loads(self.body or b"null")


class Wire:
    """What a handler answers through: whole, piece by piece, or by breaking off."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.closed = False

    @property
    def gone(self) -> bool:
        """Whether the other side has left."""
        return self._transport.is_closing()

    def send_json(
        self, value: Any, *, status: int = 200, headers: Mapping[str, str] = {}
    ) -> None:  # never changed
        """A whole JSON answer."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        self.send(body, status=status, headers={"Content-Type": "application/json", **headers})

    def send(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str],
        claimed_length: int | None = None,
    ) -> None:
        """A whole answer; `claimed_length` is what Content-Length says, if not the truth."""
        length = len(body) if claimed_length is None else claimed_length
        self._transport.write(head(status, {**headers, "Content-Length": str(length)}) + body)
        if claimed_length is not None:
            self.close()

    def start(self, *, headers: Mapping[str, str], status: int = 200) -> None:
        """The head of an answer that comes in pieces."""
        self._transport.write(head(status, {**headers, "Transfer-Encoding": "chunked"}))

    def piece(self, data: bytes) -> None:
        """One piece of it."""
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """The end of it."""
        self._transport.write(b"0\r\n\r\n")

    def raw(self, data: bytes) -> None:
        """Bytes as they are, whatever HTTP says."""
        self._transport.write(data)

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self.closed = True
        self._transport.close()

    def reset(self) -> None:
        """Tear the connection down, so that the other side sees a reset."""
        self.closed = True
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


Handler = Callable[[HttpRequest, Wire], Awaitable[None]]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and headers of an answer."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass(slots=True)
class Connections:
    """How many connections were opened, and which are open now."""

    opened: int = 0
    open: set[Connection] = field(default_factory=set)


class Connection(asyncio.Protocol):
    """One keep-alive connection: a request at a time, in the order they came."""

    def __init__(self, handler: Handler, connections: Connections) -> None:
        self._handler = handler
        self._connections = connections
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # asyncio gives TCP servers these
        self._transport = transport
        self._connections.opened += 1
        self._connections.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Stop what is being answered."""
        self._connections.open.discard(self)
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes; start on a request when it is whole."""
        self._buffer += data
        if self._task is None:
            self._next()

    def abort(self) -> None:
        """End the connection now, for shutdown."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        assert self._transport is not None  # noqa: S101  # set when the connection was made
        try:
            parsed = parse(self._buffer)
        except ValueError:
            wire = Wire(self._transport)
            wire.send(b"bad request", status=400, headers={})
            wire.close()
            return
        if parsed is None:
            if b"100-continue" in self._buffer[:MAX_HEAD_BYTES].lower():
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        request, used = parsed
        del self._buffer[:used]
        self._task = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: HttpRequest) -> None:
        assert self._transport is not None  # noqa: S101  # set when the connection was made
        wire = Wire(self._transport)
        await self._handler(request, wire)
        self._task = None
        if not wire.closed and self._buffer:
            self._next()


def parse(buffer: bytearray) -> tuple[HttpRequest, int] | None:
    """The first request in the buffer and how many bytes it took; None while it is not whole.

    Raises ValueError for what is no HTTP request.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_HEAD_BYTES:
            raise ValueError("the head is too long")
        return None
    lines = buffer[:end].decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    start = end + 4
    if headers.get("transfer-encoding", "").lower() == "chunked":
        chunked = unchunk(buffer, start)
        if chunked is None:
            return None
        body, used = chunked
    else:
        used = start + int(headers.get("content-length", "0"))
        if len(buffer) < used:
            return None
        body = bytes(buffer[start:used])
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return HttpRequest(method, unquote(parts.path), query, headers, body), used


def unchunk(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """A chunked body from `start`, and where it ends; None while it is not whole."""
    body = bytearray()
    at = start
    while True:
        line_end = buffer.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(buffer[at:line_end].split(b";")[0], 16)
        at = line_end + 2
        if len(buffer) < at + size + 2:
            return None
        body += buffer[at : at + size]
        at += size + 2
        if size == 0:
            return bytes(body), at


async def listen(
    handler: Handler, port: int, connections: Connections, *, host: str = "127.0.0.1"
) -> asyncio.Server:
    """Listen on loopback; port 0 takes a free one."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: Connection(handler, connections), host, port, backlog=1024
    )
