"""What a fine-tuning job is asked for, and what is known of it: the records of tune.json.

Reads: nothing.  Gives: Recipe, JobState, Tune, Judged.
Depends on: records.  Knows nothing of any service.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from evalharness.records import FORMAT, Estimated, Record, VerdictState, require_finite
from evalharness.results import Volatile

Method: TypeAlias = Literal["sft", "dpo"]


class Recipe(Record, frozen=True, kw_only=True):
    """How a base model is to be trained; equal recipes on equal files are one job.

    model: the base, as the service calls it.  lora_r: rank of the adapter, None trains all weights.
    lora_alpha: its scale, None leaves it to the service.  checkpoints: models kept on the way.
    batch_size: rows a step, None takes the service's largest.  suffix: part of the model's name.
    """

    model: str
    method: Method = "sft"
    epochs: int = 1
    learning_rate: float = 1e-5
    lora_r: int | None = 16
    lora_alpha: int | None = None
    lora_dropout: float = 0.0
    batch_size: int | None = None
    checkpoints: int = 1
    evaluations: int = 0
    suffix: str = ""
    seed: int | None = None

    def __post_init__(self) -> None:
        require_finite("Recipe", learning_rate=self.learning_rate, lora_dropout=self.lora_dropout)


class JobState(Record, frozen=True, kw_only=True):
    """A job as the service last showed it.

    status: the service's own word.  model: what it made, once it has.  step, steps: of training,
    None while they are not known.  price_usd: the bill, once there is one.
    """

    job: str
    status: str
    model: str | None = None
    base: str = ""
    step: int | None = None
    steps: int | None = None
    price_usd: float | None = None
    detail: str = ""


class Loss(Record, frozen=True, kw_only=True):
    """The training loss after a step."""

    step: int
    loss: float

    def __post_init__(self) -> None:
        require_finite("Loss", loss=self.loss)


class JudgedMetric(Record, frozen=True, kw_only=True):
    """One gated metric of one checkpoint, and the baseline's value of it."""

    suite: str
    metric: str
    scale: str
    estimate: Estimated
    baseline_value: float | None = None


class Judged(Record, frozen=True, kw_only=True):
    """What a gate said of the model as it was after a step.

    model: as `--candidate` takes it.  step: None for a result whose steps are not known.
    loss: the last training loss up to that step, None where the service recorded none.
    gate: the gate's folder.
    """

    model: str
    step: int | None
    loss: float | None
    verdict: VerdictState
    exit_code: int
    gate: str
    metrics: tuple[JudgedMetric, ...] = ()


class Tune(Record, frozen=True, kw_only=True):
    """tune.json: one job from its training file to its verdicts; written after every step.

    stage: how far it has come; `asking` is written before the service is asked to begin, so that a
    job whose answer was lost is looked for and not begun twice.
    file, validation: the service's names of the uploaded files.
    estimate_usd: what the service said it would cost, None where it could not say.
    """

    tune: str
    provider: str
    stage: Literal["new", "uploaded", "asking", "begun"] = "new"
    recipe: Recipe | None = None
    train: str = ""
    train_sha256: str = ""
    file: str = ""
    validation: str = ""
    estimate_usd: float | None = None
    state: JobState | None = None
    losses: tuple[Loss, ...] = ()
    judged: tuple[Judged, ...] = ()
    notes: tuple[str, ...] = ()
    volatile: Volatile = Volatile()
    format: int = FORMAT
