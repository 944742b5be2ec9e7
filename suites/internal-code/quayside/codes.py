"""Codes on crates, pallets and batches of the invented port operator Quayside."""

ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 34 signs: no I, no O


def sign_value(sign):
    """The value of a sign of ALPHABET, 0 to 33; ValueError for any other."""
    if len(sign) != 1 or sign not in ALPHABET:
        raise ValueError(f"no such sign: {sign!r}")
    return ALPHABET.index(sign)


# family: check signs


def check_sign(body):
    """The check sign of a crate code.

    Add up value times weight over the signs of `body`, where the weights run 2, 3, 4, ... from the
    right, and take the remainder by 34 as a sign of ALPHABET. An empty body is a ValueError, and so
    is a sign that is not in ALPHABET.

    >>> check_sign("A1")
    'Y'
    >>> check_sign("000")
    '0'
    """
    if not body:
        raise ValueError("empty body")
    total = sum(sign_value(sign) * weight for weight, sign in enumerate(reversed(body), start=2))
    return ALPHABET[total % 34]


def is_crate_code(code):
    """Whether `code` is a crate code: 6 to 10 signs, the last of which checks the rest.

    The check sign is `sum(value * weight) % 34` over the signs before it, with weights 2, 3, 4, ...
    from the right. Anything else, lower case and foreign signs included, is False; no error is raised.

    >>> is_crate_code("00000A" + "L")
    True
    >>> is_crate_code("00000AB")
    False
    """
    if not 6 <= len(code) <= 10 or any(sign not in ALPHABET for sign in code):
        return False
    body = code[:-1]
    total = sum(sign_value(sign) * weight for weight, sign in enumerate(reversed(body), start=2))
    return ALPHABET[total % 34] == code[-1]


def mend_sign(text):
    """`text` as a typist meant it: upper case, I read as 1 and O as 0, blanks and dashes gone.

    What is left must be signs of ALPHABET; otherwise a ValueError is raised.

    >>> mend_sign("io-4 b")
    '104B'
    """
    mended = text.upper().replace("I", "1").replace("O", "0")
    mended = mended.replace(" ", "").replace("-", "")
    for sign in mended:
        sign_value(sign)
    return mended


def find_swap(code, check):
    """Where two neighbours were swapped in `code`, given the check sign that the right code has.

    Give the lowest index i such that swapping code[i] and code[i + 1] makes
    `ALPHABET[sum(value * weight) % 34] == check` (weights 2, 3, ... from the right), trying only
    pairs of different signs. None if `code` already fits or no swap helps.

    >>> find_swap("1A", "Y")
    0
    >>> find_swap("A1", "Y") is None
    True
    """

    def sign_of(body):
        total = sum(sign_value(s) * w for w, s in enumerate(reversed(body), start=2))
        return ALPHABET[total % 34]

    if sign_of(code) == check:
        return None
    for i in range(len(code) - 1):
        if code[i] != code[i + 1]:
            swapped = code[:i] + code[i + 1] + code[i] + code[i + 2 :]
            if sign_of(swapped) == check:
                return i
    return None


# family: numbering


def number_to_tag(number):
    """A crate number as its tag: base 34 in the signs of ALPHABET, at least four of them.

    A negative number is a ValueError.

    >>> number_to_tag(0)
    '0000'
    >>> number_to_tag(34)
    '0010'
    >>> number_to_tag(34 ** 4)
    '10000'
    """
    if number < 0:
        raise ValueError("negative number")
    signs = []
    while number:
        number, rest = divmod(number, 34)
        signs.append(ALPHABET[rest])
    return "".join(reversed(signs)).rjust(4, "0")


def tag_to_number(tag):
    """The number behind a tag (base 34 in the signs of ALPHABET); lower case is accepted.

    An empty tag or a foreign sign is a ValueError.

    >>> tag_to_number("0010")
    34
    >>> tag_to_number("z")
    33
    """
    if not tag:
        raise ValueError("empty tag")
    number = 0
    for sign in tag.upper():
        number = number * 34 + sign_value(sign)
    return number


def next_tag(tag):
    """The tag after `tag`, as wide as it: base 34 in the signs of ALPHABET.

    After the last tag of a width comes the first one that is a sign wider.

    >>> next_tag("000Z")
    '0010'
    >>> next_tag("ZZ")
    '100'
    """
    if not tag:
        raise ValueError("empty tag")
    values = [sign_value(sign) for sign in tag]
    place = len(values) - 1
    while place >= 0 and values[place] == 33:
        values[place] = 0
        place -= 1
    if place < 0:
        return "1" + ALPHABET[0] * len(values)
    values[place] += 1
    return "".join(ALPHABET[value] for value in values)


def tags_between(first, last):
    """How many tags there are from `first` to `last`, both counted (base 34, signs of ALPHABET).

    Tags of different width are compared by their number. 0 if `last` comes before `first`.

    >>> tags_between("000A", "000C")
    3
    >>> tags_between("0010", "000Z")
    0
    """

    def number(tag):
        value = 0
        for sign in tag:
            value = value * 34 + sign_value(sign)
        return value

    return max(0, number(last) - number(first) + 1)


# family: batch codes


def batch_parts(code):
    """A batch code taken apart: (plant, year, week, line).

    A batch code reads PPYYWW-L: two capital letters for the plant, two digits for the year 20YY, two
    digits for the week 01 to 53, a dash, and one digit for the line. Anything else is a ValueError.

    >>> batch_parts("RK2407-3")
    ('RK', 2024, 7, 3)
    """
    plant, year, week, dash, line = code[:2], code[2:4], code[4:6], code[6:7], code[7:]
    digits = "0123456789"
    good = (
        len(code) == 8
        and all("A" <= letter <= "Z" for letter in plant)
        and all(sign in digits for sign in year + week + line)
        and dash == "-"
    )
    if not good or not 1 <= int(week) <= 53:
        raise ValueError(f"no batch code: {code!r}")
    return plant, 2000 + int(year), int(week), int(line)


def sort_batches(codes):
    """Batch codes PPYYWW-L in the order they were made: by year, week, plant, then line.

    Codes are well formed. The result is a new list.

    >>> sort_batches(["RK2407-3", "AB2407-1", "RK2352-9"])
    ['RK2352-9', 'AB2407-1', 'RK2407-3']
    """
    return sorted(codes, key=lambda code: (code[2:6], code[:2], code[7]))


def weeks_apart(one, other):
    """How many weeks lie between two batch codes PPYYWW-L, never negative.

    Every year is taken to have 52 weeks; week 53 counts as week 1 of the next year.

    >>> weeks_apart("RK2452-1", "AB2501-2")
    1
    >>> weeks_apart("RK2453-1", "AB2501-2")
    0
    """

    def weeks(code):
        return int(code[2:4]) * 52 + int(code[4:6])

    return abs(weeks(one) - weeks(other))


def group_by_plant(codes):
    """Batch codes PPYYWW-L as {plant: [line, ...]}, lines as numbers, sorted, each once.

    >>> group_by_plant(["RK2407-3", "AB2407-1", "RK2352-3", "RK2352-1"])
    {'RK': [1, 3], 'AB': [1]}
    """
    found = {}
    for code in codes:
        found.setdefault(code[:2], set()).add(int(code[7]))
    return {plant: sorted(lines) for plant, lines in found.items()}
