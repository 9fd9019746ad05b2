"""The least latency that the search's own tables allow: what the search is measured against; not a scheduler.

Under the tables (`tables.stage_tables`, here of every size of region and every length) a stage costs what its units and
the size of its region say; its partitions are those that the tables chose. A window of stages j then takes

    max(first + (b / b' - 1) * max over j of steady_j, DRAM bytes / DRAM bandwidth)
    first = max(sum of all fill_j, over j: resident of those before + ready_j + fill of those behind)

(`paper`: k instead of b / b') with fill, ready and steady as in `kernel.py`: what the first stage loads, the last
stores, and every other sends to the next is in them. Windows add up. The search keeps one candidate per unit and cap,
tries some sizes, some micro-batches and a grid of caps; here nothing is left out but by bounds:

- For a cap on steady times, a dynamic program from the back over (first unit, chiplets used) finds the least first. A
  transfer to the next stage depends on that stage's size and on what its largest part receives, so a state keeps every
  candidate that is not beaten in the sum of fill times, the time from when weights may come, size and receipt at once.
- With a lower cap first can only grow. Between caps a < b no window takes less than first(b) + (k - 1) a: intervals
  whose bound, with the bounds of all other windows around it, is not below what is found are dropped, others are halved
  (geometrically), until found and bound are within a tolerance.
- The greater of two is at least any mean of them: DRAM time joins the sum of fill times with the weights
  `DRAM_SHARES`, and the best bound of these counts. Where DRAM limits a window the mean may be below the greater; the
  bound then stays below what is found, and says so.

So found and bound enclose the optimum under the tables. These are estimates of the evaluator's and choose partitions
stage by stage: a schedule may be better when evaluated exactly, and what is found is to be evaluated exactly too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from chipweave.evaluation.law import micro_batches
from chipweave.evaluation.tables import regions_kernel as kernel
from chipweave.evaluation.tables.compiled_law import law
from chipweave.evaluation.tables.regions import Floats, Ground, Ints, UnitTables, line_of, stage_tables, unit_tables
from chipweave.evaluation.tables.regions_kernel import Line, forward_s
from chipweave.schedulers.draft import Draft, DraftStage, DraftWindow

DRAM_SHARES = np.array([0.0, 0.5, 1.0])
"""Weights of DRAM time in the means that are minimised."""
SHARE = 0.25
"""Of the intervals that are left, how many are halved before bounds are made anew."""


@dataclass(frozen=True)
class Reference:
    """The best schedule by the tables; evaluated exactly, its micro-batches may have to be lowered to fit L2.

    Args:
        latency_s: by the tables.
        bound_s: no schedule takes less by the tables.
        runs: dynamic programs that were run.
    """

    latency_s: float
    bound_s: float
    draft: Draft
    runs: int


@dataclass(frozen=True)
class MicroBatchTables:
    """One micro-batch: its tables for regions of all of the ground's sizes."""

    micro_batch: int
    units: UnitTables
    table: Floats
    line: Line

    @property
    def rounds(self) -> float:
        """Paces behind the first micro-batch."""
        if self.line.rates.detailed:
            return self.line.batch / self.line.micro_batch - 1
        return float(micro_batches(self.line.batch, self.line.micro_batch) - 1)


def level(ground: Ground, micro_batch: int) -> MicroBatchTables:
    """The tables of one micro-batch."""
    units = unit_tables(ground, micro_batch)
    count = len(ground.model.units)
    line = line_of(ground, micro_batch)
    table = stage_tables(ground, units, line, range(len(ground.sizes)), count, np.inf)
    return MicroBatchTables(micro_batch, units, table, line)


def reference(ground: Ground, micro_batches: Sequence[int], tolerance: float = 1e-3) -> Reference:
    """The windows of least latency by the tables.

    Args:
        ground: its sizes are the regions that are allowed; 1, 2, 3 .. all chiplets for all.
        micro_batches: that are allowed.
        tolerance: found latency / bound - 1, at most, where DRAM does not limit a window.
    """
    search = _Search(ground, [level(ground, micro_batch) for micro_batch in micro_batches], tolerance)
    search.narrow()
    return search.result()


@dataclass(frozen=True)
class _Interval:
    """Windows of one micro-batch that end before unit `end` and whose slowest stage's time lies in an interval.

    Args:
        sums_s: [DRAM share, first unit] the least mean of DRAM time and the time of the first micro-batch, with the
            interval's upper end as cap.
        slowest_s: [DRAM share, first unit] the slowest stage where that is reached.
        least_s: [first unit] the interval's lower end, or the window's work spread over all chiplets.
    """

    level: int
    end: int
    sums_s: Floats
    slowest_s: Floats
    least_s: Floats


