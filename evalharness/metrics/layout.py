"""Layout rules: headers that must stand, bullets, lengths; what a house style asks of an answer.

Reads: answers.  Gives: rows (0 or 1, 1).
Depends on: base, timed_regex.
A rule says in words what is broken, or nothing; a metric is one rule, `format_ok` all that are
given.  All rules but patterns are linear in the length of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from evalharness.contracts import MetricKind, Need
from evalharness.metrics.base import ItemMetric, Judged, choice, flag, yes_no
from evalharness.metrics.timed_regex import TimedPattern, too_slow
from evalharness.records import Item, JsonObject, Unscored

_BULLET: Final = re.compile(r"[ \t]*(?:[-*+\u2022\u2013\u25cf\u25aa]|\d{1,3}[.)])[ \t]+(\S.*)?")
_SENTENCE_END: Final = re.compile(r"[.!?\u3002\uff01\uff1f]+[\"')\]\u201d]*(?=\s|$)")
_UNITS: Final[dict[str, Callable[[str], int]]] = {
    "words": lambda text: len(text.split()),
    "characters": len,
    "lines": lambda text: sum(1 for line in text.split("\n") if line.strip()),
    "sentences": lambda text: max(len(_SENTENCE_END.findall(text)), int(bool(text.strip()))),
}


def header_of(line: str) -> str:
    """What a line says as a header: without #, bold marks, a last colon, and case.

    >>> header_of("## **Key Terms:**")
    'key terms'
    """
    return line.strip().lstrip("#").strip().strip("*_ ").rstrip(":").strip("*_ ").casefold()


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """These headers stand on lines of their own, each once at least, in this order if asked."""

    headers: tuple[str, ...]
    ordered: bool = True

    def broken(self, text: str) -> str | None:
        """What is broken, or None."""
        first: dict[str, int] = {}
        for place, line in enumerate(text.split("\n")):
            first.setdefault(header_of(line), place)
        missing = [header for header in self.headers if header_of(header) not in first]
        if missing:
            return f"header missing: {missing[0]}"
        places = [first[header_of(header)] for header in self.headers]
        if self.ordered and places != sorted(places):
            return "headers out of order"
        return None


@dataclass(frozen=True, slots=True)
class BulletRule:
    """How many bullets there are under each header (or in all), and how long one may be.

    headers: where given, the rule holds for each section that begins with one of them; a header
    that is not there has no bullets.
    only: nothing but bullets, blank lines and headers is allowed.
    """

    least: int = 1
    most: int | None = None
    most_words: int | None = None
    only: bool = False
    headers: tuple[str, ...] = ()

    def broken(self, text: str) -> str | None:
        """What is broken, or None."""
        known = {header_of(header) for header in self.headers}
        sections: list[tuple[str, int]] = [] if known else [("the answer", 0)]
        for line in text.split("\n"):
            bullet = _BULLET.match(line)
            if bullet is None:
                if header_of(line) in known:
                    sections.append((header_of(line), 0))
                elif self.only and line.strip() and not line.lstrip().startswith("#"):
                    return f"not a bullet: {line.strip()[:40]}"
                continue
            if self.most_words is not None and len((bullet[1] or "").split()) > self.most_words:
                return f"bullet of more than {self.most_words} words"
            if sections:
                name, count = sections[-1]
                sections[-1] = (name, count + 1)
        found = {name for name, _ in sections}
        sections += [(name, 0) for name in map(header_of, self.headers) if name not in found]
        return self._miscounted(sections)

    def _miscounted(self, sections: Sequence[tuple[str, int]]) -> str | None:
        """The first section with too few or too many bullets."""
        for name, count in sections:
            if count < self.least:
                return f"{count} bullets under {name}, at least {self.least} wanted"
            if self.most is not None and count > self.most:
                return f"{count} bullets under {name}, at most {self.most} wanted"
        return None


@dataclass(frozen=True, slots=True)
class LengthRule:
    """At least and at most so many words, characters, lines (not blank) or sentences."""

    unit: str = "words"
    least: int | None = None
    most: int | None = None

    def broken(self, text: str) -> str | None:
        """What is broken, or None."""
        count = _UNITS[self.unit](text)
        if self.least is not None and count < self.least:
            return f"{count} {self.unit}, at least {self.least} wanted"
        if self.most is not None and count > self.most:
            return f"{count} {self.unit}, at most {self.most} wanted"
        return None


@dataclass(frozen=True, slots=True)
class PatternRule:
    """A pattern that must (or must not) match somewhere. Raises TimeoutError when too slow."""

    pattern: TimedPattern
    wanted: bool = True

    def broken(self, text: str) -> str | None:
        """What is broken, or None."""
        if (self.pattern.search(text) is not None) == self.wanted:
            return None
        return f"{'no match for' if self.wanted else 'a match for'} {self.pattern.pattern}"


Rule = HeaderRule | BulletRule | LengthRule | PatternRule


class LayoutMetric(ItemMetric):
    """1 where no rule is broken. rules: tried in order."""

    kind: MetricKind = "binary"
    needs: frozenset[Need] = frozenset()
    rules: tuple[Rule, ...] = ()

    def value(self, item: Item) -> Judged:
        """1 or 0; unscored where a pattern is too slow."""
        try:
            return 1.0 if self.broken(item.text) is None else 0.0
        except TimeoutError:
            slow = [rule.pattern.pattern for rule in self.rules if isinstance(rule, PatternRule)]
            return Unscored(reason=too_slow(" or ".join(slow)))

    def broken(self, text: str) -> str | None:
        """The first thing that is broken, or None."""
        for rule in self.rules:
            problem = rule.broken(text)
            if problem is not None:
                return problem
        return None


class Headers(LayoutMetric):
    """1 where every required header stands on a line of its own.

    headers: their words; #, bold marks, a last colon and case do not matter.  ordered: true by
    default.  Raises ValueError for an empty list.

    >>> from evalharness.testing import score_texts
    >>> metric = Headers(headers=["Parties", "Term"])
    >>> nl = chr(10)
    >>> score_texts(metric, [f"## Parties{nl}- A{nl}**Term:**{nl}- 1 y", "Term"], [[], []])
    0.5
    """

    name = "headers"

    def __init__(self, *, headers: Sequence[str], ordered: bool = True) -> None:
        rule = HeaderRule(texts("headers", headers), yes_no("ordered", ordered))
        self.rules = (rule,)
        super().__init__(f"headers:{'/'.join(rule.headers)}", f"ordered:{flag(rule.ordered)}")


class Bullets(LayoutMetric):
    """1 where the bullets keep the rules.

    min, max: how many, under each of `headers` if given, else in all (at least 1 by default).
    max_words: of one bullet.  only: nothing but bullets, headers and blank lines.
    A bullet begins with -, *, +, a round or square mark, or a number with a dot or bracket.

    >>> from evalharness.testing import score_texts
    >>> score_texts(Bullets(max_words=3), ["- one two", "- one two three four"], [[], []])
    0.5
    """

    name = "bullets"

    def __init__(
        self,
        *,
        min: int = 1,  # noqa: A002  (the word of suite files)
        max: int | None = None,  # noqa: A002
        max_words: int | None = None,
        only: bool = False,
        headers: Sequence[str] = (),
    ) -> None:
        options = {"min": min, "max": max, "max_words": max_words, "only": only}
        rule = bullet_rule(options, headers=texts("headers", headers) if headers else ())
        self.rules = (rule,)
        super().__init__(
            f"min:{rule.least}",
            f"max:{rule.most}",
            f"words:{rule.most_words}",
            f"only:{flag(rule.only)}",
            *([f"headers:{'/'.join(rule.headers)}"] if rule.headers else []),
        )


class Length(LayoutMetric):
    """1 where the answer's length is within limits.

    min, max: inclusive; at least one of them.  unit: `words` (default), `characters`, `lines`
    (not blank) or `sentences`.  Raises ValueError for neither limit or an unknown unit.

    >>> from evalharness.testing import score_texts
    >>> score_texts(Length(max=3), ["one two", "one two three four"], [[], []])
    0.5
    """

    name = "length"

    def __init__(
        self,
        *,
        min: int | None = None,  # noqa: A002  (the word of suite files)
        max: int | None = None,  # noqa: A002
        unit: str = "words",
    ) -> None:
        rule = length_rule({"unit": unit, "min": min, "max": max})
        self.rules = (rule,)
        super().__init__(f"unit:{unit}", f"min:{rule.least}", f"max:{rule.most}")


class FormatOk(LayoutMetric):
    """1 where the answer keeps all the format rules that are given.

    headers, ordered: as for `headers`.  bullets: the options of `bullets` (under each header,
    where headers are given).  length: the options of `length`.  require, forbid: regular
    expressions that must, or must not, match.
    Raises ValueError if no rule is given or a rule is wrong.

    >>> from evalharness.testing import score_texts
    >>> metric = FormatOk(headers=["Term"], bullets={"min": 1}, forbid=["(?i)as an ai"])
    >>> score_texts(metric, ["# Term" + chr(10) + "- one year", "# Term"], [[], []])
    0.5
    """

    name = "format_ok"

    def __init__(
        self,
        *,
        headers: Sequence[str] = (),
        ordered: bool = True,
        bullets: JsonObject | None = None,
        length: JsonObject | None = None,
        require: Sequence[str] = (),
        forbid: Sequence[str] = (),
    ) -> None:
        named = texts("headers", headers) if headers else ()
        rules: list[Rule] = []
        if named:
            rules.append(HeaderRule(named, yes_no("ordered", ordered)))
        if bullets is not None:
            rules.append(bullet_rule(bullets, headers=named))
        if length is not None:
            rules.append(length_rule(length))
        rules += [PatternRule(TimedPattern(one)) for one in require]
        rules += [PatternRule(TimedPattern(one), wanted=False) for one in forbid]
        if not rules:
            raise ValueError("no rule is given: headers, bullets, length, require or forbid")
        self.rules = tuple(rules)
        super().__init__(*(described(rule) for rule in rules))


def bullet_rule(options: JsonObject, *, headers: Sequence[str] = ()) -> BulletRule:
    """A bullet rule from {min, max, max_words, only}. Raises ValueError for anything else."""
    only_known("bullets", options, ("min", "max", "max_words", "only"))
    least = count("bullets: min", options.get("min", 1))
    return BulletRule(
        least or 0,
        count("bullets: max", options.get("max")),
        count("bullets: max_words", options.get("max_words")),
        yes_no("bullets: only", options.get("only", False)),
        tuple(headers),
    )


def length_rule(options: JsonObject) -> LengthRule:
    """A length rule from {unit, min, max}. Raises ValueError for anything else."""
    only_known("length", options, ("unit", "min", "max"))
    unit = choice("length: unit", options.get("unit", "words"), tuple(_UNITS))
    least = count("length: min", options.get("min"))
    most = count("length: max", options.get("max"))
    if least is None and most is None:
        raise ValueError("length: give min, max or both")
    return LengthRule(unit, least, most)


def only_known(option: str, options: JsonObject, known: Sequence[str]) -> None:
    """Refuse what is no mapping, and keys that mean nothing. Raises ValueError."""
    if not isinstance(options, dict):
        raise ValueError(f"{option} must be a mapping; got {options!r}")  # noqa: TRY004
    for key in options:
        if key not in known:
            raise ValueError(f"{option} has no option '{key}'; its options: {', '.join(known)}")


def described(rule: Rule) -> str:
    """A rule as a signature writes it."""
    if isinstance(rule, HeaderRule):
        return f"headers:{'/'.join(rule.headers)}{'' if rule.ordered else ':any_order'}"
    if isinstance(rule, BulletRule):
        only = ":only" if rule.only else ""
        return f"bullets:{rule.least}..{rule.most}:{rule.most_words}{only}"
    if isinstance(rule, LengthRule):
        return f"{rule.unit}:{rule.least}..{rule.most}"
    return f"{'require' if rule.wanted else 'forbid'}:{rule.pattern.pattern}"


def texts(option: str, value: Sequence[str]) -> tuple[str, ...]:
    """An option that must be a list of non-empty texts. Raises ValueError."""
    if isinstance(value, str) or not all(isinstance(one, str) and one.strip() for one in value):
        raise ValueError(f"{option} must be a list of texts; got {value!r}")
    if not value:
        raise ValueError(f"{option} must not be empty")
    return tuple(value)


def count(option: str, value: object) -> int | None:
    """An option that must be a whole number >= 0, or None. Raises ValueError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{option} must be a whole number >= 0; got {value!r}")
    return value
