"""`evalharness show RUN [SAMPLE]`: a run's results, or one sample whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from evalharness.cli.options import JSON, OUT, Output
from evalharness.errors import DataError, UsageError
from evalharness.records import Answered, JsonObject, Judgement, Message, Outcome, Sample
from evalharness.store.marks import MarkLine
from evalharness.store.runs import RunFolder, is_run


@click.command(name="show")
@click.argument("run")
@click.argument("sample", required=False)
@OUT
@JSON
def command(run: str, sample: str | None, out: Path, as_json: bool) -> int:
    """Show a run, or one of its samples whole: prompt, answer, references, every mark."""
    from evalharness.cli.output import find_folder, print_facts

    folder = find_folder(run, out)
    if sample is None:
        print_facts(folder, out=out, output=Output(as_json=as_json))
        return 0
    if not is_run(folder):
        raise UsageError(f"'{run}' is a gate; show a sample of one of its runs")
    _show_sample(RunFolder(folder), sample, as_json=as_json)
    return 0


def print_runs(
    folders: Sequence[RunFolder], *, as_json: bool, formats: tuple[str, ...] = ()
) -> None:
    """The results of several runs, one after another; each run's reports go into its folder."""
    from evalharness.cli.output import print_facts

    for folder in folders:
        output = Output(as_json=as_json, formats=formats)
        print_facts(folder.path, out=folder.path.parent, output=output)


def _show_sample(run: RunFolder, sample_id: str, *, as_json: bool) -> None:
    import msgspec

    from evalharness.stages.inspect_sample import look_up

    seen = look_up(run, sample_id)
    if seen is None:
        raise DataError(
            f"run '{run.path.name}' has no sample '{sample_id}'",
            where=str(run.marks_path),
            mend="sample ids stand in the report's flips and in marks.jsonl",
        )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(seen), indent=1).decode())
        return
    manifest = run.manifest()
    click.echo(f"{sample_id}  of {manifest.suite.name}, {manifest.arm} ({run.path.name})")
    _block("prompt", "\n".join(_turn(message) for message in seen.messages))
    for number, unit in enumerate(seen.units):
        _block(f"answer {number + 1}" if len(seen.units) > 1 else "answer", _answer(unit.outcome))
        _marks(unit.marks)
        _judgements(unit.judgements)
    _block("references", "\n".join(seen.sample.targets) or "(none)")
    _facts(seen.sample)


def _block(title: str, text: str) -> None:
    from evalharness.report.clean import visible

    click.echo(f"\n{title}")
    for line in text.split("\n"):
        click.echo(f"  {visible(line)}")


def _turn(message: Message) -> str:
    calls = "".join(f"\n{call.name}({call.arguments})" for call in message.tool_calls)
    return f"{message.role}: {message.content or ''}{calls}"


def _answer(outcome: Outcome) -> str:
    if not isinstance(outcome, Answered):
        return f"(failed: {outcome.kind}) {outcome.detail}"
    completion = outcome.completion
    notes = [f"finish {completion.finish}"]
    if completion.latency_s is not None:
        notes.append(f"{completion.latency_s:.3f} s")
    if completion.usage is not None:
        usage = completion.usage
        notes.append(f"{usage.prompt_tokens}+{usage.completion_tokens} tokens")
    if completion.cost_usd is not None:
        notes.append(f"${completion.cost_usd:.6f}")
    notes.append(completion.provenance.source)
    return f"{completion.text}\n[{', '.join(notes)}]"


def _marks(line: MarkLine | None) -> None:
    click.echo("\nmarks")
    if line is None:
        click.echo("  (not scored)")
        return
    width = max((len(label) for label in [*line.rows, *line.reasons]), default=0)
    for label, row in line.rows.items():
        shown = f"{row[0]:g}" if len(row) == 2 and row[1] == 1 else " ".join(f"{x:g}" for x in row)
        worst = "   counted as the worst: no answer" if label in line.best else ""
        click.echo(f"  {label:<{width}}  {shown}{worst}")
    for label, reason in line.reasons.items():
        click.echo(f"  {label:<{width}}  not scored: {reason}")


def _judgements(judgements: Mapping[str, Judgement]) -> None:
    """What judges said, with their reasons; the whole reply where it could not be read."""
    from evalharness.report.clean import one_line

    for name, judgement in judgements.items():
        if judgement.parsed is not None:
            said = "\n".join(_verdict(judgement.parsed))
        elif isinstance(judgement.outcome, Answered):
            said = f"{judgement.unread}\n{judgement.outcome.completion.text}"
        else:
            said = f"(failed: {judgement.outcome.kind}) {judgement.outcome.detail}"
        _block(one_line(f"judge {name} ({judgement.judge})"), said)


def _verdict(parsed: JsonObject) -> list[str]:
    """A judge's score and reason, and what it said of single claims or of declining."""
    lines = [f"{parsed['score']:g}  {parsed.get('reason') or ''}"]
    claims = parsed.get("claims")
    for claim in claims if isinstance(claims, list) else ():
        mark = "supported" if claim.get("supported") else "NOT SUPPORTED"
        lines.append(f"{mark}: {claim.get('claim', '')}")
    if "declined" in parsed:
        right = "rightly" if parsed["score"] else "wrongly"
        lines.append(f"the answer {'declines' if parsed['declined'] else 'answers'}, {right}")
    return lines


def _facts(sample: Sample) -> None:
    facts = [f"{name}={value}" for name, value in sample.slices.items()]
    if sample.cluster is not None:
        facts.append(f"cluster {sample.cluster}")
    facts.append(f"content {sample.content_sha256[:16]}")
    click.echo("\n" + "  ".join(facts))
