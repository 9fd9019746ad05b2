"""ONNX Runtime's attention in which queries meet a part of the keys, as the values of an operand say: blocks of them
(SparseAttention), those of their own sequence (PagedAttention), those near by and a few others (LongformerAttention).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from chipweave.workload.importers.assembly import Assembly, Operand, legal_name
from chipweave.workload.importers.onnx import attention
from chipweave.workload.importers.onnx.attention import Heads
from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.view import View, concatenate, cut, fold

Made = View | tuple[View, ...] | None


def _unknown(assembly: Assembly, call: Call, what: str) -> None:
    """Says why the operator is not costed."""
    assembly.reasons.append(
        f"'{legal_name(call.name)}' ({call.operator}) is not costed: {what} is not known; if it follows from an input "
        "of the network, --value NAME=... gives its values"
    )


def by_blocks(assembly: Assembly, call: Call) -> Made:
    """SparseAttention. Every row of queries counts the blocks of keys that its layout names, a block whole; a product
    has as many keys for each row as they are on average, rounded up."""
    found = attention.grouped_heads(call)
    total, rows_of_blocks, long = call.operand(7), call.operand(5), call.integer("sparse_block_size", 0)
    if found is None or long < 1:
        return None
    query, key, value = found
    known = None if total is None else total.integers
    if not known or rows_of_blocks is None or not rows_of_blocks.integers or rows_of_blocks.shape is None:
        _unknown(assembly, call, "how many keys there are, or which blocks of them are met,")
        return None
    ends, keys = rows_of_blocks.integers, max(known)
    each = rows_of_blocks.shape[-1]
    layouts = [ends[at : at + each] for at in range(0, len(ends), each)]
    if not query.rows <= keys <= (each - 1) * long:
        return None
    places = [place // long for place in range(keys - query.rows, keys)]
    met = sum(min(keys, long * (layout[block + 1] - layout[block])) for layout in layouts for block in places)
    columns = max(1, -(-met // (len(layouts) * query.rows)))
    key, value = attention.with_past(key, call.operand(3), keys), attention.with_past(value, call.operand(4), keys)
    mixed = attention.attended(assembly, call, query, attention.latest(key, columns), attention.latest(value, columns))
    if mixed is None:
        return None
    caches = zip(call.shapes[1:3], (key, value), strict=False)
    return mixed, *(fold((cache.view,), shape or cache.shape) for shape, cache in caches)


def paged(assembly: Assembly, call: Call) -> Made:
    """PagedAttention: tokens of sequences behind each other, and keys and values of earlier rounds in blocks."""
    heads, kv_heads = call.integer("num_heads", 0), call.integer("kv_num_heads", 0)
    parts = _of_tokens(call, heads, kv_heads)
    starts, earlier = (call.operand(at) for at in (5, 6))
    if parts is None or call.shape is None:
        return None
    known = None if starts is None else starts.integers
    past = None if earlier is None else earlier.integers
    if not known or past is None or len(past) != len(known) - 1 or known[-1] != call.shape[0]:
        _unknown(assembly, call, "how long its sequences are, and were before,")
        return None
    inner, made = parts[0].shape[-1] // heads if parts[0].shape else 0, []
    window = call.integer("local_window_size", -1)
    lengths = zip((end - start for start, end in pairwise(known)), past, strict=True)
    sequences = Counter((new, new + before) for new, before in lengths)
    for (rows, keys), count in sorted(sequences.items(), reverse=True):
        if rows < 1 or keys < rows:
            continue
        columns = min(keys, window) if window > 0 else keys
        own = fold((parts[0],), (count, rows, heads * inner))
        sizes = count, keys, columns, rows
        key, value = (
            Heads(_cached(call, 2 + at, parts[at], sizes), count, kv_heads, columns, inner) for at in (1, 2)
        )
        mixed = attention.attended(assembly, call, Heads(own, count, heads, rows, inner), key, value)
        if mixed is None:
            return None
        made.append(mixed)
    if not made:
        return None
    return fold(made, call.shape), *(fold(call.views[1:5], shape) for shape in call.shapes[1:])


def _of_tokens(call: Call, heads: int, kv_heads: int) -> list[View] | None:
    """Query, key and value as tokens x features, which may stand side by side."""
    source = call.operand(0)
    if source is None or source.shape is None or len(source.shape) != 2 or min(heads, kv_heads) < 1:
        return None
    tokens, width = source.shape
    apart = [call.operand(at) for at in (1, 2)]
    if all(tensor is not None for tensor in apart):
        inner = width // heads
        sizes = [tensor.shape for tensor in apart if tensor is not None]
        alike = width % heads == 0 and all(size == (tokens, kv_heads * inner) for size in sizes)
        return [source.view, *(tensor.view for tensor in apart if tensor is not None)] if alike else None
    inner, left = divmod(width, heads + 2 * kv_heads)
    if left or not inner:
        return None
    widths = [heads * inner, kv_heads * inner, kv_heads * inner]
    return [cut(source.view, 1, sum(widths[:at]), size, (tokens, size)) for at, size in enumerate(widths)]


def _cached(call: Call, position: int, new: View, sizes: tuple[int, int, int, int]) -> View:
    """Keys or values of so many sequences of one length: those of earlier rounds, from their blocks, and the new."""
    count, keys, columns, rows = sizes
    features = (new.shape or (0, 0))[1]
    old = max(0, columns - rows)
    fresh = fold((new,), (count, min(rows, columns), features))
    cache = call.operand(position)
    if cache is None or not cache.shape or not old or keys == rows:
        return fresh
    return concatenate([fold((cache.view,), (count, old, features)), fresh], 1, (count, columns, features))


def local_and_global(assembly: Assembly, call: Call) -> Made:
    """LongformerAttention: the projection to query, key and value, those that are near, and for tokens that meet all
    others a projection of their own. Where samples have more or fewer of these, all count as having the most."""
    source, weights, own, flags = (call.operand(at) for at in (0, 1, 4, 6))
    heads, window = call.integer("num_heads", 0), call.integer("window", 0)
    if source is None or source.shape is None or len(source.shape) != 3 or weights is None or own is None:
        return None
    samples, tokens, width = source.shape
    if heads < 1 or window < 1 or width % heads or weights.shape != (width, 3 * width) or own.shape != weights.shape:
        return None
    known = None if flags is None else flags.integers
    if known is None or len(known) != samples * tokens:
        _unknown(assembly, call, "which tokens meet all others")
        return None
    many = max(sum(known[at : at + tokens]) for at in range(0, len(known), tokens))
    size = (samples, tokens, many)
    near = _projected(assembly, f"{call.name}.qkv", source.view, weights.view, samples * tokens, (width, 3))
    columns = min(tokens, min(tokens, 2 * window + 1) + many)
    mixed = _met(assembly, call.name, near, (heads, tokens, columns), size, width)
    if not many:
        return fold((mixed,), call.shape)
    few = fold((source.view,), (samples, many, width))
    queries = _projected(assembly, f"{call.name}.global.q", few, own.view, samples * many, (width, 1))
    others = _projected(assembly, f"{call.name}.global.kv", source.view, own.view, samples * tokens, (width, 2))
    every = _met(assembly, f"{call.name}.global", [*queries, *others], (heads, many, tokens), size, width)
    return fold((mixed, every), call.shape)


def _projected(
    assembly: Assembly, name: str, source: View, weights: View, rows: int, sizes: tuple[int, int]
) -> list[View]:
    """So many tensors as wide as the source, each rows x width."""
    width, count = sizes
    made = assembly.product(
        name, Operand(source), Operand(cut(weights, 1, 0, count * width, (width, count * width))),
        batch=1, rows=rows, inner=width, columns=count * width, shape=(rows, count * width),
    )  # fmt: skip
    return [cut(made, 1, at * width, width, (rows, width)) for at in range(count)]


def _met(
    assembly: Assembly,
    name: str,
    parts: Sequence[View],
    product: tuple[int, int, int],
    size: tuple[int, int, int],
    width: int,
) -> View:
    """Queries of every head with so many keys each."""
    heads, rows, columns = product
    return assembly.attention(
        name, *parts, heads=size[0] * heads, rows=rows, columns=columns, inner=width // heads,
        value_inner=width // heads, shape=(size[0], rows, width),
    )  # fmt: skip
