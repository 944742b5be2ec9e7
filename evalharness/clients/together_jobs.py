"""Fine-tuning jobs at Together, as models: what a job made, and its checkpoints.

Reads: Together's API, through its SDK with the SDK's own retries off.
Gives: open_sdk, job_model, job_checkpoints, Checkpoint.
Depends on: together, addresses, calls, settings; the package `together`, when called.
The name of a job's model went by several names in three generations of the API, so each is tried.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from evalharness.clients.addresses import normalise_base_url
from evalharness.clients.calls import fatal, shorten
from evalharness.clients.settings import ClientSettings
from evalharness.clients.together import main_url, together_key
from evalharness.errors import MissingExtra
from evalharness.records import FailureKind

MODEL_NAMES: Final = (
    "x_model_output_name",
    "model_output_name",
    "output_name",
    "api_model_object_name",
    "model_object_name",
)
"""Where a finished job says its model's name, the newest API first."""

STEP: Final = "@step-"
"""What stands between a job and the step of one of its checkpoints."""

GONE: Final = frozenset({"error", "user_error", "cancelled", "cancel_requested", "expired"})
"""States in which a job has no model and will have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One checkpoint of a job. model: how it is asked; kind: `intermediate`, `final`, ..."""

    step: int
    model: str
    kind: str


def open_sdk(settings: ClientSettings) -> Any:  # Any: the SDK is typed in its own package only
    """Together's SDK, pointed at its main host, without its hidden retries.

    Raises MissingExtra where it is not installed, Fatal(auth) without a key.
    """
    key = together_key(settings)
    try:
        from together import Together
    except ImportError:
        raise MissingExtra("together", extra="together", needed_for="a fine-tuning job") from None
    # The SDK's paths carry /v1 themselves.
    root = normalise_base_url(main_url(settings)).root.removesuffix("/v1")
    return Together(
        api_key=key,
        base_url=root,
        max_retries=0,
        timeout=settings.ttft_timeout_s,
        project_id=settings.environment.get("TOGETHER_PROJECT_ID") or None,
    )


def job_model(asked: str, settings: ClientSettings) -> str:
    """The model that a finished fine-tuning job made, or one of its checkpoints.

    asked: `ft-...`, or `ft-...@step-N`.
    Raises Fatal where the job is unknown, has failed, is not finished, or has no such checkpoint.
    """
    job, _, step = asked.partition(STEP)
    if step:
        return checkpoint_at(job, step, settings).model
    with open_sdk(settings) as sdk, sdk_errors(f"fine-tuning job {job}"):
        found = sdk.fine_tuning.retrieve(job)
    status = str(getattr(found, "status", "unknown"))
    if status in GONE:
        raise fatal("bad_request", f"fine-tuning job {job} has no model: its status is {status}")
    name = output_name(found)
    if status != "completed" or name is None:
        raise fatal(
            "bad_request",
            f"fine-tuning job {job} is not finished: its status is {status}",
            mend="wait until it is completed and run again",
        )
    return name


def checkpoint_at(job: str, step: str, settings: ClientSettings) -> Checkpoint:
    """The checkpoint of a job at a step; raises Fatal where there is none."""
    listed = job_checkpoints(job, settings)
    for point in listed:
        if str(point.step) == step:
            return point
    steps = ", ".join(str(point.step) for point in listed)
    raise fatal(
        "bad_request",
        f"fine-tuning job {job} has no checkpoint at step {step}",
        mend=f"its steps: {steps}",
    )


def job_checkpoints(job: str, settings: ClientSettings) -> list[Checkpoint]:
    """The checkpoints of a job that can be asked, earliest first.

    Raises Fatal where the job is unknown or none of its checkpoints is registered as a model.
    """
    with open_sdk(settings) as sdk, sdk_errors(f"checkpoints of fine-tuning job {job}"):
        found = sdk.fine_tuning.list_checkpoints(job)
    listed = [
        Checkpoint(
            step=int(getattr(entry, "step", 0) or 0),
            model=str(entry.object_name),
            kind=str(getattr(entry, "checkpoint_type", "") or ""),
        )
        for entry in getattr(found, "data", None) or []
        if getattr(entry, "object_name", None)
    ]
    if not listed:
        raise fatal(
            "bad_request",
            f"fine-tuning job {job} has no checkpoint that is registered as a model",
            mend="train with --n-checkpoints above 1, or deploy a checkpoint and name its model",
        )
    # Where one step is listed merged and as an adapter, either answers alike: the first stands.
    by_step = {point.step: point for point in reversed(listed)}
    return [by_step[step] for step in sorted(by_step)]


def output_name(job: Any) -> str | None:  # Any: a model of the SDK
    """The name of a job's model, wherever this generation of the API keeps it."""
    for name in MODEL_NAMES:
        value = getattr(job, name, None)
        if isinstance(value, str) and value:
            return value
    return None


@contextmanager
def sdk_errors(what: str) -> Iterator[None]:
    """Turn the SDK's errors into Fatal ones: without an answer there is no arm to run."""
    from together import APIConnectionError, APIStatusError, APITimeoutError, TogetherError

    try:
        yield
    except APIConnectionError as error:
        kind: FailureKind = "timeout" if isinstance(error, APITimeoutError) else "connection"
        said = shorten(f"{what}: {error}")
        raise fatal(kind, said, mend="check the network and the base URL") from error
    except APIStatusError as error:
        kind = kind_of_status(error.status_code)
        said = shorten(f"{what}: HTTP {error.status_code}: {error.message}")
        mends = {"auth": "check TOGETHER_API_KEY", "bad_request": "check the job's name"}
        raise fatal(kind, said, mend=mends.get(kind, "run the command again")) from error
    except json.JSONDecodeError as error:
        raise fatal("malformed", shorten(f"{what}: the answer is no JSON: {error}")) from error
    except (TogetherError, ValueError) as error:  # ValueError: an option that the SDK refuses
        raise fatal("bad_request", shorten(f"{what}: {error}")) from error


def kind_of_status(status: int) -> FailureKind:
    """What a refusal's number says."""
    if status in (401, 402, 403):
        return "auth"
    if status == 429:
        return "throttle"
    if status in (408, 504):
        return "timeout"
    return "overload" if status >= 500 else "bad_request"
