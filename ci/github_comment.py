"""Keep one comment on a pull request: made once, then updated in place.

    GITHUB_TOKEN=... GITHUB_REPOSITORY=you/models python ci/github_comment.py comment.md 17

Reads: the comment's text, whose hidden first line names the question; the environment of GitHub
Actions (GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_TOKEN).  Writes: the comment.
Depends on: the standard library.  Without the right to write it says so and exits 0: a verdict
never fails for want of a comment.
Source: docs.github.com, REST API, "Issue comments".
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = 100
MOST_PAGES = 50
MARK = "<!-- evalharness "


def main(path: str, number: str) -> int:
    """Write the text at `path` to pull request `number`; 0 unless called wrongly."""
    body = Path(path).read_text(encoding="utf-8")
    marker = body.partition("\n")[0]
    if not marker.startswith(MARK):
        print(f"{path} does not start with its marker '{MARK}...'", file=sys.stderr)
        return 64
    issues = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    try:
        found = next(_ours(f"{issues}/{int(number)}/comments", marker), None)
        if found is None:
            ask("POST", f"{issues}/{int(number)}/comments", {"body": body})
        else:
            ask("PATCH", f"{issues}/comments/{found}", {"body": body})
    except urllib.error.URLError as error:
        print(f"::warning title=evalharness::no comment was written: {error}")
    return 0


def _ours(comments: str, marker: str) -> Iterator[int]:
    """Ids of the comments that start with our marker, oldest first."""
    for page in range(1, MOST_PAGES + 1):
        listed = ask("GET", f"{comments}?per_page={PAGE}&page={page}", None)
        yield from (
            int(comment["id"])
            for comment in listed
            if (comment.get("body") or "").partition("\n")[0].strip() == marker
        )
        if len(listed) < PAGE:
            return


def ask(method: str, path: str, content: dict[str, str] | None) -> Any:  # Any: GitHub's JSON
    """One request to the API. Raises URLError."""
    request = urllib.request.Request(  # noqa: S310 - the address is the runner's own
        os.environ.get("GITHUB_API_URL", "https://api.github.com") + path,
        data=None if content is None else json.dumps(content).encode(),
        method=method,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - see above
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
