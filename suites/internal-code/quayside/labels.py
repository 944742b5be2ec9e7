"""Texts on crates and screens of the invented port operator Quayside."""

WIDTH = 20  # signs on one line of a crate screen


def clip(text, width):
    """`text` cut to `width` signs; a cut text ends in "~". ValueError for a width below 1."""
    if width < 1:
        raise ValueError("no room")
    return text if len(text) <= width else text[: width - 1] + "~"


# family: screens


def two_columns(left, right):
    """One screen line: `left` flush left, `right` flush right, WIDTH signs in all.

    At least one blank stands between them. If they do not fit, the left one is cut with `clip`. A right
    text of more than WIDTH - 2 signs is a ValueError.

    >>> two_columns("tea", "12 kg")
    'tea            12 kg'
    >>> two_columns("a very long name of a crate", "7")
    'a very long name ~ 7'
    """
    room = WIDTH - len(right) - 1
    if room < 1:
        raise ValueError("the right text is too long")
    return clip(left, room).ljust(room) + " " + right


def wrap_words(text):
    """A text as screen lines of at most WIDTH signs, broken between words.

    Words are what white space separates; a word longer than WIDTH is cut into pieces of WIDTH signs, and
    what is left of it starts a new line. An empty text has no lines.

    >>> wrap_words("load the heavy crates first please")
    ['load the heavy', 'crates first please']
    """
    lines, line = [], ""
    for word in text.split():
        while len(word) > WIDTH:
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:WIDTH])
            word = word[WIDTH:]
        if not word:
            continue
        if line and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        lines.append(line)
    return lines


def scroll(text, steps):
    """What a WIDTH-wide screen shows of a long text after so many steps to the left.

    Texts that fit stand still, padded with blanks. Longer ones run round: after the text come three
    blanks, then the text again.

    >>> scroll("tea", 5) == "tea".ljust(20)
    True
    >>> scroll("abcdefghijklmnopqrstuvwx", 2)
    'cdefghijklmnopqrstuv'
    """
    if len(text) <= WIDTH:
        return text.ljust(WIDTH)
    ring = text + "   "
    return "".join(ring[(steps + place) % len(ring)] for place in range(WIDTH))


def progress_bar(done, total):
    """A bar of ten signs, "#" for every full tenth done and "." for the rest, and the percent.

    The percent is rounded down and stands after a blank. A total of 0 is done; more than total is full.

    >>> progress_bar(1, 3)
    '###....... 33%'
    >>> progress_bar(0, 0)
    '########## 100%'
    """
    percent = 100 if total <= 0 else min(100, 100 * done // total)
    full = percent // 10
    return "#" * full + "." * (10 - full) + f" {percent}%"


# family: names


def crate_name(words):
    """A crate's short name: the first letters of its words, upper case; one word gives three letters.

    Words are separated by blanks or dashes. Words that start with no letter are skipped. No word is a
    ValueError.

    >>> crate_name("green tea - loose")
    'GTL'
    >>> crate_name("coffee")
    'COF'
    """
    found = [word for word in words.replace("-", " ").split() if word[0].isalpha()]
    if not found:
        raise ValueError("no word")
    if len(found) == 1:
        return found[0][:3].upper()
    return "".join(word[0] for word in found).upper()


def unique_names(names):
    """Names made different: the second "tea" becomes "tea-2", the third "tea-3", and so on.

    A made name that is taken already, by any other name of the list, is skipped for the next number.

    >>> unique_names(["tea", "rum", "tea", "tea"])
    ['tea', 'rum', 'tea-2', 'tea-3']
    >>> unique_names(["tea", "tea", "tea-2"])
    ['tea', 'tea-3', 'tea-2']
    """
    given, used, made = set(names), set(), []
    for name in names:
        if name not in used:
            new = name
        else:
            number = 2
            while f"{name}-{number}" in used or f"{name}-{number}" in given:
                number += 1
            new = f"{name}-{number}"
        used.add(new)
        made.append(new)
    return made


def natural_order(names):
    """Names sorted as people do: runs of digits count as numbers, letters without regard to case.

    Digits come before letters; names that are equal so stand in the order of their plain texts.

    >>> natural_order(["bay 10", "Bay 9", "bay 2"])
    ['bay 2', 'Bay 9', 'bay 10']
    """

    def key(name):
        parts, run = [], ""
        for sign in name.lower() + "\0":
            if sign.isdecimal():
                run += sign
                continue
            if run:
                parts.append((0, int(run), ""))
                run = ""
            if sign != "\0":
                parts.append((1, 0, sign))
        return parts, name

    return sorted(names, key=key)


def initials_clash(names):
    """Pairs of names with the same initials, as sorted tuples in a sorted list.

    Initials are the first letters of the words, in upper case. Names are different.

    >>> initials_clash(["Ann Lee", "Al Lund", "Bo Lee"])
    [('Al Lund', 'Ann Lee')]
    """

    def initials(name):
        return "".join(word[0] for word in name.split()).upper()

    ordered = sorted(names)
    return [
        (one, other)
        for place, one in enumerate(ordered)
        for other in ordered[place + 1 :]
        if initials(one) == initials(other)
    ]


# family: templates


def fill_label(template, values):
    """A template with its {names} filled in; an unknown name stays as it stands.

    "{{" and "}}" become single braces. Values are written with str(). A brace that is never closed stays
    as it stands.

    >>> fill_label("{item}: {count} {unit}", {"item": "tea", "count": 3})
    'tea: 3 {unit}'
    >>> fill_label("{{x}} {x}", {"x": 1})
    '{x} 1'
    """
    text, at = "", 0
    while at < len(template):
        pair = template[at : at + 2]
        if pair in ("{{", "}}"):
            text += pair[0]
            at += 2
            continue
        if template[at] == "{":
            end = template.find("}", at)
            name = template[at + 1 : end]
            if end > 0 and name in values:
                text += str(values[name])
                at = end + 1
                continue
        text += template[at]
        at += 1
    return text


def template_names(template):
    """The {names} of a template in the order of their first place, each once.

    "{{" and "}}" are escaped braces and start no name. An unclosed brace is a ValueError.

    >>> template_names("{item}: {count} of {item} {{not me}}")
    ['item', 'count']
    """
    names, at = [], 0
    while at < len(template):
        if template[at : at + 2] in ("{{", "}}"):
            at += 2
        elif template[at] == "{":
            end = template.find("}", at)
            if end < 0:
                raise ValueError("a brace is not closed")
            name = template[at + 1 : end]
            if name not in names:
                names.append(name)
            at = end + 1
        else:
            at += 1
    return names


def mask_digits(text, keep):
    """`text` with all its digits but the last `keep` of them replaced by "*"; other signs stay.

    >>> mask_digits("KL-1234 567", 3)
    'KL-**** 567'
    """
    digits = sum(sign.isdecimal() for sign in text)
    masked, seen = "", 0
    for sign in text:
        if sign.isdecimal():
            seen += 1
            masked += "*" if seen <= digits - keep else sign
        else:
            masked += sign
    return masked
