"""What windows cost whose stages have one chiplet each: the figures of `exact.py`, some fifty times as fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.law import end_s
from chipweave.evaluation.tables.bench import Scores, arrays_of, score_alone, window_cost
from chipweave.hardware.package import Interfaces
from chipweave.plan.schedule import Pipeline, Window
from chipweave.schedulers.exact import Exact, Timed
from chipweave.shelf import remembered


def costed(ready: Prepared, regions: bool) -> Exact | Alone:
    """What costs windows whose stages have one chiplet each, or are on `regions`. The tables know one bandwidth of the
    DRAM, so where each memory interface has its own, the evaluator does it in any case."""
    split = ready.package.interface_bandwidth is Interfaces.SPLIT
    return Exact(ready) if regions or split else Alone(ready)


@dataclass
class Alone:
    """The law's figures of windows with one chiplet a stage, by the compiled tables.

    Args:
        stages: how many were costed so far; layers: of them.
    """

    ready: Prepared
    stages: int = 0
    layers: int = 0
    _windows: dict[Window, Timed | None] = field(default_factory=dict)
    _pipelines: dict[Pipeline, Scores] = field(default_factory=dict)

    def timed(self, window: Window) -> Timed | None:
        """How long a window takes; None where a micro-batch does not fit (`paper`)."""
        return remembered(self._windows, window, lambda: self._timed(window.pipelines))

    def _timed(self, pipelines: Sequence[Pipeline]) -> Timed | None:
        scores = [self._score(pipeline) for pipeline in pipelines]
        slowest_s = max(float(each.latency_s[0]) for each in scores)
        if slowest_s == np.inf:
            return None
        latency_s, energy_j = (float(values[0]) for values in window_cost(self.ready, reduce(add, scores)))
        ends_s = tuple(
            (pipeline.task, end_s(float(each.latency_s[0]), slowest_s, latency_s))
            for pipeline, each in zip(pipelines, scores, strict=True)
        )
        return Timed(latency_s, energy_j, ends_s)

    def _score(self, pipeline: Pipeline) -> Scores:
        return remembered(self._pipelines, pipeline, lambda: self._scored(pipeline))

    def _scored(self, pipeline: Pipeline) -> Scores:
        self.stages += len(pipeline.stages)
        self.layers += pipeline.last + 1 - pipeline.first
        arrays = arrays_of(self.ready, pipeline.task)
        last = np.array([stage.last for stage in pipeline.stages])
        chiplets = np.array([stage.chiplet for stage in pipeline.stages])
        first = int(np.searchsorted(arrays.first, pipeline.first))
        cuts = np.searchsorted(arrays.last, last) + 1
        return score_alone(self.ready, pipeline.task, first, pipeline.micro_batch, cuts, chiplets)
