"""Server-sent events from bytes, cut anywhere.

Reads: pieces of a response body.  Gives: (event name, data) pairs as they complete.
Depends on: the standard library.
Source: WHATWG HTML, 9.2.6 "Interpreting an event stream": lines end in CRLF, LF or CR; a blank
line ends an event; a line that starts with a colon is a comment; data lines join by newlines.
"""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"


class EventSplitter:
    """Feed it bytes; it gives every event that is complete.

    Works on bytes, so a character or a line end cut between two packets is no concern.
    """

    __slots__ = ("_buffer", "_data", "_event", "_started")

    def __init__(self) -> None:
        self._buffer = b""
        self._data: list[bytes] = []
        self._event = b""
        self._started = False

    def feed(self, piece: bytes) -> list[tuple[bytes, bytes]]:
        """The events that `piece` completes, in order; the event's name is empty where unnamed."""
        buffer = self._buffer + piece
        if not self._started:
            if len(buffer) < len(BOM) and BOM.startswith(buffer):
                self._buffer = buffer
                return []
            buffer = buffer.removeprefix(BOM)
            self._started = True
        if b"\r" in buffer:
            # A CR at the very end may be half of a CRLF: keep it until the next byte is known.
            held = b"\r" if buffer.endswith(b"\r") else b""
            whole = buffer[: len(buffer) - len(held)]
            buffer = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        lines = buffer.split(b"\n")
        self._buffer = lines.pop()
        events: list[tuple[bytes, bytes]] = []
        for line in lines:
            self._take(line, events)
        return events

    def finish(self) -> list[tuple[bytes, bytes]]:
        """The event that the end of the body leaves complete but for its blank line.

        The standard drops it; servers that forget the last blank line exist, and what is kept here
        must still parse as JSON further up.
        """
        events: list[tuple[bytes, bytes]] = []
        if self._buffer:
            self._take(self._buffer.rstrip(b"\r"), events)
            self._buffer = b""
        self._take(b"", events)
        return events

    def _take(self, line: bytes, events: list[tuple[bytes, bytes]]) -> None:
        if not line:
            if self._data:
                events.append((self._event, b"\n".join(self._data)))
            self._data = []
            self._event = b""
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
