"""Which tensors a stage exchanges, and with whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chipweave.schedule.plan import Schedule
from chipweave.workload.model import NETWORK_INPUT, Edge, Model

BEFORE = -1
"""The window in which the network input is made."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Bytes per sample that one stage exchanges.

    Args:
        from_dram: the network input and what earlier windows made.
        to_dram: what later windows read, and the network's outputs.
        to_stages: (index of a later stage of the same pipeline, bytes).
    """

    from_dram: int
    to_dram: int
    to_stages: tuple[tuple[int, int], ...]


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


def exchange(model: Model, where: Location, window: int, stage: int, layers: range, forwarding: bool) -> Exchange:
    """What `stage` of the task's pipeline in `window` exchanges.

    Each distinct tensor is counted once per place it goes to; several slices of a tensor count together, up
    to the whole. With `forwarding` (fidelity `paper`) everything that a later stage of the window needs is
    handed to the next stage, cut by cut; without, it goes straight to each stage that reads it.
    """

    def made_in(producer: int) -> int:
        return BEFORE if producer == NETWORK_INPUT else where.window[producer]

    def bytes_of(producer: int, edges: Iterable[Edge], wanted: Callable[[Edge], bool]) -> int:
        read = sum(edge.elements for edge in edges if wanted(edge))
        return model.bytes_per_element * min(read, model.tensor_elements(producer))

    sources = {edge.producer for layer in layers for edge in model.operands[layer]}
    from_dram = sum(
        bytes_of(source, _readers(model, source), lambda edge: edge.consumer in layers)
        for source in sorted(sources)
        if made_in(source) < window
    )

    to_dram = 0
    for layer in layers:
        readers = model.consumers[layer]
        if not readers:
            to_dram += model.bytes_per_element * model.tensor_elements(layer)
        to_dram += bytes_of(layer, readers, lambda edge: where.window[edge.consumer] > window)

    to_stages: dict[int, int] = {}
    for layer in _makers(where, window, stage, layers, forwarding):
        here = [edge for edge in model.consumers[layer] if where.window[edge.consumer] == window]
        later = sorted({where.stage[edge.consumer] for edge in here if where.stage[edge.consumer] > stage})
        if forwarding and later:
            amount = bytes_of(layer, here, lambda edge: where.stage[edge.consumer] > stage)
            to_stages[stage + 1] = to_stages.get(stage + 1, 0) + amount
        elif not forwarding:
            for target in later:
                amount = bytes_of(layer, here, lambda edge, target=target: where.stage[edge.consumer] == target)  # type: ignore[misc]
                to_stages[target] = to_stages.get(target, 0) + amount
    return Exchange(from_dram, to_dram, tuple(sorted(to_stages.items())))


def _readers(model: Model, producer: int) -> tuple[Edge, ...]:
    return model.input_readers if producer == NETWORK_INPUT else model.consumers[producer]


def _makers(where: Location, window: int, stage: int, layers: range, forwarding: bool) -> Iterable[int]:
    """The layers whose output this stage may hand on: its own, and with forwarding all earlier ones' too."""
    if not forwarding:
        return layers
    return (
        layer for layer in range(len(where.window)) if where.window[layer] == window and where.stage[layer] <= stage
    )
