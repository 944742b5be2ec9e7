"""bless: a complete run -> a baseline in git; and whether such a baseline still answers for itself.

Reads: a run folder; `baselines/<suite>/<name>/`.  Writes: that folder, and its copy below `out`.
Gives: `bless`, `resolve_baseline`, `execute_with_blessed`, `stale`.
Depends on: arms, execute, integrity, plan (the held-out data), prompts, store.blessed.
Only baselines are taken from git: a candidate is always asked, or shown as a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from evalharness.clients.stack import Shared
from evalharness.errors import SpecError, StoreError, UsageError
from evalharness.results import Invalid
from evalharness.spec.locate import find_suite, roots
from evalharness.spec.read import read_suite
from evalharness.spec.suite import ExtractSpec, Suite
from evalharness.stages.arms import Arm, resolve
from evalharness.stages.deciding.integrity import sandbox_stamps
from evalharness.stages.execute import execute
from evalharness.stages.options import Report, RunOptions
from evalharness.stages.plan import heldout
from evalharness.store.blessed import (
    BlessedFolder,
    is_blessed,
    keep_answers,
    read_blessed,
    unpack,
    write_blessed,
)
from evalharness.store.keys import sha256_of
from evalharness.store.runs import RunFolder

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def bless(run: RunFolder, *, name: str | None, root: Path) -> BlessedFolder:
    """Write a run as a baseline without its answers' texts; gives its folder.

    name: how gates call it, the arm's own name if None.  root: the folder of baselines.
    Raises StoreError for a run that is incomplete, partial, or judged outside a real sandbox.
    """
    summary, manifest = run.summary(), run.manifest()
    chosen = name if name is not None else manifest.arm
    if not NAME.fullmatch(chosen):
        raise UsageError(
            f"'{chosen}' is no name for a baseline",
            mend="letters, digits, dots, dashes and underscores: `--as prompted-70b`",
        )
    if manifest.limit is not None or manifest.shard is not None:
        raise StoreError(
            f"run '{run.path.name}' asked only a part of the samples",
            where=str(run.path),
            mend="run it without --limit and --shard, then bless that run",
        )
    stamps = sandbox_stamps(run)
    if stamps:
        raise StoreError(
            f"run '{run.path.name}' is stamped {', '.join(stamps)}: its passes could be forged",
            where=str(run.path),
            mend="`evalharness doctor` says what the sandbox lacks here",
        )
    extract = _scored_with(manifest.suite, summary.fingerprints.get("suite", ""))
    place = root / summary.suite / chosen
    return write_blessed(run, place, name=chosen, extract=_extract_hash(extract))


def bless_with_answers(run: RunFolder, *, name: str | None, root: Path) -> BlessedFolder:
    """As `bless`, with the texts beside the rows, so that reports show both arms' answers."""
    blessed = bless(run, name=name, root=root)
    keep_answers(run, blessed.path)
    return blessed


def resolve_baseline(reference: str, *, suite: str, out: Path) -> Arm:
    """The arm that `--baseline` means: a blessed one of this suite, else as `resolve` says.

    Raises UsageError for a reference that means nothing, or a baseline blessed for another suite.
    """
    folder = _find(reference, suite)
    if folder is None:
        return resolve(reference, suite=suite)
    blessed = read_blessed(folder)
    of = blessed.file.manifest.suite.name
    if of != suite:
        raise UsageError(
            f"baseline '{reference}' was blessed for the suite '{of}', not '{suite}'",
            where=str(folder),
            mend=f"evalharness gate {of} ...",
        )
    run = unpack(blessed, out)
    return Arm(name=blessed.file.name, reference=reference, run=run, blessed=folder)


def execute_with_blessed(
    suite: Suite,
    arms: Sequence[Arm],
    options: RunOptions,
    report: Report,
    *,
    shared: Shared | None = None,
) -> list[RunFolder]:
    """As `execute`; blessed arms are taken as they are, neither asked nor scored again."""
    asked = [arm for arm in arms if arm.blessed is None]
    done = iter(execute(suite, asked, options, report, shared=shared))
    return [arm.run if arm.blessed and arm.run else next(done) for arm in arms]


def stale(suite: Suite, arms: Sequence[Arm], options: RunOptions) -> Iterator[Invalid]:
    """Why blessed arms no longer answer today's question.

    Other sample content and other metric signatures show when runs are paired; here it is what
    the rows cannot show: the prompt, the decoding and the extraction that they came from.
    """
    for arm in arms:
        if arm.blessed is None:
            continue
        blessed = read_blessed(arm.blessed)
        for code, message in _changes(suite, blessed, options):
            told = f"the blessed baseline {arm.name} is stale: {message}; run and bless it again"
            yield Invalid(code=code, message=told, suite=suite.name, arm=arm.name)


def _changes(
    suite: Suite, blessed: BlessedFolder, options: RunOptions
) -> Iterator[tuple[str, str]]:
    """(code, what changed) since the blessing."""
    from evalharness.prompts.build import build_program

    file = blessed.file
    if not blessed.whole:
        yield "edited", "its marks.jsonl is not the one that was blessed"
    if _extract_hash(suite.extract) != file.extract:
        yield "stale_extract", "the suite takes answers out of the text by another rule"
    if suite.data.turns != file.manifest.suite.data.turns:
        yield "stale_data", "the suite scores other turns of its conversations"
    if not file.manifest.fingerprints.get("prompt"):
        return  # a recording: nothing was asked by us
    maker = _maker(file.manifest.reference, suite.name)
    if maker is None:
        return
    prompt = maker.prompt or suite.prompt
    base = maker.base if maker.prompt and maker.base else Path(suite.base)
    program = build_program(
        prompt, base=base, where=maker.where or suite.base, heldout=heldout(suite, options)
    )
    if program.sha256 != file.manifest.fingerprints["prompt"]:
        yield "stale_prompt", "the prompt has changed since"
    generation = maker.generation or suite.generation
    if sha256_of(generation) != file.manifest.fingerprints.get("generation"):
        yield "stale_generation", "the decoding options have changed since"


def _maker(reference: str, suite: str) -> Arm | None:
    """The arm that was asked, as it is written today; None where its file is gone."""
    try:
        return resolve(reference, suite=suite)
    except (UsageError, SpecError, StoreError):
        return None


def _find(reference: str, suite: str) -> Path | None:
    """A blessed folder by path, or by `<suite>/<name>` or `<name>` below `baselines/`."""
    path = Path(reference)
    if is_blessed(path):
        return path
    if path.is_file():
        return None
    for root in roots("baselines"):
        for name in (reference, f"{suite}/{reference}"):
            if is_blessed(root / name):
                return root / name
    return None


def _scored_with(suite: Suite, scored: str) -> ExtractSpec | None:
    """The extraction that a run's marks came from: that of the suite it was last scored by."""
    if scored in ("", suite.sha256):
        return suite.extract
    for reference in (suite.base, suite.name):
        try:
            found = read_suite(find_suite(reference))
        except (UsageError, SpecError):
            continue
        if found.sha256 == scored:
            return found.extract
    raise StoreError(
        "the run was scored by a suite that has changed since, so its rows cannot be explained",
        mend=f"score it again: `evalharness score {suite.name} RUN`",
    )


def _extract_hash(extract: ExtractSpec | None) -> str:
    return sha256_of(extract)
