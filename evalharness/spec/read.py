"""YAML files -> Suite, Baseline, Policy; anything unexpected is refused with its place.

Reads: one YAML file.  Gives: the records of `spec.suite`.
Depends on: records, errors, spec.suite, spec.gates.  Imports nothing that a file names.
"""

from __future__ import annotations

import hashlib
import re
import types
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from evalharness.errors import SpecError, did_you_mean
from evalharness.spec.gates import check_gate
from evalharness.spec.suite import Baseline, MetricSpec, Policy, Suite

Spec = TypeVar("Spec", Suite, Baseline, Policy)

RESERVED_METRIC_KEYS = {"name", "label"}


def read_suite(path: Path) -> Suite:
    """The suite that a file describes.

    Raises SpecError with the file, the path inside it, its line and the mend.
    """
    raw, text = load_yaml(path)
    _spread_metrics(raw, path, text)
    _spread_policy(raw.get("policy"), path, text, prefix="policy.")
    suite = convert(raw, Suite, path, text)
    _check_suite(suite, path, text)
    return msgspec.structs.replace(suite, base=str(path.parent), sha256=digest(suite))


def read_baseline(path: Path) -> Baseline:
    """The baseline that a file describes. Raises SpecError as `read_suite` does."""
    raw, text = load_yaml(path)
    raw.setdefault("name", path.stem)
    return msgspec.structs.replace(convert(raw, Baseline, path, text), base=str(path.parent))


def read_policy(path: Path) -> Policy:
    """A policy from a file of its own, or from the `policy` of a suite file."""
    raw, text = load_yaml(path)
    prefix = "policy." if "policy" in raw else ""
    raw = raw.get("policy", raw)
    _spread_policy(raw, path, text, prefix=prefix)
    policy = convert(raw, Policy, path, text)
    for number, gate in enumerate(policy.gates):
        check_gate(gate, where(path, text, f"{prefix}gates[{number}]"))
    return policy


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
        node = yaml.compose(text, Loader=_loader())
        if node is not None:
            _refuse_duplicate_keys(node, path)
        raw = yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader, see _loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "cannot be read as YAML"
        raise SpecError(
            f"not valid YAML: {problem}", where=place, mend="mend the syntax"
        ) from error
    if not isinstance(raw, dict):
        raise SpecError("a mapping of keys is expected", where=str(path), mend="see docs/suites.md")
    return raw, text


