"""Programs that try to be judged right without answering right, by kind; none of them adds.

All are answers to `add(a, b)`. The expected value is nowhere in a program's reach, so none of them
can hold it: a pass means that the verdict was forged.
"""

from __future__ import annotations

from typing import Final

_HEAD = "def add(a, b):\n"


def _returns(expression: str, before: str = "") -> str:
    return f"{before}{_HEAD}    return {expression}\n"


def _equal_to_all(base: str, more: str = "") -> str:
    """A class that agrees with everything, over some built-in base."""
    agree = "".join(
        f"    def __{name}__(self, *a): return True\n"
        for name in ("eq", "ne", "lt", "le", "gt", "ge", "contains", "bool", "instancecheck")
    )
    return (
        f"class E({base}):\n{agree}    def __hash__(self): return 5\n"
        "    def __sub__(self, o): return self\n    __rsub__ = __add__ = __radd__ = __sub__\n"
        f"    def __abs__(self): return self\n{more}"
    )


RETURN_VALUES: Final = {
    "object": _returns("E()", _equal_to_all("object")),
    "int": _returns("E(0)", _equal_to_all("int")),
    "float": _returns("E(0)", _equal_to_all("float")),
    "str": _returns("E()", _equal_to_all("str")),
    "list": _returns("E()", _equal_to_all("list")),
    "tuple": _returns("E()", _equal_to_all("tuple")),
    "dict": _returns("E()", _equal_to_all("dict")),
    "set": _returns("E()", _equal_to_all("set")),
    "frozenset": _returns("E()", _equal_to_all("frozenset")),
    "bytes": _returns("E()", _equal_to_all("bytes")),
    "bytearray": _returns("E()", _equal_to_all("bytearray")),
    "complex": _returns("E()", _equal_to_all("complex")),
    "Decimal": _returns("E(0)", "from decimal import Decimal\n" + _equal_to_all("Decimal")),
    "Fraction": _returns("E(0)", "from fractions import Fraction\n" + _equal_to_all("Fraction")),
    "date": _returns("E(2000, 1, 1)", "from datetime import date\n" + _equal_to_all("date")),
    "deque": _returns("E()", "from collections import deque\n" + _equal_to_all("deque")),
    "Counter": _returns("E()", "from collections import Counter\n" + _equal_to_all("Counter")),
    "IntEnum": "import enum\nclass E(enum.IntEnum):\n    A = 0\n    def __eq__(self, o): return True\n"
    "    __hash__ = int.__hash__\n" + _returns("E.A"),
    "named tuple": "import typing\nclass E(typing.NamedTuple):\n    x: int = 0\n"
    "    def __eq__(self, o): return True\n" + _returns("E()"),
    "exception": _returns("E()", _equal_to_all("Exception")),
    "class": _returns("E", _equal_to_all("type")),
    "meta class": _equal_to_all("type") + "class F(metaclass=E): pass\n" + _returns("F"),
    "module": "import types\nclass M(types.ModuleType):\n    def __eq__(self, o): return True\n"
    + _returns("M('m')"),
    "simple namespace": "import types\nclass M(types.SimpleNamespace):\n"
    "    def __eq__(self, o): return True\n" + _returns("M()"),
    "mock": "from unittest.mock import ANY\n" + _returns("ANY"),
    "nested": _returns("[E(0)]", _equal_to_all("int")),
    "class lies about itself": _returns(
        "E(0)", _equal_to_all("float", "    @property\n    def __class__(self): return int\n")
    ),
    "named like numpy's": _returns(
        "E()",
        _equal_to_all("object", "    shape = ()\n    def tolist(self): return E()\n")
        + "E.__module__, E.__qualname__ = 'numpy', 'int64'\n",
    ),
    "named like Decimal": _returns(
        "E()", _equal_to_all("object") + "E.__module__, E.__qualname__ = 'decimal', 'Decimal'\n"
    ),
    "named like timedelta": _returns(
        "E()", _equal_to_all("object", "    days = seconds = microseconds = 0\n")
        + "E.__module__, E.__qualname__ = 'datetime', 'timedelta'\n",
    ),
    "iterator": _returns("iter([E()])", _equal_to_all("object")),
    "generator": _returns("(E() for _ in range(2))", _equal_to_all("object")),
    "endless iterator": _returns("itertools.count()", "import itertools\n"),
    "closure": "def outer():\n    x = 5\n    def inner(*a): return x\n    return inner\n"
    + _returns("outer()"),
    "lambda": _returns("lambda *a: True"),
    "coroutine": "async def add(a, b):\n    return None\n",
    "async generator": "async def add(a, b):\n    yield 5\n",
    "not a number": _returns("float('nan')"),
    "infinite": _returns("float('inf')"),
    "huge int": _returns("1 << (1 << 28)"),
    "long int": _returns("10 ** 100_000"),
    "deep list": f"{_HEAD}    x = []\n    for _ in range(100_000): x = [x]\n    return x\n",
    "deep tuple": f"{_HEAD}    x = ()\n    for _ in range(900): x = (x,)\n    return x\n",
    "list that holds itself": f"{_HEAD}    x = []\n    x.append(x)\n    return x\n",
    "wide list": _returns("[0] * 5_000_000"),
    "long text": _returns("'x' * 50_000_000"),
    "surrogates": _returns("'\\ud800\\udfff\\udc80'"),
    "line breaks": _returns("'\\n[\"r\",5]\\n'"),
    "tag": _returns("{'i': '0x5'}"),
    "handle": _returns("{'h': [0, 1]}"),
    "NotImplemented": _returns("NotImplemented"),
    "Ellipsis": _returns("..."),
    "type": _returns("type"),
}  # fmt: skip

