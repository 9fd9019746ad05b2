"""A simulation in the Chrome trace format, for Perfetto: real starts and ends of everything (docs/simulation.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chipweave.files.atomic import write_text
from chipweave.report.simulated import chiplets_words
from chipweave.results.result import Result
from chipweave.simulation.draft import What
from chipweave.simulation.outcome import Simulation
from chipweave.version import __version__

MOST_EVENTS = 100_000
"""What a viewer opens at once; where there are more, the last windows are left out."""
LANES = {
    "compute": "computing",
    "load": "load from DRAM",
    "pin": "weights that stay",
    "stream": "weights that stream",
    "again": "operands read again",
    "spill": "evictions",
    "store": "store to DRAM",
    "exchange": "exchange within the region",
    "mates": "weights from mates",
    "forward": "forward to stage",
}


def simulation_trace(simulation: Simulation, result: Result) -> dict[str, Any]:
    """The trace as plain data, in microseconds: a process per region, a track per kind of operation."""
    regions: dict[tuple[int, ...], int] = {}
    tracks: dict[tuple[int, str, int], int] = {}
    events: list[dict[str, Any]] = []
    drawn = 0
    for stretch in simulation.stretches:
        if len(events) + len(stretch.run.end_s) > MOST_EVENTS and events:
            break
        drawn += 1
        for what, start_s, end_s in stretch.spans():
            if what.kind == "window":
                continue
            plan = result.schedule.windows[what.window].pipelines[what.pipeline]
            chiplets = plan.stages[what.stage].chiplets
            region = regions.setdefault(chiplets, len(regions) + 1)
            lane = tracks.setdefault((region, what.kind, what.target), len(tracks) + 1)
            name = result.problem.scenario.tasks[plan.task].name
            events.append(
                {
                    "ph": "X",
                    "name": f"{name} {what.stage + 1}.{what.micro_batch}",
                    "pid": region,
                    "tid": 1_000_000 + lane,
                    "ts": _microseconds(start_s),
                    "dur": _microseconds(end_s - start_s),
                    "args": _args(what, start_s, end_s),
                }
            )
    return {
        "traceEvents": [*_names(regions, tracks), *sorted(events, key=lambda each: (each["ts"], each["tid"]))],
        "displayTimeUnit": "ms",
        "otherData": {
            "chipweave_version": __version__,
            "scenario": result.problem.scenario.name,
            "package": result.problem.package.name,
            "simulated_together": len(simulation.stretches),
            "drawn": drawn,
        },
    }


def _args(what: What, start_s: float, end_s: float) -> dict[str, Any]:
    own = what._asdict()
    del own["kind"]
    if what.target < 0:
        del own["target"]
    return own | {"start_s": start_s, "end_s": end_s}


def _names(regions: dict[tuple[int, ...], int], tracks: dict[tuple[int, str, int], int]) -> Iterator[dict[str, Any]]:
    for chiplets, region in regions.items():
        yield {"ph": "M", "name": "process_name", "pid": region, "args": {"name": chiplets_words(chiplets)}}
        yield {"ph": "M", "name": "process_sort_index", "pid": region, "args": {"sort_index": min(chiplets)}}
    order = list(LANES)
    for (region, kind, target), lane in tracks.items():
        name = f"{LANES[kind]} {target + 1}" if target >= 0 else LANES[kind]
        of = {"pid": region, "tid": 1_000_000 + lane}
        yield {"ph": "M", "name": "thread_name", **of, "args": {"name": name}}
        yield {"ph": "M", "name": "thread_sort_index", **of, "args": {"sort_index": order.index(kind)}}


def _microseconds(seconds: float) -> float:
    return round(seconds * 1e9) / 1e3


def to_text(simulation: Simulation, result: Result) -> str:
    """The bytes of the trace: the same for the same simulation."""
    return json.dumps(simulation_trace(simulation, result), ensure_ascii=False, separators=(",", ":")) + "\n"


def write(simulation: Simulation, result: Result, path: Path) -> None:
    """Write the trace whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(path, to_text(simulation, result))
