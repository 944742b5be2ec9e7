"""docs/suites.md and docs/baselines.md: what they show is what the program does, to the letter.

A fenced block whose info string names a file is that file: `yaml suite.yaml` must be readable,
`yaml suite.yaml refused` must be refused with the words of the `text` block after it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec
import pytest

from evalharness.errors import HarnessError, SpecError
from evalharness.prompts.build import build_program
from evalharness.records import Sample
from evalharness.spec import suite as shapes
from evalharness.spec.gates import TEST_KEYS
from evalharness.spec.read import read_baseline, read_policy, read_suite

DOCS = Path(__file__).resolve().parents[2] / "docs"
SUITES = (DOCS / "suites.md").read_text(encoding="utf-8")
BASELINES = (DOCS / "baselines.md").read_text(encoding="utf-8")

SECTIONS: dict[str, type[msgspec.Struct]] = {
    "Suite": shapes.Suite,
    "data": shapes.DataSpec,
    "data.hf": shapes.HubData,
    "data.code": shapes.CodeSpec,
    "prompt": shapes.PromptSpec,
    "prompt.few_shot": shapes.FewShotSpec,
    "prompt.rag": shapes.RagSpec,
    "generation": shapes.GenerationSpec,
    "extract": shapes.ExtractSpec,
    "metrics": shapes.MetricSpec,
    "judges": shapes.JudgeSpec,
    "policy": shapes.Policy,
    "policy.gates": shapes.GateSpec,
    "policy.ledger": shapes.LooksSpec,
    "Baseline": shapes.Baseline,
    "price": shapes.PriceSpec,
}
FILLED_IN = {"base", "file", "sha256", "model_sha256"}
SPREAD = {("metrics", "options")}  # written among the metric's own keys


class Block(NamedTuple):
    """One fenced block: the words after the fence, its text, and the block that follows."""

    info: list[str]
    text: str
    after: str


def blocks(page: str) -> list[Block]:
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    following = [text for _, text in found[1:]] + [""]
    return [
        Block(info.split(), text, after)
        for (info, text), after in zip(found, following, strict=True)
    ]


def named(page: str, *, refused: bool) -> list[Block]:
    return [
        block
        for block in blocks(page)
        if block.info[:1] == ["yaml"]
        and len(block.info) > 1
        and ("refused" in block.info) == refused
    ]


def reader(name: str) -> Callable[[Path], Any]:
    return {"suite.yaml": read_suite, "policy.yaml": read_policy}.get(name, read_baseline)


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    """An empty working folder, so that paths read as on the page."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def put(block: Block) -> Path:
    path = Path(block.info[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")
    return path


def label(block: Block) -> str:
    return block.text.splitlines()[0][:40]


# --- suites.md ---------------------------------------------------------------------------------


@pytest.mark.parametrize("block", named(SUITES, refused=False), ids=label)
def test_every_example_of_the_page_can_be_read(folder, block):
    reader(block.info[1])(put(block))


@pytest.mark.parametrize("block", named(SUITES, refused=True), ids=lambda block: block.after[:40])
def test_every_refusal_of_the_page_reads_as_it_says(folder, block):
    path = put(block)
    with pytest.raises(SpecError) as caught:
        reader(block.info[1])(path)
    assert str(caught.value) == block.after.rstrip("\n")


def rows(page: str, section: str) -> dict[str, list[str]]:
    """Key -> type, default and meaning, of a section's table of keys."""
    text = re.split(rf"^## {re.escape(section)}$", page, flags=re.MULTILINE)[1].split("\n## ")[0]
    table = text.split("| key |")[1].split("\n\n")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]
    return {row[0].strip("`"): row[1:] for row in cells}


def default_in_words(field: msgspec.structs.FieldInfo) -> str:
    """How the page writes what a key is if it is left out."""
    if field.required:
        return "required"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if value is None:
        return "none"
    if isinstance(value, msgspec.Struct):
        return f"see {field.name}"
    if value in ((), {}):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value == "":
        return '`""`'
    return "`{}`".format(str(value).replace("\n", "\\n"))


@pytest.mark.parametrize(("section", "shape"), SECTIONS.items())
def test_every_key_is_on_the_page_with_its_default(section, shape):
    listed = rows(SUITES, section)
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    hidden = {name for name in fields if (section, name) in SPREAD or name in FILLED_IN}
    assert list(listed) == [name for name in fields if name not in hidden] or set(listed) == (
        set(fields) - hidden
    )
    for name, (_, left_out, *_rest) in listed.items():
        assert (name, left_out) == (name, default_in_words(fields[name]))


@pytest.mark.parametrize(("section", "shape"), SECTIONS.items())
def test_every_word_that_a_key_takes_is_on_the_page(section, shape):
    listed = rows(SUITES, section)
    for field in msgspec.structs.fields(shape):
        words = literals(field.type)
        if words and field.name != "test":
            assert {f"`{word}`" for word in words} <= set(listed[field.name][0].split(", "))


def literals(kind: Any) -> set[str]:
    if get_origin(kind) is Literal:
        return {str(word) for word in get_args(kind)}
    return {word for part in get_args(kind) for word in literals(part)}


def test_every_gate_test_is_on_the_page_with_the_key_it_takes():
    for test, (key, _) in TEST_KEYS.items():
        assert re.search(rf"^\| `{test}` \| `{key}`", SUITES, flags=re.MULTILINE)


# --- baselines.md ------------------------------------------------------------------------------


def files(page: str) -> list[Block]:
    return [block for block in blocks(page) if len(block.info) == 2 and block.info[0] != "yaml"]


@pytest.fixture
def world(folder) -> Path:
    """The page's files, and beside them what its examples need and it does not show."""
    for block in files(BASELINES):
        put(block)
    return folder


def test_the_page_shows_files_and_what_they_are_rendered_to():
    assert len(files(BASELINES)) >= 2
    assert len([block for block in blocks(BASELINES) if block.info[:1] == ["rendered"]]) >= 2


@pytest.mark.parametrize("block", named(BASELINES, refused=False), ids=lambda block: block.info[1])
def test_every_baseline_of_the_page_can_be_read_and_built(world, block):
    baseline = read_baseline(put(block))
    spec = baseline.prompt
    if spec is None or (spec.few_shot is not None and spec.few_shot.select == "embedding"):
        return
    build_program(spec, base=Path(baseline.base), where=block.info[1])


@pytest.mark.parametrize(
    "block",
    [block for block in blocks(BASELINES) if block.info[:1] == ["rendered"]],
    ids=lambda block: block.info[1],
)
def test_every_prompt_of_the_page_is_what_its_baseline_renders(world, block):
    source = next(b for b in named(BASELINES, refused=False) if b.info[1] == block.info[1])
    baseline = read_baseline(put(source))
    program = build_program(baseline.prompt, base=Path(baseline.base), where=block.info[1])
    rendered = program.render(Sample(id="q", input="How long does a refund take?"))
    shown = "\n".join(f"[{turn.role}] {turn.content}" for turn in rendered)
    assert shown == block.text.rstrip("\n")


@pytest.mark.parametrize(
    "block", named(BASELINES, refused=True), ids=lambda block: block.after[:40]
)
def test_every_refusal_of_a_baseline_reads_as_the_page_says(world, block):
    baseline = read_baseline(put(block))
    heldout = [
        Sample(**row)
        for line in Path("heldout.jsonl").read_text(encoding="utf-8").splitlines()
        for row in [msgspec.json.decode(line)]
        if row.pop("target")
    ]
    with pytest.raises(HarnessError) as caught:
        build_program(
            baseline.prompt, base=Path(baseline.base), where=block.info[1], heldout=heldout
        )
    assert str(caught.value) == block.after.rstrip("\n")