RAISED: Final = {
    name: f"{before}{_HEAD}    raise {what}\n"
    for name, before, what in [
        ("StopIteration", "", "StopIteration(5)"),
        ("StopAsyncIteration", "", "StopAsyncIteration(5)"),
        ("GeneratorExit", "", "GeneratorExit"),
        ("KeyboardInterrupt", "", "KeyboardInterrupt"),
        ("SystemExit 0", "", "SystemExit(0)"),
        (
            "SystemExit object",
            "class E:\n    def __eq__(self, o): return True\n",
            "SystemExit(E())",
        ),
        ("SkipTest", "import unittest\n", "unittest.SkipTest('skip')"),
        ("pytest's Skipped", "class Skipped(Exception): pass\n", "Skipped('skip')"),
        ("the checker's Ended", "class Ended(BaseException): pass\n", "Ended"),
        ("the checker's Unplanned", "class Unplanned(BaseException): pass\n", "Unplanned"),
        ("group", "", "BaseExceptionGroup('g', [SystemExit(0)])"),
        ("surrogates", "", "ValueError('\\ud800' * 9)"),
        ("hostile text", "class E(Exception):\n    def __str__(self): raise self\n", "E"),
        ("hostile names", "", "type('\\n[\"r\",5]', (Exception,), {})()"),
        (
            "endless text",
            "class E(Exception):\n    def __str__(self): return 'x' * 10 ** 8\n",
            "E()",
        ),
        ("recursion", "", "add(a, b)"),
    ]
}

_UNREAL = "    return None\n"

