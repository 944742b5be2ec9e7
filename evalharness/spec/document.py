"""One YAML file as a mapping that is safe to read on, and places in it for people.

Reads: one YAML file.  Gives: the mapping and its text; `where` a path inside it stands.
Depends on: errors; yaml, when a file is read.  Knows nothing of what the keys mean.
Refused here, with the line: what is no YAML, duplicate keys, keys that are no text, dates and
other kinds that no specification holds, numbers that are not finite, loops and excess.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from evalharness.errors import SpecError

MAX_DEPTH = 50
"""Lists and mappings inside each other."""

MAX_VALUES = 100_000
"""Values in one file, aliases counted as often as they are used."""

MAX_DIGITS = 19
"""Of a whole number: what 64 bits hold."""

TAG = "tag:yaml.org,2002:"
KINDS = {"str", "int", "float", "bool", "null", "map", "seq"}
"""What a file is made of, as YAML names it."""

OLD_NUMBER = re.compile(r":|^[-+]?0[0-9_]+$")
"""1:30 is 90 and 010 is 8 in YAML 1.1."""


def load_yaml(path: Path) -> tuple[dict[str, Any], str]:  # Any: YAML before it is typed
    """The mapping that a YAML file holds, and its text; duplicate keys are refused."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SpecError(
            f"cannot read '{path}': {error.strerror}", mend="check the path and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise SpecError(
            f"'{path.name}' is not UTF-8 text (byte {error.start})",
            where=str(path),
            mend="save the file as UTF-8",
        ) from error
    try:
        _refuse_depth(text, path)
        node = yaml.compose(text, Loader=_loader())
        if node is not None:
            _check_node(node, path, {})
        raw = yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader, see _loader
    except yaml.YAMLError as error:
        raise _not_yaml(error, path) from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        # What yaml's constructors raise for a value that is not what its tag or its looks say.
        raise SpecError(
            f"a value cannot be read: {error}", where=str(path), mend="put quotes around it"
        ) from error
    if not isinstance(raw, dict):
        raise SpecError("a mapping of keys is expected", where=str(path), mend="see docs/suites.md")
    return raw, text


def _not_yaml(error: Exception, path: Path) -> SpecError:
    """A syntax error with its line, as far as yaml knows it."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return SpecError(
        f"not valid YAML: {problem or 'cannot be read'}",
        where=f"{path}:{mark.line + 1}" if mark else str(path),
        mend="mend the syntax",
    )


def _loader() -> Any:  # Any: yaml's loaders share no typed base
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refuse_depth(text: str, path: Path) -> None:
    """Refuse what is nested deeper than any specification: composing it could end the process."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=_loader()):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _node_error(f"nested deeper than {MAX_DEPTH}", event, path, "see docs/suites.md")


def _check_node(node: Any, path: Path, sizes: dict[int, int]) -> int:  # Any: a yaml node
    """Refuse duplicate keys and what no specification holds; gives how many values a node is.

    sizes: of the nodes seen so far; 0 while one is being walked, so that a loop is noticed, and
    aliases of aliases are counted without being walked again.
    """
    import yaml

    known = sizes.get(id(node))
    if known == 0:
        raise _node_error("an anchor holds itself", node, path, "write the value out")
    if known is not None:
        return known
    sizes[id(node)] = 0
    size = 1
    _check_kind(node, path)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            _check_key(key, seen, path)
            size += _check_node(value, path, sizes)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_check_node(value, path, sizes) for value in node.value)
    if size > MAX_VALUES:
        raise _node_error(
            f"more than {MAX_VALUES} values", node, path, "keep data in the file that `data` names"
        )
    sizes[id(node)] = size
    return size


def _check_key(key: Any, seen: set[str], path: Path) -> None:  # Any: a yaml node
    if key.tag not in (f"{TAG}str", f"{TAG}merge"):
        raise _node_error("a key must be a text", key, path, "put quotes around it")
    if key.value in seen:
        raise _node_error(f"key '{key.value}' is given twice", key, path, "keep one of them")
    seen.add(key.value)


def _check_kind(node: Any, path: Path) -> None:  # Any: a yaml node
    """Refuse dates, sets, binary and the like, 1:30 for 90, 010 for 8, and what is not finite."""
    kind = node.tag.removeprefix(TAG)
    if kind not in KINDS:
        raise _node_error(
            f"a YAML {kind} is nothing that a key takes", node, path, "put quotes around it"
        )
    if kind not in ("int", "float"):
        return
    if kind == "int" and len(node.value) > MAX_DIGITS:
        raise _node_error(
            f"a whole number of {len(node.value)} digits", node, path, "put quotes around a text"
        )
    if node.value.lower().lstrip("+-") in (".nan", ".inf"):
        raise _node_error(f"{node.value} is no number to decide by", node, path, "give a number")
    if OLD_NUMBER.search(node.value):
        raise _node_error(
            f"{node.value} is read by YAML to the base of 60 or 8",
            node,
            path,
            "put quotes around a text; write a number without colons and leading zeros",
        )


def _node_error(message: str, node: Any, path: Path, mend: str) -> SpecError:  # Any: a yaml node
    return SpecError(message, where=f"{path}:{node.start_mark.line + 1}", mend=mend)


def where(path: Path, text: str, inside: str) -> str:
    """A place for people: the file, the line if it can be found, and the path inside the file."""
    line = _line_of(text, inside)
    spot = f"{path}:{line}" if line else str(path)
    return f"{spot}, {inside}" if inside else spot


def _line_of(text: str, inside: str) -> int | None:
    """The line of a path like "policy.gates[2].margin", as far as it exists."""
    import yaml

    try:
        node = yaml.compose(text, Loader=_loader())
    except yaml.YAMLError:
        return None
    line: int | None = None
    for part in re.findall(r"[^.\[\]]+", inside):
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            return line
    return line
