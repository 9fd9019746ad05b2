"""Mixers with a state of fixed size instead of a cache: Mamba-2, and the gated delta rule.

A step of decode reads the state of each sequence and writes it anew. Prefill takes `chunk` tokens at a time: within a
chunk as attention does, between chunks by the state.
"""

from __future__ import annotations

from chipweave.workload.importers.hf.decoder import DeltaRule, StateSpace
from chipweave.workload.importers.hf.making import Making, beside, rows
from chipweave.workload.zoo._builder import Activation


def state_space(making: Making, name: str, x: Activation, part: StateSpace) -> Activation:
    """Mamba-2 (Dao and Gu 2024): h = a h + b x^T, y = c h, per head."""
    graph = making.graph
    both = graph.gemm(f"{name}.in", x, K=part.inner + part.channels + part.heads)
    mixed = making.short_convolution(f"{name}.convolution", both.channels(part.channels), part.kernel)
    inputs, each = mixed.channels(part.inner), mixed.channels(part.groups * part.state)
    if making.step.tokens == 1:
        y = _one_token(making, name, part, inputs, each)
    else:
        y = _chunks(making, name, part, inputs, each)
    gated = graph.elementwise(f"{name}.gate", y, both.channels(part.inner))
    return graph.gemm(f"{name}.out", gated, K=x.C)


def _one_token(making: Making, name: str, part: StateSpace, inputs: Activation, each: Activation) -> Activation:
    """`each`: what is written with, and what is read with; both are as large."""
    graph, step = making.graph, making.step
    heads, width, state = part.heads, part.head_width, part.state
    size = {"heads": heads, "rows": width, "copies": step.sequences}
    added = graph.matmul(f"{name}.write", (inputs, beside(each)), inner=1, columns=state, **size)
    new = _updated(making, name, added, heads * width * state)
    read = graph.matmul(f"{name}.read", (new, beside(each)), inner=state, columns=1, **size)
    return rows(read, part.inner, step.rows)


def _updated(making: Making, name: str, added: Activation, elements: int) -> Activation:
    """The state of all sequences with what is added to it, stored for the next step."""
    before = making.cached(elements, 1) if making.step.context else ()
    new = making.graph.elementwise(f"{name}.state", added, *before)
    making.keep(f"{name}.state.store", new)
    return new


def _chunks(making: Making, name: str, part: StateSpace, inputs: Activation, each: Activation) -> Activation:
    step, (long, copies) = making.step, _chunked(making, part.chunk)
    heads, width, state = part.heads, part.head_width, part.state

    def product(kind: str, operands: tuple[Activation, Activation], sizes: tuple[int, int, int]) -> Activation:
        groups = part.groups if kind == "pairs" else heads
        return _product(making, f"{name}.{kind}", operands, (groups, *sizes), copies)

    pairs = product("pairs", (each, each), (long, state, long))
    inside = product("inside", (pairs, inputs), (long, long, width))
    added = product("write", (inputs, each), (width, long, state))
    states = _carried(making, name, added, heads * width * state)
    read = product("read", (each, states), (long, state, width))
    shape = Activation(0, part.inner, step.rows)
    return making.graph.elementwise(f"{name}.sum", beside(inside), beside(read), like=shape)


