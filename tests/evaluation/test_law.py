"""The law: the same figures at both speeds, its rules worked out by hand, and what holds of every demand."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from chipweave.evaluation.law import (
    BLOCKS,
    EMPTY,
    WHOLE,
    Demand,
    Inside,
    Passing,
    Rates,
    Room,
    Terms,
    Way,
    better,
    end_s,
    from_dram,
    kept,
    last_leaves_s,
    last_share,
    latency_s_of,
    micro_batches,
    pinned,
    printed,
    through,
    turns,
    ways,
    window_needs,
    window_s,
)
from chipweave.evaluation.tables.compiled_law import law


@numba.njit
def _compiled(demand: Demand, room: Room, chiplets: int, rates: Rates) -> Any:
    k = law.micro_batches(demand.batch, demand.micro_batch)
    one, other = law.ways(room, demand.weights, k, chiplets, rates)
    terms, rest = law.kept(demand, one, rates), law.kept(demand, other, rates)
    passed = law.through(law.through(law.EMPTY, terms, k), rest, k)
    return one, other, terms, rest, law.printed(demand, rates), law.better(terms, rest), passed


def rates_of(detailed: bool) -> Rates:
    return Rates(detailed, 11.0, 0.3, 0.01, 0.07, 5.0, 0.9, 0.13, 0.0)


def drawn(seed: int) -> tuple[Demand, Room, int, Rates]:
    """A demand, what it asks of an L2 that holds all, some or none of it, and on how many chiplets."""
    rng = random.Random(seed)

    def some(most: float) -> float:
        return rng.choice([0.0, rng.uniform(0, most)])

    def hops() -> float:
        return float(rng.randint(0, 5))

    batch, chiplets = rng.randint(1, 9), rng.choice([1, 4])
    micro_batch = rng.randint(1, batch)
    weights = some(100)
    copied = 0.0 if chiplets == 1 else weights * rng.choice([0.0, 1.0, rng.uniform(0, 1)])
    compute_s, exchange_s, l2_bytes = some(9), some(9), rng.uniform(1, 200)
    demand = Demand(
        batch=batch,
        micro_batch=micro_batch,
        last=last_share(batch, micro_batch, rng.randint(1, min(chiplets, micro_batch))),
        compute_s=compute_s,
        exchange_s=exchange_s,
        pace_s=rng.uniform(max(compute_s, exchange_s), compute_s + exchange_s),
        blocks_s=some(3),
        blocks_j=some(3),
        exposed_s=some(9),
        arrival_s=some(9),
        forward_s=some(9),
        store_port_s=some(9),
        receive_s=some(9),
        gather_s=some(0.2),
        gather_fixed_s=some(5),
        weights=weights,
        weights_hops=hops(),
        load=some(40),
        load_hops=hops(),
        store=some(40),
        store_hops=hops(),
        dram_hops=hops(),
        evicted=some(30),
        waiting=some(30),
        again=some(30),
        hop_bytes=some(30),
        mac_j=some(30),
        l1_j=some(30),
        l2_j=some(30),
        noc_j=some(30),
        fill_j=some(30),
        drain_j=some(30),
        weight_fill_j=some(30),
        byte_j=some(2),
    )
    room = Room(
        l2=l2_bytes,
        live=some(80),
        second=some(30),
        weights=copied + (weights - copied) / chiplets,
        copied=copied,
        slack=rng.uniform(0, l2_bytes),
        waiting=some(40),
    )
    return demand, room, chiplets, rates_of(rng.random() < 0.8)


@pytest.mark.parametrize("part", range(4))
def test_both_speeds_give_the_same_bits(part: int) -> None:
    seen: set[tuple[int, bool, bool]] = set()
    for seed in range(500 * part, 500 * part + 500):
        demand, room, chiplets, rates = drawn(seed)
        k = micro_batches(demand.batch, demand.micro_batch)
        one, other = ways(room, demand.weights, k, chiplets, rates)
        terms, rest = kept(demand, one, rates), kept(demand, other, rates)
        passed = through(through(EMPTY, terms, k), rest, k)
        plain = one, other, terms, rest, printed(demand, rates), better(terms, rest), passed
        assert _compiled(demand, room, chiplets, rates) == plain
        seen |= {(way.keeping, way.overlaps, way.gathered > 0) for way in (one, other)}
    both = (False, True)
    assert seen == {(WHOLE, each, False) for each in both} | {(BLOCKS, each, mates) for each in both for mates in both}


@pytest.mark.parametrize("seed", range(400))
def test_no_way_goes_below_the_least(seed: int) -> None:
    demand, room, chiplets, rates = drawn(seed)
    k = micro_batches(demand.batch, demand.micro_batch)
    least_s = demand.compute_s + (0.0 if rates.detailed else demand.weights / rates.dram_bytes_s)
    loads = 1 if rates.detailed else k
    some = [kept(demand, way, rates) for way in ways(room, demand.weights, k, chiplets, rates)]
    for terms in some if rates.detailed else [printed(demand, rates)]:
        assert terms.fill_s >= least_s * (1 - 1e-12)
        assert terms.steady_s >= least_s * (1 - 1e-12)
        assert terms.fill_s + demand.receive_s >= terms.steady_s * (1 - 1e-12)
        assert terms.last_fill_s <= terms.fill_s * (1 + 1e-12)
        assert terms.last_steady_s <= terms.steady_s * (1 + 1e-12)
        assert terms.weights >= loads * demand.weights * (1 - 1e-12)
        assert terms.energy_j >= terms.dram * rates.dram_j * (1 - 1e-12)


@pytest.mark.parametrize("seed", range(400))
def test_no_byte_of_weights_is_lost_and_none_pinned_beyond_the_room(seed: int) -> None:
    demand, room, chiplets, rates = drawn(seed)
    k = micro_batches(demand.batch, demand.micro_batch)
    for way in ways(room, demand.weights, k, chiplets, rates):
        assert 0 <= from_dram(way) <= demand.weights * (1 + 1e-12)
        if way.keeping == WHOLE:
            assert (way.pinned, from_dram(way), way.gathered) == (room.weights, 0, 0)
            assert way.pinned + room.live + way.held * room.waiting <= room.l2 * (1 + 1e-12)
        else:
            assert way.pinned + way.held * room.waiting <= room.slack * (1 + 1e-12) + 1e-12
            # what each chiplet lacks of what all use comes from DRAM or, all but its own share, from its mates
            lacks = way.copied + way.gathered * (1 - 1 / chiplets)
            parted = (room.weights - room.copied) * (1 - _share(way.parted, demand.weights - room.copied))
            assert way.pinned == pytest.approx(room.copied - lacks + parted, abs=1e-9)


def _share(some: float, whole: float) -> float:
    return some / whole if whole > 1e-9 else 0.0


# By hand ---------------------------------------------------------------------------------------------------------
#
# Links of 10 B/s and 1 s a hop, DRAM of 5 B/s and 2 s.

RATES = Rates(True, 10.0, 1.0, 0.0, 0.5, 5.0, 2.0, 2.0, 0.0)


@pytest.mark.parametrize(
    ("budget", "way"),
    [
        # half of the parts; none of the rest: 32 * 1/2 and 20 stream
        (4.0, Way(BLOCKS, 4.0, 16.0, 20.0, 0.0, 1.0, False)),
        # all parts, and 2 bytes for copies: 4 * 2 wait once, 2 on each chiplet, and 12 stream
        (10.0, Way(BLOCKS, 10.0, 0.0, 12.0, 8.0, 1.0, False)),
        # 14 for copies: as much as fits once, (20 - 14) * 4/3 = 8, on each 2, and 12 everywhere: nothing streams
        (22.0, Way(BLOCKS, 22.0, 0.0, 0.0, 8.0, 1.0, False)),
        # 20 for copies: all of them everywhere
        (30.0, Way(BLOCKS, 28.0, 0.0, 0.0, 0.0, 1.0, False)),
    ],
)
def test_pins_of_a_region_of_four(budget: float, way: Way) -> None:
    """Each chiplet has a part of 8 of 32 bytes, and uses all of 20 others: 52 distinct bytes."""
    room = Room(l2=100.0, live=0.0, second=0.0, weights=28.0, copied=20.0, slack=budget, waiting=0.0)
    assert pinned(room, 52.0, budget, 1.0, 4, False) == way


@pytest.mark.parametrize("chiplets", [2, 3, 7, 16])
def test_what_waits_with_mates_leaves_no_crumbs_to_stream(chiplets: int) -> None:
    """No rounding: a stage that streams a billionth of a byte would pay the DRAM's latency with every micro-batch."""
    rng = random.Random(chiplets)
    for _ in range(200):
        budget = rng.uniform(1, 1e6)
        copied = budget * rng.uniform(1, chiplets)
        room = Room(l2=1e9, live=0.0, second=0.0, weights=copied, copied=copied, slack=budget, waiting=0.0)
        way = pinned(room, copied, budget, 1.0, chiplets, False)
        assert from_dram(way) == 0
        assert way.gathered <= chiplets * budget * (1 + 1e-12)
        assert way.pinned == pytest.approx(budget, rel=1e-12)


