"""Messages from the checker to a program: trusted data, so the fastest reader will do.

Reads and gives: bytes.  Depends on: the standard library.  Runs on both sides.

marshal is read by the program alone, from the checker alone.  The other direction, from hostile to
trusted, is `codec`'s text and never this.
"""

from __future__ import annotations

import marshal
from typing import Any, Final

VERSION: Final = 2
"""marshal's last version without references: the bytes depend on the value alone, and every copy
that is read shares nothing with another."""

_ATOMS: Final = frozenset((str, int, bool, float, complex, bytes, type(None)))
_ROWS: Final = frozenset((list, tuple, set, frozenset))


def is_plain(value: Any) -> bool:
    """Whether marshal carries a value exactly: builtin types throughout, nothing that it flattens.

    Raises RecursionError for a value that holds itself.
    """
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind in _ROWS:
        return _ATOMS.issuperset(map(type, value)) or all(map(is_plain, value))
    if kind is dict:
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return False


def pack(value: Any) -> bytes:
    """One message."""
    body = marshal.dumps(value, VERSION)
    return len(body).to_bytes(4, "little") + body
