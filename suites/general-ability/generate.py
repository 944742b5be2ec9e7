"""Small questions of every kind: did the tuned model forget what it could do before?

Reads: knowledge.yaml beside this file.  Gives: heldout.jsonl, the same on every machine.
Depends on: PyYAML.  Knows nothing of models.

    python suites/general-ability/generate.py

Each family below writes EACH questions of one pattern; they share a cluster.
"""

# ruff: noqa: INP001 - a command beside its data, no package
from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
SEED = 20241005
EACH = 7
"""How many questions a family gives."""

Question = tuple[str, list[str]]
Family = Callable[[random.Random], Question]

WORD_LIST = (
    "apple bridge candle dragon engine forest garden hammer island jacket kettle ladder market "
    "needle orange pencil rabbit saddle temple umbrella violin window yellow zipper button carpet "
    "dollar elbow feather guitar helmet insect jungle kitchen lemon mirror number ocean pillow "
    "river summer tunnel valley winter basket copper desert finger harbor planet"
)
WORDS = re.findall(r"[a-z]+", WORD_LIST)
MISSPELT = {
    "recieve": "receive", "freind": "friend", "wich": "which", "becuase": "because",
    "definately": "definitely", "tommorow": "tomorrow", "seperate": "separate",
    "goverment": "government", "adress": "address", "begining": "beginning",
    "neccessary": "necessary", "beleive": "believe", "libary": "library", "calender": "calendar",
}  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMES = ("Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jo")
THINGS = ("apples", "stamps", "coins", "books", "shells", "cards", "pens", "eggs")


def plain(answer: object) -> list[str]:
    """An answer and how people also write it: with a full stop, with another first letter."""
    text = str(answer)
    forms = [text, text[0].upper() + text[1:], text[0].lower() + text[1:]]
    return list(dict.fromkeys([*forms, *(f"{form}." for form in forms)]))


# --- arithmetic ------------------------------------------------------------------------------


def addition(rng: random.Random) -> Question:
    """Two numbers of two or three digits."""
    a, b = rng.randint(12, 480), rng.randint(12, 480)
    return f"What is {a} + {b}?", plain(a + b)


def subtraction(rng: random.Random) -> Question:
    """A smaller number from a larger one."""
    b, rest = rng.randint(11, 250), rng.randint(11, 250)
    return f"What is {b + rest} - {b}?", plain(rest)


def multiplication(rng: random.Random) -> Question:
    """One digit times two."""
    a, b = rng.randint(3, 9), rng.randint(11, 49)
    return f"What is {a} times {b}?", plain(a * b)


def division(rng: random.Random) -> Question:
    """Without a remainder."""
    a, b = rng.randint(3, 12), rng.randint(4, 25)
    return f"What is {a * b} divided by {a}?", plain(b)


def two_steps(rng: random.Random) -> Question:
    """Multiplication before addition."""
    a, b, c = rng.randint(2, 20), rng.randint(2, 9), rng.randint(2, 9)
    return f"What is {a} + {b} * {c}?", plain(a + b * c)