ROOM = Room(l2=60.0, live=30.0, second=15.0, weights=20.0, copied=0.0, slack=45.0, waiting=0.0)
"""20 bytes of weights and 30 live ones in 60: 10 are free, less than a second copy takes."""


@pytest.mark.parametrize(
    ("room", "k", "expected"),
    [
        # a second copy beside them: nothing is better
        (ROOM._replace(l2=65.0), 4, [Way(WHOLE, 20.0, 0.0, 0.0, 0.0, 1.0, True)] * 2),
        # in blocks 45 are free: all is pinned and 25 are left
        (ROOM, 4, [Way(WHOLE, 20.0, 0.0, 0.0, 0.0, 1.0, False), Way(BLOCKS, 20.0, 0.0, 0.0, 0.0, 1.0, True)]),
        # they do not fit, but for the blocks: of 30 bytes 20 are pinned; a second copy would leave 15
        (ROOM._replace(l2=49.0, slack=30.0), 4, [Way(BLOCKS, 20.0, 0.0, 0.0, 0.0, 1.0, False)] * 2),
        # 12 bytes, all pinned, and 8 stream; to pin none would stream 20
        (ROOM._replace(l2=49.0, slack=12.0), 4, [Way(BLOCKS, 12.0, 8.0, 0.0, 0.0, 1.0, False)] * 2),
        # copies that wait have room first: 15 of 30, 15 are left for pins
        (ROOM._replace(l2=49.0, slack=30.0, waiting=15.0), 4, [Way(BLOCKS, 15.0, 5.0, 0.0, 0.0, 1.0, False)] * 2),
        # 30 of 40 that wait: three quarters of each copy
        (ROOM._replace(l2=49.0, slack=30.0, waiting=40.0), 4, [Way(BLOCKS, 0.0, 20.0, 0.0, 0.0, 0.75, False)] * 2),
        # 10 of 40 beside all that is live; in blocks all 40, and 5 bytes of weights
        (
            ROOM._replace(waiting=40.0),
            4,
            [Way(WHOLE, 20.0, 0.0, 0.0, 0.0, 0.25, False), Way(BLOCKS, 5.0, 15.0, 0.0, 0.0, 1.0, False)],
        ),
        # no weights at all: what is left is for a second copy
        (
            ROOM._replace(l2=29.0, slack=20.0, weights=0.0),
            4,
            [Way(BLOCKS, 0.0, 0.0, 0.0, 0.0, 1.0, True)] * 2,
        ),
    ],
)
def test_ways_of_a_chiplet(room: Room, k: int, expected: list[Way]) -> None:
    assert list(ways(room, room.weights, k, 1, RATES)) == expected


