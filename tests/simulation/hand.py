"""Stages made by hand, on a package of round numbers: a DRAM of 10 bytes/s, and ports of 5 bytes/s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chipweave.simulation.draft import Draft
from chipweave.simulation.machine import DEFAULT, Machine
from chipweave.simulation.operations import Run
from chipweave.simulation.outcome import run_draft
from chipweave.simulation.pins import Weights
from chipweave.simulation.pipeline import PipelineRun, lay_out
from chipweave.simulation.stage import Forward, Layer, StageRun, Unit
from chipweave.simulation.transfers import Carried, Floor

DRAM, PORT = 10.0, 5.0
PORTS = 4
FLOOR = Floor(
    names=("DRAM", *(f"port {each}" for each in range(PORTS))),
    kinds=("dram", *["port"] * PORTS),
    bytes_s=(DRAM, *[PORT] * PORTS),
    interface={},
    links=1,
    out=1,
    into=3,
    standard_bytes_s=PORT,
)


def made_of(**fields: Any) -> Machine:
    """A machine, its fields by words."""
    return Machine(**fields)


def dram(bytes_: float, latency_s: float = 0.0) -> Carried | None:
    """A transfer from or to DRAM; none of no bytes."""
    return Carried(bytes_, ((0, 1.0),), bytes_ / DRAM, latency_s, True) if bytes_ else None


def link(bytes_: float, port: int = 1, latency_s: float = 0.0) -> Carried:
    """A transfer through a port."""
    return Carried(bytes_, ((port, 1.0),), bytes_ / PORT, latency_s, False)


def layer(
    seconds: float,
    pinned: tuple[float, float] = (0.0, 0.0),
    streamed: tuple[float, float] = (0.0, 0.0),
    blocks: int = 1,
) -> Layer:
    """A layer; of its weights the first block and the rest of what stays and of what streams."""
    has = sum(pinned) + sum(streamed) > 0
    return Layer(seconds, seconds, Weights(False, blocks, pinned, streamed) if has else None)


def stage(
    number: int,
    units: Sequence[Unit | Layer],
    *,
    overlaps: bool = True,
    load: float = 0.0,
    store: float = 0.0,
    spill: float = 0.0,
    forwards: Mapping[int, Carried] | None = None,
    latency_s: float = 0.0,
    last_share: float = 1.0,
) -> StageRun:
    """A stage on a chiplet of its own."""
    made = tuple(each if isinstance(each, Unit) else Unit((each,), ()) for each in units)
    weights = sum(sum(own.weights.pinned) + sum(own.weights.streamed) for u in made for own in u.layers if own.weights)
    pinned = sum(sum(own.weights.pinned) for u in made for own in u.layers if own.weights)
    return StageRun(
        number=number,
        chiplets=(number,),
        overlaps=overlaps,
        units=made,
        last_share=last_share,
        load=dram(load, latency_s),
        store=dram(store, latency_s),
        again=None,
        spill=dram(spill),
        forwards=tuple(Forward(target, target - number - 1, each) for target, each in (forwards or {}).items()),
        parted=dram(weights, latency_s),
        copied=None,
        weights_bytes=(weights, 0.0),
        mates_load=None,
        mates=None,
        mates_share=0.0,
        exposed_s=0.0,
        resident_bytes=pinned,
        received_bytes=0.0,
        dram_bytes_s=FLOOR.bytes_s[0],
        copies=1.0,
    )


def played(
    pipelines: Sequence[Sequence[StageRun]], k: int, machine: Machine = DEFAULT, last_bytes: float = 1.0
) -> tuple[Draft, Run]:
    """A window of pipelines of k micro-batches."""
    draft = Draft(machine, FLOOR)
    for number, stages in enumerate(pipelines):
        lay_out(draft, PipelineRun(0, number, tuple(stages), k, last_bytes), [()] * len(stages))
    return draft, run_draft(draft, machine)


def length_s(
    pipelines: Sequence[Sequence[StageRun]], k: int, machine: Machine = DEFAULT, last_bytes: float = 1.0
) -> float:
    return float(played(pipelines, k, machine, last_bytes)[1].end_s.max())
