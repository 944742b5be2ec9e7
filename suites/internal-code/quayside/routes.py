"""Ways between the berths of the invented port operator Quayside.

A map is {berth: {neighbour: minutes}}; ways are one-way unless both directions are listed.
"""


def neighbours(chart, berth):
    """(neighbour, minutes) of a berth, sorted by name; none for a berth that is not on the map."""
    return sorted(chart.get(berth, {}).items())


# family: finding ways


def fastest_minutes(chart, start, goal):
    """The minutes of the fastest way, 0 from a berth to itself, None if there is no way.

    Minutes are positive. Use `neighbours`.

    >>> fastest_minutes({"A": {"B": 5, "C": 9}, "B": {"C": 2}}, "A", "C")
    7
    >>> fastest_minutes({"A": {"B": 5}}, "B", "A") is None
    True
    """
    done, waiting = set(), {start: 0}
    while waiting:
        berth = min(waiting, key=lambda name: (waiting[name], name))
        minutes = waiting.pop(berth)
        if berth == goal:
            return minutes
        done.add(berth)
        for other, way in neighbours(chart, berth):
            if other not in done:
                waiting[other] = min(minutes + way, waiting.get(other, minutes + way))
    return None


def fewest_stops(chart, start, goal):
    """The way with the fewest berths as a list from start to goal; of several the first by name.

    Ways are compared berth by berth. Minutes do not matter. None if there is no way. Use `neighbours`.

    >>> fewest_stops({"A": {"C": 1, "B": 1}, "B": {"D": 1}, "C": {"D": 1}}, "A", "D")
    ['A', 'B', 'D']
    >>> fewest_stops({}, "A", "A")
    ['A']
    """
    paths, seen = [[start]], {start}
    while paths:
        longer = []
        for path in paths:
            if path[-1] == goal:
                return path
            for other, _ in neighbours(chart, path[-1]):
                if other not in seen:
                    seen.add(other)
                    longer.append([*path, other])
        paths = longer
    return None


def within_minutes(chart, start, limit):
    """The berths that can be reached in at most `limit` minutes, the start included, sorted by name.

    >>> within_minutes({"A": {"B": 5, "C": 9}, "B": {"C": 2}}, "A", 7)
    ['A', 'B', 'C']
    >>> within_minutes({"A": {"B": 5, "C": 9}, "B": {"C": 2}}, "A", 6)
    ['A', 'B']
    """
    best, queue = {start: 0}, [start]
    while queue:
        berth = queue.pop(0)
        for other, way in neighbours(chart, berth):
            minutes = best[berth] + way
            if minutes <= limit and minutes < best.get(other, limit + 1):
                best[other] = minutes
                queue.append(other)
    return sorted(best)


def route_minutes(chart, route):
    """The minutes of a given route, a list of berths; None if one of its legs is not on the map.

    Routes of no or one berth take 0 minutes.

    >>> route_minutes({"A": {"B": 5}, "B": {"A": 6}}, ["A", "B", "A"])
    11
    >>> route_minutes({"A": {"B": 5}}, ["B", "A"]) is None
    True
    """
    total = 0
    for here, there in zip(route, route[1:]):
        if there not in chart.get(here, {}):
            return None
        total += chart[here][there]
    return total


# family: looking at maps


def one_way_legs(chart):
    """Legs that cannot be driven back: a sorted list of (from, to).

    >>> one_way_legs({"A": {"B": 5, "C": 1}, "B": {"A": 7}})
    [('A', 'C')]
    """
    return sorted(
        (here, there)
        for here, ways in chart.items()
        for there in ways
        if here not in chart.get(there, {})
    )


def islands(chart):
    """Groups of berths that are joined by legs in any direction: a list of sorted lists.

    Groups are sorted by their first berth. Berths that are only a neighbour count as well.

    >>> islands({"A": {"B": 1}, "C": {"B": 1}, "X": {}})
    [['A', 'B', 'C'], ['X']]
    """
    joined = {}
    for here, ways in chart.items():
        joined.setdefault(here, set())
        for there in ways:
            joined[here].add(there)
            joined.setdefault(there, set()).add(here)
    groups, seen = [], set()
    for berth in sorted(joined):
        if berth in seen:
            continue
        group, queue = set(), [berth]
        while queue:
            at = queue.pop()
            if at not in group:
                group.add(at)
                queue.extend(joined[at])
        seen |= group
        groups.append(sorted(group))
    return groups


def reversed_map(chart):
    """The map with every leg turned round; berths without legs stay, names and legs sorted.

    >>> reversed_map({"B": {"A": 5}, "A": {"C": 1}})
    {'A': {'B': 5}, 'B': {}, 'C': {'A': 1}}
    """
    names = set(chart) | {there for ways in chart.values() for there in ways}
    turned = {name: {} for name in sorted(names)}
    for here in sorted(chart):
        for there in sorted(chart[here]):
            turned[there][here] = chart[here][there]
    return turned


def dead_ends(chart):
    """Berths that can be entered but not left, sorted; a leg from a berth to itself does not count.

    >>> dead_ends({"A": {"B": 1, "C": 1}, "B": {"A": 1}, "C": {"C": 2}})
    ['C']
    """
    entered = {there for here, ways in chart.items() for there in ways if there != here}
    left = {here for here, ways in chart.items() if any(there != here for there in ways)}
    return sorted(entered - left)


# family: tours


def shortest_tour(chart, start, stops):
    """The fewest minutes to visit all stops by direct legs, in any order, starting at `start`.

    The tour ends at the last stop. Stops are different and at most six. None if no order works; 0 if
    there are no stops.

    >>> shortest_tour({"A": {"B": 9, "C": 1}, "C": {"B": 2}, "B": {}}, "A", ["B", "C"])
    3
    """

    def search(here, left):
        if not left:
            return 0
        best = None
        for there in left:
            way = chart.get(here, {}).get(there)
            if way is None:
                continue
            rest = search(there, left - {there})
            if rest is not None and (best is None or way + rest < best):
                best = way + rest
        return best

    return search(start, frozenset(stops))


def greedy_tour(chart, start, stops):
    """The tour that always drives to the nearest stop left, as a list of berths with the start.

    Nearest is by the minutes of the direct leg, of equal ones the first by name. Where no direct leg
    leads to a stop that is left, the tour ends early.

    >>> greedy_tour({"A": {"B": 2, "C": 1}, "C": {"B": 2}}, "A", ["B", "C"])
    ['A', 'C', 'B']
    >>> greedy_tour({"A": {"B": 1}}, "A", ["B", "C"])
    ['A', 'B']
    """
    tour, left = [start], set(stops)
    while left:
        ways = chart.get(tour[-1], {})
        near = sorted((ways[stop], stop) for stop in left if stop in ways)
        if not near:
            break
        tour.append(near[0][1])
        left.remove(near[0][1])
    return tour
