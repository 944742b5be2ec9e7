"""One HTML file that works offline: the report that people decide from.

Reads: Facts, and the templates beside this file.  Gives: text of a page that asks for nothing: no
network, no script but its own (allowed by hash in its Content-Security-Policy), every string from
a model or a user escaped by Jinja2's autoescape.
Depends on: page, Jinja2 (imported when a page is made).
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evalharness.report.clean import visible
from evalharness.report.page import build_page
from evalharness.results import Facts

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES: Final = Path(__file__).parent / "templates"


def render_html(facts: Facts) -> str:
    """The report as one self-contained page. The same facts give the same bytes."""
    return render_page("report.html.j2", build_page(facts))


def render_page(template: str, page: object) -> str:
    """A page of one of the templates, which see it as `page`, with our style, script and policy."""
    style, script = _asset("report.css"), _asset("report.js")
    forms = "form-action 'none'" if template == "report.html.j2" else "form-action 'self'"
    return _template(template).render(
        page=page, style=style, script=script, policy=_policy(style, script, forms)
    )


def _policy(style: str, script: str, forms: str) -> str:
    """Nothing may load, run or be sent, but this style and this script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "img-src data:",
            "base-uri 'none'",
            forms,
            "require-trusted-types-for 'script'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    # S704: pictures come from `svg`, which escapes; the assets are files of this package.
    environment.filters["raw"] = Markup
    environment.filters["tight"] = _tight
    return environment.get_template(name)


def _shown(value: object) -> object:
    """What the template prints: strings are made visible, whoever wrote them."""
    from markupsafe import Markup

    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _tight(text: str) -> str:
    """An interval that does not break at its blanks; a reason in its place may."""
    return text.replace(" ", "\u00a0") if text.startswith("[") else text
