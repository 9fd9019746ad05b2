"""A table or figure of a paper, with our figures beside the published ones: plain values, ready to be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from chipweave.study import verdict as ratios


class Verdict(StrEnum):
    """What became of a published statement. `DIRECTION`: it points the same way, but differs in size."""

    HOLDS = "holds"
    DIRECTION = "holds in direction"
    NOT = "does not hold"
    UNTOLD = "cannot be told"


WEAKEST_FIRST = (Verdict.UNTOLD, Verdict.NOT, Verdict.DIRECTION, Verdict.HOLDS)


def weakest(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a statement that consists of several: it holds as far as its weakest part."""
    return min(verdicts, key=WEAKEST_FIRST.index)


_OF_RATIO = {
    ratios.Verdict.REPRODUCED: Verdict.HOLDS,
    ratios.Verdict.ORDER: Verdict.DIRECTION,
    ratios.Verdict.NOT: Verdict.NOT,
}


def verdict_of_ratio(published: float, ours: float | None) -> Verdict:
    """The verdict on a ratio to a reference of 1: within 10 % of the published one it holds, on the same side of 1 it
    holds in direction. None: it cannot be told."""
    return Verdict.UNTOLD if ours is None else _OF_RATIO[ratios.verdict(published, ours)]


@dataclass(frozen=True)
class Cell:
    """A figure as published and as ours; None: not published, or not computed (in a quick run, say)."""

    published: float | None
    ours: float | None

    @property
    def ratio(self) -> float | None:
        """Ours over the published one."""
        if self.published is None or self.ours is None or self.published == 0:
            return None
        return self.ours / self.published


@dataclass(frozen=True)
class Row:
    """A line of a table: its name, and a cell per column."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Figures in the paper's own layout.

    Args:
        title: what it shows.
        unit: of every figure ("s", "J.s", "of Stand. (NVD)"); empty where there is none.
        head: what stands over the names of the rows.
        columns: names of the columns.
        rows: as many cells each as there are columns.
    """

    title: str
    unit: str
    head: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class WordTable:
    """A table of words, where figures would say less.

    Args:
        title: what it shows, with what its marks mean.
        head: what stands over the names of the rows.
        columns: names of the columns.
        rows: the name, and as many words as there are columns.
    """

    title: str
    head: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Finding:
    """A statement of a paper, and what we find.

    Args:
        claim: the statement, in our words.
        where: it stands ("SCAR V-B").
        published, ours: the figures behind it, in words ("0.58, 0.80").
        verdict: by a rule in code.
        reason: why it does not hold, or cannot be told, or by which rule it was judged; may be empty.
    """

    claim: str
    where: str
    published: str
    ours: str
    verdict: Verdict
    reason: str = ""


class Look(StrEnum):
    """How a panel draws its series: bars in groups, one group per category; points; points joined by lines; the grid of
    a package, each series the chiplets at its (column, row), and what is `IDLE` drawn empty."""

    BARS = "bars"
    POINTS = "points"
    LINES = "lines"
    GRID = "grid"


IDLE = "idle"
"""The name of the series of a grid whose chiplets do nothing."""


@dataclass(frozen=True)
class Series:
    """One colour of a panel.

    Args:
        name: in the legend.
        x: numbers; of bars the places 0, 1, 2, ... of the categories.
        y: as many numbers.
        published: the paper's figures, drawn hollow beside ours.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    published: bool = False


@dataclass(frozen=True)
class Panel:
    """One diagram of a figure.

    Args:
        categories: names of the groups of bars, or of the columns of a grid; empty for points and lines.
        logarithmic: the vertical axis; logarithmic_x: the horizontal one.
    """

    title: str
    look: Look
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    categories: tuple[str, ...] = ()
    logarithmic: bool = False
    logarithmic_x: bool = False


def bars(table: Table, rows: int, y_label: str, *, logarithmic: bool = False) -> Panel:
    """The first rows of a table as groups of bars, the published figures beside ours; what is missing has none."""
    places = tuple(float(place) for place in range(len(table.columns)))
    series = []
    for row in table.rows[:rows]:
        series.append(Series(row.name, places, tuple(cell.ours or 0.0 for cell in row.cells)))
        series.append(Series(row.name, places, tuple(cell.published or 0.0 for cell in row.cells), published=True))
    return Panel(table.title, Look.BARS, "", y_label, tuple(series), table.columns, logarithmic)


@dataclass(frozen=True)
class Exhibit:
    """What is shown of one table or figure of a paper.

    Args:
        name: of the reproduction ("scar-table-iv").
        title: of its part of the page.
        source: the paper and its table, figure or section.
        setting: how ours was computed: whole sentences, in Markdown.
        tables, word_tables, findings, panels: see there; panels stand side by side, `columns` of them in a line.
        notes: what is seen in the figures, and why: whole sentences, in Markdown, a paragraph each.
    """

    name: str
    title: str
    source: str
    setting: str
    tables: tuple[Table, ...] = ()
    word_tables: tuple[WordTable, ...] = ()
    findings: tuple[Finding, ...] = ()
    panels: tuple[Panel, ...] = ()
    columns: int = 3
    notes: tuple[str, ...] = ()

    def figures(self) -> Iterator[tuple[str, str, str, Cell]]:
        """Every figure: title of the table, row, column, and the cell."""
        for table in self.tables:
            for row in table.rows:
                for column, cell in zip(table.columns, row.cells, strict=True):
                    yield table.title, row.name, column, cell
