"""Worked examples before the question, chosen from the training file and nowhere else.

Reads: the training file, once.  Gives: `FewShot`, which chooses `Shot`s for a sample.
Depends on: data.sources (when a file is read), prompts.asked, .leak, .index, .embedding, records.
Knows nothing of passages.

    fixed       the first k rows, the same for every question
    random      k rows drawn by the seed, the same for every question
    bm25        the k rows nearest to the question by words
    embedding   the k rows nearest to the question by an encoder's vectors

The draw ranks rows by a hash of seed, id and content: it depends on no generator's version and
on no order of the file.  Nearest rows stand in the prompt with the nearest last, beside the
question.  The program keeps k rows (`fixed`, `random`) or the training file, and hashes of it.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from evalharness.errors import DataError, SpecError
from evalharness.prompts.asked import opening, query_of, shown, system_text
from evalharness.prompts.embedding import EmbeddingIndex, Encoder, LocalEncoder
from evalharness.prompts.index import Bm25Index, Index, digest_texts
from evalharness.prompts.leak import TrainingRows
from evalharness.prompts.template import TemplateProgram, follow_history
from evalharness.records import Message, Sample
from evalharness.spec.suite import DataSpec, FewShotSpec


@dataclass(frozen=True, slots=True)
class Shot:
    """One worked example. query: what it is found by.  system: the row's own, None without.

    turns: its messages, the question first, the reference answer last, no system message.
    """

    id: str
    query: str
    system: str | None
    turns: tuple[Message, ...]

    def content(self) -> str:
        """Everything of it that a prompt may show, as one text that tells any two apart."""
        turns = [
            (turn.role, turn.content, calls_of(turn), turn.tool_call_id, turn.name)
            for turn in self.turns
        ]
        return msgspec.json.encode((self.system, turns)).decode()


def calls_of(turn: Message) -> list[tuple[str, str, str]]:
    """A message's tool calls, spelt out: a hash must not move when the record gains a field."""
    return [(call.id, call.name, call.arguments) for call in turn.tool_calls]


class FewShot:
    """Chooses the worked examples of a question; pure once it is built.

    plain: the suite's or baseline's template, which a row's question goes through too.
    base: the folder that relative paths start from.  where: the file, for errors.
    heldout: what will be asked.  encoder: instead of the one that `spec.encoder` names.
    signature: the method in words.  sha256: of the method and of every row that can be shown.
    Raises SpecError for settings that make no sense, DataError for a training file that is wrong,
    too short, or holds a held-out sample; MissingExtra.
    """

    def __init__(
        self,
        spec: FewShotSpec,
        plain: TemplateProgram,
        *,
        base: Path,
        where: str,
        heldout: Iterable[Sample] = (),
        encoder: Encoder | None = None,
    ) -> None:
        self.spec = spec
        self._plain = plain
        self._where = f"{where}, prompt.few_shot"
        _check(spec, self._where, given=encoder)
        self._rows = TrainingRows(train=spec.train, where=f"{self._where}.train")
        self._shots = self._choose(self._read(base))
        if len(self._shots) < spec.k:
            raise self._too_few()
        self._rows.refuse_leaks(heldout, plain)
        self._index = self._build_index(base, encoder)
        method = "" if self._index is None else f"|{self._index.signature}"
        seed = f"|seed:{spec.seed}" if spec.select == "random" else ""
        self.signature = f"few_shot|{spec.select}|k:{spec.k}{seed}{method}"
        self.sha256 = digest_texts([self.signature, *(shot.content() for shot in self._shots)])

    def shots_for(self, sample: Sample) -> list[Shot]:
        """The k worked examples for a sample, in the order of the prompt.

        Raises DataError if the sample itself is among the training rows.
        """
        leak = self._rows.leak(sample, self._plain)
        if leak is not None:
            raise self._rows.refusal([leak])
        if self._index is None:
            return self._shots
        hits = self._index.nearest(query_of(sample, self._plain), self.spec.k)
        return [self._shots[hit.position] for hit in reversed(hits)]

    def _read(self, base: Path) -> Iterator[Shot]:
        """Every row of the training file as a shot; the leak check learns each of them."""
        from evalharness.data.lines import require_named
        from evalharness.data.sources import open_source

        require_named(base / self.spec.train, f"{self._where}.train")
        data = DataSpec(path=self.spec.train, fields=self.spec.fields)
        for sample in open_source(data, base=base):
            try:
                questions = shown(sample, self._plain)
                shot = make_shot(sample, self._plain)
            except SpecError as error:
                raise SpecError(
                    f"training row '{sample.id}': {error.message}",
                    where=f"{self._where}.train: {self.spec.train}",
                    mend=error.mend or "map other names with `few_shot.fields`",
                ) from error
            self._rows.add(sample.id, questions)
            yield shot

    def _choose(self, shots: Iterator[Shot]) -> list[Shot]:
        """What the program keeps of the training rows, which are read to their end."""
        if self.spec.select == "fixed":
            kept = [shot for place, shot in enumerate(shots) if place < self.spec.k]
        elif self.spec.select == "random":
            kept = heapq.nsmallest(self.spec.k, shots, key=lambda shot: draw(self.spec.seed, shot))
        else:
            kept = list(shots)
        return kept

    def _build_index(self, base: Path, encoder: Encoder | None) -> Index | None:
        queries = [shot.query for shot in self._shots]
        if self.spec.select == "bm25":
            return Bm25Index(queries, needed_for="few_shot `select: bm25`")
        if self.spec.select == "embedding":
            folder = base / (self.spec.encoder or "")
            opened = encoder or LocalEncoder(folder, where=f"{self._where}.encoder")
            return EmbeddingIndex(queries, opened)
        return None

    def _too_few(self) -> DataError:
        have = len(self._shots)
        return DataError(
            f"`k: {self.spec.k}` asks for more examples than the training file has rows: {have}",
            where=f"{self._where}.train: {self.spec.train}",
            mend=f"`k: {have}` or less, or a longer file",
        )


