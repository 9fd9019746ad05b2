"""Branches and loops that tracing leaves as they are: `torch.cond`, `torch.while_loop` and `scan`.

The layers of a round stand for all rounds, as so many copies with the weights of one. Of a branch, the layers count
where both sides make the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from chipweave.workload.importers.assembly import legal_name
from chipweave.workload.importers.torch.graph import Body, Node, Ref
from chipweave.workload.importers.torch.walk import Made, Walk
from chipweave.workload.importers.view import (
    Shape,
    View,
    ViewKind,
    bounded,
    cut,
    fold,
    kind_of,
    made_of,
    with_pieces,
)
from chipweave.workload.layer import Layer

_PASSES = 4
"""Until what goes from round to round is of one kind: constants that become activations, then what follows."""


def scan(walk: Walk, node: Node) -> Made:
    """A state that goes from round to round, and entries of tensors, one each round, along their first axis."""
    given = [node.arguments.get(str(position)) for position in (1, 2)]
    state, sources = (walk.views(ref.name for ref in each if isinstance(ref, Ref)) for each in map(_listed, given))
    if node.trips is None or any(view.shape is None for view in sources):
        return _left_out(walk, node, "what it goes through is of unknown size")
    entries = []
    for view in sources:
        assert view.shape is not None
        one = view.shape[1:]
        entries.append(replace(fold((cut(view, 0, 0, 1, (1, *one)),), one), stored=""))
    return _rounds(walk, node, node.bodies[-1], state, entries)


def while_loop(walk: Walk, node: Node) -> Made:
    """A state that goes from round to round, as often as its counters say."""
    if node.trips is None:
        return _left_out(walk, node, "its number of rounds depends on values")
    state = walk.views(ref.name for ref in _listed(node.arguments.get("2")) if isinstance(ref, Ref))
    if not node.trips:
        return [unchanged for unchanged, _ in zip(state, node.outputs, strict=False)]
    return _rounds(walk, node, node.bodies[-1], state, [])


def branch(walk: Walk, node: Node) -> Made:
    """One side, where both make layers of the same sizes."""
    before, found = walk.assembly.copy(), []
    for body in node.bodies:
        walk.assembly.become(before.copy())
        walk.run(body.nodes)
        found.append((walk.assembly.copy(), walk.items(Ref(body.nodes[-1].name))))
    walk.assembly.become(before)
    sides = [made.layers[before.layer_count :] for made, _ in found]
    if len(sides) != 2 or _sizes(sides[0]) != _sizes(sides[1]) or found[0][0].unsupported != found[1][0].unsupported:
        counts = " and ".join(f"{sum(layer.macs for layer in side):,}" for side in sides)
        return _left_out(walk, node, f"its branches make {counts} multiply-accumulates, and which runs is a value")
    walk.assembly.become(found[0][0])
    if sides[0]:
        name = legal_name(walk.label(node))
        walk.assembly.notes.append(f"of the branches of '{name}', which are of the same sizes, one counts")
    return found[0][1]


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]


def _left_out(walk: Walk, node: Node, why: str) -> Made:
    walk.assembly.reasons.append(f"'{legal_name(walk.label(node))}' ({node.operator}) is not costed: {why}")
    return walk.leave_out(node, walk.views(node.refs))


def _sizes(layers: Sequence[Layer]) -> Counter[Layer]:
    return Counter(replace(layer, name="layer", shares="") for layer in layers)


def _rounds(walk: Walk, node: Node, body: Body, state: Sequence[View], entries: Sequence[View]) -> Made:
    """What is there after all rounds: the state of the last one, and what all made side by side."""
    assembly, trips = walk.assembly, node.trips or 1
    times, before = assembly.times, assembly.copy()
    around = {name: walk.view(Ref(name)) for name in _read_from_around(body)}
    carried = [bounded(view, times) for view in state]
    items: list[View] = []
    for _ in range(_PASSES):
        assembly.become(before.copy())
        assembly.times = times * trips
        for name, view in [*zip(body.inputs, [*carried, *entries], strict=False), *_bounded(around, times)]:
            walk.give(name, view)
        walk.run(body.nodes)
        items = walk.items(Ref(body.nodes[-1].name))
        kinds = [kind_of((was, now)) for was, now in zip(carried, items, strict=False)]
        if kinds == [view.kind for view in carried]:
            break
        carried = [_of_kind(view, kind) for view, kind in zip(carried, kinds, strict=True)]
    assembly.times = times
    for name, view in around.items():
        walk.give(name, view)
    last = len(carried)
    each = zip(items[last:], node.outputs[last:], strict=False)
    return [*items[:last], *(_of_all(view, trips, output.shape) for view, output in each)]


def _read_from_around(body: Body) -> list[str]:
    own = {*body.inputs, *(node.name for node in body.nodes)}
    return list(dict.fromkeys(name for node in body.nodes for name in node.refs if name not in own))


def _bounded(around: dict[str, View], times: int) -> list[tuple[str, View]]:
    """What rounds read of the activations around them is read from there once."""
    return [(name, bounded(view, times)) for name, view in around.items() if view.kind is ViewKind.ACTIVATION]


def _of_kind(view: View, kind: ViewKind) -> View:
    if view.kind is kind:
        return view
    return made_of((), view.shape) if kind is ViewKind.ACTIVATION else View(kind, view.shape)


def _of_all(view: View, trips: int, shape: Shape | None) -> View:
    """What all rounds made of this."""
    whole = replace(view, shape=shape, axis=None, stored="")
    whole = with_pieces(whole, lambda piece: replace(piece, elements=piece.elements * trips))
    return fold((whole,), shape) if whole.parts else whole
