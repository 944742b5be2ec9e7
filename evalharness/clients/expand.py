"""One name, several arms: `together/job:ft-...@checkpoints` is every checkpoint of a job.

Reads: Together's API where a job's checkpoints are asked for.  Gives: expand_models.
Depends on: settings; together_jobs when needed.
"""

from __future__ import annotations

from typing import Final

from evalharness.clients.settings import ClientSettings, with_query

CHECKPOINTS: Final = "@checkpoints"


def expand_models(provider: str, model: str, settings: ClientSettings) -> list[str]:
    """The models that `provider/model` stands for: itself, or a job's checkpoints, earliest first.

    A checkpoint is named `job:ft-...@step-N`; a query (`?name=value`) goes to each of them.
    Raises what `together_jobs.job_checkpoints` raises.
    """
    name, _, query = model.partition("?")
    if provider != "together" or not name.startswith("job:") or not name.endswith(CHECKPOINTS):
        return [model]
    from evalharness.clients.together_jobs import job_checkpoints

    _, settings = with_query(model, settings)
    named = name.removesuffix(CHECKPOINTS)
    steps = [point.step for point in job_checkpoints(named.removeprefix("job:"), settings)]
    return [f"{named}@step-{step}{'?' if query else ''}{query}" for step in steps]
