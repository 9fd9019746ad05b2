"""A second engine, written from the definition in docs/simulation.md alone, to compare the engine with.

It shares nothing with the engine but the values of `operations.py`. Operations, transfers and packets are processes of
SimPy; `_run_to_the_end` lays down what comes first within one moment. All numbers are fractions, so that two things
happen at the same moment exactly when the definition says so, and not when rounding does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush
from math import ceil, inf
from typing import cast

import simpy

from chipweave.simulation.operations import NONE, Discipline, Operation, Packets, Resources

Steps = Generator[simpy.Event, object, None]
"""What a process of SimPy is: it yields the events that it waits for."""
ExactRoute = list[tuple[int, Fraction]]
"""(resource, share) in the order in which they are passed."""
Head = tuple[int, int, int]
"""(number of the operation, number of the packet, place on the route): who is served first at one moment."""


@dataclass(slots=True)
class Flow:
    """A transfer in the fluid discipline.

    Args:
        route: what it crosses.
        bytes_: that are left.
        passed: the event that they are none.
        bytes_s: its rate.
    """

    route: ExactRoute
    bytes_: Fraction
    passed: simpy.Event
    bytes_s: Fraction = Fraction(0)


@dataclass(slots=True)
class World:
    """What a run knows at one moment.

    Args:
        free_s: per resource, from when on it serves the next packet.
        channels: per pool, how many are free.
        missing: per operation, those that must still end before it is ready.
        begun: per operation, the event that it starts.
        waiting: (ready, number) of the operations that are ready and have not started.
        ended: operations that have ended at this moment, before the next round.
        heads: heads that have come at this moment, with the event that they are served.
        flows: transfers that have bytes left, in the fluid discipline.
        spans_s: the answer, per operation that has ended.
    """

    clock: simpy.Environment
    operations: Sequence[Operation]
    routes: list[ExactRoute]
    bytes_s: list[Fraction]
    discipline: Discipline
    packets: Packets
    free_s: list[Fraction]
    channels: list[int]
    missing: list[set[int]]
    begun: list[simpy.Event]
    waiting: list[tuple[Fraction, int]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    heads: list[tuple[Head, simpy.Event]] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    spans_s: dict[int, tuple[float, float]] = field(default_factory=dict)

    def now_s(self) -> Fraction:
        return cast(Fraction, self.clock.now)

    def later(self, seconds: Fraction) -> simpy.Timeout:
        """SimPy does nothing to times but add and compare them, so that fractions serve."""
        return self.clock.timeout(cast(float, seconds))


def run_twin(
    operations: Sequence[Operation], resources: Resources, discipline: Discipline, packets: Packets
) -> list[tuple[float, float]]:
    """When every operation starts and ends, in seconds."""
    clock = simpy.Environment(cast(float, Fraction(0)))
    world = World(
        clock=clock,
        operations=operations,
        routes=[[(resource, Fraction(share)) for resource, share in route] for route in resources.routes],
        bytes_s=[Fraction(bytes_s) for bytes_s in resources.bytes_s],
        discipline=discipline,
        packets=packets,
        free_s=[Fraction(0) for _ in resources.bytes_s],
        channels=list(resources.channels),
        missing=[{*operation.after, *operation.room} for operation in operations],
        begun=[clock.event() for _ in operations],
    )
    for number in range(len(operations)):
        clock.process(_operate(world, number))
    _make_ready(world, [number for number, missing in enumerate(world.missing) if not missing])
    _run_to_the_end(world)
    return [world.spans_s[number] for number in range(len(operations))]


def _run_to_the_end(world: World) -> None:
    """Within one moment: first the events of that moment, then a round, then one head, and after each from the top."""
    clock = world.clock
    while True:
        if clock.peek() == clock.now:
            clock.step()
        elif world.ended:
            _play_round(world)
        elif world.heads:
            heappop(world.heads)[1].succeed()
        elif clock.peek() == inf and not world.flows:
            return
        else:
            _move_on(world)


def _play_round(world: World) -> None:
    """What has ended gives back its channel and makes others ready; they start, as far as there are channels."""
    ended = set(world.ended)
    world.ended.clear()
    for number in ended:
        if world.operations[number].channels != NONE:
            world.channels[world.operations[number].channels] += 1
    hindered = [number for number, missing in enumerate(world.missing) if missing]
    for number in hindered:
        world.missing[number] -= ended
    _make_ready(world, [number for number in hindered if not world.missing[number]])


def _make_ready(world: World, numbers: Iterable[int]) -> None:
    """Those have become ready now; of all that are, those start that find a channel."""
    still_waiting = []
    for ready_s, number in sorted([*world.waiting, *((world.now_s(), number) for number in numbers)]):
        pool = world.operations[number].channels
        if pool != NONE and world.channels[pool] == 0:
            still_waiting.append((ready_s, number))
            continue
        if pool != NONE:
            world.channels[pool] -= 1
        world.begun[number].succeed()
    world.waiting = still_waiting


def _operate(world: World, number: int) -> Steps:
    """The life of one operation."""
    operation = world.operations[number]
    yield world.begun[number]
    start_s = world.now_s()
    if operation.bytes_ > 0:
        transfer = _flow if world.discipline is Discipline.FLUID else _send_packets
        yield world.clock.process(transfer(world, number))
    if operation.seconds > 0:
        yield world.later(Fraction(operation.seconds))
    world.spans_s[number] = (float(start_s), float(world.now_s()))
    world.ended.append(number)


def _send_packets(world: World, number: int) -> Steps:
    """All packets of a transfer: each sets out when the packet `in_flight` before it has passed its last resource."""
    left, most = Fraction(world.operations[number].bytes_), Fraction(world.packets.bytes_)
    in_flight = world.packets.in_flight
    on_their_way: list[simpy.Process] = []
    for packet in range(ceil(left / most)):
        if packet >= in_flight:
            yield on_their_way[packet - in_flight]
        bytes_ = min(left, most)
        left -= bytes_
        on_their_way.append(world.clock.process(_pass(world, number, packet, bytes_)))
    yield on_their_way[-1]


def _pass(world: World, number: int, packet: int, bytes_: Fraction) -> Steps:
    """One packet passes its route: its head waits to be served, then goes on to the next resource; its tail follows."""
    tail_s = world.now_s()
    for place, (resource, share) in enumerate(world.routes[world.operations[number].route]):
        served = world.clock.event()
        heappush(world.heads, ((number, packet, place), served))
        yield served
        begins_s = max(world.now_s(), world.free_s[resource])
        tail_s = max(begins_s + share * bytes_ / world.bytes_s[resource], tail_s)
        world.free_s[resource] = tail_s
        yield world.later(begins_s - world.now_s())
    yield world.later(tail_s - world.now_s())


def _flow(world: World, number: int) -> Steps:
    """A transfer in the fluid discipline; `_move_on` moves its bytes."""
    operation = world.operations[number]
    flow = Flow(world.routes[operation.route], Fraction(operation.bytes_), world.clock.event())
    world.flows.append(flow)
    yield flow.passed


def _move_on(world: World) -> None:
    """To the next moment: flows move at their rates until then."""
    if world.flows:
        _share_out(world.flows, world.bytes_s)
        world.later(min(flow.bytes_ / flow.bytes_s for flow in world.flows))
    left_s = world.now_s()
    world.clock.step()
    for flow in world.flows:
        flow.bytes_ -= flow.bytes_s * (world.now_s() - left_s)
        if flow.bytes_ == 0:
            flow.passed.succeed()
    world.flows = [flow for flow in world.flows if flow.bytes_ > 0]


def _share_out(flows: Sequence[Flow], bytes_s: Sequence[Fraction]) -> None:
    """Give flows their max-min fair rates: raise all by as much as the scarcest resource allows; who crosses it stays.

    A flow of rate r takes share * r of each resource of its route.
    """
    spare = dict(enumerate(bytes_s))
    rising = list(flows)
    for flow in flows:
        flow.bytes_s = Fraction(0)
    while rising:
        load: dict[int, Fraction] = {}
        for flow in rising:
            for resource, share in flow.route:
                load[resource] = load.get(resource, Fraction(0)) + share
        rise = min(spare[resource] / shares for resource, shares in load.items())
        for flow in rising:
            flow.bytes_s += rise
        for resource, shares in load.items():
            spare[resource] -= rise * shares
        rising = [flow for flow in rising if all(spare[resource] > 0 for resource, _ in flow.route)]
