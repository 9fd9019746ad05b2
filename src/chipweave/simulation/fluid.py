"""Transfers as fluid flows: all move at once, at max-min fair rates (docs/simulation.md, "Fluid")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import heappush
from typing import NamedTuple

from chipweave.simulation.operations import NONE, Operation, Resources

TIED = 1e-12
"""Flows of whose bytes no larger a part is left have ended: rounding must not part those that end together."""


class Share(NamedTuple):
    """What a flow has: its rate in bytes per second, the resource that holds it at that, and which part of its time is
    lost by sharing."""

    rate: float
    held_by: int
    lost: float


class Fluid:
    """The flows that have bytes left.

    Rates depend on the routes that are taken, and on nothing else: those of a set of routes are worked out once.
    """

    def __init__(self, operations: Sequence[Operation], resources: Resources) -> None:
        self.waited_s = [0.0] * len(resources.bytes_s)
        self.held_by = [NONE] * len(operations)
        self.events = 0
        self._operations, self._resources = operations, resources
        self._numbers: list[int] = []
        self._routes: list[int] = []
        self._left: list[float] = []
        self._shares: list[Share] = []
        self._lost: list[tuple[int, float]] = []
        self._changed = False
        self._at_s = self._first_s = self._next_s = 0.0
        self._known: dict[tuple[int, ...], tuple[dict[int, Share], list[tuple[int, float]]]] = {}

    def begin(self, number: int, now_s: float) -> None:
        self._advance(now_s)
        operation = self._operations[number]
        self._numbers.append(number)
        self._routes.append(operation.route)
        self._left.append(operation.bytes_)
        self._changed = True
        self.events += 1

    def move(self, ends: list[tuple[float, int]]) -> None:
        while self._numbers:
            if self._changed:
                self._share_out()
            if ends and ends[0][0] < self._next_s:
                return
            self._finish(ends)

    def _advance(self, now_s: float) -> None:
        """Bytes move at the rates that hold since the last change."""
        seconds = now_s - self._at_s
        if seconds > 0.0:
            self._left = [left - share.rate * seconds for left, share in zip(self._left, self._shares, strict=True)]
            for resource, lost in self._lost:
                self.waited_s[resource] += seconds * lost
        self._at_s = now_s

    def _share_out(self) -> None:
        """New rates, and when the first flow ends at them."""
        routes = tuple(sorted(self._routes))
        known = self._known.get(routes)
        if known is None:
            shares = max_min(Counter(routes), self._resources)
            lost: dict[int, float] = {}
            for route in routes:
                if shares[route].held_by != NONE:
                    lost[shares[route].held_by] = lost.get(shares[route].held_by, 0.0) + shares[route].lost
            known = self._known[routes] = shares, list(lost.items())
        by_route, self._lost = known
        self._shares = [by_route[route] for route in self._routes]
        if self._lost:
            for number, share in zip(self._numbers, self._shares, strict=True):
                if share.held_by != NONE:
                    self.held_by[number] = share.held_by
        self._first_s = max(0.0, min(left / share.rate for left, share in zip(self._left, self._shares, strict=True)))
        self._next_s = self._at_s + self._first_s
        self._changed = False

    def _finish(self, ends: list[tuple[float, int]]) -> None:
        """The flows that end next have ended."""
        first_s, operations = self._first_s, self._operations
        through = [
            left - share.rate * first_s <= TIED * operations[number].bytes_
            for number, left, share in zip(self._numbers, self._left, self._shares, strict=True)
        ]
        self._advance(self._next_s)
        for number, over in zip(self._numbers, through, strict=True):
            if over:
                heappush(ends, (self._next_s + operations[number].seconds, number))
        kept = [place for place, over in enumerate(through) if not over]
        self._numbers = [self._numbers[place] for place in kept]
        self._routes = [self._routes[place] for place in kept]
        self._left = [self._left[place] for place in kept]
        self._shares, self._lost, self._changed = [], [], True


def max_min(flows: Mapping[int, int], resources: Resources) -> dict[int, Share]:
    """Max-min fair rates: what each flow of a route has where so many flows take each route."""
    spare: dict[int, float] = {}
    wanted: dict[int, float] = {}
    crossing: dict[int, set[int]] = {}
    for route, count in flows.items():
        for resource, share in resources.routes[route]:
            spare[resource] = resources.bytes_s[resource]
            wanted[resource] = wanted.get(resource, 0.0) + count * share
            crossing.setdefault(resource, set()).add(route)
    found: dict[int, Share] = {}
    while len(found) < len(flows):
        rate, narrowest = min((spare[resource] / wanted[resource], resource) for resource in crossing)
        rate = max(0.0, rate)
        for route in sorted(crossing[narrowest]):
            path = resources.routes[route]
            alone = min(resources.bytes_s[resource] / share for resource, share in path)
            lost = max(0.0, 1.0 - rate / alone)
            found[route] = Share(rate, narrowest if lost > 0.0 else NONE, lost)
            for resource, share in path:
                spare[resource] -= flows[route] * share * rate
                wanted[resource] -= flows[route] * share
                crossing[resource].discard(route)
                if not crossing[resource]:
                    del crossing[resource]
    return found
