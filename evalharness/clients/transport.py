"""Endpoints, and aiohttp where it is needed: proxies, forms, redirects.

Reads: nothing.  Gives: Endpoint, open_session, transport_errors, drain.
Depends on: addresses, payloads, calls, settings; aiohttp, when a session is first opened.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from evalharness.clients.addresses import Address
from evalharness.clients.calls import NOT_BILLED, CallFacts, fatal, transient
from evalharness.clients.payloads import Dialect
from evalharness.clients.settings import ClientSettings
from evalharness.errors import ClientError

if TYPE_CHECKING:
    import aiohttp

DRAIN_S: Final = 0.5
"""How long to wait for the end of a body behind its end mark; then the connection is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One model on one server. `key` is sent, never shown.

    lacks: the environment variable that should hold the key and does not. A client is opened all
    the same, to plan, or to look at what was answered before; the first question raises.
    """

    provider: str
    model: str
    address: Address
    dialect: Dialect
    key: str = field(default="", repr=False)
    lacks: str = ""
    details: dict[str, str] = field(default_factory=dict)

    def check_key(self) -> None:
        """Raise Fatal(auth) where a question would have to be sent without a key."""
        if self.lacks:
            raise fatal("auth", f"{self.lacks} is not set", mend=f"export {self.lacks}=...")


def open_session(endpoint: Endpoint, settings: ClientSettings) -> aiohttp.ClientSession:
    """A session with the endpoint's key and no cookies; its own timeouts are off: ours rule."""
    import aiohttp

    headers = {"User-Agent": "evalharness", **settings.headers}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=60),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout_s),
    )


async def drain(response: aiohttp.ClientResponse) -> None:
    """Read what stands behind the end mark, so that the connection can be used again."""
    import aiohttp

    try:
        async with asyncio.timeout(DRAIN_S):
            await response.content.read()
    except (aiohttp.ClientError, OSError, TimeoutError):
        response.close()


class transport_errors:  # noqa: N801  # a context manager reads as a word
    """Turns what aiohttp and sockets raise into Transient or Fatal."""

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """Raise the harness's error for a transport's; let all others through."""
        if error is None or isinstance(error, ClientError):
            return
        found = transport_error(error)
        if found is not None:
            raise found from error


def transport_error(error: BaseException) -> ClientError | None:
    """The harness's error for one of aiohttp's or asyncio's; None for what is not one."""
    import aiohttp

    said = f"{type(error).__name__}: {error}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return fatal("connection", said, mend="the server's certificate is not accepted")
    if isinstance(error, aiohttp.InvalidURL):
        return fatal("connection", said, mend="correct the base URL")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return transient("connection", said, NOT_BILLED)
    if isinstance(error, TimeoutError):
        return transient("timeout", "no answer within the attempt's time")
    if isinstance(error, aiohttp.ClientPayloadError):
        return transient("connection", f"the body broke off: {error}")
    if isinstance(error, aiohttp.ClientResponseError):
        return transient("malformed", said, CallFacts(status=error.status or None))
    if isinstance(error, aiohttp.ClientError | OSError):
        return transient("connection", said)
    return None
