"""Connections to one server, kept for the next exchange.

Reads: nothing.  Gives: ConnectionPool.
Depends on: http1, calls.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from evalharness.clients.calls import NOT_BILLED, fatal, transient
from evalharness.clients.http1 import Connection, TimeLimits
from evalharness.errors import ClientError

if TYPE_CHECKING:
    import ssl

KEEP_S: Final = 30.0
"""An idle connection older than this is not used again: the server may be about to close it."""

LANDING_BYTES: Final = 128 * 1024
"""Read at once at most."""


class ConnectionPool:
    """Connections to one server, used again last in, first out.

    host, port: where.  tls: the context for https, None for http.
    """

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None, limits: TimeLimits
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._limits = limits
        self._idle: list[Connection] = []
        self._landing = memoryview(bytearray(LANDING_BYTES))

    async def acquire(self) -> Connection:
        """A connection that stands, an idle one or a new one.

        Raises Transient(connection) where the server cannot be reached, Fatal where its
        certificate is not accepted.
        """
        return self.take() or await self._open(asyncio.get_running_loop())

    def take(self) -> Connection | None:
        """An idle connection that may be used again; None where there is none."""
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        while self._idle:
            found = self._idle.pop()
            if found.usable_in(loop) and now - found.idle_since < KEEP_S:
                return found
            found.abort()
        return None

    def release(self, connection: Connection) -> None:
        """Keep a connection for the next exchange, or close one that cannot be used again."""
        if connection.reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.abort()

    def close(self) -> None:
        """Close what is idle; connections in use close when they are given back."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def _open(self, loop: asyncio.AbstractEventLoop) -> Connection:
        connection = Connection(loop, self._landing)
        connect = partial(
            loop.create_connection, lambda: connection, self._host, self._port, ssl=self._tls
        )
        if isinstance(loop, asyncio.BaseEventLoop):  # uvloop's does not know the argument
            connect = partial(connect, happy_eyeballs_delay=0.25)
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await connect()
        except TimeoutError:
            said = f"{self._host}:{self._port} does not answer in {self._limits.connect_s:g} s"
            raise transient("connection", said, NOT_BILLED) from None
        except OSError as error:
            raise self._unreachable(error) from error
        return connection

    def _unreachable(self, error: OSError) -> ClientError:
        said = f"{self._host}:{self._port}: {error.strerror or error}"
        if self._tls is not None:
            import ssl

            if isinstance(error, ssl.SSLError):
                return fatal(
                    "connection", said, mend="the server's certificate or TLS is not accepted"
                )
        return transient("connection", said, NOT_BILLED)
