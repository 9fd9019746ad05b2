"""Elements of HTML and SVG as text. What is not markup already is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

LONGEST_NAME = 80
_INERT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters, marks that turn the direction of what follows, and halves of characters."""


def tag(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """An element. `class_` is `class`, `data_at` is `data-at`; numbers have two decimals; None leaves one out."""
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inner = "".join(escape(clean(child)) if not isinstance(child, Markup) else child for child in children)
    return Markup(f"<{name}{''.join(parts)}>{inner}</{name}>")


def joined(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(parts)


def name_of(text: str) -> Markup:
    """A name from a file: of bounded length, its direction of writing kept to itself."""
    return tag("bdi", short(text), class_="name")


def short(text: str, most: int = LONGEST_NAME) -> str:
    text = " ".join(clean(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def clean(text: str) -> str:
    return _INERT.sub("\ufffd", text)


def number(value: float) -> str:
    """At most two decimals, none where they are 0."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _attribute(value: str | float) -> str:
    return str(escape(clean(value))) if isinstance(value, str) else number(value)
