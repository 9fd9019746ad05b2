"""SCHED's scheduling trees: which chiplets the stages of a pipeline may visit (SCAR IV-D).

A subtree is rooted at a chiplet; its edges are links; a path from the root visits a chiplet once. What a stage
costs depends on its place only through the *kind* of place: (chiplet class, way to DRAM). Paths with the same
sequence of kinds therefore cost the same, and the trees of all roots fold into one small tree of kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.tables.bench import Kind
from chipweave.hardware.package import Package
from chipweave.ndarrays import Ints


class Tree(NamedTuple):
    """A tree of places in depth-first order (`KindTree`), per node; tail: the node of the path without its first
    place, reverse: that of the path from its end (-1: not in the tree)."""

    parent: Ints
    kind: Ints
    depth: Ints
    children: Ints
    tail: Ints
    reverse: Ints


class Onward(NamedTuple):
    """How paths may go on from the nodes of a tree, up to a number of stages. Nodes below which the tree looks alike go
    on the same way.

    Args:
        of_node: [nodes] each node's way; -1 beyond the longest path.
        begin: [ways + 1] each way's steps in `kind` and `to`: the kind of place that comes next, and the way to go on
            from there. A way comes behind those it leads to; the last one is that of the empty path.
    """

    of_node: Ints
    begin: Ints
    kind: Ints
    to: Ints


@dataclass(frozen=True)
class KindTree:
    """All sequences of kinds that simple paths realise, as a tree in depth-first order.

    Args:
        kinds: the distinct kinds.
        parent, kind, depth, children: per node: parent (-1 at depth 1), index into `kinds`, number of stages,
            number of children.
        paths: per node, the paths that realise it, ascending.
        complete: False where there were more paths than asked for.
    """

    kinds: tuple[Kind, ...]
    parent: tuple[int, ...]
    kind: tuple[int, ...]
    depth: tuple[int, ...]
    children: tuple[int, ...]
    paths: tuple[tuple[tuple[int, ...], ...], ...]
    complete: bool

    @cached_property
    def arrays(self) -> Tree:
        """The tree for the kernels."""
        sequences: list[tuple[int, ...]] = []
        for parent, kind in zip(self.parent, self.kind, strict=True):
            sequences.append((*(sequences[parent] if parent >= 0 else ()), kind))
        at = {sequence: node for node, sequence in enumerate(sequences)}
        tail = [at.get(sequence[1:], -1) for sequence in sequences]
        reverse = [at.get(sequence[::-1], -1) for sequence in sequences]
        each = self.parent, self.kind, self.depth, self.children, tail, reverse
        return Tree(*(np.array(values, dtype=np.int64) for values in each))

    def onward(self, longest: int) -> Onward:
        """How its paths of up to `longest` stages may go on."""
        if longest not in self._onward:
            self._onward[longest] = onward(self.arrays, longest)
        return self._onward[longest]

    @cached_property
    def _onward(self) -> dict[int, Onward]:
        return {}

    @cached_property
    def paths_by_mask(self) -> tuple[dict[int, list[tuple[int, ...]]], ...]:
        """Per node, its paths by the set of chiplets they use, a bit each; sets ascending."""
        made = []
        for paths in self.paths:
            by_mask: dict[int, list[tuple[int, ...]]] = {}
            for path in paths:
                by_mask.setdefault(sum(1 << chiplet for chiplet in path), []).append(path)
            made.append(dict(sorted(by_mask.items())))
        return tuple(made)


def onward(tree: Tree, longest: int) -> Onward:
    """How paths of up to `longest` stages may go on from each node."""
    steps: list[set[tuple[int, int]]] = [set() for _ in range(len(tree.parent) + 1)]  # the last one: the empty path's
    ways: dict[tuple[tuple[int, int], ...], int] = {}
    of_node = np.full(len(tree.parent), -1, dtype=np.int64)
    for node in range(len(tree.parent) - 1, -1, -1):  # children come behind their parent
        if tree.depth[node] <= longest:
            of_node[node] = ways.setdefault(tuple(sorted(steps[node])), len(ways))
            steps[tree.parent[node]].add((int(tree.kind[node]), int(of_node[node])))
    ways.setdefault(tuple(sorted(steps[-1])), len(ways))
    every = [step for way in ways for step in way]
    begin = np.cumsum([0, *map(len, ways)])
    kind, to = (np.array([step[at] for step in every], dtype=np.int64) for at in range(2))
    return Onward(of_node, begin, kind, to)


def simple_paths(package: Package, longest: int) -> Iterator[tuple[int, ...]]:
    """Every directed path of 1 to `longest` distinct chiplets along links: constrained depth-first search."""
    stack: list[tuple[int, ...]] = [(root,) for root in reversed(range(len(package.chiplets)))]
    while stack:
        path = stack.pop()
        yield path
        if len(path) < longest:
            stack += [(*path, near) for near in reversed(package.neighbours[path[-1]]) if near not in path]


def kind_tree(package: Package, longest: int, most_paths: int) -> KindTree:
    """The tree of kinds of all simple paths of up to `longest` chiplets; stops after `most_paths` paths."""
    kind_of = [(package.class_of[c], package.dram_way(c)) for c in range(len(package.chiplets))]
    kinds = tuple(sorted(set(kind_of)))
    number = [kinds.index(kind) for kind in kind_of]
    realised: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    complete = True
    for count, path in enumerate(simple_paths(package, longest)):
        if count >= most_paths:
            complete = False
            break
        realised.setdefault(tuple(number[chiplet] for chiplet in path), []).append(path)
    sequences = sorted(realised)  # a prefix sorts before what it begins: depth-first order
    index = {sequence: i for i, sequence in enumerate(sequences)}
    parent = tuple(index.get(sequence[:-1], -1) for sequence in sequences)
    children = [0] * len(sequences)
    for node in parent:
        if node >= 0:
            children[node] += 1
    return KindTree(
        kinds,
        parent,
        tuple(sequence[-1] for sequence in sequences),
        tuple(len(sequence) for sequence in sequences),
        tuple(children),
        tuple(tuple(sorted(realised[sequence])) for sequence in sequences),
        complete,
    )
