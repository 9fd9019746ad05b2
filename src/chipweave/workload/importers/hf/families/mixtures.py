"""Decoders whose feed-forward networks are experts: Mixtral, Qwen, Llama 4, gpt-oss, MiniMax, GLM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chipweave.workload.importers.hf.decoder import Attention, Block, Decoder, Experts, FeedForward
from chipweave.workload.importers.hf.families.common import (
    FULL,
    bias,
    decoder,
    grouped_query,
    sliding_by_type,
    window_of,
    windowed,
)
from chipweave.workload.importers.hf.families.gated import qwen3_attention, qwen_windows
from chipweave.workload.importers.hf.fields import Fields

CHUNKED = "chunked_attention"
MOST_EXPERTS = 100_000
"""Of one block; the published ones have at most 896."""


def counted_experts(fields: Fields, *names: str) -> tuple[int, int]:
    """How many experts there are, and how many a token takes; `names` of the first."""
    count = fields.whole(*names, most=MOST_EXPERTS)
    chosen = fields.whole("num_experts_per_tok", "num_experts_per_token", "experts_per_token")
    if chosen > count:
        name = next(name for name in names if fields.has(name))
        raise fields.fault("num_experts_per_tok", f"{chosen} is more than {name}, {count}; correct one of them")
    return count, chosen


def mixtral(fields: Fields) -> Decoder:
    attention = windowed(grouped_query(fields), window_of(fields))
    count, chosen = counted_experts(fields, "num_local_experts")
    mixture = Experts(count, chosen, fields.whole("intermediate_size"))
    return _normed(fields, [Block((attention, mixture), vectors=2 * fields.whole("hidden_size"))] * fields.blocks())


def qwen2_moe(fields: Fields) -> Decoder:
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    biased = fields.flag("qkv_bias", True)
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=False))
    return _qwen(fields, attention, fields.whole("shared_expert_intermediate_size"))


def qwen3_moe(fields: Fields) -> Decoder:
    return _qwen(fields, qwen3_attention(fields, None), 0)


def qwen3_vl_moe(fields: Fields) -> Decoder:
    return _qwen(fields, qwen3_attention(fields), 0)


def phimoe(fields: Fields) -> Decoder:
    """Phi 3.5 MoE: layer norms, and biases of attention and of the last product."""
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    biased = fields.flag("attention_bias", False)
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=True))
    attention = windowed(attention, window_of(fields))
    count, chosen = counted_experts(fields, "num_local_experts")
    mixture = Experts(count, chosen, fields.whole("intermediate_size"))
    blocks = [Block((attention, mixture), vectors=4 * width)] * fields.blocks()
    last = fields.whole("vocab_size") * fields.flag("lm_head_bias", False)
    return decoder(fields, blocks, tied=False, vectors=2 * width + last)


def deepseek(fields: Fields) -> Decoder:
    """The first DeepSeek MoE, whose attention is that of Llama."""
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    biased = fields.flag("attention_bias", False)
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=True))
    first, every = fields.whole("first_k_dense_replace", default=0, least=0), fields.whole("moe_layer_freq", default=1)
    dense, mixture = FeedForward(fields.whole("intermediate_size")), with_shared(fields, False)
    kinds = [mixture if number >= first and number % every == 0 else dense for number in range(fields.blocks())]
    return _normed(fields, [Block((attention, kind), vectors=2 * width) for kind in kinds])


def _qwen(fields: Fields, attention: Attention, shared: int) -> Decoder:
    count, chosen = counted_experts(fields, "num_experts", "num_local_experts")
    mixture = Experts(count, chosen, fields.whole("moe_intermediate_size"), shared=shared, shared_gate=shared > 0)
    every, plain = fields.whole("decoder_sparse_step", default=1), fields.wholes("mlp_only_layers")
    blocks = []
    for number, window in enumerate(qwen_windows(fields)):
        sparse = number not in plain and (number + 1) % every == 0
        part = mixture if sparse else FeedForward(fields.whole("intermediate_size"))
        blocks.append(Block((windowed(attention, window), part), vectors=2 * fields.whole("hidden_size")))
    return _normed(fields, blocks)


def llama4(fields: Fields) -> Decoder:
    """Every fourth block sees everything, the others a chunk; every so many blocks have experts and a shared one."""
    width, blocks, attention = fields.whole("hidden_size"), fields.blocks(), grouped_query(fields)
    biased, hidden = fields.flag("attention_bias", False), fields.whole("intermediate_size")
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=True))
    count, chosen = counted_experts(fields, "num_local_experts")
    mixture = Experts(count, chosen, hidden, shared=hidden)
    dense = FeedForward(fields.whole("intermediate_size_mlp", "intermediate_size"))
    every = fields.whole("interleave_moe_layer_step", default=1)
    sparse = fields.wholes("moe_layers") or tuple(range(every - 1, blocks, every))
    kinds = fields.words("layer_types", blocks, (FULL, CHUNKED))
    turning = fields.wholes("no_rope_layers")
    interval = fields.whole("no_rope_layer_interval", default=4)
    chunk = fields.whole("attention_chunk_size", default=0)
    made = []
    for number in range(blocks):
        by_rule = turning[number] == 1 if number < len(turning) else (number + 1) % interval != 0
        chunked = kinds[number] == CHUNKED if kinds else by_rule
        part = mixture if number in sparse else dense
        made.append(Block((windowed(attention, chunk if chunked else 0), part), vectors=2 * width))
    return _normed(fields, made)


def gpt_oss(fields: Fields) -> Decoder:
    """Every other block has a window; attention has a sink for each head, and everything has biases."""
    width, blocks, attention = fields.whole("hidden_size"), fields.blocks(), grouped_query(fields, 64)
    biased = fields.flag("attention_bias", True)
    vectors = biased * bias(attention, width, queries=True, output=True) + attention.heads
    attention = replace(attention, vectors=vectors)
    count, chosen = counted_experts(fields, "num_local_experts")
    hidden = fields.whole("intermediate_size")
    mixture = Experts(count, chosen, hidden, vectors=count + count * (2 * hidden + width))
    sliding = sliding_by_type(fields, blocks, [number % 2 == 0 for number in range(blocks)])
    window = window_of(fields, 128)
    made = [Block((windowed(attention, window if each else 0), mixture), vectors=2 * width) for each in sliding]
    return _normed(fields, made)


def minimax_m2(fields: Fields) -> Decoder:
    """Queries and keys have norms over all heads together."""
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    norms = (attention.heads + attention.kv_heads) * attention.key_width * fields.flag("use_qk_norm", True)
    fields.refuse("shared_intermediate_size", "shared experts are not known in minimax_m2; leave it out")
    count, chosen = counted_experts(fields, "num_local_experts")
    routed = count * fields.flag("use_routing_bias", True)
    mixture = Experts(count, chosen, fields.whole("intermediate_size"), vectors=routed)
    block = Block((replace(attention, vectors=norms), mixture), vectors=2 * width)
    return _normed(fields, [block] * fields.blocks())


def glm4_moe(fields: Fields) -> Decoder:
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    biased = fields.flag("attention_bias", False) * bias(attention, width, queries=True, output=False)
    norms = 2 * attention.key_width * fields.flag("use_qk_norm", False)
    attention = replace(attention, vectors=biased + norms)
    first = fields.whole("first_k_dense_replace", default=1, least=0)
    dense = Block((attention, FeedForward(fields.whole("intermediate_size"))), vectors=2 * width)
    mixture = Block((attention, with_shared(fields, True)), vectors=2 * width)
    return _normed(fields, [dense if number < first else mixture for number in range(fields.blocks())])


def with_shared(fields: Fields, corrected: bool) -> Experts:
    """Routed and shared experts by DeepSeek's names; `corrected`: the router has a bias for each expert."""
    count, chosen = counted_experts(fields, "n_routed_experts")
    hidden = fields.whole("moe_intermediate_size")
    shared = fields.whole("n_shared_experts", default=0, least=0) * hidden
    return Experts(count, chosen, hidden, shared=shared, vectors=count * corrected)


def _normed(fields: Fields, blocks: Sequence[Block]) -> Decoder:
    return decoder(fields, blocks, tied=False, vectors=fields.whole("hidden_size"))
