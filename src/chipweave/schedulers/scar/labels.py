"""SEG's inner loop: the best ways to cut a window's layers into consecutive stages, for every tree of places.

What the paper enumerates (all splits times all paths) a dynamic program decides. A *label* is a partial
pipeline: units up to j cut into stages on the first places of a path. Its figures (when the first micro-batch leaves,
slowest stage, joules, DRAM bytes) only grow as it is extended, and so does the pipeline's latency (`law.through`),
so a label that another one beats in all four can never end in a better schedule in `paper`, whatever the objective. In
`detailed` it also carries when the weights that stay are there and when the last micro-batch leaves. They are not
compared: they follow the first two figures closely.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.tables.compiled_law import law
from chipweave.evaluation.tables.single import StageTables
from chipweave.ndarrays import Floats, Ints, Shorts
from chipweave.schedulers.scar.comparing import CARRIED, Comparing, cap_at, grown
from chipweave.schedulers.scar.energy_caps import Caps, Ladder
from chipweave.schedulers.scar.known import Known, is_beaten, is_plain, note_all
from chipweave.schedulers.scar.rest import Rest, affordable, fill_at_least
from chipweave.schedulers.scar.trees import Tree


class Labels(NamedTuple):
    """Labels, those behind what is in use are free: figures [figure, label], and per label the unit before which each
    stage ends, and how many others beat it ([., 1])."""

    figures: Floats
    cuts: Shorts
    beaten: Ints


class Asked(NamedTuple):
    """What one call of `fronts` looks for, and how it compares labels and `whole` pipelines."""

    tables: StageTables
    rest: Rest
    ladder: Ladder
    comparing: Comparing
    whole: Comparing


class Room(NamedTuple):
    """What `fronts` notes while it walks down a path.

    Args:
        begin, end: [depth, unit] the labels of so many stages that end at that unit; filled: [depth, .] the units where
            there are any, as many as `many` [depth]; top: [depth] the first row behind all of them.
        done_end: [depth] up to which row of `done` the whole pipelines are noted on the path's first places; each
            depth's begin where those of the one before end.
        ideal: [., depth * units + unit] the least of each figure of these labels.
        label, whole: [1, .] the label at hand; its figures as a whole pipeline.
        cuts: of the label at hand.
        at_least: latency, joules and DRAM bytes of all that it can become.
    """

    begin: Ints
    end: Ints
    filled: Ints
    many: Ints
    top: Ints
    done_end: Ints
    ideal: Floats
    label: Floats
    whole: Floats
    cuts: Shorts
    at_least: Floats


@inner()
def _move(labels: Labels, i: int, k: int) -> None:
    """Copy row i to row k."""
    figures, cuts, beaten = labels
    for f in range(len(figures)):
        figures[f, k] = figures[f, i]
    for f in range(cuts.shape[1]):
        cuts[k, f] = cuts[i, f]
    beaten[k, 0] = beaten[i, 0]


@inner()
def _beaten_by(
    labels: Labels, begin: int, end: int, new: Floats, floor_s: float, width: int, comparing: Comparing
) -> int:
    """How many in the block [begin, end) beat a new label, which are at most `slack` worse.

    Args:
        floor_s: that the slowest stage takes in whatever a label becomes: no label is worse for being as slow.
    """
    slack, count = comparing.slack, 0
    # Slices, and no way out of a loop: so that several are compared at once.
    one, two = labels.figures[0, begin:end], labels.figures[1, begin:end]
    most_0, most_1 = new[0, 0] + slack[0], max(new[0, 1], floor_s) + slack[1]
    if width == 2:
        for i in range(len(one)):
            count += (one[i] <= most_0) & (two[i] <= most_1)
        return count
    three, most_2 = labels.figures[2, begin:end], new[0, 2] + slack[2]
    if width == 3 or slack[3] == np.inf:
        for i in range(len(one)):
            count += (one[i] <= most_0) & (two[i] <= most_1) & (three[i] <= most_2)
        return count
    four, most_3 = labels.figures[3, begin:end], new[0, 3] + slack[3]
    for i in range(len(one)):
        count += (one[i] <= most_0) & (two[i] <= most_1) & (three[i] <= most_2) & (four[i] <= most_3)
    return count


@inner()
def _insert(
    labels: Labels,
    begin: int,
    end: int,
    new: Floats,
    new_cuts: Shorts,
    beaten_by: int,
    compared: tuple[float, int, int],
) -> int:
    """Put a label into the block [begin, end) and drop those that it makes hopeless.

    It drops only those that it beats without slack: so a dropped label is never more than one slack better than what
    stays.

    Args:
        compared: what the slowest stage takes in whatever a label becomes; figures that are compared; how many must
            beat a label.

    Returns the block's new end. There is room for one more.
    """
    figures, cuts, beaten = labels
    floor_s, width, breadth = compared
    i = begin
    while i < end:
        worse = new[0, 0] <= figures[0, i] and (new[0, 1] <= floor_s or new[0, 1] <= figures[1, i])
        for f in range(2, width):
            worse &= new[0, f] <= figures[f, i]
        if worse:
            beaten[i, 0] += 1
            if beaten[i, 0] >= breadth:
                end -= 1
                _move(labels, end, i)
                continue
        i += 1
    for f in range(len(figures)):
        figures[f, end] = new[0, f]
    for stage in range(cuts.shape[1]):
        cuts[end, stage] = new_cuts[stage]
    beaten[end, 0] = beaten_by
    return end + 1


class StageSeconds(NamedTuple):
    """A stage as `law.through` reads it."""

    fill_s: float
    ready_s: float
    resident_s: float
    steady_s: float
    last_fill_s: float
    last_steady_s: float


@inner()
def _extend(tables: StageTables, at: tuple[int, int, int], had: Floats, source: int, number: int, new: Floats) -> None:
    """Fill `new` with the figures of a label, column `source` (-1: none), and a stage (place, first unit, last unit)
    behind it."""
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
        before = law.Passing(had[0, source], had[4, source], had[1, source], had[5, source])
        new[0, 2] += had[2, source]
        new[0, 3] += had[3, source]
    passed = law.through(before, stage, number)
    new[0, 0], new[0, 1], new[0, 4], new[0, 5] = passed.first_s, passed.slowest_s, passed.weights_s, passed.last_s


@inner()
def _held_to(asked: Asked, stages: int, at: tuple[int, int], last: bool) -> tuple[Caps, float]:
    """The caps of labels of so many stages, and what the slowest stage takes in whatever they become by way at[0] from
    unit at[1] on. Those that do not end here take one more chiplet at least."""
    start_s, step_s, energy_j = asked.ladder
    if last:
        return Caps(start_s, step_s, energy_j[stages]), -np.inf
    return Caps(start_s, step_s, energy_j[stages + 1]), asked.rest.steady_s[at]


@inner()
def _ending_at(
    asked: Asked, room: Room, labels: Labels, rows: Labels, done: Floats, at: tuple[int, int, int, int], since: int
) -> tuple[Labels, int, int, int]:
    """Labels whose last stage stands on a place (place, depth, way on, last unit), in `rows` from `since` on.

    Those that end at the last unit are whole pipelines and go out, others are extended later.

    Returns (the rows, which may have grown; the first free one; labels made; labels compared).
    """
    place, d, way, j = at
    tables, beat = asked.tables, asked.comparing.beat
    last = j == tables.fill_s.shape[1] - 1
    begin, end, filled, many, _, done_end, _, new, whole, cuts, at_least = room
    comparing, label = (asked.whole, whole) if last else (asked.comparing, new)
    width, plain = comparing.width - 1 if last else comparing.width, is_plain(asked.whole)
    caps, floor_s = _held_to(asked, d, (way, j + 1), last)
    until, made, work = since, 0, 0
    for number in range(many[d - 1]):
        i, sources_begin, sources_end = 0, -1, 0
        if d > 1:
            i = filled[d - 1, number] + 1
            if i > j:
                break
            sources_begin, sources_end = begin[d - 1, i - 1], end[d - 1, i - 1]
        if tables.fill_s[place, i, j] == np.inf:
            continue
        # First what is as good as the best of these labels in every figure: if that is hopeless, all of them are.
        first = sources_begin - (1 if sources_end - sources_begin > 1 else 0)
        for source in range(first, sources_end):
            made += 1
            had, row = labels.figures, source
            if source < sources_begin:
                had, row = room.ideal, (d - 1) * tables.fill_s.shape[1] + i - 1
            _extend(tables, (place, i, j), had, row, beat.number, new)
            fill_at_least(new, asked.rest, (way, j + 1), beat, at_least)
            hopeless = at_least[1] > cap_at(at_least[0], caps)
            if not hopeless and is_beaten(done, done_end[d - 1], done_end[d], at_least, asked.whole, plain):
                work += 8
                hopeless = True
            beaten_by = 0
            if not hopeless:
                work += until - since
                if last:
                    passed = law.Passing(new[0, 0], new[0, 4], new[0, 1], new[0, 5])
                    label[0, 0], label[0, 1] = law.latency_s_of(passed, beat.number, beat.rates), new[0, 2]
                    label[0, 2] = new[0, 3]
                beaten_by = _beaten_by(rows, since, until, label, floor_s, width, comparing)
                hopeless = beaten_by >= comparing.breadth
            if source < sources_begin:
                if hopeless:
                    break
                continue
            if hopeless or not (last or affordable(new, asked.rest, (way, j + 1), beat, caps)):
                continue
            for stage in range(d - 1):
                cuts[stage] = labels.cuts[source, stage]
            cuts[d - 1] = j + 1
            if until + 1 >= rows.figures.shape[1]:
                rows = _grown(rows, until)
            until = _insert(rows, since, until, label, cuts, beaten_by, (floor_s, width, comparing.breadth))
    return rows, until, made, work


@inner()
def _note_ideal(labels: Labels, begin: int, end: int, ideal: Floats, column: int) -> None:
    """Note the least of each figure of a block of labels."""
    for f in range(CARRIED):
        ideal[f, column] = labels.figures[f, begin:end].min()


@kernel(nogil=True)
def fronts(
    tables: StageTables, tree: Tree, rest: Rest, known: Known, ladder: Ladder, comparing: Comparing
) -> tuple[Ints, Floats, Shorts, int, bool]:
    """Non-dominated pipelines for every node of a tree of places at one micro-batch.

    Args:
        tables: of the window's n units.
        known: what beats pipelines too.
        ladder: labels that must exceed the caps are dropped.

    Returns:
        (start [nodes + 1] of each node's pipelines; figures [m, 3] latency_s, energy_j, dram_bytes; cuts
        [m, longest] unit before which each stage ends, 0 beyond the last; labels made; False if the budget ran
        out: then there are no pipelines).
    """
    n, longest = tables.fill_s.shape[1], comparing.longest
    asked, room = Asked(tables, rest, ladder, comparing, _of_whole(comparing)), _room(n, longest)
    labels, out, done = _empty(1024, CARRIED, longest), _empty(256, 3, longest), np.empty((1024, 3))
    plain = is_plain(asked.whole)
    out_start = np.zeros(len(tree.parent) + 1, dtype=np.int64)
    used_out, made, work = 0, 0, 0
    for node in range(len(tree.parent)):
        out_start[node] = used_out
        d = tree.depth[node]
        if d > n or d > longest or room.many[d - 1] == 0:
            if d <= longest:
                room.many[d] = 0
            continue
        top, room.many[d] = room.top[d - 1], 0
        first_j = n - 1 if tree.children[node] == 0 or d == longest else d - 1
        since = room.done_end[d - 1]
        done, until = note_all(done, (since, since), done, since if d == 1 else room.done_end[d - 2], since, plain)
        done, until = note_all(done, (since, until), known.figures, known.begin[node], known.end[node], plain)
        room.done_end[d] = until
        for step in range(n - first_j):
            # Whole pipelines first: what they beat need not be extended.
            j = n - 1 if step == 0 else first_j + step - 1
            room.begin[d, j] = top
            at, rows, first = (tree.kind[node], d, rest.of_node[node], j), labels, top
            if step == 0:
                rows, first = out, used_out
            rows, until, more, compared = _ending_at(asked, room, labels, rows, done, at, first)
            if step == 0:
                out, used_out = rows, until
                done, until = note_all(done, (since, room.done_end[d]), out.figures.T, out_start[node], used_out, plain)
                room.done_end[d] = until
            else:
                labels, top = rows, until
                if top > room.begin[d, j]:
                    _note_ideal(labels, room.begin[d, j], top, room.ideal, d * n + j)
                    room.filled[d, room.many[d]] = j
                    room.many[d] += 1
            made, work = made + more, work + compared
            room.end[d, j] = room.top[d] = top
            if made + work > comparing.budget:
                return out_start, out.figures[:, :0].T.copy(), out.cuts[:0], made, False
        for row in range(out_start[node], used_out):
            for stage in range(d, longest):
                out.cuts[row, stage] = 0
    out_start[len(tree.parent)] = used_out
    return out_start, out.figures[:, :used_out].T.copy(), out.cuts[:used_out], made, True


@inner()
def _of_whole(comparing: Comparing) -> Comparing:
    """How whole pipelines are compared: by latency in place of its parts."""
    beat, longest, width, breadth, slack, budget = comparing
    slack = np.array([law.pipeline_s(slack[0], slack[1], beat.number - 1 + beat.last), slack[2], slack[3]])
    return Comparing(beat, longest, width, breadth, slack, budget)


@inner()
def _room(n: int, longest: int) -> Room:
    begin, end = np.zeros((longest + 1, n), dtype=np.int64), np.zeros((longest + 1, n), dtype=np.int64)
    filled, many = np.zeros((longest + 1, n), dtype=np.int64), np.zeros(longest + 1, dtype=np.int64)
    many[0] = 1  # the empty label
    top, done_end, cuts = many * 0, many * 0, np.zeros(longest, dtype=np.int16)
    ideal, label = np.empty((CARRIED, (longest + 1) * n)), np.empty((1, CARRIED))
    return Room(begin, end, filled, many, top, done_end, ideal, label, np.empty((1, 3)), cuts, np.empty(3))


@inner()
def _empty(rows: int, width: int, longest: int) -> Labels:
    return Labels(
        np.empty((width, rows)), np.empty((rows, longest), dtype=np.int16), np.zeros((rows, 1), dtype=np.int64)
    )


@inner()
def _grown(labels: Labels, used: int) -> Labels:
    figures, cuts, beaten = labels
    wider = np.empty((len(figures), 2 * figures.shape[1]))
    for f in range(len(figures)):
        for i in range(used):
            wider[f, i] = figures[f, i]
    return Labels(wider, grown(cuts, used), grown(beaten, used))
