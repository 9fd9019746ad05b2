"""SEG's inner loop: the best ways to cut a window's layers into consecutive stages, for every tree of places.

What the paper enumerates (all splits times all paths) a dynamic program decides. A *label* is a partial
pipeline: units up to j cut into stages on the first places of a path. Its figures (when the first micro-batch leaves,
slowest stage, joules, DRAM bytes) only grow as it is extended, and so does the pipeline's latency (`law.through`),
so a label that another one beats in all four can never end in a better schedule in `paper`, whatever the objective. In
`detailed` it also carries when the weights that stay are there and when the last micro-batch leaves. They are not
compared: they follow the first two figures closely.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.law import Rates
from chipweave.evaluation.tables.compiled_law import law
from chipweave.evaluation.tables.single import StageTables
from chipweave.ndarrays import Floats, Ints, Shorts
from chipweave.schedulers.scar.energy_caps import Caps

Rows = TypeVar("Rows", Floats, Ints, Shorts)

NO_SLACK = np.zeros(4)
HAIR = 0.999999999
PACES = 24
_CARRIED = 6
"""Figures of a label: the four that are compared, then weights_s and last_s of `law.Passing`."""

# Rows are copied entry by entry throughout: slice assignments take numba many times longer to compile.


class Tree(NamedTuple):
    """A tree of places in depth-first order (`trees.KindTree`), per node."""

    parent: Ints
    kind: Ints
    depth: Ints
    children: Ints


class Beat(NamedTuple):
    """A pipeline's micro-batches: how many, and the last one's share of a full one (`paper`: 1)."""

    number: int
    last: float
    rates: Rates


class Comparing(NamedTuple):
    """How labels are compared.

    Args:
        longest: stages at most.
        width: figures compared: 4, or 3 to leave DRAM bytes out.
        breadth: how many must beat a label before it is dropped; 1 keeps the front.
        slack: [4] how much worse than a label in sum part, slowest stage, joules and DRAM bytes another may be and
            still beat it.
        budget: labels made and compared at most.
    """

    beat: Beat
    longest: int
    width: int
    breadth: int
    slack: Floats
    budget: int


class Labels(NamedTuple):
    """Rows of labels, those behind what is in use are free: figures, unit before which each stage ends, and how many
    others beat it ([., 1])."""

    figures: Floats
    cuts: Shorts
    beaten: Ints


class Rest(NamedTuple):
    """What the units of a window from j on take at least, however they are cut into stages on these places.

    A slow pace may save joules, so the least figures hold for stages that are no slower than each of several paces:
    what a label becomes lies behind the least latency and energy at one of them.

    Args:
        pace_s: [g] ascending; no stage is slower than the last.
        first_s, energy_j, dram_bytes: [g, n + 1] seconds of the first micro-batch, joules and DRAM bytes of stages
            that are no slower than pace g.
        steady_s: [left + 1, n + 1] seconds of the slowest of up to so many stages; infinite where they are too few.
    """

    pace_s: Floats
    first_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    steady_s: Floats


class Asked(NamedTuple):
    """What one call of `fronts` looks for, and how it compares labels and `whole` pipelines."""

    tables: StageTables
    rest: Rest
    caps: Caps
    comparing: Comparing
    whole: Comparing


class Room(NamedTuple):
    """What `fronts` notes while it walks down a path.

    Args:
        begin, end: [depth, unit] the labels of so many stages that end at that unit.
        done_begin, done_end: [depth] the whole pipelines of so many stages.
        label, whole: [1, .] the label at hand; its figures as a whole pipeline.
        cuts: of the label at hand.
        at_least: latency, joules and DRAM bytes of all that it can become.
    """

    begin: Ints
    end: Ints
    done_begin: Ints
    done_end: Ints
    label: Floats
    whole: Floats
    cuts: Shorts
    at_least: Floats


@inner()
def grown(rows: Rows, used: int) -> Rows:
    """Room for twice as many rows."""
    bigger = np.empty((2 * rows.shape[0], rows.shape[1]), dtype=rows.dtype)
    for i in range(used):
        for k in range(rows.shape[1]):
            bigger[i, k] = rows[i, k]
    return bigger


@inner()
def cap_at(latency_s: float, caps: Caps) -> float:
    """Most energy beside a latency; nothing past the last bin."""
    if latency_s <= caps.start_s or caps.step_s == np.inf:
        return float(caps.energy_j[0])
    bin_ = int((latency_s - caps.start_s) / caps.step_s)
    return float(caps.energy_j[bin_]) if bin_ < len(caps.energy_j) else -np.inf


@inner()
def beats(a: Floats, i: int, b: Floats, k: int, width: int, slack: Floats) -> bool:
    """Row i of `a` is at most `slack` worse than row k of `b` in every figure."""
    for f in range(width):  # noqa: SIM110 - a generator does not compile
        if a[i, f] > b[k, f] + slack[f]:
            return False
    return True


@inner()
def _swap(labels: Labels, i: int, k: int) -> None:
    figures, cuts, beaten = labels
    for f in range(figures.shape[1]):
        figures[i, f], figures[k, f] = figures[k, f], figures[i, f]
    for f in range(cuts.shape[1]):
        cuts[i, f], cuts[k, f] = cuts[k, f], cuts[i, f]
    beaten[i, 0], beaten[k, 0] = beaten[k, 0], beaten[i, 0]


@inner()
def _insert(
    labels: Labels, begin: int, end: int, new: Floats, new_cuts: Shorts, depth: int, width: int, comparing: Comparing
) -> int:
    """Put a label into the block [begin, end) unless `breadth` others beat it; drop those it makes hopeless.

    Others beat the new one if they are at most `slack` worse, but it drops only those that it beats without
    slack: so a dropped label is never more than one slack better than what stays.

    Returns the block's new end. There is room for one more.
    """
    figures, cuts, beaten = labels
    beaten_by = 0
    for i in range(begin, end):
        if beats(figures, i, new, 0, width, comparing.slack):
            beaten_by += 1
            if beaten_by >= comparing.breadth:
                if i > begin:  # what beats one label tends to beat the next: look at it earlier
                    _swap(labels, i, begin + (i - begin) // 2)
                return end
    i = begin
    while i < end:
        if beats(new, 0, figures, i, width, NO_SLACK):
            beaten[i, 0] += 1
            if beaten[i, 0] >= comparing.breadth:
                end -= 1
                _swap(labels, i, end)
                continue
        i += 1
    for f in range(figures.shape[1]):
        figures[end, f] = new[0, f]
    for stage in range(depth):
        cuts[end, stage] = new_cuts[stage]
    beaten[end, 0] = beaten_by
    return end + 1


@inner()
def _is_beaten(out: Labels, begin: Ints, end: Ints, deepest: int, least: Floats, comparing: Comparing) -> bool:
    """Do `breadth` whole pipelines on a part of the path beat all that a label can become, which has at least these
    figures (latency, joules, DRAM bytes)?"""
    count, figures, slack = 0, out.figures, comparing.slack
    for depth in range(1, deepest + 1):
        for i in range(begin[depth], end[depth]):
            if (
                figures[i, 0] <= least[0] + slack[0]
                and figures[i, 1] <= least[1] + slack[1]
                and (comparing.width < 4 or figures[i, 2] <= least[2] + slack[2])
            ):
                count += 1
                if count >= comparing.breadth:
                    return True
    return False


class StageSeconds(NamedTuple):
    """A stage as `law.through` reads it."""

    fill_s: float
    ready_s: float
    resident_s: float
    steady_s: float
    last_fill_s: float
    last_steady_s: float


@inner()
def _extend(
    tables: StageTables, at: tuple[int, int, int], labels: Labels, source: int, number: int, new: Floats
) -> None:
    """Fill `new` with label `source` (-1: none) and a stage (place, first unit, last unit) behind it."""
    place, i, j = at
    stage = StageSeconds(
        tables.fill_s[place, i, j],
        tables.ready_s[place, i, j],
        tables.resident_s[place, i, j],
        tables.steady_s[place, i, j],
        tables.last_fill_s[place, i, j],
        tables.last_steady_s[place, i, j],
    )
    new[0, 2], new[0, 3] = tables.energy_j[place, i, j], tables.dram_bytes[place, i, j]
    before = law.Passing(0.0, 0.0, 0.0, 0.0)
    if source >= 0:
        had = labels.figures
        before = law.Passing(had[source, 0], had[source, 4], had[source, 1], had[source, 5])
        new[0, 2] += had[source, 2]
        new[0, 3] += had[source, 3]
    passed = law.through(before, stage, number)
    new[0, 0], new[0, 1], new[0, 4], new[0, 5] = passed.first_s, passed.slowest_s, passed.weights_s, passed.last_s


@kernel(nogil=True)
def rest_of(tables: StageTables, longest: int) -> Rest:
    """The least of each figure apart, by dynamic programs from the back; up to `longest` stages."""
    kinds, n = tables.fill_s.shape[0], tables.fill_s.shape[1]
    steady_s = _least_steady_s(tables, longest)
    most_s = 0.0
    for i in range(n):
        for j in range(i, n):
            for kind in range(kinds):
                if tables.fill_s[kind, i, j] < np.inf:
                    most_s = max(most_s, tables.steady_s[kind, i, j])
    pace_s = np.full(PACES, np.inf)
    least_s = max(steady_s[longest, 0], most_s * 1e-6)
    for g in range(PACES - 1):
        pace_s[g] = least_s * (max(most_s, least_s) / least_s) ** (g / (PACES - 1)) if least_s > 0.0 else np.inf
    shape = (PACES, n + 1)
    rest = Rest(pace_s, np.full(shape, np.inf), np.full(shape, np.inf), np.full(shape, np.inf), steady_s)
    for g in range(PACES):
        _least_at_pace(tables, pace_s[g] / HAIR, rest.first_s[g], rest.energy_j[g], rest.dram_bytes[g])
    return rest


@inner()
def _least_steady_s(tables: StageTables, longest: int) -> Floats:
    kinds, n = tables.fill_s.shape[0], tables.fill_s.shape[1]
    found = np.full((longest + 1, n + 1), np.inf)
    for left in range(longest + 1):
        found[left, n] = 0.0
    for i in range(n - 1, -1, -1):
        for j in range(i, n):
            own_s = np.inf
            for kind in range(kinds):
                own_s = min(own_s, tables.steady_s[kind, i, j])
            for left in range(1, longest + 1):
                found[left, i] = min(found[left, i], max(own_s, found[left - 1, j + 1]))
    return found


@inner()
def _least_at_pace(tables: StageTables, pace_s: float, first_s: Floats, energy_j: Floats, dram_bytes: Floats) -> None:
    """Fill in the least figures of stages that are no slower than a pace."""
    kinds, n = tables.fill_s.shape[0], tables.fill_s.shape[1]
    first_s[n] = energy_j[n] = dram_bytes[n] = 0.0
    for i in range(n - 1, -1, -1):
        for j in range(i, n):
            for kind in range(kinds):
                at = (kind, i, j)
                if tables.steady_s[at] <= pace_s and tables.fill_s[at] < np.inf:
                    first_s[i] = min(first_s[i], tables.fill_s[at] + first_s[j + 1])
                    energy_j[i] = min(energy_j[i], tables.energy_j[at] + energy_j[j + 1])
                    dram_bytes[i] = min(dram_bytes[i], tables.dram_bytes[at] + dram_bytes[j + 1])
    # A hair low: rounding must not lift what a label becomes at least above what it becomes.
    for i in range(n):
        first_s[i] *= HAIR
        energy_j[i] *= HAIR
        dram_bytes[i] *= HAIR


@inner()
def _least_s(new: Floats, rest_s: float, slowest_s: float, beat: Beat) -> float:
    """What no pipeline goes below that a label becomes.

    Args:
        rest_s: least seconds of the first micro-batch through the stages to come; slowest_s: of their slowest.
    """
    first_s = new[0, 0] + rest_s
    if not beat.rates.detailed:
        return float(law.pipeline_s(first_s, max(new[0, 1], slowest_s), beat.number))
    if beat.number == 1:
        return float(first_s)
    # The last micro-batch passes the rest behind when it left the label, or a pace behind others in the rest.
    last_s = new[0, 5] + beat.last * rest_s
    paced_s = new[0, 0] + beat.last * rest_s + (beat.number - 2 + beat.last) * slowest_s
    return float(max(last_s, paced_s, first_s + (beat.number - 2) * max(new[0, 1], slowest_s)))


@inner()
def _at_least(new: Floats, rest: Rest, unit: int, left: int, beat: Beat, figures: Floats) -> None:
    """Fill `figures` with what a label becomes at least when the units from `unit` on are added, on so many places."""
    any_ = PACES - 1
    figures[0] = _least_s(new, rest.first_s[any_, unit], rest.steady_s[left, unit], beat)
    figures[1] = new[0, 2] + rest.energy_j[any_, unit]
    figures[2] = new[0, 3] + rest.dram_bytes[any_, unit]


@inner()
def _within(new: Floats, rest: Rest, at: tuple[int, int], beat: Beat, caps: Caps, g: int) -> bool:
    """Whether a label may stay within the caps that becomes no slower than pace g, but slower than the one before."""
    unit, left = at
    rest_s = rest.steady_s[left, unit]
    if rest.pace_s[g] < max(new[0, 1], rest_s):
        return False
    if g > 0 and rest.pace_s[g - 1] >= max(new[0, 1], rest_s):
        rest_s = rest.pace_s[g - 1]  # as the label has no slower stage, there is one to come
        if rest_s == np.inf:
            return False
    latency_s = _least_s(new, rest.first_s[g, unit], rest_s, beat)
    return bool(new[0, 2] + rest.energy_j[g, unit] <= cap_at(latency_s, caps))


@inner()
def _affordable(new: Floats, rest: Rest, at: tuple[int, int], beat: Beat, caps: Caps) -> bool:
    """Whether a label, with the units from at[0] on added on at[1] places, may stay within the caps at some pace."""
    for g in range(PACES):  # noqa: SIM110 - a generator does not compile
        if _within(new, rest, at, beat, caps, g):
            return True
    return False


@kernel(nogil=True)
def any_within(rest: Rest, longest: int, beat: Beat, caps: Caps) -> bool:
    """Whether any pipeline of up to `longest` stages may stay within the caps."""
    return _affordable(np.zeros((1, _CARRIED)), rest, (0, longest), beat, caps)


@kernel(nogil=True)
def least_latency_s(rest: Rest, longest: int, beat: Beat) -> float:
    """Seconds that no pipeline of up to `longest` stages goes below."""
    return _least_s(np.zeros((1, _CARRIED)), rest.first_s[PACES - 1, 0], rest.steady_s[longest, 0], beat)


@inner(forceinline=True)  # called so often that handing over arguments would count
def _ending_at(
    asked: Asked, room: Room, labels: Labels, out: Labels, at: tuple[int, int, int], since: int
) -> tuple[Labels, int, int, int]:
    """Labels whose last stage stands on a place (place, depth, last unit), in rows from `since` on.

    Those that end at the last unit are whole pipelines and go out, others are extended later.

    Returns:
        (the rows, which may have grown; the first free one; labels made; labels compared).
    """
    place, d, j = at
    tables, beat, longest = asked.tables, asked.comparing.beat, asked.comparing.longest
    last = j == tables.fill_s.shape[1] - 1
    begin, end, done_begin, done_end, new, whole, cuts, at_least = room
    rows, comparing, label = (out, asked.whole, whole) if last else (labels, asked.comparing, new)
    width = comparing.width - 1 if last else comparing.width
    until, made, work = since, 0, 0
    for i in range(d - 1, j + 1):
        if tables.fill_s[place, i, j] == np.inf:
            continue
        sources_begin, sources_end = -1, 0
        if d > 1:
            sources_begin, sources_end = begin[d - 1, i - 1], end[d - 1, i - 1]
        elif i > 0:
            break
        for source in range(sources_begin, sources_end):
            made += 1
            _extend(tables, (place, i, j), labels, source, beat.number, new)
            _at_least(new, asked.rest, j + 1, longest - d, beat, at_least)
            if at_least[1] > cap_at(at_least[0], asked.caps):
                continue
            if not last and not _affordable(new, asked.rest, (j + 1, longest - d), beat, asked.caps):
                continue
            deepest = d - 1 if last else d
            if _is_beaten(out, done_begin, done_end, deepest, at_least, asked.whole):
                work += 8
                continue
            work += until - since
            for stage in range(d - 1):
                cuts[stage] = labels.cuts[source, stage]
            cuts[d - 1] = j + 1
            if last:
                passed = law.Passing(new[0, 0], new[0, 4], new[0, 1], new[0, 5])
                label[0, 0], label[0, 1] = law.latency_s_of(passed, beat.number, beat.rates), new[0, 2]
                label[0, 2] = new[0, 3]
            if until + 1 >= rows.figures.shape[0]:
                rows = _grown(rows, until)
            until = _insert(rows, since, until, label, cuts, d, width, comparing)
    return rows, until, made, work


@kernel(nogil=True)
def fronts(
    tables: StageTables, tree: Tree, rest: Rest, caps: Caps, comparing: Comparing
) -> tuple[Ints, Floats, Shorts, int, bool]:
    """Non-dominated pipelines for every node of a tree of places at one micro-batch.

    Args:
        tables: of the window's n units.
        caps: labels that must exceed them are dropped.

    Returns:
        (start [nodes + 1] of each node's pipelines; figures [m, 3] latency_s, energy_j, dram_bytes; cuts
        [m, longest] unit before which each stage ends, 0 beyond the last; labels made; False if the budget ran
        out: then there are no pipelines).
    """
    n, longest = tables.fill_s.shape[1], comparing.longest
    asked, room = Asked(tables, rest, caps, comparing, _of_whole(comparing)), _room(n, longest)
    labels, out = _empty(1024, _CARRIED, longest), _empty(256, 3, longest)
    out_start = np.zeros(len(tree.parent) + 1, dtype=np.int64)
    used_out, made, work = 0, 0, 0
    for node in range(len(tree.parent)):
        out_start[node] = used_out
        d = tree.depth[node]
        if d > n or d > longest:
            continue
        top = 0 if d == 1 else room.end[d - 1, n - 2]
        first_j = n - 1 if tree.children[node] == 0 or d == longest else d - 1
        if d > 1:
            for j in range(first_j):
                room.begin[d, j] = room.end[d, j] = top
        room.done_begin[d], room.done_end[d] = used_out, used_out
        for step in range(n - first_j):
            # Whole pipelines first: what they beat need not be extended.
            j = n - 1 if step == 0 else first_j + step - 1
            room.begin[d, j] = top
            since = used_out if step == 0 else top
            rows, until, more, compared = _ending_at(asked, room, labels, out, (tree.kind[node], d, j), since)
            made, work = made + more, work + compared
            if step == 0:
                out, used_out = rows, until
                room.done_end[d] = used_out
            else:
                labels, top = rows, until
            room.end[d, j] = top
            if made + work > comparing.budget:
                return out_start, out.figures[:0], out.cuts[:0], made, False
        for row in range(out_start[node], used_out):
            for stage in range(d, longest):
                out.cuts[row, stage] = 0
    out_start[len(tree.parent)] = used_out
    return out_start, out.figures[:used_out], out.cuts[:used_out], made, True


@inner()
def _of_whole(comparing: Comparing) -> Comparing:
    """How whole pipelines are compared: by latency in place of its parts."""
    beat, longest, width, breadth, slack, budget = comparing
    slack = np.array([law.pipeline_s(slack[0], slack[1], beat.number - 1 + beat.last), slack[2], slack[3]])
    return Comparing(beat, longest, width, breadth, slack, budget)


@inner()
def _room(n: int, longest: int) -> Room:
    begin, end = np.zeros((longest + 1, n), dtype=np.int64), np.zeros((longest + 1, n), dtype=np.int64)
    done_begin, done_end = np.zeros(longest + 1, dtype=np.int64), np.zeros(longest + 1, dtype=np.int64)
    cuts = np.empty(longest, dtype=np.int16)
    return Room(begin, end, done_begin, done_end, np.empty((1, _CARRIED)), np.empty((1, 3)), cuts, np.empty(3))


@inner()
def _empty(rows: int, width: int, longest: int) -> Labels:
    return Labels(
        np.empty((rows, width)), np.empty((rows, longest), dtype=np.int16), np.zeros((rows, 1), dtype=np.int64)
    )


@inner()
def _grown(labels: Labels, used: int) -> Labels:
    figures, cuts, beaten = labels
    return Labels(grown(figures, used), grown(cuts, used), grown(beaten, used))
