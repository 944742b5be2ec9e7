"""Where to ask: base URLs made alike, routes, and the proxy that leads there.

Reads: nothing; the environment is handed in.  Gives: Address, normalise_base_url, proxy_for.
Depends on: errors.  Knows nothing of any provider.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from evalharness.errors import UsageError

ROUTES: Final = ("/chat/completions", "/completions", "/responses", "/embeddings", "/models")
VERSION: Final = re.compile(r"v\d+([a-z]+\d*)?$")
REPEATED_VERSION: Final = re.compile(r"(/v\d+)(\1)+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Address:
    """A server: `root` ends in its version segment, `query` (with its `?`) follows each route."""

    root: str
    query: str = ""

    def route(self, path: str) -> str:
        """The URL of one route, e.g. "/chat/completions"."""
        return f"{self.root}{path}{self.query}"

    @property
    def host(self) -> str:
        """The host's name, without port."""
        return urlsplit(self.root).hostname or ""


def normalise_base_url(text: str) -> Address:
    """The address that `text` means, however it is written.

    With and without `/v1`, with a route behind it, without a scheme, with slashes at the end: all
    give the same root.  A path that names another version (`/v1beta/openai`, `/api/v3`) is kept.
    Raises UsageError for what is no HTTP address and for one that holds a user or a password.

    >>> normalise_base_url("localhost:8000").root
    'http://localhost:8000/v1'
    >>> normalise_base_url("https://api.together.ai/v1/chat/completions").root
    'https://api.together.ai/v1'
    """
    stripped = text.strip()
    parts = split_url(stripped if "://" in stripped else f"{scheme_for(stripped)}://{stripped}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"no base URL: {text!r}", mend="write it as https://host[:port][/path], e.g. .../v1"
        )
    if "@" in parts.netloc:
        raise UsageError(
            "a base URL must not hold a user or a password",
            mend="give the key in the environment, e.g. OPENAI_API_KEY",
        )
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    for route in ROUTES:
        path = path.removesuffix(route)
    path = REPEATED_VERSION.sub(r"\1", path)
    if not any(VERSION.match(segment) for segment in path.split("/")):
        path += "/v1"
    root = urlunsplit((parts.scheme, parts.netloc.lower(), path, "", ""))
    return Address(root, f"?{parts.query}" if parts.query else "")


def split_url(text: str) -> SplitResult:
    """`urlsplit`, with UsageError for a port or a bracket that is wrong."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"no base URL: {text!r}: {error}") from error
    return parts


def scheme_for(text: str) -> str:
    """Http for this machine and private networks, https for the rest of the world."""
    host = text.split("/", 1)[0].rsplit(":", 1)[0].strip("[]")
    return "http" if is_local(host) else "https"


def is_local(host: str) -> bool:
    """Whether a host's name is this machine, a private address or a bare name."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".internal")) or "." not in host


def proxy_for(address: Address, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for an address; None where it is reached directly.

    Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY in either case, lower case first, as
    curl does; NO_PROXY holds host names, suffixes, or `*`.
    """
    scheme = urlsplit(address.root).scheme

    def named(variable: str) -> str:
        """An environment variable's value, in small letters or capitals."""
        return environment.get(variable, "") or environment.get(variable.upper(), "")

    host = address.host
    for pattern in named("no_proxy").split(","):
        suffix = pattern.strip().lstrip(".").rsplit(":", 1)[0]
        if suffix and (suffix in ("*", host) or host.endswith(f".{suffix}")):
            return None
    return named(f"{scheme}_proxy") or named("all_proxy") or None