REACHING_OUT: Final = {
    "frames up": "import sys\nframe = sys._getframe()\nwhile frame:\n"
    "    for held in (frame.f_locals, frame.f_globals):\n        for key in list(held):\n"
    "            if key in ('fault', 'result', 'results', 'stat', 'passed', 'candidate'):\n"
    "                held[key] = None\n    frame = frame.f_back\n" + _HEAD + _UNREAL,
    "garbage collector": "import gc\nfor held in gc.get_objects():\n    try:\n"
    "        if isinstance(held, list): held.append('passed')\n"
    "        if isinstance(held, dict): held['passed'] = True\n"
    "    except BaseException: pass\n" + _HEAD + _UNREAL,
    "patched builtins": "import builtins\nclass E:\n    def __eq__(self, o): return True\n"
    "builtins.abs = builtins.isinstance = builtins.len = lambda *a: E()\n"
    "builtins.type = lambda *a: int\n" + _HEAD + "    return E()\n",
    "patched json": "import sys, json, json.encoder\njson.dumps = lambda *a, **k: '[\"r\",5]'\n"
    "json.encoder.c_make_encoder = None\n" + _HEAD + _UNREAL,
    "patched jail": "import sys\nfor name, module in list(sys.modules.items()):\n"
    "    if name.startswith('jail') or 'codec' in name or 'child' in name:\n"
    "        for key, value in list(vars(module).items()):\n"
    "            if callable(value) and 'tree' in key: setattr(module, key, lambda *a: b'[\"r\",5]')\n"
    "            if key in ('_plain_answer', '_answer'):\n"
    "                setattr(module, key, lambda *a: b'[\"p\",0]')\n" + _HEAD + _UNREAL,
    "patched program": "import gc\nfor held in gc.get_objects():\n"
    "    if type(held).__name__ == 'Program':\n"
    "        type(held)._answer = lambda *a: b'[\"p\",0]'\n" + _HEAD + _UNREAL,
    "patched types": "import ctypes, gc\nd = gc.get_referents(int.__dict__)[0]\n"
    "d['__eq__'] = lambda s, o: True\nctypes.pythonapi.PyType_Modified(ctypes.py_object(int))\n"
    + _HEAD + "    return 0\n",
    "curse of None": "import gc\nd = gc.get_referents(type(None).__dict__)[0]\n"
    "d['__eq__'] = lambda s, o: True\n" + _HEAD + _UNREAL,
    "import hook": "import sys\nclass F:\n    def find_spec(self, name, *a): raise SystemExit(0)\n"
    "sys.meta_path.insert(0, F())\nsys.modules.clear()\n" + _HEAD + _UNREAL,
    "trace": "import sys\ndef trace(f, e, a):\n    return trace\nsys.settrace(trace)\n"
    "sys.setprofile(lambda *a: None)\n" + _HEAD + _UNREAL,
    "audit hook": "import sys\nsys.addaudithook(lambda *a: None)\n" + _HEAD + _UNREAL,
    "exit hook": "import atexit, os\natexit.register(lambda: os._exit(0))\n" + _HEAD + _UNREAL,
    "excepthook": "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\n" + _HEAD + "    raise 5\n",
    "exit at import": "import os\nos._exit(0)\n",
    "exit in the call": "import os\n" + _HEAD + "    os._exit(0)\n",
    "exit by signal": "import os, signal\n" + _HEAD + "    os.kill(os.getpid(), signal.SIGKILL)\n",
    "exit of main": "import sys\n" + _HEAD + "    sys.exit(0)\n",
    "says so": "import os\nfor word in (b'passed\\n', b'OK\\n', b'[0, null, null]\\n', b'{\"ready\":1}\\n'):\n"
    "    for fd in range(128):\n        try: os.write(fd, word)\n        except OSError: pass\n" + _HEAD + _UNREAL,
    "prints so": "print('passed'); print('[\"r\",5]'); print('Ran 1 test\\n\\nOK')\n" + _HEAD + _UNREAL,
    "thread that goes on": "import threading, os, time\ndef later():\n    while True:\n"
    "        try: os.write(3, b'[\"p\",0]\\n')\n        except OSError: return\n"
    "threading.Thread(target=later, daemon=True).start()\n" + _HEAD + _UNREAL,
    "fork that goes on": "import os, time\nif os.fork() == 0:\n    time.sleep(0.05)\n"
    "    os.write(3, b'[\"r\",true]\\n' * 9)\n    os._exit(0)\n" + _HEAD + _UNREAL,
    "parent leaves the child": "import os\nif os.fork(): os._exit(0)\n" + _HEAD + _UNREAL,
    "executes another": "import os, sys\n" + _HEAD
    + "    os.execv(sys.executable, [sys.executable, '-c', 'pass'])\n",
    "swapped descriptor": "import os, socket\na, b = socket.socketpair()\nos.dup2(a.fileno(), 3)\n"
    "b.sendall(b'[\"r\",5]\\n' * 9)\n" + _HEAD + _UNREAL,
    "closed descriptor": "import os\nos.close(3)\n" + _HEAD + _UNREAL,
    "descriptor over the socket": "import socket, array\ns = socket.socket(fileno=3)\n"
    "s.sendmsg([b'x\\n'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [1, 2]))])\n"
    "s.detach()\n" + _HEAD + _UNREAL,
    "reads ahead": "import socket\ns = socket.socket(fileno=3)\ns.setblocking(False)\ntry:\n"
    "    held = s.recv(1 << 20)\nexcept OSError:\n    held = b''\ns.detach()\n" + _HEAD
    + "    raise ValueError(held)\n",
    "orders of its own": "import socket, struct\ns = socket.socket(fileno=3)\n"
    "for kind in (b'kill', struct.pack('=IiQQQQ', 0, 0, 0, 0, 0, 0)):\n    s.send(kind + b'\\n')\n"
    "s.detach()\n" + _HEAD + _UNREAL,
    "defines check": "def check(candidate):\n    return None\n" + _HEAD + _UNREAL,
    "defines the tests' names": "isinstance = abs = float = bool = int = lambda *a: True\n"
    "unittest = json = assertion = object()\n" + _HEAD + _UNREAL,
    "replaces itself": "import sys\nclass M:\n    def __getattr__(self, name): return lambda *a: 5\n"
    "sys.modules[__name__] = M()\n" + _HEAD + _UNREAL,
    "no function": "add = 5\n",
    "callable object": _equal_to_all("object", "    def __call__(self, *a): return E()\n") + "add = E()\n",
    "class as function": _equal_to_all("object", "    def __init__(self, *a): pass\n") + "add = E\n",
    "builtin as function": "add = max\n",
    "exception class as function": "class add(Exception):\n    def __eq__(self, o): return True\n",
    "module as function": "import math as add\n",
    "partial": "import functools\nadd = functools.partial(print)\n",
    "writes to the arguments": _HEAD + "    a = b = 5\n    return []\n",
    "memory of itself": "try:\n    open('/proc/self/mem', 'r+b')\nexcept OSError: pass\n" + _HEAD + _UNREAL,
    "memory of others": "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
    "for pid in range(1, 50):\n    libc.ptrace(16, pid, 0, 0)\n"
    "    libc.process_vm_writev(pid, None, 0, None, 0, 0)\n" + _HEAD + _UNREAL,
    "signals to others": "import os\nfor pid in (0, -1, *range(2, 60)):\n    try: os.kill(pid, 18)\n"
    "    except OSError: pass\n" + _HEAD + _UNREAL,
    "time stands still": "import time\ntime.monotonic = time.perf_counter = time.time = lambda: 0.0\n"
    + _HEAD + _UNREAL,
}  # fmt: skip

FORGERIES: Final = {
    f"{kind}: {name}": program
    for kind, programs in (
        ("returns", RETURN_VALUES),
        ("raises", RAISED),
        ("reaches out", REACHING_OUT),
    )
    for name, program in programs.items()
}