class _Search:
    """Intervals of the slowest stage's time, halved where they may hold a better schedule.

    `time_s` [first, end] are the windows found, `made` says with which level and cap.
    """

    def __init__(self, ground: Ground, levels: list[MicroBatchTables], tolerance: float) -> None:
        self.tolerance = tolerance
        self.ground, self.levels = ground, levels
        self.units = len(ground.model.units)
        self.runs = 0
        self.bound_s = self.dropped_s = np.inf
        self.time_s = np.full((self.units + 1, self.units + 1), np.inf)
        self.made: dict[tuple[int, int], tuple[int, float, float]] = {}
        self.intervals: list[_Interval] = []
        for number, each in enumerate(levels):
            work_s = np.min(each.units.compute_s * ground.sizes[None, :, None], axis=(1, 2))
            for end in range(1, self.units + 1):
                least_s = np.cumsum(work_s[:end][::-1])[::-1] / ground.sizes[-1]
                self.intervals.append(_Interval(number, end, *self._run(number, end, np.inf), least_s))

    def narrow(self) -> None:
        """Halve intervals until no schedule can take less than what is found / (1 + tolerance), or all are short."""
        while True:
            before, after, found_s = self._around()
            bounds_s = [before[: each.end] + self._bound(each) + after[each.end] for each in self.intervals]
            least_s = np.array([float(each.min()) for each in bounds_s])
            enough_s = found_s / (1 + self.tolerance)
            dropped = least_s >= enough_s
            self.dropped_s = min([self.dropped_s, *least_s[dropped]])
            kept = [int(n) for n in np.argsort(least_s, kind="stable") if not dropped[n]]
            spans_s = {n: self._span_s(self.intervals[n], bounds_s[n] < enough_s) for n in kept}
            long = [n for n in kept if spans_s[n][1] > spans_s[n][0] * (1 + self.tolerance / 4)]
            if not long:
                self.bound_s = min([found_s, self.dropped_s, *least_s[kept]])
                return
            halved = set(long[: max(8, int(SHARE * len(long)))])
            self.intervals = [
                part
                for n in kept
                for part in (self._halves(self.intervals[n], spans_s[n]) if n in halved else [self.intervals[n]])
            ]

    def result(self) -> Reference:
        """The windows found, put together."""
        best, came = self._shortest(self.time_s)
        draft: list[DraftWindow] = []
        end = self.units
        while end:
            draft.insert(0, self._window(came[end], end))
            end = came[end]
        return Reference(float(best[-1]), float(self.bound_s), tuple(draft), self.runs)

    def _around(self) -> tuple[Floats, Floats, float]:
        """Bounds of all units before each, and of all from each on, over the intervals left; the best found."""
        least = np.full((self.units + 1, self.units + 1), np.inf)
        for each in self.intervals:
            least[: each.end, each.end] = np.minimum(least[: each.end, each.end], self._bound(each))
        after = self._shortest(least.T[::-1, ::-1])[0][::-1]
        return self._shortest(least)[0], after, float(self._shortest(self.time_s)[0][-1])

    def _shortest(self, windows: Floats) -> tuple[Floats, list[int]]:
        """Least sums of windows [first, end] up to each unit, and the last window's first unit."""
        best, came = np.full(self.units + 1, np.inf), [0] * (self.units + 1)
        best[0] = 0.0
        for end in range(1, self.units + 1):
            total = best[:end] + windows[:end, end]
            came[end] = int(np.argmin(total))
            best[end] = total[came[end]]
        return best, came

    def _bound(self, interval: _Interval) -> Floats:
        """Per first unit, what a window takes at least."""
        rounds = self.levels[interval.level].rounds
        means_s = interval.sums_s + (1 - DRAM_SHARES[:, None]) * rounds * interval.least_s
        bound_s: Floats = means_s.max(axis=0)
        return bound_s

    def _span_s(self, interval: _Interval, open_: NDArray[np.bool_]) -> tuple[float, float]:
        """The ends of an interval for its windows from the units `open_`."""
        return float(interval.least_s[open_].min()), float(interval.slowest_s[:, open_].max())

    def _halves(self, whole: _Interval, span_s: tuple[float, float]) -> Iterator[_Interval]:
        middle_s = float(np.sqrt(span_s[0] * span_s[1]))
        sums_s, slowest_s = self._run(whole.level, whole.end, middle_s)
        yield replace(whole, sums_s=sums_s, slowest_s=slowest_s)
        yield replace(whole, least_s=np.maximum(whole.least_s, middle_s))

    def _run(self, number: int, end: int, cap_s: float) -> tuple[Floats, Floats]:
        """[DRAM share, first unit] the least means under a cap, and the slowest stages where they are reached; windows
        that are better than what was found are kept."""
        sums_s, slowest_s = np.empty((len(DRAM_SHARES), end)), np.empty((len(DRAM_SHARES), end))
        for at, share in enumerate(DRAM_SHARES):
            self.runs += 1
            sums_s[at], slowest_s[at], times_s, _, _ = self._programs(number, end, cap_s, share)
            for first in np.flatnonzero(times_s < self.time_s[:end, end]):
                self.time_s[first, end] = times_s[first]
                self.made[int(first), end] = (number, cap_s, share)
        return sums_s, slowest_s

    def _programs(self, number: int, end: int, cap_s: float, share: float) -> tuple[Floats, Floats, Floats, Ints, Ints]:
        each, ground = self.levels[number], self.ground
        made: tuple[Floats, Floats, Floats, Ints, Ints] = _windows(
            end, cap_s, share, each.table, each.units.need, ground.crossing, each.line
        )
        return made

    def _window(self, first: int, end: int) -> DraftWindow:
        number, cap_s, share = self.made[first, end]
        each, ground = self.levels[number], self.ground
        *_, starts, ways = self._programs(number, end, cap_s, share)
        stages, at, way = [], first, starts[first]
        while True:
            cut, s, rest, label = (int(value) for value in way)
            terms, chiplets = each.table[at, cut - at - 1, s], int(ground.sizes[s])
            run = kernel.Run(at, s, chiplets, int(terms[kernel.MODE]))
            partitions = kernel.partitions_of(each.units, run, cut - at, int(terms[kernel.LAST]), each.line)
            stages.append(DraftStage(cut, chiplets, tuple(int(p) for p in partitions)))
            if cut == end:
                return DraftWindow(first, each.micro_batch, tuple(stages))
            at, way = cut, ways[cut, rest, label]


