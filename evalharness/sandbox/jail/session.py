"""The checker's line to one running program: questions out, answers in, how it ended.

Reads: lines from the program's socket, reports from the zygote.  Gives: Session.
Depends on: settings, codec.  Knows nothing of tests.

Where every question is known beforehand they travel with the program, which answers them all and
exits; the checker then sleeps until the zygote reports the end, so a program costs two switches of
context instead of two for each question.  A program that takes long is looked at in between.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from _socket import MSG_DONTWAIT, SCM_RIGHTS, SOL_SOCKET, socketpair
from _socket import socket as Socket
from collections import deque
from typing import Final

from .codec import MAX_BYTES
from .settings import KILL, ORDER, REPORT, Order, Report

_READY: Final = b"+"
_PAUSES_MS: Final = (10, 20, 40)
"""How long to sleep before looking for answers of a program that is still at work."""
_FIRST_BYTES: Final = 100_000
"""Less than a socket holds: such a program is sent before the one that reads it is forked."""
_FLOOD_BYTES: Final = 8 * MAX_BYTES
"""What a program may have sent that nobody has asked for yet; more is held back from its memory."""


class Ended(BaseException):
    """The program is gone and has not answered. Not an Exception: tests must not swallow it."""


class Flooded(BaseException):
    """The program wrote more than any answer may hold."""


class Session:
    """One program, from its order to its report.

    batch: all questions are in `payload`, and the program exits by itself.
    """

    def __init__(self, ward: Socket, order: Order, payload: bytes, *, batch: bool) -> None:
        self._ward = ward
        self._batch = batch
        self._pauses = 0
        self._lines: deque[bytes] = deque()
        self._partial: list[bytes] = []
        self._held_bytes = 0
        self._flooded = False
        self._closed = False
        self.report: Report | None = None
        self.started = False
        self._link, theirs = socketpair()
        first = len(payload) < _FIRST_BYTES
        if first:
            self._link.sendall(payload)
        passed = theirs.fileno().to_bytes(4, sys.byteorder)
        ward.sendmsg([ORDER.pack(*order)], [(SOL_SOCKET, SCM_RIGHTS, passed)])
        theirs.close()
        if not first:
            self.send(payload)
        self._poll = select.poll()
        self._poll.register(ward, select.POLLIN)
        if not batch:
            self._poll.register(self._link, select.POLLIN)

    def send(self, message: bytes) -> None:
        """Send one message; a program that is gone is noticed when it does not answer."""
        try:
            self._link.sendall(message)
        except OSError:
            self._drain()
            self._closed = True

    def line(self) -> bytes:
        """The next line of the program. Raises Ended where there will be none."""
        while True:
            while not self._lines:
                self._wait()
            line = self._lines.popleft()
            self._held_bytes -= len(line)
            if self.started:
                return line
            if line != _READY:
                raise Ended
            self.started = True

    def left_over(self) -> int:
        """Lines that the program sent although nobody asked."""
        return len(self._lines) + (1 if any(self._partial) else 0) + int(self._flooded)

    def _wait(self) -> None:
        if self.report is not None or self._closed:
            raise Ended
        pause = None
        if self._batch:
            pause = _PAUSES_MS[min(self._pauses, len(_PAUSES_MS) - 1)]
            self._pauses += 1
        events = self._poll.poll(pause)
        if any(fd == self._ward.fileno() for fd, _ in events):
            self._take_report()
        self._drain()

    def _take_report(self) -> None:
        message = self._ward.recv(64)
        if not message:
            os._exit(0)  # the zygote is gone, and the checker's jail with it
        self.report = Report._make(REPORT.unpack(message))

    def _drain(self) -> None:
        """Take what is there without waiting."""
        while True:
            try:
                part = self._link.recv(1 << 18, MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                part = b""
            if not part:
                self._closed = True
                return
            self._take(part)

    def _take(self, part: bytes) -> None:
        self._held_bytes += len(part)
        if self._held_bytes > _FLOOD_BYTES:
            self._flooded = True
            raise Flooded
        if b"\n" not in part:
            self._partial.append(part)
            return
        *whole, rest = part.split(b"\n")
        whole[0] = b"".join(self._partial) + whole[0]
        self._partial = [rest] if rest else []
        self._lines.extend(whole)

    def finish(self) -> Report:
        """End the program if it still lives; how it ended. Nothing of it is left then."""
        if self.report is None:
            if not self._batch or self._poll.poll(0) == []:
                self._ward.send(KILL)
            self._take_report()
        if not self._closed and not self._flooded:
            with contextlib.suppress(Flooded):
                self._drain()
        self._link.close()
        if self.report is None:  # pragma: no cover: _take_report sets it or ends the process
            raise Ended
        return self.report
