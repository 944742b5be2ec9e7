"""SQuAD's own JSON, versions 1.1 and 2.0, as samples.

Reads: {"data": [{"title", "paragraphs": [{"context", "qas": [...]}]}]}.  Gives: `Sample`s.
Depends on: fields, identity, records, errors.  Knows nothing of files.
Source: Rajpurkar et al. (2016), arXiv:1606.05250; Rajpurkar et al. (2018), arXiv:1806.03822.

The question is the input; the paragraph is `metadata.context`, for the template to show.  The
references are the distinct answer texts in order.  A question that the paragraph does not answer
has no targets, `metadata.is_impossible` true, and the slice answerable = no.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from evalharness.data.fields import ABSENT, reach, text_of
from evalharness.data.identity import content_sha256
from evalharness.data.rows import Row
from evalharness.errors import DataError
from evalharness.records import JsonObject, Sample
from evalharness.spec.suite import DataSpec


def is_squad(item: object) -> bool:
    """Whether an item of the document's list is an article of SQuAD."""
    return isinstance(item, dict) and "paragraphs" in item and "messages" not in item


def squad_samples(article: Row, spec: DataSpec) -> Iterator[Sample]:
    """Every question of one article; its cluster is the paragraph.

    Raises DataError that names the article, the paragraph and the question.
    """
    title = str(article.values.get("title") or f"article {article.number}")
    for place, paragraph in enumerate(_objects(article, article.values, "paragraphs")):
        at_paragraph = Row(f"{article.where}, paragraph ", place + 1, paragraph)
        context = paragraph.get("context")
        if not isinstance(context, str):
            raise DataError("the paragraph has no 'context'", where=at_paragraph.where)
        shared = {"title": title, "context": context, "cluster": f"{title}/{place}"}
        for number, qa in enumerate(_objects(at_paragraph, paragraph, "qas"), start=1):
            row = Row(f"{at_paragraph.where}, question ", number, {**qa, **shared})
            yield _sample(row, spec)


def _objects(row: Row, values: JsonObject, name: str) -> list[JsonObject]:
    found = values.get(name)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise DataError(f"no list of objects under {name!r}", where=row.where)
    return found


def _sample(row: Row, spec: DataSpec) -> Sample:
    values = row.values
    if not isinstance(values.get("question"), str) or "id" not in values:
        raise DataError("the question has no 'id' or no 'question'", where=row.where)
    targets = _answers(row)
    metadata: JsonObject = {"title": values["title"], "context": values["context"]}
    slices = _slices(row, spec)
    if "is_impossible" in values:
        impossible = bool(values["is_impossible"])
        metadata["is_impossible"] = impossible
        slices["answerable"] = "no" if impossible else "has"
        targets = () if impossible else targets
    sample = Sample(
        id=text_of(values["id"], row, "id"),
        input=values["question"],
        targets=targets,
        cluster=values["cluster"],
        slices=slices,
        metadata=metadata,
    )
    return msgspec.structs.replace(sample, content_sha256=content_sha256(sample))


def _answers(row: Row) -> tuple[str, ...]:
    answers: list[Any] = row.values.get("answers") or []  # Any: JSON as it came, checked here
    texts = [answer.get("text") if isinstance(answer, dict) else None for answer in answers]
    return tuple(dict.fromkeys(text_of(text, row, "answers.text") for text in texts))


def _slices(row: Row, spec: DataSpec) -> dict[str, str]:
    found = {}
    for name in spec.slices:
        if name == "answerable":
            continue
        value = reach(row.values, name)
        if value is ABSENT:
            raise DataError(f"no field {name!r} to slice by", where=row.where)
        found[name] = text_of(value, row, name)
    return found
