"""The zygote: forks each program into its room, keeps the time, and reports how it ended.

Reads: orders from the checker.  Gives: one report an order, sent when nothing of the program lives.
Depends on: rooms, settings, child.  Knows nothing of tests and never reads a program's text: that
goes from the checker straight to the program, so the zygote's memory is the same at every fork and
a program finds its objects at the same addresses on every run.
"""

from __future__ import annotations

import os
import select
import sys
import time
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, socketpair
from _socket import socket as Socket
from typing import Final, NoReturn

from . import child
from .linux import SIGKILL
from .rooms import Room
from .settings import KILL, ORDER, REPORT, Order, Reason, Report
from .watch import Usage

_WATCH_AFTER_MS: Final = 30
"""A program that ends sooner cannot have touched a worrying amount of memory (~4 GB/s)."""
_WATCH_EVERY_MS: Final = 20
_STARVED_SHARE: Final = 0.05
"""The wall limit stretches only if a program waited at least this share of it for a core."""


def serve(room: Room, control: Socket, ward: Socket, checker_pid: int) -> NoReturn:
    """Answer orders until the host or the checker goes away; then end with all that lives.

    control: to the host; its end of file means that the host is gone.  checker_pid: 0 where the
    checker is started apart.
    """
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(ward, select.POLLIN)
    keeper = Keeper(room, control, ward)
    while True:
        for fd, _ in poll.poll():
            if fd == control.fileno() or not keeper.answer():
                _leave(checker_pid)


_REHEARSALS: Final = 4


def rehearse(room: Room, control: Socket) -> None:
    """Run a few small programs, so that the first that counts is forked from the same memory as the
    thousandth, and a room that cannot run any is found out now.

    Each way is gone that a busy machine or an early verdict may lead to: a program is watched or
    not, ends by itself or is killed, or is gone already when that is asked.
    """
    if room.watch is not None:
        room.watch.rehearse()
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
    keeper = Keeper(room, control, theirs)
    for _ in range(_REHEARSALS):
        for watch_after_ms in (0, _REHEARSED.wall_ms):
            keeper.watch_after_ms = watch_after_ms
            for is_killed in (True, False):
                _rehearse_one(keeper, ours, is_killed=is_killed)
            ours.send(KILL)
            keeper.answer()
    ours.close()
    theirs.close()


_REHEARSED: Final = Order(5000, 5000, 1, 8, 64, 1 << 30, 1 << 20, 1 << 20, 1 << 20)


def _rehearse_one(keeper: Keeper, ward: Socket, *, is_killed: bool) -> None:
    link, its_end = socketpair()
    link.sendall(child.SMALL_PROGRAM)
    passed = its_end.fileno().to_bytes(4, sys.byteorder)
    ward.sendmsg([ORDER.pack(*_REHEARSED)], [(SOL_SOCKET, SCM_RIGHTS, passed)])
    its_end.close()
    if is_killed:
        ward.send(KILL)
    keeper.answer()
    report = Report._make(REPORT.unpack(ward.recv(64)))
    if not is_killed and (report.status != 0 or not link.recv(1)):
        raise OSError(report.status, "a first program could not be run")
    link.close()


def _leave(checker_pid: int) -> NoReturn:
    """End, and only after the checker has: whoever waits for this process waits for both."""
    if checker_pid:
        os.kill(checker_pid, SIGKILL)
        os.waitpid(checker_pid, 0)
    os._exit(0)


