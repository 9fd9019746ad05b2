"""What links and memory interfaces carry in each window, and what is asked of them over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from chipweave.evaluation.exact.region import passed
from chipweave.evaluation.record import DRAM_BYTES, WindowEvaluation
from chipweave.evaluation.traffic import WindowTraffic
from chipweave.report.quantities import percent, quantity
from chipweave.report.trace.demand import dram_pieces, link_pieces, steps
from chipweave.report.trace.stages import stages
from chipweave.report.trace.tracks import DRAM, LINKS, Args, Event, microseconds, nanoseconds, slice_, track
from chipweave.results.result import Result

_Part = tuple[str, float, Args]
"""Name, bytes and args of a part of what is carried."""


def link_slices(result: Result, index: int, carried: WindowTraffic, parts: bool) -> Iterator[Event]:
    """What each link carries, from the window's start for as long as its bytes take; with `parts`, end to end."""
    window, problem = result.evaluation.windows[index], result.problem
    moved: dict[int, list[_Part]] = {}
    for placed, flows in zip(stages(result, index), chain.from_iterable(carried.flows), strict=True):
        for flow in flows:
            for link in map(int, flow.moved.links.nonzero()[0]):
                bytes_ = float(flow.moved.links[link])
                args = {"at": placed.at, "about": {"bytes": bytes_, "kind": flow.kind}}
                moved.setdefault(link, []).append((f"{placed.mark} {flow.kind}", bytes_, args))
    bytes_s = problem.package.wiring.bytes_s.tolist()
    for number in sorted(moved):
        shown = moved[number] if parts else []
        yield from _busy(track(LINKS, number), window, float(carried.links[number]), bytes_s[number], shown)


def interface_slices(result: Result, index: int, carried: WindowTraffic, parts: bool) -> Iterator[Event]:
    """What passes each memory interface, drawn as links are, at the DRAM's bandwidth there."""
    window, problem = result.evaluation.windows[index], result.problem
    moved: dict[int, list[_Part]] = {chiplet: [] for chiplet in problem.package.interfaces}
    for placed in stages(result, index):
        (own, _), *others = passed(problem.package, placed.stage)
        of_stage, elsewhere = moved[own], sum(bytes_ for _, bytes_ in others)
        for at, bytes_ in others:
            moved[at].append((f"{placed.mark} load", bytes_, {"at": f"{placed.at}/bytes", "load": bytes_}))
        for kind in DRAM_BYTES:
            bytes_ = getattr(placed.stage.bytes_, kind) - (elsewhere if kind == "load" else 0)
            if bytes_:
                of_stage.append((f"{placed.mark} {kind}", bytes_, {"at": f"{placed.at}/bytes", kind: bytes_}))
    for interface, shown in moved.items():
        bytes_, bandwidth_bytes_s = carried.dram[interface], problem.package.interface_bytes_s[interface]
        if bytes_:
            yield from _busy(track(DRAM, interface), window, bytes_, bandwidth_bytes_s, shown if parts else [])


def _busy(
    on: Mapping[str, int],
    window: WindowEvaluation,
    bytes_: float,
    bandwidth_bytes_s: float,
    parts: Iterable[_Part],
) -> Iterator[Event]:
    """One slice as long as the bytes take, no longer than the window, and its parts within."""
    busy_s = bytes_ / bandwidth_bytes_s
    scale = min(1.0, window.latency_s / busy_s) / bandwidth_bytes_s
    end_ns = nanoseconds(window.start_s + bytes_ * scale)
    about = {"bytes": bytes_, "bandwidth_bytes_s": bandwidth_bytes_s, "share of the window": busy_s / window.latency_s}
    name = f"{quantity(bytes_, 'B')}, {percent(busy_s, window.latency_s)}"
    yield slice_(on, name, nanoseconds(window.start_s), end_ns, {"about": about})
    passed = 0.0
    for label, part, args in parts:
        from_ns = min(end_ns, nanoseconds(window.start_s + passed * scale))
        passed += part
        yield slice_(on, label, from_ns, min(end_ns, nanoseconds(window.start_s + passed * scale)), args)


def counters(result: Result, carried: Sequence[WindowTraffic]) -> Iterator[Event]:
    """Bytes per second that all stages ask for, of the DRAM and of all links together, in the first windows."""
    tasks = result.problem.scenario.tasks
    pipelines = [
        (pipeline, window.start_s, tasks[pipeline.task].batch, flows)
        for window, moved in zip(result.evaluation.windows, carried, strict=False)
        for pipeline, flows in zip(window.pipelines, moved.flows, strict=True)
    ]
    dram = (dram_pieces(pipeline, start_s, batch) for pipeline, start_s, batch, _ in pipelines)
    links = (link_pieces(*pipeline) for pipeline in pipelines)
    for process, name, pieces in ((DRAM, "DRAM demand", dram), (LINKS, "NoP demand, over all links", links)):
        counter = {"ph": "C", "name": name, "cat": "chipweave", "pid": process}
        for at_ns, rate_bytes_s in steps(chain.from_iterable(pieces)):
            yield {**counter, "ts": microseconds(at_ns), "args": {"bytes per second": rate_bytes_s}}
