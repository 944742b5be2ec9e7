"""Addresses of yard slots of the invented port operator Quayside: "C12-3" is row C, bay 12, tier 3."""

ROWS = "ABCDEFGH"
BAYS = 40
TIERS = 5


def parse_slot(slot):
    """(row, bay, tier) of an address like "C12-3"; ValueError for what is no slot of the yard."""
    row, bay, dash, tier = slot[:1], slot[1:-2], slot[-2:-1], slot[-1:]
    if row not in ROWS or not row or dash != "-" or not bay.isdecimal() or not tier.isdecimal():
        raise ValueError(f"no slot: {slot!r}")
    if bay != str(int(bay)) or not 1 <= int(bay) <= BAYS or not 1 <= int(tier) <= TIERS:
        raise ValueError(f"no slot: {slot!r}")
    return row, int(bay), int(tier)


# family: addresses


def slot_number(slot):
    """The running number of a slot, from 0: tiers change fastest, then bays, then rows.

    Use `parse_slot`, which raises ValueError for what is no slot.

    >>> slot_number("A1-1")
    0
    >>> slot_number("A2-1")
    5
    >>> slot_number("B1-1")
    200
    """
    row, bay, tier = parse_slot(slot)
    return (ROWS.index(row) * BAYS + bay - 1) * TIERS + tier - 1


def slot_address(number):
    """The slot with a running number: tiers change fastest, then bays, then rows.

    A number below 0 or beyond the yard (8 rows, 40 bays, 5 tiers) is a ValueError.

    >>> slot_address(0)
    'A1-1'
    >>> slot_address(204)
    'B1-5'
    """
    if not 0 <= number < len(ROWS) * BAYS * TIERS:
        raise ValueError(f"no slot has the number {number}")
    rest, tier = divmod(number, TIERS)
    row, bay = divmod(rest, BAYS)
    return f"{ROWS[row]}{bay + 1}-{tier + 1}"


def is_slot(text):
    """Whether `text` is the address of a slot in the yard, without raising.

    Bays have no leading zero: "A01-1" is none. Use `parse_slot`.

    >>> is_slot("H40-5")
    True
    >>> is_slot("H41-5")
    False
    """
    try:
        parse_slot(text)
    except ValueError:
        return False
    return True


def same_stack(slots):
    """Whether all slots are in one stack (same row and bay). No slots at all: True.

    >>> same_stack(["C12-3", "C12-1"])
    True
    >>> same_stack(["C12-3", "C11-3"])
    False
    """
    return len({parse_slot(slot)[:2] for slot in slots}) <= 1


# family: distances


def bay_distance(one, other):
    """How many meters a lift drives between two slots.

    A bay is 7 m long. Within a row the way is the difference of bays. Between rows the lift drives to
    the nearer end of the yard (bay 1 or bay 40, whichever makes the whole way shorter), crosses 12 m for
    every row, and drives back in. Tiers do not count.

    >>> bay_distance("C12-1", "C15-3")
    21
    >>> bay_distance("A2-1", "B1-1")
    19
    """
    row_1, bay_1, _ = parse_slot(one)
    row_2, bay_2, _ = parse_slot(other)
    if row_1 == row_2:
        return 7 * abs(bay_1 - bay_2)
    low = (bay_1 - 1) + (bay_2 - 1)
    high = (BAYS - bay_1) + (BAYS - bay_2)
    return 7 * min(low, high) + 12 * abs(ROWS.index(row_1) - ROWS.index(row_2))


def nearest_free(start, taken):
    """The free slot nearest to `start` in its own row, or None if the row is full.

    Nearest is by difference of bays; of equally near bays the lower one wins, and in a bay the lowest
    free tier. `start` itself counts if it is free. `taken` is a list of addresses.

    >>> nearest_free("C12-1", ["C12-1"])
    'C12-2'
    >>> nearest_free("C12-5", ["C12-1", "C12-2", "C12-3", "C12-4", "C12-5"])
    'C11-1'
    """
    row, bay, tier = parse_slot(start)
    full = set(taken)
    if start not in full:
        return start
    bays = sorted(range(1, BAYS + 1), key=lambda other: (abs(other - bay), other))
    for other in bays:
        for level in range(1, TIERS + 1):
            address = f"{row}{other}-{level}"
            if address not in full:
                return address
    return None


