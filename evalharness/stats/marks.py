"""Right/wrong marks, alone or in clusters: which evidence they make.

Reads: 0/1 marks [n] of one arm or two, and cluster codes.  Gives: an Effect.
Depends on: binary, intervals, mean, moments.

Clusters that hold copies of one mark (a sample asked again at temperature 0, a duplicated item)
count once: the same evidence gives the same bounds, however often it is written down.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalharness.stats.binary import PairedBinary, paired_table
from evalharness.stats.inference import require
from evalharness.stats.intervals import Proportion, proportion_of
from evalharness.stats.mean import MeanEffect, mean_effect
from evalharness.stats.moments import Array, Codes, as_values, clusters_are_copies


def paired_marks_effect(
    candidate: Sequence[float] | Array,
    baseline: Sequence[float] | Array,
    *,
    clusters: Codes | None = None,
) -> PairedBinary | MeanEffect:
    """Candidate's rate - baseline's: Tango's score, or the clustered mean where clusters differ.

    candidate, baseline: marks of the same units, 0 or 1.  clusters: codes 0..G-1 [n].
    Raises TooFewSamples on no units or a single cluster.

    >>> paired_marks_effect([1, 1, 0], [1, 0, 0]).method
    'tango-corrected'
    """
    pair = np.column_stack(
        [as_values(candidate, what="candidate"), as_values(baseline, what="baseline")]
    )
    if clusters is not None:
        if not clusters_are_copies(pair, clusters):
            paired_table(pair[:, 0], pair[:, 1])  # refuses what is no mark
            return mean_effect(pair[:, 0] - pair[:, 1], low=-1.0, high=1.0, clusters=clusters)
        pair = pair[_one_of_each(clusters)]
    table = paired_table(pair[:, 0], pair[:, 1])
    return PairedBinary(table.gain, table.loss, table.n)


def marks_effect(
    outcomes: Sequence[float] | Array, *, clusters: Codes | None = None
) -> Proportion | MeanEffect:
    """One arm's rate: exact binomial, or the clustered mean where clusters differ.

    Raises TooFewSamples on no outcomes or a single cluster.
    """
    array = as_values(outcomes, what="outcomes")
    if clusters is not None:
        if not clusters_are_copies(array[:, None], clusters):
            proportion_of(array)  # refuses what is no mark
            return mean_effect(array, low=0.0, high=1.0, clusters=clusters)
        array = array[_one_of_each(clusters)]
    return proportion_of(array)


def _one_of_each(clusters: Codes) -> Codes:
    """The first unit of every cluster; raises TooFewSamples below 2 clusters."""
    first = np.unique(clusters, return_index=True)[1]
    require(len(first), 2, what="a rate with clusters", unit="clusters")
    return first