def _loader() -> Any:  # Any: yaml's loaders share no typed base
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refuse_duplicate_keys(node: Any, path: Path) -> None:  # Any: a yaml node
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise SpecError(
                    f"key '{key.value}' is given twice",
                    where=f"{path}:{key.start_mark.line + 1}",
                    mend="keep one of them",
                )
            seen.add(key.value)
            _refuse_duplicate_keys(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_duplicate_keys(value, path)


def _spread_metrics(raw: dict[str, Any], path: Path, text: str) -> None:
    """Turn `rouge_l` and `{name: rouge_l, stemmer: true}` into MetricSpec's shape, in place."""
    metrics = raw.get("metrics")
    if not isinstance(metrics, list):
        return
    for number, entry in enumerate(metrics):
        if isinstance(entry, str):
            metrics[number] = {"name": entry}
        elif isinstance(entry, dict) and isinstance(entry.get("name"), str):
            options = {key: entry[key] for key in entry if key not in RESERVED_METRIC_KEYS}
            kept = {key: entry[key] for key in entry if key in RESERVED_METRIC_KEYS}
            metrics[number] = {**kept, "options": options}
        else:
            raise SpecError(
                f"a metric is a name or a mapping with a `name`, got {entry!r}",
                where=where(path, text, f"metrics[{number}]"),
                mend="for example `- f1` or `- {name: rouge_l, stemmer: true}`",
            )


def _spread_policy(raw: Any, path: Path, text: str, *, prefix: str) -> None:
    """Accept `max_drop` for `margin`, in place."""
    gates = raw.get("gates") if isinstance(raw, dict) else None
    for number, gate in enumerate(gates if isinstance(gates, list) else []):
        if isinstance(gate, dict) and "max_drop" in gate:
            if "margin" in gate:
                raise SpecError(
                    "`margin` and its alias `max_drop` are both given",
                    where=where(path, text, f"{prefix}gates[{number}]"),
                    mend="keep one of them",
                )
            gate["margin"] = gate.pop("max_drop")


def convert(raw: dict[str, Any], kind: type[Spec], path: Path, text: str) -> Spec:
    """The typed record, or a SpecError that names the path inside the file."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, inside = str(error).partition(" - at `$")
        inside = inside.rstrip("`").lstrip(".")
        unknown = re.search(r"unknown field `(.+)`", message)
        if unknown:
            known = _fields_at(kind, inside)
            near = did_you_mean(unknown.group(1), known)
            spot = f"{inside}.{unknown.group(1)}" if inside else unknown.group(1)
            raise SpecError(
                f"unknown key '{unknown.group(1)}'",
                where=where(path, text, spot),
                mend=near or f"known here: {', '.join(known)}",
            ) from error
        raise SpecError(
            message[0].lower() + message[1:],
            where=where(path, text, inside),
            mend="see docs/suites.md for every key and its type",
        ) from error


def _fields_at(kind: Any, inside: str) -> list[str]:
    """The keys known at a path like "policy.gates[2]"."""
    for part in re.findall(r"\[[^\]]*\]|[^.\[\]]+", inside):
        inner = part.startswith("[")
        kind = _unwrap(kind) if inner else _field_type(_unwrap_optional(kind), part)
    kind = _unwrap_optional(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [field.encode_name for field in msgspec.structs.fields(kind)]
    return []


def _field_type(kind: Any, name: str) -> Any:
    for field in msgspec.structs.fields(kind):
        if field.encode_name == name:
            return field.type
    return kind


def _unwrap_optional(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _unwrap(kind: Any) -> Any:
    arguments = get_args(_unwrap_optional(kind))
    return arguments[0] if arguments else kind


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


def _check_suite(suite: Suite, path: Path, text: str) -> None:
    """What types cannot say: one data source, distinct labels, gates that can be judged."""
    if suite.data.path and suite.data.hf:
        raise SpecError(
            "both `data.path` and `data.hf` are given",
            where=where(path, text, "data"),
            mend="keep one of them",
        )
    labels: set[str] = set()
    for number, metric in enumerate(suite.metrics):
        if metric.key in labels:
            raise SpecError(
                f"two metrics are called '{metric.key}'",
                where=where(path, text, f"metrics[{number}]"),
                mend="give one of them a `label`",
            )
        labels.add(metric.key)
    if suite.generation.repeats < 1:
        raise SpecError(
            f"repeats must be at least 1, got {suite.generation.repeats}",
            where=where(path, text, "generation.repeats"),
        )
    _check_policy_numbers(suite.policy, path, text)
    for number, gate in enumerate(suite.policy.gates):
        check_gate(gate, where(path, text, f"policy.gates[{number}]"))


def _check_policy_numbers(policy: Policy, path: Path, text: str) -> None:
    for name, number, low, high in (
        ("alpha", policy.alpha, 0.0, 0.5),
        ("power", policy.power, 0.0, 1.0),
        ("min_coverage", policy.min_coverage, 0.0, 1.0),
    ):
        inside = low < number < high or (name == "min_coverage" and number in (0.0, 1.0))
        if not inside:
            raise SpecError(
                f"`{name}` must lie between {low:g} and {high:g}, got {number:g}",
                where=where(path, text, f"policy.{name}"),
            )


def digest(spec: Suite | Policy | MetricSpec | Baseline) -> str:
    """sha256 of what a specification says, whatever file and folder it stands in."""
    if isinstance(spec, Suite):
        spec = msgspec.structs.replace(spec, base="", sha256="")
    elif isinstance(spec, Baseline):
        spec = msgspec.structs.replace(spec, base="")
    return hashlib.sha256(msgspec.json.encode(spec, order="sorted")).hexdigest()


def digest_parts(*parts: str | None) -> str:
    """sha256 of a few texts, kept apart; None differs from an empty text."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
