"""The `general-ability` suite: its answers are right, worked out here in another way."""

from __future__ import annotations

import json
import re
from collections import Counter
from fractions import Fraction

import pytest
import yaml
from written_suites import SUITES, rows

HELDOUT = rows(SUITES / "general-ability/heldout.jsonl")
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905


def of(cluster):
    found = [row for row in HELDOUT if row["cluster"] == cluster]
    assert len(found) == 7
    return found


def numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def first_target(row):
    return row["target"][0]


def test_the_skills_have_the_sizes_that_the_readme_says():
    text = (SUITES / "general-ability/README.md").read_text(encoding="utf-8")
    for skill, count in Counter(row["metadata"]["skill"] for row in HELDOUT).items():
        assert f"{skill} {count}" in text


def test_no_question_is_asked_twice():
    assert len({row["input"] for row in HELDOUT}) == len(HELDOUT)


@pytest.mark.parametrize(
    ("cluster", "work"),
    [
        ("addition", lambda a, b: a + b),
        ("subtraction", lambda a, b: a - b),
        ("multiplication", lambda a, b: a * b),
        ("division", Fraction),
        ("two-steps", lambda a, b, c: a + b * c),
        ("percentage", lambda percent, of_: Fraction(percent * of_, 100)),
        ("story-sum", lambda has, gives, buys: has - gives + buys),
        ("story-price", lambda price, count, paid: paid - price * count),
        ("next-number", lambda a, b, c, d: d + (b - a)),
    ],
)
def test_sums_are_right(cluster, work):
    for row in of(cluster):
        assert work(*numbers(row["input"])) == int(first_target(row))


def test_the_larger_decimal_is_larger():
    for row in of("larger"):
        shown = re.findall(r"\d+\.\d+", row["input"])
        assert max(shown, key=Fraction) == first_target(row)


def quoted(row):
    return re.findall(r'"([a-z]+)"', row["input"])[0]


@pytest.mark.parametrize(
    ("cluster", "work"),
    [
        ("word-length", lambda word: str(len(word))),
        ("spell-out", "-".join),
        ("backwards", lambda word: "".join(reversed(word))),
        ("no-vowels", lambda word: "".join(letter for letter in word if letter != "e")),
        ("capitals", str.upper),
        ("three-times", lambda word: f"{word} {word} {word}"),
        ("brackets", lambda word: f"[{word}]"),
    ],
)
def test_words_are_treated_as_asked(cluster, work):
    for row in of(cluster):
        assert work(quoted(row)) == first_target(row)


def test_letters_are_those_asked_for():
    places = {"first": 0, "second": 1, "third": 2, "last": -1}
    for row in of("nth-letter"):
        place = next(index for name, index in places.items() if f" {name} letter" in row["input"])
        assert quoted(row)[place] == first_target(row)


@pytest.mark.parametrize(
    ("cluster", "down"), [("sort-numbers", False), ("sort-numbers-down", True)]
)
def test_numbers_are_sorted(cluster, down):
    for row in of(cluster):
        assert sorted(numbers(row["input"]), reverse=down) == numbers(first_target(row))


def test_words_are_sorted_and_the_first_is_first():
    for row in of("sort-words"):
        words = row["input"].split(": ")[1].split(". ")[0].split(", ")
        assert ", ".join(sorted(words)) == first_target(row)
    for row in of("first-by-alphabet"):
        words = row["input"].split(": ")[1].rstrip("?").split(", ")
        assert min(words) == first_target(row)


def test_the_odd_one_out_is_the_only_one():
    for row in of("odd-one-out"):
        words = row["input"].split(": ")[1].rstrip("?").split(", ")
        letters = Counter(word[0] for word in words)
        assert [word for word in words if letters[word[0]] == 1] == [first_target(row)]


def test_days_are_counted_right():
    for cluster, sign in (("day-after", 1), ("day-before", -1)):
        for row in of(cluster):
            (steps,) = numbers(row["input"])
            (day,) = [place for place, name in enumerate(DAYS) if name in row["input"]]
            assert DAYS[(day + sign * steps) % 7] == first_target(row)


def test_orders_follow_from_the_comparisons():
    for cluster, over, under, last in (
        ("who-is-tallest", "taller", "shorter", False),
        ("who-is-youngest", "older", "younger", True),
    ):
        for row in of(cluster):
            above = {}
            for one, word, other in re.findall(r"(\w+) is (\w+) than (\w+)\.", row["input"]):
                assert word in (over, under)
                high, low = (one, other) if word == over else (other, one)
                above[high] = low
            tops = set(above) - set(above.values())
            ends = set(above.values()) - set(above)
            assert (ends if last else tops) == {first_target(row)}


def test_times_and_units_are_right():
    for row in of("arrival"):
        hour, minute, length = numbers(row["input"])[:3]
        assert f"{hour}:{minute + length:02d}" == first_target(row)
    factors = {"centimeters": 100, "minutes": 60, "grams": 1000, "days": 7}
    for row in of("unit"):
        small = re.search(r"How many (\w+)", row["input"]).group(1)
        factor = 1000 if small == "meters" else factors[small]
        assert numbers(row["input"])[0] * factor == int(first_target(row))


def test_json_answers_are_the_same_object():
    for row in of("json-pair"):
        expected = {quoted(row): numbers(row["input"])[0]}
        assert all(json.loads(target) == expected for target in row["target"])


def test_forms_that_were_asked_for_exactly_have_one_answer():
    for cluster in ("capitals", "three-times", "brackets", "two-lines", "numbered", "pick-last"):
        assert all(len(row["target"]) == 1 for row in of(cluster))


def test_every_hand_written_question_is_in_the_file_with_its_first_answer():
    path = SUITES / "general-ability/knowledge.yaml"
    topics = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {row["input"]: row["target"] for row in HELDOUT}
    for questions in topics.values():
        for question, *answers in questions:
            assert set(answers) <= set(known[question])


def test_targets_have_no_white_space_around_them():
    for row in HELDOUT:
        assert row["target"]
        assert all(target == target.strip() and target for target in row["target"])


def test_a_model_that_forgot_one_skill_is_not_ready_and_the_report_says_which(commands):
    """The base misses every 15th question; the tuned model also lost most of its arithmetic."""
    base, tuned = [], []
    for number, row in enumerate(HELDOUT):
        right = first_target(row)
        known = right if number % 15 else "no idea"
        lost = row["metadata"]["skill"] == "arithmetic" and number % 3
        base.append({"id": row["id"], "output": known})
        tuned.append({"id": row["id"], "output": "cave" if lost else known})
    arms = ("--candidate", commands.jsonl("tuned.jsonl", tuned))
    arms += ("--baseline", commands.jsonl("base.jsonl", base), "--reports", "none")
    facts = commands.json("gate", "general-ability", *arms, expect=1)
    assert "NOT_READY" == facts["verdict"]
    lost = {gate["slice"]: gate["outcome"] for gate in facts["gates"] if gate["slice"]}
    assert "FAIL" == lost.pop("skill=arithmetic")
    assert "FAIL" not in lost.values()
    same = ("--candidate", arms[3], "--baseline", arms[3], "--reports", "none")
    assert "READY" == commands.json("gate", "general-ability", *same)["verdict"]
