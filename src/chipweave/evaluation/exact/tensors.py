"""Which tensors a stage exchanges, and with whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chipweave.plan.schedule import Schedule
from chipweave.workload.model import NETWORK_INPUT, Edge, Model

BEFORE = -1
"""The window in which the network input is made."""


@dataclass(frozen=True, slots=True)
class Moved:
    """`bytes_` per sample of the output of layer `tensor` (or of the network's input)."""

    tensor: int
    bytes_: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one stage exchanges; each distinct tensor once per place it goes to.

    Args:
        from_dram: the network input and what earlier windows made.
        to_dram: what later windows read, and the network's outputs.
        from_stages: what earlier stages of the same pipeline make, and how many stages earlier.
        to_stages: per later stage of the same pipeline that takes something, its index and what it takes.
        within: what layers of the stage read of its own tensors.
    """

    from_dram: tuple[Moved, ...]
    to_dram: tuple[Moved, ...]
    from_stages: tuple[tuple[Moved, int], ...]
    to_stages: tuple[tuple[int, tuple[Moved, ...]], ...]
    within: tuple[Moved, ...]


@dataclass(frozen=True, slots=True)
class Location:
    """Per layer of one task: the window and the stage of the window's pipeline that run it."""

    window: tuple[int, ...]
    stage: tuple[int, ...]


def locate(schedule: Schedule, task: int, layers: int) -> Location:
    """Where each layer of a task runs (the schedule must be valid)."""
    window, stage = [0] * layers, [0] * layers
    for index, pipeline in schedule.pipelines():
        if pipeline.task == task:
            for number, part in enumerate(pipeline.stages):
                for layer in part.layers:
                    window[layer], stage[layer] = index, number
    return Location(tuple(window), tuple(stage))


def total(moved: Iterable[Moved]) -> int:
    """Bytes per sample of all of them."""
    return sum(each.bytes_ for each in moved)


def exchange(model: Model, where: Location, window: int, stage: int, layers: range, forwarding: bool) -> Exchange:
    """What `stage` of the task's pipeline in `window` exchanges.

    Several slices of a tensor count together, up to the whole. With `forwarding` (fidelity `paper`) everything that a
    later stage of the window needs is handed to the next stage, cut by cut; without, it goes straight to each stage
    that reads it.
    """

    def made_in(producer: int) -> int:
        return BEFORE if producer == NETWORK_INPUT else where.window[producer]

    def read(producer: int, edges: Iterable[Edge], wanted: Callable[[Edge], bool]) -> list[Moved]:
        elements = sum(edge.elements for edge in edges if wanted(edge))
        bytes_ = model.tensor_bytes(min(elements, model.tensor_elements(producer)))
        return [Moved(producer, bytes_)] if bytes_ else []

    sources = sorted({edge.producer for layer in layers for edge in model.operands[layer]})
    from_dram = [
        moved
        for source in sources
        if made_in(source) < window
        for moved in read(source, model.readers(source), lambda edge: edge.consumer in layers)
    ]

    from_stages = [
        (moved, stage - where.stage[source])
        for source in sources
        if made_in(source) == window and where.stage[source] < stage
        for moved in read(source, model.readers(source), lambda edge: edge.consumer in layers)
    ]

    to_dram: list[Moved] = []
    within: list[Moved] = []
    for layer in layers:
        readers = model.consumers[layer]
        if not readers:
            to_dram.append(Moved(layer, model.tensor_bytes(model.tensor_elements(layer))))
        to_dram += read(layer, readers, lambda edge: where.window[edge.consumer] > window)
        within += read(layer, readers, lambda edge: edge.consumer in layers)

    to_stages: dict[int, list[Moved]] = {}
    for layer in _makers(where, window, stage, layers, forwarding):
        here = [edge for edge in model.consumers[layer] if where.window[edge.consumer] == window]
        later = sorted({where.stage[edge.consumer] for edge in here if where.stage[edge.consumer] > stage})
        if forwarding and later:
            to_stages.setdefault(stage + 1, []).extend(
                read(layer, here, lambda edge: where.stage[edge.consumer] > stage)
            )
        elif not forwarding:
            for target in later:
                to_stages.setdefault(target, []).extend(
                    read(layer, here, lambda edge, target=target: where.stage[edge.consumer] == target)  # type: ignore[misc]
                )
    return Exchange(
        tuple(from_dram),
        tuple(to_dram),
        tuple(from_stages),
        tuple((target, tuple(to_stages[target])) for target in sorted(to_stages)),
        tuple(within),
    )


def _makers(where: Location, window: int, stage: int, layers: range, forwarding: bool) -> Iterable[int]:
    """The layers whose output this stage may hand on: its own, and with forwarding all earlier ones' too."""
    if not forwarding:
        return layers
    return (
        layer for layer in range(len(where.window)) if where.window[layer] == window and where.stage[layer] <= stage
    )
