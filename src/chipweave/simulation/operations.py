"""What the engine is given and what it answers: operations in time on resources, without a word about schedules.

docs/simulation.md, "The engine", defines what these values mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from chipweave.ndarrays import Floats, Ints

NONE = -1
"""No route, no channels."""

Route = tuple[tuple[int, float], ...]
"""(resource, share) in the order in which a packet passes them: so large a share of a transfer's bytes crosses the
resource; the largest share is 1."""


class Discipline(StrEnum):
    """How transfers share resources: all at once in fair parts, or packet by packet, first come, first served."""

    FLUID = "fluid"
    PACKETS = "packets"


class Operation(NamedTuple):
    """One thing that takes time; its number is its place among all. (A tuple is made in a third of the time.)

    Args:
        seconds: of work, how long it takes; of a transfer, its latency, behind its last byte.
        bytes_: of a transfer, on the resource that carries most of it; 0 for work.
        route: number of the route that its bytes take; `NONE` for work.
        after: operations that must have ended.
        room: operations that must have ended, too, because they hold the room that this one needs. The engine makes no
            difference between the two; the account of what was waited for does.
        channels: number of the pool of channels of which it holds one from its start to its end; `NONE`: of none.
    """

    seconds: float = 0.0
    bytes_: float = 0.0
    route: int = NONE
    after: tuple[int, ...] = ()
    room: tuple[int, ...] = ()
    channels: int = NONE


@dataclass(frozen=True, slots=True)
class Resources:
    """What operations share.

    Args:
        bytes_s: per resource, bytes per second.
        routes: what transfers cross.
        channels: per pool, how many operations may hold a channel of it at once.
    """

    bytes_s: tuple[float, ...]
    routes: tuple[Route, ...]
    channels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Packets:
    """Size of a packet, and how many of one transfer may be on their way."""

    bytes_: float = 262_144.0
    in_flight: int = 2


DEFAULT_PACKETS = Packets()


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """When every operation was ready, started and ended, in seconds from 0, and what transfers waited for.

    Args:
        ready_s: all of `after` and `room` have ended; start_s: a channel is held, too; end_s: it has ended.
        waited_s: per resource, seconds by which transfers took longer because they shared it, all transfers together.
        held_by: per transfer, the resource that held it back last; `NONE` where none did.
        events: how often an operation ended, a flow began or a head was served.
    """

    ready_s: Floats
    start_s: Floats
    end_s: Floats
    waited_s: Floats
    held_by: Ints
    events: int
