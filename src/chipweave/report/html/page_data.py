"""A result with what all parts of its page need: its figures, loads, the windows that are drawn, and names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from chipweave.evaluation.record import PipelineEvaluation, StageEvaluation, WindowEvaluation
from chipweave.files.schedule_file import to_document
from chipweave.report.html.charts import swatch
from chipweave.report.html.data_elements import Document
from chipweave.report.html.drawing import model_fill
from chipweave.report.html.loads import Loads, loads
from chipweave.report.html.markup import name_of, tag
from chipweave.report.palette import letter
from chipweave.report.selection import picked
from chipweave.results.result import Result

MOST_PLACES = 2600
"""Chiplets and links, windows counted, that are drawn; of more the first windows and the longest ones."""
FIRST_WINDOWS, FEWEST_WINDOWS, MOST_WINDOWS = 4, 6, 32


@dataclass(frozen=True)
class PageData:
    """Pieces of markup that it gives are safe: names in them are escaped."""

    result: Result

    @cached_property
    def document(self) -> Document:
        """The data of `schedule.json`."""
        return Document(to_document(self.result))

    @cached_property
    def loads(self) -> tuple[Loads, ...]:
        """Per window."""
        return loads(self.result)

    @property
    def windows(self) -> tuple[WindowEvaluation, ...]:
        return self.result.evaluation.windows

    @cached_property
    def drawn(self) -> list[int]:
        """Windows that are drawn."""
        package = self.result.problem.package
        places = len(package.chiplets) + 2 * len(package.links)
        most = max(FEWEST_WINDOWS, min(MOST_WINDOWS, MOST_PLACES // places))
        return picked([window.latency_s for window in self.windows], FIRST_WINDOWS, most - FIRST_WINDOWS)

    @property
    def regions(self) -> bool:
        """Whether a stage has several chiplets."""
        return self.result.schedule.largest_region > 1

    def pipelines(self, index: int) -> list[tuple[int, PipelineEvaluation]]:
        """Those of a window with their numbers, in the order of models."""
        return sorted(enumerate(self.windows[index].pipelines), key=lambda pair: pair[1].task)

    def figure(self, pointer: str, text: str | None = None) -> Markup:
        """A figure of the file."""
        return self.document.figure(pointer, text)

    @property
    def dram_sources(self) -> list[str]:
        """Where the file has the bandwidth of the DRAM: as a figure, or in its stacks."""
        return ["/package/memory" if self.result.problem.package.memory else "/package/dram_bandwidth_bytes_s"]

    @property
    def link_source(self) -> str:
        """Where the file has the bandwidth of links: as a figure, or link by link."""
        return "/package/other_links" if self.result.problem.package.own_links else "/package/link_bandwidth_bytes_s"

    def task(self, task: int) -> Markup:
        """A model's name."""
        return name_of(self.result.problem.scenario.tasks[task].name)

    def model(self, task: int) -> Markup:
        """A model's swatch, letter and name."""
        label = tag("b", letter(task), class_="label")
        return tag("span", swatch(model_fill(task)) + label + " " + self.task(task), class_="model")

    def layers(self, task: int, stage: StageEvaluation) -> Markup:
        """`first … last`."""
        layers = self.result.problem.scenario.tasks[task].model.layers
        first, last = name_of(layers[stage.first].name), name_of(layers[stage.last].name)
        return first if stage.first == stage.last else first + " … " + last
