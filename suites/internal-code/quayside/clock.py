"""Times of the invented port operator Quayside: minutes since midnight, windows (start, end)."""

DAY = 24 * 60


def to_minutes(text):
    """Minutes since midnight of "HH:MM", 00:00 to 23:59; ValueError for anything else."""
    if len(text) != 5 or text[2] != ":" or not (text[:2] + text[3:]).isdecimal():
        raise ValueError(f"no time: {text!r}")
    hours, minutes = int(text[:2]), int(text[3:])
    if hours > 23 or minutes > 59:
        raise ValueError(f"no time: {text!r}")
    return hours * 60 + minutes


# family: reading times


def span_minutes(start, end):
    """Minutes from `start` to `end`, both "HH:MM"; an end before the start is on the next day.

    Equal times are 0 minutes apart. Use `to_minutes`, which raises ValueError.

    >>> span_minutes("22:30", "01:15")
    165
    """
    return (to_minutes(end) - to_minutes(start)) % DAY


def show_minutes(minutes):
    """Minutes as people say them: "45 min", "2 h", "2 h 05 min"; 0 is "0 min".

    Whole hours have no minutes; minutes after hours have two digits. Negative minutes get a minus
    before the whole: "-1 h 30 min".

    >>> show_minutes(125)
    '2 h 05 min'
    >>> show_minutes(-90)
    '-1 h 30 min'
    """
    sign = "-" if minutes < 0 else ""
    hours, rest = divmod(abs(minutes), 60)
    if hours == 0:
        return f"{sign}{rest} min"
    if rest == 0:
        return f"{sign}{hours} h"
    return f"{sign}{hours} h {rest:02d} min"


def read_duration(text):
    """Minutes of a duration like "45 min", "2 h" or "2 h 5 min".

    Blanks between the parts are optional ("2h5min"). An empty text, another unit or another order is a
    ValueError. Minutes may be 60 or more.

    >>> read_duration("2 h 5 min")
    125
    >>> read_duration("90min")
    90
    """
    rest = text.replace(" ", "")
    total, found = 0, False
    if "h" in rest:
        hours, rest = rest.split("h", 1)
        if not hours.isdecimal():
            raise ValueError(f"no duration: {text!r}")
        total, found = int(hours) * 60, True
    if rest:
        if not rest.endswith("min") or not rest[:-3].isdecimal():
            raise ValueError(f"no duration: {text!r}")
        total, found = total + int(rest[:-3]), True
    if not found:
        raise ValueError(f"no duration: {text!r}")
    return total


def round_to_quarter(text):
    """A time "HH:MM" moved to the nearest quarter of an hour; halfway (7.5 min) cannot occur.

    23:53 and later become "00:00". Use `to_minutes`, which raises ValueError.

    >>> round_to_quarter("10:07")
    '10:00'
    >>> round_to_quarter("10:08")
    '10:15'
    """
    minutes = (to_minutes(text) + 7) // 15 * 15 % DAY
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


# family: windows


