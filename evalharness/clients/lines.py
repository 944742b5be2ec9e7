"""How bytes get to a server and back: directly, or through a proxy.

Reads: nothing.  Gives: Line, open_line, Reply.
Depends on: connections, http1, transport, addresses, settings; aiohttp where there is a proxy.
Why a hand-written path beside aiohttp: docs/decisions/004.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from evalharness.clients.addresses import proxy_for
from evalharness.clients.calls import transient
from evalharness.clients.connections import ConnectionPool
from evalharness.clients.http1 import MAX_BODY_BYTES, Connection, TimeLimits
from evalharness.clients.settings import ClientSettings
from evalharness.clients.transport import (
    DRAIN_S,
    Endpoint,
    drain,
    open_session,
    transport_errors,
)
from evalharness.errors import ClientError, UsageError

if TYPE_CHECKING:
    import aiohttp

JSON: Final = "application/json"


class Reply(msgspec.Struct, frozen=True):
    """A whole answer; header names are in lower case or looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Streamed(Protocol):
    """An answer that is still coming."""

    status: int
    headers: Mapping[str, str]

    async def piece(self) -> bytes:
        """The next bytes; empty at the end."""
        ...

    async def drain(self) -> None:
        """Read what stands behind the end mark, so that the connection can be used again."""
        ...


class Line(Protocol):
    """A way to one server. Raises Transient or Fatal for what goes wrong on it."""

    async def whole(self, method: str, path: str, body: bytes, key: str) -> Reply:
        """Ask, and read the answer to its end. key: for Idempotency-Key, empty for none."""
        ...

    def streamed(self, path: str, body: bytes, key: str) -> AbstractAsyncContextManager[Streamed]:
        """Ask, and read the answer as it comes."""
        ...

    async def close(self) -> None:
        """Close all connections; may be called twice."""
        ...


def open_line(endpoint: Endpoint, settings: ClientSettings) -> Line:
    """The way to an endpoint that the environment asks for.

    Raises UsageError for a key or a header that HTTP cannot carry.
    """
    proxy = proxy_for(endpoint.address, settings.environment)
    if proxy is not None:
        return ProxiedLine(endpoint, settings, proxy)
    return DirectLine(endpoint, settings)


class DirectLine:
    """A pool of connections of our own."""

    def __init__(self, endpoint: Endpoint, settings: ClientSettings) -> None:
        parts = urlsplit(endpoint.address.root)
        self._base = parts.path
        self._query = endpoint.address.query
        self._headers = header_block(endpoint, settings, host=parts.netloc).decode("ascii")
        self._limits = TimeLimits(
            settings.connect_timeout_s, settings.ttft_timeout_s, settings.idle_timeout_s
        )
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._scheme = parts.scheme
        self._pool: ConnectionPool | None = None

    async def whole(self, method: str, path: str, body: bytes, key: str) -> Reply:
        """See Line."""
        pool = self._pool or self._open_pool()
        connection = pool.take() or await pool.acquire()
        try:
            connection.send(self._request(method, path, body, key), self._limits)
            head, content = await connection.whole()
            return Reply(head.status, head.headers, content)
        finally:
            pool.release(connection)

    @asynccontextmanager
    async def streamed(self, path: str, body: bytes, key: str) -> AsyncIterator[Streamed]:
        """See Line."""
        pool = self._pool or self._open_pool()
        connection = await pool.acquire()
        try:
            connection.send(self._request("POST", path, body, key), self._limits)
            head = await connection.head()
            yield DirectStream(head.status, head.headers, connection)
        finally:
            pool.release(connection)

    async def close(self) -> None:
        """See Line."""
        if self._pool is not None:
            self._pool.close()
            await asyncio.sleep(0)  # lets the transports say goodbye

    def _request(self, method: str, path: str, body: bytes, key: str) -> bytes:
        target = f"{method} {self._base}{path}{self._query} HTTP/1.1\r\n"
        named = f"Idempotency-Key: {key}\r\n" if key else ""
        length = f"Content-Length: {len(body)}\r\n\r\n" if method != "GET" else "\r\n"
        return f"{target}{self._headers}{named}{length}".encode() + body

    def _open_pool(self) -> ConnectionPool:
        tls = None
        if self._scheme == "https":
            import ssl

            tls = ssl.create_default_context()
        self._pool = ConnectionPool(self._host, self._port, tls, self._limits)
        return self._pool


