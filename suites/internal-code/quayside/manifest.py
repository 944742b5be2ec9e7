"""Lines of cargo manifests of the invented port operator Quayside: "key=value" fields, joined by "|"."""

REQUIRED = ("id", "qty", "unit")


def split_fields(line):
    """The (key, value) pairs of a line; ValueError for a part without "=" or an empty key."""
    pairs = []
    for part in line.split("|"):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"no field: {part!r}")
        pairs.append((key.strip(), value.strip()))
    return pairs


# family: reading lines


def read_line(line):
    """A manifest line as a dict; keys in lower case, the last of equal keys wins.

    Use `split_fields`, which strips blanks and raises ValueError for a broken part.

    >>> read_line("ID=7 | qty = 3|note=a=b")
    {'id': '7', 'qty': '3', 'note': 'a=b'}
    """
    return {key.lower(): value for key, value in split_fields(line)}


def missing_keys(line):
    """The keys of REQUIRED that a line lacks or leaves empty, in the order of REQUIRED.

    Keys are compared in lower case. Use `split_fields`.

    >>> missing_keys("ID=7|qty=")
    ['qty', 'unit']
    """
    found = {key.lower() for key, value in split_fields(line) if value}
    return [key for key in REQUIRED if key not in found]


def write_line(fields):
    """A dict as a manifest line: required keys first in their order, the others sorted by key.

    Values are written with str(). A required key that is absent is left out. A key or value that holds
    "|", or a key that holds "=", is a ValueError.

    >>> write_line({"unit": "kg", "id": 7, "b": 1, "a": ""})
    'id=7|unit=kg|a=|b=1'
    """
    order = [key for key in REQUIRED if key in fields]
    order += sorted(key for key in fields if key not in REQUIRED)
    parts = []
    for key in order:
        value = str(fields[key])
        if "|" in key or "=" in key or "|" in value:
            raise ValueError(f"cannot be written: {key!r}")
        parts.append(f"{key}={value}")
    return "|".join(parts)


def changed_fields(before, after):
    """What changed between two lines: {key: (old, new)}, None for a field that is not there.

    Keys are in lower case and sorted; equal values are left out. Use `split_fields`; the last of equal
    keys wins.

    >>> changed_fields("id=7|qty=3", "id=7|qty=4|note=x")
    {'note': (None, 'x'), 'qty': ('3', '4')}
    """
    old = {key.lower(): value for key, value in split_fields(before)}
    new = {key.lower(): value for key, value in split_fields(after)}
    return {
        key: (old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    }


# family: quantities


def read_quantity(text):
    """A quantity like "3x40 kg" or "120kg": (total, unit).

    Factors are whole numbers joined by "x" (or "X" or "*"); the unit is letters only and comes back in
    lower case. Blanks are optional everywhere. Anything else is a ValueError.

    >>> read_quantity("3 x 40 KG")
    (120, 'kg')
    """
    plain = text.replace(" ", "").lower().replace("*", "x")
    end = len(plain)
    while end and plain[end - 1].isalpha():
        end -= 1
    number, unit = plain[:end], plain[end:]
    factors = number.split("x")
    if not unit or not all(factor.isdecimal() for factor in factors):
        raise ValueError(f"no quantity: {text!r}")
    total = 1
    for factor in factors:
        total *= int(factor)
    return total, unit


def to_kilograms(amount, unit):
    """A weight in grams, as a whole number: units g, kg, t and lb (453.59237 g), any case.

    The amount is a whole number. Pounds are rounded to the nearest gram, halves up. An unknown unit is a
    ValueError. Mind: the function's name is old; the result is in grams.

    >>> to_kilograms(2, "kg")
    2000
    >>> to_kilograms(10, "LB")
    4536
    """
    unit = unit.lower()
    if unit == "lb":
        return (amount * 45359237 + 50000) // 100000
    grams = {"g": 1, "kg": 1000, "t": 1000000}
    if unit not in grams:
        raise ValueError(f"unknown unit: {unit!r}")
    return amount * grams[unit]


def total_by_unit(quantities):
    """Quantities (amount, unit) added up by unit, {unit: amount}, sorted by unit.

    Units are compared in lower case; "pc", "pcs" and "piece" are one unit, "pc".

    >>> total_by_unit([(3, "KG"), (2, "pcs"), (4, "kg"), (1, "piece")])
    {'kg': 7, 'pc': 3}
    """
    same = {"pcs": "pc", "piece": "pc"}
    totals = {}
    for amount, unit in quantities:
        unit = same.get(unit.lower(), unit.lower())
        totals[unit] = totals.get(unit, 0) + amount
    return dict(sorted(totals.items()))


def pack_counts(quantity, sizes):
    """How many packs of each size hold a quantity exactly with the fewest packs; None if impossible.

    Sizes are different positive numbers. The result is {size: count} without zeros, from the largest
    size down. Of equally few packs, the one with more of the largest size wins, then of the next.

    >>> pack_counts(12, [10, 6, 1])
    {6: 2}
    >>> pack_counts(7, [4, 6]) is None
    True
    """
    order = sorted(sizes, reverse=True)

    def search(rest, place):
        if rest == 0:
            return 0, {}
        if place == len(order):
            return None
        best = None
        for count in range(rest // order[place], -1, -1):
            found = search(rest - count * order[place], place + 1)
            if found is not None and (best is None or count + found[0] < best[0]):
                packs = {order[place]: count} if count else {}
                best = (count + found[0], packs | found[1])
        return best

    found = search(quantity, 0)
    return None if found is None else found[1]


# family: whole manifests


def duplicate_ids(lines):
    """Ids that stand on several lines: {id: [line numbers]}, lines counted from 1.

    The id is the value of "id" in any case; lines without one are skipped. In the order of the first
    occurrence. Use `split_fields`.

    >>> duplicate_ids(["id=a", "ID=b", "id=a", "qty=1"])
    {'a': [1, 3]}
    """
    places = {}
    for number, line in enumerate(lines, start=1):
        fields = {key.lower(): value for key, value in split_fields(line)}
        if "id" in fields:
            places.setdefault(fields["id"], []).append(number)
    return {key: numbers for key, numbers in places.items() if len(numbers) > 1}


def broken_lines(lines):
    """Numbers (from 1) of lines that `split_fields` refuses. Lines of blanks only are fine.

    >>> broken_lines(["id=1", "", "oops", "=x"])
    [3, 4]
    """
    broken = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            split_fields(line)
        except ValueError:
            broken.append(number)
    return broken


def join_continued(lines):
    """Lines with their continuations joined: a line that ends with "\\" goes on in the next one.

    The backslash is removed and blanks at the start of the next line too. A backslash at the end of the
    last line is removed as well.

    >>> join_continued(["a=1|\\\\", "   b=2", "c=3"])
    ['a=1|b=2', 'c=3']
    """
    joined, open_line = [], None
    for line in lines:
        text = line if open_line is None else open_line + line.lstrip(" ")
        if text.endswith("\\"):
            open_line = text[:-1]
        else:
            joined.append(text)
            open_line = None
    if open_line is not None:
        joined.append(open_line)
    return joined


def manifest_digest(lines):
    """A number from 0 to 9999 that stands for a manifest, whatever the order of its lines.

    For each line, add up code point times position (from 1) over its characters; add the lines'
    numbers; the remainder by 10000. Blanks at both ends of a line do not count, empty lines add nothing.

    >>> manifest_digest(["ab", " ba "])
    585
    """
    total = 0
    for line in lines:
        text = line.strip()
        total += sum(ord(sign) * place for place, sign in enumerate(text, start=1))
    return total % 10000
