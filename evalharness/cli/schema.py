"""`evalharness schema KIND`: the JSON Schema of a file that users write or programs read."""

from __future__ import annotations

import json

import click

KINDS = ("suite", "baseline", "policy", "facts")


@click.command(name="schema")
@click.argument("kind", type=click.Choice(KINDS))
def command(kind: str) -> int:
    """Print the JSON Schema of suite, baseline and policy files, or of facts.json.

    Editors complete and check a file by it; docs/suites.md shows how.
    """
    if kind == "facts":
        from evalharness.report.jsonfile import facts_schema

        schema = facts_schema()
    else:
        from evalharness.spec.schema import spec_schema

        schema = spec_schema(kind)
    click.echo(json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False))
    return 0
