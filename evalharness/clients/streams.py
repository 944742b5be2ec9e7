"""From a stream's chunks to one Answer; a stream without an end is a failure.

Reads: the data of server-sent events.  Gives: Answer, and when the first token came.
Depends on: answers, calls, sse, records.  Knows nothing of sockets or clocks.
The end mark is `[DONE]` or a chunk with a finish_reason; without either the text is cut off, and
no part of it is an answer.
"""

from __future__ import annotations

from typing import Any

import orjson

from evalharness.clients.answers import Answer, Parts, is_count, make_answer, read_usage
from evalharness.clients.calls import CallFacts, transient
from evalharness.clients.logprobs import is_logprob, read_logprobs
from evalharness.clients.refusals import error_in_answer
from evalharness.clients.sse import EventSplitter
from evalharness.records import JsonObject, TokenLogprob, ToolCall, Usage

DONE = b"[DONE]"


class StreamReader:
    """Put a stream together: `feed` bytes until `done`, then ask for the `answer`.

    spoke: whether any part of an answer has come.  done: whether the end mark has come.
    """

    def __init__(self, status: int) -> None:
        self.spoke = False
        self.done = False
        self._status = status
        self._splitter = EventSplitter()
        self._envelope: JsonObject = {}
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._logprobs: list[TokenLogprob] = []
        self._usage: Usage | None = None
        self._finish: Any = None  # Any: servers have sent text, null and numbers
        self._answered = False

    @property
    def facts(self) -> CallFacts:
        """What is known so far, for an error."""
        return CallFacts(status=self._status, usage=self._usage)

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; raises the error that an event holds."""
        for event, data in self._splitter.feed(piece):
            self._take(event, data)

    def answer(self) -> Answer:
        """The whole answer; raises Transient(truncated_stream) where the end mark is lacking."""
        if not self.done:
            for event, data in self._splitter.finish():
                self._take(event, data)
        if not self.done and self._finish is None:
            said = len("".join(self._texts))
            raise transient(
                "truncated_stream", f"the stream ended after {said} characters", self.facts
            )
        if not self._answered:
            raise transient("empty", "the stream held no choices", self.facts)
        calls = tuple(
            ToolCall(name=call["name"], arguments=call["arguments"], id=call["id"])
            for _, call in sorted(self._calls.items())
        )
        return make_answer(
            Parts(
                content="".join(self._texts) if self._texts else None,
                reasoning="".join(self._reasoning) or None,
                refusal="".join(self._refusal) or None,
                tool_calls=calls,
                finish_reason=self._finish,
            ),
            self._envelope,
            tuple(self._logprobs) or None,
            self.facts,
        )

    def _take(self, event: bytes, data: bytes) -> None:
        if self.done:
            return
        if data.strip() == DONE:
            self.done = True
            return
        try:
            chunk = orjson.loads(data)
        except ValueError:
            raise transient(
                "malformed", f"a chunk is not JSON: {data[:80]!r}", self.facts
            ) from None
        if not isinstance(chunk, dict):
            raise transient("malformed", "a chunk is not a JSON object", self.facts)
        if chunk.get("error") or event == b"error":
            raise error_in_answer(chunk, self.facts)
        self._note_envelope(chunk)
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
                self._take_choice(choice)

    def _note_envelope(self, chunk: JsonObject) -> None:
        seen = self._envelope.get("id")
        named = chunk.get("id")
        if seen and named and named != seen:
            raise transient("malformed", f"a stream of two answers: {seen}, {named}", self.facts)
        for name in ("id", "model", "system_fingerprint"):
            if chunk.get(name) is not None:
                self._envelope[name] = chunk[name]
        usage = read_usage(chunk)
        if usage is not None:
            self._usage = usage

    def _take_choice(self, choice: JsonObject) -> None:
        self._answered = True
        if choice.get("finish_reason") is not None:
            self._finish = choice["finish_reason"]
        delta = choice.get("delta")
        part = delta if isinstance(delta, dict) else choice
        content = part.get("content") if isinstance(delta, dict) else choice.get("text")
        if isinstance(content, str):
            self._texts.append(content)
        elif content is not None:
            kind = type(content).__name__
            raise transient("malformed", f"content is {kind}, not text", self.facts)
        for name, kept in (
            ("reasoning", self._reasoning),
            ("reasoning_content", self._reasoning),
            ("refusal", self._refusal),
        ):
            if isinstance(part.get(name), str):
                kept.append(part[name])
                break
        self._take_calls(part.get("tool_calls"))
        self._take_logprobs(choice, content)
        self.spoke = self.spoke or bool(content) or bool(self._reasoning) or bool(self._calls)

    def _take_calls(self, deltas: Any) -> None:
        for delta in deltas if isinstance(deltas, list) else ():
            if not isinstance(delta, dict):
                continue
            index = delta["index"] if is_count(delta.get("index")) else len(self._calls)
            call = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
            function = delta.get("function")
            call["id"] = delta.get("id") or call["id"]
            if isinstance(function, dict):
                call["name"] += function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""

    def _take_logprobs(self, choice: JsonObject, content: Any) -> None:
        found = choice.get("logprobs")
        if is_logprob(found) and isinstance(content, str):
            self._logprobs.append(TokenLogprob(token=content, logprob=float(found)))
            return
        self._logprobs.extend(read_logprobs(found) or ())
