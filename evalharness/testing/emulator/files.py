"""Files, uploaded as OpenAI and as Together want them.

Reads: forms and bytes.  Gives: the actions of the file routes.
Depends on: jobs, faults, wire.
"""

from __future__ import annotations

import hashlib
import re
from email.parser import BytesParser

from evalharness.records import JsonObject
from evalharness.testing.emulator.jobs import CREATED, Call, Jobs, StoredFile
from evalharness.testing.emulator.wire import HttpRequest


def form_of(request: HttpRequest) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form: name -> (file name, content)."""
    kind = request.headers.get("content-type", "")
    whole_message = f"Content-Type: {kind}\r\n\r\n".encode() + request.body
    parts = BytesParser().parsebytes(whole_message)
    fields: dict[str, tuple[str, bytes]] = {}
    for part in parts.walk():
        named = re.search(r'name="([^"]*)"', str(part["Content-Disposition"]))
        file = re.search(r'filename="([^"]*)"', str(part["Content-Disposition"]))
        if named:
            content = part.get_payload(decode=True)
            fields[named.group(1)] = (file.group(1) if file else "", bytes(content or b""))
    return fields


def upload(jobs: Jobs, call: Call) -> None:
    """OpenAI sends the file with the form; Together asks where to put it and is redirected."""
    form = form_of(call.request)
    purpose = form.get("purpose", ("", b"fine-tune"))[1].decode()
    if "file" in form:
        name, content = form["file"]
        stored = jobs.add_file(name, purpose, content)
        call.wire.send_json(file_object(stored, call.ledger.plan.file_end))
        return
    name = form.get("file_name", ("", b"data.jsonl"))[1].decode()
    checksum = form.get("checksum", ("", b""))[1].decode()
    for known in jobs.files.values():
        if checksum and hashlib.sha256(known.content).hexdigest() == checksum:
            call.wire.send_json({"file_id": known.id}, status=409)
            return
    stored = jobs.add_file(name, purpose)
    host = call.request.headers.get("host", "127.0.0.1")
    headers = {
        "Location": f"http://{host}/__upload/{stored.id}?signature=secret",
        "X-Together-File-Id": stored.id,
    }
    call.wire.send(b"", status=302, headers=headers)


def put_content(jobs: Jobs, call: Call) -> None:
    """The bytes of a file whose place was asked for."""
    stored = jobs.files.get(call.id)
    if stored is None:
        call.missing()
        return
    stored.content = call.request.body
    call.wire.send(b"", headers={})


def show_file(jobs: Jobs, call: Call) -> None:
    """What is known of a file."""
    stored = jobs.files.get(call.id)
    if stored is None:
        call.missing()
    else:
        call.wire.send_json(file_object(stored, call.ledger.plan.file_end))


def file_content(jobs: Jobs, call: Call) -> None:
    """A file's bytes."""
    stored = jobs.files.get(call.id)
    if stored is None:
        call.missing()
    else:
        call.wire.send(stored.content, headers={"Content-Type": "application/octet-stream"})


def list_files(jobs: Jobs, call: Call) -> None:
    """All files."""
    end = call.ledger.plan.file_end
    listed = [file_object(stored, end) for stored in jobs.files.values()]
    call.wire.send_json({"object": "list", "data": listed, "has_more": False})


def file_object(stored: StoredFile, end: str) -> JsonObject:
    """A file, with the fields of both providers. end: what becomes of it."""
    lines = stored.content.count(b"\n")
    good = end == "COMPLETED"
    return {
        "id": stored.id,
        "object": "file",
        "bytes": len(stored.content),
        "created_at": CREATED,
        "filename": stored.name,
        "purpose": stored.purpose,
        "status": "processed",
        "Processed": True,
        "FileType": "jsonl",
        "LineCount": lines,
        "processing_status": end,
        "validation_report": {
            "valid": good,
            "nlines": lines,
            "error": None if good else "line 1 has no messages",
        },
    }