def test_fewer_pins_where_that_costs_no_bytes() -> None:
    """Four chiplets use all of 20 bytes, 25 of slack, a second copy of 9: all 20 fit and 5 are left, no overlap.

    With 16 for pins, (20 - 16) * 4/3 bytes would wait once and be gathered: dearer. A second copy of 5 fits beside all.
    """
    room = Room(l2=30.0, live=30.0, second=9.0, weights=20.0, copied=20.0, slack=25.0, waiting=0.0)
    assert ways(room, 20.0, 4, 4, RATES)[0] == Way(BLOCKS, 20.0, 0.0, 0.0, 0.0, 1.0, False)
    assert ways(room._replace(second=5.0), 20.0, 4, 4, RATES)[0] == Way(BLOCKS, 20.0, 0.0, 0.0, 0.0, 1.0, True)


DEMAND = Demand(
    batch=7, micro_batch=2, last=0.5, compute_s=6.0, exchange_s=1.5, pace_s=7.0, blocks_s=1.0, blocks_j=0.5,
    exposed_s=3.0, arrival_s=8.0, forward_s=0.5, store_port_s=2.0, receive_s=9.0, gather_s=0.0, gather_fixed_s=0.0,
    weights=20.0, weights_hops=3.0, load=5.0, load_hops=1.0, store=10.0, store_hops=1.0, dram_hops=1.0, evicted=12.0,
    waiting=16.0, again=10.0, hop_bytes=40.0, mac_j=1.0, l1_j=2.0, l2_j=3.0, noc_j=4.0, fill_j=5.0, drain_j=6.0,
    weight_fill_j=7.0, byte_j=0.25,
)  # fmt: skip
"""7 samples, 2 at a time, so k = 4 and the last one is half a micro-batch.

Loads: 2 * 5/5 + 1 + 2 = 5 s. Stores: 2 * 10/5 + 1 + 2 = 7 s; beside that 0.5 + 2 s of the ports. Earlier stages send
for 9 s.
"""


