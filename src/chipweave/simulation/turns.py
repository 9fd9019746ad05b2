"""A pipeline in turns, as the evaluator's formulas have it (docs/simulation.md, "Turns: the formulas' machine").

All is work; what it takes comes from the transfers' bytes and latencies and from the layers, not from the evaluation.
"""

from __future__ import annotations

from typing import NamedTuple

from chipweave.simulation.draft import Draft, Numbers, What
from chipweave.simulation.machine import Order
from chipweave.simulation.pipeline import PipelineRun
from chipweave.simulation.stage import StageRun
from chipweave.simulation.transfers import Carried


class Durations(NamedTuple):
    """Seconds of what a micro-batch does in a stage.

    Args:
        compute: with what blocks make computing wait; pace: beside the exchanges, layer by layer.
        streams: weights, what is read again, and evictions, one after another.
        port: what is sent over the package, and what storing keeps the same port for.
        receive: what earlier stages send, into the chiplet that gets most or over the busiest link on the way.
    """

    load: float
    compute: float
    pace: float
    streams: float
    mates: float
    exchange: float
    store: float
    port: float
    receive: float

    @property
    def at_dram(self) -> float:
        return self.load + self.store + self.streams


def alone_s(carried: Carried | None) -> float:
    return 0.0 if carried is None else carried.alone_s + carried.latency_s


def durations(draft: Draft, stage: StageRun, share: float) -> Durations:
    """Of a micro-batch of which such a share is there."""
    streamed = [
        (bytes_, carried)
        for bytes_, carried in zip(streamed_by_kind(stage), (stage.parted, stage.copied), strict=True)
        if bytes_ and carried is not None
    ]
    weights_s = sum(bytes_ for bytes_, _ in streamed) / stage.dram_bytes_s
    weights_s += stage.again.alone_s if stage.again is not None else 0.0
    if streamed or stage.again is not None:
        weights_s += weights_latency_s(stage)
    exchange = [sum(map(alone_s, unit.exchanges)) for unit in stage.units]
    compute = [sum(layer.seconds for layer in unit.layers) for unit in stage.units]
    whole = [sum(layer.whole_s for layer in unit.layers) for unit in stage.units]
    kept_port = 0.0
    if stage.store is not None:
        floor = draft.floor
        outs = [each for each in stage.store.route if floor.out <= each[0] < floor.into]
        kept_port = max((stage.store.bytes_ * part / floor.bytes_s[number] for number, part in outs), default=0.0)
    return Durations(
        load=share * alone_s(stage.load),
        compute=share * sum(compute) + stage.exposed_s,
        pace=share * (sum(map(max, whole, exchange)) + sum(compute) - sum(whole)) + stage.exposed_s,
        streams=weights_s + share * alone_s(stage.spill),
        mates=alone_s(stage.mates),
        exchange=share * sum(exchange),
        store=share * alone_s(stage.store),
        port=share * (sum(alone_s(each.carried) for each in stage.forwards) + kept_port),
        receive=share * stage.received_bytes / draft.floor.standard_bytes_s,
    )


def weights_latency_s(stage: StageRun) -> float:
    """Of the farthest chiplet that weights, or operands read again, go to."""
    ways = (stage.parted, stage.copied, stage.mates_load)
    return max((each.latency_s for each in ways if each is not None), default=0.0)


def streamed_by_kind(stage: StageRun) -> tuple[float, float]:
    """Bytes of weights that come with every micro-batch: those that chiplets have parts of, and those that all have,
    once for each copy."""
    found = [0.0, 0.0]
    for layer in stage.layers:
        if layer.weights is not None:
            found[layer.weights.copied] += sum(layer.weights.streamed)
    return found[0], stage.copies * found[1]


def arrival_s(stage: StageRun) -> float:
    """From the first byte of weights to the end of the computing, as all of them, and the first micro-batch's input,
    come one after another."""
    computed_s = came_s = anew_s = 0.0
    for layer in stage.layers:
        weights = layer.weights
        bandwidth = stage.dram_bytes_s / (stage.copies if weights is not None and weights.copied else 1.0)
        if weights is None or weights.reused:
            computed_s += layer.whole_s
            anew_s += sum(weights.streamed) / bandwidth if weights is not None else 0.0
            continue
        whole_s = (sum(weights.pinned) + sum(weights.streamed)) / bandwidth
        begins_s = max(computed_s, came_s + whole_s / weights.blocks)
        computed_s = max(begins_s + layer.whole_s, came_s + whole_s + layer.whole_s / weights.blocks)
        came_s += whole_s
    more_s = sum(layer.seconds - layer.whole_s for layer in stage.layers)
    once = (stage.again, stage.spill)
    all_s = came_s + anew_s + sum(each.alone_s for each in once if each is not None)
    input_s = 0.0 if stage.load is None else stage.load.alone_s
    return weights_latency_s(stage) + max(computed_s + more_s, all_s) + input_s


