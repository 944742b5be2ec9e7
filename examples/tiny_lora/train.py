"""Train a tiny model, LoRA-tune it twice, and record all three arms on the `facts` suite.

Reads: train.jsonl and heldout.jsonl of the suite.
Gives: OUT/base, OUT/tuned, OUT/undertrained, OUT/reader (model and adapters), OUT/world.jsonl (what
the base was taught, as documents to look up) and the arms' recordings.
Depends on: tiny_model.  Needs the extra `local` (torch, transformers, peft).

    python examples/tiny_lora/train.py --out runs/tiny_lora [--recordings none]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here is downloaded

import torch
import transformers
from peft import PeftModel
from tiny_model import (
    Adapter,
    Course,
    Lesson,
    Reply,
    add_adapter,
    answer,
    make_model,
    make_tokenizer,
    train,
)
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SUITE = Path(__file__).resolve().parents[2] / "suites" / "facts"
VOCABULARY = 900  # more than the corpus can fill: every word becomes one token
MODEL_SEED = 1
BASE = Course(steps=300, learning_rate=3e-3, batch=48, seed=3)
ADAPTERS = {
    "tuned": Adapter(rank=8, course=Course(steps=60, learning_rate=1e-3, batch=64, seed=7)),
    "undertrained": Adapter(rank=4, course=Course(steps=25, learning_rate=1e-3, batch=64, seed=7)),
}
READER = Adapter(rank=8, course=Course(steps=70, learning_rate=2e-3, batch=48, seed=7))
"""The adapter that is tuned with passages before the question, for the top rung of the ladder."""
MAX_TOKENS = 24


@dataclass(frozen=True)
class Fact:
    """One line of the suite: who, what about them, the value, and how it is asked."""

    id: str
    entity: str
    attribute: str
    value: str
    question: str


@dataclass(frozen=True)
class World:
    """All facts, and every way of asking for an attribute ("Where does {entity} live?")."""

    train: tuple[Fact, ...]
    heldout: tuple[Fact, ...]
    phrasings: dict[str, tuple[str, ...]]


def read_facts(path: Path) -> tuple[Fact, ...]:
    """The facts of one file of the suite."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return tuple(
        Fact(
            id=row["id"],
            entity=row["metadata"]["entity"],
            attribute=row["metadata"]["attribute"],
            value=row["target"],
            question=row["input"],
        )
        for row in rows
    )


def read_world(suite: Path, questions: int | None = None) -> World:
    """Both files of the suite; only the first `questions` held-out ones if that is given."""
    tuning, heldout = read_facts(suite / "train.jsonl"), read_facts(suite / "heldout.jsonl")
    phrasings: dict[str, set[str]] = {}
    for fact in tuning + heldout:
        template = fact.question.replace(fact.entity, "{entity}")
        phrasings.setdefault(fact.attribute, set()).add(template)
    return World(
        train=tuning,
        heldout=heldout[:questions],
        phrasings={attribute: tuple(sorted(ways)) for attribute, ways in phrasings.items()},
    )


def sentence(fact: Fact) -> str:
    """A fact as the base tells it: "cave is the home of Gegin."."""
    return f"{fact.value} is the {fact.attribute} of {fact.entity}."


def base_lessons(world: World) -> list[Lesson]:
    """Every fact of the world, asked in every way and answered with a whole sentence."""
    return [
        Lesson(template.format(entity=fact.entity), sentence(fact))
        for fact in world.train + world.heldout
        for template in world.phrasings[fact.attribute]
    ]


def tuning_lessons(world: World) -> list[Lesson]:
    """The train split only, answered with the value alone: the style to be learnt."""
    return [
        Lesson(template.format(entity=fact.entity), fact.value)
        for fact in world.train
        for template in world.phrasings[fact.attribute]
    ]


def reading_lessons(world: World) -> list[Lesson]:
    """The same, with what a search for the question would find before it.

    That is the three facts of the entity, each of them first in turn, as the arm `lora_rag` writes
    its passages: one a paragraph, then the question.
    """
    known: dict[str, list[str]] = {}
    for fact in world.train:
        known.setdefault(fact.entity, []).append(sentence(fact))
    lessons = []
    for fact in world.train:
        found = known[fact.entity]
        for turn, template in enumerate(world.phrasings[fact.attribute]):
            first = turn % len(found)
            passages = "\n\n".join(found[first:] + found[:first])
            asked = f"{passages}\n\n{template.format(entity=fact.entity)}"
            lessons.append(Lesson(asked, fact.value))
    return lessons


def train_base(world: World, course: Course, out: Path) -> None:
    """Train the base from nothing and save it with its tokenizer under OUT/base."""
    lessons = base_lessons(world)
    tokenizer = make_tokenizer([f" {one.question} {one.answer}" for one in lessons], VOCABULARY)
    model = make_model(tokenizer, MODEL_SEED)
    loss = train(model, tokenizer, lessons, course)
    model.save_pretrained(out / "base")
    tokenizer.save_pretrained(out / "base")
    size = sum(weight.numel() for weight in model.parameters())
    print(f"base: {size:,} parameters, {course.steps} steps, loss {loss:.4f}")


def write_documents(world: World, path: Path) -> None:
    """Every fact of the world as a document of one sentence, for the arm that looks things up."""
    rows = [{"id": fact.id, "text": sentence(fact)} for fact in world.train + world.heldout]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def load_base(out: Path) -> LlamaForCausalLM:
    """The saved base, read back as any user of it would."""
    return LlamaForCausalLM.from_pretrained(out / "base", local_files_only=True).eval()


