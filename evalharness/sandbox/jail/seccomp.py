"""Filters on system calls: one for everything in the jail, a small second one for each program.

Reads: the tables of `syscalls`.  Gives: BPF programs as bytes, for `linux.install_filter`.
Depends on: syscalls.  Knows nothing of processes.
Sources: linux/filter.h, linux/seccomp.h; kernel/seccomp.c for the cache of calls that a filter
always allows, which is why the long list stands in the filter that is installed once.

The zygote filters itself with `base_filter`, which every program inherits; what the zygote must
still do (mounts, namespaces) is taken away by `program_filter` after the fork.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Final

from .syscalls import AUDIT_ARCH, FIRST_MODERN, program_calls, zygote_calls

_LOAD: Final = 0x20  # A = the 32-bit word at offset k of struct seccomp_data
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER: Final = 0x25
_JUMP_GREATER_EQUAL: Final = 0x35
_JUMP_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_UNKNOWN: Final = 0x00050000 | errno.ENOSYS
_KILL: Final = 0x80000000

_NUMBER_AT: Final = 0
_ARCH_AT: Final = 4
_X32: Final = 0x40000000

_CLONE_THREAD: Final = 0x00010000
_NEW_NAMESPACES: Final = 0x7E020080
_AF_UNIX: Final = 1
_NEGATIVE: Final = 0x80000000

# fcntl commands that aim a signal at some process: F_SETOWN, F_SETSIG, F_SETOWN_EX.
_SIGNAL_COMMANDS: Final = (8, 10, 15)
# ioctl requests that type into a terminal: TIOCSTI, TIOCLINUX.
_TERMINAL_REQUESTS: Final = (0x5412, 0x541C)
_PDEATHSIG: Final = 1
_PR_SET_SECCOMP: Final = 22
_PERSONALITY_QUERY: Final = 0xFFFFFFFF

# Without namespaces: calls that reach other processes, or files outside whatever Landlock rules
# (it rules no modes, owners or times), or that open a socket of any kind.
_REACH_OTHERS: Final = [
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_open",
    "pidfd_send_signal",
    "setpriority",
    "sched_setaffinity",
    "sched_setparam",
    "sched_setscheduler",
]
_BEYOND_LANDLOCK: Final = [
    "socket",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "utime",
    "utimes",
    "utimensat",
    "futimesat",
    "mknod",
    "mknodat",
    "fork",
    "vfork",
]


def _op(code: int, k: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, k)


def _argument(index: int) -> bytes:
    """Load the low word of an argument; all that is checked here fits in 32 bits."""
    return _op(_LOAD, 16 + 8 * index)


def _answer(action: int) -> bytes:
    return _op(_RETURN, action)


def _when(number: int, block: bytes) -> bytes:
    """Run `block`, which must return, if the call is `number`."""
    return _op(_JUMP_EQUAL, number, 0, len(block) // 8) + block


def _refuse_values(index: int, values: tuple[int, ...]) -> bytes:
    """Refuse if an argument is one of `values`, else allow."""
    tests = b"".join(_op(_JUMP_EQUAL, value, 0, 1) + _answer(_REFUSE) for value in values)
    return _argument(index) + tests + _answer(_ALLOW)


def _only_value(index: int, value: int) -> bytes:
    """Allow if an argument is `value`, else refuse."""
    return _argument(index) + _op(_JUMP_EQUAL, value, 0, 1) + _answer(_ALLOW) + _answer(_REFUSE)


def base_filter(machine: str | None = None) -> bytes:
    """The filter of everything in the jail: the calls of `syscalls`, some by their arguments.

    machine: as os.uname() names it; KeyError for one whose call numbers are not known here.
    """
    machine = machine or os.uname().machine
    calls = {**program_calls(machine), **zygote_calls(machine)}
    checked = {
        "clone": _argument(0)
        + _op(_JUMP_ANY_BIT, _NEW_NAMESPACES, 0, 1)
        + _answer(_REFUSE)
        + _answer(_ALLOW),
        "socket": _only_value(0, _AF_UNIX),
        "fcntl": _refuse_values(1, _SIGNAL_COMMANDS),
        "ioctl": _refuse_values(1, _TERMINAL_REQUESTS),
        "personality": _only_value(0, _PERSONALITY_QUERY),
    }
    program = _op(_LOAD, _ARCH_AT) + _op(_JUMP_EQUAL, AUDIT_ARCH[machine], 1, 0) + _answer(_KILL)
    program += _op(_LOAD, _NUMBER_AT)
    program += _op(_JUMP_GREATER_EQUAL, _X32, 0, 1) + _answer(_KILL)
    for name, block in checked.items():
        program += _when(calls.pop(name), block)
    for number in sorted(calls.values()):
        program += _when(number, _answer(_ALLOW))
    program += _op(_JUMP_GREATER_EQUAL, FIRST_MODERN, 0, 1) + _answer(_UNKNOWN)
    return program + _answer(_REFUSE)


def _refuse_all(names: list[str], calls: dict[str, int]) -> bytes:
    return b"".join(_when(calls[name], _answer(_REFUSE)) for name in names if name in calls)


def program_filter(machine: str | None = None) -> bytes:
    """What a program in its own namespaces may not do although its zygote may."""
    machine = machine or os.uname().machine
    calls = program_calls(machine)
    return (
        _op(_LOAD, _NUMBER_AT)
        + _refuse_all(list(zygote_calls(machine)), zygote_calls(machine))
        + _when(calls["prctl"], _refuse_values(0, (_PDEATHSIG, _PR_SET_SECCOMP)))
        + _answer(_ALLOW)
    )


def _signal_block(own_pid: int) -> bytes:
    """Allow a signal to oneself, to what one started (younger pids), and to one's own group.

    A group is named by a negative number; -1, everyone, is refused.
    """
    own_group = (-own_pid) & 0xFFFFFFFF
    return (
        _argument(0)
        + _op(_JUMP_EQUAL, 0, 0, 1)
        + _answer(_ALLOW)
        + _op(_JUMP_GREATER_EQUAL, _NEGATIVE, 2, 0)
        + _op(_JUMP_GREATER_EQUAL, own_pid, 3, 0)
        + _answer(_REFUSE)
        + _op(_JUMP_GREATER, own_group, 0, 1)
        + _answer(_REFUSE)
        + _answer(_ALLOW)
    )


def shared_process_filter(own_pid: int, machine: str | None = None) -> bytes:
    """For a program that sees its keeper's processes (no pid namespace of its own).

    own_pid: the program's; it may signal itself and what it starts, and nothing else.
    """
    machine = machine or os.uname().machine
    calls = program_calls(machine)
    signals = _signal_block(own_pid)
    return (
        _op(_LOAD, _NUMBER_AT)
        + _refuse_all(list(zygote_calls(machine)), zygote_calls(machine))
        + _refuse_all(_REACH_OTHERS, calls)
        + b"".join(_when(calls[name], signals) for name in ("kill", "tkill", "tgkill"))
        + _when(calls["prlimit64"], _only_value(0, 0))
        + _when(calls["prctl"], _refuse_values(0, (_PDEATHSIG, _PR_SET_SECCOMP)))
        + _answer(_ALLOW)
    )


def landlock_filter(own_pid: int, machine: str | None = None) -> bytes:
    """For a program under Landlock alone: no processes but threads, no sockets, no modes.

    Without namespaces nothing could find an orphan again, so none may be made.
    """
    machine = machine or os.uname().machine
    calls = program_calls(machine)
    threads_only = (
        _argument(0) + _op(_JUMP_ANY_BIT, _CLONE_THREAD, 0, 1) + _answer(_ALLOW) + _answer(_REFUSE)
    )
    return (
        _op(_LOAD, _NUMBER_AT)
        + _when(calls["clone"], threads_only)
        + _refuse_all(_BEYOND_LANDLOCK, calls)
        + shared_process_filter(own_pid, machine)
    )
