"""Passages found for a question and set around it: what a retrieval baseline shows the model.

Reads: the documents, once.  Gives: `Retrieval`, which turns a question into question and passages.
Depends on: prompts.passages, .index, .template, records, errors.  Knows nothing of examples.
Passages are looked up by BM25.  One that shares no word with the question is not shown, so a
prompt may hold fewer than k of them, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalharness.errors import SpecError
from evalharness.prompts.asked import last_user_turn, query_of
from evalharness.prompts.index import Bm25Index, digest_texts
from evalharness.prompts.passages import Passage, read_passages
from evalharness.prompts.template import TemplateProgram, compile_template, fill, template_values
from evalharness.records import Message, Sample
from evalharness.spec.suite import RagSpec


class Passages(tuple[Passage, ...]):
    """What a template gets as `passages`: written as one text, or gone through one by one.

    `{{ passages }}` gives them apart by an empty line, the best first; in
    `{% for p in passages %}` each has `text`, `title`, `document` and `number`.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "\n\n".join(str(passage) for passage in self)


class Retrieval:
    """Finds passages for a sample and writes its question anew; pure once it is built.

    plain: the suite's or baseline's template, whose text the passages are set around.
    base: the folder that relative paths start from.  where: the file, for errors.
    signature: the method in words.  sha256: of method, template and every passage.
    Raises SpecError for settings that make no sense, DataError for the documents, MissingExtra.
    """

    def __init__(self, spec: RagSpec, plain: TemplateProgram, *, base: Path, where: str) -> None:
        self.spec = spec
        self._plain = plain
        self._where = f"{where}, prompt.rag"
        _check(spec, self._where)
        self._template = compile_template(spec.template, where=f"{self._where}.template")
        _require_passages(spec.template, f"{self._where}.template")
        self._passages = read_passages(
            base / spec.documents,
            chunk_words=spec.chunk_words,
            where=f"{self._where}.documents",
        )
        texts = [str(passage) for passage in self._passages]
        self._index = Bm25Index(texts, needed_for="rag")
        self.signature = f"rag|k:{spec.k}|chunk:{spec.chunk_words}|{self._index.signature}"
        names = [f"{passage.document}#{passage.number}" for passage in self._passages]
        self.sha256 = digest_texts([self.signature, spec.template, *names, *texts])

    def passages_for(self, sample: Sample) -> Passages:
        """At most k passages that share a word with the question, the best first."""
        hits = self._index.nearest(query_of(sample, self._plain), self.spec.k)
        return Passages(self._passages[hit.position] for hit in hits if hit.score > 0)

    def with_passages(self, messages: Sequence[Message], sample: Sample) -> tuple[Message, ...]:
        """The conversation with passages in its last user turn.

        Raises SpecError for a conversation without a user turn, or what the template cannot take.
        """
        place = last_user_turn(messages)
        if place is None:
            raise SpecError(
                "no user turn to find passages for",
                where=f"{self._where}, sample '{sample.id}'",
                mend="a retrieval baseline needs a question: end each row with one",
            )
        values = {
            **template_values(sample),
            "prompt": messages[place].content or "",
            "passages": self.passages_for(sample),
        }
        text = fill(self._template, values, where=f"{self._where}.template", sample_id=sample.id)
        turn = Message(role="user", content=text, name=messages[place].name)
        return (*messages[:place], turn, *messages[place + 1 :])


def _check(spec: RagSpec, where: str) -> None:
    for key, number in (("k", spec.k), ("chunk_words", spec.chunk_words)):
        if number < 1:
            raise SpecError(
                f"`{key}` must be at least 1, got {number}",
                where=f"{where}.{key}",
                mend="leave `rag` out to show no passages"
                if key == "k"
                else "200 suits most texts",
            )


def _require_passages(template: str, where: str) -> None:
    """Refuse a template that never shows what was found."""
    from jinja2 import meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    names = meta.find_undeclared_variables(ImmutableSandboxedEnvironment().parse(template))
    if "passages" not in names:
        raise SpecError(
            "the template shows no `{{ passages }}`",
            where=where,
            mend='for example "{{ passages }}\\n\\n{{ prompt }}"',
        )
