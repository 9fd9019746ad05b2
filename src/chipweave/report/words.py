"""Figures and parts of a schedule in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chipweave.evaluation.record import PipelineEvaluation, StageEvaluation, WindowEvaluation
from chipweave.hardware.package import Package
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Partition, Stage
from chipweave.results.result import Search
from chipweave.workload.model import Model

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}

ROOFLINE_NOTE = (
    "detailed: SCAR's equations plus resident weights, spills, skip edges and overlap; shared DRAM, links and "
    "ports are a roofline, no queueing"
)
REGIONS_NOTE = (
    "regions of several chiplets, and how layers are split over them, are our reconstruction: of Scope only the "
    "abstract is public"
)
PAPER_NOTE = "paper: SCAR's printed equations (III-E) and nothing else"


def quantity(value: float, unit: str) -> str:
    """Three significant digits with an SI prefix: 12.3 ms."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.3g} {unit}"
    if unit == "s" and abs(value) >= 1000:
        return f"{value:,.0f} s"
    mantissa, exponent = f"{value:.2e}".split("e")
    prefix = 3 * (int(exponent) // 3)
    if prefix not in _PREFIXES:
        return f"{value:.3g} {unit}"
    shift = int(exponent) - prefix
    return f"{float(mantissa) * 10**shift:.{2 - shift}f} {_PREFIXES[prefix]}{unit}"


def cost_model_of(description: Mapping[str, Any]) -> str:
    """`loopnest:latency`: the name, and of a cost model that optimises what it optimises, where that is not the EDP."""
    objective = description.get("objective")
    return description["name"] if objective in (None, "edp") else f"{description['name']}:{objective}"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def valued(value: float, objective: str) -> str:
    """A value of the objective, in the form and unit of the totals; of an expression, whose unit is its own, plain."""
    match objective:
        case "latency":
            return quantity(value, "s")
        case "energy":
            return quantity(value, "J")
        case "edp":
            return f"{value:.4g} Js"
        case "throughput":
            return f"{quantity(value, 's')} for the batch"
    return f"{value:.4g}"


def layers_of(stage: StageEvaluation, model: Model) -> str:
    """`first .. last`."""
    first, last = model.layers[stage.first].name, model.layers[stage.last].name
    return first if stage.first == stage.last else f"{first} .. {last}"


def chiplet_of(chiplet: int, problem: Problem) -> str:
    """`3 (datacenter-nvdla)`."""
    return f"{chiplet} ({problem.package.chiplets[chiplet].name})"


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in the order given, runs up or down by their ends: `0-5, 9, 12-11`."""
    runs: list[list[int]] = []
    for number in numbers:
        run = runs[-1] if runs else []
        steps = ((run[-1] > run[0]) - (run[-1] < run[0]),) if len(run) > 1 else (1, -1)
        if run and number - run[-1] in steps:
            run[1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def region_of(chiplets: Sequence[int], problem: Problem) -> str:
    """`chiplet 3 (datacenter-nvdla)`, or `12 chiplets (0-11)`."""
    if len(chiplets) == 1:
        return f"chiplet {chiplet_of(chiplets[0], problem)}"
    return f"{len(chiplets)} chiplets ({ranges(chiplets)})"


def partitions_of(stage: Stage) -> str:
    """How many layers are split how: `8` whole ones, `5w 3i`: 5 weight_shared, 3 input_shared."""
    if len(stage.chiplets) == 1:
        return str(len(stage.layers))
    counts = Counter(stage.partition(layer) for layer in stage.layers)
    named = ((Partition.WEIGHT_SHARED, "w"), (Partition.INPUT_SHARED, "i"))
    return " ".join(f"{counts[partition]}{mark}" for partition, mark in named if counts[partition])


def binding(window: WindowEvaluation, problem: Problem) -> str:
    """What sets a window's latency, by name."""
    package = problem.package
    match window.bound_by:
        case "pipeline":
            return _binding_pipeline(window.pipelines[window.slowest], problem)
        case "dram":
            bandwidth = quantity(package.dram_bandwidth_bytes_s, "B/s")
            return f"the DRAM, which moves {quantity(window.dram_bytes, 'B')} at {bandwidth}"
        case "link" if window.link is not None:
            bytes_ = quantity(window.link_s * package.link_bandwidth_bytes_s, "B")
            return f"the link from chiplet {window.link[0]} to {window.link[1]}, which carries {bytes_}"
        case "port" if window.port is not None:
            bytes_ = quantity(window.port_s * package.link_bandwidth_bytes_s, "B")
            return f"the port of chiplet {chiplet_of(window.port, problem)}, through which {bytes_} pass one way"
    raise ValueError(f"no sentence for a window that is bound by '{window.bound_by}'")


def _binding_pipeline(pipeline: PipelineEvaluation, problem: Problem) -> str:
    task, stage = problem.scenario.tasks[pipeline.task], pipeline.slowest
    shares = shares_s(pipeline)
    most = max(shares, key=lambda name: shares[name])
    times = "1 micro-batch" if pipeline.micro_batches == 1 else f"{pipeline.micro_batches} micro-batches"
    return (
        f"{task.name}: mostly {most}; {times}, slowest in {layers_of(stage, task.model)} on "
        f"{region_of(stage.chiplets, problem)}"
    )


def shares_s(pipeline: PipelineEvaluation) -> Mapping[str, float]:
    """What the parts of a pipeline's latency are spent on; compute and transfers may overlap.

    As the latency is: once through every stage, the other micro-batches through the slowest one, weights that stay.
    """
    stages, slowest, others = pipeline.stages, pipeline.slowest, pipeline.micro_batches - 1
    return {
        "compute": sum(stage.compute_s for stage in stages) + others * slowest.compute_s,
        "transfers": sum(stage.transfers_s for stage in stages) + others * slowest.transfers_s,
        "loading weights": sum(stage.resident_s for stage in stages),
    }


def class_marks(package: Package) -> dict[str, str]:
    """Per class of chiplet its letter; none is needed where there is one class."""
    names = [chiplet.name for chiplet in package.classes]
    return dict(letters(names)) if len(names) > 1 else dict.fromkeys(names, "")


def classes_of(chiplets: Iterable[int], package: Package) -> str:
    """The letters of these chiplets' classes."""
    marks = class_marks(package)
    return "".join(sorted({marks[package.chiplets[chiplet].name] for chiplet in chiplets}))


def scheduler_of(search: Search | None) -> str:
    """Who made a schedule."""
    return "a plan written by hand" if search is None else f"scheduler {search.scheduler}"


def axis_prefix(longest_s: float) -> tuple[int, str]:
    """Power of ten and SI prefix in which to write times on an axis that ends at `longest_s`."""
    exponent = max(-15, min(0, 3 * math.floor(math.log10(max(abs(longest_s), 1e-15)) / 3)))
    return exponent, {0: "", -3: "m", -6: "µ", -9: "n", -12: "p", -15: "f"}[exponent]


def picked(seconds: Sequence[float], first: int, longest: int) -> list[int]:
    """All positions, or of more than first + longest the first ones and the longest others, in order."""
    if len(seconds) <= first + longest:
        return list(range(len(seconds)))
    others = sorted(range(first, len(seconds)), key=lambda position: -seconds[position])
    return [*range(first), *sorted(others[:longest])]


def letters(names: Sequence[str]) -> Mapping[str, str]:
    """A short mark for each name: its first letter that is still free after what all names begin with."""
    common = 0
    if len(names) > 1:
        while len({name[: common + 1] for name in names}) == 1 and common < min(map(len, names)):
            common += 1
    marks: dict[str, str] = {}
    for name in names:
        wanted = [*name[common:].lower(), *"abcdefghijklmnopqrstuvwxyz0123456789"]
        marks[name] = next((mark for mark in wanted if mark.isalnum() and mark not in marks.values()), "?")
    return marks
