"""The prompt program with worked examples, with retrieved passages, or with both.

Reads: nothing itself.  Gives: `RetrievalProgram`.
Depends on: prompts.template, .few_shot, .rag, imported where the specification asks for them.

    system message            the row's own, else the suite's
    worked examples           user and assistant in turn, without passages
    earlier turns             of a conversation, by the history policy
    the question              set in `rag.template` together with its passages
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.prompts.template import TemplateProgram
from evalharness.records import Message, Sample
from evalharness.spec.read import digest_parts
from evalharness.spec.suite import PromptSpec

if TYPE_CHECKING:
    from evalharness.prompts.embedding import Encoder
    from evalharness.prompts.few_shot import FewShot
    from evalharness.prompts.rag import Retrieval


class RetrievalProgram:
    """A plain program, with `few_shot` and `rag` around it; a `contracts.PromptProgram`.

    base: the folder that relative paths start from.  where: the suite or baseline file, for errors.
    heldout: the samples that will be asked, which no worked example may repeat.
    encoder: for `select: embedding`, instead of opening the folder that the specification names.
    signature: what was done in words, for manifests and reports.
    sha256: of templates, examples, passages, their order and every option: part of request keys.
    Files are read and indexes built here, once; `render` reads nothing.
    Raises SpecError, DataError and MissingExtra, see `FewShot` and `Retrieval`.
    """

    def __init__(
        self,
        spec: PromptSpec,
        plain: TemplateProgram,
        *,
        base: Path,
        where: str,
        heldout: Iterable[Sample] = (),
        encoder: Encoder | None = None,
    ) -> None:
        self.spec = spec
        self._plain = plain
        self._few_shot: FewShot | None = None
        self._rag: Retrieval | None = None
        if spec.few_shot is not None:
            from evalharness.prompts.few_shot import FewShot

            self._few_shot = FewShot(
                spec.few_shot, plain, base=base, where=where, heldout=heldout, encoder=encoder
            )
        if spec.rag is not None:
            from evalharness.prompts.rag import Retrieval

            self._rag = Retrieval(spec.rag, plain, base=base, where=where)
        parts = [part for part in (self._few_shot, self._rag) if part is not None]
        self.signature = " + ".join(part.signature for part in parts)
        self.sha256 = digest_parts(plain.sha256, *(part.sha256 for part in parts))

    def render(self, sample: Sample, answers: Sequence[str] = ()) -> tuple[Message, ...]:
        """The messages to send, see `contracts.PromptProgram`.

        Raises DataError if the sample is among the training rows.
        """
        messages = self._plain.render(sample, answers)
        if self._rag is not None:
            messages = self._rag.with_passages(messages, sample)
        if self._few_shot is not None:
            from evalharness.prompts.few_shot import with_shots

            messages = with_shots(messages, self._few_shot.shots_for(sample))
        return messages
