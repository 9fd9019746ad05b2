"""Supporting lines: what a second and a joule of every schedule come to at least, and what follows for an objective.

docs/proof.md has the proofs. A line says that latency * L + joule * E >= value for the seconds L and joules E of
every schedule of a space; several lines leave a region of the plane, and an objective is at least its least value
there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from threading import Event

import numpy as np

from chipweave.evaluation.bound import lower_bound, unavoidable_dram_bytes
from chipweave.evaluation.by_length import fineness, fronts_of, reference_of
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.floors import Floors, floors_of, gather
from chipweave.evaluation.line_by_length import MOST_OF_DRAM, Ground, line_by_length
from chipweave.evaluation.pipelines import affordable, cheapest_way, ground_of, soon_done
from chipweave.evaluation.planes import Patience, Plan, best_prices
from chipweave.evaluation.priced import ROUNDING, Priced, priced
from chipweave.evaluation.tables.cheapest import Found, Prices
from chipweave.ndarrays import Floats
from chipweave.plan.certificate import Certificate, Line, Proof, Space
from chipweave.plan.objective import NAMED, Objective, slopes

MOST_LINES, CLOSE = 12, 1e-3
"""Lines that are looked for, and the relative gain below which no further one is."""

MOST_BY_LENGTH = 4
"""Lines by prices of windows by length, at most: each takes some seconds."""

PIECES = 4000
"""Into so many pieces the region's edge is cut for objectives of the user's own."""


def _made(things: Priced, weights: tuple[float, float], value: float, prices: Floats, pipelines: bool) -> Line:
    """The line that these prices prove."""
    classes = things.classes
    chiplet, dram, chain = prices[:classes], float(prices[classes]), prices[classes + 1 :]
    value *= 1 - ROUNDING
    return Line(*weights, value, tuple(map(float, chiplet)), dram, tuple(map(float, chain)), pipelines)


def line(ready: Prepared, space: Space, latency: float, joule: float) -> Line:
    """The highest line with these weights, by the best prices."""
    floors = [floors_of(ready, task, space) for task in range(len(ready.tasks))]
    things = priced(ready, latency, joule)

    def oracle(prices: Floats) -> list[Plan]:
        return [_plan(ready, floors[task], task, things, prices, joule) for task in range(len(floors))]

    value, prices = best_prices(things.supply, things.worth, oracle, things.even)
    return _made(things, (latency, joule), value, prices, False)


def _plan(ready: Prepared, floors: Floors, task: int, things: Priced, prices: Floats, joule: float) -> Plan:
    """What a task takes where every layer runs as is cheapest: chiplet-seconds by class, DRAM seconds, and seconds."""
    classes = things.classes
    chiplet = prices[:classes]
    value, chosen = floors.cheapest(chiplet, things.own(task, prices), joule)
    bytes_ = unavoidable_dram_bytes(ready.tasks[task])
    dram_s = bytes_ / ready.rates.dram_bytes_s
    taken = np.zeros(len(prices))
    busy_s = np.maximum(0.0, floors.busy_s[:, chosen] + floors.more_s[chosen][:, None])
    each = chiplet[:, None, None] * busy_s + joule * floors.joules[:, chosen]
    on = each.argmin(axis=0)  # [layer, kind] the class that pays least
    for c in range(classes):
        busy = np.where(on == c, busy_s[c], 0.0)
        taken[c] = float((floors.mult[:, None] * floors.count[chosen] * busy).sum())
    taken[classes + 1 :] = things.of_chains(task, float(floors.mult @ floors.pass_s[chosen]))
    if ready.detailed:
        taken[classes] = dram_s
        dram = float(prices[classes])
    else:  # a stage pays for its own transfers, with one chiplet at least
        taken[int(np.argmin(chiplet))] += dram_s
        dram = float(chiplet.min())
    whole = value + joule * bytes_ * ready.rates.dram_j + dram * dram_s
    return Plan(taken, whole - float(prices @ taken))


Told = Callable[[Sequence[Line]], None]
"""Hears of the lines so far whenever there is one more."""


def _silent(lines: Sequence[Line]) -> None: ...


def lines_for(
    ready: Prepared,
    space: Space,
    objective: Objective,
    enough: Callable[[], bool] = lambda: False,
    told: Told = _silent,
) -> tuple[Line, ...]:
    """Lines that raise what they say of the objective, until no further one does; at most `MOST_LINES`. None at all
    where time is over before what they need is costed.

    They hold by what single layers take; `lines_of_pipelines` add to them."""
    for task in range(len(ready.tasks)):
        if not gather(ready, task, space, enough):
            return ()

    def make(latency: float, joule: float) -> Line:
        return line(ready, space, latency, joule)

    last = 2 if space.on_regions else 1  # what one line there leaves may be cut off at another corner by the next
    return _raised(ready, space, objective, [make(1.0, 0.0), make(0.0, 1.0)], make, (enough, told), last=last)


def _raised(
    ready: Prepared,
    space: Space,
    objective: Objective,
    first: Sequence[Line],
    make: Callable[[float, float], Line],
    asked: tuple[Callable[[], bool], Told],
    more: int = MOST_LINES - 2,
    last: int = 1,
) -> tuple[Line, ...]:
    """The first lines, and some more of them with the weights with which they say most of the objective, until the last
    ones together gain little."""
    enough, told = asked
    told(first)
    found, most = list(first), len(first) + more
    values: list[float] = []
    value, at = least(objective, found)
    while len(found) < most and not enough():
        if min(at) <= 0:  # what blocks may take less can leave lines that say nothing; the plain bound does
            plain = lower_bound(ready, objective, space.on_regions, space is Space.SUMS)
            at = plain.latency_s, plain.energy_j
        weights = _slope(objective, *at)
        if weights is None:
            break
        found.append(make(*weights))
        told(found)
        values.append(value)
        value, at = least(objective, found)
        before = values[-last:][0]
        if value <= before + CLOSE * abs(before) and len(values) > 1:
            break
    return tuple(found)


def lines_of_pipelines(
    ready: Prepared,
    objective: Objective,
    jobs: int = 1,
    enough: Callable[[], bool] = lambda: False,
    told: Told = _silent,
    beside: Event | None = None,
) -> tuple[Line, ...]:
    """As `lines_for` of schedules with one chiplet a stage, and lines that hold by what whole pipelines take, where
    these can be gone through: they say more, and take longer. The same on any number of jobs.

    Args:
        beside: until it is set, one of the jobs is left to what goes on beside.
    """
    found = ready.once(lines_of_layers, objective)
    if not affordable(ready):
        return found
    known: list[list[tuple[Floats, float]]] = []
    with ThreadPoolExecutor(jobs) as pool:
        if beside is not None:
            pool.submit(beside.wait)
        list(pool.map(lambda task: enough() or ready.once(ground_of, task), range(len(ready.tasks))))
        if enough():
            return found

        def make(latency: float, joule: float) -> Line:
            return _line_of_pipelines(ready, (latency, joule), known, pool, enough)

        asked = enough, told
        if _by_length(ready, objective, found):
            if soon_done(ready):  # a line by the same prices for all windows says where to look for further ones
                found = _raised(ready, Space.ONE_CHIPLET, objective, found, make, asked, 1)
            return found if enough() else _lines_by_length(ready, objective, found, (make, pool), asked)
        for weights in ((1.0, 0.0), (0.0, 1.0)):
            if not enough():
                found = (*found, make(*weights))
        return _raised(ready, Space.ONE_CHIPLET, objective, found, make, asked)


def _by_length(ready: Prepared, objective: Objective, found: Sequence[Line]) -> bool:
    """Whether lines by the windows' lengths can follow on these lines: fronts can be made, the objective has a slope
    where these leave it, and the DRAM does not have most of the worth, since then they say no more."""
    at = least(objective, found)[1]
    weights = _slope(objective, *at) if min(at) > 0 else None
    if weights is None or ready.once(fineness) is None or min(each.value for each in found) <= 0:
        return False
    return found[-1].dram <= MOST_OF_DRAM * priced(ready, *weights).worth


def lines_of_layers(ready: Prepared, objective: Objective) -> tuple[Line, ...]:
    """`lines_for` of schedules with one chiplet a stage, which take seconds at most."""
    return lines_for(ready, Space.ONE_CHIPLET, objective)


def _line_of_pipelines(
    ready: Prepared,
    weights: tuple[float, float],
    known: list[list[tuple[Floats, float]]],
    pool: ThreadPoolExecutor,
    enough: Callable[[], bool],
) -> Line:
    """The line with these weights by the best prices that were found with rough ranges of paces, and what it says with
    fine ones.

    Args:
        known: what plans met before take, and their joules.
    """
    things, joule = priced(ready, *weights), weights[1]
    bytes_s = ready.rates.dram_bytes_s if ready.detailed else math.inf  # in `paper` the DRAM is not shared

    def ways(prices: Floats, fine: bool) -> list[Found]:
        byte = float(prices[things.classes]) / bytes_s

        def way(task: int) -> Found:
            asked = Prices(prices[: things.classes], things.own(task, prices), byte, joule)
            return cheapest_way(ready, task, asked, fine)

        return list(pool.map(way, range(len(ready.tasks))))

    def plans(met: Sequence[tuple[Floats, float]]) -> list[Plan]:
        return [Plan(taken, joule * energy_j) for taken, energy_j in met]

    def oracle(prices: Floats) -> list[Plan]:
        met = []
        for task, each in enumerate(ways(prices, False)):
            own = things.of_chains(task, each.own_s)
            met.append((np.array([*each.chiplet_s, each.dram_bytes / bytes_s, *own]), each.energy_j))
        known.append(met)
        return plans(met)

    patience = Patience(CLOSE, enough=enough)
    _, prices = best_prices(things.supply, things.worth, oracle, things.even, [*map(plans, known)], patience)
    return _made(things, weights, sum(each.paid for each in ways(prices, True)), prices, True)


def _lines_by_length(
    ready: Prepared,
    objective: Objective,
    found: tuple[Line, ...],
    means: tuple[Callable[[float, float], Line], ThreadPoolExecutor],
    asked: tuple[Callable[[], bool], Told],
) -> tuple[Line, ...]:
    """More lines, by prices that depend on how long a window is, where fronts of all pipelines can be made in time.

    Args:
        means: makes a line by the same prices for all windows, which is all there is where the DRAM has most of the
            worth; and threads.
    """
    # The first line by length says what those after it are told by.
    weights, (other, pool) = _slope(objective, *least(objective, found)[1]), means
    if weights is None:
        return found
    reference = reference_of(ready, found, weights[1], found[-1].dram)
    fronts = fronts_of(ready, reference, pool, asked[0])
    if fronts is None:
        return found
    ground = Ground(ready, fronts, [], [])

    def make(latency: float, joule: float) -> Line:
        made = line_by_length(ground, latency, joule, pool, asked[0])
        return other(latency, joule) if made is None else made

    return _raised(ready, Space.ONE_CHIPLET, objective, found, make, asked, MOST_BY_LENGTH)


def _slope(objective: Objective, latency_s: float, energy_j: float) -> tuple[float, float] | None:
    """The weights (1, joule) of the line that touches the objective's level at a point; None where it has no slope."""
    per_s, per_j = slopes(objective, latency_s, energy_j)
    if per_s <= 0 or per_j <= 0:
        return None
    return 1.0, per_j / per_s