def tour_length(slots):
    """The sum of bays driven when slots of one row are visited in the given order.

    Slots of several rows are a ValueError. Fewer than two slots: 0.

    >>> tour_length(["C12-1", "C15-1", "C10-2"])
    8
    """
    places = [parse_slot(slot) for slot in slots]
    if len({row for row, _, _ in places}) > 1:
        raise ValueError("slots of several rows")
    bays = [bay for _, bay, _ in places]
    return sum(abs(one - other) for one, other in zip(bays, bays[1:]))


# family: stacks


def stack_heights(slots):
    """How high every stack is, {"C12": 3}, where crates float for nobody.

    `slots` are the taken slots. A stack is valid if its tiers are 1, 2, ... without a gap and none is
    listed twice; otherwise a ValueError is raised. The keys are sorted by row, then by bay as a number.

    >>> stack_heights(["C12-2", "C12-1", "C9-1"])
    {'C9': 1, 'C12': 2}
    """
    tiers = {}
    for slot in slots:
        row, bay, tier = parse_slot(slot)
        tiers.setdefault((row, bay), []).append(tier)
    for (row, bay), found in tiers.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            raise ValueError(f"stack {row}{bay} has a gap or a double")
    return {f"{row}{bay}": len(tiers[row, bay]) for row, bay in sorted(tiers)}


def moves_to_reach(slot, taken):
    """How many crates must be lifted off before the one in `slot` can be taken.

    These are the taken tiers above it in its stack. A slot that is not taken is a ValueError.

    >>> moves_to_reach("C12-1", ["C12-1", "C12-2", "C12-3", "C13-2"])
    2
    """
    if slot not in taken:
        raise ValueError(f"nothing stands in {slot}")
    row, bay, tier = parse_slot(slot)
    places = [parse_slot(other) for other in set(taken)]
    return sum(1 for r, b, t in places if (r, b) == (row, bay) and t > tier)


def free_tiers(taken, row):
    """How many crates still fit into a row, if nothing is put under a crate.

    Every bay holds TIERS crates; in a bay only tiers above the highest taken one are free.

    >>> free_tiers([], "A")
    200
    >>> free_tiers(["A1-3", "A2-1", "B1-1"], "A")
    196
    """
    tops = {}
    for slot in taken:
        slot_row, bay, tier = parse_slot(slot)
        if slot_row == row:
            tops[bay] = max(tier, tops.get(bay, 0))
    return BAYS * TIERS - sum(tops.values())


def compact_row(slots):
    """Crates of one row pushed together: a list of new addresses in the order of `slots`.

    The crates are taken by bay, then tier, and put into bay 1 tier 1, bay 1 tier 2, ... bay 2 tier 1 and
    so on. Slots are distinct and of one row.

    >>> compact_row(["C12-2", "C12-1", "C3-1"])
    ['C1-3', 'C1-2', 'C1-1']
    """
    order = sorted(slots, key=parse_slot)
    moved = {}
    for place, slot in enumerate(order):
        bay, tier = divmod(place, TIERS)
        moved[slot] = f"{slot[0]}{bay + 1}-{tier + 1}"
    return [moved[slot] for slot in slots]


def checkerboard(row, tier):
    """The slots of a row and tier in every second bay, those whose bay plus row index is even.

    The row index of A is 0. A row or tier that does not exist is a ValueError.

    >>> checkerboard("A", 1)[:2]
    ['A2-1', 'A4-1']
    >>> checkerboard("B", 5)[0]
    'B1-5'
    """
    if row not in list(ROWS) or not 1 <= tier <= TIERS:
        raise ValueError("no such row or tier")
    index = ROWS.index(row)
    return [f"{row}{bay}-{tier}" for bay in range(1, BAYS + 1) if (bay + index) % 2 == 0]
