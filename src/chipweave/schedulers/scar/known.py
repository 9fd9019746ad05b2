"""Whole pipelines by latency: what labels can never become better than."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.scar.comparing import Comparing, grown
from chipweave.schedulers.scar.trees import Tree


class Known(NamedTuple):
    """Whole pipelines that are known already: those on node k's places, or on some of them, are rows begin[k] to
    end[k]: latency_s, energy_j, dram_bytes; by latency."""

    begin: Ints
    end: Ints
    figures: Floats


def nothing_known(nodes: int) -> Known:
    """No pipelines."""
    none = np.zeros(nodes, dtype=np.int64)
    return Known(none, none, np.empty((0, 3)))


@kernel(nogil=True)
def known_on(tree: Tree, start: Ints, figures: Floats) -> Known:
    """For every node, the fastest and cheapest of the pipelines that are on its places or on some of them.

    Args:
        start: [nodes + 1] of each node's pipelines in `figures` [m, 3].
    """
    nodes = len(tree.parent)
    begin, end = np.zeros(nodes, dtype=np.int64), np.zeros(nodes, dtype=np.int64)
    known, top = np.empty((1024, 3)), 0
    for depth in range(1, tree.depth.max() + 1):
        for node in range(nodes):
            if tree.depth[node] != depth:
                continue
            until = top
            for near in (tree.parent[node], tree.tail[node]):
                if near >= 0:
                    known, until = note_all(known, (top, until), known, begin[near], end[near], True)
            for same in (node, tree.reverse[node]):
                if same >= 0:
                    known, until = note_all(known, (top, until), figures, start[same], start[same + 1], True)
            begin[node], end[node], top = top, until, until
    return Known(begin, end, known[:top].copy())


@inner()
def is_plain(comparing: Comparing) -> bool:
    """Whether whole pipelines are compared by latency and energy alone, and one that beats another is enough."""
    return bool(comparing.breadth == 1 and (comparing.width < 4 or comparing.slack[2] == np.inf))


@inner()
def is_beaten(known: Floats, begin: int, end: int, least: Floats, comparing: Comparing, plain: bool) -> bool:
    """Do `breadth` whole pipelines on a part of the path beat all that a label can become, which has at least these
    figures (latency, joules, DRAM bytes)? Plain: then of those that are fast enough the slowest takes least energy."""
    count, slack = 0, comparing.slack
    at = _behind(known, begin, end, least[0] + slack[0]) - 1
    while at >= begin:
        if known[at, 1] <= least[1] + slack[1] and (comparing.width < 4 or known[at, 2] <= least[2] + slack[2]):
            count += 1
            if count >= comparing.breadth:
                return True
        if plain:
            return False
        at -= 1
    return False


@inner()
def _behind(figures: Floats, begin: int, end: int, latency_s: float) -> int:
    """Of rows by latency, the first that is slower."""
    while begin < end:
        middle = (begin + end) // 2
        if figures[middle, 0] <= latency_s:
            begin = middle + 1
        else:
            end = middle
    return begin


@inner()
def note_all(known: Floats, at: tuple[int, int], rows: Floats, begin: int, end: int, plain: bool) -> tuple[Floats, int]:
    """`_note` of many rows, from rows at[0] to at[1]: (the array, which may have grown; the new end)."""
    until = at[1]
    while until + end - begin + 1 >= len(known):
        known = grown(known, until)
    for row in range(begin, end):
        until = _note(known, at[0], until, rows, row, plain)
    return known, until


@inner()
def _note(known: Floats, begin: int, end: int, row: Floats, at: int, plain: bool) -> int:
    """Put row `at` among those from begin to end, by latency; if plain, only the front stays. Returns the new end.
    There is room for one more."""
    where = _behind(known, begin, end, row[at, 0])
    if plain and where > begin and known[where - 1, 1] <= row[at, 1]:
        return end
    upto = where
    if plain:
        while upto < end and known[upto, 1] >= row[at, 1]:
            upto += 1
    moved = 1 - (upto - where)
    if moved == 1:
        for k in range(end - 1, upto - 1, -1):
            for f in range(3):
                known[k + 1, f] = known[k, f]
    elif moved < 0:
        for k in range(upto, end):
            for f in range(3):
                known[k + moved, f] = known[k, f]
    for f in range(3):
        known[where, f] = row[at, f]
    return end + moved
