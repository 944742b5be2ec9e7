"""YAML files -> Suite, Baseline, Policy; anything unexpected is refused with its place.

Reads: one YAML file.  Gives: the records of `spec.suite`.
Depends on: records, errors, spec.suite, spec.gates, spec.document.
Imports nothing that a file names.
"""

from __future__ import annotations

import hashlib
import re
import reprlib
import types
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from evalharness.errors import SpecError, did_you_mean
from evalharness.spec.document import load_yaml, where
from evalharness.spec.gates import check_gate
from evalharness.spec.judges import check_judges, is_judged_metric, judged_metric, spread_judges
from evalharness.spec.locate import baseline_names, is_file
from evalharness.spec.suite import Baseline, MetricSpec, Policy, Suite

Spec = TypeVar("Spec", Suite, Baseline, Policy)

RESERVED_METRIC_KEYS = {"name", "label"}
OWN_KEYS = {"base", "file", "sha256", "model_sha256"}
"""Fields that reading fills in; a file that sets them is refused."""


def read_suite(path: Path) -> Suite:
    """The suite that a file describes.

    Raises SpecError with the file, the path inside it, its line and the mend.
    """
    raw, text = load_yaml(path)
    _spread_metrics(raw, path, text)
    spread_judges(raw)
    _spread_policy(raw.get("policy"), path, text, prefix="policy.")
    suite = convert(raw, Suite, path, text)
    _check_suite(suite, path, text)
    suite = with_model_files(suite, path.parent)
    sha256 = digest(suite)
    return msgspec.structs.replace(suite, base=str(path.parent), file=path.name, sha256=sha256)


def read_baseline(path: Path) -> Baseline:
    """The baseline that a file describes. Raises SpecError as `read_suite` does."""
    raw, text = load_yaml(path)
    raw.setdefault("name", path.stem)
    return msgspec.structs.replace(convert(raw, Baseline, path, text), base=str(path.parent))


def with_model_files(suite: Suite, base: Path) -> Suite:
    """The suite, its judges with the hash of the files that their `model` names.

    So a judge whose file changes is another judge: its judgements are asked for anew, and metrics
    of the two are never compared.  Raises SpecError for a judge's file that is no baseline.
    """
    judges = tuple(
        msgspec.structs.replace(judge, model_sha256=_model_sha256(judge.model, base, suite.name))
        for judge in suite.judges
    )
    return msgspec.structs.replace(suite, judges=judges)


def _model_sha256(reference: str | None, base: Path, suite: str) -> str:
    """Hash of what a judge's file says of model, prompt and parameters, or of its recording."""
    file = _model_file(reference or "", base, suite)
    if file is None:
        return ""
    if file.suffix not in (".yaml", ".yml") or (reference or "").startswith("scripted/"):
        return _file_sha256(file)
    said = read_baseline(file)
    recording = file.parent / said.model
    return digest_parts(
        said.model,
        msgspec.json.encode((said.prompt, said.generation, said.options), order="sorted").decode(),
        _file_sha256(recording) if is_file(recording) else None,
    )


def _model_file(reference: str, base: Path, suite: str) -> Path | None:
    """The file that a judge's `model` names; None for a provider's model and for `{arm}`."""
    if not reference or "{arm}" in reference:
        return None
    script = reference.removeprefix("scripted/").partition("?")[0]
    for file in (base / reference, Path(reference), Path(script)):
        if is_file(file):
            return file
    named = baseline_names()
    return named.get(reference) or named.get(f"{suite}/{reference}")


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_policy(path: Path) -> Policy:
    """A policy from a file of its own, or from the `policy` of a suite file."""
    raw, text = load_yaml(path)
    prefix = "policy." if "policy" in raw else ""
    raw = raw.get("policy", raw)
    _spread_policy(raw, path, text, prefix=prefix)
    policy = convert(raw, Policy, path, text, prefix=prefix)
    _check_policy(policy, path, text, prefix=prefix)
    return policy


