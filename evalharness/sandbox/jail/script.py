"""Programs that read stdin and write stdout: one process for each case, its output as data.

Reads: a program's text and the input of every case.  Gives: what it printed, a line each.
Depends on: codec, child.  Knows no expected output: the checker compares.

A case runs in a fork of its own where processes are allowed; where they are not (Landlock), the
cases run one after another in this one.
"""

from __future__ import annotations

import atexit
import os
import sys
import types
from collections.abc import Callable
from typing import Final

from .codec import MAX_BYTES, write_tree

_KEPT_BYTES: Final = MAX_BYTES // 8
_RAISED: Final = 111


def serve_script(
    source: str,
    cases: list[str],
    *,
    link: int,
    send: Callable[[bytes], None],
    exception: Callable[[BaseException], bytes],
) -> None:
    """Answer every case with ["o", stdout, exit code or why it raised].

    link: the descriptor that a case must not inherit.
    """
    for stdin in cases:
        output, given = _nameless_file(), _nameless_file()
        os.pwrite(given, stdin.encode("utf-8", "surrogatepass"), 0)
        try:
            pid = os.fork()
        except OSError:
            raised = _run(source, given, output, exception)
            send(_answer(output, raised, 0))
            continue
        if pid == 0:
            os.close(link)
            raised = _run(source, given, output, exception)
            os.ftruncate(given, 0)
            os.pwrite(given, raised, 0)
            os._exit(_RAISED if raised else 0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        raised = os.pread(given, 1 << 16, 0) if code == _RAISED else b""
        send(_answer(output, raised, 0 if raised else code))
        os.close(output)
        os.close(given)


def _nameless_file() -> int:
    """A file in the work folder that has no name any more."""
    name = ".case"
    fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    os.unlink(name)
    return fd


def _answer(output: int, raised: bytes, code: int) -> bytes:
    text = os.pread(output, _KEPT_BYTES, 0).decode("utf-8", "replace")
    if raised:
        return write_tree(["o", text, raised.decode("utf-8", "replace")])
    return write_tree(["o", text, code])


def _run(
    source: str, stdin: int, stdout: int, exception: Callable[[BaseException], bytes]
) -> bytes:
    """Run the text as a script on these descriptors; empty, or the exception as a line."""
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    # The script's own streams, which live as long as it does.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.argv = ["solution.py"]
    raised = b""
    try:
        text = source.removeprefix("\ufeff")
        exec(compile(text, "solution.py", "exec", dont_inherit=True), main.__dict__)
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            raised = exception(leaving)
    except BaseException as error:
        raised = exception(error)
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        pass
    return raised
