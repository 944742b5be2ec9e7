"""Invented contracts and their summaries under six fixed headers.

Reads: clauses.yaml beside this file.  Gives: train.jsonl and heldout.jsonl, the same on every
machine.  Depends on: PyYAML.  Knows nothing of models.

    python suites/contract-summary/generate.py

A matter is one kind of contract between two parties.  It has three documents: the agreement, a
restated version and a renewal, which share parties, law and liability and differ in the rest.
"""

# ruff: noqa: INP001 - a command beside its data, no package
from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SEED = 20240903
TRAIN_MATTERS, HELDOUT_MATTERS = 40, 120
DOCUMENTS = {"2024": "", "2025": " (AS RESTATED)", "2026": " (RENEWAL)"}
"""The year each document of a matter begins in -> what its title adds."""

Written = dict[str, Any]  # Any: a part of clauses.yaml, whose shape its head describes


@dataclass
class Contract:
    """A contract being written: its sections in order, and what its summary says."""

    values: dict[str, str]
    rng: random.Random
    sections: list[tuple[str, str]] = field(default_factory=list)
    bullets: dict[str, list[str]] = field(default_factory=dict)

    def say(self, option: Written) -> str:
        """One of an option's wordings, filled in."""
        return str(self.rng.choice(option["clauses"]).format(**self.values))

    def note(self, header: str, option: Written) -> None:
        """The option's bullet, under its header."""
        bullet = option["bullet"].format(**self.values)
        self.bullets.setdefault(header, []).append(bullet[0].upper() + bullet[1:])


def matter_values(kind: Written, names: tuple[str, str]) -> dict[str, str]:
    """What all documents of a matter share."""
    return {
        "buyer": kind["buyer"],
        "seller": kind["seller"],
        "buyer_name": names[0],
        "seller_name": names[1],
        "title": kind["title"],
    }


def document_values(texts: Written, kind: Written, rng: random.Random) -> dict[str, str]:
    """What every document draws anew."""
    lists = {
        "product": kind["products"],
        "count": kind["counts"],
        "due": kind.get("dues", texts["dues"]),
        "percent": texts["percents"],
        "rate": texts["rates"],
        "length": texts["lengths"],
        "day": texts["days"],
        "month": texts["months"],
        "extra": texts["extras"],
        "notice": texts["notices"],
        "cure": texts["cures"],
        "after": texts["afters"],
        "penalty": texts["penalties"],
        "lapse": texts["lapses"],
    }
    return {name: rng.choice(choices) for name, choices in lists.items()}


def write_contract(texts: Written, kind: Written, shared: Written, rng: random.Random) -> Contract:
    """One document of a matter, with all its clauses in the order of their sections."""
    contract = Contract(values=shared["values"] | document_values(texts, kind, rng), rng=rng)
    values = contract.values
    contract.bullets["Parties"] = [
        f"{values['buyer']}: {values['buyer_name']}",
        f"{values['seller']}: {values['seller_name']}",
    ]
    contract.sections.append(("Subject", rng.choice(kind["subject"]).format(**values)))
    money, late = rng.choice(kind["money"]), rng.choice(texts["late"])
    values["price"] = rng.choice(money.get("prices", ["0"]))  # a share of sales has no price
    contract.sections.append(("Payment", f"{contract.say(money)} {contract.say(late)}"))
    contract.note("Money", money)
    contract.note("Money", late)
    term, renewal = texts["term"][0], rng.choice(texts["renewal"])
    contract.sections.append(("Term", f"{contract.say(term)} {contract.say(renewal)}"))
    contract.note("Duration", term)
    contract.note("Duration", renewal)
    values["notice"] = rng.choice(texts["notices"])  # notice to leave differs from that to refuse
    leave, cause = rng.choice(texts["convenience"]), texts["cause"][0]
    contract.sections.append(("Termination", f"{contract.say(leave)} {contract.say(cause)}"))
    contract.note("Exit", leave)
    contract.note("Exit", cause)
    for title, option in (("Liability", shared["liability"]), ("Law", shared["law"])):
        contract.sections.append((title, contract.say(option)))
        contract.note("Risk", option)
    add_traps(contract, texts)
    return contract


