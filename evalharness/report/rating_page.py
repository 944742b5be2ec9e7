"""A rating pack for people: one offline HTML page with keyboard control, and a table.

Reads: a pack's items.  Gives: text.
Depends on: nothing of ours: the pack is handed in as plain rows.  Knows no arm's name.
The page loads nothing and sends nothing: its policy forbids every connection, its one script is
allowed by hash, and all texts are put in as text, never as markup.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final, TypeAlias

RISKY: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet takes a cell for a formula."""


JsonRow: TypeAlias = dict[str, Any]  # Any: an item of the pack as JSON


def rating_page(pack: str, kind: str, scale: tuple[int, int], items: Sequence[JsonRow]) -> str:
    """The page.

    items: {"item", "question", "answers"} each, and {"shown"}: what else stands beside the
    question; kind: `preference` or `rating`.
    """
    folder = files("evalharness.report").joinpath("templates")
    script = folder.joinpath("rating.js").read_text(encoding="utf-8")
    style = folder.joinpath("rating.css").read_text(encoding="utf-8")
    data = json.dumps(
        {"pack": pack, "kind": kind, "scale": list(scale), "items": list(items)}
    ).replace("<", "\\u003c")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(script)}; style-src {_hash(style)}"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Rating {html.escape(pack)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<main id="page"></main>\n'
        f'<script type="application/json" id="pack">{data}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def rating_table(pack: str, kind: str, items: Sequence[JsonRow]) -> str:
    """The same as CSV, to be filled in: `choice` (left, right, tie) or `score`, and `comment`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    sides = ["left", "right"] if kind == "preference" else ["answer"]
    asked = "choice" if kind == "preference" else "score"
    shown = list(dict.fromkeys(name for item in items for name in item.get("shown", ())))
    beside_names = [f"shown: {name}" for name in shown]  # a field may be called "score" itself
    writer.writerow(["pack", "item", "question", *beside_names, *sides, asked, "comment"])
    for item in items:
        beside = [item.get("shown", {}).get(name, "") for name in shown]
        row = [pack, item["item"], item["question"], *beside, *item["answers"], "", ""]
        writer.writerow([_cell(str(cell)) for cell in row])
    return out.getvalue()


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text


def _hash(source: str) -> str:
    """How a content security policy names an inline source."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
