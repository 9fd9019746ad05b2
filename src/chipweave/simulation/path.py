"""What the length of a simulated stretch is spent on: the critical path, backwards (docs/simulation.md, "Bound by")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chipweave.simulation.draft import What
from chipweave.simulation.operations import NONE, Operation, Resources, Run

OF_DRAM = frozenset({"pin", "stream", "again", "load", "store", "spill"})


@dataclass(frozen=True, slots=True)
class Bound:
    """Seconds of the critical path.

    Args:
        by: compute, dram, dram wait, link, link wait, room (at the reader) or channel.
        window, pipeline, stage: whose computing, or whose reader has no room; `NONE` for the others.
    """

    by: str
    window: int
    pipeline: int
    stage: int
    seconds: float


def bounds(
    operations: Sequence[Operation], whats: Sequence[What], resources: Resources, run: Run, kinds: Sequence[str]
) -> tuple[Bound, ...]:
    """What the longest stretch from the first to the last operation is spent on, longest first.

    Args:
        kinds: per resource, `dram` or another.
    """
    spent: dict[tuple[str, int, int, int], float] = {}
    for by, what, seconds in _steps(operations, whats, resources, run, kinds):
        own = by in ("compute", "room")
        stage = what.target if by == "room" else what.stage
        key = (by, what.window, what.pipeline, stage) if own else (by, NONE, NONE, NONE)
        spent[key] = spent.get(key, 0.0) + seconds
    found = (Bound(*key, seconds) for key, seconds in spent.items())
    return tuple(sorted(found, key=lambda each: (-each.seconds, each.by, each.pipeline, each.stage)))


def _steps(
    operations: Sequence[Operation], whats: Sequence[What], resources: Resources, run: Run, kinds: Sequence[str]
) -> Iterator[tuple[str, What, float]]:
    """Pieces of the path, the last one first; together they are as long as the run.

    From an operation the path goes on with what ended last of all that it waited for; from one that is sent to another
    stage with what it is sent behind, and the time until the reader had room is a piece of its own.
    """
    number = max(range(len(operations)), key=lambda each: (run.end_s[each], -each))
    at_s = run.end_s[number]
    while True:
        operation, what = operations[number], whats[number]
        start_s = run.start_s[number]
        for by, seconds in _inside(operation, what, resources, run, number, kinds):
            if seconds > 0.0:
                yield by, what, seconds
        if start_s > run.ready_s[number]:
            yield "channel", what, start_s - run.ready_s[number]
        at_s = run.ready_s[number]
        before = operation.after if what.kind == "forward" else (*operation.after, *operation.room)
        if not before:
            break
        number = max(before, key=lambda each: (run.end_s[each], -each))
        if run.end_s[number] < at_s:
            yield "room", what, at_s - run.end_s[number]


def _inside(
    operation: Operation, what: What, resources: Resources, run: Run, number: int, kinds: Sequence[str]
) -> list[tuple[str, float]]:
    """An operation's own time: moving, and moving more slowly than alone."""
    seconds = run.end_s[number] - run.start_s[number]
    if what.kind in ("compute", "window"):
        return [("compute", seconds)]
    name = "dram" if what.kind in OF_DRAM else "link"
    if not operation.bytes_:
        return [(name, seconds)]
    path = resources.routes[operation.route]
    alone_s = operation.seconds + operation.bytes_ / min(resources.bytes_s[each] / share for each, share in path)
    held = run.held_by[number]
    wait = "dram wait" if held != NONE and kinds[held] in ("dram", "interface") else "link wait"
    return [(name, min(seconds, alone_s)), (wait, seconds - alone_s)]
