"""What a stage computes in one micro-batch, and the weights and exchanges that its layers wait for
(docs/simulation.md, "Computing, and weights on their way")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from chipweave.simulation.draft import Draft, Numbers, What
from chipweave.simulation.machine import Exchanging, Latency, Streaming
from chipweave.simulation.stage import Layer, StageRun, Unit

Gates = tuple[Numbers, Numbers]
"""What a layer waits for: before it begins, and before its last block."""


class Share(NamedTuple):
    """Of a micro-batch, what is there: of the bytes of activations, and of the time of computing and exchanges."""

    bytes_: float
    seconds: float


@dataclass
class Streams:
    """How far a stage's streamed weights are: the last transfer; what the last block of the layer before waits for."""

    before: Numbers = ()
    last_block: Numbers = ()


@dataclass
class Body:
    """One micro-batch in the making.

    Args:
        pins: per layer, what it waits for of weights that are loaded once (first micro-batch).
        cur, room: what the next piece of work comes after; pending_s: of work that is not yet an operation.
        begun: what its first piece of work came after, and what room it waited for.
    """

    draft: Draft
    stage: StageRun
    what: What
    share: Share
    streams: Streams
    pins: Mapping[int, Gates]
    pools: tuple[int, int]
    cur: Numbers
    room: Numbers
    pending_s: float = 0.0
    late: bool = True
    streaming: What = field(init=False)
    in_blocks: bool = field(init=False)
    beside: bool = field(init=False)
    begun: tuple[Numbers, Numbers] = field(default=((), ()))

    def __post_init__(self) -> None:
        self.streaming = self.what._replace(kind="stream")
        self.in_blocks = self.draft.machine.streaming is Streaming.BLOCKS
        self.beside = self.stage.overlaps and self.draft.machine.exchange is Exchanging.BESIDE

    def run(self) -> Numbers:
        """All layers; the operations that are last."""
        self.begun = self.cur, self.room
        number = 0
        for unit in self.stage.units:
            number = self._unit(unit, number)
        if not self.in_blocks:
            self.pending_s += self.stage.exposed_s
        if self.room or not self.cur:
            self._work()
        self._flush()
        return self.cur

    def _unit(self, unit: Unit, number: int) -> int:
        if unit.exchanges and self.beside:
            self._flush()
        begin: tuple[Numbers, Numbers] | None = None
        for layer in unit.layers:
            room = self.room
            if self._gated(layer, number):
                self._flush()
                waits = self._layer_gated(layer, number)
            else:
                waits = self.cur
                self.pending_s += layer.seconds * self.share.seconds
            begin = begin or (waits, room)
            number += 1
        if unit.exchanges:
            self._exchange(unit, begin if self.beside else None)
        return number

    def _exchange(self, unit: Unit, begin: tuple[Numbers, Numbers] | None) -> None:
        """The unit's outputs go to the mates, one transfer after another: from `begin` on, or behind the work."""
        self._flush()
        after, room = begin or (self.cur, self.room)
        what = self.what._replace(kind="exchange")
        for carried in unit.exchanges:
            one = self.draft.transfer(what, carried, self.share.bytes_, after, room, self.pools[1])
            after, room = (one,), ()
        self.cur = (*self.cur, *after) if begin else after

    def _gated(self, layer: Layer, number: int) -> bool:
        return number in self.pins or (self.in_blocks and layer.weights is not None and layer.weights.streams)

    def _layer_gated(self, layer: Layer, number: int) -> Numbers:
        """A layer that waits for weights; what its first piece of work waits for."""
        weights = layer.weights
        assert weights is not None
        seconds = layer.seconds * self.share.seconds
        first, rest = self.pins.get(number, ((), ()))
        streams = self.in_blocks and weights.streams
        if streams and weights.streamed[0]:
            first = (*first, self._stream(weights.copied, weights.streamed[0], self.streams.last_block))
        waits = (*self.cur, *first)
        if weights.blocks > 1:
            if streams and weights.streamed[1]:
                rest = (*rest, self._stream(weights.copied, weights.streamed[1], (*waits, *self.room)))
            self.cur, self.pending_s = waits, seconds * (weights.blocks - 1) / weights.blocks
            self._flush()
            self.cur, self.pending_s = (*self.cur, *rest), seconds / weights.blocks
        else:
            self.cur, self.pending_s = waits, seconds
        if streams:
            self.streams.last_block = (*self.cur, *self.room)
        return waits

    def _stream(self, copied: bool, bytes_: float, room: Numbers) -> int:
        stage = self.stage
        carried = stage.copied if copied else stage.parted
        assert carried is not None
        part = bytes_ / stage.weights_bytes[1 if copied else 0]
        after = self.streams.before
        late = self.late or self.draft.machine.latency is Latency.EACH
        one = self.draft.transfer(self.streaming, carried, part, after, room, self.pools[0], late)
        self.streams.before, self.late = (one,), False
        return one

    def _flush(self) -> None:
        """What is pending becomes an operation, if anything is."""
        if self.pending_s:
            self._work()

    def _work(self) -> None:
        self.cur = (self.draft.work(self.what, self.pending_s, self.cur, self.room),)
        self.room, self.pending_s = (), 0.0


def streamed_together(body: Body, before: Numbers) -> Numbers:
    """Streamed weights of a micro-batch beside its computing, one transfer for each kind."""
    stage = body.stage
    found: list[int] = []
    for copied, carried in ((False, stage.parted), (True, stage.copied)):
        bytes_ = sum(
            sum(layer.weights.streamed) for layer in stage.layers if layer.weights and layer.weights.copied is copied
        )
        if bytes_ and carried is not None:
            part, after = bytes_ / stage.weights_bytes[1 if copied else 0], (*body.begun[0], *before)
            one = body.draft.transfer(body.streaming, carried, part, after, body.begun[1], body.pools[0], not found)
            found.append(one)
    return tuple(found)
