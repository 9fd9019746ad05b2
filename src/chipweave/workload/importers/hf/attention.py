"""Attention over cached and new tokens: two products for each layer, batched over sequences and heads of keys."""

from __future__ import annotations

from dataclasses import replace

from chipweave.workload.importers.hf.decoder import Attention, LatentAttention
from chipweave.workload.importers.hf.making import Making, beside, rows
from chipweave.workload.zoo._builder import Activation


def attention(making: Making, name: str, x: Activation, part: Attention) -> Activation:
    """Queries of heads that share keys are rows of one product, so keys and values are read once for all of them.

    Of cached tokens, as many are read as the window has, or as there are. A token that is new sees itself and these;
    where several are new, each sees all of them (the whole square), or as many as the window has.
    """
    graph, step = making.graph, making.step
    queries, values = part.heads * part.key_width, part.heads * part.value_width
    cached = min(part.window or step.context, step.context)
    columns = min(part.window + 1, step.seen) if part.window else step.seen
    q = graph.gemm(f"{name}.q", x, K=queries + (values if part.gated else 0))
    made = {}
    for kind, width in (("k", part.key_width), ("v", part.value_width)):
        made[kind] = graph.gemm(f"{name}.{kind}", x, K=part.kv_heads * width)
        making.append(f"{name}.{kind}.append", made[kind], part.window)
    k, v = (made[kind] if cached + step.tokens == columns else beside(made[kind]) for kind in "kv")
    shape = {"heads": part.kv_heads, "rows": part.heads // part.kv_heads * step.tokens, "copies": step.sequences}
    keys = making.cached(part.kv_heads * part.key_width, cached)
    scores = graph.matmul(f"{name}.qk", (q.channels(queries), k, *keys), inner=part.key_width, columns=columns, **shape)
    cached_values = making.cached(part.kv_heads * part.value_width, cached)
    mixed = graph.matmul(f"{name}.av", (scores, v, *cached_values), inner=columns, columns=part.value_width, **shape)
    y = rows(mixed, values, step.rows)
    if part.gated:
        y = graph.elementwise(f"{name}.gate", y, q.channels(values))
    return graph.gemm(f"{name}.o", y, K=x.C)


def latent_attention(making: Making, name: str, x: Activation, part: LatentAttention) -> Activation:
    graph = making.graph
    latent_q = graph.gemm(f"{name}.q_down", x, K=part.query_rank) if part.query_rank else x
    q = graph.gemm(f"{name}.q_up", latent_q, K=part.heads * (part.plain_width + part.rotary))
    latent = graph.gemm(f"{name}.kv_down", x, K=part.rank + part.rotary)
    making.append(f"{name}.kv_down.append", latent)
    choice = _choice(making, name, x, latent_q, part)
    attend = _absorbed if making.absorbed else _expanded
    y = attend(making, name, part, q, latent, choice)
    return graph.gemm(f"{name}.o", y, K=x.C)


def _choice(
    making: Making, name: str, x: Activation, latent_q: Activation, part: LatentAttention
) -> tuple[Activation, ...]:
    """Which tokens are seen, where an indexer chooses them: its queries times the keys of all tokens."""
    indexer, graph, step = part.indexer, making.graph, making.step
    if indexer is None:
        return ()
    q = graph.gemm(f"{name}.index.q", latent_q, K=indexer.heads * indexer.width)
    weights = graph.gemm(f"{name}.index.weights", x, K=indexer.heads)
    k = graph.gemm(f"{name}.index.k", x, K=indexer.width)
    making.append(f"{name}.index.k.append", k)
    scores = graph.matmul(
        f"{name}.index.qk",
        (q, k, *making.cached(indexer.width, step.context)),
        heads=1,
        rows=indexer.heads * step.tokens,
        inner=indexer.width,
        columns=step.seen,
        copies=step.sequences,
    )
    sums = Activation(0, step.seen, step.rows)
    scores = rows(scores, indexer.heads * step.seen, step.rows)
    best = graph.elementwise(f"{name}.index.best", scores, weights, like=sums)
    return (beside(best.channels(min(indexer.chosen, step.seen))),)


def _absorbed(
    making: Making, name: str, part: LatentAttention, q: Activation, latent: Activation, choice: tuple[Activation, ...]
) -> Activation:
    """Queries go to where the latent vectors are, which are keys and values of all heads at once.

    So a cached vector is read once: what is multiplied with the scores is on the chiplet then.
    """
    graph, step, heads = making.graph, making.step, part.heads
    cached = min(part.chosen or step.context, step.context)
    columns = min(part.chosen + 1, step.seen) if part.chosen else step.seen
    moved = making.grouped(f"{name}.k_up", q.channels(heads * part.plain_width), heads, heads * part.rank)
    whole = cached + step.tokens == columns and not choice
    operands = (moved, q.channels(heads * part.rotary), latent if whole else beside(latent))
    scores = graph.matmul(
        f"{name}.qk",
        (*operands, *making.cached(part.rank + part.rotary, cached), *choice),
        heads=1,
        rows=heads * step.tokens,
        inner=part.rank + part.rotary,
        columns=columns,
        copies=step.sequences,
    )
    mixed = graph.matmul(
        f"{name}.av",
        (scores, beside(latent.channels(part.rank))),
        heads=1,
        rows=heads * step.tokens,
        inner=columns,
        columns=part.rank,
        copies=step.sequences,
    )
    return making.grouped(f"{name}.v_up", rows(mixed, heads * part.rank, step.rows), heads, heads * part.value_width)


def _expanded(
    making: Making, name: str, part: LatentAttention, q: Activation, latent: Activation, choice: tuple[Activation, ...]
) -> Activation:
    """Keys and values of all heads are made of the latent vectors of all tokens, and used as any."""
    graph, step, heads = making.graph, making.step, part.heads
    columns = min(part.chosen + 1, step.seen) if part.chosen else step.seen
    before = making.cached(part.rank + part.rotary, step.context)
    if before:
        every = replace(latent, Y=step.sequences * step.seen)
        latent = graph.elementwise(f"{name}.latent", latent, *before, like=every)
    kv = graph.gemm(f"{name}.kv_up", latent.channels(part.rank), K=heads * (part.plain_width + part.value_width))
    keys, turning = kv.channels(heads * part.plain_width), latent.channels(part.rotary)
    scores = graph.matmul(
        f"{name}.qk",
        (q, keys, beside(turning), *choice),
        heads=heads,
        rows=step.tokens,
        inner=part.plain_width + part.rotary,
        columns=columns,
        copies=step.sequences,
    )
    values = kv.channels(heads * part.value_width)
    mixed = graph.matmul(
        f"{name}.av",
        (scores, values if columns == step.seen else beside(values)),
        heads=heads,
        rows=step.tokens,
        inner=columns,
        columns=part.value_width,
        copies=step.sequences,
    )
    return rows(mixed, heads * part.value_width, step.rows)
