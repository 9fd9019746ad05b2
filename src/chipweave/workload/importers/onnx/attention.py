"""Attention as one operator: ONNX's own, and those of ONNX Runtime. Each becomes two products of activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chipweave.workload.importers.assembly import Assembly, Operand
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor
from chipweave.workload.importers.view import Shape, View, concatenate, cut, fold, made_of, unary

Made = View | tuple[View, ...] | None


@dataclass(frozen=True, slots=True)
class Heads:
    """A query, key or value with its sizes."""

    view: View
    samples: int
    heads: int
    rows: int
    inner: int

    @property
    def shape(self) -> Shape:
        """As caches have it."""
        return self.samples, self.heads, self.rows, self.inner


def heads_of(tensor: OnnxTensor | None, heads: int) -> Heads | None:
    """Of N x heads x rows x inner, or of N x rows x (heads * inner); None of anything else."""
    if tensor is None or tensor.shape is None:
        return None
    match tensor.shape:
        case (samples, count, rows, inner):
            return Heads(tensor.view, samples, count, rows, inner)
        case (samples, rows, width) if heads > 0 and width % heads == 0:
            return Heads(tensor.view, samples, heads, rows, width // heads)
    return None


def attended(
    assembly: Assembly, call: Call, query: Heads, key: Heads, value: Heads, mask: OnnxTensor | None = None
) -> View | None:
    """Scores of every query with every key, and their mix of the values. Heads of queries that share a key are rows of
    the same product, so that keys and values count once. A computed mask travels with the keys."""
    if not key.heads or query.heads % key.heads or key.inner != query.inner or value.rows != key.rows:
        return None
    keys = key.view
    if mask is not None and mask.is_activation:
        keys = made_of((*keys.pieces, *mask.view.pieces), keys.shape)
    return assembly.attention(
        call.name, query.view, keys, value.view, heads=query.samples * key.heads,
        rows=query.rows * (query.heads // key.heads), columns=key.rows, inner=query.inner, value_inner=value.inner,
        shape=call.shape or (query.samples, query.rows, query.heads * value.inner),
    )  # fmt: skip


def with_past(new: Heads, past: OnnxTensor | None, rows: int = 0) -> Heads:
    """Keys or values behind those of earlier rounds.

    Args:
        rows: in all, where that is known: a cache may have room for more.
    """
    before = heads_of(past, 0)
    if before is None:
        return new
    kept = before.rows if not rows else max(0, min(before.rows, rows - new.rows))
    if not kept:
        return new
    view = before.view if kept == before.rows else cut(before.view, 2, 0, kept, (*before.shape[:2], kept, new.inner))
    shape = (*new.shape[:2], kept + new.rows, new.inner)
    parts = (replace(view, shape=(*new.shape[:2], kept, new.inner)), fold((new.view,), new.shape))
    return replace(new, view=concatenate(parts, 2, shape), rows=kept + new.rows)


def latest(keys: Heads, rows: int) -> Heads:
    """The last so many keys or values alone: what a window leaves of them."""
    if not 0 < rows < keys.rows:
        return keys
    whole = replace(keys.view, shape=keys.shape) if keys.view.axis == 2 else fold((keys.view,), keys.shape)
    shape = (*keys.shape[:2], rows, keys.inner)
    return replace(keys, view=cut(whole, 2, keys.rows - rows, rows, shape), rows=rows)


def _presents(call: Call, caches: Sequence[Heads]) -> tuple[View, ...]:
    """Caches after this round, as the second output and on."""
    made = [fold((each.view,), each.shape) for each in caches]
    return tuple(made[: max(0, len(call.shapes) - 1)])


def attention(assembly: Assembly, call: Call) -> Made:
    """ONNX's Attention: query, key and value as N x heads x rows x inner, or with the heads side by side."""
    query = heads_of(call.operand(0), call.integer("q_num_heads", 0))
    key, value = (heads_of(call.operand(at), call.integer("kv_num_heads", 0)) for at in (1, 2))
    if query is None or key is None or value is None:
        return None
    key, value = with_past(key, call.operand(4)), with_past(value, call.operand(5))
    mixed = attended(assembly, call, query, key, value, call.operand(3))
    if mixed is None:
        return None
    return (mixed, *_presents(call, (key, value)), *(unary(mixed, shape) for shape in call.shapes[3:]))


def multi_head(assembly: Assembly, call: Call) -> Made:
    """ONNX Runtime's MultiHeadAttention: apart, packed, or keys and values of another pass as N x heads x rows x
    inner."""
    heads = call.integer("num_heads", 0)
    found = _unpacked(call, heads)
    if found is None or heads < 1:
        return None
    query, key, value = found
    key, value = with_past(key, call.operand(6)), with_past(value, call.operand(7))
    mixed = attended(assembly, call, query, key, value, call.operand(5))
    return None if mixed is None else (mixed, *_presents(call, (key, value)))