class DirectStream:
    """A streamed answer on a connection of our own."""

    def __init__(self, status: int, headers: Mapping[str, str], connection: Connection) -> None:
        self.status = status
        self.headers = headers
        self.piece = connection.piece
        self._connection = connection

    async def drain(self) -> None:
        """See Streamed."""
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._connection.body()
        except (TimeoutError, ClientError):
            self._connection.abort()


class ProxiedLine:
    """aiohttp's session, which knows how to talk to proxies."""

    def __init__(self, endpoint: Endpoint, settings: ClientSettings, proxy: str) -> None:
        header_block(endpoint, settings, host=endpoint.address.host)
        self._endpoint = endpoint
        self._settings = settings
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def whole(self, method: str, path: str, body: bytes, key: str) -> Reply:
        """See Line."""
        with transport_errors():
            async with asyncio.timeout(self._settings.ttft_timeout_s):
                async with self._asked(method, path, body, key) as response:
                    content = await response.content.read(MAX_BODY_BYTES + 1)
                    while not response.content.at_eof() and len(content) <= MAX_BODY_BYTES:
                        content += await response.content.read(MAX_BODY_BYTES + 1)
                    if len(content) > MAX_BODY_BYTES:
                        raise transient("malformed", f"more than {MAX_BODY_BYTES} bytes")
                    return Reply(response.status, response.headers, content)

    @asynccontextmanager
    async def streamed(self, path: str, body: bytes, key: str) -> AsyncIterator[Streamed]:
        """See Line."""
        with transport_errors():
            async with asyncio.timeout(self._settings.ttft_timeout_s) as timer:
                async with self._asked("POST", path, body, key) as response:
                    yield ProxiedStream(response, timer, self._settings.idle_timeout_s)

    async def close(self) -> None:
        """See Line."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _asked(
        self, method: str, path: str, body: bytes, key: str
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = open_session(self._endpoint, self._settings)
        headers = {"Content-Type": JSON, **({"Idempotency-Key": key} if key else {})}
        return self._session.request(
            method,
            self._endpoint.address.route(path),
            data=body or None,
            headers=headers,
            proxy=self._proxy,
            allow_redirects=False,
        )


class ProxiedStream:
    """A streamed answer through a proxy."""

    def __init__(
        self, response: aiohttp.ClientResponse, timer: asyncio.Timeout, idle_s: float
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._timer = timer
        self._idle_s = idle_s
        self._size = 0

    async def piece(self) -> bytes:
        """See Streamed."""
        found = await self._response.content.readany()
        self._size += len(found)
        if self._size > MAX_BODY_BYTES:
            raise transient("malformed", "the stream does not end")
        self._timer.reschedule(asyncio.get_running_loop().time() + self._idle_s)
        return found

    async def drain(self) -> None:
        """See Streamed."""
        self._timer.reschedule(None)
        await drain(self._response)


def header_block(endpoint: Endpoint, settings: ClientSettings, *, host: str) -> bytes:
    """The headers that every request of an endpoint carries.

    Raises UsageError for a key or a header that HTTP cannot carry; the message does not show it.
    """
    headers = {
        "Host": host,
        "User-Agent": "evalharness",
        "Accept": f"{JSON}, text/event-stream",
        "Accept-Encoding": "identity",
        "Content-Type": JSON,
    }
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    given = {name.lower() for name in settings.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in given}
    headers |= settings.headers
    lines = []
    for name, value in headers.items():
        line = f"{name}: {value}"
        if not line.isprintable() or not line.isascii() or not name or ":" in name:
            raise UsageError(
                f"the header '{name}' cannot be sent: it holds a character that HTTP forbids",
                mend="look for a line break or a letter outside ASCII in the key",
            )
        lines.append(f"{line}\r\n".encode("ascii"))
    return b"".join(lines)
