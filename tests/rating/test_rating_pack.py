"""People judge, blinded: the pack that is given away, and the files that come back."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter

import pytest

from evalharness.cli.main import main

N = 40
SUITE = """
name: rated
data: {path: data.jsonl}
metrics: [exact_match]
"""


class Desk:
    """Two runs and a pack of them."""

    def __init__(self, commands, tmp_path, capsys):
        self.commands, self.capsys = commands, capsys
        self.pack = tmp_path / "pack"
        path = commands.suite(SUITE)
        rows = [{"id": f"q{k}", "input": f"question {k}?", "target": "x"} for k in range(N)]
        commands.jsonl("suite/data.jsonl", rows)
        self.runs = []
        for name in ("tuned", "base"):
            outputs = [{"id": f"q{k}", "output": self.text(name, k)} for k in range(N)]
            recording = commands.jsonl(f"{name}.jsonl", outputs)
            code, _, err = commands.run("run", path, "--model", recording, "-q")
            assert 0 == code, err
        for manifest in sorted(commands.out.glob("*/run.json")):
            self.runs.append((json.loads(manifest.read_text())["arm"], manifest.parent))
        self.runs = [path for _, path in sorted(self.runs, reverse=True)]

    @staticmethod
    def text(name, k):
        if k < 3:
            return "the same"
        return f"=cmd|<b>answer</b> {k}" if name == "tuned" else f"answer {k} </script>"

    def rate(self, *arguments):
        """Exit code, stdout, stderr of `rate`."""
        self.capsys.readouterr()
        code = main(["rate", *map(str, arguments), "--out", str(self.pack)])
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def make(self, *more):
        code, out, err = self.rate(*self.runs, *more)
        assert 0 == code, err
        return out

    @property
    def key(self):
        return json.loads((self.pack / "key.json").read_text())

    def returned(self, who, says, **more):
        """A file as the page saves it; `says(item of the key)` is a choice or a score."""
        field = "choice" if self.key["kind"] == "preference" else "score"
        answers = {item["item"]: {field: says(item), "comment": "c"} for item in self.key["items"]}
        path = self.pack / f"back-{who}.json"
        whole = {"pack": self.key["pack"], "annotator": who, "answers": answers, **more}
        path.write_text(json.dumps(whole))
        return path


@pytest.fixture
def desk(commands, tmp_path, capsys):
    return Desk(commands, tmp_path, capsys)


def likes(arm):
    return lambda item: "left" if item["arms"][0] == arm else "right"


def test_nothing_that_is_given_away_says_whose_answer_it_is(desk):
    out = desk.make()
    assert "37 items" in out
    assert "3 pairs with equal answers" in out
    given = [(desk.pack / name).read_text("utf-8-sig") for name in ("rate.html", "rate.csv")]
    for text in given:
        for secret in ("tuned", '"base"', "base.jsonl", *(run.name for run in desk.runs)):
            assert secret not in text
        assert '"q7"' not in text


def test_sides_and_order_are_drawn_and_repeat_with_the_seed(desk):
    desk.make()
    first = desk.key
    sides = Counter(item["arms"][0] for item in first["items"])
    assert min(sides.values()) > 8
    assert [item["id"] for item in first["items"]] != sorted(item["id"] for item in first["items"])
    desk.make()
    assert first == desk.key
    desk.make("--seed", "5", "--limit", "10")
    assert 10 == len(desk.key["items"])
    assert first["items"][:10] != desk.key["items"]


def test_the_page_loads_and_sends_nothing(desk):
    desk.make()
    page = (desk.pack / "rate.html").read_text()
    assert "default-src 'none'" in page
    assert "unsafe-inline" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert 2 == page.count("</script>")  # an answer holds one too


def test_the_table_runs_no_formula(desk):
    desk.make()
    rows = list(csv.DictReader(io.StringIO((desk.pack / "rate.csv").read_text("utf-8-sig"))))
    assert 37 == len(rows)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_preferences_come_back_with_agreement_and_judge_a_suite(desk):
    desk.make()
    anna = desk.returned("anna", likes("tuned"))
    bea = desk.returned("bea", lambda item: "tie" if item["item"] < "005" else bea_says(item))
    code, out, err = desk.rate("--collect", anna, bea)
    assert 0 == code, err
    assert "tuned: wins 0.973" in out
    assert "Krippendorff's alpha (nominal) -" in out
    assert "ties: 4 of 74 votes" in out
    votes = (desk.pack / "preferences.jsonl").read_text().splitlines()
    assert 74 == len(votes)
    suite = desk.commands.suite(
        SUITE
        + f"judges: [{{name: people, kind: preference, human: '{desk.pack}/preferences.jsonl'}}]\n"
        "policy: {gates: [{metric: people, test: superiority}]}\n"
    )
    facts = desk.commands.json(
        "gate", suite, "--candidate", desk.commands.folder / "tuned.jsonl",
        "--baseline", desk.commands.folder / "base.jsonl",
    )  # fmt: skip
    assert "READY" == facts["verdict"]
    assert 0.9375 == pytest.approx(facts["gates"][0]["candidate"])  # equal answers are ties


def bea_says(item):
    return likes("tuned")(item)


def test_agreement_of_annotators_is_printed_pair_by_pair(desk):
    desk.make()
    sides = [
        desk.returned("anna", likes("tuned")),
        desk.returned("bea", lambda item: likes("tuned" if item["item"] > "020" else "base")(item)),
        desk.returned("cyd", lambda item: likes("tuned" if item["item"] > "018" else "base")(item)),
    ]
    _, out, _ = desk.rate("--collect", *sides)
    assert "Cohen's kappa bea-cyd: 0.8" in out
    assert "Cohen's kappa anna-bea: 0.000" in out


def test_ratings_of_single_answers_are_labels_by_hash(desk):
    desk.make("--scale", "1..5")
    assert 3 == sum(len(item["arms"]) == 2 for item in desk.key["items"])  # said by both
    anna = desk.returned("anna", lambda item: 5 if item["arms"] == ["tuned"] else 2)
    code, out, err = desk.rate("--collect", anna)
    assert 0 == code, err
    assert f"tuned: mean {(37 * 5 + 3 * 2) / 40:.3f}" in out  # what both said counts for both
    assert "base: mean 2.000 [" in out
    assert out.count(", n 40") == 2
    assert "ask a second one" in out
    first = json.loads((desk.pack / "ratings.jsonl").read_text().splitlines()[0])
    texts = {
        hashlib.sha256(desk.text(a, k).encode()).hexdigest()
        for a in ("tuned", "base")
        for k in range(N)
    }
    assert first["answer_sha256"] in texts
    suite = desk.commands.suite(
        SUITE + f"judges: [{{name: people, human: '{desk.pack}/ratings.jsonl'}}]\n"
    )
    metrics = desk.commands.json("run", suite, "--model", desk.commands.folder / "base.jsonl")[
        "metrics"
    ]
    assert metrics["people"]["value"] == pytest.approx(2.0)


def test_what_an_annotator_needs_stands_beside_the_question(desk):
    rows = [
        {"id": f"q{k}", "input": f"question {k}?", "target": f"right {k}", "page": f"=fact {k}"}
        for k in range(N)
    ]
    desk.commands.jsonl("suite/data.jsonl", rows)
    desk.make("--scale", "1..5", "--show", "page", "--show", "reference")
    rows = list(csv.DictReader(io.StringIO((desk.pack / "rate.csv").read_text("utf-8-sig"))))
    for row in rows:
        number = row["question"].split()[1].rstrip("?")
        assert (f"'=fact {number}", f"right {number}") == (
            row["shown: page"], row["shown: reference"],
        )  # fmt: skip
    assert "=fact 7" in (desk.pack / "rate.html").read_text()
    code, _, err = desk.rate(*desk.runs, "--show", "pages")
    assert (64, True) == (code, "has the field 'pages'" in err)


def test_a_filled_table_comes_back_too(desk):
    desk.make()
    rows = list(csv.DictReader(io.StringIO((desk.pack / "rate.csv").read_text("utf-8-sig"))))
    key = {item["item"]: item for item in desk.key["items"]}
    for row in rows[:30]:
        row["choice"] = likes("base")(key[row["item"]]).upper()
    for delimiter in (",", ";"):
        path = desk.pack / "dora.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        code, out, err = desk.rate("--collect", path)
        assert 0 == code, err
        assert "dora 30" in out
        assert "tuned: wins 0.000" in out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pack": "other"}, "pack"),
        ({"annotator": " "}, "annotator"),
        ({"answers": {"999": {"choice": "left"}}}, "answers.999"),
        ({"answers": {"001": {"choice": "both"}}}, "answers.001"),
        ({"answers": {"001": {"choise": "left"}}}, "choise"),
        ({"answers": {"001": {"score": 3}}}, "answers.001"),
        ({"more": 1}, "more"),
    ],
)
def test_a_broken_file_is_refused_with_its_key(desk, change, told):
    desk.make()
    path = desk.returned("anna", likes("tuned"), **change)
    code, _, err = desk.rate("--collect", path)
    assert 65 == code
    assert "back-anna.json" in err
    assert told in err
    assert not (desk.pack / "preferences.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pack,item,choice\nPACK,001,left\nPACK,001,right\n", "back.csv:3, item"),
        ("pack,item,choice\nPACK,001,maybe\n", "back.csv:2, choice"),
        ("pack,item,choice\nother,001,left\n", "back.csv:2, pack"),
        ("item,choice\n001,left\n", "back.csv:1"),
        ("", "back.csv:1"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(desk, text, told):
    desk.make()
    path = desk.pack / "back.csv"
    path.write_text(text.replace("PACK", desk.key["pack"]))
    code, _, err = desk.rate("--collect", path)
    assert (65, True) == (code, told in err), err


def test_two_files_of_one_annotator_are_refused(desk):
    desk.make()
    one = desk.returned("anna", likes("tuned"))
    two = one.with_name("again.json")
    two.write_text(one.read_text())
    code, _, err = desk.rate("--collect", one, two)
    assert 65 == code
    assert "'anna' has returned two files" in err


def test_no_json_and_no_file_are_refused(desk):
    desk.make()
    garbage = desk.pack / "x.json"
    garbage.write_bytes(b"\xff\x00garbage")
    assert 65 == desk.rate("--collect", garbage)[0]
    assert 65 == desk.rate("--collect", desk.pack / "absent.json")[0]
    assert 3 == main(["rate", "--collect", str(garbage), "--out", str(desk.pack / "nowhere")])


@pytest.mark.parametrize("wrong", [["--scale", "5..1"], ["--scale", "nine"], ["--scale", "1..100"]])
def test_a_wrong_scale_is_a_usage_error(desk, wrong):
    assert 64 == desk.rate(*desk.runs, *wrong)[0]


def test_one_run_cannot_be_compared(desk):
    assert 64 == desk.rate(desk.runs[0])[0]
