"""Compiled: windows one after another, by a beam over how far each task has come.

A window is given a length; every task then goes as far as pays on so many chiplets in that time, and chiplets are
shared out by a knapsack. What a schedule loses against the prices (`prices.py`) says how good it is so far.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Floats, Ints


class Game(NamedTuple):
    """What the beam plays with.

    Args:
        latency_s, joules_s, dram_s: [task, start, end, slot] of pipelines: seconds, what their joules are worth in
            seconds, seconds of DRAM; infinite where there is none.
        to_go: [task, cut] what is to be paid from there on; last: [task] the cut at the end.
        chiplets: [slot, group] in steps; what is left free is a slot too.
        parent: [task] the task it waits for, -1: none; limit_s: [task].
        lengths_s: [t] of windows that are tried; dram_price: of a second of DRAM.
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
    dram_price: float


class States(NamedTuple):
    """Schedules in the making, [bucket, place]: where each task is, [task]; what is lost so far; seconds; bucket and
    place of the one before; and of the window between, per task its slot, -1: it pauses."""

    at: Ints
    loss_s: Floats
    elapsed_s: Floats
    before: Ints
    slot: Ints
    used: Ints
    done: Ints


@kernel(nogil=True)
def furthest(game: Game) -> Ints:
    """[task, start, slot, t] the end up to which a task gains most in a window of each length; -1: nowhere."""
    tasks, cuts, _, slots = game.latency_s.shape
    found = np.full((tasks, cuts, slots, len(game.lengths_s)), -1, np.int64)
    for m in range(tasks):
        for u in range(game.last[m]):
            for q in range(slots):
                for t in range(len(game.lengths_s)):
                    most = 0.0
                    for e in range(u + 1, game.last[m] + 1):
                        if game.latency_s[m, u, e, q] <= game.lengths_s[t]:
                            paid = game.joules_s[m, u, e, q] + game.dram_price * game.dram_s[m, u, e, q]
                            gain = game.to_go[m, u] - game.to_go[m, e] - paid
                            if gain > most:
                                most, found[m, u, q, t] = gain, e
    return found


@inner()
def _shared_out(game: Game, ends: Ints, at: Ints, t: int, room: tuple[Floats, Ints], slot: Ints) -> None:
    """Give chiplets to tasks so that they gain most together; slot [task]: what each got, -1: nothing."""
    tasks, slots, (gain, took) = len(at), len(game.chiplets), room
    size = gain.shape[1]
    for cap in range(size):
        gain[0, cap] = 0.0
    for m in range(tasks):
        for cap in range(size):
            gain[m + 1, cap], took[m, cap] = gain[m, cap], -1
        u = at[m]
        if u == game.last[m] or (game.parent[m] >= 0 and at[game.parent[m]] < game.last[game.parent[m]]):
            continue
        for q in range(slots):
            e = ends[m, u, q, t]
            if e < 0:
                continue
            more = game.to_go[m, u] - game.to_go[m, e] - game.joules_s[m, u, e, q]
            more -= game.dram_price * game.dram_s[m, u, e, q]
            for cap in range(q, size):
                fits = True
                for c in range(game.chiplets.shape[1]):
                    fits = fits and game.chiplets[cap, c] >= game.chiplets[q, c]
                if fits and gain[m, cap - q] + more > gain[m + 1, cap]:
                    gain[m + 1, cap], took[m, cap] = gain[m, cap - q] + more, q
    cap = size - 1
    for m in range(tasks - 1, -1, -1):
        slot[m] = took[m, cap]
        if slot[m] >= 0:
            cap -= slot[m]


@inner()
def _window(game: Game, ends: Ints, at: Ints, t: int, slot: Ints, to: Ints) -> tuple[float, float]:
    """Where the tasks are behind a window, in `to`; its seconds, and what it loses."""
    seconds = dram_s = paid = 0.0
    for m in range(len(at)):
        to[m] = at[m]
        if slot[m] >= 0:
            e = ends[m, at[m], slot[m], t]
            to[m] = e
            seconds = max(seconds, game.latency_s[m, at[m], e, slot[m]])
            dram_s += game.dram_s[m, at[m], e, slot[m]]
            paid += game.joules_s[m, at[m], e, slot[m]] - game.to_go[m, at[m]] + game.to_go[m, e]
    seconds = max(seconds, dram_s)
    return seconds, seconds + paid


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
def _keep(states: States, bucket: int, to: Ints, loss_s: float) -> int:
    """The place in a bucket for a state, -1: others are better."""
    width, worst, place = states.loss_s.shape[1], -1.0, -1
    for k in range(states.used[bucket]):
        same = bucket < len(states.used) - 1  # of whole schedules all are kept
        for m in range(len(to)):
            if states.at[bucket, k, m] != to[m]:
                same = False
                break
        if same:
            return k if loss_s < states.loss_s[bucket, k] else -1
        if states.loss_s[bucket, k] > worst and not states.done[bucket, k]:
            worst, place = states.loss_s[bucket, k], k
    if states.used[bucket] < width:
        states.used[bucket] += 1
        return int(states.used[bucket] - 1)
    return place if loss_s < worst else -1


@kernel(nogil=True)
def walk(game: Game, ends: Ints, states: States) -> None:
    """Fill the buckets, from tasks that have not begun, in bucket 0, to those that all have ended, in the last."""
    tasks, buckets = len(game.last), len(states.used) - 1
    size = len(game.chiplets)
    room = np.zeros((tasks + 1, size)), np.zeros((tasks, size), np.int64)
    slot, to = np.zeros(tasks, np.int64), np.zeros(tasks, np.int64)
    total = 0.0
    for m in range(tasks):
        total += game.to_go[m, 0]
    states.used[0] = 1
    for bucket in range(buckets):
        while True:
            # Of one bucket, those with most to do go first: what follows them may fall into the same one.
            chosen, most = -1, -1.0
            for k in range(states.used[bucket]):
                if states.done[bucket, k] == 0:
                    left = 0.0
                    for m in range(tasks):
                        left += game.to_go[m, states.at[bucket, k, m]]
                    if left > most:
                        chosen, most = k, left
            if chosen < 0:
                break
            states.done[bucket, chosen] = 1
            at = states.at[bucket, chosen]
            for t in range(len(game.lengths_s)):
                _shared_out(game, ends, at, t, room, slot)
                seconds, loss_s = _window(game, ends, at, t, slot, to)
                elapsed_s = states.elapsed_s[bucket, chosen]
                if seconds == 0.0 or _late(game, at, to, elapsed_s, seconds):
                    continue
                left, ended = 0.0, True
                for m in range(tasks):
                    left += game.to_go[m, to[m]]
                    ended = ended and to[m] == game.last[m]
                next_ = buckets if ended else min(buckets - 1, max(bucket, int(buckets * (1 - left / total))))
                loss_s += states.loss_s[bucket, chosen]
                place = _keep(states, next_, to, loss_s)
                if place < 0:
                    continue
                states.loss_s[next_, place], states.elapsed_s[next_, place] = loss_s, elapsed_s + seconds
                states.before[next_, place, 0], states.before[next_, place, 1] = bucket, chosen
                states.done[next_, place] = 0
                for m in range(tasks):
                    states.at[next_, place, m] = to[m]
                    states.slot[next_, place, m] = slot[m]
