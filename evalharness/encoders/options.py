"""What a suite says of the encoder metrics, and the metrics made from it.

Reads: options of a suite; idf and baseline files.  Gives: BertScoreOptions, SimilarityOptions.
Depends on: encoder, weights, metrics.bertscore, metrics.similarity.
A record of options stands here because there are more of them than a function should take.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from evalharness.encoders.encoder import Encoder, open_encoder
from evalharness.encoders.reference import ReferenceBertScore
from evalharness.encoders.weights import EncoderSettings
from evalharness.metrics.base import choice
from evalharness.metrics.bertscore import STATISTICS, BertScore, IdfTexts
from evalharness.metrics.similarity import EmbeddingSimilarity

if TYPE_CHECKING:
    from evalharness.contracts import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityOptions(EncoderSettings):
    """Cosine of mean token vectors; the options are those of EncoderSettings."""

    def encoder(self) -> Encoder:
        """The encoder of these options, which metrics share. Raises SpecError."""
        chosen = {option.name: getattr(self, option.name) for option in fields(EncoderSettings)}
        return open_encoder(EncoderSettings(**chosen))

    def make_metric(self) -> Metric:
        """The metric of these options. Raises ValueError, SpecError, MissingExtra."""
        return EmbeddingSimilarity(self.encoder())


@dataclass(frozen=True, slots=True, kw_only=True)
class BertScoreOptions(SimilarityOptions):
    """BERTScore with a local or hub encoder; precision, recall or F1.

    statistic: `f1`, `precision`, `recall`.  idf: true for the references of the whole set, a text
    file with one document a line, or a list of texts.  rescale: a baseline table as bert-score
    ships them (LAYER,P,R,F).
    """

    statistic: str = "f1"
    idf: bool | str | Sequence[str] | None = None
    rescale: str | None = None
    kind: ClassVar[type[BertScore]] = BertScore

    def make_metric(self) -> Metric:
        """The metric of these options. Raises ValueError, SpecError, MissingExtra."""
        encoder = self.encoder()
        return self.kind(
            encoder,
            statistic=self.statistic,
            idf=idf_of(self.idf),
            baseline=None
            if self.rescale is None
            else baseline_of(Path(self.rescale).expanduser(), encoder.layers, self.statistic),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceBertScoreOptions(BertScoreOptions):
    """The same options, of bert-score itself."""

    kind: ClassVar[type[BertScore]] = ReferenceBertScore


def idf_of(given: bool | str | Sequence[str] | None) -> IdfTexts | Literal["references"] | None:  # noqa: FBT001  (as a suite says it)
    """What idf counts over: nothing, the references of the set, or documents."""
    if given is None or given is False:
        return None
    return "references" if given is True else IdfTexts(idf_texts(given))


def idf_texts(given: str | Sequence[str]) -> tuple[str, ...]:
    """Documents from a file, one a line, or as they stand. Raises ValueError without any."""
    if isinstance(given, str):
        try:
            lines = Path(given).expanduser().read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"idf: cannot read '{given}': {error}") from error
        texts = tuple(line for line in lines if line.strip())
    elif isinstance(given, Sequence) and all(isinstance(text, str) for text in given):
        texts = tuple(given)
    else:
        raise ValueError(
            "idf must be true (the references of the set), a file with one document a line, or a "
            "list of texts"
        )
    if not texts:
        raise ValueError("idf: there are no documents")
    return texts


def baseline_of(path: Path, layer: int, statistic: str) -> float:
    """The baseline of a layer and statistic. Raises ValueError where the table has none.

    path: CSV with a header, then one row a layer from 0: layer, precision, recall, F1.
    """
    choice("statistic", statistic, STATISTICS)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        row = next(row for row in rows if row and int(float(row[0])) == layer)
        return float(row[1 + STATISTICS.index(statistic)])
    except StopIteration:
        raise ValueError(f"rescale: '{path}' has no layer {layer}") from None
    except (OSError, ValueError, IndexError) as error:
        raise ValueError(f"rescale: '{path}' is no baseline table: {error}") from error
