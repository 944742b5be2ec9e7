"""The walls around programs: namespaces, Landlock, or none; one class for each kind.

Reads: the settings.  Gives: open_room(), whose rooms fork, lock, clean and watch programs.
Depends on: linux, seccomp, view, watch.  Knows nothing of jobs, tests or verdicts.

A room is entered once, by the zygote; every program is forked into it, locks itself down before it
reads a line of foreign code, and leaves nothing: `clean` runs after its last process died.
"""

from __future__ import annotations

import os
import sys
from typing import Protocol

from . import linux, seccomp, view
from .linux import SIGKILL
from .settings import Order, Settings
from .watch import Watch

INODES = 1024
_INSIDE_ID = 1000
_NAMESPACES = (
    linux.CLONE_NEWUSER
    | linux.CLONE_NEWNS
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWCGROUP
)


class Room(Protocol):
    """What the zygote asks of a kind of walls.

    watch: looks at what programs use; None where /proc cannot be seen.  host_pid: the zygote's, as
    the host numbers it; None where that cannot be known.
    """

    watch: Watch | None
    host_pid: int | None

    def enter(self) -> None:
        """Put this process behind the walls. Raises OSError naming what failed."""
        ...

    def prepare(self, order: Order) -> None:
        """Get ready for a program under this order: an empty work folder of the ordered size."""
        ...

    def fork(self) -> int:
        """Fork one program; 0 in the program, its pid in the zygote."""
        ...

    def forked(self) -> None:
        """In the zygote, once the program has ended: get ready for the next fork."""
        ...

    def lock(self) -> None:
        """In the program: give up everything that is not the program's."""
        ...

    def lock_checker(self) -> None:
        """In the checker, right after its fork: a jail of its own."""
        ...

    def end(self, pid: int) -> None:
        """Kill a program and all that it started."""
        ...

    def clean(self) -> None:
        """Once it is dead: leave no file of it."""
        ...

    def disk_exceeded(self, order: Order) -> bool:
        """Whether the work folder holds more than ordered; False where a mount sees to it."""
        ...


def open_room(settings: Settings) -> Room:
    """The room that the settings name, not yet entered."""
    if settings.room == "ns":
        return NamespaceRoom(settings)
    return FolderRoom(settings)