class Keeper:
    """Runs one program at a time, from its fork until nothing of it is left.

    The common case is one long function: between a fork and the program's end, each page that the
    zygote itself writes to is copied, and every call touches several.

    watch_after_ms: how long a program goes unwatched.
    """

    def __init__(self, room: Room, control: Socket, ward: Socket) -> None:
        self._room = room
        self.watch_after_ms = _WATCH_AFTER_MS
        self._control = control
        self._ward = ward
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(ward, select.POLLIN)
        self._scale = 1 if sys.platform == "darwin" else 1024

    def answer(self) -> bool:
        """Take one order and answer it; False if the checker is gone."""
        message, ancillary, _, _ = self._ward.recvmsg(64, 64)
        if not message:
            return False
        if message == KILL:  # aimed at a program that is gone already
            return True
        link = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        order = Order._make(ORDER.unpack(message))
        self._room.prepare(order)
        output = _open_output()
        os.dup2(output, 1)  # here rather than in the program, where touched memory is copied
        os.dup2(output, 2)
        started = time.monotonic()
        pid = self._room.fork()
        if pid == 0:
            child.run(self._room, link)
        reason = self._wait(pid, order, started)
        os.close(link)
        self._room.forked()
        _, status, used = os.wait4(pid, 0)
        wall_us = int((time.monotonic() - started) * 1e6)
        cpu_us = int((used.ru_utime + used.ru_stime) * 1e6)
        rss = used.ru_maxrss * self._scale
        printed = os.fstat(output).st_size
        os.close(output)
        self._room.clean()
        self._ward.send(REPORT.pack(reason, status, cpu_us, wall_us, rss, printed))
        return True

    def _wait(self, pid: int, order: Order, started: float) -> int:
        """Wait until the program ended by itself, or end it; why it was ended."""
        ended = _ending(pid)
        if ended is None:
            reason = self._watch(pid, order, started, None)
        else:
            self._poll.register(ended, select.POLLIN)
            events = self._poll.poll(min(self.watch_after_ms, order.wall_ms))
            if len(events) == 1 and events[0][0] == ended:
                reason = Reason.NONE
            else:
                reason = self._watch(pid, order, started, ended)
            self._poll.unregister(ended)
            os.close(ended)
        if reason is not Reason.NONE:
            self._room.end(pid)
        return reason

    def _watch(self, pid: int, order: Order, started: float, ended: int | None) -> Reason:
        """Look at a program that takes its time, every now and then, until it ends or must."""
        deadline = started + order.wall_ms / 1000
        if self._room.watch is not None:
            self._room.watch.start()
        wait_ms = 0
        while True:
            for fd, _ in self._poll.poll(wait_ms):
                if fd == ended:
                    return self._last_look(order, started)
                return self._interrupted(pid, fd, order, started)
            if ended is None and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return Reason.NONE
            used = self._room.watch.usage() if self._room.watch else None
            exceeded = self._exceeded(order, used, pid)
            if exceeded is not Reason.NONE:
                return exceeded
            now = time.monotonic()
            if now >= deadline:
                deadline = _stretched(order, started, used)
                if now >= deadline:
                    return Reason.WALL
            left_ms = int((deadline - now) * 1000) + 1
            wait_ms = min(_WATCH_EVERY_MS if ended is not None else 5, left_ms)

    def _last_look(self, order: Order, started: float) -> Reason:
        """A program that ended by itself may have filled the disk where no mount limits it."""
        watched = time.monotonic() - started > self.watch_after_ms / 1000
        if watched and self._room.disk_exceeded(order):
            return Reason.DISK
        return Reason.NONE

    def _interrupted(self, pid: int, fd: int, order: Order, started: float) -> Reason:
        """The host is gone, or the checker has its verdict; look once more at what was used."""
        if fd == self._control.fileno() or self._ward.recv(64) != KILL:
            self._room.end(pid)
            os.waitpid(pid, 0)
            self._room.clean()
            os._exit(0)
        if time.monotonic() - started < self.watch_after_ms / 1000:
            return Reason.ASKED
        used = self._room.watch.usage() if self._room.watch else None
        exceeded = self._exceeded(order, used, pid)
        return exceeded if exceeded is not Reason.NONE else Reason.ASKED

    def _exceeded(self, order: Order, used: Usage | None, pid: int) -> Reason:
        if used is not None and used.memory_bytes > order.memory_bytes:
            return Reason.MEMORY
        cpu_s = used.cpu_s if used is not None else _cpu_of(pid)
        if cpu_s * 1000 > order.cpu_ms:
            return Reason.CPU
        return Reason.DISK if self._room.disk_exceeded(order) else Reason.NONE


def _stretched(order: Order, started: float, used: Usage | None) -> float:
    """The deadline, moved by the time that the program stood in line for a core."""
    limit_s = order.wall_ms / 1000
    starved_s = used.starved_s if used else 0.0
    if order.patience <= 1 or starved_s < _STARVED_SHARE * limit_s:
        return started + limit_s
    return started + min(limit_s + starved_s, order.patience * limit_s)


def _cpu_of(pid: int) -> float:
    """CPU seconds of one process by the scheduler's clock; 0 where that cannot be read."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # the clock of a process, see clock_getres(2)
    except (OSError, OverflowError):
        return 0.0


def _open_output() -> int:
    """A file in memory for what the program prints: nothing to drain, gone when closed."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("output", os.MFD_CLOEXEC)
    import tempfile

    fd, name = tempfile.mkstemp()
    os.unlink(name)
    return fd


def _ending(pid: int) -> int | None:
    """A descriptor that becomes readable when the program ends; None where there is none."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    return None