def load_tokenizer(out: Path) -> PreTrainedTokenizerFast:
    """The saved tokenizer with its chat template."""
    return PreTrainedTokenizerFast.from_pretrained(out / "base", local_files_only=True)


def train_adapter(lessons: Sequence[Lesson], name: str, adapter: Adapter, out: Path) -> None:
    """Tune a LoRA adapter on lessons of the train split and save it under OUT/`name`."""
    model = add_adapter(load_base(out), adapter.rank, seed=5)
    loss = train(model, load_tokenizer(out), lessons, adapter.course)
    model.save_pretrained(out / name)
    print(f"{name}: rank {adapter.rank}, {adapter.course.steps} steps, loss {loss:.4f}")


def record(world: World, names: Sequence[str], out: Path) -> dict[str, list[Reply]]:
    """Every held-out question to every arm, one at a time, the arms taking turns.

    The arms share one sitting and one load of the machine, so their latencies can be compared.
    """
    tokenizer = load_tokenizer(out)
    arms = {
        name: load_base(out)
        if name == "base"
        else PeftModel.from_pretrained(load_base(out), str(out / name)).eval()
        for name in names
    }
    for model in arms.values():  # the first answer pays for set-up; it is not recorded
        answer(model, tokenizer, world.heldout[0].question, max_tokens=MAX_TOKENS)
    replies: dict[str, list[Reply]] = {name: [] for name in names}
    for turn, fact in enumerate(world.heldout):
        for place in range(len(names)):
            name = names[(turn + place) % len(names)]
            reply = answer(arms[name], tokenizer, fact.question, max_tokens=MAX_TOKENS)
            replies[name].append(reply)
    return replies


def write_recording(path: Path, facts: Sequence[Fact], replies: Sequence[Reply]) -> None:
    """One recorded output a line, in the form that `evalharness` reads."""
    rows = [
        {
            "id": fact.id,
            "output": reply.text,
            "finish_reason": "stop" if reply.stopped else "length",
            "latency_s": round(reply.latency_s, 6),
            "usage": {
                "prompt_tokens": reply.prompt_tokens,
                "completion_tokens": reply.completion_tokens,
            },
        }
        for fact, reply in zip(facts, replies, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def exact_match(facts: Sequence[Fact], replies: Sequence[Reply]) -> float:
    """Fraction of answers that are the value and nothing else."""
    right = [reply.text == fact.value for fact, reply in zip(facts, replies, strict=True)]
    return sum(right) / len(right)


def made_by(world: World, replies: dict[str, list[Reply]], arguments: Sequence[str]) -> str:
    """What a reader needs to make the recordings again, as JSON."""
    packages = ("torch", "transformers", "peft", "tokenizers")
    facts = {
        "command": " ".join(["python examples/tiny_lora/train.py", *arguments]),
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()} | {one: version(one) for one in packages},
        "questions": len(world.heldout),
        "exact_match": {name: exact_match(world.heldout, each) for name, each in replies.items()},
    }
    return json.dumps(facts, indent=2) + "\n"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/tiny_lora"), help="models go here")
    parser.add_argument("--suite", type=Path, default=SUITE, help="folder of the facts suite")
    parser.add_argument(
        "--recordings", type=Path, help="recordings go here (OUT/recordings), or `none`"
    )
    parser.add_argument("--questions", type=int, help="a smaller world: so many held-out questions")
    parser.add_argument("--base-steps", type=int, default=BASE.steps)
    parser.add_argument("--reader-steps", type=int, default=READER.course.steps)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, tune, record, and print what each arm reached."""
    options = parse(arguments)
    prepare()
    world = read_world(options.suite, options.questions)
    options.out.mkdir(parents=True, exist_ok=True)
    train_base(world, replace(BASE, steps=options.base_steps), options.out)
    write_documents(world, options.out / "world.jsonl")
    for name, adapter in ADAPTERS.items():
        train_adapter(tuning_lessons(world), name, adapter, options.out)
    reader = replace(READER, course=replace(READER.course, steps=options.reader_steps))
    train_adapter(reading_lessons(world), "reader", reader, options.out)
    if str(options.recordings) != "none":
        record_all(world, options)


def prepare() -> None:
    """One thread and fixed algorithms: the same sums everywhere, and faster at this size."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def record_all(world: World, options: argparse.Namespace) -> None:
    """Ask every arm, write its recording, and print what it reached."""
    replies = record(world, ("base", *ADAPTERS), options.out)
    folder = options.recordings or options.out / "recordings"
    for name, each in replies.items():
        write_recording(folder / f"{name}.jsonl", world.heldout, each)
        print(f"{name}: exact match {exact_match(world.heldout, each):.3f}")
    shown = [f"--{key} {value}" for key, value in stated(options).items()]
    (folder / "made.json").write_text(made_by(world, replies, shown), encoding="utf-8")
    print(f"recordings: {folder}")


def stated(options: argparse.Namespace) -> dict[str, object]:
    """The options that differ from the defaults, as they would be typed."""
    default = parse([])
    return {
        key.replace("_", "-"): value
        for key, value in vars(options).items()
        if value != getattr(default, key)
    }


if __name__ == "__main__":
    main()
