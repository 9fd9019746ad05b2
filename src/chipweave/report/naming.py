"""Names of the parts of a schedule: chiplets, regions, layers, classes of chiplets, and who made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chipweave.evaluation.record import StageEvaluation
from chipweave.hardware.package import Package
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Partition, Stage
from chipweave.results.result import Search
from chipweave.workload.model import Model


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
    """How many layers are split how: `8` whole ones, `5w 3i 1r`: 5 weight_shared, 3 input_shared, 1 reduced."""
    if len(stage.chiplets) == 1:
        return str(len(stage.layers))
    counts = Counter(stage.partition(layer) for layer in stage.layers)
    named = ((Partition.WEIGHT_SHARED, "w"), (Partition.INPUT_SHARED, "i"), (Partition.REDUCED, "r"))
    return " ".join(f"{counts[partition]}{mark}" for partition, mark in named if counts[partition])


def class_marks(package: Package) -> dict[str, str]:
    """Per class of chiplet its letter; none is needed where there is one class."""
    names = [chiplet.name for chiplet in package.classes]
    return dict(letters(names)) if len(names) > 1 else dict.fromkeys(names, "")


def classes_of(chiplets: Iterable[int], package: Package) -> str:
    """The letters of these chiplets' classes."""
    marks = class_marks(package)
    return "".join(sorted({marks[package.chiplets[chiplet].name] for chiplet in chiplets}))


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


def scheduler_of(search: Search | None) -> str:
    """Who made a schedule."""
    return "a plan written by hand" if search is None else f"scheduler {search.scheduler}"


def cost_model_of(description: Mapping[str, Any]) -> str:
    """`loopnest:latency`: the name, and of a cost model that optimises what it optimises, where that is not the EDP."""
    objective = description.get("objective")
    return description["name"] if objective in (None, "edp") else f"{description['name']}:{objective}"


def resource_of(name: str) -> str:
    """What is shared, without which one: `link` of `busiest link`."""
    return name.removeprefix("busiest ")
