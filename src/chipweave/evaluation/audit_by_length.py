"""What tasks pay under prices that depend on how long a window is: found again from what stages take at least, for the
checker of proofs (docs/proof.md, "Windows of unlike length").

This shares the tables of stages and the ranges of paces with whoever found the proof, and none of the arithmetic: it
goes forward from unit to unit, in double precision, through every micro-batch, range and stage, one at a time. It is
compiled, since these are some ten thousand million.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.by_length import Reference, lengths_near, paces_by_length, slopes_at
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.pipelines import ground_of
from chipweave.evaluation.tables.cheapest import NEVER, Paces, Tables
from chipweave.ndarrays import Bools, Floats, Ints
from chipweave.plan.certificate import ByLength, Line

NONE = -1
"""No chiplets yet."""


class Steps(NamedTuple):
    """Stages as steps from some chiplets, or `NONE`, to one more of a class; those to fewer chiplets first.

    Args:
        start: [chiplets] steps to these are from here on to the next ones'; a last entry is behind all.
        source, chiplet_class: [step] where it comes from, and of which class there is one more.
    """

    start: Ints
    source: Ints
    chiplet_class: Ints


class Slowest(NamedTuple):
    """A range of paces of the slowest stage: [class, v] the first unit with which a stage up to unit v - 1 is in it;
    and [slope] what the slowest stage pays."""

    reach: Ints
    joules: Floats


class Asked(NamedTuple):
    """Lines of the same slopes.

    Args:
        start_s: [line, range + 1] where ranges of lengths begin, and where the last one ends; a line with fewer ranges
            has empty ones behind it.
        second: [line, chiplets, range] what a second pays; joule: [line].
        slopes: [slope] joules a second; byte_j: joules a byte.
    """

    start_s: Floats
    second: Floats
    joule: Floats
    slopes: Floats
    byte_j: float


def least_paid_by_length(
    ready: Prepared,
    lines: Sequence[Line],
    prices: Sequence[ByLength],
    reference: Reference,
    chains: Sequence[Sequence[int]],
) -> list[float]:
    """What all tasks pay at least at each of some lines, where these chains of tasks have prices."""
    every = itertools.product(*(range(count + 1) for count in ready.package.class_counts))
    chiplets = [each for each in every if any(each)]
    steps, slopes, joule = _steps(chiplets), slopes_at(reference), np.array([each.joule for each in lines])
    start_s = np.full((len(lines), 1 + max(len(each.chiplet) for each in prices)), np.inf)
    for number, each in enumerate(prices):
        start_s[number, : len(each.chiplet)] = lengths_near(reference.latency_s, len(each.chiplet))

    def paid(task: int) -> Floats:
        second = np.zeros((len(lines), len(chiplets), start_s.shape[1] - 1))
        for number, each in enumerate(prices):
            for g, (of_class, of_chain) in enumerate(zip(each.chiplet, each.chain, strict=True)):
                own = sum(price for price, chain in zip(of_chain, chains, strict=True) if task in chain)
                second[number, :, g] = own + np.array(chiplets) @ of_class
        tables, paces = ready.once(ground_of, task).tables, ready.once(paces_by_length, task)
        return _least_paid(tables, paces, steps, Asked(start_s, second, joule, *slopes))

    with ThreadPoolExecutor(min(2, len(ready.tasks))) as pool:
        found = list(pool.map(paid, range(len(ready.tasks))))
    return [float(sum(each)) for each in zip(*found, strict=True)]


def _steps(chiplets: Sequence[tuple[int, ...]]) -> Steps:
    """Steps to all these chiplets."""
    number = {each: at for at, each in enumerate(chiplets)} | {(0,) * len(chiplets[0]): NONE}
    start, made = [0], []
    for each in chiplets:
        made += [(number[(*each[:c], each[c] - 1, *each[c + 1 :])], c) for c in range(len(each)) if each[c] > 0]
        start.append(len(made))
    sources, classes = zip(*made, strict=True)
    return Steps(*(np.array(each, dtype=np.int64) for each in (start, sources, classes)))


@kernel(nogil=True)
def _least_paid(stages: Tables, paces: Paces, steps: Steps, asked: Asked) -> Floats:
    """[line] what the cheapest way through all units pays."""
    units, shapes, slopes = stages.first_s.shape[-1], asked.second.shape[1], len(asked.slopes)
    best = np.full((len(asked.joule), units + 1), np.inf)
    best[:, 0] = 0.0
    on, done, free = np.zeros((3, shapes, units + 1, slopes))
    wanted, last = np.ones((2, shapes), np.bool_), paces.floor.shape[1] - 1
    for u in range(units):
        done[:] = NEVER
        for m in range(stages.first_s.shape[0]):
            _of_one_stage(stages, paces, steps, asked, (m, u), done)
            free[:], wanted[:] = NEVER, True
            _from(stages, Slowest(paces.reach[m, last], np.zeros(slopes)), steps, asked, (m, u), wanted, on, free)
            done[:] = np.minimum(done, free + asked.slopes * paces.times[m] * paces.floor[m, last])
            for r in range(last):
                slowest = Slowest(paces.reach[m, r], asked.slopes * paces.times[m] * paces.floor[m, r])
                if not _find_wanted(steps, slowest.joules, u, free, done, wanted):
                    break
                _from(stages, slowest, steps, asked, (m, u), wanted, on, done)
        for number in range(len(asked.joule)):
            for v in range(u + 1, units + 1):
                for shape in range(shapes):
                    if done[shape, v, 0] < 0.5 * NEVER:
                        least = best[number, v] - best[number, u]
                        best[number, v] = best[number, u] + _paid(asked, number, shape, done[shape, v], least)
    return best[:, units]


@inner()
def _find_wanted(steps: Steps, paces_j: Floats, u: int, free: Floats, done: Floats, wanted: Bools) -> bool:
    """Whether pipelines may be cheaper than all so far whose slowest stage pays at least so much for each slope, since
    they are even where it pays nothing; [0 and 1, chiplets] on which chiplets, to go on and to be done."""
    wanted[:] = False
    for target in range(len(free)):
        for v in range(u + 1, free.shape[1]):
            for k in range(len(paces_j)):
                if free[target, v, k] + paces_j[k] < done[target, v, k]:
                    wanted[1, target] = True
    for target in range(len(free) - 1, -1, -1):
        for step in range(steps.start[target], steps.start[target + 1]):
            if steps.source[step] != NONE and (wanted[0, target] or wanted[1, target]):
                wanted[0, steps.source[step]] = True
    return bool(wanted[1].any())


@inner()
def _of_one_stage(stages: Tables, paces: Paces, steps: Steps, asked: Asked, at: tuple[int, int], done: Floats) -> None:
    """Take pipelines of one stage from unit u on, whose pace is known."""
    m, u = at
    for target in range(len(done)):
        for step in range(steps.start[target], steps.start[target + 1]):
            if steps.source[step] == NONE:
                for v in range(u + 1, done.shape[1]):
                    here = m, 3, steps.chiplet_class[step], v - 1, u
                    apart = stages.energy_j[here] + asked.byte_j * stages.dram_bytes[here]
                    if apart < 0.5 * NEVER:
                        seconds = stages.first_s[here] + paces.times[m] * stages.pace_s[here]
                        for k in range(len(asked.slopes)):
                            done[target, v, k] = min(done[target, v, k], apart + asked.slopes[k] * seconds)


@inner()
def _from(
    stages: Tables,
    slowest: Slowest,
    steps: Steps,
    asked: Asked,
    at: tuple[int, int],
    wanted: Bools,
    on: Floats,
    done: Floats,
) -> None:
    """[chiplets, end, slope] the least of pipelines of two stages and more from unit u on at a micro-batch: of those
    that go on behind `end`, and of those that are done; on chiplets on which they are wanted.

    Args:
        at: micro-batch, u.
    """
    (m, u), none = at, np.zeros(len(asked.slopes))
    on[:, u:] = NEVER
    for target in range(len(on)):
        if wanted[0, target] or wanted[1, target]:
            for v in range(u + 1, on.shape[1]):
                for step in range(steps.start[target], steps.start[target + 1]):
                    source, c = steps.source[step], steps.chiplet_class[step]
                    first = slowest.reach[c, v]
                    if source == NONE and first <= u:
                        _take(stages, asked, (m, 1, c, v - 1, u), none, none, on[target, v])
                    for w in range(v if source == NONE else max(u + 1, first), v):
                        if on[source, w, 0] < 0.5 * NEVER:
                            _take(stages, asked, (m, 0, c, v - 1, w), on[source, w], none, on[target, v])
                            _take(stages, asked, (m, 2, c, v - 1, w), on[source, w], slowest.joules, done[target, v])


@inner()
def _take(
    stages: Tables, asked: Asked, at: tuple[int, int, int, int, int], before: Floats, more: Floats, least: Floats
) -> None:
    """Take a stage behind others where that is less, by slope: what these pay, the stage, and some more."""
    apart = stages.energy_j[at] + asked.byte_j * stages.dram_bytes[at]
    if apart < 0.5 * NEVER:
        for k in range(len(least)):
            least[k] = min(least[k], before[k] + apart + asked.slopes[k] * stages.first_s[at] + more[k])


@inner()
def _paid(asked: Asked, number: int, shape: int, joules: Floats, most: float) -> float:
    """What a pipeline pays whose joules are at least those of all slopes: in a window of the range, and as long as the
    pipeline, where that is least; `most` if it is more."""
    least, joule = most, asked.joule[number]
    for g in range(asked.second.shape[2]):
        low_s, high_s, second = asked.start_s[number, g], asked.start_s[number, g + 1], asked.second[number, shape, g]
        if low_s == np.inf or second * low_s + joule * joules[0] >= least:
            continue
        # Seconds and joules together are least at an end of the range, or where two slopes say the same.
        for k in range(-2, len(joules) - 1):
            seconds = low_s if k == -2 else high_s
            if k >= 0:
                seconds = (joules[k + 1] - joules[k]) / (asked.slopes[k + 1] - asked.slopes[k])
                seconds = min(high_s, max(low_s, seconds))
            if seconds < np.inf:
                energy_j = joules[0]
                for other in range(1, len(joules)):
                    energy_j = max(energy_j, joules[other] - asked.slopes[other] * seconds)
                least = min(least, second * seconds + joule * energy_j)
    return float(least)
