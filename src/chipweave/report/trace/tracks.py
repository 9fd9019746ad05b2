"""Tracks of the trace, and slices on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chipweave.evaluation.record import FIRST_PASS, RESOURCES, StageEvaluation
from chipweave.evaluation.traffic import WindowTraffic
from chipweave.plan.problem import Fidelity
from chipweave.report.palette import letter
from chipweave.results.result import Result

Event = dict[str, Any]
Args = Mapping[str, Any]

LONGEST_NAME = 60
SCHEDULE, PACKAGE, LINKS, DRAM = 1, 2, 3, 4
"""Processes of the trace, in the order in which they are shown."""
LANES = ("chiplet {}", "chiplet {}: beside the computing", "chiplet {}: weights that stay")
"""Tracks of a chiplet: slices of a track nest, and what overlaps otherwise has a track of its own."""
BESIDE = ("weights_s", "spill_s", "forward_s")
"""Terms of a first pass that in `detailed` go on beside others (`evaluation/timeline.py`)."""
BOUNDS = ("slowest pipeline", *RESOURCES.values())
"""What a window is at least as long as."""


def track(process: int, number: int) -> dict[str, int]:
    """Where events of a track belong. A thread has a number of its own in the whole trace, and no process has it."""
    return {"pid": process, "tid": 1_000_000 * process + number}


def chiplet_track(chiplet: int, lane: int = 0) -> dict[str, int]:
    """A chiplet's track; on lanes 1 and 2 what goes on beside (`LANES`)."""
    return track(PACKAGE, len(LANES) * chiplet + lane)


def model_track(task: int) -> dict[str, int]:
    return track(SCHEDULE, 1 + len(BOUNDS) + task)


def track_names(result: Result, carried: Sequence[WindowTraffic]) -> Iterator[Event]:
    """Names and order of processes and tracks; of links, those that carry something."""
    problem, package = result.problem, result.problem.package
    scenario = short(problem.scenario.name)
    bounds = BOUNDS if problem.fidelity is Fidelity.DETAILED else BOUNDS[:1]
    labels = ["windows", *(f"needs: {name}" for name in bounds)]
    tracks = [(track(SCHEDULE, number), label) for number, label in enumerate(labels)]
    for task, entry in enumerate(problem.scenario.tasks):
        tracks.append((model_track(task), f"{letter(task)} {short(entry.name)}"))
    beside = _lanes_beside(result)
    for number, chiplet in enumerate(package.chiplets):
        tracks.append((chiplet_track(number), f"chiplet {number} ({short(chiplet.name)})"))
        tracks += [(chiplet_track(number, lane), LANES[lane].format(number)) for lane in sorted(beside.get(number, ()))]
    for number, (a, b) in enumerate(package.directed_links):
        if any(window.links[number] for window in carried):
            tracks.append((track(LINKS, number), f"link {a} to {b}"))
    tracks += [(track(DRAM, chiplet), f"interface at chiplet {chiplet}") for chiplet in package.interfaces]
    processes = {
        SCHEDULE: f"schedule: {scenario}",
        PACKAGE: f"package: {short(package.name)}",
        LINKS: "links",
        DRAM: "DRAM",
    }
    for pid, name in processes.items():
        yield {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}}
        yield {"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": pid}}
    for of, name in tracks:
        yield {"ph": "M", "name": "thread_name", **of, "args": {"name": name}}
        yield {"ph": "M", "name": "thread_sort_index", **of, "args": {"sort_index": of["tid"]}}


def lane_of(term: str, stage: StageEvaluation) -> int:
    """On which of a chiplet's tracks a term of a stage is drawn."""
    if term == "resident_s":
        return 2
    return int(term in BESIDE and stage.l2 is not None)


def _lanes_beside(result: Result) -> dict[int, set[int]]:
    """Per chiplet, its tracks that hold something beside the first one."""
    found: dict[int, set[int]] = {}
    for stage in result.evaluation.stages:
        terms = (*FIRST_PASS, "resident_s")
        lanes = {lane_of(term, stage) for term in terms if getattr(stage, term)} - {0}
        found.setdefault(stage.chiplets[0], set()).update(lanes)
    return found


def slice_(on: Mapping[str, int], name: str, start_ns: int, end_ns: int, args: Args) -> Event:
    """A slice on the track `on`."""
    times = {"ts": microseconds(start_ns), "dur": microseconds(end_ns - start_ns)}
    return {"ph": "X", "name": name, "cat": "chipweave", **on, **times, "args": args}


def microseconds(ns: int) -> float:
    """The number that is `ns` again when it is multiplied by 1,000 and cut or rounded, as readers of the format do."""
    time_us = ns / 1000
    return time_us if int(time_us * 1000) == ns else math.nextafter(time_us, math.inf)


def nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def short(name: str) -> str:
    """A name of bounded length."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
