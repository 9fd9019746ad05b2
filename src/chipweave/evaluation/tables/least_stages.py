"""Compiled: what a stage on a single chiplet takes at least, whichever window it is in: the ground of proofs
(docs/proof.md, "Pipelines with their cuts").

A stage of units i to j knows whether it opens its window, and whether it closes it. Everything else that a window
decides is taken at its least: where an earlier window ends of whose tensors some are loaded and others received, which
of its tensors go to DRAM, how far those travel that go to other stages, and how many copies of a tensor wait.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.keep import AGAIN, BACK, SLACK, Around, Books, Layers, Uses
from chipweave.evaluation.law import Demand, Rates, Room, Terms
from chipweave.evaluation.streams import ARRIVAL
from chipweave.evaluation.tables.compiled_law import keep, law, streams
from chipweave.evaluation.tables.single import InL2, Kinds, Place, Span, asked_with
from chipweave.evaluation.tables.units import Micro, TaskArrays
from chipweave.evaluation.tables.window_bytes import Tensors
from chipweave.ndarrays import Bools, Floats, Ints

VARIANTS = 4
"""Of a stage: whether it opens its window (1), and whether it closes it (2), added up."""


class LeastStages(NamedTuple):
    """Stages [variant, class, j, i] of units i to j at one micro-batch; infinite where they do not fit, or i > j.

    Args:
        first_s: what the stage adds to a pipeline's seconds, once; pace_s: its pace, which counts `paces` times of the
            slowest stage. energy_j, dram_bytes: in the whole window.
    """

    first_s: Floats
    pace_s: Floats
    energy_j: Floats
    dram_bytes: Floats


class Sent(NamedTuple):
    """Bytes of one sample that units i to j make, [i, j].

    Args:
        stored: for DRAM, where the window ends behind j; outputs: of them those of the network, for DRAM in any window.
        next: what unit j + 1 reads.
    """

    stored: Floats
    outputs: Floats
    next: Floats


class Known(NamedTuple):
    """A task at one micro-batch, what its units send, and the package, with latency and energy of its best link."""

    task: TaskArrays
    micro: Micro
    uses: Uses
    sent: Sent
    rates: Rates
    late: float
    joules: float


class Kept(NamedTuple):
    """What an L2 keeps, of one class's stages from unit i to each unit (`tables.kept.Kept`); `came`: bytes of a sample
    that the stage reads of others, and `load` those of them from DRAM."""

    slack: Floats
    evicted: Floats
    again: Floats
    exposed_s: Floats
    arrival_s: Floats
    load: Floats
    came: Floats


@kernel(nogil=True)
def least_stages(task: TaskArrays, micro: Micro, uses: Uses, places: Kinds, rates: Rates) -> LeastStages:
    """Every stage of a task at one micro-batch on every kind of place.

    Args:
        uses: of the whole micro-batch.
    """
    units, kinds = task.units, len(places.class_of)
    shape = (VARIANTS, kinds, units, units)
    made = LeastStages(np.full(shape, np.inf), np.full(shape, np.inf), np.full(shape, np.inf), np.full(shape, np.inf))
    known = Known(task, micro, uses, _sent(task.tensors, units), rates, places.late, places.joules)
    for kind in range(kinds):
        way = places.dram[kind]
        place = Place(places.class_of[kind], places.l2_bytes[kind], way[0], way[1], way[2])
        for i in range(units):
            for start in _window_starts(task.tensors, i):
                kept = _kept_from(known, place, (i, start))
                for j in range(i, units):
                    live, two = micro.size * task.live[i, j], task.two_largest[i, j]
                    if rates.detailed or micro.size == 1 or law.fits_l2(live, two, place.l2_bytes):
                        for closes in range(2):
                            _note(known, place, (i, j, start, closes), kept, made)
    return made


@inner()
def _window_starts(tensors: Tensors, i: int) -> Ints:
    """Units at which a window may begin that has unit i: i itself, and of all others one of each kind, by which tensors
    of those that cross the cut before i are made in the window."""
    crosses = np.zeros(i + 1, np.bool_)  # [m + 1] a tensor of unit m does
    for t in range(tensors.first_of_unit[i]):
        for at in range(tensors.starts[t], tensors.starts[t + 1]):
            if tensors.reader[at] >= i:
                crosses[tensors.unit[t] + 1] = True
    found = [i]
    if i > 0:
        found.append(0)
        for start in range(1, i):
            if crosses[start]:  # a tensor of the unit before is loaded from here on
                found.append(start)
    return np.array(found)


@inner()
def _sent(tensors: Tensors, units: int) -> Sent:
    """What every run of units sends."""
    made = Sent(np.zeros((units, units)), np.zeros((units, units)), np.zeros((units, units)))
    for t in range(len(tensors.unit)):
        maker = tensors.unit[t]
        if maker < 0:
            continue
        later, size = 0.0, tensors.bytes_[t]
        for at in range(tensors.starts[t], tensors.starts[t + 1]):
            later += tensors.read[at]
        at = tensors.starts[t]
        for j in range(maker, units):
            next_ = 0.0
            while at < tensors.starts[t + 1] and tensors.reader[at] <= j:
                later -= tensors.read[at]
                at += 1
            if at < tensors.starts[t + 1] and tensors.reader[at] == j + 1:
                next_ = tensors.read[at]
            made.stored[maker, j] += size if tensors.sink[t] else min(size, max(0.0, later))
            made.outputs[maker, j] += size if tensors.sink[t] else 0.0
            made.next[maker, j] += min(size, next_)
    for i in range(units - 2, -1, -1):
        for j in range(i + 1, units):
            made.stored[i, j] += made.stored[i + 1, j]
            made.outputs[i, j] += made.outputs[i + 1, j]
            made.next[i, j] += made.next[i + 1, j]
    return made


@inner()
def _kept_from(known: Known, place: Place, run: tuple[int, int]) -> Kept:
    """Of stages from a unit on, in a window that begins at another one."""
    c, l2_bytes, (i, start), task, micro, uses = place.kind, place.l2_bytes, run, known.task, known.micro, known.uses
    units, layers = task.units, len(task.last_reader)
    none = np.zeros((7, units))
    made = Kept(none[0], none[1], none[2], none[3], none[4], none[5], none[6])
    _came(task.tensors, i, start, made)
    if not known.rates.detailed:
        return made
    own = Layers(task.layers.weights[c], task.layers.block[c], task.layers.grain[c])
    count = layers + 1
    books = Books(np.zeros(layers), np.zeros(count, np.int64), np.zeros(count), np.zeros(count), np.zeros(4))
    in_dram: Bools = np.zeros(count, np.bool_)
    in_dram[0] = True
    around = Around(task.first[i], task.first[start], l2_bytes, in_dram)
    state, whole, wrote = np.zeros(6), np.zeros(6), 0.0
    keep.open_books(books)
    streams.open_stream(state)
    streams.open_stream(whole)
    for j in range(i, units):
        for layer in range(task.first[j], task.last[j] + 1):
            keep.run_layer(layer, uses, own, around, books)
            seconds, more_s = micro.streamed.compute_s[c, layer], micro.streamed.blocks_s[c, layer]
            weights_s, blocks = micro.streamed.weights_s[c, layer], micro.streamed.blocks[c, layer]
            streams.stream_layer(seconds + more_s, weights_s, blocks, state)
            arrives_s = 0.0 if micro.streamed.same[layer] >= task.first[i] else weights_s
            streams.stream_layer(seconds, arrives_s, blocks, whole)
            for use in range(uses.start[layer], uses.end[layer]):
                tensor = uses.tensor[use]
                # What somebody reads behind the stage may be stored anyway.
                if tensor >= around.window and task.last_reader[tensor] == layer:
                    wrote += books.gone[tensor + 1]
        made.slack[j], made.evicted[j], made.again[j] = books.sums[SLACK], books.sums[BACK] + wrote, books.sums[AGAIN]
        made.exposed_s[j], made.arrival_s[j] = streams.exposed_s(state), whole[ARRIVAL]
    return made


@inner()
def _came(tensors: Tensors, i: int, start: int, made: Kept) -> None:
    """What stages from unit i on read of tensors that units before it make, and of those that earlier windows do."""
    for t in range(tensors.first_of_unit[i]):
        taken, at, end = 0.0, tensors.starts[t], tensors.starts[t + 1]
        while at < end and tensors.reader[at] < i:
            at += 1
        for j in range(i, len(made.came)):
            while at < end and tensors.reader[at] <= j:
                taken += tensors.read[at]
                at += 1
            bytes_ = min(tensors.bytes_[t], taken)
            made.came[j] += bytes_
            if tensors.unit[t] < start:
                made.load[j] += bytes_


@inner()
def _note(known: Known, place: Place, stage: tuple[int, int, int, int], kept: Kept, made: LeastStages) -> None:
    """Lower the entry of a stage (first unit, last one, where its window begins, whether it closes it) to what it takes
    in this window, under each of the ways to keep its weights."""
    (i, j, start, closes), task, size, rates = stage, known.task, known.micro.size, known.rates
    opens = 1 if start == i else 0
    at = opens + 2 * closes, place.kind, j, i
    seen, k = law.seen_from(place.joule_hops, rates), law.micro_batches(task.batch, size)
    demand, room = _demand(known, place, (i, j, closes), kept)
    if not rates.detailed:
        terms = law.printed(demand, seen)
        _lower(terms.fill_s, terms, at, made)
        return
    short = law.last_share(task.batch, size, 1) < 1.0
    for number in range(2 if room.l2 - room.weights - room.live >= 0.0 else 1):
        # Asked about more activations than fit, the law answers with the way in blocks.
        live = room.live if number == 1 else room.live + 2.0 * room.l2
        asked = Room(room.l2, live, room.second, room.weights, room.copied, room.slack, room.waiting, room.reused, 0.0)
        terms = law.kept(demand, law.ways(asked, room.weights, k, 1, seen)[0], seen)
        first_s = max(terms.fill_s, terms.ready_s) if opens == 1 else terms.fill_s
        if k > 1 and short and closes == 1:
            first_s += terms.last_steady_s
        _lower(first_s, terms, at, made)


@inner()
def _lower(first_s: float, terms: Terms, at: tuple[int, int, int, int], made: LeastStages) -> None:
    made.first_s[at], made.pace_s[at] = min(made.first_s[at], first_s), min(made.pace_s[at], terms.steady_s)
    made.energy_j[at] = min(made.energy_j[at], terms.energy_j)
    made.dram_bytes[at] = min(made.dram_bytes[at], terms.dram)


@inner()
def _demand(known: Known, place: Place, stage: tuple[int, int, int], kept: Kept) -> tuple[Demand, Room]:
    """What a stage asks for at least, and of its chiplet's L2."""
    (i, j, closes), size, sent, rates = stage, known.micro.size, known.sent, known.rates
    store = sent.stored[i, j] if closes == 1 else sent.outputs[i, j]
    forward = 0.0 if closes == 1 else sent.next[i, j]
    load, receive = kept.load[j], kept.came[j] - kept.load[j]
    sent_s, hop_bytes = law.link_s(size * forward, known.late, rates), known.task.batch * forward * known.joules
    span = Span(i, j, load, store, forward, receive, receive, 0.0, 0.0, sent_s, hop_bytes)
    in_l2 = InL2(kept.slack[j], kept.evicted[j], kept.again[j], kept.exposed_s[j], kept.arrival_s[j])
    return asked_with(known.task, known.micro, place, span, in_l2, rates)
