"""Exhibits as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Table, Verdict, WordTable


def whole_page(papers: Mapping[str, Sequence[Exhibit]], pictures: str) -> str:
    """The page of all reproductions: what it is, the verdicts, and the exhibits of each paper.

    Args:
        papers: in the order of the page.
        pictures: see `markdown`.
    """
    head = [
        "# Reproduction",
        "Three papers describe schedulers like ours, and none of them has public code. This page asks their "
        "experiments again and puts their figures beside ours. One command writes it; every figure of ours is "
        "computed, and none is tuned to a published one:",
        "    chipweave reproduce all --page docs/reproduction.md",
        "A cell of a table is ours, with the paper's figure in brackets where there is one; `–` was not computed. All "
        f"figures with six digits are in `{pictures}figures.csv`.",
        "A statement of a paper *holds* where ours meets it by the rule that stands beside it (a ratio: within 10 %), "
        "*holds in direction* where ours points the same way but differs in size, and *does not hold* otherwise; it "
        "*cannot be told* where the paper leaves open what would decide it. The statements of each paper, by verdict "
        "(one that two exhibits show is counted in both):",
        _counts(papers),
        "\n".join(_contents(papers)),
    ]
    sections = []
    for paper, exhibits in papers.items():
        sections.append(f"## {paper}")
        sections += [markdown(each, pictures, level=3).rstrip("\n") for each in exhibits]
    return "\n\n".join([*head, *sections]) + "\n"


def _counts(papers: Mapping[str, Sequence[Exhibit]]) -> str:
    """How many statements of each paper have which verdict."""
    lines = [f"| paper | {' | '.join(Verdict)} |", "|---" * (len(Verdict) + 1) + "|"]
    counted = {
        paper: Counter(finding.verdict for each in exhibits for finding in each.findings)
        for paper, exhibits in papers.items()
    }
    if len(counted) > 1:
        counted["all"] = sum(counted.values(), Counter())
    lines += [f"| {paper} | {' | '.join(str(own[verdict]) for verdict in Verdict)} |" for paper, own in counted.items()]
    return "\n".join(lines)


def _contents(papers: Mapping[str, Sequence[Exhibit]]) -> Iterator[str]:
    for paper, exhibits in papers.items():
        yield f"- [{paper}](#{_anchor(paper)})"
        yield from (f"    - [{each.title}](#{_anchor(each.title)})" for each in exhibits)


def _anchor(title: str) -> str:
    """Of a heading, as Markdown's tables of contents have it."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return "-".join(kept.replace("-", " ").split())


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
    ours = "–" if cell.ours is None else _short(cell.ours, 3)
    return ours if cell.published is None else f"{ours} ({_short(cell.published, 4)})"


def _short(figure: float, digits: int) -> str:
    """With so many digits; from a thousand to a million million without decimals."""
    return f"{figure:,.0f}" if 1e3 <= abs(figure) < 1e12 else f"{figure:.{digits}g}"


def _exact(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.6g}"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
