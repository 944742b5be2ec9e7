"""`evalharness doctor`: what works on this machine, and how to mend the rest."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import click

from evalharness.cli.options import JSON
from evalharness.records import Record

KEYS = ("TOGETHER_API_KEY", "OPENAI_API_KEY", "TINKER_API_KEY")

EXTRAS: dict[str, tuple[str, ...]] = {
    "report": ("matplotlib", "pandas", "pyarrow"),
    "hf": ("datasets", "evaluate"),
    "rouge": ("rouge_score", "nltk"),
    "bertscore": ("bert_score", "torch", "transformers"),
    "onnx": ("onnxruntime",),
    "together": ("together",),
    "openai": ("openai",),
    "tinker": ("tinker",),
    "local": ("torch", "transformers", "peft"),
    "rag": ("bm25s",),
    "judge": ("krippendorff", "choix"),
}


class Check(Record, frozen=True, kw_only=True):
    """One thing that works or does not."""

    what: str
    works: bool
    detail: str
    mend: str = ""


@click.command(name="doctor")
@JSON
def command(as_json: bool) -> int:
    """Say what works on this machine: Python, sandbox, keys, extras; and how to mend the rest."""
    checks = [_python(), *_keys(), *_extras(), *_sandbox(), _writable()]
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(checks), indent=1).decode())
        return 0
    width = max(len(check.what) for check in checks)
    for check in checks:
        click.echo(f"{'ok ' if check.works else 'no '} {check.what:<{width}}  {check.detail}")
        if not check.works and check.mend:
            click.echo(f"    {'':<{width}}  mend: {check.mend}")
    return 0


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check(what="python", works=sys.version_info >= (3, 11), detail=version)


def _keys() -> list[Check]:
    return [
        Check(
            what=name,
            works=bool(os.environ.get(name)),
            detail="set" if os.environ.get(name) else "not set",
            mend=f"export {name}=... to ask that provider",
        )
        for name in KEYS
    ]


def _extras() -> list[Check]:
    checks = []
    for extra, packages in EXTRAS.items():
        lacking = [name for name in packages if importlib.util.find_spec(name) is None]
        detail = f"lacks {', '.join(lacking)}" if lacking else ", ".join(packages)
        checks.append(
            Check(
                what=f"extra {extra}",
                works=not lacking,
                detail=detail,
                mend=f"pip install 'evalharness[{extra}]'",
            )
        )
    return checks


def _sandbox() -> list[Check]:
    from evalharness.sandbox import probe

    return [
        Check(what=f"sandbox {found.name}", works=found.works, detail=found.detail, mend=found.mend)
        for found in probe()
    ]


def _writable() -> Check:
    folder = Path.cwd()
    works = os.access(folder, os.W_OK)
    return Check(
        what="working folder",
        works=works,
        detail=str(folder),
        mend="change to a folder you may write to, or give --out",
    )