def lay_out_in_turns(draft: Draft, pipeline: PipelineRun) -> list[Numbers]:
    """The operations of a pipeline; per stage, behind which its last micro-batch has left."""
    left: list[Numbers] = [() for _ in pipeline.stages]
    made: list[Numbers] = [() for _ in pipeline.stages]
    weights = _weights(draft, pipeline)
    for micro_batch in range(pipeline.micro_batches):
        for stage in pipeline.stages:
            number = stage.number
            took = durations(draft, stage, pipeline.share(stage, micro_batch).seconds)
            what = What("compute", pipeline.window, pipeline.number, number, micro_batch)
            before, come = left[number], left[number - 1] if number else ()
            if stage.overlaps:
                made[number], left[number] = _beside(draft, took, what, come, weights.pop(number, ()))
                if micro_batch:
                    left[number] = (*left[number], *_turn(draft, took, what, before))
                continue
            if micro_batch:  # what comes next has room when all is computed
                came = draft.work(what._replace(kind="forward"), took.receive, made[number])
                before = (*before, came)
            made[number], left[number] = _behind(draft, took, what, (*come, *before), weights.pop(number, ()))
    return left


def _beside(draft: Draft, took: Durations, what: What, after: Numbers, weights: Numbers) -> tuple[Numbers, Numbers]:
    """A micro-batch on its way, with exchanges beside the computing: what is made, and what has left."""
    load = _work(draft, what, "load", took.load, after)
    body = _body(draft, took, what, took.pace, load)
    # What exchanges take longer than computing comes behind weights that are late, too.
    late = _work(draft, what, "exchange", took.pace - took.compute, weights)
    return _out(draft, took, what, (*body, *late))


def _behind(draft: Draft, took: Durations, what: What, after: Numbers, weights: Numbers) -> tuple[Numbers, Numbers]:
    """As `_beside`, one after another."""
    load = _work(draft, what, "load", took.load, after)
    body = _body(draft, took, what, took.compute, load)
    return _out(draft, took, what, _work(draft, what, "exchange", took.exchange, (*body, *weights)))


def _body(draft: Draft, took: Durations, what: What, computing_s: float, load: Numbers) -> Numbers:
    parts = (("compute", computing_s), ("stream", took.streams), ("mates", took.mates))
    return tuple(number for kind, seconds in parts for number in _work(draft, what, kind, seconds, load))


def _out(draft: Draft, took: Durations, what: What, made: Numbers) -> tuple[Numbers, Numbers]:
    store, forward = (_work(draft, what, *each, made) for each in (("store", took.store), ("forward", took.port)))
    return made, (*store, *forward)


def _work(draft: Draft, what: What, kind: str, seconds: float, behind: Numbers) -> Numbers:
    return (draft.work(what._replace(kind=kind), seconds, behind),)


def _turn(draft: Draft, took: Durations, what: What, after: Numbers) -> Numbers:
    parts = (("compute", took.pace), ("load", took.at_dram), ("mates", took.mates), ("forward", took.port))
    return tuple(draft.work(what._replace(kind=kind), seconds, after) for kind, seconds in parts)


def _weights(draft: Draft, pipeline: PipelineRun) -> dict[int, Numbers]:
    """Per stage, when its first micro-batch is computed as far as its weights let it."""
    found: dict[int, Numbers] = {}
    chain: Numbers = ()
    for stage in pipeline.stages:
        if any(layer.weights for layer in stage.layers):
            what = What("pin", pipeline.window, pipeline.number, stage.number, 0)
            found[stage.number] = (draft.work(what, arrival_s(stage), chain),)
            if draft.machine.order is Order.NEED:
                chain = (draft.work(what, stage.resident_bytes / stage.dram_bytes_s, chain),)
    return found
