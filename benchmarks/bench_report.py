"""The report of 10 arms over 10,000 samples: its size, its cost, its first paint.

    python benchmarks/bench_report.py [SAMPLES] [ARMS]

Builds facts with answers of about 30 words (seeded), writes facts.json, then measures in one
process, interleaved, CPU seconds of parsing facts.json and of rendering report.html from the parsed
facts.  Prints the ratio (goal: at most 10), the page's size (goal: at most 15 MB) and, where a
Chromium is installed, when the page first painted and when its samples could be searched (goal for
the paint: at most 1 s).  The figures of one machine are not those of another; the ratio is.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "report"))

TEXT = (
    "the of to and a in is that for it as was with be by on not he his but at are this have from "
    "party notice fee term days clause audit renewal liability contract written payment law"
)
WORDS = np.array(TEXT.split())
ROUNDS = 3


def build(samples: int, arms: int):
    import handmade_facts as made
    import msgspec

    from evalharness.report.units import quantiles_of
    from evalharness.results import AnswerFacts, SampleFacts, Spread

    rng = np.random.default_rng(7)
    base = made.full()
    names = ["ft-3b", "prompted-70b", *(f"arm-{number}" for number in range(2, arms))][:arms]

    def text(words: int) -> str:
        return " ".join(WORDS[rng.integers(0, len(WORDS), words)])

    def answer() -> AnswerFacts:
        return AnswerFacts(
            text=text(int(rng.integers(20, 41))),
            values={
                "rouge_l": round(float(rng.beta(5, 6)), 6),
                "format_ok": float(rng.random() < 0.94),
            },
            latency_s=round(float(rng.lognormal(-0.4, 0.5)), 4),
            cost_usd=0.00021,
            finish="stop",
        )

    rows = tuple(
        SampleFacts(
            id=f"q-{number:05d}",
            suite=made.SUITE,
            input=text(25),
            targets=(text(30),),
            slices={"lang": "de" if number % 4 == 0 else "en"},
            answers={name: answer() for name in names},
        )
        for number in range(samples)
    )
    template = base.arms[1]
    members = tuple(
        msgspec.structs.replace(
            base.arms[0] if name == "ft-3b" else template,
            name=name,
            summary=msgspec.structs.replace(template.summary, arm=name, n=samples),
            spreads=(
                Spread(
                    name="latency_s",
                    scale="seconds",
                    n=samples,
                    quantiles=quantiles_of([row.answers[name].latency_s for row in rows]),
                ),
            ),
        )
        for name in names
    )
    return msgspec.structs.replace(base, arms=members, samples=rows, n_samples=samples)


def first_paint(page: Path) -> None:
    from chromium import Browser, find_chromium

    program = find_chromium()
    if program is None:
        print("first paint: no Chromium on this machine")
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        Browser(program, Path(folder) / "profile") as browser,
    ):
        for _ in range(ROUNDS):
            start = time.perf_counter()
            tab = browser.open(page)
            tab.until("performance.getEntriesByType('paint').length > 0")
            painted = tab.run("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            tab.until("document.body.dataset.samples === 'ready'")
            ready = time.perf_counter() - start
            searching = tab.run(
                "(() => { const e = document.getElementById('s-search');"
                " const t = performance.now(); e.value = 'liability audit';"
                " document.getElementById('s-show').dispatchEvent(new Event('change'));"
                " return performance.now() - t; })()"
            )
            tab.close()
            print(
                f"first paint {painted / 1000:.2f} s after navigation, samples ready after "
                f"{ready:.1f} s, a search over all texts {searching / 1000:.2f} s"
            )


def main() -> None:
    from evalharness.report.html import render_html
    from evalharness.report.jsonfile import decode_facts, encode_facts

    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    arms = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    data = encode_facts(build(samples, arms))
    facts = decode_facts(data)
    render_html(facts)
    parse = render = 0.0
    for _ in range(ROUNDS):
        start = time.process_time()
        facts = decode_facts(data)
        middle = time.process_time()
        page = render_html(facts)
        parse += middle - start
        render += time.process_time() - middle
    size = len(page.encode())
    print(f"{arms} arms x {samples:,} samples: facts.json {len(data) / 1e6:.1f} MB")
    each = f"parse {parse / ROUNDS:.3f} CPU-s, render {render / ROUNDS:.3f} CPU-s"
    print(f"{each}: {render / parse:.1f}x")
    print(f"report.html {size / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(page, encoding="utf-8")
        first_paint(path)


if __name__ == "__main__":
    main()
