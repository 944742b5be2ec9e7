"""Everything that is not a completion: small JSON calls, forms, bytes, with a few tries each.

Reads: nothing.  Gives: Rest.
Depends on: transport, refusals, calls, settings; aiohttp when first used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from evalharness.clients.addresses import Address, proxy_for
from evalharness.clients.calls import CallFacts, transient
from evalharness.clients.refusals import refusal
from evalharness.clients.settings import ClientSettings
from evalharness.clients.transport import Endpoint, open_session, transport_errors
from evalharness.errors import Transient

if TYPE_CHECKING:
    import aiohttp

TRIES: Final = 4
FIRST_WAIT_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response: a status below 400 or one that was accepted, its headers, its whole body.

    headers: their names in any case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # Any: parsed JSON
        """The body as JSON; raises Transient(malformed) where it is not."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            facts = CallFacts(status=self.status)
            raise transient("malformed", f"not JSON: {self.body[:80]!r}", facts) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What goes with a request: JSON, or fields of a form (name -> text, or (file name, bytes)).

    raw: bytes as they are.  accepts: refusals that are an answer here, by their status.
    """

    json: Any = None  # Any: JSON
    form: Mapping[str, str | tuple[str, bytes]] = field(default_factory=dict)
    raw: bytes | None = None
    accepts: tuple[int, ...] = ()


NOTHING: Final = Sending()


class Rest:
    """Calls of one server's management routes.

    sleep: how to wait between tries, for tests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: ClientSettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.address: Address = endpoint.address
        self._endpoint = endpoint
        self._settings = settings
        self._sleep = sleep
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._proxy = proxy_for(endpoint.address, settings.environment)

    async def call(self, method: str, path: str, sending: Sending = NOTHING) -> Reply:
        """One call of a route, or of a whole URL, tried again where that helps.

        Redirects are not followed: the reply has their status and Location.
        Raises Transient, Permanent or Fatal after the last try.
        """
        url = path if path.startswith("http") else self.address.route(path)
        tries = 0
        while True:
            tries += 1
            try:
                return await self._once(method, url, sending)
            except Transient as error:
                if tries >= TRIES:
                    raise
                wait_s = error.retry_after_s
                await self._sleep(FIRST_WAIT_S * 2 ** (tries - 1) if wait_s is None else wait_s)

    async def close(self) -> None:
        """Close all connections; may be called twice."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _once(self, method: str, url: str, sending: Sending) -> Reply:
        session = self._session_for(url)
        with transport_errors():
            async with asyncio.timeout(self._settings.timeout_s):
                async with session.request(
                    method,
                    url,
                    data=body_of(sending),
                    headers={"Content-Type": "application/json"} if sending.json else {},
                    proxy=self._proxy,
                    allow_redirects=False,
                ) as response:
                    content = await response.read()
                    status = response.status
                    if status >= 400 and status not in sending.accepts:
                        raise refusal(
                            status, response.headers, said(content), now_epoch_s=time.time()
                        )
                    return Reply(status=status, headers=response.headers.copy(), body=content)

    def _session_for(self, url: str) -> aiohttp.ClientSession:
        """The session with our key for the server's own routes, else one without."""
        own = url.startswith(self.address.root)
        session = self._sessions.get(own)
        if session is None:
            endpoint = self._endpoint if own else replace(self._endpoint, key="")
            settings = self._settings if own else replace(self._settings, headers={})
            session = self._sessions[own] = open_session(endpoint, settings)
        return session


def body_of(sending: Sending) -> Any:  # Any: bytes or a form of aiohttp's
    """The body of a request."""
    if sending.json is not None:
        return orjson.dumps(sending.json)
    if sending.form:
        import aiohttp

        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in sending.form.items():
            if isinstance(value, str):
                form.add_field(name, value)
            else:
                form.add_field(name, value[1], filename=value[0])
        return form
    return sending.raw


def said(content: bytes) -> Any:  # Any: parsed JSON, or text
    """What a refusal says: JSON where it is, else text."""
    try:
        return orjson.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")
