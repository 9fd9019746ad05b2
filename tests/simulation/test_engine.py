"""The engine, by hand: when operations end, with the arithmetic."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from chipweave.simulation.engine import run
from chipweave.simulation.operations import Discipline, Operation, Packets, Resources

FLUID, PACKETS = Discipline.FLUID, Discipline.PACKETS
ONE = Resources((10.0,), (((0, 1.0),),))


def ends(
    operations: list[Operation], resources: Resources, discipline: Discipline = FLUID, *packets: int
) -> list[float]:
    return run(operations, resources, discipline, Packets(*packets)).end_s.tolist()


@pytest.mark.parametrize("discipline", list(Discipline))
def test_a_transfer_alone_takes_its_bytes_and_behind_them_its_latency(discipline: Discipline) -> None:
    assert ends([Operation(2.0, 100.0, 0)], ONE, discipline, 7) == pytest.approx([100 / 10 + 2])


def test_two_equal_transfers_take_twice_as_long() -> None:
    assert ends([Operation(0, 20.0, 0), Operation(0, 20.0, 0)], ONE) == [4.0, 4.0]


def test_of_two_unequal_transfers_the_longer_one_speeds_up() -> None:
    # 5 bytes/s each: the first is through at 2; then 20 bytes of the second are left, at 10 bytes/s.
    assert ends([Operation(0, 10.0, 0), Operation(0, 30.0, 0)], ONE) == [2.0, 4.0]


def test_a_transfer_that_begins_later_slows_the_first_one_down() -> None:
    # From 1 on 5 bytes/s each, 20 of the first are left; the second is through at 3, 10 of the first left: 1 s more.
    assert ends([Operation(0, 30.0, 0), Operation(1.0), Operation(0, 10.0, 0, after=(1,))], ONE) == [4.0, 1.0, 3.0]


def test_what_one_cannot_use_goes_to_another() -> None:
    # Resource 1 gives 4 / 2 = 2 to the first and the third; the second has the 10 - 2 = 8 that the first leaves.
    resources = Resources((10.0, 4.0), (((0, 1.0), (1, 1.0)), ((0, 1.0),), ((1, 1.0),)))
    operations = [Operation(0, 2.0, 0), Operation(0, 8.0, 1), Operation(0, 2.0, 2)]
    assert ends(operations, resources) == [1.0, 1.0, 1.0]


def test_a_tree_is_held_by_its_narrowest_part() -> None:
    # Half of the bytes cross resource 1 of 2 bytes/s: 4 bytes/s of the whole.
    resources = Resources((10.0, 2.0), (((0, 1.0), (1, 0.5)),))
    made = run([Operation(0, 8.0, 0)], resources, FLUID)
    assert (made.end_s.tolist(), made.waited_s.tolist()) == ([2.0], [0.0, 0.0])


def test_latency_uses_nothing() -> None:
    # Both move 10 bytes in 2 s; the second waits out its latency until 7, while the third has the DRAM alone.
    operations = [Operation(0, 10.0, 0), Operation(5.0, 10.0, 0), Operation(0, 10.0, 0, after=(0,))]
    assert ends(operations, ONE) == [2.0, 7.0, 3.0]


def test_what_sharing_costs_is_put_down_to_the_resource() -> None:
    # Two halves of the rate for 2 s each: 1 s lost by each.
    made = run([Operation(0, 10.0, 0), Operation(0, 10.0, 0)], ONE, FLUID)
    assert made.waited_s.tolist() == [2.0]
    assert made.held_by.tolist() == [0, 0]


def test_channels_go_to_who_was_ready_first() -> None:
    # Operation 3 is ready at 1 and operation 0 at 2: with one channel, held by 2 until 4, 3 runs first.
    resources = Resources((10.0,), ONE.routes, (1,))
    operations = [
        Operation(3.0, after=(1,), channels=0),
        Operation(2.0),
        Operation(4.0, channels=0),
        Operation(5.0, after=(4,), channels=0),
        Operation(1.0),
    ]
    made = run(operations, resources, FLUID)
    assert made.ready_s[0] == 2.0
    assert made.start_s[3] == 4.0
    assert made.end_s.tolist() == [4 + 5 + 3, 2.0, 4.0, 4 + 5, 1.0]


def test_room_is_waited_for_as_anything_else() -> None:
    assert ends([Operation(1.0, after=(2,), room=(1,)), Operation(3.0), Operation(2.0)], ONE) == [4.0, 3.0, 2.0]


def test_a_circle_is_a_fault() -> None:
    with pytest.raises(ValueError, match="2 of 3 operations wait for each other"):
        ends([Operation(1.0, after=(1,)), Operation(1.0, room=(0,)), Operation(1.0)], ONE)


def test_packets_of_two_transfers_take_turns() -> None:
    # Packets of 10 bytes, 1 s each, one of each transfer on its way: A, B, A, B.
    operations = [Operation(0, 20.0, 0), Operation(0, 20.0, 0)]
    assert ends(operations, ONE, PACKETS, 10, 1) == [3.0, 4.0]


def test_with_two_packets_on_their_way_the_first_transfer_goes_first() -> None:
    # Both packets of A are there before those of B: A, A, B, B.
    operations = [Operation(0, 20.0, 0), Operation(0, 20.0, 0)]
    assert ends(operations, ONE, PACKETS, 10, 2) == [2.0, 4.0]


@pytest.mark.parametrize("path", [((0, 1.0), (1, 1.0)), ((1, 1.0), (0, 1.0))])
def test_a_packet_does_not_wait_for_its_tail(path: tuple[tuple[int, float], ...]) -> None:
    # 10 bytes at 10 and at 5 bytes/s take 2 s, not 3, whichever comes first.
    assert ends([Operation(0, 10.0, 0)], Resources((10.0, 5.0), (path,)), PACKETS, 10) == [2.0]


def test_a_packet_that_waits_holds_up_nobody_where_it_came_from() -> None:
    # A (10 bytes) has resource 1 for 2 s. B's head comes there at 0 and waits until 2, passes at 4; it leaves resource
    # 0 after 1 s, so that C, which needs resource 0 alone, runs from 1 to 2.
    resources = Resources((10.0, 5.0), (((1, 1.0),), ((0, 1.0), (1, 1.0)), ((0, 1.0),)))
    made = run([Operation(0, 10.0, 0), Operation(0, 10.0, 1), Operation(0, 10.0, 2)], resources, PACKETS, Packets(10))
    assert made.end_s.tolist() == [2.0, 4.0, 2.0]
    assert made.waited_s.tolist() == [1.0, 2.0]  # C for B at resource 0, B for A at resource 1


def test_the_last_packet_is_short() -> None:
    # 25 bytes in packets of 10, 10 and 5: 2.5 s; the one-byte transfer is served behind the first two.
    operations = [Operation(0, 25.0, 0), Operation(0, 1.0, 0)]
    assert ends(operations, ONE, PACKETS, 10, 2) == pytest.approx([2.6, 2.1])


@pytest.mark.parametrize(
    ("discipline", "spread", "mean_s"),
    # At a load of 0.5, in units of the service: M/D/1 1 + 0.5 / (2 * 0.5); shared fairly 1 / (1 - 0.5), whatever the
    # sizes.
    [(PACKETS, False, 1.5), (FLUID, False, 2.0), (FLUID, True, 2.0)],
)
def test_queues_are_as_theory_has_them(discipline: Discipline, spread: bool, mean_s: float) -> None:
    rng = random.Random(1)
    operations: list[Operation] = []
    for _ in range(40_000):
        before = (len(operations) - 2,) if operations else ()
        operations.append(Operation(rng.expovariate(0.5), after=before))
        size = (5.5 if rng.random() < 0.1 else 0.5) if spread else 1.0
        operations.append(Operation(0.0, 10 * size, 0, after=(len(operations) - 1,)))
    made = run(operations, ONE, discipline, Packets(1000, 1))
    took = [made.end_s[number] - made.start_s[number] for number in range(1, len(operations), 2)]
    assert fmean(took) == pytest.approx(mean_s, rel=0.03)


def test_same_input_same_answer() -> None:
    operations = [Operation(0.1, 3.0 + number, 0, after=(number // 2,) if number else ()) for number in range(50)]
    for discipline in Discipline:
        assert ends(operations, ONE, discipline) == ends(operations, ONE, discipline)
