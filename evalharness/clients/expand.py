"""One name, several arms: `together/job:ft-...@checkpoints` is every checkpoint of a job.

Reads: Together's API where a job's checkpoints are asked for.  Gives: expand_models.
Depends on: settings; together_jobs when needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evalharness.clients.settings import ClientSettings

CHECKPOINTS: Final = "@checkpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """One arm of a name. label: what tells it from its siblings, empty where it has none.

    step: of training, where the arm is a checkpoint.
    """

    model: str
    label: str = ""
    step: int | None = None


def expand_models(provider: str, model: str, settings: ClientSettings) -> list[Expanded]:
    """The arms that `provider/model` stands for: itself, or a job's checkpoints, earliest first.

    Raises what `together_jobs.job_checkpoints` raises.
    """
    if provider != "together" or not model.startswith("job:") or not model.endswith(CHECKPOINTS):
        return [Expanded(model=model)]
    from evalharness.clients.together_jobs import job_checkpoints

    job = model.removeprefix("job:").removesuffix(CHECKPOINTS)
    return [
        Expanded(model=point.model, label=f"step {point.step}", step=point.step)
        for point in job_checkpoints(job, settings)
    ]
