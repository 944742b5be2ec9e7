"""Fine-tuning jobs as Together offers them.

Reads: requests for jobs.  Gives: the actions of the fine-tuning routes.
Depends on: jobs, ledger, faults.
A tuned model answers as its base does; the last part of its name is the base's.  The base
`learner@p` learns: what it has become after a share of the training is `gold@` that share of p.
"""

from __future__ import annotations

from typing import Final

from evalharness.records import JsonObject
from evalharness.testing.emulator.faults import error
from evalharness.testing.emulator.jobs import CREATED_TEXT, Call, Job, Jobs
from evalharness.testing.emulator.ledger import Ledger

NANODOLLARS: Final = 1e9
"""A finished job says its price in billionths of a dollar."""

RUNNING: Final = ("pending", "queued", "running")


def model_limits(_: Jobs, call: Call) -> None:
    """What a base model allows."""
    training = {"max_batch_size": 96, "max_batch_size_dpo": 48, "min_batch_size": 8}
    call.wire.send_json(
        {
            "model_name": call.request.query.get("model_name", ""),
            "max_num_epochs": 20,
            "max_num_evals": 100,
            "max_learning_rate": 1.0,
            "min_learning_rate": 0.0,
            "full_training": training,
            "lora_training": {
                **training, "max_rank": 64, "default_rank": 16, "target_modules": ["q_proj"]
            },
            "supports_vision": False,
            "supports_tools": True,
            "supports_reasoning": False,
        }
    )  # fmt: skip


def estimate_price(_: Jobs, call: Call) -> None:
    """What a job would cost."""
    price = call.ledger.plan.job_price_usd
    if price is None:
        reason = "train_file_not_validated"
        call.wire.send_json({"estimation_available": False, "unavailable_reason": reason})
        return
    call.wire.send_json(
        {
            "estimation_available": True,
            "allowed_to_proceed": price <= 100.0,
            "estimated_total_price": price,
            "estimated_train_token_count": 1000,
            "estimated_eval_token_count": 0,
            "user_limit": 100.0,
        }
    )


def create_tune(jobs: Jobs, call: Call) -> None:
    """Take a fine-tuning job in."""
    asked = call.request.json()
    if asked.get("training_file") not in jobs.files:
        call.wire.send_json(error("no such training file"), status=400)
        return
    job = Job(f"ft-{len(jobs.tunes) + 1:04d}", asked)
    jobs.tunes[job.id] = job
    call.wire.send_json(tune_object(job, call.ledger))


def show_tune(jobs: Jobs, call: Call) -> None:
    """A fine-tuning job, one step further than when it was last looked at."""
    job = jobs.tunes.get(call.id)
    if job is None:
        call.missing()
        return
    job.polls += 1
    call.wire.send_json(tune_object(job, call.ledger))


def cancel_tune(jobs: Jobs, call: Call) -> None:
    """Stop a fine-tuning job."""
    job = jobs.tunes.get(call.id)
    if job is None:
        call.missing()
        return
    job.cancelled = "yes"
    call.wire.send_json(tune_object(job, call.ledger))


def list_tunes(jobs: Jobs, call: Call) -> None:
    """All fine-tuning jobs."""
    call.wire.send_json({"data": [tune_object(job, call.ledger) for job in jobs.tunes.values()]})


def tune_events(jobs: Jobs, call: Call) -> None:
    """What has happened to a job so far."""
    job = jobs.tunes.get(call.id)
    if job is None:
        call.missing()
        return
    polls = call.ledger.plan.job_polls
    events = [
        {
            "object": "fine-tune-event",
            "type": "training_start" if number else "job_pending",
            "message": f"look {number}",
            "created_at": CREATED_TEXT,
            "level": "info",
            "checkpoint_path": "",
            "hash": "",
            "model_path": "",
            "param_count": 0,
            "step": steps_of(job) * min(number, polls) // max(polls, 1),
            "token_count": 0,
            "total_steps": steps_of(job),
            "training_offset": 0,
            "wandb_url": "",
        }
        for number in range(job.polls + 1)
    ]
    call.wire.send_json({"data": events})


def tune_metrics(jobs: Jobs, call: Call) -> None:
    """The losses that were recorded while training: 2 / (1 + step / 10)."""
    job = jobs.tunes.get(call.id)
    if job is None:
        call.missing()
        return
    steps = range(0, steps_of(job) + 1, 5)
    losses = [{"train/global_step": step, "train/loss": 2.0 / (1 + step / 10)} for step in steps]
    call.wire.send_json({"metrics": losses})


def tune_checkpoints(jobs: Jobs, call: Call) -> None:
    """The checkpoints of a job, latest first; the earliest is no registered model."""
    job = jobs.tunes.get(call.id)
    if job is None:
        call.missing()
        return
    last = steps_of(job)
    listed = [
        {
            "checkpoint_type": "Final Merged" if step == last else "Intermediate Adapter",
            "created_at": CREATED_TEXT,
            "path": f"s3://bucket/{job.id}/{step}",
            "step": step,
            "object_name": f"project/step-{step}-{output_of(job, step)}" if step > 0 else None,
        }
        for step in range(last, -1, -10)
    ]
    call.wire.send_json({"data": listed})


def steps_of(job: Job) -> int:
    """Training steps of a job: ten to each checkpoint."""
    return 10 * int(job.asked.get("n_checkpoints") or 1)


def output_of(job: Job, step: int | None = None) -> str:
    """The name of the model that a job makes: it answers as its base does, or has learnt to."""
    base = str(job.asked.get("model", "echo")).rsplit("/", 1)[-1]
    program, _, skill = base.partition("@")
    if program == "learner":
        share = 1.0 if step is None else step / steps_of(job)
        base = f"gold@{float(skill or 1) * share:g}"
    suffix = job.asked.get("suffix") or "tuned"
    return f"account/{suffix}-{job.id}/{base}"


def tune_object(job: Job, ledger: Ledger) -> JsonObject:
    """A fine-tuning job as Together shows it."""
    if job.cancelled == "yes":
        status = "cancelled"
    elif job.polls < ledger.plan.job_polls:
        status = RUNNING[min(job.polls, len(RUNNING) - 1)]
    else:
        status = ledger.plan.job_end
    done = status == "completed"
    return {
        "id": job.id,
        "status": status,
        "created_at": CREATED_TEXT,
        "updated_at": CREATED_TEXT,
        "user_id": "user-1",
        "model": job.asked.get("model"),
        "training_file": job.asked.get("training_file"),
        "n_epochs": job.asked.get("n_epochs"),
        "n_checkpoints": job.asked.get("n_checkpoints"),
        "learning_rate": job.asked.get("learning_rate"),
        "suffix": job.asked.get("suffix"),
        "model_output_name": output_of(job) if done else None,
        "adapter_output_name": f"{output_of(job)}-adapter" if done else None,
        "total_price": round((ledger.plan.job_price_usd or 0.0) * NANODOLLARS),
        "token_count": 1000,
    }