def proven(
    ready: Prepared, objective: Objective, regions: bool, proof: Proof | None, sums: bool = False
) -> Certificate:
    """What is known of schedules on regions, or with one chiplet a stage: the lower bound, or a proof's if it is more.
    With `sums` of those on regions with layers that are `reduced`.

    A proof is taken at its word; `audit.faults_of_proof` checks it.
    """
    asked = Space.SUMS if sums else Space.REGIONS if regions else Space.ONE_CHIPLET
    space = asked if proof is None or asked.holds(proof.of) else proof.of
    bound = lower_bound(ready, objective, space.on_regions, space is Space.SUMS)
    if proof is None or not proof.of.holds(asked):
        return bound
    value = least(objective, proof.lines)[0]
    corners = corners_of(proof.lines)
    return replace(
        bound,
        by=proof.by if value > bound.value else bound.by,
        value=max(value, bound.value),
        latency_s=max(bound.latency_s, corners[0][0]),
        energy_j=max(bound.energy_j, corners[-1][1]),
        lines=proof.lines,
    )


def least(objective: Objective, lines: Sequence[Line]) -> tuple[float, tuple[float, float]]:
    """The objective's least value over the region above the lines, and about where it is.

    The region's edge falls from corner to corner. Latency, energy and their product are quasi-concave, so they are
    least at a corner. Of other objectives each piece of the edge is taken at its least latency and its least energy:
    they do not fall when either rises, so that is never too much.
    """
    corners = corners_of(lines)
    if objective.name in NAMED or len(corners) == 1:
        return min((_at(objective, *corner), corner) for corner in corners)
    found = []
    for (left_s, left_j), (right_s, right_j) in pairwise(corners):
        at = np.linspace(0.0, 1.0, max(2, PIECES // len(corners)))
        seconds, joules = left_s + at * (right_s - left_s), left_j + at * (right_j - left_j)
        points = zip(seconds[:-1].tolist(), joules[1:].tolist(), strict=True)
        found += [(_at(objective, *point), point) for point in points]
    return min(found)


def _at(objective: Objective, latency_s: float, energy_j: float) -> float:
    """The objective at a point; nothing is known of where a line says only that latency or energy is not below 0."""
    return objective(latency_s, energy_j) if min(latency_s, energy_j) > 0 else -math.inf


def corners_of(lines: Sequence[Line]) -> list[tuple[float, float]]:
    """Corners (latency_s, energy_j) of the region above the lines, from least latency to least energy."""
    least_j = max((0.0, *(each.value / each.joule for each in lines if each.latency == 0)))
    slanted = [each for each in lines if each.latency > 0]

    def edge_s(energy_j: float) -> float:
        return max((each.value - each.joule * energy_j) / each.latency for each in slanted)

    least_s = max((each.value / each.latency for each in slanted if each.joule == 0), default=0.0)
    joules = {least_j}
    for one in slanted:
        if one.joule > 0:
            joules.add((one.value - one.latency * least_s) / one.joule)
        for other in slanted:
            slope = one.joule / one.latency - other.joule / other.latency
            if slope > 0:
                joules.add((one.value / one.latency - other.value / other.latency) / slope)
    corners = [(max(least_s, edge_s(each)), each) for each in joules if each >= least_j and math.isfinite(each)]
    kept: list[tuple[float, float]] = []
    for corner in sorted(corners, key=lambda each: (each[0], each[1])):
        if not kept or corner[1] < kept[-1][1]:
            kept.append(corner)
    return kept
