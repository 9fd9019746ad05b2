"""Exhibits as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Table, Verdict, WordTable


def whole_page(exhibits: Sequence[Exhibit], pictures: str) -> str:
    """The page of all reproductions: what it is, the verdicts, and a section each."""
    findings = [each for exhibit in exhibits for each in exhibit.findings]
    head = [
        "# Reproduction",
        "Three papers describe schedulers like ours, and none has public code. This page asks their experiments again "
        "and puts their figures beside ours. It is written by one command; every figure of it is computed, none is "
        "tuned to a published one:",
        "    chipweave reproduce all --page docs/reproduction.md",
        f"Of {len(findings)} published statements: {verdicts(findings)}.",
        "\n".join(f"- [{each.title}](#{_anchor(each.title)}) ({each.source})" for each in exhibits),
    ]
    return "\n\n".join([*head, *(markdown(each, pictures) for each in exhibits)])


def _anchor(title: str) -> str:
    """Of a heading, as Markdown's tables of contents have it."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.strip().replace(" ", "-")


def markdown(exhibit: Exhibit, pictures: str = "", level: int = 2) -> str:
    """A section of a page.

    Args:
        pictures: the folder in which its figure lies, seen from the page, with a slash at its end; only where it has
            panels.
        level: of its heading.
    """
    parts = [f"{'#' * level} {exhibit.title}", f"Source: {exhibit.source}. {exhibit.setting}"]
    if exhibit.panels and pictures:
        parts.append(f"![{exhibit.title}]({pictures}{exhibit.name}.svg)")
    for table in exhibit.tables:
        known = any(cell.published is not None for row in table.rows for cell in row.cells)
        beside = ": ours (the paper's)." if known else ""
        parts.append(f"**{table.title}**{f', {table.unit}' if table.unit else ''}{beside}")
        parts.append(_table(table))
    for each in exhibit.word_tables:
        parts += [f"**{each.title}**", _words(each)]
    if exhibit.findings:
        parts.append(findings_table(exhibit.findings))
    parts += exhibit.notes
    return "\n\n".join(parts) + "\n"


def findings_table(findings: Sequence[Finding]) -> str:
    """Statements of a paper, numbered, with the verdict on each."""
    lines = ["| | claim | the paper | ours | verdict | why |", "|---|---|---|---|---|---|"]
    for number, each in enumerate(findings, 1):
        cells = (str(number), f"{each.claim} ({each.where})", each.published, each.ours, each.verdict, each.reason)
        lines.append(f"| {' | '.join(map(_safe, cells))} |")
    return "\n".join(lines)


def verdicts(findings: Iterable[Finding]) -> str:
    """How many statements have which verdict, in words."""
    counted = Counter(each.verdict for each in findings)
    return ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])


def table_csv(exhibits: Iterable[Exhibit]) -> str:
    """All figures and findings, a line each."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(("exhibit", "table", "row", "column", "published", "ours", "ratio", "verdict"))
    for exhibit in exhibits:
        for title, row, column, cell in exhibit.figures():
            figures = map(_exact, (cell.published, cell.ours, cell.ratio))
            lines.writerow((exhibit.name, title, row, column, *figures, ""))
        for table in exhibit.word_tables:
            for row, words in table.rows:
                for column, word in zip(table.columns, words, strict=True):
                    lines.writerow((exhibit.name, table.title, row, column, "", word, "", ""))
        for each in exhibit.findings:
            lines.writerow(
                (exhibit.name, "claims", each.claim, each.where, each.published, each.ours, "", each.verdict)
            )
    return written.getvalue()


def _table(table: Table) -> str:
    lines = [f"| {' | '.join(map(_safe, (table.head, *table.columns)))} |", "|---" * (len(table.columns) + 1) + "|"]
    for row in table.rows:
        lines.append(f"| {' | '.join(map(_safe, (row.name, *map(shown, row.cells))))} |")
    return "\n".join(lines)


def _words(table: WordTable) -> str:
    lines = [f"| {' | '.join(map(_safe, (table.head, *table.columns)))} |", "|---" * (len(table.columns) + 1) + "|"]
    lines += [f"| {' | '.join(map(_safe, (row, *words)))} |" for row, words in table.rows]
    return "\n".join(lines)


def shown(cell: Cell) -> str:
    """A cell in words: ours, and the published one in brackets."""
    ours = "–" if cell.ours is None else f"{cell.ours:.3g}"
    return ours if cell.published is None else f"{ours} ({cell.published:.4g})"


def _exact(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.6g}"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
