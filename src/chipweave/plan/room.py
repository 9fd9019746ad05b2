"""Whether the memory of a package holds what a scenario must keep there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chipweave.errors import InputError
from chipweave.hardware.package import Package
from chipweave.workload.scenario import Scenario, Task


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes of DRAM that every schedule of a scenario takes; what lies there between windows comes on top.

    Args:
        weights_bytes: of all models.
        ends_bytes: inputs and outputs of the networks, of all samples.
    """

    weights_bytes: int
    ends_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.ends_bytes


def need_of(scenario: Scenario) -> Need:
    """What a scenario needs; models that are alike have weights of their own each."""
    weights_bytes = ends_bytes = 0
    for task in scenario.tasks:
        model = task.model
        read_again = {edge.producer for edge in model.edges}
        ends = [layer.output_elements for at, layer in enumerate(model.layers) if at not in read_again]
        weights_bytes += model.distinct_weight_bytes
        ends_bytes += task.batch * sum(map(model.tensor_bytes, [model.input_elements, *ends]))
    return Need(weights_bytes, ends_bytes)


def bytes_at(placed: Iterable[tuple[Task, Mapping[int, int]]]) -> dict[int, int]:
    """By memory interface, bytes of weights and of the ends of the networks that lie there (as in `need_of`).

    Args:
        placed: tasks, each with the interface at which every layer's weights and output lie. What layers at several
            interfaces read, weights that they share or a network's input, lies at each of them.
    """
    found: dict[int, int] = {}

    def add(interface: int, bytes_: int) -> None:
        found[interface] = found.get(interface, 0) + bytes_

    for task, at in placed:
        model, seen = task.model, set[tuple[str, int]]()
        for number, (layer, bytes_) in enumerate(zip(model.layers, model.weight_bytes, strict=True)):
            whose = layer.shares or layer.name, at[number]
            if whose not in seen:
                seen.add(whose)
                add(at[number], bytes_)
        read_again = {edge.producer for edge in model.edges}
        for number, layer in enumerate(model.layers):
            if number not in read_again:
                add(at[number], task.batch * model.tensor_bytes(layer.output_elements))
        for interface in {at[edge.consumer] for edge in model.input_readers}:
            read = sum(edge.elements for edge in model.input_readers if at[edge.consumer] == interface)
            add(interface, task.batch * model.tensor_bytes(min(read, model.input_elements)))
    return found


def require_memory(scenario: Scenario, package: Package) -> None:
    """Check that weights and the ends of the networks fit; of a package without stacks any capacity is taken for given.

    Raises:
        InputError: they do not, with what is missing.
    """
    room_bytes = package.capacity_bytes
    if room_bytes is None:
        return
    need = need_of(scenario)
    if need.total_bytes <= room_bytes:
        return
    every_bytes = [stack.capacity_bytes for stack in package.memory]
    unlike = None in every_bytes or room_bytes < sum(filter(None, every_bytes))
    place = f"{package.memory_place}: " if package.memory_place else ""
    raise InputError(
        f"{place}memory: package '{package.name}' holds {shown_bytes(room_bytes)}"
        f"{' until one of its stacks is full' if unlike else ''}, and scenario '{scenario.name}' needs "
        f"{shown_bytes(need.total_bytes)}: weights of {shown_bytes(need.weights_bytes)}, inputs and outputs of "
        f"{shown_bytes(need.ends_bytes)}; {shown_bytes(need.total_bytes - room_bytes)} are missing. Give it more or "
        "larger stacks, or run fewer models or samples"
    )


def shown_bytes(count_bytes: int) -> str:
    """Bytes in the unit that fits them."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count_bytes >= 2**power:
            return f"{count_bytes / 2**power:.4g} {unit}"
    return f"{count_bytes} B"
