"""How far raters agree beyond chance: Cohen's kappa for two, Krippendorff's alpha for any number.

Reads: labels, None where a rater gave none.  Gives: coefficients, 1 is full agreement, 0 chance.
Depends on: errors.
Sources: Cohen (1960); Krippendorff (2011), "Computing Krippendorff's alpha-reliability".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Literal, TypeAlias

from evalharness.errors import TooFewSamples

Level: TypeAlias = Literal["nominal", "ordinal", "interval"]
Label: TypeAlias = Hashable
Distance: TypeAlias = Callable[[float, float], float]

UNDETERMINED: Final = "every label is the same, so agreement cannot be told from chance"


def cohen_kappa(one: Sequence[Label], other: Sequence[Label]) -> float:
    """Cohen's kappa of two raters' labels of the same things, in order.

    Raises ValueError for unequal lengths, TooFewSamples where chance alone agrees always.

    >>> cohen_kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"])
    0.5
    """
    if len(one) != len(other):
        raise ValueError(f"{len(one)} labels and {len(other)}")
    n = len(one)
    if n == 0:
        raise TooFewSamples("no thing was labelled by both")
    seen = sum(a == b for a, b in zip(one, other, strict=True)) / n
    left, right = Counter(one), Counter(other)
    chance = sum(left[label] * right[label] for label in left) / n**2
    if chance == 1.0:
        raise TooFewSamples(UNDETERMINED)
    return (seen - chance) / (1.0 - chance)


def krippendorff_alpha(ratings: Sequence[Sequence[float | None]], *, level: Level) -> float:
    """Krippendorff's alpha of several raters.

    ratings: one sequence a rater over the same things in order; None where it gave no label.
    level: `nominal` labels, `ordinal` ranks or `interval` numbers.
    Raises ValueError for raters of unequal lengths, TooFewSamples where nothing has two labels or
    all labels are equal.

    >>> round(krippendorff_alpha([[1, 2, 3, 3], [1, 2, 3, None]], level="nominal"), 4)
    1.0
    """
    if len({len(rater) for rater in ratings}) > 1:
        raise ValueError("raters must have labelled the same things, None where they did not")
    units = [[label for label in unit if label is not None] for unit in zip(*ratings, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    pooled = Counter(label for unit in units for label in unit)
    n = sum(pooled.values())
    if n == 0:
        raise TooFewSamples("nothing was labelled by two raters")
    distance = _distance(pooled, level)
    expected = _disagreement(pooled, distance) / (n - 1)
    if expected == 0.0:
        raise TooFewSamples(UNDETERMINED)
    observed = sum(_disagreement(Counter(unit), distance) / (len(unit) - 1) for unit in units)
    return 1.0 - observed / expected


def _disagreement(counts: Counter[float], distance: Distance) -> float:
    """Distances over all ordered pairs of labels."""
    labels = list(counts)
    return sum(counts[a] * counts[b] * distance(a, b) for a in labels for b in labels if a != b)


def _distance(pooled: Counter[float], level: Level) -> Distance:
    """The squared distance of two labels."""
    if level == "nominal":
        return lambda a, b: float(a != b)
    if level == "interval":
        return lambda a, b: (a - b) ** 2
    ordered = sorted(pooled)
    below: dict[float, float] = {}
    seen = 0.0
    for label in ordered:
        below[label] = seen + pooled[label] / 2.0
        seen += pooled[label]
    return lambda a, b: (below[a] - below[b]) ** 2