def _chunked(making: Making, chunk: int) -> tuple[int, int]:
    """Tokens of a chunk, and how many chunks there are; the last one counts whole."""
    step = making.step
    long = min(chunk, step.tokens)
    return long, step.sequences * -(-step.tokens // long)


def _product(
    making: Making, name: str, operands: tuple[Activation, Activation], sizes: tuple[int, int, int, int], copies: int
) -> Activation:
    """A product for each chunk; `sizes`: heads, rows, inner and columns. Views of chunks are not checked."""
    heads, high, inner, wide = sizes
    first, second = map(beside, operands)
    return making.graph.matmul(name, (first, second), heads, high, inner, wide, copies)


def _carried(making: Making, name: str, added: Activation, elements: int) -> Activation:
    """The states behind all chunks: the one before the first is read, the one behind the last stored."""
    before = making.cached(elements, 1) if making.step.context else ()
    states = making.graph.elementwise(f"{name}.state", added, *before)
    making.keep(f"{name}.state.store", rows(states, elements, making.step.sequences))
    return states


def delta_rule(making: Making, name: str, x: Activation, part: DeltaRule) -> Activation:
    """Gated delta net (Yang et al. 2024): s = a s, s += b k (v - k s)^T, y = q s, per value head."""
    graph = making.graph
    all_ = graph.gemm(f"{name}.qkv", x, K=part.channels)
    z = graph.gemm(f"{name}.z", x, K=part.inner)
    rates = graph.gemm(f"{name}.rates", x, K=2 * part.value_heads)
    mixed = making.short_convolution(f"{name}.convolution", all_, part.kernel)
    keys, values = mixed.channels(part.key_heads * part.key_width), mixed.channels(part.inner)
    run = _corrected_once if making.step.tokens == 1 else _corrected_chunks
    y = run(making, name, part, keys, values, rates)
    return graph.gemm(f"{name}.out", graph.elementwise(f"{name}.gate", y, z), K=x.C)


def _corrected_once(
    making: Making, name: str, part: DeltaRule, keys: Activation, values: Activation, rates: Activation
) -> Activation:
    graph, step = making.graph, making.step
    heads, size = part.value_heads, part.value_heads * part.key_width * part.value_width
    each = {"heads": heads, "copies": step.sequences}
    old: tuple[Activation, ...] = making.cached(size, 1) if step.context else ()
    change = values
    if old:
        old = (graph.elementwise(f"{name}.decay", *old, beside(rates)),)
        recalled = graph.matmul(
            f"{name}.recall", (beside(keys), *old), rows=1, inner=part.key_width, columns=part.value_width, **each
        )
        change = graph.elementwise(f"{name}.change", rows(recalled, part.inner, step.rows), values, beside(rates))
    added = graph.matmul(
        f"{name}.write", (change, beside(keys)), rows=part.value_width, inner=1, columns=part.key_width, **each
    )
    new = graph.elementwise(f"{name}.state", added, *old)
    making.keep(f"{name}.state.store", new)
    read = graph.matmul(
        f"{name}.read", (new, beside(keys)), rows=part.value_width, inner=part.key_width, columns=1, **each
    )
    return rows(read, part.inner, step.rows)


def _corrected_chunks(
    making: Making, name: str, part: DeltaRule, keys: Activation, values: Activation, rates: Activation
) -> Activation:
    """Chunk by chunk: k k^T and its inverse times k and v, q k^T, and what the state adds and gets."""
    (long, copies), wide, deep = _chunked(making, part.chunk), part.value_width, part.key_width

    def product(kind: str, operands: tuple[Activation, Activation], sizes: tuple[int, int, int]) -> Activation:
        return _product(making, f"{name}.{kind}", operands, (part.value_heads, *sizes), copies)

    pairs = product("pairs", (keys, keys), (long, deep, long))
    solved = making.graph.elementwise(f"{name}.solve", pairs, beside(rates))
    own_keys = product("solve.k", (solved, keys), (long, long, deep))
    own_values = product("solve.v", (solved, values), (long, long, wide))
    scores = product("scores", (keys, keys), (long, deep, long))
    inside = product("inside", (scores, own_values), (long, long, wide))
    added = product("write", (own_values, own_keys), (wide, long, deep))
    states = _carried(making, name, added, part.value_heads * deep * wide)
    recalled = product("recall", (own_keys, states), (long, deep, wide))
    read = product("read", (keys, states), (long, deep, wide))
    shape = Activation(0, part.inner, making.step.rows)
    return making.graph.elementwise(f"{name}.sum", beside(inside), beside(recalled), beside(read), like=shape)
