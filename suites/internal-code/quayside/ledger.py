"""Stock events of the invented port operator Quayside.

An event is (minute, kind, item, count): "in" adds, "out" takes, "count" sets what a stock-take found.
"""

KINDS = ("in", "out", "count")


def apply_event(stock, event):
    """A new stock {item: count} after one event; ValueError for an unknown kind."""
    _, kind, item, count = event
    if kind not in KINDS:
        raise ValueError(f"unknown kind: {kind!r}")
    before = stock.get(item, 0)
    after = {"in": before + count, "out": before - count, "count": count}[kind]
    return {**stock, item: after}


# family: replaying


def stock_after(events):
    """The stock after all events, {item: count} without zeros, sorted by item.

    Events are applied by minute; events of one minute in the given order. Use `apply_event`.

    >>> stock_after([(5, "out", "tea", 2), (1, "in", "tea", 3), (2, "in", "rum", 4)])
    {'rum': 4, 'tea': 1}
    """
    stock = {}
    for event in sorted(events, key=lambda one: one[0]):
        stock = apply_event(stock, event)
    return {item: stock[item] for item in sorted(stock) if stock[item] != 0}


def stock_at(events, item, minute):
    """How much of an item there was at the end of a minute; 0 before any event.

    Events come in any order; those of one minute apply in the given order. Use `apply_event`.

    >>> stock_at([(5, "out", "tea", 2), (1, "in", "tea", 3)], "tea", 4)
    3
    """
    stock = {}
    for event in sorted(events, key=lambda one: one[0]):
        if event[0] <= minute:
            stock = apply_event(stock, event)
    return stock.get(item, 0)


def first_shortage(events):
    """(minute, item) of the first event after which an item is below 0, or None.

    Events are applied by minute, those of one minute in the given order. Use `apply_event`.

    >>> first_shortage([(1, "in", "tea", 3), (4, "out", "tea", 5), (5, "in", "tea", 9)])
    (4, 'tea')
    """
    stock = {}
    for event in sorted(events, key=lambda one: one[0]):
        stock = apply_event(stock, event)
        if stock[event[2]] < 0:
            return event[0], event[2]
    return None


def shrinkage(events):
    """What stock-takes found missing or too much: {item: difference}, sorted, without zeros.

    A "count" event differs from the stock before it by found minus expected; differences of one item add
    up. Events are applied by minute, those of one minute in the given order. Use `apply_event`.

    >>> shrinkage([(1, "in", "tea", 10), (2, "count", "tea", 8), (3, "count", "tea", 9)])
    {'tea': -1}
    """
    stock, found = {}, {}
    for event in sorted(events, key=lambda one: one[0]):
        _, kind, item, count = event
        if kind == "count":
            found[item] = found.get(item, 0) + count - stock.get(item, 0)
        stock = apply_event(stock, event)
    return {item: found[item] for item in sorted(found) if found[item] != 0}


# family: counting


def turnover(events, start, end):
    """How many pieces went out in the minutes from `start` up to but not including `end`, by item.

    {item: pieces}, most first, of equal ones by name. Items with nothing out are left out.

    >>> turnover([(1, "out", "tea", 2), (9, "out", "rum", 5), (2, "out", "oil", 2)], 0, 9)
    {'oil': 2, 'tea': 2}
    """
    pieces = {}
    for minute, kind, item, count in events:
        if kind == "out" and start <= minute < end:
            pieces[item] = pieces.get(item, 0) + count
    return dict(sorted(pieces.items(), key=lambda one: (-one[1], one[0])))


def per_hour(events):
    """How many events there are in every hour, from the first event's hour to the last one's.

    A list of counts, zeros included; hours are minutes // 60. No events: an empty list.

    >>> per_hour([(10, "in", "a", 1), (70, "in", "a", 1), (75, "out", "a", 1), (190, "in", "a", 1)])
    [1, 2, 0, 1]
    """
    hours = [event[0] // 60 for event in events]
    if not hours:
        return []
    return [hours.count(hour) for hour in range(min(hours), max(hours) + 1)]


def idle_items(events, minute, idle):
    """Items without any event in the last `idle` minutes before `minute`, sorted.

    Looked at are events in minute - idle <= time < minute; an item must have an event before that to be
    listed. Events at or after `minute` are not known yet.

    >>> idle_items([(1, "in", "tea", 3), (50, "in", "rum", 1)], 60, 20)
    ['tea']
    """
    before = {event[2] for event in events if event[0] < minute - idle}
    recent = {event[2] for event in events if minute - idle <= event[0] < minute}
    return sorted(before - recent)


def reorder_list(stock, rules):
    """What to order: {item: count}, sorted by item.

    `rules` is {item: (least, full)}. An item whose stock (0 if unknown) is below least is filled up to
    full. Items without a rule are never ordered. A rule with full < least is a ValueError.

    >>> reorder_list({"tea": 2, "rum": 9}, {"tea": (3, 10), "rum": (5, 20), "oil": (1, 4)})
    {'oil': 4, 'tea': 8}
    """
    orders = {}
    for item in sorted(rules):
        least, full = rules[item]
        if full < least:
            raise ValueError(f"rule of {item!r} is the wrong way round")
        if stock.get(item, 0) < least:
            orders[item] = full - stock.get(item, 0)
    return orders


# family: first in, first out


def fifo_cost(purchases, sold):
    """The cost of `sold` pieces when the oldest purchases go first.

    `purchases` is a list of (count, cents a piece) in the order they came. Selling more than was bought
    is a ValueError.

    >>> fifo_cost([(10, 100), (5, 120)], 12)
    1240
    """
    cost, left = 0, sold
    for count, cents in purchases:
        taken = min(left, count)
        cost += taken * cents
        left -= taken
    if left:
        raise ValueError("more sold than bought")
    return cost


def ages(batches, today, taken):
    """The ages in days of what is left after `taken` pieces went out, the oldest pieces first.

    `batches` is a list of (day, count) in any order. The result is a list of (age, count), oldest first,
    equal ages joined, without zeros. Taking more than there is leaves nothing.

    >>> ages([(3, 5), (1, 4), (3, 1)], 10, 6)
    [(7, 4)]
    """
    left, found = taken, {}
    for day, count in sorted(batches):
        gone = min(left, count)
        left -= gone
        if count - gone:
            found[today - day] = found.get(today - day, 0) + count - gone
    return sorted(found.items(), reverse=True)