def test_a_stage_with_all_its_weights_by_hand() -> None:
    terms = kept(DEMAND, Way(WHOLE, 20.0, 0.0, 0.0, 0.0, 1.0, True), RATES)
    # 20/5 of weights
    assert (terms.resident_s, terms.weights_s, terms.load_s, terms.store_s, terms.spill_s) == (4.0, 0.0, 5.0, 7.0, 0.0)
    assert (terms.compute_s, terms.pace_s, terms.exposed_s) == (6.0, 7.0, 0.0)
    # computing and exchanges side by side
    assert terms.fill_s == 5 + 7 + 7
    assert terms.steady_s == max(7, 5 + 7, 2.5)
    # half of it
    assert (terms.last_fill_s, terms.last_steady_s) == (9.5, 6)
    # weights come over 3 hops: 5 s until the first byte, 8 s until all is computed, longer than all of them take;
    # exchanges take 7 - 6 s more than computing, and 10/5 s are the input's
    assert terms.ready_s == max(5 + 8, 5 + 4) + 1 + 2 + 7
    assert terms.alone_s == 23 + 2 * 12 + 6
    assert (terms.weights, terms.again, terms.load, terms.store, terms.spill) == (20, 0, 35, 70, 0)
    # 7 * (1 + 2 + 3 + 4 + 5 + 6) inside, the weights once, 125 * 2 J at the DRAM and 40 * 0.5 J on links
    assert terms.energy_j == 7 * 21 + 7 + 250 + 20


def test_a_stage_with_weights_in_blocks_by_hand() -> None:
    """Nothing is pinned, half of what waits is held: evicted are 12 + 8 bytes of a micro-batch.

    Weights and what is read again: (20 + 10)/5 + 3 + 2 = 11 s; evicted: 20/5 + 1 + 2 = 7 s. Computing takes 7 s in
    blocks and 3 s more for want of weights, so the DRAM's 18 s set the body. Evicting takes 3.5 s of the last half.
    """
    terms = kept(DEMAND, Way(BLOCKS, 0.0, 20.0, 0.0, 0.0, 0.5, False), RATES)
    assert (terms.resident_s, terms.weights_s, terms.spill_s) == (0.0, 11.0, 7.0)
    assert (terms.compute_s, terms.pace_s, terms.exposed_s) == (7.0, 8.0, 3.0)
    assert terms.fill_s == 5 + 1.5 + 18 + 7
    assert terms.last_fill_s == 2.5 + 0.75 + max(3.5 + 3, 11 + 3.5) + 3.5
    # without room for a second copy the next input comes while this one's output goes
    assert terms.steady_s == 5 + 1.5 + 18 + 9
    assert terms.last_steady_s == 2.5 + 0.75 + max(3.5 + 3, 11 + 3.5) + 4.5
    # all weights, what is read again and evictions once: 50/5 + 3 + 2; computing as weights come, in blocks, 8 + 1
    assert terms.ready_s == max(5 + 8 + 1, 15) + 1.5 + 2 + 7
    assert terms.alone_s == 31.5 + 2 * 33.5 + 22.25
    assert (terms.weights, terms.again, terms.load, terms.store, terms.spill) == (4 * 20, 4 * 10, 35, 70, 3.5 * 20)
    # what comes again and what is evicted is paid by the byte
    assert (terms.l2_j, terms.fill_j) == (7 * 3.5, 7 * 5 + (40 + 70) * 0.25 + 4 * 7)
    assert terms.dram_j == 295 * 2


def test_pins_hide_what_computing_does_not() -> None:
    """10 of 20 bytes are pinned: 2 of the 3 s of exposed blocks are gone; with room for a second copy all overlaps."""
    terms = kept(DEMAND, Way(BLOCKS, 10.0, 10.0, 0.0, 0.0, 1.0, True), RATES)
    assert (terms.resident_s, terms.exposed_s) == (2, 1)
    # (10 + 10)/5 + 5 = 9 s and 12/5 + 3 = 5.4 s at the DRAM
    assert terms.steady_s == pytest.approx(max(8 + 1, 5 + 7 + 9 + 5.4))
    assert terms.fill_s == pytest.approx(5 + max(8 + 1, 14.4) + 7)
    assert (terms.weights, terms.fill_j) == (20 + 3 * 10, 7 * 5 + (40 + 3.5 * 12) * 0.25 + 7 * 2.5)


