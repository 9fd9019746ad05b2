"""What would make a schedule better, as a table and in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from chipweave.report.quantities import quantity, valued
from chipweave.report.text_table import Row, print_columns
from chipweave.results.what_if import Change, Figures, WhatIf

HEAD = ("latency", "energy", "EDP", "objective")
READING = (
    "Per cent are of the objective's value. 'same plan': the schedule as it is, evaluated on what was changed; "
    "'searched': improved from there on, within bounds. A change is worth what it has beyond 'nothing', which is "
    "what searching alone brings."
)


def lines_of(found: WhatIf) -> Iterator[tuple[str, str, Figures | None]]:
    """Number and name of the change, how it was evaluated, and its figures, in the order of their worth."""
    for number, change in enumerate(found.changes, 1):
        ways = (("same plan", change.same_plan), ("searched", change.searched))
        known: list[tuple[str, Figures | None]] = [pair for pair in ways if pair[1] is not None]
        known = known or [("no figures", None)]
        for at, (way, figures) in enumerate(known):
            yield ("" if at else f"{number} {change.name}"), way, figures


def cells_of(figures: Figures | None, found: WhatIf) -> tuple[str, str, str, str]:
    """Latency, energy, EDP, and the change of the objective's value."""
    if figures is None:
        return ("-", "-", "-", "-")
    percent = found.percent(figures)
    change = valued(figures.value, found.objective) if percent is None else f"{percent:+.1f} %"
    cells = quantity(figures.latency_s, "s"), quantity(figures.energy_j, "J"), f"{figures.edp_js:.4g} Js"
    return *cells, f"{change}{' late' if figures.late else ''}"


def remarks(change: Change, found: WhatIf) -> list[str]:
    """What a change takes, what binds then if that is something else, and what is to know of it."""
    best = change.best
    late = [] if best is None or not best.late else [f"behind the latency limit: {', '.join(best.late)}"]
    bound = [] if best is None or best.bound_by == found.before.bound_by else [f"then bound by {best.bound_by}"]
    return [*([change.cost] if change.cost else []), *bound, *late, *change.notes]


def missed(found: WhatIf) -> str:
    """A sentence on what was not reached; empty where all was."""
    return f"Not reached in time: {'; '.join(found.missed)}." if found.missed else ""


def print_what_if(found: WhatIf, console: Console) -> None:
    """Print the changes, the best first, with what each takes."""
    console.print(Text(f"What would make it better: objective {found.objective}", style="bold"))
    console.print(Text(f"Now bound by {found.before.bound_by}."))
    rows: list[Row] = [(Text("as it is"), (*cells_of(found.before, found)[:3], "-"))]
    for name, way, figures in lines_of(found):
        title = Text(name)
        if name:
            rows.append((title, ("", "", "", "")))
        rows.append((Text(f"    {way}"), cells_of(figures, found)))
    print_columns(console, "change", HEAD, rows)
    console.print()
    for number, change in enumerate(found.changes, 1):
        console.print(Padding(Text(f"{number} {change.name}: {'; '.join(remarks(change, found))}"), (0, 0, 0, 2)))
    for line in (missed(found), READING):
        if line:
            console.print(Text(line), style="dim")
