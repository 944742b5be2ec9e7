"""The documentation builds into a site, offline, every link and anchor of it leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?://[^"]+)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("mkdocs", reason="the site needs the extra `docs`")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_of_docs_is_a_page_of_the_site(site):
    for page in (ROOT / "docs").rglob("*.md"):
        stem = page.relative_to(ROOT / "docs").with_suffix("")
        place = stem.parent if stem.name in {"index", "README"} else stem
        assert (site / place / "index.html").is_file(), page


def test_no_page_fetches_anything_from_elsewhere(site):
    fetched = {
        (page.name, address)
        for page in site.rglob("*.html")
        for address in LOADED.findall(page.read_text(encoding="utf-8"))
    }
    assert not fetched


def test_the_reference_holds_the_public_functions(site):
    page = (site / "api" / "index.html").read_text(encoding="utf-8")
    for name in ("gate", "compare", "evaluate", "load_run", "Metric", "Client", "Sandbox"):
        assert re.search(rf'id="evalharness\.[\w.]*\b{name}"', page), name


def test_a_file_shown_carries_its_name(site):
    page = (site / "baselines" / "index.html").read_text(encoding="utf-8")
    assert 'class="filename">baselines/prompted-70b.yaml' in page
