"""Figures as `<data>` elements: what a reader sees, and the exact figure with where it stands in the file.

A figure of the file carries its JSON text and its JSON pointer (`data-at`); one that is computed from others names
these (`data-from`). `data-term` is its key in `chipweave.evaluation.glossary`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from chipweave.evaluation.glossary import TERMS, term_at
from chipweave.report.html.markup import tag
from chipweave.report.naming import ranges
from chipweave.report.quantities import quantity

_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


@dataclass(frozen=True)
class Document:
    """The data of a file, such as `files.schedule_file.to_document` gives, and the scope of its outermost figures."""

    data: Any
    scope: str = ""

    def at(self, pointer: str) -> Any:
        """The value that a JSON pointer (RFC 6901; mappings by name, lists by number) leads to."""
        value = self.data
        for part in pointer.split("/")[1:]:
            value = value[int(part)] if isinstance(value, list) else value[part.replace("~1", "/").replace("~0", "~")]
        return value

    def figure(self, pointer: str, text: str | None = None) -> Markup:
        """A figure of the file; without `text` in its term's unit, and a dash where the file has none."""
        value = self.at(pointer)
        term = f"{self.scope}.{pointer.rsplit('/', 1)[1]}" if self.scope else term_at(pointer)
        if text is None:
            text = shown(value, TERMS[term].unit)
        class_ = "list" if isinstance(value, list) else None
        exact = json.dumps(value)
        return tag("data", typeset(text), value=exact, data_at=pointer, data_term=term, class_=class_)


def escaped(key: str) -> str:
    """A key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def derived(value: float, term: str, sources: Sequence[str], text: str | None = None) -> Markup:
    """A figure that is computed from those that the JSON pointers `sources` lead to."""
    text = shown(value, TERMS[term].unit) if text is None else text
    return tag("data", typeset(text), value=json.dumps(value), data_from=" ".join(sources), data_term=term)


def typeset(text: str) -> str:
    """A figure in words with the micro sign and powers of ten as they are printed."""
    text = re.sub(r" u(?=[A-Z]|s$)", " µ", text)
    return re.sub(r"e([+-]\d+)", lambda match: "×10" + f"{int(match[1])}".translate(_RAISED), text)


def shown(value: Any, unit: str) -> str:
    """A value as people read it: three significant digits and a unit, counts in full, lists of chiplets by runs."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case [int(), *_]:
            return ranges(value)
        case []:
            return "–"
        case Mapping():
            raise TypeError("a mapping is no figure")
    match unit:
        case "share":
            return f"{100 * value:.1f} %"
        case "ratio":
            return f"{value:.2f}"
        case "Js":
            return f"{value:.4g} Js"
        case "mm2":
            return f"{value:,.1f} mm2"
        case "1/s" | "":
            return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return quantity(value, unit)