_MEAN, _RECEIVE, _SIZE, _SLOWEST, _SUM, _DRAM, _READY, _TIED = range(8)
"""Of a candidate; what it is compared in as ready: 0 where DRAM time has a share, for means of fill times alone."""
_MOST = 16
"""Candidates for each size of the first stage."""


@numba.njit(cache=True)
def _windows(end, cap_s, share, table, need, crossing, line):  # type: ignore[no-untyped-def]
    """All windows that end before unit `end` with no stage slower than `cap_s`.

    Returns by first unit h: the least mean of DRAM time (weight `share`) and the time of the first micro-batch [h],
    the slowest stage there [h]; the least time of the windows met [h], how that one begins [h, 4], and how each
    candidate of the rest goes on [h, chiplets, candidate, 4]: (end of the stage, number of its size, chiplets and
    candidate of what follows).
    """
    sizes, mb, batch = line.sizes, line.micro_batch, line.batch
    many, most = table.shape[2], sizes[-1]
    rounds = batch / mb if line.rates.detailed else 1.0 * -(-batch // mb)
    per_byte_s = (1.0 if line.rates.detailed else 0.0) / line.rates.dram_bytes_s  # `paper` has no shared DRAM
    count = np.zeros((end + 1, most + 1), np.int64)
    labels = np.zeros((end, most + 1, _MOST * many, 8))
    ways = np.zeros((end, most + 1, _MOST * many, 4), np.int64)
    means_s, slowest_s, times_s = np.full(end, np.inf), np.full(end, np.inf), np.full(end, np.inf)
    starts = np.zeros((end, 4), np.int64)
    nothing, made, way = np.zeros(8), np.zeros(8), np.zeros(4, np.int64)
    for h in range(end - 1, -1, -1):
        entering, in_dram_s = mb * crossing[h], batch * crossing[h] * per_byte_s
        for cut in range(h + 1, end + 1):
            last = cut == end
            left = mb * crossing[cut]
            out_s = law.dram_s(left, line.dram_hops, line.rates) if last else 0.0
            out_bytes = batch * crossing[cut] if last else 0.0
            for s in range(many):
                terms, chiplets = table[h, cut - h - 1, s], sizes[s]
                if (
                    not terms[kernel.PACE_S] < np.inf
                    or kernel.times(terms, 0.0, left, 0.0, out_s, last, line)[1] > cap_s
                ):
                    continue
                receive = need[h, s, int(terms[kernel.FIRST])]
                dram_s = (terms[kernel.DRAM_BYTES] + out_bytes) * per_byte_s
                for rest in range(0 if last else 1, 1 if last else most - chiplets + 1):
                    for number in range(1 if last else count[cut, rest]):
                        after = nothing if last else labels[cut, rest, number]
                        io_s = out_s
                        if not last:
                            io_s = forward_s(left, chiplets, int(after[_SIZE]), after[_RECEIVE], line)
                        sum_s, from_dram_s = after[_SUM], after[_DRAM] + dram_s
                        ready_s = max(terms[kernel.READY_S] + io_s + sum_s, terms[kernel.RESIDENT_S] + after[_READY])
                        way[0], way[1], way[2], way[3] = cut, s, rest, number
                        fill_s, steady_s = kernel.times(terms, entering, left, 0.0, io_s, last, line)
                        if steady_s <= cap_s:
                            slow_s = max(after[_SLOWEST], steady_s)
                            input_s = entering / line.rates.dram_bytes_s
                            loaded_s = terms[kernel.READY_S] + input_s + io_s + sum_s
                            first_s = max(sum_s + fill_s, loaded_s, terms[kernel.RESIDENT_S] + after[_READY])
                            own_s = first_s if share == 0 else sum_s + fill_s
                            mean_s = (1 - share) * own_s + share * (from_dram_s + in_dram_s)
                            if mean_s < means_s[h]:
                                means_s[h], slowest_s[h] = mean_s, slow_s
                            time_s = max(first_s + (rounds - 1) * slow_s, from_dram_s + in_dram_s)
                            if time_s < times_s[h]:
                                times_s[h] = time_s
                                starts[h] = way
                        if h == 0:
                            continue
                        fill_s, steady_s = kernel.times(terms, 0.0, left, receive, io_s, last, line)
                        if steady_s <= cap_s:
                            made[_MEAN] = (1 - share) * (sum_s + fill_s) + share * from_dram_s
                            made[_RECEIVE], made[_SIZE], made[_SLOWEST] = (
                                receive,
                                chiplets,
                                max(after[_SLOWEST], steady_s),
                            )
                            made[_SUM], made[_DRAM], made[_READY] = sum_s + fill_s, from_dram_s, ready_s
                            made[_TIED] = ready_s if share == 0 else 0.0
                            used = rest + chiplets
                            count[h, used] = _with(labels[h, used], ways[h, used], count[h, used], made, way)
        _drop_what_fewer_chiplets_beat(labels[h], ways[h], count[h])
    return means_s, slowest_s, times_s, starts, ways


@numba.njit(cache=True)
def _beats(one, other):  # type: ignore[no-untyped-def]
    """Whether a candidate is as good in mean, ready, receipt and size of its first stage."""
    alike = one[_MEAN] <= other[_MEAN] and one[_TIED] <= other[_TIED]
    return alike and one[_RECEIVE] <= other[_RECEIVE] and one[_SIZE] <= other[_SIZE]


@numba.njit(cache=True)
def _with(labels, ways, count, made, way):  # type: ignore[no-untyped-def]
    """Add a candidate unless one beats it, without those that it beats; how many there are then."""
    for n in range(count):
        if _beats(labels[n], made):
            return count
    left = 0
    for n in range(count):
        if not _beats(made, labels[n]):
            if left < n:
                labels[left] = labels[n]
                ways[left] = ways[n]
            left += 1
    assert left < len(labels)
    labels[left] = made
    ways[left] = way
    return left + 1


@numba.njit(cache=True)
def _drop_what_fewer_chiplets_beat(labels, ways, count):  # type: ignore[no-untyped-def]
    for used in range(1, len(count)):
        left = 0
        for n in range(count[used]):
            worse = False
            for fewer in range(1, used):
                for other in range(count[fewer]):
                    if _beats(labels[fewer, other], labels[used, n]):
                        worse = True
                        break
                if worse:
                    break
            if not worse:
                if left < n:
                    labels[used, left] = labels[used, n]
                    ways[used, left] = ways[used, n]
                left += 1
        count[used] = left
