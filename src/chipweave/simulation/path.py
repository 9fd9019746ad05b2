"""What the length of a simulated stretch is spent on: the critical path, backwards (docs/simulation.md, "Bound by")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipweave.ndarrays import Floats, Ints
from chipweave.simulation.draft import Layout, What
from chipweave.simulation.kernels.play import latest
from chipweave.simulation.kernels.problem import ways_of
from chipweave.simulation.operations import NONE, Resources, Run

OF_DRAM = frozenset({"pin", "stream", "again", "load", "store", "spill"})


@dataclass(frozen=True, slots=True)
class Bound:
    """Seconds of the critical path.

    Args:
        by: compute, dram, dram wait, link, link wait, room (at the reader) or channel.
        window, pipeline, stage: whose computing, or whose reader has no room; `NONE` for the others.
    """

    by: str
    window: int
    pipeline: int
    stage: int
    seconds: float


def bounds(layout: Layout, resources: Resources, run: Run, kinds: Sequence[str]) -> tuple[Bound, ...]:
    """What the longest stretch from the first to the last operation is spent on, longest first.

    Args:
        kinds: per resource, `dram` or another.
    """
    path = critical(layout, run)
    whats = [What._make(each) for each in layout.whats[path].tolist()]
    spent: dict[tuple[str, int, int, int], float] = {}
    for names, taken_s in _pieces(layout, resources, run, kinds, path):
        some = np.flatnonzero(taken_s > 0.0)
        for place, by, seconds in zip(some.tolist(), names[some].tolist(), taken_s[some].tolist(), strict=True):
            key = (by, NONE, NONE, NONE)
            if by in ("compute", "room"):
                what = whats[place]
                key = (by, what.window, what.pipeline, what.target if by == "room" else what.stage)
            spent[key] = spent.get(key, 0.0) + seconds
    found = (Bound(*key, seconds) for key, seconds in spent.items())
    return tuple(sorted(found, key=lambda each: (-each.seconds, each.by, each.pipeline, each.stage)))


def critical(layout: Layout, run: Run) -> Ints:
    """The operations of the path, the last one first.

    From an operation the path goes on with what ended last of all that it waited for; from one that is sent to another
    stage with what it is sent behind.
    """
    of_after, of_all = latest(layout.operations, run.end_s)
    behind = np.where(layout.whats["kind"] == "forward", of_after, of_all).tolist()
    path = [int(np.argmax(run.end_s))]
    while (number := behind[path[-1]]) != NONE:
        path.append(number)
    return np.array(path)


def _pieces(
    layout: Layout, resources: Resources, run: Run, kinds: Sequence[str], path: Ints
) -> Iterator[tuple[NDArray[np.str_], Floats]]:
    """What the seconds of each operation of the path are: together they are as long as the run."""
    operations, kind = layout.operations, layout.whats["kind"][path]
    computing, at_dram = np.isin(kind, ("compute", "window")), np.isin(kind, list(OF_DRAM))
    took_s, moves = (run.end_s - run.start_s)[path], operations.bytes_[path] > 0.0
    alone_s, moving = took_s.copy(), path[moves]
    alone_bytes_s = ways_of(resources).alone[operations.route[moving]]
    alone_s[moves] = operations.seconds[moving] + operations.bytes_[moving] / alone_bytes_s
    yield np.where(computing, "compute", np.where(at_dram, "dram", "link")), np.minimum(took_s, alone_s)
    held = run.held_by[path]
    by_dram = (held != NONE) & np.isin(kinds, ("dram", "interface"))[held]
    yield np.where(by_dram, "dram wait", "link wait"), took_s - alone_s
    yield np.full(len(path), "channel"), (run.start_s - run.ready_s)[path]
    # The path begins with what was ready at 0; what others end behind may have waited for room from then on.
    yield np.full(len(path), "room"), run.ready_s[path] - np.append(run.end_s[path[1:]], 0.0)