def limits_of(order: Order, *, count_processes: bool) -> dict[int, int]:
    """The resource limits of an order.

    count_processes: only where the uid is counted apart, in a user namespace; the zygote and the
    checker are counted too.  The kernel's own CPU limit counts ticks, on a busy machine a fifth too
    many: it only stands behind the zygote's, which reads the scheduler's clock.
    """
    found = {
        linux.RLIMIT_CPU: 1 + 2 * -(-order.cpu_ms // 1000),
        linux.RLIMIT_FSIZE: order.file_bytes,
        linux.RLIMIT_NOFILE: order.descriptors,
        linux.RLIMIT_CORE: 0,
        linux.RLIMIT_AS: order.memory_bytes,
    }
    if count_processes:
        found[linux.RLIMIT_NPROC] = order.processes + 2
    return found


def _limit_here(limits: dict[int, int]) -> None:
    """Set limits by name, where the numbers are not Linux's, and as far as they hold."""
    import resource

    known = {
        linux.RLIMIT_CPU: resource.RLIMIT_CPU,
        linux.RLIMIT_FSIZE: resource.RLIMIT_FSIZE,
        linux.RLIMIT_NOFILE: resource.RLIMIT_NOFILE,
        linux.RLIMIT_CORE: resource.RLIMIT_CORE,
    }
    for name, value in limits.items():
        if name in known:
            resource.setrlimit(known[name], (value, value))


def drop_to(uid: int) -> None:
    """Become a user who owns nothing, with no groups. Raises OSError."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


class NamespaceRoom:
    """Namespaces of every kind, and a fresh pid namespace for each program."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.watch: Watch | None = None
        self.host_pid: int | None = None
        self._own_pids = -1
        self._size = 0
        self._untouched: tuple[int, ...] = ()
        self._walls = [
            linux.set_capabilities(),
            linux.install_filter(seccomp.program_filter()),
        ]
        self._order: Order | None = None
        self._lock: list[linux.Call] = []

    def enter(self) -> None:
        """Build the view, change user, unshare, and go on as process 1 of the new namespace.

        Root builds the view before it drops its uid, since the interpreter may lie where only
        root can look; nobody else's code has run by then.  The caller's process stays outside
        and waits; the one that returns is its child.
        """
        proc_fd = linux.move_high(os.open("/proc", os.O_PATH | os.O_DIRECTORY))
        folders = list(self._settings.folders)
        uid = self._settings.uid
        if uid is None:
            self._unshare_as_user(proc_fd)
            view.build(folders)
        else:
            linux.unshare(linux.CLONE_NEWNS)
            view.build(folders)
            if self._settings.join == "root":
                self._unshare_with_root(proc_fd, uid)
            else:
                drop_to(uid)
                linux.prctl(linux.PR_SET_DUMPABLE, 1)  # or the id maps could not be written
                self._unshare_as_user(proc_fd)
        view.relocate(self._settings.relocate)
        self._become_first_process()
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        own_pids = os.open("self/ns/pid", os.O_RDONLY, dir_fd=proc_fd)
        self._own_pids = linux.move_high(own_pids)
        linux.make([linux.install_filter(seccomp.base_filter())])
        self.host_pid = int(os.readlink("self", dir_fd=proc_fd))
        try:
            self.watch = Watch(proc_fd)
        except OSError:  # a /proc that hides processes: the memory of children is not summed
            self.watch = None

    def _unshare_as_user(self, proc_fd: int) -> None:
        uid, gid = os.geteuid(), os.getegid()
        linux.unshare(_NAMESPACES)
        _write_at(proc_fd, "self/setgroups", "deny")
        _write_at(proc_fd, "self/uid_map", f"{_INSIDE_ID} {uid} 1")
        _write_at(proc_fd, "self/gid_map", f"{_INSIDE_ID} {gid} 1")

    def _unshare_with_root(self, proc_fd: int, uid: int) -> None:
        """For hosts that let only root make user namespaces: a helper that is still root maps us.

        This process leaves root's uid as soon as the map is there.
        """
        os.setgroups([])
        target = os.readlink("self", dir_fd=proc_fd)
        ready_r, ready_w = os.pipe()
        helper = os.fork()
        if helper == 0:
            os.close(ready_w)
            os.read(ready_r, 1)
            try:
                for kind in ("uid_map", "gid_map"):
                    _write_at(proc_fd, f"{target}/{kind}", f"{_INSIDE_ID} {uid} 1")
            except OSError:
                os._exit(1)
            os._exit(0)
        os.close(ready_r)
        linux.unshare(_NAMESPACES)
        os.write(ready_w, b"1")
        os.close(ready_w)
        if os.waitpid(helper, 0)[1] != 0:
            raise PermissionError(1, "root's helper could not write the id maps")
        os.setresgid(_INSIDE_ID, _INSIDE_ID, _INSIDE_ID)
        os.setresuid(_INSIDE_ID, _INSIDE_ID, _INSIDE_ID)

    def _become_first_process(self) -> None:
        pid = os.fork()
        if pid:
            os.closerange(0, 1024)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
        linux.prctl(linux.PR_SET_PDEATHSIG, SIGKILL)

    def prepare(self, order: Order) -> None:
        """Keep the mount if it has the ordered size: it is known to be empty."""
        if order == self._order:
            return
        self._order = order
        limits = limits_of(order, count_processes=True)
        self._lock = [*linux.set_limits(limits), *self._walls]
        if self._size != order.disk_bytes:
            self._mount(order.disk_bytes)

    def _mount(self, disk_bytes: int) -> None:
        if self._size:
            os.chdir("/")
            linux.unmount(view.WORK)
        view.mount_work(disk_bytes, INODES)
        self._size = disk_bytes
        self._untouched = _state(view.WORK)

    def fork(self) -> int:
        """One fork into a fresh pid namespace."""
        linux.unshare(linux.CLONE_NEWPID)
        return os.fork()

    def forked(self) -> None:
        """Point back at our own pid namespace, so that the next fork can get a fresh one."""
        linux.setns(self._own_pids, linux.CLONE_NEWPID)

    def lock(self) -> None:
        """Limits, no capabilities, and the second filter."""
        linux.make(self._lock)

    def lock_checker(self) -> None:
        """Mount, net and ipc namespaces of its own, then the same walls as a program."""
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC)
        view.mount_work(64 << 20, INODES)
        linux.make(self._walls)
        _limit_checker(self._settings)

    def end(self, pid: int) -> None:
        """The program is init of its namespace: the kernel kills all the rest with it."""
        os.kill(pid, SIGKILL)

    def clean(self) -> None:
        """Mount a fresh work folder unless nothing ever happened in this one.

        Any entry made, mode or time changed moves the folder's change time, which no program can
        set; extended attributes are refused by the filter.
        """
        if _state(view.WORK) != self._untouched:
            self._mount(self._size)

    def disk_exceeded(self, order: Order) -> bool:
        """Never: the work folder's size is the mount's."""
        return False


def _state(folder: str) -> tuple[int, ...]:
    """All that can be seen of a folder of a memory file system, whose size counts its entries."""
    found = os.stat(folder)
    times = (found.st_ctime_ns, found.st_mtime_ns, found.st_atime_ns)
    return (*times, found.st_mode, found.st_uid, found.st_gid, found.st_nlink, found.st_size)


def _write_at(folder_fd: int, name: str, text: str) -> None:
    try:
        fd = os.open(name, os.O_WRONLY, dir_fd=folder_fd)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise OSError(error.errno, f"{name.rpartition('/')[2]}: {error.strerror}") from error


