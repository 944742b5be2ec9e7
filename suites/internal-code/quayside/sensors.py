"""Readings of sensors of the invented port operator Quayside: lists of (minute, value), whole numbers."""

LOST = -999  # what a sensor sends when it has no value


def good(readings):
    """The readings without LOST ones, sorted by minute."""
    return sorted((minute, value) for minute, value in readings if value != LOST)


# family: cleaning


def longest_silence(readings):
    """The longest time between two good readings that follow each other, in minutes; 0 for fewer.

    Use `good`.

    >>> longest_silence([(0, 5), (10, LOST), (25, 6), (30, 6)])
    25
    """
    minutes = [minute for minute, _ in good(readings)]
    return max((later - earlier for earlier, later in zip(minutes, minutes[1:])), default=0)


def without_spikes(readings, jump):
    """Good readings without spikes, as a list of (minute, value).

    A spike differs by more than `jump` from the reading before and from the one after it, both taken
    from the good readings as they came. The first and the last are never spikes. Use `good`.

    >>> without_spikes([(0, 10), (1, 90), (2, 11), (3, 12)], 20)
    [(0, 10), (2, 11), (3, 12)]
    """
    found = good(readings)
    return [
        (minute, value)
        for place, (minute, value) in enumerate(found)
        if place in (0, len(found) - 1)
        or abs(value - found[place - 1][1]) <= jump
        or abs(value - found[place + 1][1]) <= jump
    ]


def fill_lost(readings):
    """Readings with LOST values replaced by the last good value before them; sorted by minute.

    LOST ones before the first good value stay LOST.

    >>> fill_lost([(0, LOST), (1, 7), (2, LOST), (3, 8)])
    [(0, -999), (1, 7), (2, 7), (3, 8)]
    """
    filled, last = [], LOST
    for minute, value in sorted(readings):
        last = value if value != LOST else last
        filled.append((minute, last))
    return filled


def value_at(readings, minute):
    """The value at a minute, on a straight line between good readings, rounded to nearest, halves up.

    Before the first and after the last good reading it is theirs. No good reading: None. Good readings
    have different minutes. Use `good`.

    >>> value_at([(0, 10), (10, 20)], 5)
    15
    >>> value_at([(0, 10), (10, 20)], 99)
    20
    """
    found = good(readings)
    if not found:
        return None
    if minute <= found[0][0]:
        return found[0][1]
    for (before, low), (after, high) in zip(found, found[1:]):
        if before <= minute <= after:
            span = after - before
            return (2 * (low * span + (high - low) * (minute - before)) + span) // (2 * span)
    return found[-1][1]


# family: watching


def alarms(readings, low, high):
    """When alarms start: the minutes of good readings outside low..high whose predecessor was inside.

    The first good reading starts an alarm if it is outside. Both bounds are inside. Use `good`.

    >>> alarms([(0, 5), (1, 11), (2, 12), (3, 9), (4, 1)], 2, 10)
    [1, 4]
    """
    starts, was_inside = [], True
    for minute, value in good(readings):
        inside = low <= value <= high
        if was_inside and not inside:
            starts.append(minute)
        was_inside = inside
    return starts


def minutes_above(readings, limit):
    """How many minutes the value was above a limit, if every good reading holds until the next one.

    The last reading holds for no time. Use `good`.

    >>> minutes_above([(0, 5), (10, 20), (25, 8), (40, 30)], 7)
    30
    """
    found = good(readings)
    return sum(
        later - earlier for (earlier, value), (later, _) in zip(found, found[1:]) if value > limit
    )


def hysteresis(values, on, off):
    """Whether a fan runs after each value: on at `on` and above, off at `off` and below, else as before.

    It starts off. off < on; otherwise a ValueError is raised. LOST values change nothing.

    >>> hysteresis([5, 10, 8, 4, 8], 10, 5)
    [False, True, True, False, False]
    """
    if off >= on:
        raise ValueError("off must be below on")
    runs, states = False, []
    for value in values:
        if value != LOST:
            if value >= on:
                runs = True
            elif value <= off:
                runs = False
        states.append(runs)
    return states


def daily_range(readings):
    """The least and greatest good value of each day: {day: (least, greatest)}, sorted by day.

    A day is minute // 1440. Days without a good reading are left out. Use `good`.

    >>> daily_range([(0, 5), (100, 9), (1440, 7), (3000, LOST)])
    {0: (5, 9), 1: (7, 7)}
    """
    days = {}
    for minute, value in good(readings):
        days.setdefault(minute // 1440, []).append(value)
    return {day: (min(values), max(values)) for day, values in days.items()}


# family: summaries


def moving_middle(values, width):
    """The median of every `width` values in a row, width odd; an empty list if there are too few.

    An even width or one below 1 is a ValueError.

    >>> moving_middle([5, 1, 9, 3, 4], 3)
    [5, 3, 4]
    """
    if width < 1 or width % 2 == 0:
        raise ValueError("the width must be odd")
    return [
        sorted(values[place : place + width])[width // 2]
        for place in range(len(values) - width + 1)
    ]


def run_lengths(values):
    """Equal values in a row as (value, count) pairs.

    >>> run_lengths([3, 3, 5, 3])
    [(3, 2), (5, 1), (3, 1)]
    """
    runs = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1] = (value, runs[-1][1] + 1)
        else:
            runs.append((value, 1))
    return runs


def thin_out(readings, every):
    """At most one reading in each span of `every` minutes: the first good one, as (minute, value).

    Spans are minute // every. `every` below 1 is a ValueError. Use `good`.

    >>> thin_out([(0, 1), (4, 2), (5, 3), (11, LOST), (12, 4)], 5)
    [(0, 1), (5, 3), (12, 4)]
    """
    if every < 1:
        raise ValueError("a span has at least one minute")
    kept, spans = [], set()
    for minute, value in good(readings):
        if minute // every not in spans:
            spans.add(minute // every)
            kept.append((minute, value))
    return kept
