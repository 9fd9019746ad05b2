"""Loop and Scan. Where all rounds are alike, the body is walked once and its layers are so many copies; where rounds
differ in sizes or in weights, it is walked as often as it runs."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chipweave.errors import InputError
from chipweave.workload.importers.onnx.order import captured_by, described
from chipweave.workload.importers.onnx.tensor import OnnxTensor, steers
from chipweave.workload.importers.view import (
    Shape,
    View,
    ViewKind,
    bounded,
    concatenate,
    constant,
    control,
    cut,
    fold,
    kind_of,
    made_of,
    with_pieces,
)

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from chipweave.workload.importers.onnx.graph import OnnxWalk, Scope, Tensors

Attributes = Mapping[str, Any]

MOST_ROUNDS_OF_NODES = 20_000
"""Nodes of a body times the rounds in which it is walked one by one; as many layers of a network nobody schedules."""

_PASSES = 4
"""Until what goes from round to round is the same before and after: values that are lost, then a kind or two."""


@dataclass(frozen=True)
class Body:
    """One round of a loop: its graph, and what stands around it."""

    walk: OnnxWalk
    graph: GraphProto
    node: NodeProto
    tensors: Tensors
    scope: Scope

    def not_followed(self, why: str) -> None:
        """Says why the loop is not costed."""
        self.walk.assembly.reasons.append(f"{described(self.node)} is not costed: {why}")


def loop(body: Body, inputs: Sequence[OnnxTensor | None]) -> list[OnnxTensor] | None:
    """What a Loop makes; None where its number of rounds depends on values that are not known."""
    most, start = (*inputs, None, None)[:2]
    limit = None if most is None or not most.integers else most.integers[0]
    if most is not None and limit is None:
        body.not_followed("its number of rounds is not known; --value NAME=VALUE gives the value of an input")
        return None
    state = [_truth() if start is None else start, *(tensor or OnnxTensor(constant(None)) for tensor in inputs[2:])]
    if not body.graph.output or len(body.graph.output) < len(state):
        raise InputError(f"{described(body.node)} hands back less than it takes; the file is damaged, export it again")
    alike, before = not _weights_vary(body), body.walk.trial()
    whole = None
    if alike and limit is not None and limit > 0 and state[0].integers == [1]:
        made = _all_at_once(body, state, (), limit)
        if made is not None and made[0].integers == [1]:
            whole = _after(made[1 : len(state)], made[len(state) :], limit)
            if body.walk.assembly.unsupported["If"] == before.assembly.unsupported["If"]:
                return whole
        after = body.walk.trial()
        body.walk.adopt(before)
    try:
        found = _one_by_one(body, state, limit)
    except InputError:
        if whole is None:
            raise
        found = None
    if whole is not None and (found is None or _leaves_out_more(found[0], after)):
        body.walk.adopt(after)
        return whole
    if found is None:
        body.not_followed(f"when it ends is not known, or it has more than {MOST_ROUNDS_OF_NODES:,} nodes in all")
        return None
    trial, rounds = found
    if alike and rounds and whole is None:  # the number of rounds is known now
        made = _all_at_once(body, [_truth(), *state[1:]], (), len(rounds), fixed=1)
        if made is not None:
            return _after(made[1 : len(state)], made[len(state) :], len(rounds))
    body.walk.adopt(trial)
    last = rounds[-1] if rounds else state
    stacked = [_side_by_side([made[at] for made in rounds], 0) for at in range(len(state), len(body.graph.output))]
    return [*last[1 : len(state)], *stacked]


def kept_sizes(body: Body, inputs: Sequence[OnnxTensor | None]) -> list[tuple[int, Shape | None]]:
    """Types and sizes of the state after a Loop of unknown rounds, where a round leaves them as they are; nothing
    elsewhere."""
    state = [_truth(), *(tensor or OnnxTensor(constant(None)) for tensor in inputs[2:])]
    before = body.walk.trial()
    try:
        made = _all_at_once(body, state, (), 1, fixed=1)
    except InputError:
        made = None
    body.walk.adopt(before)
    return [(tensor.element, tensor.shape) for tensor in (made or [])[1 : len(state)]]


def _leaves_out_more(a: OnnxWalk, b: OnnxWalk) -> bool:
    """Whether more branches are unknown in one walk than in another: which one runs may depend on the round."""
    return a.assembly.unsupported["If"] >= b.assembly.unsupported["If"]


def scan(body: Body, inputs: Sequence[OnnxTensor | None], attributes: Attributes) -> list[OnnxTensor] | None:
    """What a Scan makes: state that goes from round to round, and what the rounds make side by side."""
    if body.scope.versions.get("", 9) < 9:
        body.not_followed("Scan of operator sets before 9 has batches of its own; export the file with a later one")
        return None
    count = attributes.get("num_scan_inputs")
    given = [tensor or OnnxTensor(constant(None)) for tensor in inputs]
    if not isinstance(count, int) or not 0 < count <= len(given):
        raise InputError(f"{described(body.node)}: num_scan_inputs is {count}; the file is damaged, export it again")
    if len(body.graph.output) < len(given) - count:
        raise InputError(f"{described(body.node)} hands back less than it takes; the file is damaged, export it again")
    state, sources = given[:-count], given[-count:]
    axes = _axes(attributes, "scan_input_axes", sources)
    if axes is None:
        body.not_followed("the size of what it goes through is not known")
        return None
    lengths = {tensor.shape[axis] for tensor, axis in zip(sources, axes, strict=True) if tensor.shape is not None}
    if len(lengths) != 1 or not min(lengths):
        body.not_followed(f"what it goes through has {' and '.join(map(str, sorted(lengths)))} entries")
        return None
    (trips,) = lengths
    outputs = len(body.graph.output) - len(state)
    into = [*_listed(attributes, "scan_output_axes"), *[0] * outputs]
    if not any(_has_weights(tensor) for tensor in sources):
        each = [_any_entry(tensor, axis) for tensor, axis in zip(sources, axes, strict=True)]
        made = _all_at_once(body, state, each, trips)
        if made is not None:
            return _after(made[: len(state)], made[len(state) :], trips, into)
    backward = [*_listed(attributes, "scan_input_directions"), *[0] * count]
    entries = [
        [_entry(tensor, axes[i], trips - 1 - at if backward[i] else at) for i, tensor in enumerate(sources)]
        for at in range(trips if trips * len(body.graph.node) <= MOST_ROUNDS_OF_NODES else 0)
    ]
    found = _one_by_one(body, state, trips, entries) if entries else None
    if found is None:
        body.not_followed(f"its rounds differ, and it has more than {MOST_ROUNDS_OF_NODES:,} nodes in all")
        return None
    trial, rounds = found
    body.walk.adopt(trial)
    stacked = [_side_by_side([made[len(state) + at] for made in rounds], into[at]) for at in range(outputs)]
    return [*rounds[-1][: len(state)], *stacked]


def _all_at_once(
    body: Body, state: Sequence[OnnxTensor], entries: Sequence[OnnxTensor], trips: int, fixed: int = 0
) -> list[OnnxTensor] | None:
    """One round, walked so that its layers stand for all; None where a size changes from round to round.

    Args:
        entries: what each round gets of its own. Without, it gets its number.
        fixed: so many tensors of the state are the same in each round, whatever the body makes of them.
    """
    walk, times = body.walk, body.walk.assembly.times
    names = [name for name in captured_by(body.node) if name in body.tensors]
    around = {name: _bounded(body.tensors[name], times) for name in names}
    tensors: Tensors = ChainMap({}, around, body.tensors)
    carried = [_bounded(tensor, times) for tensor in state]
    for _ in range(_PASSES):
        trial = walk.trial()
        trial.assembly.times = times * trips
        given = [*carried, *entries] if entries else [_number(None), *carried]
        made = trial.subgraph(body.graph, body.node, given, tensors, body.scope)
        walk.spend(trial)
        pairs = zip(carried[fixed:], made[fixed : len(carried)], strict=True)
        joined = [*carried[:fixed], *(_joined(before, after) for before, after in pairs)]
        kept = [tensor for tensor in joined if tensor is not None]
        if len(kept) < len(joined):
            return None
        if all(a is b for a, b in zip(kept, carried, strict=True)):
            trial.assembly.times = times
            walk.adopt(trial)
            return [*carried[:fixed], *made[fixed:]]
        carried = kept
    return None


def _joined(before: OnnxTensor, after: OnnxTensor) -> OnnxTensor | None:
    """What holds of a tensor of the state in every round, of which one makes `after` of `before`; None where its size
    changes. The same as `before` where nothing was lost."""
    if before.shape != after.shape or before.shape is None:
        return None
    values = before.values
    if values is not None and (after.values is None or not (values == after.values).all()):
        values = None
    kind = kind_of((before.view, after.view))
    if kind is ViewKind.CONSTANT and values is None and before.values is not None and steers(before.element):
        kind = ViewKind.CONTROL
    if kind is before.view.kind and values is before.values:
        return before
    if kind is before.view.kind:
        return replace(before, values=values)
    view = made_of((), before.shape) if kind is ViewKind.ACTIVATION else View(kind, before.shape)
    return OnnxTensor(view, before.element, values if kind is not ViewKind.ACTIVATION else None)


def _one_by_one(
    body: Body, state: Sequence[OnnxTensor], limit: int | None, entries: Sequence[Sequence[OnnxTensor]] = ()
) -> tuple[OnnxWalk, list[list[OnnxTensor]]] | None:
    """What each round makes, and the walk that has its layers; None where it is not known whether there is another
    round, or there are too many."""
    trial, rounds = body.walk.trial(), list[list[OnnxTensor]]()
    carried, length = list(state), max(1, len(body.graph.node))
    while limit is None or len(rounds) < limit:
        if not entries:
            goes_on = carried[0].integers
            if goes_on == [0]:
                break
            if goes_on is None:
                rounds.clear()
                break
        if (len(rounds) + 1) * length > MOST_ROUNDS_OF_NODES:
            rounds.clear()
            break
        given = [*carried, *entries[len(rounds)]] if entries else [_number(len(rounds)), *carried]
        rounds.append(trial.subgraph(body.graph, body.node, given, body.tensors, body.scope))
        carried = rounds[-1][: len(carried)]
    body.walk.spend(trial)
    ended = limit == 0 or state[0].integers == [0] if state and not entries else False
    return (trial, rounds) if rounds or ended else None


def _weights_vary(body: Body) -> bool:
    """Whether rounds take different weights: entries of a stored tensor by the number of the round."""
    numbers = {body.graph.input[0].name} if body.graph.input else set()
    stored = {proto.name: (len(proto.dims), proto.data_type) for proto in body.graph.initializer}
    known = set(stored) | {name for name, tensor in body.tensors.items() if tensor.view.kind is ViewKind.CONSTANT}
    for node in body.graph.node:
        names = [name for name in node.input if name]
        if any(name in numbers for name in names[1:]) and names[0] in known:
            rank, element = stored.get(names[0]) or _rank(body.tensors.get(names[0]))
            least = 3 if node.op_type == "Gather" else 2
            picks = node.op_type in ("Gather", "GatherElements", "GatherND", "Slice")
            if picks and rank >= least and not steers(element):
                return True
        if all(name in known or name in numbers for name in names):
            (numbers if any(name in numbers for name in names) else known).update(node.output)
    return False


def _rank(tensor: OnnxTensor | None) -> tuple[int, int]:
    return (len(tensor.shape or ()), tensor.element) if tensor is not None else (0, 0)


def _has_weights(tensor: OnnxTensor) -> bool:
    """Whether the entries of a tensor may be matrices of weights, a different one for each round."""
    stored = tensor.view.kind is ViewKind.CONSTANT and not steers(tensor.element)
    return stored and len(tensor.shape or ()) > 2


def _after(
    state: Sequence[OnnxTensor], made: Sequence[OnnxTensor], trips: int, axes: Sequence[int] = ()
) -> list[OnnxTensor]:
    """What is there after all rounds: the state of the last one, and what all made."""
    left = [replace(tensor, values=None) if steers(tensor.element) else tensor for tensor in state]
    return [*left, *(_of_all(tensor, trips, axes[at] if axes else 0) for at, tensor in enumerate(made))]


def _of_all(tensor: OnnxTensor, trips: int, axis: int) -> OnnxTensor:
    shape = _with_axis(tensor.shape, trips, axis)
    view = replace(tensor.view, shape=shape, axis=None, stored="")
    view = with_pieces(view, lambda piece: replace(piece, elements=piece.elements * trips))
    return OnnxTensor(fold((view,), shape) if view.parts else view, tensor.element)


def _side_by_side(tensors: Sequence[OnnxTensor], axis: int) -> OnnxTensor:
    shapes = {tensor.shape for tensor in tensors}
    shape = _with_axis(next(iter(shapes)), len(tensors), axis) if len(shapes) == 1 else None
    if not tensors or shape is None:
        return OnnxTensor(fold([tensor.view for tensor in tensors], None))
    axis %= len(shape)
    views = [replace(fold((t.view,), t.shape), shape=_with_axis(t.shape, 1, axis), axis=None) for t in tensors]
    return OnnxTensor(concatenate(views, axis, shape), tensors[0].element)


def _with_axis(shape: Shape | None, size: int, axis: int) -> Shape | None:
    if shape is None:
        return None
    at = axis % (len(shape) + 1)
    return *shape[:at], size, *shape[at:]


def _axes(attributes: Attributes, key: str, tensors: Sequence[OnnxTensor]) -> list[int] | None:
    """Of each tensor the axis that a Scan goes along, counted from 0."""
    given = _listed(attributes, key) or [0] * len(tensors)
    ranks = [len(tensor.shape) if tensor.shape is not None else 0 for tensor in tensors]
    fits = len(given) == len(ranks) and all(-rank <= axis < rank for axis, rank in zip(given, ranks, strict=True))
    return [axis % rank for axis, rank in zip(given, ranks, strict=True)] if fits else None


def _listed(attributes: Attributes, key: str) -> list[int]:
    given = attributes.get(key)
    return given if isinstance(given, list) else []


def _any_entry(tensor: OnnxTensor, axis: int) -> OnnxTensor:
    """One entry, of which every round gets another."""
    return replace(_entry(tensor, axis, 0), values=None)


def _entry(tensor: OnnxTensor, axis: int, at: int) -> OnnxTensor:
    assert tensor.shape is not None
    shape = tensor.shape[:axis] + tensor.shape[axis + 1 :]
    view = cut(tensor.view, axis, at, 1, (*tensor.shape[:axis], 1, *tensor.shape[axis + 1 :]))
    values = None if tensor.values is None else tensor.values.take(at, axis)
    return OnnxTensor(replace(fold((view,), shape), stored=""), tensor.element, values)


def _bounded(tensor: OnnxTensor, times: int) -> OnnxTensor:
    return replace(tensor, view=bounded(tensor.view, times)) if tensor.is_activation else tensor


def _number(at: int | None) -> OnnxTensor:
    """Of a round; None where it stands for each."""
    import numpy as np
    from onnx import TensorProto

    if at is None:
        return OnnxTensor(control(()), TensorProto.INT64)
    return OnnxTensor(constant(()), TensorProto.INT64, np.array(at, np.int64))


def _truth() -> OnnxTensor:
    import numpy as np
    from onnx import TensorProto

    return OnnxTensor(constant(()), TensorProto.BOOL, np.array(True))
