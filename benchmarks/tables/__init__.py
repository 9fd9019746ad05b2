"""Tables of benchmarks as Markdown, and into pages of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_tables(path: Path, tables: dict[str, str]) -> None:
    """Put tables into a page, each between `<!-- NAME -->` and `<!-- end -->`; those without a place are left out."""
    page = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        place = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)"
        page = re.sub(place, lambda m, t=table: f"{m[1]}\n{t}\n\n{m[2]}", page, flags=re.S)
    path.write_text(page, encoding="utf-8")
