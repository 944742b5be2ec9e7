"""Where a jail's process begins: main(), called with the settings as its one argument.

Reads: the settings on the command line.  Gives: a zygote and a checker, or a line that says what
failed.  Depends on: everything beside it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
from typing import Final, NoReturn

from . import checker, zygote
from .rooms import Room, open_room
from .settings import Settings, decode_settings

COMMON_MODULES: Final = (
    "abc bisect collections copy dataclasses datetime decimal enum fractions functools "
    "heapq itertools json math operator random re statistics string time typing"
).split()
"""What answers import most often: loaded once here instead of in every program."""


def main() -> NoReturn:
    """Build the room, then serve; a failure to build is told to the host in one message."""
    settings = decode_settings(sys.argv[1])
    control = socket.socket(fileno=settings.control_fd) if settings.control_fd >= 0 else None
    for name in COMMON_MODULES:
        importlib.import_module(name)
    sys.path.pop(0)  # the folder that this package was found in
    sys.dont_write_bytecode = True
    room = open_room(settings)
    try:
        room.enter()
    except (OSError, KeyError) as error:
        if control is not None:
            _say(control, {"failed": str(error), "errno": getattr(error, "errno", None)})
        os._exit(1)
    gc.collect()
    gc.freeze()
    if control is None:
        _check(room, settings, socket.socket(fileno=settings.ward_fd))
    if settings.role == "zygote":
        _keep(room, control, socket.socket(fileno=settings.ward_fd), 0)
    ward, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = room.fork()
    if pid == 0:
        control.close()
        ward.close()
        _check(room, settings, theirs)
    theirs.close()
    os.close(settings.jobs_fd)
    _keep(room, control, ward, pid)


def _say(control: socket.socket, message: dict[str, object]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def _keep(room: Room, control: socket.socket, ward: socket.socket, checker_pid: int) -> NoReturn:
    if room.watch is not None:
        room.watch.ignore_present()
    own = room.watch.own_pid if room.watch is not None else os.getpid()
    _say(control, {"ready": True, "pid": own, "watched": room.watch is not None})
    zygote.serve(room, control, ward, checker_pid)


def _check(room: Room, settings: Settings, ward: socket.socket) -> NoReturn:
    room.lock_checker()
    checker.serve(socket.socket(fileno=settings.jobs_fd), ward, settings.packages)
