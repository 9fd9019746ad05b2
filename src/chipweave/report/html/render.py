"""Templates, style and script to one self-contained page."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from chipweave.report.html.drawing import variables
from chipweave.report.html.markup import clean


def render(template: str, **values: Any) -> str:
    """The page. Its policy lets the browser run this script, use this style, and load nothing at all."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    style, script = style_sheet(), asset("script.js")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"
    page = environment.get_template(template)
    return clean(page.render(style=Markup(style), script=Markup(script), policy=Markup(policy), **values))


def style_sheet() -> str:
    """The palette's variables and the style of drawings and page."""
    return variables() + asset("drawing.css") + asset("page.css")


def asset(name: str) -> str:
    return (files("chipweave.report.html") / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
