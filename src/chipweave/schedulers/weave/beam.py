"""Compiled: windows one after another, by a beam over how far each task has come.

A window is given a length; every task then goes as far as pays on so many chiplets in that time, and chiplets are
shared out by a knapsack. What was spent, and what is to be paid at the least (`prices.py`), say how good it is so far.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Floats, Ints, Shorts, Singles


class Game(NamedTuple):
    """What the beam plays with.

    Args:
        latency_s, joules_s, dram_s: [task, start, end, slot] of pipelines: seconds, what their joules are worth in
            seconds, seconds of DRAM; infinite where there is none.
        to_go: [prices, task, cut] what is to be paid from there on, at each of several prices; last: [task] the cut at
            the end.
        chiplets: [slot, group] in steps; what is left free is a slot too.
        parent: [task] the task it waits for, -1: none; limit_s: [task].
        lengths_s: [t] of windows that are tried; dram_price: [prices] of a second of DRAM.
    """

    latency_s: Floats
    joules_s: Floats
    dram_s: Floats
    to_go: Floats
    last: Ints
    chiplets: Ints
    parent: Ints
    limit_s: Floats
    lengths_s: Floats
    dram_price: Floats


class States(NamedTuple):
    """Schedules in the making, [bucket, place]: where each task is, [task]; what was spent so far, and what that comes
    to with the least that is to be paid yet; seconds; the prices at which that is most; bucket and place of the one
    before; and of the window between, per task its slot, -1: it pauses."""

    at: Ints
    spent_s: Floats
    whole_s: Floats
    elapsed_s: Floats
    prices: Ints
    before: Ints
    slot: Ints
    used: Ints
    done: Ints


class Ends(NamedTuple):
    """How far a task goes from a cut in a window of a length, [prices, task, start, t, slot]: the cut up to which it
    gains most, -1: nowhere; and what it gains."""

    cut: Shorts
    gain: Singles


@kernel(nogil=True)
def furthest(game: Game) -> Ends:
    """How far each task goes from everywhere in every window on every slot."""
    tasks, cuts, _, slots = game.latency_s.shape
    shape = (len(game.to_go), tasks, cuts, len(game.lengths_s), slots)
    found = Ends(np.full(shape, -1, np.int16), np.zeros(shape, np.float32))
    for k in range(len(game.to_go)):
        for m in range(tasks):
            for u in range(game.last[m]):
                for q in range(slots):
                    _furthest(game, (k, m, u, q), found.cut[k, m, u, :, q], found.gain[k, m, u, :, q])
    return found


@inner()
def _furthest(game: Game, at: tuple[int, int, int, int], cut: Shorts, most: Singles) -> None:
    k, m, u, q = at
    lengths = len(game.lengths_s)
    for e in range(u + 1, game.last[m] + 1):
        latency_s = game.latency_s[m, u, e, q]
        paid = game.joules_s[m, u, e, q] + game.dram_price[k] * game.dram_s[m, u, e, q]
        gain = np.float32(game.to_go[k, m, u] - game.to_go[k, m, e] - paid)
        for t in range(lengths - 1, -1, -1):
            if latency_s > game.lengths_s[t]:
                break
            if gain > most[t]:
                most[t], cut[t] = gain, e


class Room(NamedTuple):
    """What a knapsack works with.

    Args:
        gain: [tasks so far, slot] what these gain on its chiplets at most; took: [task, slot] what the last one has.
        first, caps: of slot q, in `caps` from `first[q]` to `first[q + 1]` - 1, the slots with its chiplets or more.
    """

    gain: Singles
    took: Ints
    first: Ints
    caps: Ints


@inner()
def _room(tasks: int, chiplets: Ints) -> Room:
    size, groups = chiplets.shape
    first, caps, count = np.zeros(size + 1, np.int64), np.zeros(size * size, np.int64), 0
    for q in range(size):
        for cap in range(q, size):
            fits = True
            for c in range(groups):
                fits = fits and chiplets[cap, c] >= chiplets[q, c]
            if fits:
                caps[count] = cap
                count += 1
        first[q + 1] = count
    return Room(np.zeros((tasks + 1, size), np.float32), np.zeros((tasks, size), np.int64), first, caps[:count])


@inner()
def _shared_out(game: Game, ends: Ends, at: Ints, window: tuple[int, int], room: Room, slot: Ints) -> None:
    """Give chiplets to tasks so that they gain most together, in a window (prices, length); slot [task]: what each got,
    -1: nothing."""
    tasks, slots, (k, t) = len(at), len(game.chiplets), window
    room.gain[0] = np.float32(0.0)
    for m in range(tasks):
        before, after, took, u = room.gain[m], room.gain[m + 1], room.took[m], at[m]
        for cap in range(slots):
            after[cap], took[cap] = before[cap], -1
        if u == game.last[m] or (game.parent[m] >= 0 and at[game.parent[m]] < game.last[game.parent[m]]):
            continue
        cut, gain = ends.cut[k, m, u, t], ends.gain[k, m, u, t]
        for q in range(slots):
            if cut[q] >= 0:
                for number in range(room.first[q], room.first[q + 1]):
                    cap = room.caps[number]
                    whole = before[cap - q] + gain[q]
                    if whole > after[cap]:
                        after[cap], took[cap] = whole, q
    cap = slots - 1
    for m in range(tasks - 1, -1, -1):
        slot[m] = room.took[m, cap]
        if slot[m] >= 0:
            cap -= slot[m]


@inner()
def _window(game: Game, ends: Ends, at: Ints, window: tuple[int, int], slot: Ints, to: Ints) -> tuple[float, float]:
    """Where the tasks are behind a window (prices, length), in `to`; its seconds, and what it spends."""
    seconds, dram_s, paid, (k, t) = 0.0, 0.0, 0.0, window
    for m in range(len(at)):
        to[m] = at[m]
        if slot[m] >= 0:
            e = int(ends.cut[k, m, at[m], t, slot[m]])
            to[m] = e
            seconds = max(seconds, game.latency_s[m, at[m], e, slot[m]])
            dram_s += game.dram_s[m, at[m], e, slot[m]]
            paid += game.joules_s[m, at[m], e, slot[m]]
    seconds = max(seconds, dram_s)
    return seconds, seconds + paid


@inner()
def _to_pay(game: Game, at: Ints) -> tuple[float, int]:
    """The least that is to be paid from where the tasks are, and at which prices that is most."""
    most, chosen = -1.0, 0
    for k in range(len(game.to_go)):
        left = 0.0
        for m in range(len(at)):
            left += game.to_go[k, m, at[m]]
        if left > most:
            most, chosen = left, k
    return most, chosen


@inner()
def _late(game: Game, at: Ints, to: Ints, elapsed_s: float, seconds: float) -> bool:
    """Whether a task is behind its limit after a window that began at `elapsed_s`."""
    for m in range(len(at)):
        if to[m] < game.last[m] and elapsed_s + seconds >= game.limit_s[m]:
            return True
        if to[m] == game.last[m] and at[m] < to[m] and elapsed_s + seconds > game.limit_s[m]:
            return True
    return False


@inner()
def _keep(states: States, bucket: int, to: Ints, whole_s: float) -> int:
    """The place in a bucket for a state, -1: others are better."""
    width, worst, place = states.whole_s.shape[1], -1.0, -1
    for k in range(states.used[bucket]):
        same = bucket < len(states.used) - 1  # of whole schedules all are kept
        for m in range(len(to)):
            if states.at[bucket, k, m] != to[m]:
                same = False
                break
        if same:
            return k if whole_s < states.whole_s[bucket, k] else -1
        if states.whole_s[bucket, k] > worst and not states.done[bucket, k]:
            worst, place = states.whole_s[bucket, k], k
    if states.used[bucket] < width:
        states.used[bucket] += 1
        return int(states.used[bucket] - 1)
    return place if whole_s < worst else -1


@kernel(nogil=True)
def walk(game: Game, ends: Ends, states: States) -> None:
    """Fill the buckets, from tasks that have not begun, in bucket 0, to those that all have ended, in the last."""
    tasks, buckets = len(game.last), len(states.used) - 1
    room = _room(tasks, game.chiplets)
    slot, to = np.zeros(tasks, np.int64), np.zeros(tasks, np.int64)
    total, states.prices[0, 0] = _to_pay(game, states.at[0, 0])
    states.used[0] = 1
    for bucket in range(buckets):
        while True:
            # Of one bucket, those with most to do go first: what follows them may fall into the same one.
            chosen, most = -1, -1.0
            for k in range(states.used[bucket]):
                left = states.whole_s[bucket, k] - states.spent_s[bucket, k]
                if states.done[bucket, k] == 0 and left > most:
                    chosen, most = k, left
            if chosen < 0:
                break
            states.done[bucket, chosen] = 1
            for t in range(len(game.lengths_s)):
                _step(game, ends, states, (bucket, chosen, t), total, room, slot, to)


@inner()
def _step(
    game: Game,
    ends: Ends,
    states: States,
    window: tuple[int, int, int],
    total: float,
    room: Room,
    slot: Ints,
    to: Ints,
) -> None:
    """Go on from a state (bucket, place) with a window of one of the lengths."""
    bucket, chosen, t = window
    buckets, at, asked = len(states.used) - 1, states.at[bucket, chosen], (states.prices[bucket, chosen], t)
    _shared_out(game, ends, at, asked, room, slot)
    seconds, spent_s = _window(game, ends, at, asked, slot, to)
    elapsed_s = states.elapsed_s[bucket, chosen]
    if seconds == 0.0 or _late(game, at, to, elapsed_s, seconds):
        return
    ended = True
    for m in range(len(to)):
        ended = ended and to[m] == game.last[m]
    left, prices = _to_pay(game, to)
    next_ = buckets if ended else min(buckets - 1, max(bucket, int(buckets * (1 - left / total))))
    spent_s += states.spent_s[bucket, chosen]
    place = _keep(states, next_, to, spent_s + left)
    if place < 0:
        return
    states.spent_s[next_, place], states.whole_s[next_, place] = spent_s, spent_s + left
    states.elapsed_s[next_, place], states.prices[next_, place] = elapsed_s + seconds, prices
    states.before[next_, place, 0], states.before[next_, place, 1] = bucket, chosen
    states.done[next_, place] = 0
    for m in range(len(to)):
        states.at[next_, place, m], states.slot[next_, place, m] = to[m], slot[m]
