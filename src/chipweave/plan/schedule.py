"""The plan: what every scheduler returns, the evaluator scores and the file format stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from chipweave.display import Shown
from chipweave.plain import settle


class Partition(StrEnum):
    """How a layer is split over the chiplets of a region. One chiplet is always `whole`."""

    WHOLE = "whole"
    WEIGHT_SHARED = "weight_shared"
    INPUT_SHARED = "input_shared"
    REDUCED = "reduced"


@dataclass(frozen=True, slots=True)
class Strips:
    """Layers `first` to `last` of a stage (inclusive) that run strip by strip: each goes on as far as the next `rows`
    rows of the last one's output need (docs/strips.md). As many rows as the whole map has are no strips: the layers
    run one after another, as they do without."""

    first: int
    last: int
    rows: int

    def __post_init__(self) -> None:
        settle(self, "strips")

    @property
    def layers(self) -> range:
        return range(self.first, self.last + 1)


@dataclass(frozen=True, slots=True)
class Stage:
    """Layers `first` to `last` of a model (inclusive, in the model's order) on one region of chiplets.

    `partitions` has one entry per layer; none at all: every layer is whole, on a single chiplet. Part i of a layer
    runs on the i-th of `chiplets`. `memory` is the chiplet with the memory interface at which the stage's weights lie,
    and what it writes; None: the nearest one. Packages whose tensors are interleaved know no other. `strips` are runs
    of its layers that go strip by strip, in the model's order; those in none of them run whole.
    """

    first: int
    last: int
    chiplets: tuple[int, ...]
    partitions: tuple[Partition, ...] = ()
    memory: int | None = None
    strips: tuple[Strips, ...] = ()

    def __post_init__(self) -> None:
        settle(self, "stage")

    @property
    def layers(self) -> range:
        return range(self.first, self.last + 1)

    @property
    def chiplet(self) -> int:
        """The first chiplet of the region: the only one, for schedulers that take one a stage."""
        return self.chiplets[0]

    def partition(self, layer: int) -> Partition:
        """How `layer` (its number in the model) is split over the region."""
        return self.partitions[layer - self.first] if self.partitions else Partition.WHOLE


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One task's part of a window: stages in order, and how many samples pass through them at a time."""

    task: int
    stages: tuple[Stage, ...]
    micro_batch: int = 1

    def __post_init__(self) -> None:
        settle(self, "pipeline")

    @property
    def first(self) -> int:
        return self.stages[0].first

    @property
    def last(self) -> int:
        return self.stages[-1].last


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which the assignment of chiplets to models is fixed."""

    pipelines: tuple[Pipeline, ...]

    def __post_init__(self) -> None:
        settle(self, "window")


@dataclass(frozen=True, slots=True)
class Schedule(Shown):
    """Windows, run one after another. `task` numbers refer to the scenario's tasks."""

    windows: tuple[Window, ...]

    def __post_init__(self) -> None:
        settle(self, "schedule")

    @property
    def largest_region(self) -> int:
        """Chiplets of the largest region."""
        return max(len(stage.chiplets) for _, pipeline in self.pipelines() for stage in pipeline.stages)

    @property
    def reduces(self) -> bool:
        """Whether any layer is `reduced`."""
        stages = (stage for _, pipeline in self.pipelines() for stage in pipeline.stages)
        return any(Partition.REDUCED in stage.partitions for stage in stages)

    @property
    def in_strips(self) -> bool:
        """Whether any layers run strip by strip."""
        return any(stage.strips for _, pipeline in self.pipelines() for stage in pipeline.stages)

    def pipelines(self) -> Iterator[tuple[int, Pipeline]]:
        """Every pipeline with the index of its window."""
        for index, window in enumerate(self.windows):
            for pipeline in window.pipelines:
                yield index, pipeline
