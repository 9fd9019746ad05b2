"""`trace.json`: a schedule in the Chrome trace format, for Perfetto (docs/trace.md says what is drawn by convention).

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU describes the format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from chipweave.evaluation.traffic import WindowTraffic
from chipweave.files.atomic import write_text
from chipweave.plan.problem import Fidelity
from chipweave.report.caveats import PAPER_NOTE, ROOFLINE_NOTE
from chipweave.report.trace.arrows import arrows
from chipweave.report.trace.loads import counters, interface_slices, link_slices
from chipweave.report.trace.stages import chiplet_slices, schedule_slices
from chipweave.report.trace.tracks import SCHEDULE, Event, nanoseconds, slice_, track, track_names
from chipweave.results.result import Result
from chipweave.version import __version__

MOST_EVENTS = 100_000
"""In a trace, names of tracks apart: what a viewer opens at once."""
CONVENTIONS = (
    "Positions and lengths are rounded to whole nanoseconds; args hold the exact figures.",
    "args.at is the JSON pointer of the object in schedule.json that holds the other args; args.about is derived.",
    "The first micro-batch passes through the empty stages one after another, and waits in each for the stage's "
    "weights; the others leave a stage one pace (the largest steady_s up to there) apart.",
    "Within the first pass a stage's terms are drawn one after another under paper; in detailed weights, evictions and "
    "forwarding go on beside the others, on a track of their own.",
    "Where the DRAM, a link or a port sets the length of a window, its pipelines are drawn as if it did not.",
    "Slices on links and memory interfaces stand at the window's start and are as long as their bytes need at full "
    "bandwidth; under fidelity paper, which does not bound a window by them, no longer than the window.",
    "Counters are what stages ask for at each moment, without queueing; their integral over a window is its bytes.",
)


@dataclass(frozen=True)
class Detail:
    """How much is drawn.

    Args:
        first: micro-batches drawn one by one before the run of all others but the last.
        parts: the terms of first passes, and what each stage moves over each link.
        counters: also.
    """

    first: int
    parts: bool = True
    counters: bool = True


_DETAILS = (Detail(32), Detail(4), Detail(2, parts=False), Detail(1, parts=False, counters=False))


def trace(result: Result) -> dict[str, Any]:
    """The trace of a result as plain data: times in microseconds, the same for the same result.

    At most `MOST_EVENTS` events besides the names of tracks: where a schedule has more, fewer micro-batches stand for
    themselves, then first passes and links lose their parts, then the last windows are left out; `otherData` says so.
    """
    carried = result.traffic
    count = len(result.evaluation.windows)
    for detail in _DETAILS:
        events = list(islice(_events(result, carried, detail, count), MOST_EVENTS + 1))
        if len(events) <= MOST_EVENTS:
            break
    while len(events) > MOST_EVENTS:
        count //= 2
        events = list(islice(_events(result, carried, detail, count), MOST_EVENTS + 1))
    problem = result.problem
    return {
        "traceEvents": [*track_names(result, carried), *sorted(events, key=_order)],
        "displayTimeUnit": "ms",  # the default: early viewers took another for the unit of `ts`
        "otherData": {
            "chipweave_version": __version__,
            "scenario": problem.scenario.name,
            "package": problem.package.name,
            "fidelity": ROOFLINE_NOTE if problem.fidelity is Fidelity.DETAILED else PAPER_NOTE,
            "conventions": list(CONVENTIONS),
            "micro_batches_drawn_one_by_one": detail.first + 1,
            "parts_drawn": detail.parts,
            "counters_drawn": detail.counters,
            "windows_drawn": count,
            "windows": len(result.evaluation.windows),
        },
    }


def to_text(result: Result) -> str:
    """The bytes of `trace.json`, one event a line."""
    document = trace(result)

    def compact(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    lines = ",\n".join(map(compact, document["traceEvents"]))
    others = ",\n".join(f"{compact(key)}:{compact(value)}" for key, value in document.items() if key != "traceEvents")
    return '{"traceEvents":[\n' + lines + "\n],\n" + others + "}\n"


def write(result: Result, path: Path) -> None:
    """Write `trace.json` whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(path, to_text(result))


def _order(event: Event) -> tuple[float, int, float]:
    """In order of time; a slice before what it holds and before the flows that start or end in it."""
    return event["ts"], "XsfC".index(event["ph"]), -event.get("dur", 0.0)


def _events(result: Result, carried: Sequence[WindowTraffic], detail: Detail, count: int) -> Iterator[Event]:
    windows = result.evaluation.windows
    for index in range(count):
        yield from schedule_slices(result, index)
        yield from chiplet_slices(result, index, detail.first, detail.parts)
        yield from link_slices(result, index, carried[index], detail.parts)
        yield from interface_slices(result, index, carried[index], detail.parts)
    if detail.counters:
        yield from counters(result, carried[:count])
    yield from arrows(result, carried[:count], detail.first)
    if count < len(windows):
        about = {"windows": len(windows) - count, "why": f"a trace has at most {MOST_EVENTS} events"}
        name = f"windows {count} to {len(windows) - 1}: not drawn"
        start_ns, end_ns = nanoseconds(windows[count].start_s), nanoseconds(result.evaluation.latency_s)
        yield slice_(track(SCHEDULE, 0), name, start_ns, end_ns, {"about": about})