def _limit(limits: dict[int, int]) -> None:
    if sys.platform == "linux":
        linux.make(linux.set_limits(limits))
    else:
        _limit_here(limits)


def _limit_checker(settings: Settings) -> None:
    _limit({linux.RLIMIT_AS: settings.checker_bytes, linux.RLIMIT_CORE: 0})


class FolderRoom:
    """A plain work folder on the host's disk; what walls there are depends on `settings.room`.

    "landlock": Landlock and filters, and no process but threads.  "shared": a filter for programs
    that share a pid namespace with their keeper.  "plain": resource limits and a session, no more.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kind = settings.room
        self._work = settings.work
        self._base = os.path.dirname(settings.work)
        self._limits: dict[int, int] = {}
        self.watch: Watch | None = None
        self.host_pid = None if self._kind == "shared" else os.getpid()

    def enter(self) -> None:
        """Drop root, then raise whatever walls this kind has. Raises OSError naming what failed."""
        lock = self._landlock() if self._kind == "landlock" else None
        if self._settings.uid is not None:
            self._drop(self._settings.uid)
        if self._kind != "plain":
            linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
            linux.prctl(linux.PR_SET_DUMPABLE, 0)
        if lock is not None:
            lock.enforce()
        if self._kind != "plain":
            linux.make([linux.install_filter(seccomp.base_filter())])

    def _landlock(self) -> linux.Landlock:
        lock = linux.Landlock()
        if lock.abi < 3:
            raise OSError(95, f"Landlock ABI {lock.abi} cannot rule truncation, ABI 3 can")
        folders = [*view.SYSTEM_FOLDERS, *(source for source, _ in self._settings.folders)]
        for folder in folders:
            lock.allow(folder, linux.LANDLOCK_READ)
        for device in view.DEVICES:
            lock.allow(f"/dev/{device}", (1 << 1) | (1 << 2))  # write and read a file
        lock.allow(self._base, linux.landlock_rights(lock.abi))
        return lock

    def _drop(self, uid: int) -> None:
        """Become `uid`; under Landlock keep the right to look where only root may.

        Landlock alone then decides what can be read, which is the interpreter and the libraries.
        """
        keep = self._kind == "landlock" and not all(
            view.open_to_all(source) for source, _ in self._settings.folders
        )
        if keep:
            linux.prctl(linux.PR_SET_KEEPCAPS, 1)
        drop_to(uid)
        if keep:
            linux.make([linux.set_capabilities(1 << linux.CAP_DAC_READ_SEARCH)])

    def prepare(self, order: Order) -> None:
        """Make the work folder and go there; its size is looked at, see `disk_exceeded`."""
        self._limits = limits_of(order, count_processes=self._kind == "shared")
        if not os.path.isdir(self._work):
            os.mkdir(self._work, 0o700)
        os.chdir(self._work)

    def fork(self) -> int:
        """A plain fork, in a session of its own, that dies with the zygote."""
        pid = os.fork()
        if pid == 0:
            os.setsid()
            if sys.platform == "linux":
                linux.prctl(linux.PR_SET_PDEATHSIG, SIGKILL)
        return pid

    def forked(self) -> None:
        """Nothing to undo."""

    def lock(self) -> None:
        """Limits, and the filter of this kind."""
        _limit(self._limits)
        linux.make(self._own_filter())

    def lock_checker(self) -> None:
        """The program's filter, and room for the values that tests compare."""
        _limit_checker(self._settings)
        linux.make(self._own_filter())

    def _own_filter(self) -> list[linux.Call]:
        """The filter that knows this process's pid; none where there are no walls."""
        if self._kind == "landlock":
            return [linux.install_filter(seccomp.landlock_filter(os.getpid()))]
        if self._kind == "shared":
            return [linux.install_filter(seccomp.shared_process_filter(os.getpid()))]
        return []

    def end(self, pid: int) -> None:
        """Kill the program and its process group."""
        try:
            os.killpg(pid, SIGKILL)
        except (ProcessLookupError, PermissionError):
            os.kill(pid, SIGKILL)

    def clean(self) -> None:
        """Empty the work folder, whatever modes the program left on it."""
        os.chdir(self._base)
        try:
            os.rmdir(self._work)
        except OSError:
            _remove(self._work)

    def disk_exceeded(self, order: Order) -> bool:
        """Whether the files in the work folder add up to more than ordered."""
        total = 0
        for folder, _, names in os.walk(self._work):
            for name in names:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_blocks * 512
                except OSError:
                    continue
        return total > order.disk_bytes


def _remove(folder: str) -> None:
    """Remove a folder tree that may hold folders nobody may enter."""
    os.chmod(folder, 0o700)
    for parent, names, _ in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    import shutil  # brings three compression libraries, which every fork would pay for

    shutil.rmtree(folder, ignore_errors=True)
