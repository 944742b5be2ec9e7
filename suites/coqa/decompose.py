"""What each part of the published CoQA protocol does to exact match and F1, one mended at a time.

Reads: conversations (chat rows, or the rows of convert.py).  Asks: two models, live.
Gives: tables as Markdown on standard output; under OUT the rows, the arms and every run.
Depends on: evalharness's Python face.

    python suites/coqa/decompose.py --base M --tuned M --data conversations.jsonl [--out runs/coqa]
"""

# ruff: noqa: INP001, T201 - a command beside its suite, no package; its tables are its result
from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalharness.api import compare, default_options, evaluate
from evalharness.data.sources import open_source
from evalharness.records import Sample
from evalharness.results import Facts, MetricSummary
from evalharness.spec.suite import DataSpec

SUITE = Path(__file__).with_name("cookbook.yaml")
BRIEF = "Answer with a few words, taken from the story if possible."
SAMPLED, PINNED = (
    "{temperature: 0.7, max_tokens: 64}",
    "{temperature: 0.0, max_tokens: 64, seed: 7}",
)
HISTORIES = ("none", "gold", "predicted")

Row = dict[str, Any]  # Any: a row of JSON, as the harness reads it
Policy = Callable[[MetricSummary], float | None]


@dataclass(frozen=True)
class Way:
    """One way of asking: which rows, which history, how the answers are decoded."""

    rows: Path
    history: str
    generation: str = PINNED


class Asking:
    """Asks both models in a way and remembers what came of it; files and runs go under `out`."""

    def __init__(self, models: dict[str, str], out: Path) -> None:
        self.models = models
        self.out = out
        self._facts: dict[Way, dict[str, Facts]] = {}

    def ask(self, way: Way) -> dict[str, Facts]:
        """The facts of both models, by "base" and "tuned"."""
        if way not in self._facts:
            arms = [str(self._arm(role, way)) for role in self.models]
            options = replace(
                default_options(),
                out=self.out / "runs",
                data=way.rows,
                cache_dir=self.out / "answers",  # the same question is never asked twice
            )
            found = evaluate(SUITE, arms, options=options)
            self._facts[way] = dict(zip(self.models, found, strict=True))
        return self._facts[way]

    def interval(self, way: Way) -> str:
        """F1 of tuned minus base, with its interval."""
        runs = [str(self.out / "runs" / one.arms[0].summary.run) for one in self.ask(way).values()]
        options = replace(default_options(), out=self.out / "runs", data=way.rows)
        rows = compare(runs[0], runs[1], options=options).comparisons
        row = next(row for row in rows if row.metric == "f1" and row.slice is None)
        if row.difference is None or row.lower is None or row.upper is None:
            return f"undetermined: {row.reason}"
        groups = f"{row.n} questions in {row.n_clusters} groups"
        return f"{row.difference:+.3f} [{row.lower:+.3f}, {row.upper:+.3f}] ({groups})"

    def _arm(self, role: str, way: Way) -> Path:
        """A baseline file: this model, asked in this way."""
        decoded = "sampled" if way.generation == SAMPLED else "pinned"
        path = self.out / "arms" / f"{role}-{way.history}-{decoded}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"model: {self.models[role]}\nprompt: {{history: {way.history}}}\n"
            f"generation: {way.generation}\n",
            encoding="utf-8",
        )
        return path


def as_zero(metric: MetricSummary) -> float | None:
    """The score with every failed request counted as a wrong answer."""
    value = getattr(metric.estimate, "value", None)
    return value if isinstance(value, float) else None


