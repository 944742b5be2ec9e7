"""Help pages of invented shops, customers' questions, and answers in the house style.

Reads: articles.yaml beside this file.  Gives: train.jsonl and heldout.jsonl, the same on every
machine.  Depends on: PyYAML.  Knows nothing of models.

    python suites/support-faq/generate.py
"""

# ruff: noqa: INP001 - a command beside its data, no package
from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SEED = 20240718
TRAIN_SHOPS = 4
ABSENT_SHARE = 0.4  # of articles that get a question which they do not answer

Written = dict[str, Any]  # Any: a part of articles.yaml, whose shape its head describes


def draw_facet(facet: Written, shop: Written, rng: random.Random) -> tuple[str, str, str]:
    """One facet of an article: the sentence it writes, a question about it, the answer."""
    values = {name: rng.choice(choices) for name, choices in facet.get("values", {}).items()}
    values["domain"] = shop["domain"]
    option = rng.choice(facet["options"])
    clause = rng.choice(option["clauses"]).format(**values)
    return clause, rng.choice(facet["questions"]), option["answer"].format(**values)


def write_article(
    topic: Written, shop: Written, clauses: list[str], texts: Written, rng: random.Random
) -> str:
    """The page a customer would read: an opening, the facets in some order, a close."""
    intro = rng.choice(texts["intros"]).format(
        topic=topic["title"],
        shop=shop["name"],
        item=shop["item"],
        month=rng.choice(texts["months"]),
    )
    return " ".join([intro, *rng.sample(clauses, len(clauses)), rng.choice(texts["outros"])])


def ask(question: str, shop: Written, texts: Written, rng: random.Random) -> str:
    """The question as a customer types it."""
    lower = question if question.startswith("I ") else question[0].lower() + question[1:]
    return str(
        rng.choice(texts["openings"]).format(
            question=question, question_lower=lower, shop=shop["name"], item=shop["item"]
        )
    )


def rows_of(topic: Written, shop: Written, texts: Written, rng: random.Random) -> Iterator[Written]:
    """All questions about one article."""
    drawn = [draw_facet(facet, shop, rng) for facet in topic["facets"]]
    article = write_article(topic, shop, [clause for clause, _, _ in drawn], texts, rng)
    asked = [
        (facet["kind"], question, answer)
        for facet, (_, question, answer) in zip(topic["facets"], drawn, strict=True)
    ]
    if rng.random() < ABSENT_SHARE:
        asked.append(("absent", rng.choice(topic["absent"]), texts["absent_answer"]))
    slug = shop["domain"].removesuffix(".example")
    cluster = f"{slug}-{topic['name'].replace('_', '-')}"
    for number, (kind, question, answer) in enumerate(asked, start=1):
        yield {
            "id": f"{cluster}-{number}",
            "question": ask(question, shop, texts, rng),
            "answer": answer,
            "article_id": cluster,
            "article": article,
            "metadata": {"shop": shop["name"], "topic": topic["name"], "kind": kind},
        }


def main() -> None:
    """Write both files."""
    texts = yaml.safe_load((HERE / "articles.yaml").read_text(encoding="utf-8"))
    rng = random.Random(SEED)  # noqa: S311 - a data set, not a secret
    shops = rng.sample(texts["shops"], len(texts["shops"]))
    for part, chosen in (("train", shops[:TRAIN_SHOPS]), ("heldout", shops[TRAIN_SHOPS:])):
        rows = [
            row
            for shop in chosen
            for topic in texts["topics"]
            for row in rows_of(topic, shop, texts, rng)
        ]
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (HERE / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