def test_weights_from_mates_by_hand() -> None:
    """Four chiplets gather 16 of 20 bytes: 16 * 3/4/10 = 1.2 s and a way of 2 hops in each of 3 layers, 6 s."""
    demand = DEMAND._replace(gather_s=3 / 4 / 10, gather_fixed_s=6.0, again=0.0)
    terms = kept(demand, Way(BLOCKS, 8.0, 0.0, 0.0, 16.0, 1.0, True), RATES)
    assert terms.weights_s == pytest.approx(7.2)
    assert terms.resident_s == 4
    assert terms.steady_s == pytest.approx(max(8, 5 + 7 + 5.4, 7.2))
    assert terms.weights == 20
    # once from DRAM, 16/20 of them again in three more micro-batches
    assert terms.fill_j == pytest.approx(7 * 5 + 3.5 * 12 * 0.25 + 7 * (1 + 3 * 0.8))


def test_a_stage_in_paper_by_hand() -> None:
    """Loads with all weights: (10 + 20)/5 + 3 + 2 = 11 s; then everything in turn, four times."""
    terms = printed(DEMAND._replace(weight_fill_j=0.0), RATES._replace(detailed=False))
    assert (terms.load_s, terms.store_s, terms.fill_s) == (11, 7, 11 + 7 + 0.5 + 1.5 + 6)
    assert (terms.steady_s, terms.last_fill_s, terms.last_steady_s, terms.ready_s) == (26, 26, 26, 0)
    assert terms.alone_s == 4 * 26
    assert (terms.weights, terms.load, terms.store, terms.dram) == (80, 35, 70, 185)
    assert terms.energy_j == 7 * 21 + 370 + 20


@pytest.mark.parametrize(
    ("batch", "micro_batch", "samples", "share"),
    [
        (7, 2, 1, 1 / 2),  # one sample of two
        (8, 2, 1, 1),
        (10, 4, 1, 1 / 2),  # two of four
        (10, 4, 2, 1 / 2),  # on two chiplets one each, of two each
        (9, 4, 2, 1 / 2),  # one, on one of them
        (9, 4, 4, 1),  # one sample each: one alone takes as long as four
        (7, 4, 3, 1 / 2),  # of four on three chiplets one has two; of three, each has one
        (8, 5, 2, 2 / 3),  # three of five: two of three on one of them
    ],
)
def test_the_last_micro_batch_takes_its_share(batch: int, micro_batch: int, samples: int, share: float) -> None:
    assert last_share(batch, micro_batch, samples) == share


def test_turns_by_hand() -> None:
    """Computing 6 + 1 s, pace 8 s, DRAM 9 s beside it, mates 4 s; in 2 s, out 3 s by DRAM and 5 s by the ports,
    and the stages before send for 5 or 6 s."""
    inside = Inside(compute_s=6.0, exchange_s=1.5, pace_s=8.0, exposed_s=1.0, streams_s=9.0, gather_s=4.0)
    assert turns(inside, 2.0, 3.0, 5.0, 5.0, False) == (2 + 1.5 + 9 + 5, 2 + 1.5 + 9 + 5)
    assert turns(inside, 2.0, 3.0, 5.0, 6.0, False) == (2 + 1.5 + 9 + 5, 2 + 1.5 + 9 + 6)
    assert turns(inside, 2.0, 3.0, 5.0, 6.0, True) == (2 + 9 + 5, 2 + 3 + 9)
    assert turns(inside._replace(streams_s=0.0), 2.0, 3.0, 5.0, 6.0, True) == (2 + 9 + 5, 8 + 1)
    assert turns(inside._replace(streams_s=0.0), 2.0, 3.0, 20.0, 6.0, True) == (2 + 9 + 20, 20)
    assert turns(inside._replace(streams_s=0.0, gather_s=30.0), 2.0, 3.0, 5.0, 6.0, True) == (2 + 30 + 5, 30)


def stage_of(**seconds: float) -> Terms:
    """A stage of which only these times count."""
    return Terms(**(dict.fromkeys(Terms._fields, 0.0) | {"overlaps": False} | seconds))  # type: ignore[arg-type]


