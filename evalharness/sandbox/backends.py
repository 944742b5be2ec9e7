"""The kinds of isolation that are built in, in order of preference.

Reads: the platform.  Gives: built_in(), named().
Depends on: backend, launch, jail.settings, errors.  Knows nothing of jobs or verdicts.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from typing import Final

import evalharness.sandbox.launch as launch  # noqa: PLR0402 - the package imports this file
from evalharness.errors import SandboxError, did_you_mean
from evalharness.sandbox.backend import Backend, Blueprint
from evalharness.sandbox.jail.settings import Settings
from evalharness.sandbox.jail.view import DEVICES, SYSTEM_FOLDERS, WORK, open_to_all
from evalharness.sandbox.launch import Started

UNSAFE_VARIABLE: Final = "EVALHARNESS_UNSAFE_EXEC"


def _settings(room: str, blueprint: Blueprint, *, uid: int | None, join: str = "user") -> Settings:
    """Settings common to all backends; paths inside are as on the host."""
    folders = [(launch.SANDBOX, launch.SANDBOX)]
    own = launch.interpreter_folder()
    if own is not None:
        folders.append((own, own))
    packages = launch.package_folders() if blueprint.packages else []
    folders += [(folder, folder) for folder in packages]
    return Settings(
        room=room,
        role="both",
        control_fd=-1,
        jobs_fd=-1,
        ward_fd=-1,
        uid=uid,
        join=join,
        folders=tuple(folders),
        relocate=(),
        packages=tuple(packages),
        work=os.path.join(blueprint.folder, "w"),
        checker_bytes=launch.CHECKER_BYTES,
    )


def _inside(settings: Settings) -> Settings:
    """The same with the interpreter, packages and our own code at neutral places inside."""
    places = {launch.SANDBOX: launch.CODE, launch.interpreter_folder(): launch.INTERPRETER}
    relocate = tuple((old, new) for old, new in places.items() if old is not None)
    packages = [f"{launch.PACKAGES}/{n}" for n in range(len(settings.packages))]
    places.update(zip(settings.packages, packages, strict=True))
    folders = tuple((source, places[source]) for source, _ in settings.folders)
    return settings._replace(folders=folders, packages=tuple(packages), relocate=relocate)


def _library_folder() -> str | None:
    """Where a moved interpreter finds its own shared library."""
    return f"{launch.INTERPRETER}/lib" if launch.interpreter_folder() else None


def _throw_away_uid() -> int | None:
    return launch.THROW_AWAY_UID if os.geteuid() == 0 else None


def _linux_only() -> str | None:
    if sys.platform != "linux":
        return f"needs Linux, this is {sys.platform}"
    if os.uname().machine not in ("x86_64", "aarch64"):
        return f"system call numbers of {os.uname().machine} are not known here"
    return None


class NamespaceBackend:
    """Namespaces of every kind, filters, limits: the default."""

    programs_per_jail = 5000

    def __init__(self, join: str = "user") -> None:
        self.name = "ns"
        self._join = join

    def refusal(self) -> str | None:
        """Linux alone has namespaces."""
        return _linux_only()

    def start(self, blueprint: Blueprint) -> Started:
        """Start a jail that builds its own namespaces."""
        plain = _settings("ns", blueprint, uid=_throw_away_uid(), join=self._join)
        settings = _inside(plain)
        environ = launch.environment(work=WORK, library=_library_folder())
        return launch.start(launch.Seat([launch.interpreter()], environ), settings)

    def mend(self, why: str) -> str:
        """Where user namespaces are closed, and how they are opened."""
        if "uid_map" in why or "unshare" in why:
            return (
                "allow user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0 "
                "(Ubuntu), sysctl kernel.unprivileged_userns_clone=1 (Debian), or run as root; "
                "in docker: --security-opt seccomp=unconfined"
            )
        return "run on a host, or in a container that may make namespaces"


class LandlockBackend:
    """Landlock and filters, for places where namespaces are closed; one process a program."""

    programs_per_jail = 5000

    def __init__(self) -> None:
        self.name = "landlock"

    def refusal(self) -> str | None:
        """Linux alone has Landlock."""
        return _linux_only()

    def start(self, blueprint: Blueprint) -> Started:
        """Start a jail that rules itself with Landlock."""
        settings = _settings("landlock", blueprint, uid=_throw_away_uid())
        environ = launch.environment(work=settings.work, library=None)
        return launch.start(launch.Seat([launch.interpreter()], environ), settings)

    def mend(self, why: str) -> str:
        """What a kernel needs."""
        if "landlock" in why.lower():
            return "use a kernel of 6.2 or later with Landlock enabled (lsm=landlock,...)"
        return "see the message"


class BwrapBackend:
    """Bubblewrap: a jail for each program, started cold."""

    programs_per_jail = 1

    def __init__(self) -> None:
        self.name = "bwrap"

    def refusal(self) -> str | None:
        """The program must be installed, and root's stand-in able to read the interpreter."""
        if shutil.which("bwrap") is None:
            return "bwrap is not installed"
        own = launch.interpreter_folder()
        if _throw_away_uid() is not None and own is not None and not open_to_all(own):
            return f"the interpreter in {own} cannot be read by the user that root becomes"
        return _linux_only()

    def start(self, blueprint: Blueprint) -> Started:
        """Start the zygote and the checker in two separate jails, a socket between them."""
        settings = _inside(_settings("shared", blueprint, uid=None))
        environ = launch.environment(work=WORK, library=_library_folder())
        command = _bwrap_command(settings, blueprint.disk_bytes)
        inside = settings._replace(relocate=(), work=f"{WORK}/w")
        control, their_control = socket.socketpair()
        jobs, their_jobs = socket.socketpair()
        ward, other_ward = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with their_control, their_jobs, ward, other_ward:
            zygote = inside._replace(
                role="zygote", control_fd=their_control.fileno(), ward_fd=ward.fileno()
            )
            checker = inside._replace(
                role="checker", jobs_fd=their_jobs.fileno(), ward_fd=other_ward.fileno()
            )
            processes: list[subprocess.Popen[bytes]] = []
            for role in (zygote, checker):
                held = tuple(fd for fd in (role.control_fd, role.jobs_fd, role.ward_fd) if fd >= 0)
                seat = launch.Seat(command, environ, launch.CODE, _throw_away_uid())
                processes.append(launch.spawn(seat, role, held))
        return Started(tuple(processes), control, jobs)

    def mend(self, why: str) -> str:
        """Where to look."""
        if "not installed" in why:
            return "install bubblewrap"
        if "interpreter" in why:
            return "use an interpreter that all users can read, or run as an ordinary user"
        return "run `bwrap --unshare-all --ro-bind / / true` to see what it lacks"