def _unpacked(call: Call, heads: int) -> tuple[Heads, Heads, Heads] | None:
    """Query, key and value, which may be one tensor: N x rows x heads x 3 x inner, or 2 for key and value alone."""
    first, second = call.operand(0), call.operand(1)
    match first.shape if first is not None else None, second.shape if second is not None else None:
        case (samples, rows, count, 3, inner), None if first is not None:
            parts = _parts(first.view, 3, 3)
            query, key, value = (Heads(part, samples, count, rows, inner) for part in parts)
            return query, key, value
        case (_, _, _), (samples, rows, count, 2, inner) if second is not None:
            own = heads_of(first, heads)
            key, value = (Heads(part, samples, count, rows, inner) for part in _parts(second.view, 3, 2))
            return None if own is None else (own, key, value)
    return _three([heads_of(call.operand(at), heads) for at in range(3)])


def _three(found: Sequence[Heads | None]) -> tuple[Heads, Heads, Heads] | None:
    """Query, key and value, where all are known."""
    match found:
        case [Heads() as query, Heads() as key, Heads() as value]:
            return query, key, value
    return None


def _parts(view: View, axis: int, count: int) -> list[View]:
    """Entries of an axis that packs several tensors."""
    shape = view.shape or ()
    one = (*shape[:axis], 1, *shape[axis + 1 :])
    return [fold((cut(view, axis, at, 1, one),), (*shape[:axis], *shape[axis + 1 :])) for at in range(count)]


def grouped_query(assembly: Assembly, call: Call) -> Made:
    """ONNX Runtime's GroupQueryAttention: fewer heads of keys than of queries, with a cache that may have room for
    more than is in it, and a window of the last keys where there is one."""
    found = grouped_heads(call)
    if found is None:
        return None
    query, key, value = found
    total = _total(call, query.rows)
    key, value = with_past(key, call.operand(3), total), with_past(value, call.operand(4), total)
    window = call.integer("local_window_size", -1)
    mixed = attended(assembly, call, query, latest(key, window), latest(value, window), call.operand(10))
    return None if mixed is None else (mixed, *_presents(call, (_room(key, call, 3), _room(value, call, 4))))


def grouped_heads(call: Call) -> tuple[Heads, Heads, Heads] | None:
    """Query, key and value of operators with fewer heads of keys than of queries: apart, or packed side by side."""
    heads, kv_heads = call.integer("num_heads", 0), call.integer("kv_num_heads", 0)
    source = call.operand(0)
    if source is None or source.shape is None or len(source.shape) != 3 or heads < 1 or kv_heads < 1:
        return None
    samples, rows, width = source.shape
    if call.operand(1) is None:  # packed: all heads of queries, keys and values side by side
        inner, left = divmod(width, heads + 2 * kv_heads)
        if left or not inner:
            return None
        sizes = [heads * inner, kv_heads * inner, kv_heads * inner]
        return _three(
            [
                Heads(cut(source.view, 2, sum(sizes[:at]), size, (samples, rows, size)), samples, size // inner, rows,
                      inner)
                for at, size in enumerate(sizes)
            ]
        )  # fmt: skip
    return _three([heads_of(call.operand(at), count) for at, count in enumerate((heads, kv_heads, kv_heads))])


def _total(call: Call, rows: int) -> int:
    """Keys in all, of earlier rounds too, as the operator is told; 0 where that is not known."""
    total, last = call.operand(6), call.operand(5)
    if total is not None and total.integers:
        return max(total.integers)
    if last is not None and last.integers:  # the place of the last key
        return max(last.integers) + 1
    return 0


def _room(cache: Heads, call: Call, position: int) -> Heads:
    """A cache of which a part may be empty keeps its size."""
    past = heads_of(call.operand(position), 0)
    return replace(cache, rows=past.rows) if past is not None and past.rows > cache.rows else cache


def projected(assembly: Assembly, call: Call) -> Made:
    """ONNX Runtime's Attention: the projection to query, key and value, and the attention of these."""
    source, weights, past, heads = call.operand(0), call.operand(1), call.operand(4), call.integer("num_heads", 0)
    if source is None or source.shape is None or len(source.shape) != 3 or heads < 1 or weights is None:
        return None
    samples, rows, width = source.shape
    sizes = widths(call)
    if weights.shape != (width, sum(sizes)) or len(sizes) != 3:
        return None
    packed = assembly.product(
        f"{call.name}.qkv", Operand(source.view), Operand(weights.view), batch=1, rows=samples * rows, inner=width,
        columns=sum(sizes), shape=(samples, rows, sum(sizes)),
    )  # fmt: skip
    query, key, value = (
        Heads(cut(packed, 2, sum(sizes[:at]), size, (samples, rows, size)), samples, heads, rows, size // heads)
        for at, size in enumerate(sizes)
    )
    if past is not None and past.shape is not None and len(past.shape) == 5:
        filled = call.operand(6)
        total = max(filled.integers) + rows if filled is not None and filled.integers else 0
        before = [OnnxTensor(part) for part in _parts(past.view, 0, 2)]
        key, value = with_past(key, before[0], total), with_past(value, before[1], total)
    mixed = attended(assembly, call, query, key, value)
    if mixed is None:
        return None
    return mixed, fold((key.view, value.view), (2, *key.shape))


def widths(call: Call) -> list[int]:
    """Of query, key and value in the weights of ONNX Runtime's Attention."""
    weights = call.operand(1)
    third = (weights.shape or (0,))[-1] // 3 if weights is not None else 0
    return call.integers("qkv_hidden_sizes") or [third] * 3
