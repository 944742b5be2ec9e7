"""HTTP/1.1 for one kind of call: POST a body, read the answer whole or as it comes.

Reads: bytes of a connection.  Gives: Connection, Head.
Depends on: calls.  Knows nothing of models, keys or JSON.
It does what an answer from a model needs (keep-alive, TLS, chunks, lengths, gzip, time limits) at a
third of a general client's CPU; whoever needs a proxy goes through `proxied`.
Source: RFC 9112 (message syntax, chunked coding, connection management).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Final, cast

import msgspec

from evalharness.clients.calls import NOT_BILLED, CallFacts, transient
from evalharness.errors import ClientError

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""An answer larger than this is no answer; log-probabilities of a long one stay well below."""

UNTIL_CLOSE: Final = -1
CHUNKED: Final = -2


class Head(msgspec.Struct, frozen=True):
    """The start of an answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    keep_alive: bool
    length: int
    """Of the body in bytes, or UNTIL_CLOSE or CHUNKED."""


class TimeLimits(msgspec.Struct, frozen=True):
    """Seconds until a connection stands, until the first byte, and between two pieces."""

    connect_s: float
    first_s: float
    idle_s: float


def parse_head(block: bytes) -> Head:
    r"""The head of an answer, without its blank line; raises ValueError for what is none.

    >>> parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5").length
    5
    """
    if not block.startswith(b"HTTP/1.") or not block[9:12].isdigit():
        raise ValueError(f"not HTTP: {block[:40]!r}")
    headers = {}
    for line in block.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"a header without a colon: {line[:40]!r}")
        headers[name.lower()] = value.strip(" \t")
    status = int(block[9:12])
    length = UNTIL_CLOSE
    if "chunked" in headers.get("transfer-encoding", "").lower():
        length = CHUNKED
    elif "content-length" in headers:
        length = int(headers["content-length"])
        if not 0 <= length <= MAX_BODY_BYTES:
            raise ValueError(f"a body of {length} bytes")
    elif status in (204, 304) or status < 200:
        length = 0
    said = headers.get("connection", "").lower()
    keep = "close" not in said and (block.startswith(b"HTTP/1.1") or "keep-alive" in said)
    return Head(status, headers, keep, length)


class Connection(asyncio.BufferedProtocol):
    """One connection; one exchange at a time, begun by `send`.

    landing: where the loop puts the bytes that come, shared by the connections of one loop: they
    are taken from it before anything else can come.  A loop that makes an object for each read
    spends a third more CPU on an exchange.
    Pieces of the body are collected until somebody asks for them.  An exchange that is not read to
    its end leaves the connection closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, landing: memoryview) -> None:
        self._landing = landing
        self.closed = False
        self.idle_since = 0.0
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._wants_all = False
        self._buffer = bytearray()
        self._begin(TimeLimits(0.0, 0.0, 0.0))
        self._done = True

    def _begin(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._head: Head | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._left = 0
        self._done = False
        self._failed: ClientError | None = None
        self._unzip: Callable[[bytes], bytes] | None = None
        self._began_at = self._alive_at = self._loop.time()

    # --- what the caller does ---

    def send(self, data: bytes, limits: TimeLimits) -> None:
        """Begin an exchange."""
        self._begin(limits)
        self._watch()
        if self._transport is None or self.closed:
            self._fail(transient("connection", "the connection was closed", NOT_BILLED))
            return
        self._transport.write(data)

    async def head(self) -> Head:
        """The head of the answer, once it is here."""
        while self._head is None:
            await self._more()
        return self._head

    async def body(self) -> bytes:
        """The whole body; the exchange is over."""
        self._wants_all = True
        try:
            while not self._done:
                await self._more()
        finally:
            self._wants_all = False
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def whole(self) -> tuple[Head, bytes]:
        """Head and body; the exchange is over."""
        body = await self.body()
        return await self.head(), body

    async def piece(self) -> bytes:
        """The bytes that have come since the last call; empty at the end of the body."""
        while not self._pieces and not self._done:
            await self._more()
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    @property
    def reusable(self) -> bool:
        """Whether the exchange is over and another may begin."""
        head = self._head
        return self._done and not self.closed and head is not None and head.keep_alive

    def usable_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a new exchange may begin in this event loop."""
        return not self.closed and self._loop is loop

    def abort(self) -> None:
        """Close the connection now."""
        self.closed = True
        self._stop_timer()
        if self._transport is not None and not self._loop.is_closed():
            self._transport.abort()

    async def _more(self) -> None:
        """Wait until something has happened; raises what broke the exchange."""
        if self._failed is not None:
            raise self._failed
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._failed is not None and (self._wants_all or not self._pieces):
            raise self._failed

    # --- what the loop does ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is one by its methods only

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # the loop's signature
        """Where the next bytes are to be put."""
        return self._landing

    def buffer_updated(self, nbytes: int) -> None:
        """Take the bytes that have come."""
        self.take(bytes(self._landing[:nbytes]))

    def take(self, data: bytes) -> None:
        """Take bytes of the answer."""
        self._alive_at = self._loop.time()
        if self._done or self._failed is not None:
            self.abort()  # bytes that nobody asked for: this connection is out of step
            return
        self._buffer += data
        try:
            if self._head is not None or self._take_head():
                self._take_body()
            if not self._done:
                self._watch()
        except ValueError as error:
            self._fail(transient("malformed", str(error), self._facts()))
        except zlib.error as error:
            said = f"the body cannot be unzipped: {error}"
            self._fail(transient("malformed", said, self._facts()))
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side has gone."""
        self.closed = True
        self._stop_timer()
        if self._done or self._failed is not None:
            return
        if self._head is not None and self._head.length == UNTIL_CLOSE and exc is None:
            self._finish()
        else:
            where = "in its head" if self._head is None else f"after {self._size} bytes of its body"
            why = f": {exc}" if exc is not None else ""
            self._fail(transient("connection", f"the answer broke off {where}{why}", self._facts()))
        self._wake()

    def _take_head(self) -> bool:
        """Read the head if it is whole; informational ones are passed over."""
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise ValueError("the head does not end")
                if self._buffer and not b"HTTP/1.".startswith(self._buffer[:7]):
                    raise ValueError(f"not HTTP: {bytes(self._buffer[:40])!r}")
                return False
            head = parse_head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if head.status >= 200:
                break
        self._head = head
        self._left = head.length
        if head.headers.get("content-encoding", "").lower() in ("gzip", "deflate", "x-gzip"):
            self._unzip = zlib.decompressobj(wbits=47).decompress
        return True

    def _take_body(self) -> None:
        """Take what the buffer holds of the body."""
        if self._left == CHUNKED:
            self._take_chunks()
        elif self._left == UNTIL_CLOSE:
            self._keep(bytes(self._buffer))
            self._buffer.clear()
        else:
            piece = bytes(self._buffer[: self._left])
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            self._keep(piece)
            if self._left == 0:
                self._finish()

    def _take_chunks(self) -> None:
        while True:
            line_end = self._buffer.find(b"\r\n")
            if line_end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise ValueError("a chunk's size does not end")
                return
            size = int(self._buffer[:line_end].split(b";", 1)[0], 16)
            if size < 0:
                raise ValueError("a negative chunk")
            if size == 0:
                # Trailers are passed over: the body ends at the next blank line.
                if self._buffer.find(b"\r\n\r\n", line_end) < 0:
                    return
                self._buffer.clear()
                self._finish()
                return
            start = line_end + 2
            if len(self._buffer) < start + size + 2:
                return
            self._keep(bytes(self._buffer[start : start + size]))
            del self._buffer[: start + size + 2]

    def _keep(self, piece: bytes) -> None:
        if self._unzip is not None and piece:
            piece = self._unzip(piece)
        self._size += len(piece)
        if self._size > MAX_BODY_BYTES:
            raise ValueError(f"an answer of more than {MAX_BODY_BYTES} bytes")
        if piece:
            self._pieces.append(piece)

    def _finish(self) -> None:
        self._done = True
        if self._buffer:
            self.abort()  # more than was announced

    def _fail(self, error: ClientError) -> None:
        self._failed = error
        self.abort()

    def _facts(self) -> CallFacts:
        return CallFacts(status=None if self._head is None else self._head.status)

    def _wake(self) -> None:
        """Let the caller go on: at the end if it wants all, else with whatever has come."""
        waiter = self._waiter
        over = self._done or self._failed is not None
        if waiter is not None and not waiter.done() and (over or not self._wants_all):
            waiter.set_result(None)

    def _due(self) -> float:
        """When the exchange has taken too long if nothing more comes."""
        if self._size == 0:
            return self._began_at + self._limits.first_s
        return self._alive_at + self._limits.idle_s

    def _watch(self) -> None:
        """Look at the time no later than the exchange is due.

        One timer goes from exchange to exchange: what is on time never touches it.
        """
        due = self._due()
        if self._timer is None or self._timer.when() > due:
            self._stop_timer()
            self._timer = self._loop.call_at(due, self._look_at_time)

    def _look_at_time(self) -> None:
        """Fail the exchange if nothing has come for too long; else look again when it may be."""
        self._timer = None
        if self._done or self._failed is not None:
            return
        if self._loop.time() < self._due():
            self._watch()
            return
        if self._size == 0:
            said = f"no answer within {self._limits.first_s:g} s"
        else:
            said = f"nothing more of the answer within {self._limits.idle_s:g} s"
        self._fail(transient("timeout", said, self._facts()))
        self._wake()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
