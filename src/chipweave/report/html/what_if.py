"""What would make a schedule better, for the page."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from chipweave.report.html.data_elements import typeset
from chipweave.report.html.markup import name_of, short
from chipweave.report.what_if import HEAD, READING, cells_of, lines_of, missed, remarks
from chipweave.results.what_if import WhatIf

LONGEST = 600
"""Letters of a remark."""


@dataclass(frozen=True)
class Changes:
    """What the template asks for, piece by piece."""

    found: WhatIf

    @property
    def heads(self) -> tuple[str, ...]:
        return HEAD

    @property
    def bound_by(self) -> str:
        return short(self.found.before.bound_by, LONGEST)

    @property
    def rows(self) -> list[tuple[Markup, str, list[str]]]:
        """Change, how it was evaluated, figures."""
        before = [typeset(cell) for cell in cells_of(self.found.before, self.found)[:3]]
        rows = [(name_of("as it is"), "", [*before, "–"])]
        for name, way, figures in lines_of(self.found):
            cells = [typeset(cell) for cell in cells_of(figures, self.found)]
            rows.append((name_of(name) if name else Markup(""), way, cells))
        return rows

    @property
    def remarks(self) -> list[str]:
        """What each change takes and what binds then, what was not reached, and how to read the table."""
        changes = [
            f"{number} {change.name}: {'; '.join(remarks(change, self.found))}"
            for number, change in enumerate(self.found.changes, 1)
        ]
        return [short(line, LONGEST) for line in (*changes, missed(self.found), READING) if line]
