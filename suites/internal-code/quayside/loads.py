"""Loading rules of the invented port operator Quayside. Weights are whole kilograms."""

LIMITS = {"S": 500, "M": 2000, "L": 8000}


def crate_class(weight):
    """The smallest class of LIMITS that bears a weight; ValueError above 8000 or below 0."""
    if weight < 0:
        raise ValueError("negative weight")
    for name, limit in LIMITS.items():
        if weight <= limit:
            return name
    raise ValueError("too heavy for any class")


# family: stacking


def stack_ok(weights):
    """Whether a stack may stand: `weights` from the bottom up, no crate heavier than the one below.

    In addition, what rests on a crate must not weigh more than twice the crate itself. Empty and single
    stacks are fine.

    >>> stack_ok([100, 90, 80])
    True
    >>> stack_ok([100, 90, 80, 70])
    False
    """
    for place, weight in enumerate(weights):
        above = weights[place + 1 :]
        if above and above[0] > weight:
            return False
        if sum(above) > 2 * weight:
            return False
    return True


def sort_for_stack(crates):
    """Names of crates from the bottom up: heaviest first, of equal weight by name.

    `crates` is {name: weight}.

    >>> sort_for_stack({"b": 10, "a": 10, "c": 30})
    ['c', 'a', 'b']
    """
    return sorted(crates, key=lambda name: (-crates[name], name))


def tallest_stack(weights):
    """The most crates that can be put on each other if no crate may be heavier than the one below.

    The crates come in the given order and each is put on top or left out.

    >>> tallest_stack([50, 80, 40, 60, 30, 30])
    4
    """
    best = []
    for place, weight in enumerate(weights):
        below = [best[i] for i in range(place) if weights[i] >= weight]
        best.append(1 + max(below, default=0))
    return max(best, default=0)


def classes_needed(weights):
    """How many crates of each class a load needs: {"S": n, "M": n, "L": n}, all three named.

    Use `crate_class`, which raises ValueError for a weight no class bears.

    >>> classes_needed([100, 500, 501])
    {'S': 2, 'M': 1, 'L': 0}
    """
    counts = dict.fromkeys(LIMITS, 0)
    for weight in weights:
        counts[crate_class(weight)] += 1
    return counts


# family: trucks


def load_trucks(weights, limit):
    """Crates put on trucks first-fit: a list of trucks, each a list of weights in loading order.

    Crates are taken in the given order; each goes on the first truck that still bears it, or on a new
    one. A crate above the limit is a ValueError.

    >>> load_trucks([5, 7, 3, 4], 10)
    [[5, 3], [7], [4]]
    """
    trucks = []
    for weight in weights:
        if weight > limit:
            raise ValueError("heavier than a truck bears")
        for truck in trucks:
            if sum(truck) + weight <= limit:
                truck.append(weight)
                break
        else:
            trucks.append([weight])
    return trucks


def fewest_trucks(weights, limit):
    """The least number of trucks that bear all crates together, found exactly; at most 10 crates.

    A crate above the limit is a ValueError.

    >>> fewest_trucks([6, 5, 5, 4], 10)
    2
    >>> fewest_trucks([], 10)
    0
    """
    if any(weight > limit for weight in weights):
        raise ValueError("heavier than a truck bears")
    order = sorted(weights, reverse=True)

    def fits(place, rooms):
        if place == len(order):
            return True
        tried = set()
        for i, room in enumerate(rooms):
            if room >= order[place] and room not in tried:
                tried.add(room)
                if fits(place + 1, [*rooms[:i], room - order[place], *rooms[i + 1 :]]):
                    return True
        return False

    count = 0
    while not fits(0, [limit] * count):
        count += 1
    return count


def best_load(weights, limit):
    """The greatest total weight that a truck can take, crates whole; 0 if none fits.

    >>> best_load([5, 7, 3], 11)
    10
    """
    reachable = {0}
    for weight in weights:
        reachable |= {total + weight for total in reachable if total + weight <= limit}
    return max(reachable)


def axle_loads(crates, length):
    """The load on the front and rear axle: (front, rear), whole kilograms that add up to the total.

    `crates` is a list of (position, weight), the position in cm from the front axle, 0 to `length`, where
    the rear axle is. A crate loads the rear axle by weight * position / length. The rear load is rounded
    to the nearest kilogram, halves up; the front bears the rest. A position outside is a ValueError.

    >>> axle_loads([(0, 100), (200, 100), (100, 60)], 400)
    (195, 65)
    """
    moment = 0
    for position, weight in crates:
        if not 0 <= position <= length:
            raise ValueError("outside of the axles")
        moment += position * weight
    rear = (2 * moment + length) // (2 * length)
    return sum(weight for _, weight in crates) - rear, rear


# family: mixing rules


def may_share(one, other, forbidden):
    """Whether two kinds of goods may share a container.

    `forbidden` is a list of pairs of kinds, in either order; "*" in a pair stands for any kind but the
    pair's other one.

    >>> may_share("acid", "food", [("food", "acid")])
    False
    >>> may_share("fuel", "food", [("fuel", "*")])
    False
    >>> may_share("fuel", "fuel", [("fuel", "*")])
    True
    """
    for first, second in forbidden:
        for a, b in ((first, second), (second, first)):
            if a == one and (b == other or (b == "*" and other != one)):
                return False
            if a == "*" and b == other and one != other:
                return False
    return True


def split_by_rule(kinds, forbidden):
    """Kinds of goods spread over containers: each goes into the first one in which all may share.

    `forbidden` is a list of pairs of kinds that may not be together, in either order. Kinds are different
    and taken in the given order.

    >>> split_by_rule(["a", "b", "c", "d"], [("a", "b"), ("d", "a"), ("b", "d")])
    [['a', 'c'], ['b'], ['d']]
    """
    apart = {frozenset(pair) for pair in forbidden}
    containers = []
    for kind in kinds:
        for container in containers:
            if all(frozenset((kind, other)) not in apart for other in container):
                container.append(kind)
                break
        else:
            containers.append([kind])
    return containers


def temperature_window(goods):
    """The temperatures (low, high) that suit all goods, or None if there are none.

    `goods` is a list of (low, high), both ends included. No goods: None.

    >>> temperature_window([(2, 8), (4, 12)])
    (4, 8)
    >>> temperature_window([(2, 3), (4, 12)]) is None
    True
    """
    if not goods:
        return None
    low, high = max(one[0] for one in goods), min(one[1] for one in goods)
    return (low, high) if low <= high else None


def safe_order(goods):
    """Goods in unloading order: frozen first, then chilled, then the rest; within a group as given.

    `goods` is a list of (name, celsius); frozen is below -10, chilled is from -10 to 8, and None (no
    temperature) is the rest. The result is a list of names.

    >>> safe_order([("nuts", None), ("milk", 4), ("ice", -20), ("wine", 14)])
    ['ice', 'milk', 'nuts', 'wine']
    """

    def group(celsius):
        if celsius is None or celsius > 8:
            return 2
        return 0 if celsius < -10 else 1

    return [name for name, celsius in sorted(goods, key=lambda one: group(one[1]))]
