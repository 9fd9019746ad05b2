"""ONNX Runtime's LinearAttention: a state of fixed size in place of the keys and values of all tokens before.

One token reads and writes the state as the operator's recurrence says. More go a chunk at a time: within a chunk each
token meets each as in attention, between chunks there is the state (Yang et al. 2024, for the delta rule too).
"""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.workload.importers.assembly import Assembly, Operand
from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.view import View, fold

Made = tuple[View, ...] | None

CHUNK = 64
"""Tokens, where the operator names no `chunk_size`."""
_CORRECTED = ("delta", "gated_delta")
_RULES = ("linear", "gated", *_CORRECTED)


@dataclass(frozen=True)
class _Products:
    """Where products go: so many of each, one for each state."""

    assembly: Assembly
    name: str
    states: int

    def made(self, kind: str, left: View, right: View, rows: int, inner: int, columns: int) -> View:
        return self.assembly.product(
            f"{self.name}.{kind}", Operand(left, self.states), Operand(right, self.states),
            batch=self.states, rows=rows, inner=inner, columns=columns, shape=(self.states, rows, columns),
        )  # fmt: skip


def linear(assembly: Assembly, call: Call) -> Made:
    """What the queries read of the state, and the state behind the last token."""
    query, key, value = (call.operand(at) for at in range(3))
    heads, kv_heads = call.integer("q_num_heads", 0), call.integer("kv_num_heads", 0)
    rule = str(call.attributes.get("update_rule", "gated_delta"))
    if query is None or key is None or value is None or min(heads, kv_heads) < 1 or rule not in _RULES:
        return None
    match query.shape, key.shape, value.shape:
        case (samples, tokens, width), (_, _, keys), (_, _, values) if width % heads == 0 and values % kv_heads == 0:
            deep, wide = width // heads, values // kv_heads
        case _:
            return None
    if keys != kv_heads * deep or max(heads, kv_heads) % min(heads, kv_heads) or not tokens:
        return None
    past = call.operand(3)
    before = [past.view] if past is not None and past.is_activation else []
    sizes = max(1, heads // kv_heads), deep, wide
    operands = query.view, key.view, value.view
    if tokens == 1:
        products = _Products(assembly, call.name, samples * kv_heads)
        mixed, state = _one_token(products, operands, before, sizes, rule in _CORRECTED)
    else:
        long = min(max(1, call.integer("chunk_size", CHUNK)), tokens)
        products = _Products(assembly, call.name, samples * kv_heads * -(-tokens // long))
        mixed, state = _chunks(products, operands, before, (*sizes, long), rule in _CORRECTED)
    each = samples, kv_heads, deep, wide
    return fold((mixed,), call.shape), *(fold((state,), shape or each) for shape in call.shapes[1:])


def _state(products: _Products, added: View, before: list[View]) -> View:
    """The state with what is added to it."""
    if not before:
        return added
    return products.assembly.elementwise("LinearAttention", f"{products.name}.state", [added, *before], added.shape)


def _one_token(
    products: _Products,
    operands: tuple[View, View, View],
    before: list[View],
    sizes: tuple[int, int, int],
    corrected: bool,
) -> tuple[View, View]:
    """A value is written to the state with its key, less what the state has for that key already; then it is read."""
    (query, key, value), (rows, deep, wide) = operands, sizes
    if corrected and before:
        recalled = products.made("recall", key, before[0], 1, deep, wide)
        value = fold((recalled, value), (products.states, 1, wide))
    state = _state(products, products.made("write", key, value, deep, 1, wide), before)
    return products.made("read", query, state, rows, deep, wide), state


def _chunks(
    products: _Products,
    operands: tuple[View, View, View],
    before: list[View],
    sizes: tuple[int, int, int, int],
    corrected: bool,
) -> tuple[View, View]:
    """As one token, for a chunk at a time; the last one counts whole."""
    (query, key, value), (rows, deep, wide, long) = operands, sizes
    if corrected:
        pairs = products.made("pairs", key, key, long, deep, long)
        key, value = (
            products.made("solve.k", pairs, key, long, long, deep),
            products.made("solve.v", pairs, value, long, long, wide),
        )
    scores = products.made("scores", query, operands[1], rows * long, deep, long)
    inside = products.made("inside", scores, value, rows * long, long, wide)
    state = _state(products, products.made("write", key, value, deep, long, wide), before)
    parts = [inside, products.made("read", query, state, rows * long, deep, wide)]
    if corrected:
        parts.append(products.made("recall", key, state, long, deep, wide))
    return products.assembly.elementwise("LinearAttention", f"{products.name}.sum", parts, inside.shape), state