def add_traps(contract: Contract, texts: Written) -> None:
    """None, one or two unusual clauses, and boilerplate, in any order after the subject."""
    rng = contract.rng
    traps = rng.sample(texts["traps"], rng.choice((0, 1, 1, 2)))
    loose = [("Further duties", contract.say(trap)) for trap in traps]
    loose += [("General", text) for text in rng.sample(texts["boilerplate"], rng.choice((2, 3)))]
    for section in loose:
        contract.sections.insert(rng.randrange(1, len(contract.sections) + 1), section)
    for trap in traps:
        contract.note("Watch out", trap)
    contract.bullets.setdefault("Watch out", [texts["nothing"]])


def contract_text(contract: Contract, suffix: str) -> str:
    """The whole document: title, parties, numbered sections."""
    values = contract.values
    head = (
        f"{values['title']}{suffix}\n\n"
        f'between {values["buyer_name"]} (the "{values["buyer"]}") '
        f'and {values["seller_name"]} (the "{values["seller"]}")\n'
    )
    body = "\n".join(
        f"{number}. {title}. {text}" for number, (title, text) in enumerate(contract.sections, 1)
    )
    return f"{head}\n{body}"


def summary_text(contract: Contract, headers: list[str]) -> str:
    """The bullets under their headers, each header once and in order."""
    return "\n".join(
        line
        for header in headers
        for line in (f"## {header}", *(f"- {bullet}" for bullet in contract.bullets[header]))
    )


def matter_rows(
    number: int, texts: Written, names: tuple[str, str], rng: random.Random
) -> list[Written]:
    """The documents of one matter."""
    kind = texts["kinds"][number % len(texts["kinds"])]
    shared: Written = {
        "values": matter_values(kind, names)
        | {"cap": rng.choice(texts["caps"]), "limit": rng.choice(texts["limits"])}
        | {"currency": rng.choice(texts["currencies"])}
        | rng.choice(texts["places"]),
        "liability": rng.choice(texts["liability"]),
        "law": rng.choice(texts["law"]),
    }
    cluster = f"{kind['name']}-{number + 1:03d}"
    rows = []
    for place, (year, suffix) in enumerate(DOCUMENTS.items(), start=1):
        shared["values"]["year"] = year
        contract = write_contract(texts, kind, shared, rng)
        traps = contract.bullets["Watch out"] != [texts["nothing"]]
        rows.append(
            {
                "id": f"{cluster}-{place}",
                "contract": contract_text(contract, suffix),
                "summary": summary_text(contract, texts["headers"]),
                "matter": cluster,
                "metadata": {"kind": kind["name"], "traps": "some" if traps else "none"},
            }
        )
    return rows


def company_pairs(texts: Written, count: int, rng: random.Random) -> list[tuple[str, str]]:
    """`count` pairs of companies; no company stands in two of them."""
    names = [f"{first} {last}" for first in texts["first_names"] for last in texts["last_names"]]
    drawn = [f"{name} {rng.choice(texts['forms'])}" for name in rng.sample(names, 2 * count)]
    return list(zip(drawn[::2], drawn[1::2], strict=True))


def main() -> None:
    """Write both files."""
    texts = yaml.safe_load((HERE / "clauses.yaml").read_text(encoding="utf-8"))
    rng = random.Random(SEED)  # noqa: S311 - a data set, not a secret
    pairs = company_pairs(texts, TRAIN_MATTERS + HELDOUT_MATTERS, rng)
    matters = [matter_rows(number, texts, names, rng) for number, names in enumerate(pairs)]
    for part, chosen in (
        ("train", matters[:TRAIN_MATTERS]),
        ("heldout", matters[TRAIN_MATTERS:]),
    ):
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for rows in chosen for row in rows]
        (HERE / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
