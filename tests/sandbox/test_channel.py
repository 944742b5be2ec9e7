"""The answer channel under fire: whatever a program writes on it, it cannot write a pass."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.records import CodeTask
from evalharness.sandbox import Job, Limits, Mode

SECRET = 884_422_117
CODE = CodeTask(
    tests=f"def check(candidate):\n    assert candidate(2) == {SECRET}\n    assert candidate(3) == 7\n",
    entry_point="f",
)
LIVE = CodeTask(
    tests=f"def check(candidate):\n    for x, y in ((2, {SECRET}), (3, 7)):\n        assert candidate(x) == y\n",
    entry_point="f",
)
"""The same questions, one asked in a batch and one as it comes."""

FRAMES = [
    b"+",
    b'["p",0]',
    b'["r",5]',
    b'["r",true]',
    b'["r",{"t":[1]}]',
    b'["r",[],[[1]]]',
    b'["l",[["f","f",null]]]',
    b'["l",[["f","d",5],["check","d",5]]]',
    b'["l",5]',
    b'["b","x"]',
    b'["x",["AssertionError","Exception"],"",{"t":[]},0]',
    b'["x",["StopIteration"],"",null,0]',
    b'["x",[],"",null,0]',
    b'["x",["E"],1,2]',
    b'["q","0"]',
    b'["k",0,[],{}]',
    b'["h",1]',
    b"null",
    b"passed",
    b"[0, null, [0, 0, 1, 1, 1, 0]]",
    b"",
]  # fmt: skip
pieces = st.lists(
    st.sampled_from(FRAMES)
    | st.binary(max_size=40)
    | st.recursive(st.none() | st.integers() | st.text(max_size=4), st.lists, max_leaves=6).map(
        lambda tree: json.dumps(tree).encode()
    ),
    max_size=6,
)


def flood(frames: list[bytes], end: str, when: str) -> str:
    write = f"import os\nfor part in {[*frames]!r}:\n    os.write(3, part + b'\\n')\n"
    define = "def f(x):\n    return 7\n"
    if when == "load":
        return write + end + define
    body = "".join(f"    {line}\n" for line in (write + end).splitlines())
    return f"def f(x):\n{body}    return 7\n"


@pytest.mark.parametrize("code", [CODE, LIVE], ids=["batch", "live"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    frames=pieces,
    end=st.sampled_from(["", "os._exit(0)\n", "os.close(3)\n", "raise SystemExit(0)\n"]),
    when=st.sampled_from(["load", "call"]),
)
def test_no_bytes_on_the_channel_make_a_pass(box, code, frames, end, when):
    job = Job(task="t", program=flood(frames, end, when), code=code, limits=Limits(wall_s=5.0))
    found = next(box.run_many([job]))
    assert found.status not in ("passed", "infra_error", "checker_error"), found


@pytest.mark.parametrize("code", [CODE, LIVE], ids=["batch", "live"])
@pytest.mark.parametrize("frame", FRAMES)
def test_each_kind_of_message_written_early_is_only_a_wrong_answer(box, code, frame):
    found = next(box.run_many([Job(task="t", program=flood([frame], "", "load"), code=code)]))
    assert found.status not in ("passed", "infra_error", "checker_error"), found


def test_an_answer_given_early_is_the_answer_and_the_rest_is_too_many(box):
    code = CodeTask(tests="assert f(1) == 7", entry_point="f", style="asserts")
    written = flood([b'["l",[["f","f",null]]]', b'["r",7]'], "", "load")
    assert "bad_return" == next(box.run_many([Job(task="t", program=written, code=code)])).status


def test_a_flood_is_cut_and_its_sender_fails(box):
    program = "import os\nwhile True:\n    os.write(3, b'x' * 65536)\n"
    found = next(box.run_many([Job(task="t", program=program, code=CODE)]))
    assert "bad_return" == found.status
    assert "more output" in found.detail


def test_more_answers_than_questions_are_no_pass(box):
    program = "import os\ndef f(x):\n    return 7\nimport atexit\n"
    code = CodeTask(tests="assert f(1) == 7", entry_point="f", style="asserts")
    late = "import os, threading, time\ndef f(x):\n    os.write(3, b'[\"r\",7]\\n')\n    return 7\n"
    assert "passed" == box.run(program, code).status
    assert "bad_return" == box.run(late, code).status


def test_the_expected_values_never_reach_the_program(box):
    program = (
        "import gc, sys\ndef f(x):\n"
        f"    wanted = int('{str(SECRET)[:4]}' + '{str(SECRET)[4:]}')\n"
        "    found = [o for o in gc.get_objects() if isinstance(o, (tuple, list)) and wanted in o]\n"
        "    found += [o for o in gc.get_objects() if isinstance(o, dict) and wanted in o.values()]\n"
        "    raise ValueError(len(found))\n"
    )
    found = next(box.run_many([Job(task="t", program=program, code=CODE)]))
    assert ("exception", "ValueError: 0") == (found.status, found.detail)


def test_an_in_process_run_can_be_forged_and_says_so(box):
    program = "import os\nos.write(3, b'[\"p\",0]\\n')\nos._exit(0)\n"
    found = next(box.run_many([Job(task="t", program=program, code=CODE, mode=Mode.IN_PROCESS)]))
    assert ("passed", True) == (found.status, found.forgeable)


@pytest.mark.parametrize("function", ["eval", "getattr", "__import__", "open"])
def test_functions_that_could_do_anything_are_not_handed_to_a_program(box, function):
    code = CodeTask(tests=f"assert f({function}) == 7", entry_point="f", style="asserts")
    found = box.run("def f(call): return call('7')", code)
    assert "passed" != found.status
    assert "cannot cross" in found.detail
