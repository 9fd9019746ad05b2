"""When operations start and end (docs/simulation.md, "The engine"); `kernels` plays them."""

from __future__ import annotations

from collections.abc import Sequence

from chipweave.simulation.kernels.clock import ENDED, clock_for
from chipweave.simulation.kernels.fluid import flows_for
from chipweave.simulation.kernels.packets import heads_for
from chipweave.simulation.kernels.play import play
from chipweave.simulation.kernels.problem import Operations, account_for, columns_of, ways_of
from chipweave.simulation.operations import DEFAULT_PACKETS, Discipline, Operation, Packets, Resources, Run


def run(
    operations: Sequence[Operation] | Operations,
    resources: Resources,
    discipline: Discipline,
    packets: Packets = DEFAULT_PACKETS,
) -> Run:
    """When every operation starts and ends.

    Raises:
        ValueError: operations wait for each other in a circle.
    """
    columns = operations if isinstance(operations, Operations) else columns_of(operations)
    count, many = len(columns.seconds), len(resources.bytes_s)
    fluid = discipline is Discipline.FLUID
    clock = clock_for(columns, resources.channels)
    account = account_for(clock.start_s, many)
    flows = flows_for(count if fluid else 0, many)
    heads = heads_for(columns, packets, 0 if fluid else many)
    play(columns, ways_of(resources), fluid, flows, heads, clock, account)
    ended = int(clock.counts[ENDED])
    if ended < count:
        raise ValueError(f"{count - ended} of {count} operations wait for each other in a circle")
    events = ended + int(account.events[0])
    return Run(clock.ready_s, clock.start_s, clock.end_s, account.waited_s, account.held_by, events)
