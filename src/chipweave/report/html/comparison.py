"""Results side by side as one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from chipweave.evaluation.glossary import TERMS
from chipweave.report.comparison import (
    comparison_data,
    failed,
    gap_notes,
    homogeneous_verdict,
    numbered_reasons,
    size_notes,
)
from chipweave.report.html.charts import Look, Point, bar, marker, plane, swatch
from chipweave.report.html.data_elements import Document
from chipweave.report.html.drawing import model_fill, model_line, patterns
from chipweave.report.html.markup import name_of, short, tag
from chipweave.report.html.package import package_drawing
from chipweave.report.html.render import render
from chipweave.report.naming import cost_model_of
from chipweave.report.palette import letter
from chipweave.report.quantities import valued
from chipweave.report.silicon import verdict as equal
from chipweave.results.result import Cell, Result

SILICON = (
    "chiplets",
    "pes",
    "l2_bytes",
    "peak_macs_per_s",
    "dram_bandwidth_bytes_s",
    "link_bandwidth_bytes_s",
    "area_mm2",
    "price_usd",
)
"""What a package is made of."""
MOST_DRAWN = 24
"""Packages drawn."""
MOST_POINTS = 60
"""Schedules drawn of a cell's front."""


def comparison_page(cells: Sequence[Cell]) -> str:
    """Packages and schedulers side by side as HTML that needs no other file and no network.

    The data of its figures are those of `report.comparison.comparison_data`, in the order of the cells.
    """
    view = View(tuple(cells))
    return render("comparison.html", view=view, title=f"{short(view.scenario)}: comparison", terms=TERMS)


