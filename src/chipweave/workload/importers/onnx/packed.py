"""ONNX Runtime's attention over sequences without padding, which stand behind each other: PackedAttention and
PackedMultiHeadAttention. Tokens meet those of their own sequence alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from chipweave.workload.importers.assembly import Assembly, Operand, legal_name
from chipweave.workload.importers.onnx import attention
from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.view import View, cut, fold


def projected(assembly: Assembly, call: Call) -> View | None:
    """PackedAttention: tokens x features, the weights of query, key and value side by side."""
    source, weights, sizes = call.operand(0), call.operand(1), attention.widths(call)
    if source is None or source.shape is None or len(source.shape) != 2 or weights is None:
        return None
    tokens, width = source.shape
    lengths = _lengths(assembly, call, tokens, 3, 4)
    if not lengths or weights.shape != (width, sum(sizes)) or len(sizes) != 3:
        return None
    packed = assembly.product(
        f"{call.name}.qkv", Operand(source.view), Operand(weights.view), batch=1, rows=tokens, inner=width,
        columns=sum(sizes), shape=(tokens, sum(sizes)),
    )  # fmt: skip
    parts = [cut(packed, 1, sum(sizes[:at]), size, (tokens, size)) for at, size in enumerate(sizes)]
    return _attended(assembly, call, parts, lengths)


def multi_head(assembly: Assembly, call: Call) -> View | None:
    """PackedMultiHeadAttention: query, key and value as tokens x features, or as tokens x heads x 3 x inner."""
    query, key, value = (call.operand(at) for at in range(3))
    if query is None or query.shape is None:
        return None
    lengths = _lengths(assembly, call, query.shape[0], 4, 5)
    if not lengths:
        return None
    match query.shape:
        case (tokens, heads, 3, inner) if key is None:
            features = (tokens, heads * inner)
            parts = [fold((cut(query.view, 2, at, 1, (tokens, heads, 1, inner)),), features) for at in range(3)]
            return _attended(assembly, call, parts, lengths)
        case (_, _):
            apart = [tensor.view for tensor in (query, key, value) if tensor is not None]
            return _attended(assembly, call, apart, lengths) if len(apart) == 3 else None
    return None


def _lengths(assembly: Assembly, call: Call, tokens: int, padded: int, cumulated: int) -> dict[int, int]:
    """How many sequences there are of each length; none where that is not known.

    Args:
        padded: the operand with a place for each token of sequences that are padded to one length.
        cumulated: the operand with the first token of each sequence, and the number of all.
    """
    starts, places = call.operand(cumulated), call.operand(padded)
    known = None if starts is None else starts.integers
    if known:
        lengths = [end - start for start, end in pairwise(known)]
        if min(lengths, default=0) >= 0 and sum(lengths) == tokens and known[0] == 0:
            return dict(Counter(length for length in lengths if length))
    match places.shape if places is not None else None:
        case (samples, longest) if samples * longest == tokens and tokens:
            return {longest: samples}
    assembly.reasons.append(
        f"'{legal_name(call.name)}' ({call.operator}) is not costed: the lengths of its sequences are not known; if "
        "they follow from an input of the network, --value NAME=0,LENGTH,... gives where each one ends"
    )
    return {}


def _attended(assembly: Assembly, call: Call, parts: Sequence[View], lengths: dict[int, int]) -> View | None:
    """An attention for the sequences of each length."""
    heads, sizes = call.integer("num_heads", 0), [(part.shape or (0, 0))[1] for part in parts]
    if heads < 1 or any(size % heads or not size for size in sizes) or sizes[0] != sizes[1]:
        return None
    made = []
    for length, count in sorted(lengths.items(), reverse=True):
        tokens = count * length
        query, key, value = (fold((part,), (tokens, size)) for part, size in zip(parts, sizes, strict=True))
        mixed = assembly.attention(
            call.name, query, key, value, heads=count * heads, rows=length, columns=length,
            inner=sizes[0] // heads, value_inner=sizes[2] // heads, shape=(tokens, sizes[2]),
        )  # fmt: skip
        made.append(mixed)
    return fold(made, call.shape)
