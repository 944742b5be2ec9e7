"""Tool calls: did the model ask for the tools that the reference asks for?

Reads: `completion.tool_calls`, `sample.target_tool_calls`.  Gives: rows (0 or 1, 1).
Depends on: base, text.json_text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evalharness.contracts import MetricKind, Need
from evalharness.metrics.base import ItemMetric, Judged, choice, flag, yes_no
from evalharness.records import Item, ToolCall, Unscored
from evalharness.text.json_text import NotJson, canonical_json, parse_json

_NOTHING_TO_CALL = Unscored(reason="the sample has neither tools nor reference tool calls")


class ToolCallMatch(ItemMetric):
    """1 where the calls equal the reference's: names, arguments, number.

    arguments: `equal` (default) compares them as JSON values (key order and 1 against 1.0 do not
    matter), `ignore` the names only.  ordered: the calls come in the reference's order (true).
    A sample with tools and no reference call wants none.

    >>> ToolCallMatch().signature
    'tool_call|arguments:equal|ordered:yes|v1'
    """

    name = "tool_call"
    kind: MetricKind = "binary"
    needs: frozenset[Need] = frozenset({"tool_calls"})

    def __init__(self, *, arguments: str = "equal", ordered: bool = True) -> None:
        self.arguments = choice("arguments", arguments, ("equal", "ignore"))
        self.ordered = yes_no("ordered", ordered)
        super().__init__(f"arguments:{self.arguments}", f"ordered:{flag(self.ordered)}")

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where the sample is not about tools."""
        sample = item.sample
        if not sample.target_tool_calls and not sample.tools:
            return _NOTHING_TO_CALL
        wanted = self._forms(sample.target_tool_calls)
        given = self._forms(item.completion.tool_calls)
        same = given == wanted if self.ordered else Counter(given) == Counter(wanted)
        return 1.0 if same else 0.0

    def _forms(self, calls: Sequence[ToolCall]) -> list[tuple[str, str]]:
        """Calls as they are compared."""
        if self.arguments == "ignore":
            return [(call.name, "") for call in calls]
        return [(call.name, canonical_arguments(call.arguments)) for call in calls]


def canonical_arguments(arguments: str) -> str:
    """Arguments in one way of writing; text that is no JSON stays as it is, marked as such.

    >>> canonical_arguments('{"b": 1.0, "a": [2]}')
    '{"a": [2], "b": 1}'
    """
    try:
        return canonical_json(parse_json(arguments or "{}"))
    except (NotJson, RecursionError):
        return f"not JSON: {arguments}"
