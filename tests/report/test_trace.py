"""The trace against the format's rules and against schedule.json, read as a viewer reads it."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chipweave.files.schedule_file import to_document
from chipweave.plan.problem import Fidelity
from chipweave.report.trace import document, to_text, trace, write
from chipweave.results.result import Result
from tests.report.results import chain_result, random_result, slow_dram

Event = dict[str, Any]

WIDE = [(8, [0, 1, 2, 3, 4, 5, 11, 10]), (1, [9]), (2, [8, 7])]
CASES = {
    **{f"random-{seed}-{fidelity}": (seed, fidelity) for seed in range(12) for fidelity in Fidelity},
    "regions": None,
    "thousands": None,
    "dram": None,
}


def result_of(case: str) -> Result:
    if (given := CASES[case]) is not None:
        return random_result(*given)
    if case == "thousands":
        return chain_result("mesh-16", [(1, [0]), (2, [1])], [(1, [2])], batch=5003, micro_batch=2)
    if case == "dram":
        return slow_dram(chain_result("mesh-16", [(1, [0]), (1, [1])], batch=9, micro_batch=2), 1e3)
    return chain_result("mesh-36", WIDE, [(3, [0, 1])])


@pytest.fixture(params=CASES)
def result(request: pytest.FixtureRequest) -> Result:
    return result_of(request.param)


def read(result: Result) -> list[Event]:
    """Events with their times in whole nanoseconds, as viewers cut them."""
    data = json.loads(to_text(result))
    assert data["displayTimeUnit"] == "ms"
    events = data["traceEvents"]
    for event in events:
        for key in ("ts", "dur"):
            if key in event:
                assert round(event[key] * 1000, 3) == int(event[key] * 1000)
                event[key] = int(event[key] * 1000)
    return events


def slices_by_track(events: list[Event]) -> dict[tuple[int, int], list[Event]]:
    tracks = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append(event)
    return tracks


def test_it_is_valid_for_viewers(result: Result) -> None:
    events = read(result)
    names = ("process_name", "thread_name")
    named = {(event["pid"], event.get("tid")) for event in events if event["ph"] == "M" and event["name"] in names}
    timed = [event for event in events if event["ph"] != "M"]
    assert all(isinstance(event[key], int) for event in events for key in ("pid", "tid") if key in event)
    assert [event["ts"] for event in timed] == sorted(event["ts"] for event in timed)
    assert all(event["ts"] >= 0 and event.get("dur", 0) >= 0 for event in timed)
    for event in timed:
        assert (event["pid"], event.get("tid")) in named
    threads = [event["tid"] for event in events if event["name"] == "thread_name"]
    assert len(set(threads)) == len(threads)
    assert not {event["pid"] for event in events} & set(threads)


def test_slices_of_a_track_nest(result: Result) -> None:
    """In the order of the file, each slice lies within those that are still open."""
    for slices in slices_by_track(read(result)).values():
        open_until: list[int] = []
        for event in slices:
            while open_until and open_until[-1] <= event["ts"]:
                open_until.pop()
            end = event["ts"] + event["dur"]
            assert not open_until or end <= open_until[-1], event
            open_until.append(end)


def test_arrows_start_and_end_in_slices_and_go_forward(result: Result) -> None:
    events = read(result)
    tracks = slices_by_track(events)
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert starts.keys() == ends.keys()
    for event in [*starts.values(), *ends.values()]:
        around = tracks[event["pid"], event["tid"]]
        assert any(s["ts"] <= event["ts"] < s["ts"] + max(1, s["dur"]) for s in around)
    assert all(starts[number]["ts"] <= ends[number]["ts"] for number in starts)
    forwards = sum(s.bytes_.forward > 0 for w in result.evaluation.windows for p in w.pipelines for s in p.stages)
    assert len({(e["pid"], e["tid"], e["ts"]) for e in starts.values() if e["name"] == "over the package"}) >= forwards


def resolve(document: Any, pointer: str) -> Any:
    for key in pointer.split("/")[1:]:
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def test_figures_are_those_of_schedule_json(result: Result) -> None:
    """All args but `about` stand, to the last bit, in the object that `at` points to; nothing is left out."""
    stored = json.loads(json.dumps(to_document(result)))
    pointed = set()
    for event in read(result):
        args = dict(event.get("args", {}))
        if event["ph"] != "X":
            continue
        args.pop("about", None)
        if not args:
            continue
        target = resolve(stored, args.pop("at"))
        pointed.add(event["args"]["at"])
        for key, value in args.items():
            assert value == target[key], (event["name"], key)
    for w, window in enumerate(result.evaluation.windows):
        assert f"/evaluation/windows/{w}" in pointed
        for p, pipeline in enumerate(window.pipelines):
            for s in range(len(pipeline.stages)):
                assert f"/evaluation/windows/{w}/pipelines/{p}/stages/{s}" in pointed


def test_times_are_the_evaluations(result: Result) -> None:
    tracks = slices_by_track(read(result))
    windows = tracks[1, 1_000_000]
    assert [event["name"] for event in windows] == [f"window {i}" for i in range(len(result.evaluation.windows))]
    for event, window in zip(windows, result.evaluation.windows, strict=True):
        assert event["ts"] == pytest.approx(window.start_s * 1e9, abs=0.5)
        assert event["dur"] == pytest.approx(window.latency_s * 1e9, abs=1)
    for window in result.evaluation.windows:
        for pipeline in window.pipelines:
            ends = []
            for stage in pipeline.stages:
                for chiplet in stage.chiplets:
                    own = [e for e in tracks[2, 2_000_000 + 3 * chiplet] if e["ts"] >= round(window.start_s * 1e9)]
                    ends.append(own[0]["ts"] + own[0]["dur"])
            worked_s = window.start_s + pipeline.latency_s  # what DRAM or a link adds is waited for, not drawn
            assert max(ends) == pytest.approx(worked_s * 1e9, abs=1)


def test_micro_batches_are_all_there(result: Result) -> None:
    events = read(result)
    for w, window in enumerate(result.evaluation.windows):
        for p, pipeline in enumerate(window.pipelines):
            batch = result.problem.scenario.tasks[pipeline.task].batch
            for s in range(len(pipeline.stages)):
                at = f"/evaluation/windows/{w}/pipelines/{p}/stages/{s}"
                own = [e["args"] for e in events if e["name"].startswith("micro-batch") and e["args"]["at"] == at]
                assert sum(args["about"]["micro_batches"] for args in own) == pipeline.micro_batches
                assert sum(args["about"]["samples"] for args in own) == batch


def test_counters_integrate_to_the_bytes(result: Result) -> None:
    events = read(result)
    stages = [s for w in result.evaluation.windows for p in w.pipelines for s in p.stages]
    wanted = {
        "DRAM demand": sum(w.dram_bytes for w in result.evaluation.windows),
        "NoP demand, over all links": sum(stage.bytes_.hop_bytes for stage in stages),
    }
    for name, bytes_ in wanted.items():
        steps = [(e["ts"], e["args"]["bytes per second"]) for e in events if e["ph"] == "C" and e["name"] == name]
        if not steps:
            assert bytes_ == 0
            continue
        assert steps[-1][1] == 0
        assert all(rate >= 0 for _, rate in steps)
        assert integral(steps, 0, steps[-1][0]) == pytest.approx(bytes_, rel=1e-9)
        if name == "DRAM demand":
            for window in result.evaluation.windows:
                start_ns, end_ns = (round(s * 1e9) for s in (window.start_s, window.start_s + window.latency_s))
                assert integral(steps, start_ns, end_ns) == pytest.approx(window.dram_bytes, rel=1e-3, abs=1e-3)


def integral(steps: list[tuple[int, float]], start_ns: int, end_ns: int) -> float:
    """Of a step function: (from nanosecond, per second)."""
    return sum(
        rate * max(0, min(after, end_ns) - max(at, start_ns)) * 1e-9 for (at, rate), (after, _) in pairwise(steps)
    )


def test_links_and_interfaces_carry_the_evaluators_bytes(result: Result) -> None:
    tracks = slices_by_track(read(result))
    moved: dict[int, float] = defaultdict(float)
    for (process, _), slices in tracks.items():
        for event in slices:
            if process in (3, 4) and "at" not in event["args"]:
                moved[process] += event["args"]["about"]["bytes"]
    stages = [s for w in result.evaluation.windows for p in w.pipelines for s in p.stages]
    assert moved[3] == pytest.approx(sum(stage.bytes_.hop_bytes for stage in stages), rel=1e-12)
    assert moved[4] == pytest.approx(sum(stage.bytes_.dram for stage in stages), rel=1e-12)


def test_the_same_result_gives_the_same_bytes() -> None:
    assert to_text(random_result(3)) == to_text(random_result(3))


def test_thousands_of_micro_batches_are_one_slice() -> None:
    """5,003 samples by 2: 2,502 micro-batches, of which the first 32 and the last stand alone."""
    result = result_of("thousands")
    events = trace(result)["traceEvents"]
    assert len(events) < 1500
    runs = [event for event in events if event["name"].startswith("micro-batches")]
    assert [event["args"]["about"]["micro_batches"] for event in runs] == [2469] * 3
    assert {event["name"] for event in runs} == {"micro-batches 32 to 2500: 2469 in all"}


@pytest.mark.parametrize("most", [2000, 700, 300, 60])
def test_the_number_of_events_is_bounded(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    windows = [[(1, [0]), (1, [1, 2])] for _ in range(8)]
    result = chain_result("mesh-16", *windows, batch=50)
    monkeypatch.setattr(document, "MOST_EVENTS", most)
    made = trace(result)
    timed = [event for event in made["traceEvents"] if event["ph"] != "M"]
    assert 0 < len(timed) <= most
    drawn = sum(event["name"] == f"window {number}" for number in range(8) for event in timed)
    assert made["otherData"]["windows_drawn"] == drawn
    assert any("not drawn" in event["name"] for event in timed) == (drawn < 8)
    if most == 60:
        assert drawn < 8


def test_hostile_names_are_text(tmp_path: Path) -> None:
    name = '<script>"\\' + "x" * 10_000
    result = chain_result("mesh-16", [(1, [0]), (1, [1])], name=name)
    write(result, tmp_path / "trace.json")
    text = (tmp_path / "trace.json").read_text()
    assert len(text) < 100_000
    assert json.loads(text)["otherData"]["scenario"].startswith('<script>"')
