"""The page's own pictures: well formed, inside their frame, true to the numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import handmade_facts as made
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report import forest, front, intervals, svg
from evalharness.report.curves import (
    Curve,
    render_arrivals,
    render_balance,
    render_gains,
    render_power,
)
from evalharness.report.exhibits import fronts, inks, panels, scoreboards
from evalharness.report.page import build_page, fairly

SVG = "{http://www.w3.org/2000/svg}"
small = st.floats(-1e6, 1e6, allow_nan=False)
positive = st.floats(1e-6, 1e6)


def numbers_of(root, *names):
    return [float(node.get(name)) for node in root.iter() for name in names if node.get(name)]


def inside(text, width, height, *, room=60):
    """Every mark lies in the picture (labels may reach a little over its edge)."""
    root = ET.fromstring(text)
    for node in root.iter():
        for name, most in (
            ("x1", width),
            ("x2", width),
            ("cx", width),
            ("y1", height),
            ("y2", height),
            ("cy", height),
        ):
            if node.get(name) is not None:
                assert -0.5 <= float(node.get(name)) <= most + 0.5, (node.tag, name, node.get(name))
    return root


@pytest.mark.parametrize("outcome", ["PASS", "FAIL", "INCONCLUSIVE"])
@given(
    st.sampled_from(
        [
            "non_inferiority",
            "superiority",
            "equivalence",
            "at_most",
            "at_least",
            "max_ratio",
            "min_ratio",
        ]
    ),
    st.sampled_from(["higher", "lower"]),
    positive,
    st.floats(1.0001, 50),
    st.floats(0.0001, 10),
)
def test_a_forest_row_stays_in_its_frame(outcome, test, direction, point, width, threshold):
    row = made.gate(
        "m",
        outcome,
        test=test,
        direction=direction,
        difference=point,
        lower=point / width,
        upper=point * width,
        threshold=threshold,
    )
    root = inside(forest.render_forest_row(row), forest.WIDTH, forest.HEIGHT)
    assert "m" in root.get("aria-label")


@given(st.floats(-0.2, 0.2), st.floats(0.0001, 0.1), st.floats(0.0001, 0.1))
def test_a_passing_interval_lies_right_of_the_line_and_a_failing_one_left(point, half, margin):
    lower, upper = point - half, point + half
    row = made.gate("m", "PASS", difference=point, lower=lower, upper=upper, threshold=-margin)
    root = ET.fromstring(forest.render_forest_row(row))
    whisker = next(n for n in root.iter(f"{SVG}line") if "whisker" in n.get("class"))
    left, right = float(whisker.get("x1")), float(whisker.get("x2"))
    assert (left >= forest.LINE - 0.01) == (lower >= -margin) or abs(lower + margin) < 1e-3
    assert (right <= forest.LINE + 0.01) == (upper <= -margin) or abs(upper + margin) < 1e-3


def test_lower_is_better_is_drawn_the_other_way_round():
    row = made.gate(
        "latency", "PASS", direction="lower", threshold=0.1, difference=-0.2, lower=-0.3, upper=-0.1
    )
    assert forest.place(row, -0.2) > 0
    assert forest.place(row, 0.2) < 0


def test_a_gate_without_a_number_says_so():
    assert "undetermined" in forest.render_forest_row(made.undetermined_gate())


def test_a_gate_without_a_bound_runs_out_of_the_picture():
    row = made.gate("m", "INCONCLUSIVE", lower=None)
    root = ET.fromstring(forest.render_forest_row(row))
    whisker = next(n for n in root.iter(f"{SVG}line") if "whisker" in n.get("class"))
    assert float(whisker.get("x1")) == forest.EDGE


@given(small, small, st.integers(1, 8))
def test_round_ticks_lie_inside_and_are_round(first, second, count):
    low, high = sorted((first, second))
    ticks = svg.nice(low, high, count)
    assert ticks == sorted(ticks)
    if high - low > 1e-6:
        room = 1e-8 * max(high - low, abs(low), abs(high))
        assert all(low - room <= tick <= high + room for tick in ticks)
        assert len(ticks) <= 2.6 * count + 2


@given(positive, positive)
def test_logarithmic_ticks_lie_inside(first, second):
    low, high = sorted((first, second))
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in svg.nice_log(low, high))


@given(small, small, small)
def test_an_axis_holds_every_value_inside(first, second, value):
    low, high = sorted((first, second))
    axis = svg.Axis(low, high, 10.0, 90.0)
    assert 10.0 <= axis.at(value) <= 90.0


points = st.lists(
    st.tuples(positive, positive, st.floats(0, 0.2)).map(
        lambda t: front.Point(
            "arm",
            (t[0] * (1 - t[2]), t[0], t[0] * (1 + t[2])),
            (t[1] * (1 - t[2]), t[1], t[1] * (1 + t[2])),
            "arm-0",
        )
    ),
    min_size=1,
    max_size=12,
)
SCALES = front.Scales(suite="s", x_name="cost", x_scale="usd", y_name="f1", y_scale="points")


@given(points)
def test_no_arm_on_the_front_is_beaten_and_every_other_is(arms):
    line = front.front_of(arms)

    def beats(one, other):
        return (
            one.x[1] <= other.x[1]
            and one.y[1] >= other.y[1]
            and one.x[1:2] + one.y[1:2] != other.x[1:2] + other.y[1:2]
        )

    assert not any(beats(one, other) for one in arms for other in line)
    for arm in arms:
        on_it = any((arm.x[1], arm.y[1]) == (other.x[1], other.y[1]) for other in line)
        assert on_it or any(beats(one, arm) for one in line)


@given(points)
def test_a_front_stays_in_its_frame(arms):
    inside(front.render_front(arms, SCALES), front.WIDTH, front.HEIGHT)


quantiles = st.lists(st.floats(0, 1e4), min_size=2, max_size=101).map(lambda v: tuple(sorted(v)))


@given(st.lists(quantiles, min_size=1, max_size=10))
def test_arrivals_stay_in_their_frame_and_tell_the_percentiles(spreads):
    curves = [Curve(f"arm {n}", spread, f"arm-{n}") for n, spread in enumerate(spreads)]
    root = inside(render_arrivals(curves, "seconds", "seconds"), 480, 300)
    assert "p95" in root.get("aria-label")


@given(quantiles, st.floats(0, 1))
def test_a_curve_reads_between_its_quantiles(spread, share):
    found = Curve("a", spread, "arm-0").at(share)
    assert spread[0] <= found <= spread[-1] + 1e-9


@given(st.lists(small, min_size=2, max_size=101).map(sorted), st.sampled_from(["higher", "lower"]))
def test_gains_are_well_formed(values, better):
    ET.fromstring(render_gains(values, "fraction", "told", better=better))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_balance_fills_its_bar(wins, losses, ties):
    root = ET.fromstring(render_balance(wins, losses, ties))
    widths = [float(node.get("width")) for node in root.iter(f"{SVG}rect")]
    assert sum(widths) == pytest.approx(240.0 if wins + losses + ties else 0.0, abs=0.1)


def test_a_power_curve_marks_today():
    text = render_power((50, 100, 400), (0.1, 0.4, 0.9), 200, "f1")
    assert "now: 200" in text
    inside(text, 480, 300)


def test_whiskers_share_one_axis():
    rows = [
        intervals.Whisker("a", 0.5, 0.4, 0.6, "arm-0"),
        intervals.Whisker("b", 0.9, 0.8, 1.0, "arm-1"),
    ]
    axis = intervals.shared_axis(rows, "fraction")
    assert axis.high == 1.0
    for row in rows:
        inside(
            intervals.render_whisker(row, axis, "told", reference=0.5),
            intervals.WIDTH,
            intervals.HEIGHT,
        )


def test_ticks_of_a_fraction_are_told_in_percent_without_needless_digits():
    axis = svg.Axis(0.0, 1.0, 0, 100)
    ticks = intervals.round_ticks(axis, "fraction", 4)
    assert intervals.tick_places(ticks, "fraction") == 0


# --- what the page picks ---------------------------------------------------------------------


def test_the_candidate_has_the_first_colour_wherever_it_stands():
    facts = made.full()
    import msgspec

    turned = msgspec.structs.replace(facts, arms=facts.arms[::-1])
    assert inks(facts)["ft-3b"] == inks(turned)["ft-3b"] == "arm-0"


def test_gated_metrics_come_first():
    names = [panel.label for panel in panels(made.full())]
    assert names[:3] == ["rouge_l", "format_ok", "cost_usd/1k"]


def test_the_scoreboard_starts_with_the_cheapest_arm():
    (board,) = scoreboards(made.full())
    assert [score.arm.name for score in board.scores] == ["ft-3b", "rag-8b", "prompted-70b"]
    assert [score.gates for score in board.scores] == ["4 of 5 pass", "", "ft-3b passes 4 of 5"]


def test_one_arm_alone_has_no_scoreboard_and_no_front():
    assert scoreboards(made.run()) == ()
    assert fronts(made.run()) == ()


def test_flips_are_taken_in_turn_from_every_metric_and_direction():
    flips = [
        made.flip(sample_id=f"{metric}-{n}", metric=metric) for metric in "abc" for n in range(50)
    ]
    kept = fairly(flips, 9)
    assert sorted({flip.metric for flip in kept}) == ["a", "b", "c"]
    assert len(kept) == 9
    assert kept == sorted(kept, key=flips.index)


@given(st.integers(0, 30), st.integers(1, 60))
def test_no_flip_is_lost_where_there_is_room(count, most):
    flips = [made.flip(sample_id=str(n)) for n in range(count)]
    assert len(fairly(flips, most)) == min(count, most)


def test_tiles_show_gates_that_decide_and_slices_that_did_not_pass():
    page = build_page(made.inconclusive())
    assert [tile.reading.label for tile in page.tiles] == [
        "rouge_l",
        "rouge_l [lang=de]",
        "cost_usd/1k",
    ]


def test_of_several_baselines_each_gate_shows_its_worst():
    tiles = build_page(made.several()).tiles
    assert [(tile.row.metric, tile.row.outcome) for tile in tiles] == [
        ("rouge_l", "PASS"),
        ("format_ok", "FAIL"),
        ("error_rate", "PASS"),
    ]
    assert tiles[1].against == " against prompted-70b"
    assert tiles[2].against == ""


def test_without_prices_arms_keep_their_order():
    (board,) = scoreboards(made.several())
    assert not board.priced
    assert [score.arm.name for score in board.scores] == [
        "ft-3b",
        "prompted-70b",
        "rag-8b",
        "base-3b",
    ]


def test_no_picture_carries_an_inline_style():
    page = build_page(made.full())
    pictures = [gate.picture for group in page.groups for gate in group.gates]
    pictures += [picture for _, picture in page.fronts] + [view.picture for view in page.spreads]
    assert pictures
    assert not any(re.search(r"\sstyle=", picture) for picture in pictures)
