"""Answers from a recording: what a model said earlier, or elsewhere.

Reads: a file of recorded outputs, through data.recordings.  Gives: ReplayClient (a BatchClient).
Depends on: contracts, records, data.recordings, settings.
A gap is Failed(missing) and an answer to another input is Failed(mismatch): neither is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evalharness.clients.calls import NOT_BILLED, permanent
from evalharness.clients.settings import ClientSettings, refuse_unknown_options
from evalharness.contracts import Capabilities, Identity, Limits
from evalharness.errors import SpecError
from evalharness.records import Completion, Failed, Outcome, Request

if TYPE_CHECKING:
    from evalharness.data.recordings import Recording

BATCH_SIZE: Final = 1024


def open_replay(model: str, settings: ClientSettings) -> ReplayClient:
    """The client for `replay/FILE`.

    options: `fields` maps our names to the file's (`{"output": "solution"}`); `ids` lists the
    data's ids in order, which aligns a recording of plain lines.
    Raises DataError where the file is absent or wrong, SpecError for a wrong option.
    """
    from evalharness.data.recordings import open_recording

    refuse_unknown_options(settings.options, ("fields", "ids"), provider="replay")
    fields = settings.options.get("fields", {})
    if not isinstance(fields, dict) or not all(
        isinstance(ours, str) and isinstance(theirs, str) for ours, theirs in fields.items()
    ):
        raise SpecError(f"replay option 'fields' must map names to names, got {fields!r}")
    recording = open_recording(Path(model), fields=fields, ids=settings.options.get("ids"))
    return ReplayClient(recording, name=Path(model).name)


class ReplayClient:
    """A recording that answers like a model. It reads no prompt: samples are found by id.

    recording: for whoever wants to know which of its ids the data lacks.
    """

    def __init__(self, recording: Recording, *, name: str) -> None:
        self.recording = recording
        self.identity = Identity(
            provider="replay", model=name, details={"sha256": recording.sha256}
        )
        self.capabilities = Capabilities(prompts=False, deterministic=True)
        self.limits = Limits(max_connections=1, batch_size=BATCH_SIZE)

    async def complete(self, request: Request) -> Completion:
        """The recorded answer; raises Permanent where there is none for this sample."""
        outcome = self._outcome(request)
        if isinstance(outcome, Failed):
            raise permanent(outcome.kind, outcome.detail, NOT_BILLED)
        return outcome.completion

    async def complete_batch(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """One recorded outcome a request, in order."""
        return [self._outcome(request) for request in requests]

    async def close(self) -> None:
        """Close the file; may be called twice."""
        self.recording.close()

    def _outcome(self, request: Request) -> Outcome:
        if request.kind == "score":
            return Failed(kind="unsupported", detail="a recording cannot score a continuation")
        recorded = self.recording.input_sha256(request.sample_id, request.repeat)
        if recorded is not None and request.input_sha256 and recorded != request.input_sha256:
            return Failed(
                kind="mismatch",
                detail=f"recorded for input {recorded[:12]}, not {request.input_sha256[:12]}",
            )
        outcome = self.recording.lookup(request.sample_id, request.repeat)
        if outcome is None:
            return Failed(kind="missing", detail="the recording has no answer for this sample")
        return outcome
