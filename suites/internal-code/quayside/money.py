"""Tariffs of the invented port operator Quayside. Amounts are whole cents, never floats."""


def half_up(numerator, denominator):
    """numerator / denominator rounded to a whole number, halves away from zero."""
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    return sign * ((2 * abs(numerator) + abs(denominator)) // (2 * abs(denominator)))


# family: amounts


def show_amount(cents):
    """An amount as text: "1'234.50", a minus before negative ones, an apostrophe every three digits.

    >>> show_amount(123450)
    "1'234.50"
    >>> show_amount(-5)
    '-0.05'
    """
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}".replace(",", "'") + f".{rest:02d}"


def read_amount(text):
    """Cents of an amount like "1'234.50", "12", "-0.5" or "7.".

    Apostrophes are skipped wherever they stand. After the point there may be no, one or two digits; a
    missing digit is 0. Anything else is a ValueError.

    >>> read_amount("1'234.50")
    123450
    >>> read_amount("-0.5")
    -50
    """
    plain = text.replace("'", "")
    sign = -1 if plain.startswith("-") else 1
    whole, _, rest = plain.removeprefix("-").partition(".")
    if not whole.isdecimal() or len(rest) > 2 or (rest and not rest.isdecimal()):
        raise ValueError(f"no amount: {text!r}")
    return sign * (int(whole) * 100 + int(rest.ljust(2, "0")))


def share_out(cents, parts):
    """An amount split into `parts` whole amounts that differ by at most one cent and add up to it.

    The larger amounts (by size, so for a debt the more negative ones) come first. parts < 1 is a
    ValueError.

    >>> share_out(100, 3)
    [34, 33, 33]
    >>> share_out(-5, 2)
    [-3, -2]
    """
    if parts < 1:
        raise ValueError("at least one part")
    sign = -1 if cents < 0 else 1
    each, rest = divmod(abs(cents), parts)
    return [sign * (each + (1 if place < rest else 0)) for place in range(parts)]


def share_by_weight(cents, weights):
    """A positive amount split in proportion to whole weights, by the largest remainder.

    Every part first gets its share rounded down; cents that are left go one each to the largest
    remainders, of equal ones to the earlier. No weights, a negative one or a sum of 0 is a ValueError.

    >>> share_by_weight(100, [1, 1, 1])
    [34, 33, 33]
    >>> share_by_weight(10, [1, 2, 6])
    [1, 2, 7]
    """
    total = sum(weights)
    if not weights or min(weights) < 0 or total == 0:
        raise ValueError("weights must be positive")
    parts = [cents * weight // total for weight in weights]
    remainders = [cents * weight % total for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-remainders[place], place))
    for place in order[: cents - sum(parts)]:
        parts[place] += 1
    return parts


# family: tariffs


def storage_fee(days, cents_per_day, free_days):
    """The fee for storing a crate: nothing on free days, then the daily rate, doubled from day 15 on.

    Days are counted from 1. Free days are the first ones; a day from 15 on costs double unless it is
    free. Negative days are a ValueError.

    >>> storage_fee(5, 100, 3)
    200
    >>> storage_fee(16, 100, 3)
    1500
    """
    if days < 0:
        raise ValueError("negative days")
    fee = 0
    for day in range(free_days + 1, days + 1):
        fee += cents_per_day * (2 if day >= 15 else 1)
    return fee


def tiered_fee(quantity, tiers):
    """The fee for a quantity under a graded tariff.

    `tiers` is a list of (limit, cents): the first units up to the first limit cost its price each, the
    next ones up to the second limit the second price, and so on. The last limit is None: no limit.
    Limits rise. A negative quantity is a ValueError.

    >>> tiered_fee(25, [(10, 100), (20, 80), (None, 50)])
    2050
    """
    if quantity < 0:
        raise ValueError("negative quantity")
    fee, below = 0, 0
    for limit, cents in tiers:
        top = quantity if limit is None else min(quantity, limit)
        fee += max(0, top - below) * cents
        below = max(below, top)
    return fee


def best_tariff(quantity, tariffs):
    """The name of the cheapest tariff for a quantity; of equal ones the first by name.

    `tariffs` is {name: (basic cents, cents per unit)}. No tariff at all is a ValueError.

    >>> best_tariff(10, {"pay": (0, 50), "flat": (400, 5)})
    'flat'
    >>> best_tariff(2, {"pay": (0, 50), "flat": (400, 5)})
    'pay'
    """
    if not tariffs:
        raise ValueError("no tariff")
    return min(tariffs, key=lambda name: (tariffs[name][0] + tariffs[name][1] * quantity, name))


def surcharge(cents, percent_tenths):
    """An amount with a surcharge of so many tenths of a percent, halves of a cent away from zero.

    A surcharge of 75 is 7.5 percent. It may be negative (a discount). Use `half_up`.

    >>> surcharge(1000, 75)
    1075
    >>> surcharge(10, 50)
    11
    """
    return cents + half_up(cents * percent_tenths, 1000)


# family: accounts


def settle(debts):
    """Who is owed what after netting: {name: cents} without those at zero, sorted by name.

    `debts` is a list of (debtor, creditor, cents). A positive result is owed to the name.

    >>> settle([("ann", "bo", 500), ("bo", "cy", 200), ("cy", "ann", 200)])
    {'ann': -300, 'bo': 300}
    """
    balance = {}
    for debtor, creditor, cents in debts:
        balance[debtor] = balance.get(debtor, 0) - cents
        balance[creditor] = balance.get(creditor, 0) + cents
    return {name: balance[name] for name in sorted(balance) if balance[name] != 0}


def apply_payments(invoices, payment):
    """A payment spread over open invoices, oldest first: (what is still open, what is left over).

    `invoices` is a list of (number, day, cents). The oldest is the one with the lowest day, of equal days
    the lowest number. Open is a list of (number, cents) in the order of payment, without paid ones.

    >>> apply_payments([(7, 3, 500), (8, 1, 200)], 300)
    ([(7, 400)], 0)
    >>> apply_payments([(7, 3, 500)], 600)
    ([], 100)
    """
    still_open, left = [], payment
    for number, _, cents in sorted(invoices, key=lambda one: (one[1], one[0])):
        paid = min(left, cents)
        left -= paid
        if paid < cents:
            still_open.append((number, cents - paid))
    return still_open, left


def running_balance(entries, limit):
    """The first index at which a running balance falls below -limit, or None.

    `entries` are cents, added up from 0 in order.

    >>> running_balance([100, -250, -30, 500], 150)
    2
    >>> running_balance([100, -250], 150) is None
    True
    """
    balance = 0
    for index, cents in enumerate(entries):
        balance += cents
        if balance < -limit:
            return index
    return None


def reminder_level(days_late, cents):
    """Which reminder an unpaid invoice gets: 0 to 3.

    None (0) up to 7 days late or below 1000 cents, whatever the days; the first from day 8, the second
    from day 22, the third from day 43. Invoices of 100000 cents and more get each of them a week sooner.

    >>> reminder_level(22, 5000)
    2
    >>> reminder_level(15, 100000)
    2
    >>> reminder_level(60, 999)
    0
    """
    if cents < 1000:
        return 0
    sooner = 7 if cents >= 100000 else 0
    return sum(1 for day in (8, 22, 43) if days_late >= day - sooner)