def left_out(metric: MetricSummary) -> float | None:
    """The score over the answered questions only."""
    return metric.value_answered


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    """Rows as JSON Lines; gives the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_row(sample: Sample) -> Row:
    """One question with its conversation and its references; the story is its cluster."""
    messages = [{"role": turn.role, "content": turn.content} for turn in sample.messages]
    return {
        "id": sample.id,
        "messages": messages,
        "target": list(sample.targets),
        "cluster": sample.cluster or sample.id.rpartition("#")[0],
    }


def published(row: Row) -> Row:
    """The row as the recipe scores it: the first reference, every question for itself."""
    return row | {"target": row["target"][:1], "cluster": row["id"]}


def brief(row: Row) -> Row:
    """The row with a request for short answers in its system message."""
    first, *rest = row["messages"]
    if first["role"] != "system":
        return row | {"messages": [{"role": "system", "content": BRIEF}, first, *rest]}
    told = first | {"content": f"{BRIEF}\n{first['content']}"}
    return row | {"messages": [told, *rest]}


def shown(value: float | None) -> str:
    """A score for a table."""
    return "none" if value is None else f"{value:.3f}"


def scores(facts: dict[str, Facts], policy: Policy) -> list[float | None]:
    """EM and F1 of base, EM and F1 of tuned."""
    return [
        policy(one.arms[0].summary.metrics[metric])
        for one in facts.values()
        for metric in ("em", "f1")
    ]


def policies(asking: Asking, rows: Path) -> list[str]:
    """The first table: every history policy under both ways of counting a failed request."""
    table = [
        "| history | failures | base EM | base F1 | tuned EM | tuned F1 | failed: base, tuned |",
        "|---|---|---|---|---|---|---|",
    ]
    for history in HISTORIES:
        facts = asking.ask(Way(rows, history))
        failed = [str(one.arms[0].summary.n_failed) for one in facts.values()]
        for name, policy in (("scored 0", as_zero), ("left out", left_out)):
            cells = [history, name, *map(shown, scores(facts, policy)), ", ".join(failed)]
            table.append(f"| {' | '.join(cells)} |")
    return table


def steps(asking: Asking, files: dict[str, Path]) -> list[str]:
    """The second table: from the published protocol on, one defect mended after the other."""
    one = files["one"]
    told = Way(files["brief"], "gold")
    ways: list[tuple[str, Way, Policy]] = [
        ("as published", Way(one, "none", SAMPLED), as_zero),
        ("failed requests left out", Way(one, "none", SAMPLED), left_out),
        ("decoding pinned", Way(one, "none"), left_out),
        ("answers shown in the conversation", Way(one, "gold"), left_out),
        ("both told to be brief", told, left_out),
    ]
    if "all" in files:
        ways.append(("all references by the official rule", Way(files["all"], "gold"), left_out))
    table = [
        "| mended so far | base EM | base F1 | tuned EM | tuned F1 | F1 gained | change of it |",
        "|---|---|---|---|---|---|---|",
    ]
    before: float | None = None
    for name, way, policy in ways:
        found = scores(asking.ask(way), policy)
        gained = None if found[1] is None or found[3] is None else found[3] - found[1]
        change = "" if before is None or gained is None else f"{gained - before:+.3f}"
        table.append(f"| {' | '.join([name, *map(shown, found), shown(gained), change])} |")
        before = gained
    return table


def to_the_letter(asking: Asking, way: Way) -> str:
    """Exact match of both models with and without normalisation."""
    pairs = [
        f"{role} {shown(left_out(metrics['to_the_letter']))} instead of "
        f"{shown(left_out(metrics['em']))}"
        for role, one in asking.ask(way).items()
        for metrics in (one.arms[0].summary.metrics,)
    ]
    return f"Exact match without SQuAD's normalisation, answers shown: {', '.join(pairs)}."


def write_files(samples: Sequence[Sample], out: Path) -> dict[str, Path]:
    """The rows that are asked, by how they are scored."""
    rows = [as_row(sample) for sample in samples]
    told = [brief(row) for row in rows]
    files = {
        "one": write_rows(out / "rows/published.jsonl", map(published, rows)),
        "brief": write_rows(out / "rows/brief.jsonl", map(published, told)),
        "stories": write_rows(out / "rows/by-story.jsonl", told),
    }
    if any(len(row["target"]) > 1 for row in rows):
        alone = (row | {"cluster": row["id"]} for row in told)
        files["all"] = write_rows(out / "rows/all-references.jsonl", alone)
    return files


def main() -> None:
    """Ask, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", required=True, help="a model, as `--model` takes it")
    parser.add_argument("--tuned", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/coqa"))
    options = parser.parse_args()
    source = open_source(DataSpec(turns="all"), base=Path(), override=options.data)
    files = write_files(list(source), options.out)
    asking = Asking({"base": options.base, "tuned": options.tuned}, options.out)
    print("\n".join(policies(asking, files["one"])), end="\n\n")
    print("\n".join(steps(asking, files)), end="\n\n")
    print(to_the_letter(asking, Way(files["one"], "gold")), end="\n\n")
    apart = Way(files.get("all", files["brief"]), "gold")
    print("F1 gained, all of this mended, a failed request counted against the tuned model:")
    print(f"- every question for itself: {asking.interval(apart)}")
    print(f"- by story: {asking.interval(Way(files['stories'], 'gold'))}")


if __name__ == "__main__":
    main()
