"""The Linux calls that Python has no names for: namespaces, mounts, capabilities, Landlock.

Reads: nothing.  Gives: thin, checked wrappers that raise OSError naming the call.
Depends on: the standard library; runs inside the jail, where nothing else can be imported.
Sources: the manual pages of the calls; linux/capability.h, linux/landlock.h, linux/mount.h.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import struct
from collections.abc import Callable
from typing import Final, TypeAlias

SIGKILL: Final = 9
"""The module `signal` would make enumerations that every fork pays for."""

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REMOUNT: Final = 32
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MNT_DETACH: Final = 2

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_KEEPCAPS: Final = 8
PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
SECCOMP_MODE_FILTER: Final = 2

CAP_DAC_READ_SEARCH: Final = 2
_CAPABILITY_VERSION_3: Final = 0x20080522

# Numbers of calls that the C library of a supported system may not wrap; the same everywhere.
_MOUNT_SETATTR: Final = 442
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_ADD_RULE: Final = 445
_LANDLOCK_RESTRICT_SELF: Final = 446
_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41}
_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_AT_RECURSIVE: Final = 0x8000
_AT_FDCWD: Final = -100
_MOUNT_ATTR_RDONLY: Final = 1
_MOUNT_ATTR_NOSUID: Final = 2

_LIBC = ctypes.CDLL(None, use_errno=True)
_syscall = _LIBC.syscall
_syscall.restype = ctypes.c_long
_prctl, _setrlimit, _unshare, _setns = _LIBC.prctl, _LIBC.setrlimit, _LIBC.unshare, _LIBC.setns

Call: TypeAlias = "tuple[Callable[..., int], tuple[object, ...]]"
"""A C function and its arguments, made before a fork: programs make such calls right after theirs,
where every page of memory that is touched first must be copied."""
_MACHINE: Final = os.uname().machine


def _check(result: int, call: str) -> int:
    """`result`, or the OSError that errno names, with the call in front of the message."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


_high = itertools.count(64)


def move_high(fd: int) -> int:
    """The same descriptor under a number past those that programs use, closed in whatever is
    executed; the low ones stay free, so that a program's socket always arrives at the same.
    """
    moved = os.dup2(fd, next(_high), inheritable=False)
    os.close(fd)
    return moved


def trim_heap() -> None:
    """Give free heap memory back, so that no fork copies its tables; where the C library can."""
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for fresh ones. Raises OSError."""
    _check(_unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Join the namespace that `fd` stands for, which must be of `kind`. Raises OSError."""
    _check(_setns(fd, kind), "setns")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount, bind or remount; as mount(2). Raises OSError naming the target."""
    text = [None if part is None else os.fsencode(part) for part in (source, target, kind)]
    made = _LIBC.mount(*text, ctypes.c_ulong(flags), os.fsencode(data) if data else None)
    _check(made, f"mount {target}")


def unmount(target: str) -> None:
    """Take a mount away at once, even while something looks into it. Raises OSError."""
    _check(_LIBC.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def make_read_only(target: str) -> None:
    """Make a mount and every mount under it read-only and without set-uid programs.

    Kernels before 5.12 lack the recursive call: there the top mount alone is remounted, keeping
    the flags it has, since a user namespace may not take inherited ones away.
    """
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID, 0, 0, 0)
    done = _syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_AT_RECURSIVE),
        ctypes.c_char_p(attributes),
        ctypes.c_size_t(len(attributes)),
    )
    if done == 0:
        return
    held = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | held)


def pivot_root(new_root: str) -> None:
    """Make `new_root` (a mount) the root and let the old one go. Raises OSError."""
    os.chdir(new_root)
    here = ctypes.c_char_p(b".")
    _check(_syscall(ctypes.c_long(_PIVOT_ROOT[_MACHINE]), here, here), "pivot_root")
    unmount(".")
    os.chdir("/")


def make(calls: list[Call]) -> None:
    """Make prepared calls, in order. Raises OSError at the first that fails."""
    for function, arguments in calls:
        if function(*arguments) < 0:
            _check(-1, "a call that locks a program in")


def set_capabilities(keep: int = 0) -> Call:
    """Keep only the capabilities in the bit mask `keep`, permitted and effective."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low, high = keep & 0xFFFFFFFF, keep >> 32
    data = struct.pack("=6I", low, low, 0, high, high, 0)
    number = ctypes.c_long(_CAPSET[_MACHINE])
    return _syscall, (number, ctypes.c_char_p(header), ctypes.c_char_p(data))


