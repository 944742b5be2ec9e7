"""Which action answers which route of files, batches and fine-tuning.

Reads: requests.  Gives: handle_job.  Depends on: files, batches, tuning, jobs.
"""

from __future__ import annotations

import re
from typing import Final

from evalharness.testing.emulator.batches import cancel_batch, create_batch, show_batch
from evalharness.testing.emulator.files import (
    file_content,
    list_files,
    put_content,
    show_file,
    upload,
)
from evalharness.testing.emulator.jobs import Call, Jobs
from evalharness.testing.emulator.ledger import Ledger
from evalharness.testing.emulator.tuning import (
    cancel_tune,
    create_tune,
    estimate_price,
    list_tunes,
    model_limits,
    show_tune,
    tune_checkpoints,
    tune_events,
    tune_metrics,
)
from evalharness.testing.emulator.wire import HttpRequest, Wire


def _route(path: str) -> re.Pattern[str]:
    return re.compile("/v1" + path.replace("{id}", r"(?P<id>[A-Za-z0-9._-]+)"))


ROUTES: Final = (
    ("POST", _route("/files"), upload),
    ("GET", _route("/files"), list_files),
    ("PUT", re.compile(r"/__upload/(?P<id>[A-Za-z0-9._-]+)"), put_content),
    ("POST", _route("/files/{id}/preprocess"), show_file),
    ("GET", _route("/files/{id}/content"), file_content),
    ("GET", _route("/files/{id}"), show_file),
    ("POST", _route("/batches"), create_batch),
    ("GET", _route("/batches/{id}"), show_batch),
    ("POST", _route("/batches/{id}/cancel"), cancel_batch),
    ("GET", _route("/fine-tunes/models/limits"), model_limits),
    ("POST", _route("/fine-tunes/estimate-price"), estimate_price),
    ("POST", _route("/fine-tunes"), create_tune),
    ("GET", _route("/fine-tunes"), list_tunes),
    ("GET", _route("/fine-tunes/{id}/events"), tune_events),
    ("GET", _route("/fine-tunes/{id}/checkpoints"), tune_checkpoints),
    ("GET", _route("/fine-tunes/{id}/metrics"), tune_metrics),
    ("POST", _route("/fine-tunes/{id}/cancel"), cancel_tune),
    ("GET", _route("/fine-tunes/{id}"), show_tune),
)


def handle_job(jobs: Jobs, request: HttpRequest, path: str, wire: Wire, ledger: Ledger) -> bool:
    """Answer a request, if its path is one of ours; whether it was."""
    for method, pattern, action in ROUTES:
        found = pattern.fullmatch(path)
        if found and method == request.method:
            action(jobs, Call(request, wire, ledger, found.groupdict().get("id") or ""))
            return True
    return False