def _spread_metrics(raw: dict[str, Any], path: Path, text: str) -> None:
    """Turn `rouge_l` and `{name: rouge_l, stemmer: true}` into MetricSpec's shape, in place."""
    metrics = raw.get("metrics")
    if not isinstance(metrics, list):
        return
    for number, entry in enumerate(metrics):
        if isinstance(entry, str):
            metrics[number] = {"name": entry}
        elif is_judged_metric(entry):
            metrics[number] = judged_metric(entry)
        elif isinstance(entry, dict) and isinstance(entry.get("name"), str):
            options = {key: entry[key] for key in entry if key not in RESERVED_METRIC_KEYS}
            kept = {key: entry[key] for key in entry if key in RESERVED_METRIC_KEYS}
            metrics[number] = {**kept, "options": options}
        else:
            raise SpecError(
                f"a metric is a name or a mapping with a `name`, got {reprlib.repr(entry)}",
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


def convert(
    raw: dict[str, Any], kind: type[Spec], path: Path, text: str, *, prefix: str = ""
) -> Spec:
    """The typed record, or a SpecError that names the path inside the file.

    prefix: where in the file `raw` stands, e.g. "policy.".
    """
    try:
        if isinstance(raw, dict):
            _refuse_own_keys(raw, kind, path, text)
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, inside = str(error).partition(" - at `$")
        inside = inside.rstrip("`").lstrip(".")
        unknown = re.search(r"unknown field `(.+)`", message)
        if unknown:
            name = unknown.group(1)
            spot = f"{inside}.{name}" if inside else name
            place = where(path, text, prefix + spot)
            raise _unknown_key(name, _fields_at(kind, inside), place) from error
        raise SpecError(
            message[0].lower() + message[1:],
            where=where(path, text, (prefix + inside).rstrip(".")),
            mend=_choices(message, _type_at(kind, inside)),
        ) from error


def _refuse_own_keys(raw: dict[str, Any], kind: type[Spec], path: Path, text: str) -> None:
    for name in OWN_KEYS & raw.keys():
        raise _unknown_key(name, _fields_at(kind, ""), where(path, text, name))
    judges = raw.get("judges")
    for number, judge in enumerate(judges if isinstance(judges, list) else []):
        for name in OWN_KEYS & judge.keys() if isinstance(judge, dict) else ():
            place = f"judges[{number}]"
            known = _fields_at(kind, place)
            raise _unknown_key(name, known, where(path, text, f"{place}.{name}"))


def _unknown_key(name: str, known: list[str], place: str) -> SpecError:
    near = did_you_mean(name, known)
    listed = f"known here: {', '.join(known)}"
    return SpecError(
        f"unknown key '{name}'", where=place, mend=f"{near} {listed}" if near else listed
    )


def _choices(message: str, kind: Any) -> str:
    """The mend for a wrong value: the words that are known where only some are."""
    known = [str(value) for value in get_args(kind)] if get_origin(kind) is Literal else []
    wrong = re.search(r"enum value '(.+)'", message)
    if not wrong or not known:
        return "see docs/suites.md for every key and its type"
    return did_you_mean(wrong.group(1), known) or f"one of: {', '.join(known)}"


def _fields_at(kind: Any, inside: str) -> list[str]:
    """The keys known at a path like "policy.gates[2]"."""
    kind = _type_at(kind, inside)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        names = [field.encode_name for field in msgspec.structs.fields(kind)]
        return [name for name in names if name not in OWN_KEYS]
    return []


def _type_at(kind: Any, inside: str) -> Any:
    """The type at a path like "policy.gates[2]", None taken off where it is allowed."""
    parts = [part for part in re.sub(r"\[[^\]]*\]", ".[]", inside).split(".") if part]
    for part in parts:
        kind = _unwrap(kind) if part == "[]" else _field_type(_unwrap_optional(kind), part)
    return _unwrap_optional(kind)


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
    check_judges(suite, path, text)
    _check_policy(suite.policy, path, text, prefix="policy.")


def _check_policy(policy: Policy, path: Path, text: str, *, prefix: str) -> None:
    """Numbers that make sense, and gates that can be judged."""
    for name, number, low, high in (
        ("alpha", policy.alpha, 0.0, 0.5),
        ("power", policy.power, 0.0, 1.0),
        ("min_coverage", policy.min_coverage, 0.0, 1.0),
    ):
        inside = low < number < high or (name == "min_coverage" and number in (0.0, 1.0))
        if not inside:
            raise SpecError(
                f"`{name}` must lie between {low:g} and {high:g}, got {number:g}",
                where=where(path, text, f"{prefix}{name}"),
            )
    for number, gate in enumerate(policy.gates):
        check_gate(gate, where(path, text, f"{prefix}gates[{number}]"))


def digest(spec: Suite | Policy | MetricSpec | Baseline) -> str:
    """sha256 of what a specification says, whatever file and folder it stands in.

    A suite without judges, or that asks for answers, keeps the hash that it had before there was
    anything else.
    """
    if isinstance(spec, Suite):
        said = msgspec.to_builtins(msgspec.structs.replace(spec, base="", sha256=""))
        del said["file"]
        if not spec.judges:
            del said["judges"]
        if spec.ask == "answer":
            del said["ask"]
        for judge in said.get("judges", ()):
            _leave_out_defaults(judge)
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()
    if isinstance(spec, Baseline):
        spec = msgspec.structs.replace(spec, base="")
    return hashlib.sha256(msgspec.json.encode(spec, order="sorted")).hexdigest()


def _leave_out_defaults(judge: dict[str, Any]) -> None:
    """Drop what judges could not say at first and this one does not, in place."""
    for name, default in (("repeats", 1), ("combine", "mean"), ("model_sha256", "")):
        if judge[name] == default:
            del judge[name]


def digest_parts(*parts: str | None) -> str:
    """sha256 of a few texts, kept apart; None differs from an empty text."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
