"""Where a jail's process begins: main(), called with the settings as its one argument.

Reads: the settings on the command line.  Gives: a zygote and a checker, or a line that says what
failed.  Depends on: everything beside it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from _socket import AF_UNIX, SOCK_SEQPACKET, socketpair
from _socket import socket as Socket
from typing import Final, NoReturn

from . import child, linux, zygote
from .rooms import Room, open_room
from .settings import Settings, decode_settings

COMMON_MODULES: Final = [
    "abc",
    "collections",
    "enum",
    "functools",
    "itertools",
    "math",
    "operator",
    "re",
    "time",
    "typing",
]
"""What answers import most often: loaded once here instead of in every program.  Each is paid for
at every fork; those with libraries of their own (random, decimal) cost more than they save."""


def main() -> NoReturn:
    """Build the room, then serve; a failure to build is told to the host in one message."""
    settings = decode_settings(sys.argv[1])
    control = _socket(settings.control_fd) if settings.control_fd >= 0 else None
    for name in COMMON_MODULES:
        importlib.import_module(name)
    sys.path.pop(0)  # the folder that this package was found in
    sys.dont_write_bytecode = True
    room = open_room(settings)
    try:
        room.enter()
    except (OSError, KeyError) as error:
        if control is not None:
            _say(control, {"failed": str(error)})
        os._exit(1)
    if control is None:
        _check(room, settings, _socket(settings.ward_fd))
    if settings.role == "zygote":
        _keep(room, control, _socket(settings.ward_fd), 0)
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
    ward = _socket(ours.detach())
    pid = room.fork()
    if pid == 0:
        control.close()
        ward.close()
        _check(room, settings, _socket(theirs.detach()))
    room.forked()
    theirs.close()
    os.close(settings.jobs_fd)
    _keep(room, control, ward, pid)


def _socket(fd: int) -> Socket:
    return Socket(fileno=linux.move_high(fd))


def _say(control: Socket, message: dict[str, object]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def _keep(room: Room, control: Socket, ward: Socket, checker_pid: int) -> NoReturn:
    """Be the zygote: rehearse, say that all is ready, serve."""
    if room.watch is not None:
        room.watch.ignore_present()
    child.rehearse()
    gc.collect()
    gc.freeze()
    linux.trim_heap()
    zygote.rehearse(room, control)
    told: dict[str, object] = {"ready": True, "watched": room.watch is not None}
    if room.host_pid is not None:
        told["pid"] = room.host_pid
    _say(control, told)
    try:
        zygote.serve(room, control, ward, checker_pid)
    except BaseException:
        import traceback

        _say(control, {"failed": traceback.format_exc()})
        os._exit(1)


def _check(room: Room, settings: Settings, ward: Socket) -> NoReturn:
    """Be the checker, whose modules the zygote must not carry."""
    checker = importlib.import_module(".checker", __package__)
    room.lock_checker()
    checker.serve(linux.move_high(settings.jobs_fd), ward.detach(), settings.packages)
    raise AssertionError  # pragma: no cover: serve does not return