def _check(spec: FewShotSpec, where: str, *, given: Encoder | None) -> None:
    """Refuse settings that contradict each other."""
    if spec.k < 1:
        raise SpecError(
            f"`k` must be at least 1, got {spec.k}",
            where=f"{where}.k",
            mend="leave `few_shot` out to show no examples",
        )
    if spec.select == "embedding" and spec.encoder is None and given is None:
        raise SpecError(
            "`select: embedding` needs an `encoder`",
            where=where,
            mend="`encoder: PATH`, a local folder that transformers can open",
        )
    if spec.select != "embedding" and spec.encoder is not None:
        raise SpecError(
            f"`encoder` has no use with `select: {spec.select}`",
            where=f"{where}.encoder",
            mend="write `select: embedding`, or take `encoder` out",
        )


def make_shot(sample: Sample, plain: TemplateProgram) -> Shot:
    """A training row as a worked example: its question as it would be asked, its first target.

    A conversation keeps its turns as the history policy shows them.
    Raises SpecError for a row without a text to answer with, or that the template cannot take.
    """
    canonical = sample.code.canonical if sample.code else None
    answer = sample.targets[0] if sample.targets else canonical
    if answer is None:
        raise SpecError(
            "no target to show as the answer",
            mend="name its field: `few_shot: {fields: {target: ...}}`",
        )
    if sample.messages:
        said = [turn for turn in sample.messages if turn.role not in ("system", "developer")]
        turns = follow_history(said, plain.spec.history, ())
    else:
        turns = (Message(role="user", content=plain.user_text(sample)),)
    return Shot(
        id=sample.id,
        query=query_of(sample, plain),
        system=system_text(sample.messages),
        turns=(*turns, Message(role="assistant", content=answer)),
    )


def draw(seed: int, shot: Shot) -> bytes:
    """A row's place in the draw of a seed: the k least are drawn, in this order."""
    name = f"{seed}\0{shot.id}\0{shot.content()}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(name, digest_size=16).digest()


def with_shots(messages: Sequence[Message], shots: Iterable[Shot]) -> tuple[Message, ...]:
    """A conversation with worked examples between its system message and its first turn.

    An example whose row has a system text of its own, other than the conversation's, shows it at
    the head of its first user turn: a model takes one system message.
    """
    system = system_text(messages)
    start = opening(messages)
    examples = [turn for shot in shots for turn in _turns(shot, system)]
    return (*messages[:start], *examples, *messages[start:])


def _turns(shot: Shot, system: str | None) -> tuple[Message, ...]:
    if shot.system is None or shot.system == system:
        return shot.turns
    first, *rest = shot.turns
    if first.role != "user":
        return (Message(role="user", content=shot.system), *shot.turns)
    return (Message(role="user", content=f"{shot.system}\n\n{first.content or ''}"), *rest)
