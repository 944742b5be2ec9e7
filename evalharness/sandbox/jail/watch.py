"""What the processes of one program use, seen from outside: memory, CPU, time spent waiting.

Reads: the host's /proc, through a descriptor that was opened before the walls went up.
Gives: Watch.  Depends on: the standard library.  Knows nothing of limits.
Source: proc(5); Documentation/scheduler/sched-stats.rst for schedstat.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_REHEARSALS: Final = 24
_TICK_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """Sums over a program's living processes.

    starved_s: time in which the program could not go on for no fault of its own: it was ready and
    no core was free, or it waited for the checker, which was at work or in line for a core itself.
    """

    memory_bytes: int
    cpu_s: float
    starved_s: float


class Watch:
    """Finds the descendants of this process and adds up what they use.

    proc_fd: an open folder of a proc file system that shows this process; one without the list of
    children (CONFIG_PROC_CHILDREN) makes the constructor raise OSError.
    """

    def __init__(self, proc_fd: int) -> None:
        self._proc_fd = proc_fd
        self.own_pid = int(os.readlink("self", dir_fd=proc_fd))
        self._own_bytes = self._resident(self.own_pid)
        self._ignored: set[int] = set(self._children(self.own_pid))
        self._checker_before_s = 0.0

    def ignore_present(self) -> None:
        """Leave the children that exist now (the checker) out of every later sum."""
        self._ignored = set(self._children(self.own_pid))
        self._own_bytes = self._resident(self.own_pid)

    def start(self) -> None:
        """A program is being watched from now on."""
        self._checker_before_s = self._checker_s()

    def _checker_s(self) -> float:
        """How long the checker has been at work or in line for a core, since it was made."""
        total = 0.0
        for pid in self._ignored:
            try:
                total += sum(map(int, self._read(f"{pid}/schedstat").split()[:2])) / 1e9
            except (OSError, ValueError):
                continue
        return total

    def _read(self, name: str) -> bytes:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc_fd)
        try:
            return os.read(fd, 4096)
        finally:
            os.close(fd)

    def _children(self, pid: int) -> list[int]:
        return [int(child) for child in self._read(f"{pid}/task/{pid}/children").split()]

    def _descendants(self) -> list[int]:
        """Every living process below this one, the ignored ones left out."""
        found: list[int] = []
        wave = [pid for pid in self._children(self.own_pid) if pid not in self._ignored]
        while wave:
            found += wave
            wave = [child for pid in wave for child in self._children_of_threads(pid)]
        return found

    def _children_of_threads(self, pid: int) -> list[int]:
        """Children of all threads of a process: each is listed under the thread that forked it."""
        found: list[int] = []
        try:
            fd = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._proc_fd)
        except OSError:
            return found
        try:
            threads = os.listdir(fd)
        finally:
            os.close(fd)
        for thread in threads:
            try:
                found += map(int, self._read(f"{pid}/task/{thread}/children").split())
            except OSError:
                continue
        return found

    def _resident(self, pid: int) -> int:
        return int(self._read(f"{pid}/statm").split()[1]) * _PAGE

    def usage(self) -> Usage:
        """Sums over the program's processes now; a process that ends meanwhile counts as nothing.

        Memory leaves out what each process still shares with this one, the image it was forked
        from; memory that children share with one another is counted once for each.
        """
        return self._sum(self._descendants())

    def rehearse(self) -> None:
        """Look at this process often enough that the interpreter has adapted to the looking."""
        for _ in range(_REHEARSALS):
            self.start()
            self._children_of_threads(self.own_pid)
            self._sum([*self._descendants(), self.own_pid])

    def _sum(self, pids: list[int]) -> Usage:
        memory, cpu_s = 0, 0.0
        starved_s = self._checker_s() - self._checker_before_s
        for pid in pids:
            try:
                memory += max(0, self._resident(pid) - self._own_bytes)
                fields = self._read(f"{pid}/stat").rpartition(b")")[2].split()
                cpu_s += sum(map(int, fields[11:15])) * _TICK_S
                starved_s += int(self._read(f"{pid}/schedstat").split()[1]) / 1e9
            except (OSError, IndexError, ValueError):
                continue
        return Usage(memory, cpu_s, starved_s)