def test_a_pipeline_by_hand() -> None:
    """Three stages, 5 micro-batches, the last one short.

    first    the first stage waits for its weights: 12 s; the second adds 6: 18; the third's weights wait for the other
             stages': 3 + 2 + 20 = 25 s, later than 18 + 4
    slowest  7, 7, 9
    last     stage 1: max(0 + 4, 12 + 3 * 7 + 3) = 36; stage 2: max(36 + 2, 18 + 3 * 7 + 1) = 40;
             stage 3: max(40 + 3, 25 + 3 * 9 + 4) = 56
    """
    stages = (
        stage_of(fill_s=10.0, ready_s=12.0, resident_s=3.0, steady_s=7.0, last_fill_s=4.0, last_steady_s=3.0),
        stage_of(fill_s=6.0, ready_s=5.0, resident_s=2.0, steady_s=2.0, last_fill_s=2.0, last_steady_s=1.0),
        stage_of(fill_s=4.0, ready_s=20.0, resident_s=1.0, steady_s=9.0, last_fill_s=3.0, last_steady_s=4.0),
    )
    passed = [EMPTY]
    for stage in stages:
        passed.append(through(passed[-1], stage, 5))
    assert passed[1:] == [Passing(12, 3, 7, 36), Passing(18, 5, 7, 40), Passing(25, 6, 9, 56)]
    assert latency_s_of(passed[-1], 5, RATES) == 56
    assert latency_s_of(through(EMPTY, stages[0], 1), 1, RATES) == 12
    # `paper`: 25 + 4 * 9, the slowest stage's pace for the last one, too
    assert latency_s_of(passed[-1], 5, RATES._replace(detailed=False)) == 61


def test_the_last_micro_batch_leaves() -> None:
    # behind the first one by two whole paces of 4 s and 3 s of its own; or 2 s after the stage before, at 30 s
    assert last_leaves_s(0.0, 10.0, 4.0, 2.0, 3.0, 4) == 10 + 2 * 4 + 3
    assert last_leaves_s(30.0, 10.0, 4.0, 2.0, 3.0, 4) == 30 + 2
    assert last_leaves_s(0.0, 10.0, 4.0, 2.0, 3.0, 2) == 10 + 3


def test_pipelines_end_with_what_their_window_waits_for() -> None:
    # two pipelines of 4 and 8 s; the DRAM needs 10 s: both end a quarter later
    assert (end_s(4.0, 8.0, 10.0), end_s(8.0, 8.0, 10.0)) == (5, 10)
    assert (end_s(4.0, 8.0, 8.0), end_s(8.0, 8.0, 8.0)) == (4, 8)


def test_the_better_way_has_fewer_bytes_then_less_time_then_less_energy() -> None:
    one = stage_of(dram=5.0, alone_s=3.0, energy_j=2.0)
    assert better(one, one._replace(dram=4.0, alone_s=9.0, energy_j=9.0))
    assert not better(one, one._replace(dram=6.0, alone_s=0.0, energy_j=0.0))
    assert better(one, one._replace(alone_s=2.0, energy_j=9.0))
    assert not better(one, one._replace(alone_s=4.0, energy_j=0.0))
    assert better(one, one._replace(energy_j=1.0))
    assert not better(one, one)


def test_a_window_by_hand() -> None:
    rates = Rates(True, 10.0, 1.0, 0.0, 0.5, 5.0, 2.0, 2.0, 3.0)
    assert window_needs(3.0, 20.0, 50.0, 10.0, rates) == (3.0, 4.0, 5.0, 1.0)
    assert window_s(window_needs(3.0, 20.0, 50.0, 10.0, rates)) == 5.0
    assert window_s(window_needs(3.0, 20.0, 50.0, 10.0, rates._replace(detailed=False))) == 3.0


def test_compiled_code_is_not_used_for_another_law(tmp_path: Path) -> None:
    """Numba looks at a kernel's own file; a change of the law, which it calls, must be seen all the same."""
    code = f"""
import sys
from pathlib import Path
import chipweave.compiled as compiled
compiled._sources = lambda folder: sys.argv[1]
sys.path.insert(0, {str(tmp_path)!r})
import kernels
kernels.twice(2)
print(sum(kernels.twice.stats.cache_hits.values()))
"""
    (tmp_path / "kernels.py").write_text(
        "from chipweave.compiled import kernel\n\n\n@kernel()\ndef twice(x):\n    return 2 * x\n"
    )
    hits = [
        subprocess.run([sys.executable, "-c", code, digest], capture_output=True, text=True, check=True).stdout.strip()
        for digest in ("one", "one", "other")
    ]
    assert hits == ["0", "1", "0"]
