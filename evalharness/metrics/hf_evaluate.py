"""`evaluate:NAME`: any module of the package evaluate as a metric.

Reads: answers and references; a module that is loaded by path or hub name.  Gives: rows.
Depends on: base; evaluate (extra `hf`), imported when the metric is made.
The module's code runs in this process: name only modules that you trust.  A bare name is looked
up on the hub and never in the working folder, where evaluate itself would find and run a script.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from evalharness.contracts import MetricKind, Rows, Scale
from evalharness.errors import MissingExtra, SpecError
from evalharness.metrics.base import NO_TARGET, Judged, MeanMetric, choice
from evalharness.records import Unscored

if TYPE_CHECKING:
    from evalharness.contracts import Array, Metric
    from evalharness.records import Item

MOST_PAIRS: Final = 20_000_000
"""Pairs that one interval of a corpus module may compute over: draws times samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HfEvaluateOptions:
    """A module of the package evaluate, by hub name or by a path that starts with `.` or `/`.

    value: the key of the result; needed where there are several.  arguments: for `compute`.
    unit: `sample` computes on each pair and takes the mean; `corpus` computes on all pairs, for
    modules over labels (integers), and takes the index bootstrap.  labels: texts that stand for
    0, 1, ...; without them the answer is read as a number.  references: `one` gives the first
    reference, `list` all.  range: least and greatest value, without which failures are left out.
    direction: `higher` or `lower` is better.
    """

    module: str
    value: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)  # Any: as the module wants them
    unit: str = "sample"
    labels: Sequence[str] = ()
    references: str = "one"
    range: Sequence[float] = ()
    direction: str = "higher"

    def make_metric(self) -> Metric:
        """The metric. Raises ValueError, SpecError, MissingExtra."""
        choice("unit", self.unit, ("sample", "corpus"))
        choice("references", self.references, ("one", "list"))
        choice("direction", self.direction, ("higher", "lower"))
        if len(self.range) not in (0, 2):
            raise ValueError(f"range is [least, greatest]; got {list(self.range)}")
        kind = HfSampleMetric if self.unit == "sample" else HfCorpusMetric
        return kind(self)


class HfSampleMetric(MeanMetric):
    """The mean of what the module computes on each pair alone."""

    def __init__(self, options: HfEvaluateOptions) -> None:
        self.options = options
        self.module = load_module(options.module)
        self.name = f"evaluate:{Path(options.module).stem}"
        low, high = options.range or (None, None)
        self.range = (low, high)
        self.direction: Literal["higher", "lower"] = (
            "higher" if options.direction == "higher" else "lower"
        )
        self.scale: Scale = "plain"
        arguments = ",".join(
            f"{key}={options.arguments[key]!r}" for key in sorted(options.arguments)
        )
        super().__init__(
            f"module:{source_digest(self.module)}",
            f"value:{options.value or 'only'}",
            f"unit:{options.unit}",
            f"refs:{options.references}",
            *([f"args:{arguments}"] if arguments else []),
            *([f"labels:{','.join(options.labels)}"] if options.labels else []),
        )

    def __reduce__(self) -> tuple[Any, ...]:  # Any: what pickle asks for
        return type(self), (self.options,)

    def values(self, items: Sequence[Any]) -> Sequence[Judged]:  # Any: Item
        """What the module gives for each answer; what it cannot compute is unscored."""
        return [self._one(item) for item in items]

    def computed(self, predictions: Sequence[Any], references: Sequence[Any]) -> float | Unscored:
        """The module's value. Any: texts or numbers, as its features say."""
        try:
            result = self.module.compute(
                predictions=list(predictions),
                references=list(references),
                **dict(self.options.arguments),
            )
        except Exception as error:  # noqa: BLE001  (foreign code: one failure is one reason)
            self.module = load_module(self.options.module)  # it keeps a half-filled buffer
            return Unscored(reason=f"{self.name} raised {type(error).__name__}: {error}"[:300])
        return picked(result, self.options.value)

    def label(self, text: str) -> float | None:
        """The number that a text stands for, or None."""
        if self.options.labels:
            named = {label: place for place, label in enumerate(self.options.labels)}
            return named.get(text.strip())
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def _one(self, item: Item) -> Judged:
        """The judgement of one answer."""
        targets = item.sample.targets
        if not targets:
            return NO_TARGET
        if not takes_text(self.module):
            numbers = self.label(item.text), self.label(targets[0])
            if None in numbers:
                return Unscored(reason="the answer or the reference is none of the labels")
            return self.computed([numbers[0]], [numbers[1]])
        reference = list(targets) if self.options.references == "list" else targets[0]
        return self.computed([item.text], [reference])