def _bwrap_command(settings: Settings, disk_bytes: int) -> list[str]:
    """Bwrap and its arguments, up to the interpreter inside."""
    command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent"]
    command += ["--new-session", "--cap-drop", "ALL", "--hostname", "jail", "--uid", "1000"]
    command += ["--gid", "1000"]
    for folder in SYSTEM_FOLDERS:
        if os.path.islink(folder):
            command += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            command += ["--ro-bind", folder, folder]
    for source, target in settings.folders:
        command += ["--ro-bind", source, target]
    for device in DEVICES:
        command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    command += ["--size", str(disk_bytes), "--perms", "0700", "--tmpfs", WORK]
    for link in ("/tmp", "/var/tmp", "/dev/shm"):
        command += ["--symlink", WORK, link]
    command += ["--remount-ro", "/", "--chdir", "/", "--"]
    inside, own = launch.interpreter(), launch.interpreter_folder()
    return [*command, launch.INTERPRETER + inside[len(own) :] if own else inside]


class UnsafeBackend:
    """No isolation: a process group and resource limits. For a machine that can be thrown away."""

    programs_per_jail = 5000

    def __init__(self) -> None:
        self.name = "unsafe"

    def refusal(self) -> str | None:
        """Asked for by name, and by the environment too."""
        if os.environ.get(UNSAFE_VARIABLE) != "1":
            return f"not allowed: the environment does not say {UNSAFE_VARIABLE}=1"
        return None

    def start(self, blueprint: Blueprint) -> Started:
        """Start a jail that is none."""
        settings = _settings("plain", blueprint, uid=None)
        environ = launch.environment(work=settings.work, library=None)
        return launch.start(launch.Seat([launch.interpreter()], environ), settings)

    def mend(self, why: str) -> str:
        """Nothing to mend."""
        return f"set {UNSAFE_VARIABLE}=1 only where every file and key may be lost"


def built_in() -> list[Backend]:
    """The backends that `auto` tries, best first; `unsafe` is never among them."""
    return [NamespaceBackend(), NamespaceBackend(join="root"), LandlockBackend(), BwrapBackend()]


def named(name: str) -> list[Backend]:
    """The backends of that name, to be tried in order. Raises SandboxError for an unknown name."""
    known: list[Backend] = [*built_in(), UnsafeBackend()]
    found = [backend for backend in known if backend.name == name]
    if found:
        return found
    plugin = _plugin(name)
    if plugin is not None:
        return [plugin]
    raise SandboxError(
        f"unknown sandbox backend '{name}'",
        mend=did_you_mean(name, {b.name for b in known}) or "see `evalharness doctor`",
    )


def _plugin(name: str) -> Backend | None:
    from importlib.metadata import entry_points

    for point in entry_points(group="evalharness.sandboxes", name=name):
        try:
            made = point.load()()
        except Exception as error:
            where = point.dist.name if point.dist else point.value
            raise SandboxError(
                f"the sandbox backend '{name}' cannot be loaded: {error}",
                where=f"distribution {where}",
                mend="update or remove that distribution",
            ) from error
        if not isinstance(made, Backend):
            raise SandboxError(f"the plug-in '{name}' is no sandbox backend", where=point.value)
        return made
    return None
