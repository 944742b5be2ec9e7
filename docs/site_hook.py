"""A hook of `mkdocs build`: a fence's further words (a file's name, `refused`) become its title.

Reads: the Markdown of a page.  Gives: ```yaml suite.yaml as ```yaml title="suite.yaml".
Forges ignore what follows a fence's language; the site's Markdown takes it for no fence at all.
"""

from __future__ import annotations

import re
from typing import Final

FENCE: Final = re.compile(r"^```(\w+) (?!title=)([^\n]+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_page: object) -> str:
    """The page as the site's Markdown reads it; mkdocs passes the page and its files besides."""
    return FENCE.sub(r'```\1 title="\2"', markdown)