def merge_windows(windows):
    """Windows (start, end) joined where they overlap or touch, sorted by start.

    Windows are pairs of minutes with start < end. The result is a list of tuples.

    >>> merge_windows([(30, 60), (0, 30), (90, 100), (95, 120)])
    [(0, 60), (90, 120)]
    """
    merged = []
    for start, end in sorted(tuple(window) for window in windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def gaps(windows, opens, closes):
    """The free windows between `opens` and `closes` that no window covers.

    Windows are pairs of minutes with start < end, in any order, and may overlap or reach beyond the
    opening hours. Gaps of no length are left out. The result is a list of tuples.

    >>> gaps([(30, 60), (50, 70)], 0, 100)
    [(0, 30), (70, 100)]
    """
    free, at = [], opens
    for start, end in sorted(tuple(window) for window in windows):
        if start > at:
            free.append((at, min(start, closes)))
        at = max(at, end)
        if at >= closes:
            break
    if at < closes:
        free.append((at, closes))
    return [(start, end) for start, end in free if start < end]


def busiest_minute(windows):
    """(minute, count): the first minute in which most windows are open, and how many are.

    A window (start, end) is open from start up to but not including end. No windows: (0, 0).

    >>> busiest_minute([(0, 10), (5, 20), (8, 9), (30, 40)])
    (8, 3)
    """
    best = (0, 0)
    for minute in sorted({start for start, _ in windows}):
        count = sum(1 for start, end in windows if start <= minute < end)
        if count > best[1]:
            best = (minute, count)
    return best


def first_fit(windows, length, opens, closes):
    """The earliest start at which a job of `length` minutes fits between the taken windows.

    The job must lie within opens and closes and overlap no window (touching is fine). None if it fits
    nowhere.

    >>> first_fit([(0, 30), (40, 60)], 15, 0, 100)
    60
    >>> first_fit([(0, 30), (40, 60)], 10, 0, 100)
    30
    >>> first_fit([(0, 90)], 15, 0, 100) is None
    True
    """
    at = opens
    for start, end in sorted(tuple(window) for window in windows):
        if start - at >= length:
            break
        at = max(at, end)
    return at if at + length <= closes else None


def overlap_minutes(one, other):
    """Minutes that two windows have in common, where a window may run past midnight.

    A window is (start, end) in minutes of a day; end < start means that it ends on the next day. Both
    repeat every day. start == end is an empty window.

    >>> overlap_minutes((60, 120), (90, 300))
    30
    >>> overlap_minutes((1380, 60), (0, 30))
    30
    """

    def minutes(window):
        start, end = window
        return {(start + step) % DAY for step in range((end - start) % DAY)}

    return len(minutes(one) & minutes(other))


# family: shifts


def shift_of(text):
    """The shift of a time "HH:MM": "early" from 06:00, "late" from 14:00, "night" from 22:00.

    Use `to_minutes`, which raises ValueError.

    >>> shift_of("13:59")
    'early'
    >>> shift_of("05:59")
    'night'
    """
    minutes = to_minutes(text)
    if 6 * 60 <= minutes < 14 * 60:
        return "early"
    if 14 * 60 <= minutes < 22 * 60:
        return "late"
    return "night"


def pay_minutes(start, end):
    """Minutes to be paid for work from `start` to `end` ("HH:MM", the end may be on the next day).

    Minutes between 22:00 and 06:00 count one and a half times. The sum is rounded down to a whole
    minute. Use `to_minutes`, which raises ValueError. Equal times are no work.

    >>> pay_minutes("20:00", "23:00")
    210
    """
    first, length = to_minutes(start), (to_minutes(end) - to_minutes(start)) % DAY
    night = sum(1 for step in range(length) if not 6 * 60 <= (first + step) % DAY < 22 * 60)
    return (2 * length + night) // 2


def rest_ok(shifts, rest=660):
    """Whether at least `rest` minutes lie between every two shifts of a person.

    Shifts are (start, end) in minutes since the start of the week, in any order, start < end.
    Overlapping shifts are not ok.

    >>> rest_ok([(0, 480), (1140, 1600)])
    True
    >>> rest_ok([(1140, 1600), (0, 481)])
    False
    """
    order = sorted(tuple(shift) for shift in shifts)
    return all(later[0] - earlier[1] >= rest for earlier, later in zip(order, order[1:]))


def roster(names, days):
    """Who works early, late and night on each day: a list of (early, late, night).

    The names take turns: on day 0 the first three work early, late and night; every day each place moves
    on by one name. Fewer than three names is a ValueError.

    >>> roster(["Ada", "Bo", "Cy", "Di"], 2)
    [('Ada', 'Bo', 'Cy'), ('Bo', 'Cy', 'Di')]
    """
    if len(names) < 3:
        raise ValueError("three names are needed")
    n = len(names)
    return [tuple(names[(day + place) % n] for place in range(3)) for day in range(days)]