def percentage(rng: random.Random) -> Question:
    """A round percentage of a round number."""
    percent, hundred = rng.choice((5, 10, 20, 25, 50, 75)), rng.randint(2, 12) * 20
    return f"What is {percent} percent of {hundred}?", plain(percent * hundred // 100)


def story_sum(rng: random.Random) -> Question:
    """Some are given away, some are bought."""
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    has, gives, buys = rng.randint(15, 40), rng.randint(3, 12), rng.randint(3, 12)
    question = (
        f"{name} has {has} {thing}, gives away {gives} and buys {buys} more. "
        f"How many {thing} does {name} have now? Answer with a number."
    )
    return question, plain(has - gives + buys)


def story_price(rng: random.Random) -> Question:
    """A price times a count, and the change."""
    price, count = rng.randint(2, 9), rng.randint(2, 9)
    paid = (price * count // 10 + 1) * 10
    question = (
        f"A ticket costs {price} dollars. Someone buys {count} tickets and pays with {paid} "
        "dollars. How many dollars are given back? Answer with a number."
    )
    return question, plain(paid - price * count)


def larger(rng: random.Random) -> Question:
    """Decimals of different length."""
    whole = rng.randint(1, 9)
    a, b = f"{whole}.{rng.randint(6, 9)}", f"{whole}.{rng.randint(11, 49)}"
    first, second = rng.sample([a, b], 2)
    return f"Which number is larger, {first} or {second}?", plain(a)


def next_number(rng: random.Random) -> Question:
    """A sequence with equal steps."""
    start, step = rng.randint(1, 30), rng.randint(2, 12)
    shown = ", ".join(str(start + step * place) for place in range(4))
    return f"Which number comes next: {shown}?", plain(start + 4 * step)


# --- spelling --------------------------------------------------------------------------------


def word_length(rng: random.Random) -> Question:
    """How many letters."""
    word = rng.choice(WORDS)
    return f'How many letters does the word "{word}" have? Answer with a number.', plain(len(word))


def nth_letter(rng: random.Random) -> Question:
    """The first, second, third or last letter."""
    word = rng.choice(WORDS)
    name, place = rng.choice((("first", 0), ("second", 1), ("third", 2), ("last", -1)))
    return f'What is the {name} letter of the word "{word}"?', plain(word[place])


def spell_out(rng: random.Random) -> Question:
    """Letter by letter, with dashes."""
    word = rng.choice(WORDS)
    forms = ["-".join(word), "-".join(word.upper())]
    return f'Spell the word "{word}" with a dash between the letters, like c-a-t.', forms


def backwards(rng: random.Random) -> Question:
    """A word from its end."""
    word = rng.choice([word for word in WORDS if len(word) <= 6])
    return f'Write the word "{word}" backwards.', plain(word[::-1])


def correct_spelling(rng: random.Random) -> Question:
    """A common mistake."""
    wrong = rng.choice(sorted(MISSPELT))
    return f'The word "{wrong}" is misspelt. Write it correctly.', plain(MISSPELT[wrong])


def odd_one_out(rng: random.Random) -> Question:
    """Which word does not begin like the others."""
    letter = rng.choice("bcdfhjklmprs")
    same = [word for word in WORDS if word.startswith(letter)][:3]
    other = rng.choice([word for word in WORDS if not word.startswith(letter)])
    shown = rng.sample([*same, other], len(same) + 1)
    if len(same) < 2:
        return odd_one_out(rng)
    question = f"Which word does not begin with the same letter as the others: {', '.join(shown)}?"
    return question, plain(other)


# --- sorting ---------------------------------------------------------------------------------


def sort_numbers(rng: random.Random) -> Question:
    """From the smallest to the largest."""
    numbers = rng.sample(range(1, 100), 5)
    shown = ", ".join(map(str, numbers))
    answer = ", ".join(map(str, sorted(numbers)))
    question = f"Sort from smallest to largest: {shown}. Write the numbers with commas."
    return question, [answer, answer.replace(" ", ""), f"{answer}."]


def sort_numbers_down(rng: random.Random) -> Question:
    """From the largest to the smallest."""
    numbers = rng.sample(range(1, 100), 4)
    shown = ", ".join(map(str, numbers))
    answer = ", ".join(map(str, sorted(numbers, reverse=True)))
    question = f"Sort from largest to smallest: {shown}. Write the numbers with commas."
    return question, [answer, answer.replace(" ", ""), f"{answer}."]


def sort_words(rng: random.Random) -> Question:
    """By the alphabet."""
    words = rng.sample(WORDS, 4)
    answer = ", ".join(sorted(words))
    question = f"Sort by the alphabet: {', '.join(words)}. Write the words with commas."
    return question, [*plain(answer), answer.replace(" ", "")]


def largest_number(rng: random.Random) -> Question:
    """Of five."""
    numbers = rng.sample(range(100, 1000), 5)
    return f"Which is the largest number: {', '.join(map(str, numbers))}?", plain(max(numbers))


def first_by_alphabet(rng: random.Random) -> Question:
    """Of four words."""
    words = rng.sample(WORDS, 4)
    question = f"Which of these words comes first in the alphabet: {', '.join(words)}?"
    return question, plain(min(words))


def count_items(rng: random.Random) -> Question:
    """How often a word stands in a list."""
    words = rng.sample(WORDS, 3)
    listed = [rng.choice(words) for _ in range(8)]
    shown, asked = ", ".join(listed), listed[0]
    question = f'How often does "{asked}" stand in this list: {shown}? Answer with a number.'
    return question, plain(listed.count(asked))


# --- reasoning -------------------------------------------------------------------------------


def day_after(rng: random.Random) -> Question:
    """A day of the week some days on."""
    day, steps = rng.randrange(7), rng.randint(2, 6)
    return f"Which day is {steps} days after {DAYS[day]}?", plain(DAYS[(day + steps) % 7])


def day_before(rng: random.Random) -> Question:
    """A day of the week some days back."""
    day, steps = rng.randrange(7), rng.randint(2, 5)
    return f"Which day was {steps} days before {DAYS[day]}?", plain(DAYS[(day - steps) % 7])


def who_is_tallest(rng: random.Random) -> Question:
    """An order of three from two comparisons."""
    tall, middle, small = rng.sample(NAMES, 3)
    facts = rng.sample(
        [f"{tall} is taller than {middle}.", f"{small} is shorter than {middle}."], 2
    )
    return f"{' '.join(facts)} Who is the tallest?", plain(tall)


def who_is_youngest(rng: random.Random) -> Question:
    """The same for ages."""
    old, middle, young = rng.sample(NAMES, 3)
    facts = rng.sample([f"{old} is older than {middle}.", f"{middle} is older than {young}."], 2)
    return f"{' '.join(facts)} Who is the youngest?", plain(young)


def all_are(rng: random.Random) -> Question:
    """Does it follow?"""
    a, b, c = rng.sample(("wugs", "daxes", "blickets", "feps", "tomas", "zivs"), 3)
    if rng.random() < 0.5:
        question = f"All {a} are {b}. All {b} are {c}. Are all {a} {c}? Answer yes or no."
        return question, plain("Yes")
    question = f"All {a} are {b}. No {b} are {c}. Are any {a} {c}? Answer yes or no."
    return question, plain("No")


def arrival(rng: random.Random) -> Question:
    """A time plus minutes, within the hour."""
    hour, minute, length = (
        rng.randint(6, 20),
        rng.choice((5, 10, 15, 20)),
        rng.choice((15, 20, 25, 30)),
    )
    question = (
        f"A bus leaves at {hour}:{minute:02d} and the trip takes {length} minutes. "
        "When does it arrive? Write the time like 7:05."
    )
    return question, plain(f"{hour}:{minute + length:02d}")


def unit(rng: random.Random) -> Question:
    """Common units."""
    count = rng.randint(2, 9)
    large, factor, small = rng.choice(
        (
            ("meters", 100, "centimeters"),
            ("kilometers", 1000, "meters"),
            ("hours", 60, "minutes"),
            ("kilograms", 1000, "grams"),
            ("weeks", 7, "days"),
        )
    )
    answer = count * factor
    question = f"How many {small} are {count} {large}? Answer with a number."
    return question, [*plain(answer), f"{answer:,}"]


def color_of(rng: random.Random) -> Question:
    """Keeping track of who has what."""
    names, colors = rng.sample(NAMES, 3), rng.sample(("red", "blue", "green", "white", "black"), 3)
    facts = [f"{name} has the {color} box." for name, color in zip(names, colors, strict=True)]
    asked = rng.randrange(3)
    question = f"{' '.join(facts)} Which color is the box of {names[asked]}?"
    return question, plain(colors[asked])


# --- instructions ----------------------------------------------------------------------------


def capitals(rng: random.Random) -> Question:
    """Nothing but a word in capitals."""
    word = rng.choice(WORDS)
    question = f'Answer with the word "{word}" in capital letters and nothing else.'
    return question, [word.upper()]


def three_times(rng: random.Random) -> Question:
    """A word repeated with blanks."""
    word = rng.choice(WORDS)
    question = f'Write the word "{word}" three times on one line, separated by single blanks.'
    return question, [" ".join([word] * 3)]


def brackets(rng: random.Random) -> Question:
    """A word in square brackets."""
    word = rng.choice(WORDS)
    question = f'Put the word "{word}" into square brackets. Answer with that only.'
    return question, [f"[{word}]"]


def json_pair(rng: random.Random) -> Question:
    """An object with one key."""
    word, number = rng.choice(WORDS), rng.randint(2, 99)
    question = (
        f'Answer with a JSON object on one line that has the key "{word}" with the number {number}.'
    )
    return question, [
        f'{{"{word}": {number}}}',
        f'{{"{word}":{number}}}',
        f'{{ "{word}": {number} }}',
    ]


def no_vowels(rng: random.Random) -> Question:
    """A word without a letter."""
    word = rng.choice([word for word in WORDS if "e" in word])
    question = f'Write the word "{word}" without the letter e. Answer with what is left only.'
    return question, [word.replace("e", "")]


def two_lines(rng: random.Random) -> Question:
    """Two words on two lines."""
    one, other = rng.sample(WORDS, 2)
    question = (
        f'Write "{one}" on the first line and "{other}" on the second line, and nothing else.'
    )
    return question, [f"{one}\n{other}"]


def numbered(rng: random.Random) -> Question:
    """A numbered list of three."""
    words = rng.sample(WORDS, 3)
    question = f'Write {", ".join(words)} as a list with the numbers "1.", "2.", "3.", one a line.'
    return question, ["\n".join(f"{place}. {word}" for place, word in enumerate(words, 1))]


def pick_last(rng: random.Random) -> Question:
    """The last of a list, whatever else is said."""
    words = rng.sample(WORDS, 4)
    question = f"Answer with the last word of this list and nothing else: {' '.join(words)}"
    return question, [words[-1]]


FAMILIES: dict[str, tuple[Family, ...]] = {
    "arithmetic": (
        addition, subtraction, multiplication, division, two_steps, percentage, story_sum,
        story_price, larger, next_number,
    ),
    "spelling": (
        word_length, nth_letter, spell_out, backwards, correct_spelling, odd_one_out,
    ),
    "sorting": (
        sort_numbers, sort_numbers_down, sort_words, largest_number, first_by_alphabet, count_items,
    ),
    "reasoning": (
        day_after, day_before, who_is_tallest, who_is_youngest, all_are, arrival, unit, color_of,
    ),
    "instructions": (
        capitals, three_times, brackets, json_pair, no_vowels, two_lines, numbered, pick_last,
    ),
}  # fmt: skip


def written_rows(skill: str, family: Family, rng: random.Random) -> list[dict[str, object]]:
    """EACH different questions of a family."""
    name = family.__name__.replace("_", "-")
    found: dict[str, list[str]] = {}
    while len(found) < EACH:
        question, answers = family(rng)
        found.setdefault(question, answers)
    return [
        row_of(f"{name}-{number}", name, skill, question, answers)
        for number, (question, answers) in enumerate(found.items(), start=1)
    ]


def row_of(
    key: str, cluster: str, skill: str, question: str, answers: list[str]
) -> dict[str, object]:
    """One line of the data file."""
    return {
        "id": key,
        "input": question,
        "target": answers,
        "cluster": cluster,
        "metadata": {"skill": skill},
    }


def knowledge_rows() -> list[dict[str, object]]:
    """The hand-written questions; each stands for itself, so each is a cluster of its own."""
    topics = yaml.safe_load((HERE / "knowledge.yaml").read_text(encoding="utf-8"))
    rows = []
    for topic, questions in topics.items():
        for number, (question, *answers) in enumerate(questions, start=1):
            key = f"{topic.replace('_', '-')}-{number}"
            forms = [form for answer in answers for form in plain(answer)]
            rows.append(row_of(key, key, "knowledge", question, list(dict.fromkeys(forms))))
    return rows


def main() -> None:
    """Write the file."""
    rng = random.Random(SEED)  # noqa: S311 - a data set, not a secret
    rows = [
        row
        for skill, families in FAMILIES.items()
        for family in families
        for row in written_rows(skill, family, rng)
    ]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in [*rows, *knowledge_rows()]]
    (HERE / "heldout.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
