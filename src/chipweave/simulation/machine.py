"""The machine that is simulated, as a value: every convention is a field (docs/simulation.md, "The machine")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, get_type_hints

from chipweave.errors import InputError, did_you_mean
from chipweave.hardware.package import Delivery, Interfaces
from chipweave.simulation.operations import Discipline


class Entry(StrEnum):
    """When a micro-batch's load from DRAM may begin."""

    ROOM = "room"
    ARRIVAL = "arrival"


class Streaming(StrEnum):
    """How weights that do not stay come."""

    BLOCKS = "blocks"
    LUMPED = "lumped"


class Order(StrEnum):
    """In which order weights that stay load."""

    NEED = "need"
    AT_ONCE = "at-once"


class Latency(StrEnum):
    """How often weights wait for the DRAM's latency."""

    ONCE = "once"
    EACH = "each"


class Exchanging(StrEnum):
    """When a layer's output goes to the region's other chiplets."""

    BESIDE = "beside"
    BEHIND = "behind"


class MemoryPort(StrEnum):
    """Which way goes between a memory interface and the package."""

    CHIPLET = "chiplet"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine; docs/simulation.md says of each field what it does.

    Args:
        dma_channels, receive_slots: 0: any number; as the reader's L2 allows.
        delivery, interfaces: what a package has by itself stands, whatever the machine says.
        turns: stages work as the formulas have it; then only `order`, `delivery` and `interfaces` count, too.

    Raises:
        InputError: values that are none, with every reason.
    """

    contention: bool = True
    discipline: Discipline = Discipline.FLUID
    entry: Entry = Entry.ROOM
    dma_channels: int = 0
    receive_slots: int = 0
    streaming: Streaming = Streaming.BLOCKS
    order: Order = Order.NEED
    latency: Latency = Latency.ONCE
    exchange: Exchanging = Exchanging.BESIDE
    delivery: Delivery = Delivery.MULTICAST
    interfaces: Interfaces = Interfaces.SHARED
    memory_port: MemoryPort = MemoryPort.CHIPLET
    prefetch: bool = False
    turns: bool = False
    packet_bytes: int = 262_144
    packets_in_flight: int = 2

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise InputError(problems)

    def _problems(self) -> Iterator[str]:
        for name, kind in KINDS.items():
            value = getattr(self, name)
            if kind in (int, bool):
                least = 1 if name.startswith("packet") else 0
                if type(value) is not kind or value < least:
                    wanted = "true or false" if kind is bool else f"a whole number of at least {least}"
                    yield f"machine: {name}={value!r} is not {wanted}"
                continue
            words = [str(each) for each in kind]
            if value not in words:
                yield f"machine: {name}={value!r} is none of its values{did_you_mean(str(value), words)}"
            else:
                object.__setattr__(self, name, kind(value))


KINDS: dict[str, Any] = {each.name: get_type_hints(Machine)[each.name] for each in fields(Machine)}
"""Of every field, what its values are."""

DEFAULT = Machine()
FORMULA = Machine(contention=False, turns=True)
"""Under this the simulator reproduces the evaluator's pipelines."""

LADDER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("as simulated", {}),
    ("the memory shares no port with its interface's chiplet", {"memory_port": MemoryPort.OWN}),
    ("transfers do not share resources", {"contention": False}),
    ("readers have any room", {"receive_slots": 1_000_000}),
    ("loads wait for what earlier stages send", {"entry": Entry.ARRIVAL}),
    ("exchanges wait for the computing", {"exchange": Exchanging.BEHIND}),
    ("one transfer of a stage at a time", {"dma_channels": 1}),
    (
        "stages work in turns, as the formulas have it",
        {"turns": True, "delivery": Delivery.MULTICAST, "interfaces": Interfaces.SHARED},
    ),
)
"""From a machine to the formulas, one convention after another: what changes, and the fields."""


def ladder(machine: Machine) -> Iterator[tuple[str, Machine]]:
    """The machine, and those between it and `FORMULA`, each without one more convention."""
    before = None
    for words, changes in LADDER:
        machine = replace(machine, **changes)
        if machine != before:
            yield words, machine
        before = machine


def changed(machine: Machine, settings: Sequence[str]) -> Machine:
    """The machine with fields set as `name=value`.

    Raises:
        InputError: no such field or value.
    """
    values: dict[str, Any] = {}
    problems = []
    for setting in settings:
        name, equals, word = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in KINDS:
            hint = did_you_mean(name, KINDS) if equals else "; write FIELD=VALUE"
            problems.append(f"machine: '{setting}' sets no field{hint}")
            continue
        values[name] = _value(KINDS[name], word.strip())
    if problems:
        raise InputError(problems)
    return replace(machine, **values)


def _value(kind: Any, word: str) -> object:
    """A word as a field's value; as it stands where it is none, for the machine to refuse."""
    if kind is bool and word in ("true", "false"):
        return word == "true"
    if kind is int and word.isdecimal():
        return int(word)
    return word
