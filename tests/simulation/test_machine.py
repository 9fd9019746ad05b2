"""Pipelines on the machine, by hand: what every convention comes to, with the arithmetic."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from chipweave.errors import InputError
from chipweave.simulation.draft import Draft
from chipweave.simulation.machine import FORMULA, LADDER, Machine, changed, ladder
from chipweave.simulation.outcome import run_draft
from chipweave.simulation.path import bounds
from chipweave.simulation.pins import Laden, kept, waits_s
from chipweave.simulation.pipeline import PipelineRun
from chipweave.simulation.stage import StageRun, Unit
from chipweave.simulation.windows import lay_out_together
from tests.simulation.hand import FLOOR, dram, layer, length_s, link, made_of, played, stage

ALONE = made_of(contention=False)


def test_a_stage_that_overlaps_loads_once_and_stores_once() -> None:
    # Load 2, three times computing 5, store 1: 2 + 15 + 1.
    assert length_s([[stage(0, [layer(5)], load=20, store=10)]], 3) == 18


def test_a_stage_without_a_second_copy_does_one_thing_after_another() -> None:
    # 3 * (2 + 5 + 1).
    assert length_s([[stage(0, [layer(5)], load=20, store=10, overlaps=False)]], 3) == 24


def test_the_dram_binds_a_stage_that_moves_more_than_it_computes() -> None:
    # Computing 1 s, load 4 s and store 2 s, 4 micro-batches: the DRAM is never idle but for the computing of the last,
    # which only what is loaded before it can hide: 4 * 6 = 24 s of traffic, and 1 s before the last store.
    seconds = length_s([[stage(0, [layer(1)], load=40, store=20)]], 4)
    assert seconds == pytest.approx(25)


def test_a_chain_runs_at_its_slowest_stage() -> None:
    # Stage 0: 0 to 2, sent by 3; stage 1 computes 5 each: 3 + 10; both have a second copy.
    chain = [stage(0, [layer(2)], forwards={1: link(5)}), stage(1, [layer(5)])]
    assert length_s([chain], 2) == 13


def test_a_reader_without_room_holds_its_writer_up() -> None:
    # Stage 1 has room for one: the second micro-batch, computed at 4, is sent from 8 to 9; it computes until 14.
    chain = [stage(0, [layer(2)], forwards={1: link(5)}), stage(1, [layer(5)], overlaps=False)]
    draft, made = played([chain], 2)
    assert max(made.end_s) == 14
    spent = {
        (each.by, each.stage): each.seconds for each in bounds(draft.laid_out(), draft.resources, made, FLOOR.kinds)
    }
    # Backwards: computing 14 to 9, sending to 8, no room from 4 on, computing of stage 0 from 0 to 4.
    assert spent == {("compute", 1): 5, ("link", -1): 1, ("room", 1): 4, ("compute", 0): 4}


def test_a_tensor_that_skips_a_stage_has_room_for_the_copies_on_their_way() -> None:
    # 0 sends to 1 (1 s) and to 2 (1 s, by another port); 1 sends to 2 (1 s). All compute 2 s; 3 micro-batches.
    def chain() -> list[StageRun]:
        return [
            stage(0, [layer(2)], forwards={1: link(5, 1), 2: link(5, 2)}),
            stage(1, [layer(2)], forwards={2: link(5, 3)}),
            stage(2, [layer(2)]),
        ]

    # Computing of stage 0: 0-2-4-6, of 1: 3-5-7-9, of 2: 6-8-10-12.
    assert length_s([chain()], 3) == 12
    # With room for one: micro-batch 1 is sent to stage 1 when that is through with 0, at 5, and computed from 6 to 8;
    # to stage 2 when that is through with 0, at 8, and 0 goes on with 2 at 4 (its left waits two micro-batches back).
    # Stage 2: 0 from 6 to 8; 1 needs the tensor of stage 0 (8 to 9) and of stage 1 (8 to 9): 9 to 11; 2 is sent by
    # stage 0 at 11, by stage 1, which has it at 8 + 1 and has computed it at 11, at 11 to 12: 12 to 14.
    assert length_s([chain()], 3, made_of(receive_slots=1)) == 14


def test_two_pipelines_share_the_dram() -> None:
    # Each loads 10 bytes: 2 s at half the bandwidth, then computes 1 s; alone 1 + 1.
    pipelines = [[stage(0, [layer(1)], load=10)], [stage(0, [layer(1)], load=10)]]
    assert length_s(pipelines, 1) == 3
    assert length_s(pipelines, 1, ALONE) == 2


def test_of_two_unequal_loads_the_longer_one_speeds_up() -> None:
    # 10 and 30 bytes at half the bandwidth: the first is there at 2; 20 bytes of the second are left, 2 s at all of it.
    # Both compute 1 s from then on.
    draft, made = played([[stage(0, [layer(1)], load=10)], [stage(0, [layer(1)], load=30)]], 1)
    assert made.end_s[draft.laid_out().whats["kind"] == "compute"].tolist() == [3, 5]


def test_want_of_room_goes_up_a_chain() -> None:
    # Each has room for one micro-batch and sends it in 1 s. The first: computed by stage 0 at 1, by 1 at 3, by 2 from 4
    # to 9. The second is computed at 2, waits for stage 1, which has sent the first at 4, and is sent by 5; stage 1 has
    # it from 5 to 6, waits for stage 2 until 9, which computes it from 10 to 15. The third one is held up twice: stage
    # 0 sends it at 10, stage 1 computes it at 12 and sends it at 15: 16 to 21.
    chain = [
        stage(0, [layer(1)], forwards={1: link(5, 1)}, overlaps=False),
        stage(1, [layer(1)], forwards={2: link(5, 2)}, overlaps=False),
        stage(2, [layer(5)], overlaps=False),
    ]
    assert [length_s([chain], k) for k in (1, 2, 3)] == [9, 15, 21]


def test_blocks_of_two_pipelines_share_the_dram() -> None:
    # First blocks side by side: 2 s in place of 1. The head of 0.5 s beside the rest, another 2 s; a tail of 0.5.
    pipeline = [stage(0, [layer(1, streamed=(10, 10), blocks=2)])]
    assert length_s([pipeline, pipeline], 1) == 4.5
    assert length_s([pipeline], 1) == 2.5


def test_packets_of_two_loads_take_turns() -> None:
    # Packets of 10 bytes, 1 s each, one of each load on its way: A, B, B. A is there at 1, B at 3; both compute 1 s.
    pipelines = [[stage(0, [layer(1)], load=10)], [stage(0, [layer(1)], load=20)]]
    packets = made_of(discipline="packets", packet_bytes=10, packets_in_flight=1)
    draft, made = played(pipelines, 1, packets)
    assert made.end_s[draft.laid_out().whats["kind"] == "compute"].tolist() == [2, 4]
    # Shared fairly, A has its 10 bytes at 2, B its 20 at 3.
    draft, made = played(pipelines, 1)
    assert made.end_s[draft.laid_out().whats["kind"] == "compute"].tolist() == [3, 4]


@pytest.mark.parametrize(("chiplet", "seconds"), [(1, 3.0 + 1), (0, 3.0 + 1 + 1)])
def test_weights_of_the_next_window_come_early_where_their_chiplet_is_free(chiplet: int, seconds: float) -> None:
    # A window of 3 s on chiplet 0; in the next one weights of 1 s, and 1 s of computing.
    first = stage(0, [layer(3)])
    second = replace(stage(0, [layer(1, pinned=(10, 0))]), chiplets=(chiplet,))
    machine = made_of(prefetch=True)
    draft = Draft(machine, FLOOR)
    lay_out_together(draft, [(PipelineRun(0, 0, (first,), 1, 1.0),), (PipelineRun(1, 0, (second,), 1, 1.0),)])
    assert max(run_draft(draft, machine).end_s) == seconds


def test_blocks_that_computing_hides_cost_nothing() -> None:
    # Weights of 20 bytes in 2 blocks of 1 s, computing 4 s: the first block comes during the last block's computing of
    # the micro-batch before. 1 s for the first one, then 3 * 4.
    assert length_s([[stage(0, [layer(4, streamed=(10, 10), blocks=2)])]], 3) == 13


def test_blocks_that_take_longer_than_computing_are_waited_for() -> None:
    # 4 blocks of 1 s, computing 2 s in blocks of 0.5 s: 1 s for the first; then head (1.5) beside the rest (3 s), tail
    # 0.5 beside the next first block (1 s). Per micro-batch 3 + 1 = 4, and the last one's tail: 1 + 3 + 1 + 3 + 0.5.
    assert length_s([[stage(0, [layer(2, streamed=(10, 30), blocks=4)])]], 2) == 8.5


def test_heavy_computing_does_not_hide_weights_of_a_later_layer() -> None:
    # L2 holds one block in use and one on its way. Layer a computes 10 s on 1 s of weights, layer b 1 s on 10 s of
    # weights in 10 blocks. Per micro-batch: a's tail 10 (b's first block beside it), b's rest 9 s (its head of 0.9 s
    # beside it), its tail 0.1 (a's block, 1 s, beside it: 1 s). So 10 + 9 + 1 = 20, not max(11, 11). First block 1 s;
    # the last micro-batch ends with a tail of 0.1.
    layers = [layer(10, streamed=(10, 0)), layer(1, streamed=(10, 90), blocks=10)]
    assert length_s([[stage(0, layers)]], 2) == pytest.approx(1 + 19 + 1 + 19 + 0.1)
    # In one transfer beside the computing: 11 s of weights, 11 s of computing, and two in flight at the DRAM.
    lumped = made_of(contention=False, streaming="lumped")
    assert length_s([[stage(0, layers)]], 2, lumped) == 22


def test_weights_that_stay_come_in_the_order_of_need() -> None:
    # Two layers of 1 s on 20 bytes in 2 blocks each, 1 s a block: a begins at 1, its last block is there at 2: 2.5; b's
    # first block is there at 3, its last one at 4: 4.5.
    layers = [layer(1, pinned=(10, 10), blocks=2), layer(1, pinned=(10, 10), blocks=2)]
    assert length_s([[stage(0, layers)]], 1) == 4.5
    # A second micro-batch computes 2 s more.
    assert length_s([[stage(0, layers)]], 2) == 6.5


@pytest.mark.parametrize(("order", "first_s"), [("need", 1.0 + 1.0), ("at-once", 2.0 + 1.0)])
def test_weights_of_later_stages_come_behind_or_beside(order: str, first_s: float) -> None:
    # Two stages on 10 bytes each: behind each other they are there at 1 and 2, beside each other both at 2.
    chain = [stage(0, [layer(1, pinned=(10, 0))], forwards={1: link(5)}), stage(1, [layer(1, pinned=(10, 0))])]
    draft, made = played([chain], 1, made_of(order=order))
    computed = made.end_s[draft.laid_out().whats["kind"] == "compute"]
    assert computed.tolist() == [first_s, first_s + 1 + 1]


@pytest.mark.parametrize(("latency", "seconds"), [("once", 1 + 7 + 1.0 + 1.0), ("each", 1 + 7 + 1 + 7 + 1.0)])
def test_the_latency_of_the_dram_is_paid_once_or_with_every_block(latency: str, seconds: float) -> None:
    # Two layers of 1 s on one block of 1 s each, latency 7 s. a's block is there at 8. b's sets out when a begins, at
    # 8: there at 9 (asked for ahead), or at 16.
    layers = [layer(1, streamed=(10, 0)), layer(1, streamed=(10, 0))]
    assert length_s([[stage(0, layers, latency_s=7)]], 1, made_of(latency=latency)) == seconds


def test_exchanges_go_on_beside_the_computing_or_behind_it() -> None:
    # Units of 3 s and 1 s, which exchange 2 s each: max(3, 2) + max(1, 2), or 3 + 2 + 1 + 2.
    units = [Unit((layer(3),), (link(10),)), Unit((layer(1),), (link(10),))]
    assert length_s([[stage(0, units)]], 1) == 5
    assert length_s([[stage(0, units)]], 1, made_of(exchange="behind")) == 8
    assert length_s([[stage(0, units, overlaps=False)]], 1) == 8


def test_evictions_go_beside_the_computing() -> None:
    # 30 bytes take 3 s beside 2 s of computing; stored from then on, 1 s. The next computing needs no eviction of the
    # one before: at 3 the first is computed, at 6 the second, whose store ends at 7.
    assert length_s([[stage(0, [layer(2)], spill=30, store=10)]], 1) == 4
    assert length_s([[stage(0, [layer(2)], spill=30, store=10)]], 2, ALONE) == 7


def test_a_short_last_micro_batch_takes_its_share() -> None:
    # 2 + 5 + 5 / 2 + 1 / 2: half of the samples.
    short = stage(0, [layer(5)], load=20, store=10, last_share=0.5)
    assert length_s([[short]], 2, last_bytes=0.5) == 2 + 5 + 2.5 + 0.5


@pytest.mark.parametrize(("entry", "seconds"), [("room", 2 + 1 + 1.0), ("arrival", 2 + 1 + 3 + 1.0)])
def test_a_load_waits_for_room_or_for_what_else_the_micro_batch_needs(entry: str, seconds: float) -> None:
    # Stage 1 loads 3 s: from 0 on, beside stage 0's 2 s and 1 s of sending, or behind them.
    chain = [stage(0, [layer(2)], forwards={1: link(5)}), stage(1, [layer(1)], load=30)]
    assert length_s([chain], 1, made_of(entry=entry)) == seconds


def test_with_one_channel_a_stage_moves_one_thing_at_a_time() -> None:
    # Weights of 10 bytes that stay and a load of 10: side by side both take 2 s, one after another 1 and 2; the work
    # begins at 2 in any case. On two stages the channels differ: the DRAM is shared.
    one = stage(0, [layer(1, pinned=(10, 0))], load=10)
    assert length_s([[one]], 1) == length_s([[one]], 1, made_of(dma_channels=1)) == 3
    assert length_s([[one]], 1, ALONE) == 2
    assert length_s([[one]], 1, made_of(contention=False, dma_channels=1)) == 3


def test_packets_and_fluid_agree_where_packets_are_small() -> None:
    chain = [
        stage(0, [layer(4, streamed=(10, 30), blocks=4)], load=20, forwards={1: link(5)}),
        stage(1, [layer(3, pinned=(20, 0))], store=30),
    ]
    fluid = length_s([chain], 6)
    packets = length_s([chain], 6, made_of(discipline="packets", packet_bytes=1))
    assert packets == pytest.approx(fluid, rel=0.02)


def test_what_stays_is_what_computing_would_not_hide() -> None:
    # At 10 bytes/s: a's first block (of 2) waits for 10 s - b's last block of 1 s, its rest for 10 s - half of its 4 s.
    # b's 20 bytes wait for 2 s - 2 s, the last block of a: not at all.
    layers = [Laden(4.0, 200.0, 2, False), Laden(1.0, 20.0, 1, False)]
    assert waits_s(layers, 10.0) == [(9.0, 8.0), (0.0, 0.0)]
    # 100 bytes: 90 of the first block, 10 of the rest.
    assert [each.pinned for each in kept(layers, (100.0, 0.0), 10.0) if each] == [(90.0, 10.0), (0.0, 0.0)]
    # 195 bytes: 90 and 80, and half of what is left: of 10, 20 and 20 bytes.
    assert [each.pinned for each in kept(layers, (195.0, 0.0), 10.0) if each] == [(95.0, 90.0), (10.0, 0.0)]
    assert not any(each.streams for each in kept(layers, (220.0, 0.0), 10.0) if each)


def test_between_layers_with_weights_others_hide_blocks() -> None:
    # 10 s of weights behind 1 s of a layer with weights, 2 s and 3 s of layers without: waits 10 - 6; the first waits
    # for 5 s behind 4 s of the last one.
    layers = [
        Laden(1.0, 50.0, 1, False),
        Laden(2.0, 0.0, 1, False),
        Laden(3.0, 0.0, 1, False),
        Laden(4.0, 100.0, 1, False),
    ]
    assert waits_s(layers, 10.0) == [(1.0, 0.0), (0.0, 0.0), (0.0, 0.0), (4.0, 0.0)]


def test_the_path_is_as_long_as_the_run() -> None:
    chain = [
        stage(0, [layer(4, streamed=(10, 30), blocks=4)], load=20, forwards={1: link(5)}),
        stage(1, [layer(3, pinned=(20, 0))], store=30, overlaps=False),
    ]
    for machine in (Machine(), made_of(dma_channels=1), made_of(discipline="packets", packet_bytes=3)):
        draft, made = played([chain, chain], 3, machine)
        spent = bounds(draft.laid_out(), draft.resources, made, FLOOR.kinds)
        assert sum(each.seconds for each in spent) == pytest.approx(max(made.end_s), rel=1e-12)
        assert all(each.seconds > 0 for each in spent)


def test_the_ladder_ends_with_the_formulas() -> None:
    steps = [machine for _, machine in ladder(Machine())]
    assert len(steps) == len(LADDER)
    last = steps[-1]
    assert (last.contention, last.turns, last.order) == (FORMULA.contention, FORMULA.turns, FORMULA.order)


def test_fields_are_set_by_words() -> None:
    assert changed(Machine(), ["latency=each", "dma-channels=2", "prefetch=true"]) == made_of(
        latency="each", dma_channels=2, prefetch=True
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("latncy=each", "machine: 'latncy=each' sets no field; did you mean 'latency'?"),
        ("latency", "machine: 'latency' sets no field; write FIELD=VALUE"),
        ("latency=twice", "machine: latency='twice' is none of its values; known: once, each"),
        ("prefetch=1", "machine: prefetch='1' is not true or false"),
        ("dma_channels=-1", "machine: dma_channels='-1' is not a whole number of at least 0"),
        ("packet_bytes=0", "machine: packet_bytes=0 is not a whole number of at least 1"),
    ],
)
def test_a_wrong_field_is_one_message(setting: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        changed(Machine(), [setting])
    assert str(error.value) == message


def test_the_page_has_every_field() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text()
    assert [each.name for each in fields(Machine) if f"`{each.name}`" not in page] == []


def test_no_transfer_of_no_bytes() -> None:
    assert dram(0) is None