def prctl(option: int, argument: int) -> None:
    """Set one property of this process. Raises OSError."""
    zero = ctypes.c_ulong(0)
    _check(_prctl(option, ctypes.c_ulong(argument), zero, zero, zero), f"prctl option {option}")


RLIMIT_CPU: Final = 0
RLIMIT_FSIZE: Final = 1
RLIMIT_CORE: Final = 4
RLIMIT_NPROC: Final = 6
RLIMIT_NOFILE: Final = 7
RLIMIT_AS: Final = 9
"""The same on both supported machines; the module `resource` is a library of its own."""


def set_limits(limits: dict[int, int]) -> list[Call]:
    """Set the soft and the hard limit of each resource."""
    return [
        (_setrlimit, (resource, ctypes.byref((ctypes.c_ulong * 2)(value, value))))
        for resource, value in limits.items()
    ]


class _Program(ctypes.Structure):
    """struct sock_fprog: a BPF program of `length` instructions of 8 bytes."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install_filter(instructions: bytes) -> Call:
    """Filter every system call of the calling process from then on. Needs no_new_privs."""
    program = _Program(len(instructions) // 8, instructions)
    zero = ctypes.c_ulong(0)
    mode = ctypes.c_ulong(SECCOMP_MODE_FILTER)
    return _prctl, (PR_SET_SECCOMP, mode, ctypes.byref(program), zero, zero)


# --- Landlock --------------------------------------------------------------------------------

LANDLOCK_READ: Final = (1 << 0) | (1 << 2) | (1 << 3)
"""Execute, read a file, list a folder."""

# Rights known at each ABI: 1 has the first 13, 2 adds refer, 3 truncate, 5 ioctl on devices.
_FS_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_RIGHTS: Final = 3  # bind and connect, from ABI 4
_SCOPES: Final = 3  # abstract unix sockets and signals, from ABI 6
_RULE_PATH_BENEATH: Final = 1


def landlock_abi() -> int:
    """The kernel's Landlock ABI version. Raises OSError where there is none."""
    version = _syscall(
        ctypes.c_long(_LANDLOCK_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(1)
    )
    return _check(version, "landlock_create_ruleset")


def landlock_rights(abi: int) -> int:
    """Every file right that this ABI can rule."""
    return _FS_RIGHTS[max(known for known in _FS_RIGHTS if known <= abi)]


class Landlock:
    """A rule set under construction: everything is refused unless a rule allows it."""

    def __init__(self) -> None:
        self.abi = landlock_abi()
        attributes = struct.pack(
            "=QQQ",
            landlock_rights(self.abi),
            _TCP_RIGHTS if self.abi >= 4 else 0,
            _SCOPES if self.abi >= 6 else 0,
        )
        size = 8 if self.abi < 4 else 16 if self.abi < 6 else 24
        made = _syscall(
            ctypes.c_long(_LANDLOCK_CREATE_RULESET),
            ctypes.c_char_p(attributes),
            ctypes.c_size_t(size),
            ctypes.c_uint(0),
        )
        self.fd = _check(made, "landlock_create_ruleset")

    def allow(self, path: str, rights: int) -> None:
        """Allow `rights` at and beneath `path`; a path that does not exist is left out."""
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            beneath = struct.pack("=Qi", rights, fd)
            added = _syscall(
                ctypes.c_long(_LANDLOCK_ADD_RULE),
                ctypes.c_int(self.fd),
                ctypes.c_int(_RULE_PATH_BENEATH),
                ctypes.c_char_p(beneath),
                ctypes.c_uint(0),
            )
            _check(added, f"landlock rule for {path}")
        finally:
            os.close(fd)

    def enforce(self) -> None:
        """Bind this process and all it starts. Needs no_new_privs. Raises OSError."""
        done = _syscall(
            ctypes.c_long(_LANDLOCK_RESTRICT_SELF), ctypes.c_int(self.fd), ctypes.c_uint(0)
        )
        _check(done, "landlock_restrict_self")
        os.close(self.fd)
