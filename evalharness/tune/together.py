"""Fine-tuning at Together: files, prices, jobs, losses; by its SDK without its hidden retries.

Reads: Together's API.  Gives: TogetherTuning.
Depends on: recipe, clients.together_jobs; the package `together`, when opened.
The API and its SDK have gone through three generations, so fields are looked for by several names
and what is only shown (losses, progress) may be absent; what is decided by may not.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from evalharness.clients.calls import fatal, shorten
from evalharness.clients.settings import ClientSettings
from evalharness.clients.together_jobs import open_sdk, output_name, sdk_errors
from evalharness.errors import ClientError, UsageError
from evalharness.tune.recipe import JobState, Loss, Recipe

NANODOLLARS: Final = 1e9
"""`total_price` of a job is in billionths of a dollar (`finetune_price_to_dollars` of the SDK)."""

BAD_FILE: Final = frozenset({"FAILED", "INVALID_FORMAT"})
OPEN_FILE: Final = frozenset({"PENDING", "QUEUED", "RUNNING"})
STEP_KEYS: Final = ("train/global_step", "global_step", "step")
LOSS_KEYS: Final = ("train/loss", "loss")


class TogetherTuning:
    """One service account's fine-tuning; every call is one try.

    environment of the settings: TOGETHER_API_KEY, TOGETHER_BASE_URL and, where Weights & Biases is
    asked for, WANDB_API_KEY.
    Every method raises Fatal; its kind tells whether the same call may succeed later.
    """

    def __init__(self, settings: ClientSettings, *, wandb_key: str | None = None) -> None:
        self._sdk = open_sdk(settings)
        self._wandb_key = wandb_key

    def close(self) -> None:
        """Close connections."""
        self._sdk.close()

    def upload(self, path: Path) -> str:
        """Upload a file; gives its id. Bytes that the service has already are not sent again."""
        with sdk_errors(f"upload of {path}"):
            found = self._sdk.files.upload(file=path, purpose="fine-tune", check=False)
        return str(found.id)

    def file_is_ready(self, file: str) -> bool:
        """Whether the service has looked through a file; raises Fatal where it refuses it."""
        with sdk_errors(f"file {file}"):
            found = self._sdk.files.retrieve(file)
        status = str(getattr(found, "processing_status", None) or "COMPLETED")
        report = getattr(found, "validation_report", None)
        if status in BAD_FILE or getattr(report, "valid", True) is False:
            said = getattr(report, "error", None) or status
            raise fatal(
                "bad_request",
                f"Together refuses the training file ({file}): {shorten(str(said))}",
                mend="correct the file and run the command again",
            )
        return status not in OPEN_FILE

    def estimate_usd(self, recipe: Recipe, file: str, validation: str) -> float | None:
        """What a job would cost, None where the service cannot say.

        Raises UsageError where the account may not begin it.
        """
        with sdk_errors("price of the fine-tuning job"):
            found = self._sdk.fine_tuning.estimate_price(
                training_file=file,
                model=recipe.model,
                n_epochs=recipe.epochs,
                n_evals=recipe.evaluations,
                training_method=_method(recipe),
                training_type=_type(recipe),
                **({"validation_file": validation} if validation else {}),
            )
        if not getattr(found, "estimation_available", True):
            return None
        price = getattr(found, "estimated_total_price", None)
        if getattr(found, "allowed_to_proceed", None) is False:
            limit = getattr(found, "user_limit", None)
            raise UsageError(
                f"the account may not begin this job: it is estimated at ${price}, "
                f"its limit is ${limit}",
                mend="add credit at Together, or train on less",
            )
        return float(price) if isinstance(price, int | float) else None

    def begin(self, recipe: Recipe, file: str, validation: str) -> str:
        """Create a job; gives its id. Nothing is tried twice: a second job would cost again."""
        given: dict[str, Any] = {}  # Any: the SDK's own arguments
        if recipe.lora_r is not None:
            given |= {"lora_r": recipe.lora_r, "lora_dropout": recipe.lora_dropout}
            if recipe.lora_alpha is not None:
                given["lora_alpha"] = recipe.lora_alpha
        if recipe.method == "sft":
            given["train_on_inputs"] = "auto"
        if recipe.seed is not None:
            given["random_seed"] = recipe.seed
        if self._wandb_key is not None:
            given["wandb_api_key"] = self._wandb_key
        if validation:
            given["validation_file"] = validation
        with sdk_errors("beginning the fine-tuning job"):
            found = self._sdk.fine_tuning.create(
                training_file=file,
                model=recipe.model,
                n_epochs=recipe.epochs,
                n_checkpoints=recipe.checkpoints,
                n_evals=recipe.evaluations,
                learning_rate=recipe.learning_rate,
                batch_size=recipe.batch_size or "max",
                lora=recipe.lora_r is not None,
                training_method=recipe.method,
                suffix=recipe.suffix,
                **given,
            )
        return str(found.id)

    def find(self, recipe: Recipe, file: str) -> str | None:
        """The job that was begun with this file and suffix, None where there is none."""
        with sdk_errors("list of fine-tuning jobs"):
            listed = self._sdk.fine_tuning.list()
        for job in getattr(listed, "data", None) or []:
            made = str(output_name(job) or "")
            suffix = getattr(job, "suffix", None)
            named = suffix == recipe.suffix if suffix else recipe.suffix in made
            if getattr(job, "training_file", None) == file and (named or not (suffix or made)):
                return str(job.id)
        return None

    def look(self, job: str) -> JobState:
        """Where a job stands now."""
        with sdk_errors(f"fine-tuning job {job}"):
            found = self._sdk.fine_tuning.retrieve(job)
        price = getattr(found, "total_price", None)
        step, steps = self._progress(job)
        return JobState(
            job=job,
            status=str(getattr(found, "status", "unknown")),
            model=output_name(found),
            base=str(getattr(found, "model", "") or ""),
            step=step,
            steps=steps,
            price_usd=price / NANODOLLARS if isinstance(price, int | float) and price else None,
        )

    def losses(self, job: str) -> list[Loss]:
        """The training losses that were recorded, by step; empty where none were."""
        listing = getattr(self._sdk.fine_tuning, "list_metrics", None)
        if listing is None:  # an SDK from before the route
            return []
        with sdk_errors(f"losses of fine-tuning job {job}"):
            rows = getattr(listing(job), "metrics", None) or []
        by_step = {}
        for row in rows:
            step, loss = _first(row, STEP_KEYS), _first(row, LOSS_KEYS)
            if step is not None and loss is not None:
                by_step[int(step)] = Loss(step=int(step), loss=loss)
        return [by_step[step] for step in sorted(by_step)]

    def _progress(self, job: str) -> tuple[int | None, int | None]:
        """The last step that an event names, and how many there are; only shown."""
        try:
            with sdk_errors(f"events of fine-tuning job {job}"):
                events = getattr(self._sdk.fine_tuning.list_events(job), "data", None) or []
        except ClientError:
            return None, None
        steps = [event.step for event in events if isinstance(getattr(event, "step", None), int)]
        totals = [getattr(event, "total_steps", None) or 0 for event in events]
        return max(steps, default=None), max(totals, default=0) or None


def _method(recipe: Recipe) -> dict[str, str]:
    if recipe.method == "dpo":
        return {"method": "dpo"}
    return {"method": "sft", "train_on_inputs": "auto"}


def _type(recipe: Recipe) -> dict[str, str | int | float]:
    if recipe.lora_r is None:
        return {"type": "Full"}
    alpha = recipe.lora_alpha if recipe.lora_alpha is not None else 2 * recipe.lora_r
    return {
        "type": "Lora",
        "lora_r": recipe.lora_r,
        "lora_alpha": alpha,
        "lora_dropout": recipe.lora_dropout,
    }


def _first(row: Any, keys: tuple[str, ...]) -> float | None:  # Any: a row of the service's
    """The first of these numbers that a row has and that is one."""
    if not isinstance(row, dict):
        return None
    for key in keys:
        value = row.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None