@dataclass(frozen=True)
class View:
    """What the template asks for, piece by piece."""

    cells: tuple[Cell, ...]

    @cached_property
    def document(self) -> Document:
        return Document(comparison_data(self.cells), "cell")

    @property
    def results(self) -> list[tuple[int, Result]]:
        return [(number, cell.result) for number, cell in enumerate(self.cells) if cell.result is not None]

    @property
    def first(self) -> Result | None:
        return self.results[0][1] if self.results else None

    @property
    def scenario(self) -> str:
        return self.first.problem.scenario.name if self.first else "nothing scheduled"

    @property
    def settings(self) -> str:
        first = self.first
        if first is None:
            return "no scheduler found a schedule"
        settings = f"objective {short(first.objective)}, fidelity {first.problem.fidelity}"
        return f"{settings}, cost model {cost_model_of(first.cost_model)}"

    @cached_property
    def best(self) -> int | None:
        """Number of the cell with the least value."""
        valued_cells = [(result.value, number) for number, result in self.results if result.value is not None]
        return min(valued_cells)[1] if valued_cells else None

    def headline(self) -> Markup:
        if self.best is None:
            return Markup("")
        result = self.cells[self.best].result
        assert result is not None
        assert result.value is not None
        value = self.document.figure(f"/{self.best}/value", valued(result.value, result.objective))
        cell = self.cells[self.best]
        return Markup("The best value is {}, of {} on {}.").format(
            value, name_of(cell.scheduler), name_of(cell.package)
        )

    @cached_property
    def kinds(self) -> list[str]:
        """What the lower bounds hold for."""
        return sorted({row["lower_bound_of"] for row in self.document.data if row.get("gap") is not None})

    def rows(self) -> list[tuple[str, Markup, Markup, list[Markup]]]:
        """Identifier, scheduler, package, figures of the cells that have a result."""
        keys = ["chiplets", "windows", "latency_s", "energy_j", self.product, "ratio", "gap", "seconds"]
        found = []
        for number, result in self.results:
            row = self.document.data[number]
            figures = [self.document.figure(f"/{number}/{key}") for key in keys]
            if row["gap"] is not None and len(self.kinds) > 1:
                figures[-2] += tag("sup", "abcdefgh"[self.kinds.index(row["lower_bound_of"])])
            if number == self.best:
                figures[-3] += tag("span", " best", class_="remark")
            complete = result.search is None or result.search.complete
            if not complete:
                figures[-1] += tag("span", " ended early", class_="remark")
            scheduler = self.mark(number) + name_of(self.cells[number].scheduler)
            found.append((f"cell-{number}", scheduler, name_of(self.cells[number].package), figures))
        return found

    @property
    def product(self) -> str:
        by_throughput = self.first is not None and self.first.objective == "throughput"
        return "samples_per_s" if by_throughput else "edp_js"

    def heads(self) -> list[str]:
        keys = ("chiplets", "windows", "latency_s", "energy_j", self.product, "ratio", "gap", "seconds")
        return [f"cell.{key}" for key in keys]

    @property
    def silicon_heads(self) -> list[str]:
        return [f"cell.{key}" for key in SILICON]

    def silicon(self) -> list[tuple[Markup, list[Markup]]]:
        """Per package that has a result, what it is made of."""
        first = {self.cells[number].package: number for number, _ in reversed(self.results)}
        return [
            (name_of(package), [self.document.figure(f"/{number}/{key}") for key in SILICON])
            for package, number in sorted(first.items(), key=lambda pair: pair[1])
        ]

    def bars(self) -> list[tuple[Markup, list[tuple[Markup, Markup]]]]:
        """Per cell: name; latency, energy and product, each with its bar."""
        keys = ("latency_s", "energy_j", self.product)
        most = {key: max((self.document.data[number][key] for number, _ in self.results), default=1.0) for key in keys}
        rows = []
        for number, _ in self.results:
            values = [
                (
                    self.document.figure(f"/{number}/{key}"),
                    bar(self.document.data[number][key] / (most[key] or 1.0), model_line(number), 150),
                )
                for key in keys
            ]
            rows.append((self.cell_name(number), values))
        return rows

    def mark(self, number: int) -> Markup:
        """A cell's marker in the plane, and its number."""
        return marker(number) + tag("b", str(number + 1), class_="label") + " "

    def cell_name(self, number: int) -> Markup:
        cell = self.cells[number]
        return self.mark(number) + name_of(cell.scheduler) + " on " + name_of(cell.package)

    def plane(self) -> Markup:
        """All fronts, and the chosen schedules."""
        points: list[Point] = []
        looks: dict[str, Look] = {}
        for number, result in self.results:
            name = f"{number + 1}: {short(self.cells[number].scheduler)} on {short(self.cells[number].package)}"
            looks[str(number)] = Look(model_line(number), number)
            front = () if result.search is None else result.search.front
            step = max(1, -(-len(front) // MOST_POINTS))
            points += [Point(*point, f"{name}, of its front", None, str(number)) for point in front[::step]]
            chosen = result.evaluation
            points.append(Point(chosen.latency_s, chosen.energy_j, name, f"cell-{number}", str(number), chosen=True))
        return plane(points, None, "Energy over latency of all cells and their fronts", looks)

    def drawings(self) -> list[tuple[Markup, int, Markup]]:
        """Per cell, of some: name, its longest window, the package in it."""
        found = []
        for number, result in self.results[:MOST_DRAWN]:
            longest = result.evaluation.longest
            found.append((self.cell_name(number), longest, package_drawing(result, longest, key=f"cell-{number}")))
        return found

    def models(self) -> list[Markup]:
        """The models' letters in the drawings."""
        tasks = self.first.problem.scenario.tasks if self.first else ()
        return [
            swatch(model_fill(task)) + tag("span", tag("b", letter(task)) + " " + name_of(entry.name))
            for task, entry in enumerate(tasks)
        ]

    def failed(self) -> list[tuple[Markup, Markup, str]]:
        """Scheduler, package and reason of the cells without a result, each reason once."""
        found = []
        for reason in numbered_reasons(self.cells):
            first, *more = failed(self.cells, reason)
            others = "".join(f", {each.scheduler} on {each.package}" for each in more)
            package = name_of(first.package) + (name_of(others) if others else "")
            found.append((name_of(first.scheduler), package, short(reason, 600)))
        return found

    def notes(self) -> list[str]:
        """What the terminal's comparison says under its table."""
        several = len(self.kinds) > 1
        marks = {kind: f" ({mark})" if several else "" for kind, mark in zip(self.kinds, "abcdefgh", strict=False)}
        verdict = homogeneous_verdict(self.cells)
        ratio = "ratio: value of the objective over the best one's."
        return [
            *[line for line in (verdict, equal(self.cells)) if line],
            ratio,
            *gap_notes(marks),
            *size_notes(self.cells),
        ]

    def patterns(self) -> Markup:
        return patterns(len(self.first.problem.scenario.tasks) if self.first else 0)

    def name(self, text: str) -> Markup:
        return name_of(text)
