"""Time limits of many calls at once, kept by one timer.

Reads: nothing.  Gives: Deadlines.
Depends on: the standard library.
`asyncio.timeout` sets and cancels a timer for each call; nearly all calls end in time, so here one
timer looks at those that still run, and a call that ends in time costs an entry in a dictionary.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadlines:
    """Hands out limits: `with deadlines.within(1.0): await ...` raises TimeoutError after 1 s."""

    __slots__ = ("_loop", "_running", "_timer")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[Limit] = set()

    def within(self, seconds: float) -> Limit:
        """A limit for the task that enters it, from now on."""
        return Limit(self, seconds)

    def begin(self, limit: Limit) -> None:
        """Watch a limit until it is ended."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._timer, self._running = loop, None, set()
        limit.due = loop.time() + limit.seconds
        self._running.add(limit)
        self._look_at(limit.due)

    def end(self, limit: Limit) -> None:
        """Forget a limit; the timer is left as it is, for the next."""
        self._running.discard(limit)

    def _look_at(self, due: float) -> None:
        if self._timer is None or self._timer.when() > due:
            if self._timer is not None:
                self._timer.cancel()
            if self._loop is not None:
                self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        """Cancel every task whose time is up, and look again when the next one is due."""
        self._timer = None
        if self._loop is None:
            return
        now = self._loop.time()
        for limit in [limit for limit in self._running if limit.due <= now]:
            self._running.discard(limit)
            limit.expire()
        if self._running:
            self._look_at(min(limit.due for limit in self._running))


class Limit:
    """One call's time; a context manager for use once, in a task."""

    __slots__ = ("_cancelling", "_deadlines", "_task", "due", "expired", "seconds")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self.seconds = seconds
        self.due = 0.0
        self.expired = False
        self._deadlines = deadlines
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0

    def expire(self) -> None:
        """End the call: whatever it awaits is cancelled."""
        self.expired = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit is kept within a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._deadlines.end(self)
        if self.expired and self._task is not None:
            # Whoever else cancelled the task meanwhile is heard, as with asyncio.timeout.
            ours = self._task.uncancel() <= self._cancelling
            if ours and kind is asyncio.CancelledError:
                raise TimeoutError from error
