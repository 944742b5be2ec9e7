"""Pairing: the same units of two runs side by side, or the reasons why they cannot be.

Reads: two MarkTables.  Gives: `Pairing`, and per metric the two aligned row arrays.
Depends on: store.marks.  Decides nothing: `verdict` judges what is found here.
Failures follow DESIGN 2.5: a failed candidate unit counts as the worst row it could have got, a
failed baseline unit as the best; a metric without such rows leaves the pair out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalharness.store.marks import MarkTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalharness.contracts import Array, Mask, Words

    Index = NDArray[np.intp]

Failures = Literal["against_candidate", "left_out"]


@dataclass(frozen=True, slots=True)
class Pairing:
    """Units that both runs asked, by position in each table.

    baseline_p, candidate_p: positions, [p], sorted by unit hash: the same units always pair in the
    same order, whatever the order of the files.
    only_baseline, only_candidate: units that the other run did not ask.
    changed: paired units whose content differs.  unhashed: paired units without content hashes.
    """

    baseline: MarkTable
    candidate: MarkTable
    baseline_p: Index
    candidate_p: Index
    only_baseline: int
    only_candidate: int
    changed: int
    unhashed: int

    def __len__(self) -> int:
        return len(self.baseline_p)

    def coverage(self, arm: Literal["baseline", "candidate"]) -> float:
        """The share of all units, of either run, that this arm answered and the other asked."""
        table, places = (
            (self.baseline, self.baseline_p)
            if arm == "baseline"
            else (self.candidate, self.candidate_p)
        )
        everything = len(self) + self.only_baseline + self.only_candidate
        answered = len(self) - int(table.failed_n[places].sum())
        return answered / everything if everything else 0.0


@dataclass(frozen=True, slots=True)
class PairedRows:
    """One metric's rows of both arms, aligned: [p, k] each, and the cluster of each pair.

    repeated: rows are sample means over several repeats.
    left_out: pairs without a row in one of the arms.
    """

    baseline_pk: Array
    candidate_pk: Array
    cluster_p: Words
    clustered: bool
    repeated: bool
    left_out: int
    wanted: int

    def __len__(self) -> int:
        return len(self.baseline_pk)


def pair(baseline: MarkTable, candidate: MarkTable) -> Pairing:
    """Pair two runs by (sample id, repeat) and compare the content of what was asked."""
    at_baseline, at_candidate = _common(baseline, candidate)
    left, right = baseline.sha_n[at_baseline], candidate.sha_n[at_candidate]
    hashed = (left != 0) & (right != 0)
    return Pairing(
        baseline=baseline,
        candidate=candidate,
        baseline_p=at_baseline,
        candidate_p=at_candidate,
        only_baseline=len(baseline) - len(at_baseline),
        only_candidate=len(candidate) - len(at_candidate),
        changed=int(((left != right) & hashed).sum()),
        unhashed=int((~hashed).sum()),
    )


def _common(baseline: MarkTable, candidate: MarkTable) -> tuple[Index, Index]:
    """Where the units of both lie in each, sorted by unit hash."""
    import numpy as np

    left, right = baseline.unit_n, candidate.unit_n
    if np.array_equal(left, right):  # as two runs over one file have them
        places = np.argsort(left)
        return places, places
    _, at_left, at_right = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    return at_left, at_right


def paired_rows(
    pairing: Pairing, label: str, *, slice_name: str | None, failures: Failures
) -> PairedRows:
    """One metric's aligned rows, whole or within a slice.

    failures: `against_candidate` as a gate counts them; `left_out` keeps pairs in which both arms
    answered.
    """
    import numpy as np

    left, right = pairing.baseline.metrics[label], pairing.candidate.metrics[label]
    at_left, at_right = pairing.baseline_p, pairing.candidate_p
    wanted = np.ones(len(pairing), dtype=np.bool_)
    if slice_name is not None:
        wanted &= slice_mask(pairing.candidate, slice_name)[at_right]
    if right.columns.sees == "groups":
        wanted &= pairing.candidate.first_n[at_right]
    if failures == "against_candidate":
        usable = left.scored_n[at_left] & right.scored_n[at_right]
    else:
        usable = left.answered_n[at_left] & right.answered_n[at_right]
        usable &= ~pairing.baseline.failed_n[at_left] & ~pairing.candidate.failed_n[at_right]
    keep = wanted & usable
    left_out, n_wanted = int((wanted & ~usable).sum()), int(wanted.sum())
    if not keep.all():
        at_left, at_right = at_left[keep], at_right[keep]
    clustered = pairing.candidate.clustered
    rows = PairedRows(
        baseline_pk=left.best_nk[at_left],
        candidate_pk=right.rows_nk[at_right],
        cluster_p=pairing.candidate.cluster_n[at_right],
        clustered=clustered,
        repeated=False,
        left_out=left_out,
        wanted=n_wanted,
    )
    if not pairing.candidate.repeated or right.columns.kind in ("ordered", "refit"):
        return rows
    return _collapse_repeats(rows, pairing.candidate.sample_n[at_right])


def _collapse_repeats(rows: PairedRows, sample_p: Words) -> PairedRows:
    """Average the repeats of a sample."""
    import numpy as np

    samples, first, member, counts = np.unique(
        sample_p, return_index=True, return_inverse=True, return_counts=True
    )
    if len(samples) == len(sample_p):
        return rows

    def averaged(rows_pk: Array) -> Array:
        """Rows of one sample's repeats -> their mean, a row a sample."""
        sums = np.zeros((len(samples), rows_pk.shape[1]))
        np.add.at(sums, member, rows_pk)
        return sums / counts[:, None]

    return PairedRows(
        baseline_pk=averaged(rows.baseline_pk),
        candidate_pk=averaged(rows.candidate_pk),
        cluster_p=rows.cluster_p[first],
        clustered=len(np.unique(rows.cluster_p[first])) < len(first),
        repeated=True,
        left_out=rows.left_out,
        wanted=rows.wanted,
    )


def slice_mask(table: MarkTable, name: str) -> Mask:
    """The units of a slice "name=value"; all false where there is no such slice."""
    import numpy as np

    found = table.slices.get(name)
    return found if found is not None else np.zeros(len(table), dtype=np.bool_)


def arm_rows(
    table: MarkTable, label: str, *, slice_name: str | None, failures: Failures
) -> tuple[Array, Words | None]:
    """One arm's rows of a metric for an absolute bar [n, k], and their clusters [n].

    Failures count as worst (`against_candidate`) or are left out.  No clusters where every unit
    stands alone.
    """
    keep, _ = arm_units(table, label, slice_name=slice_name, failures=failures)
    rows_nk = table.metrics[label].rows_nk
    cluster_n = table.cluster_n if table.clustered else None
    if keep.all():  # the common case, without copies
        return rows_nk, cluster_n
    return rows_nk[keep], None if cluster_n is None else cluster_n[keep]


def arm_units(
    table: MarkTable, label: str, *, slice_name: str | None, failures: Failures
) -> tuple[Mask, int]:
    """The units whose rows count for an absolute bar [n], and how many are left out."""
    import numpy as np

    metric = table.metrics[label]
    wanted = np.ones(len(table), dtype=np.bool_)
    if slice_name is not None:
        wanted &= slice_mask(table, slice_name)
    if metric.columns.sees == "groups":
        wanted &= table.first_n
    usable = metric.scored_n if failures == "against_candidate" else metric.answered_n
    return wanted & usable, int((wanted & ~usable).sum())
