"""Batches: many requests in one file, answered some time later.

Reads: batch files.  Gives: the actions of the batch routes.
Depends on: jobs, ledger, models, shapes, faults.
"""

from __future__ import annotations

import json

from evalharness.records import JsonObject
from evalharness.testing.emulator.faults import error, refusal
from evalharness.testing.emulator.jobs import CREATED, CREATED_TEXT, Call, Job, Jobs
from evalharness.testing.emulator.ledger import Ledger, fault_for
from evalharness.testing.emulator.models import answer, digest, messages_of
from evalharness.testing.emulator.shapes import Asked, billed_tokens, whole


def create_batch(jobs: Jobs, call: Call) -> None:
    """Take a batch in."""
    asked = call.request.json()
    if asked.get("input_file_id") not in jobs.files:
        call.wire.send_json(error("no such input file"), status=400)
        return
    job = Job(f"batch-{len(jobs.batches) + 1:04d}", asked)
    jobs.batches[job.id] = job
    shown = batch_object(job, call.ledger)
    together = call.ledger.plan.dialect == "together"
    call.wire.send_json({"job": shown, "warning": None} if together else shown)


def show_batch(jobs: Jobs, call: Call) -> None:
    """A batch, one step further than when it was last looked at."""
    job = jobs.batches.get(call.id)
    if job is None:
        call.missing()
        return
    job.polls += 1
    if batch_status(job, call.ledger) in ("completed", "expired") and job.output is None:
        run_batch(jobs, job, call.ledger)
    call.wire.send_json(batch_object(job, call.ledger))


def cancel_batch(jobs: Jobs, call: Call) -> None:
    """Stop a batch."""
    job = jobs.batches.get(call.id)
    if job is None:
        call.missing()
        return
    job.cancelled = "yes"
    call.wire.send_json(batch_object(job, call.ledger))


def batch_status(job: Job, ledger: Ledger) -> str:
    """Where a batch is, in OpenAI's words."""
    if job.cancelled == "yes":
        return "cancelled"
    if job.polls < ledger.plan.job_polls:
        return "validating" if job.polls == 0 else "in_progress"
    return ledger.plan.job_end


def run_batch(jobs: Jobs, job: Job, ledger: Ledger) -> None:
    """Answer every line; lines that meet a fault go to the error file, in no order.

    A batch that expires has answered the first half, and says of the others that it has not.
    """
    good: list[bytes] = []
    bad: list[bytes] = []
    lines = jobs.files[job.asked["input_file_id"]].content.splitlines()
    last = len(lines) // 2 if ledger.plan.job_end == "expired" else len(lines)
    for line in lines[last:]:
        late = {"code": "batch_expired", "message": "This request could not be executed in time."}
        unasked = {"custom_id": json.loads(line)["custom_id"], "response": None, "error": late}
        bad.append(json.dumps(unasked).encode())
    for line in lines[:last]:
        entry = json.loads(line)
        status, body = answer_line(entry, ledger)
        response = {"status_code": status, "request_id": f"req-{len(good)}", "body": body}
        made = {"id": f"line-{len(good) + len(bad)}", "custom_id": entry["custom_id"]}
        made |= {"response": response, "error": None}
        (good if status == 200 else bad).append(json.dumps(made).encode())
    job.output = jobs.add_file("output.jsonl", "batch_output", b"\n".join(reversed(good))).id
    if bad:
        job.errors = jobs.add_file("errors.jsonl", "batch_output", b"\n".join(bad)).id


def answer_line(entry: JsonObject, ledger: Ledger) -> tuple[int, JsonObject]:
    """The status and body of one line of a batch."""
    body = entry["body"]
    fingerprint = digest(json.dumps(body, sort_keys=True))
    hit = ledger.enter(fingerprint, body["model"], "")
    ledger.in_flight -= 1
    turns = messages_of(body)
    last = str(turns[-1].get("content") or "") if turns else ""
    fault = fault_for(ledger.plan, body["model"], fingerprint, last, hit)
    if fault is not None and fault.when == "refuse":
        ledger.faults[fault.name] = ledger.faults.get(fault.name, 0) + 1
        refused = refusal(fault.name, now_epoch_s=0.0)
        return refused.status, refused.body if isinstance(refused.body, dict) else {}
    program = ledger.plan.programs.get(body["model"], body["model"])
    said = answer(program, body, ledger.plan.answers)
    chat = entry.get("url", "").endswith("/chat/completions")
    asked = Asked(body, body["model"], said, fingerprint, chat, ledger.requests)
    ledger.bill(fingerprint, said.prompt_tokens, billed_tokens(said))
    ledger.answer(fingerprint)
    return 200, whole(asked, None, ledger.plan)


def batch_object(job: Job, ledger: Ledger) -> JsonObject:
    """A batch in the dialect's words."""
    status = batch_status(job, ledger)
    together = ledger.plan.dialect == "together"
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.asked.get("endpoint"),
        "completion_window": job.asked.get("completion_window", "24h"),
        "input_file_id": job.asked.get("input_file_id"),
        "status": status.upper() if together else status,
        "created_at": CREATED_TEXT if together else CREATED,
        "output_file_id": job.output,
        "error_file_id": job.errors,
    }
