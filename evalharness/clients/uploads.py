"""Files on a provider: OpenAI takes them with the form, Together says where to put them.

Reads: bytes.  Gives: upload_form, upload_signed, download.
Depends on: rest, calls.
Source of Together's steps: POST /v1/files answers 302 with Location and X-Together-File-Id (409
where the file is known), PUT of the bytes without a key, POST /v1/files/{id}/preprocess.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from evalharness.clients.calls import CallFacts, permanent
from evalharness.clients.rest import Reply, Rest, Sending

KNOWN: Final = 409
"""What Together answers where it has these very bytes already."""

FILE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


async def upload_form(rest: Rest, name: str, content: bytes, *, purpose: str) -> str:
    """Upload as OpenAI wants it; gives the file's id."""
    form: dict[str, str | tuple[str, bytes]] = {"purpose": purpose, "file": (name, content)}
    reply = await rest.call("POST", "/files", Sending(form=form))
    return file_id(reply, reply.json().get("id"))


async def upload_signed(rest: Rest, name: str, content: bytes, *, purpose: str) -> str:
    """Upload as Together wants it; gives the file's id."""
    form: dict[str, str | tuple[str, bytes]] = {
        "purpose": purpose,
        "file_name": name,
        "file_type": "jsonl",
        "checksum": hashlib.sha256(content).hexdigest(),
    }
    reply = await rest.call("POST", "/files", Sending(form=form, accepts=(KNOWN,)))
    if reply.status == KNOWN:
        return file_id(reply, reply.json().get("file_id"))
    found = file_id(reply, reply.headers.get("X-Together-File-Id"))
    await rest.call("PUT", reply.headers.get("Location", ""), Sending(raw=content))
    await rest.call("POST", f"/files/{found}/preprocess")
    return found


async def download(rest: Rest, file: str) -> bytes:
    """The bytes of a file, also where they lie at another address."""
    reply = await rest.call("GET", f"/files/{file}/content")
    if 300 <= reply.status < 400:
        reply = await rest.call("GET", reply.headers.get("Location", ""))
    return reply.body


def file_id(reply: Reply, found: object) -> str:
    """A file's id as the server gave it; raises Permanent(malformed) where it is none."""
    if isinstance(found, str) and FILE_ID.fullmatch(found):
        return found
    facts = CallFacts(status=reply.status)
    raise permanent("malformed", f"the upload gave no file id (HTTP {reply.status})", facts)