class HfCorpusMetric(HfSampleMetric):
    """What the module computes over all pairs of labels; rows are (prediction, reference)."""

    kind: MetricKind = "refit"
    columns: tuple[str, ...] = ("prediction", "reference")

    def __init__(self, options: HfEvaluateOptions) -> None:
        super().__init__(options)
        if takes_text(self.module):
            raise ValueError(
                f"{self.name} works on texts, which rows of numbers cannot hold: use unit: sample, "
                "or the built-in metric (bleu, chrf, rouge_l) for a corpus value"
            )

    def measure(self, items: Sequence[Any]) -> Rows:  # Any: Item
        """Rows (prediction, reference), [n, 2]."""
        rows_nk, reasons = np.zeros((len(items), 2)), {}
        for place, item in enumerate(items):
            targets = item.sample.targets
            pair = (self.label(item.text), self.label(targets[0]) if targets else None)
            if pair[0] is None or pair[1] is None:
                reasons[place] = "the answer or the reference is none of the labels"
            else:
                rows_nk[place] = pair
        scored_n = np.ones(len(items), dtype=np.bool_)
        scored_n[list(reasons)] = False
        return Rows(rows_nk, scored_n, reasons)

    def reduce(self, sums: Array) -> Array:
        """Refused: the value is no function of sums. Raises TypeError."""
        raise TypeError(f"{self.name} is no function of sums; use reduce_weighted: {sums.shape}")

    def reduce_weighted(self, rows_nk: Array, weights_bn: Array) -> Array:
        """Values [b]: the module over each pair as often as its weight says; NaN where it fails.

        Raises SpecError beyond MOST_PAIRS.
        """
        if len(weights_bn) * len(rows_nk) > MOST_PAIRS:
            raise SpecError(
                f"{self.name} over {len(rows_nk)} samples is too slow to resample",
                mend=f"at most {MOST_PAIRS // len(weights_bn)} samples, or unit: sample",
            )
        whole = np.rint(rows_nk).astype(np.int64)
        values = []
        for weights in weights_bn:
            drawn = np.repeat(whole, np.rint(weights).astype(np.int64), axis=0)
            value = self.computed(drawn[:, 0].tolist(), drawn[:, 1].tolist())
            values.append(math.nan if isinstance(value, Unscored) else value)
        return np.array(values)

    def bounds(self, samples: Sequence[Any]) -> None:  # Any: Sample
        """None: what the worst label is depends on the others."""


def load_module(name: str) -> Any:  # Any: evaluate is not typed
    """A module by hub name, or by path. Raises SpecError, MissingExtra."""
    try:
        import evaluate
    except ImportError as error:
        raise MissingExtra("evaluate", extra="hf", needed_for=f"metric evaluate:{name}") from error
    local = name.startswith(("/", "./", "../"))
    script = Path(name) if name.endswith(".py") else Path(name) / f"{Path(name).name}.py"
    if not local and script.is_file():
        raise SpecError(
            f"evaluate:{name} would run the script '{script}' of the working folder",
            mend=f"write evaluate:./{name} if you mean it, or work in another folder",
        )
    if local and not script.is_file():
        raise SpecError(f"evaluate:{name}: there is no script '{script}'")
    try:
        return evaluate.load(name, keep_in_memory=True)
    except Exception as error:
        raise SpecError(
            f"evaluate:{name} cannot be loaded: {error}", mend="check the name, path and network"
        ) from error


def source_digest(module: Any) -> str:  # Any: evaluate is not typed
    """12 hexadecimal digits of the module's script."""
    path = inspect.getsourcefile(type(module))
    if path is None:
        raise SpecError("the module has no source file")
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def takes_text(module: Any) -> bool:  # Any: evaluate is not typed
    """Whether the module's predictions are texts."""
    features = module.features[0] if isinstance(module.features, list) else module.features
    return getattr(features["predictions"], "dtype", "string") == "string"


def picked(result: Any, key: str | None) -> float | Unscored:  # Any: a foreign dictionary
    """The number under a key, or the only one there is."""
    if not isinstance(result, Mapping) or not result:
        return Unscored(reason="the module gave no result")
    if key is None and len(result) > 1:
        return Unscored(reason=f"the module gives {', '.join(result)}: name one as `value`")
    found = result.get(next(iter(result)) if key is None else key)
    if isinstance(found, list | tuple | np.ndarray) and len(found) == 1:
        found = found[0]
    if isinstance(found, bool | int | float | np.number) and math.isfinite(float(found)):
        return float(found)
    return Unscored(reason=f"the module gives no number for '{key or next(iter(result))}'")
