"""Decoders with multi-head latent attention: DeepSeek V2, V3 and V3.2, Kimi K2, GLM 5."""

from __future__ import annotations

from dataclasses import replace

from chipweave.workload.importers.hf.decoder import Block, Decoder, FeedForward, Indexer, LatentAttention
from chipweave.workload.importers.hf.families.common import decoder
from chipweave.workload.importers.hf.families.mixtures import with_shared
from chipweave.workload.importers.hf.fields import Fields


def deepseek_v2(fields: Fields) -> Decoder:
    return _deepseek(fields, "greedy")


def deepseek_v3(fields: Fields) -> Decoder:
    return _deepseek(fields, "noaux_tc")


def glm4_moe_lite(fields: Fields) -> Decoder:
    """GLM 4.7 Flash: as DeepSeek V3, the first block dense where nothing is said."""
    return _deepseek(fields, "noaux_tc", 1)


def _deepseek(fields: Fields, method: str, dense_blocks: int = 0) -> Decoder:
    """
    Args:
        method: of choosing experts, where the configuration does not say; `noaux_tc` has a bias for each.
        dense_blocks: the first ones, without experts, where the configuration does not say.
    """
    width, blocks = fields.whole("hidden_size"), fields.blocks()
    attention = _attention(fields, width)
    first = fields.whole("first_k_dense_replace", default=dense_blocks, least=0)
    every = fields.whole("moe_layer_freq", default=1)
    kinds = fields.words("mlp_layer_types", blocks, ("dense", "sparse"))
    sparse = [number >= first and number % every == 0 for number in range(blocks)]
    if kinds:
        sparse = [kind == "sparse" for kind in kinds]
    mixture = with_shared(fields, fields.text("topk_method", method) == "noaux_tc")
    dense = FeedForward(fields.whole("intermediate_size"))
    indexed = _indexed(fields, blocks)
    made = [
        Block((attention if own else replace(attention, indexer=None), mixture if mixed else dense), vectors=2 * width)
        for mixed, own in zip(sparse, indexed, strict=True)
    ]
    return decoder(fields, made, tied=False, vectors=width)


def _attention(fields: Fields, width: int) -> LatentAttention:
    query_rank, rank = fields.whole("q_lora_rank", default=0), fields.whole("kv_lora_rank")
    rotary, plain = fields.whole("qk_rope_head_dim"), fields.whole("qk_nope_head_dim")
    biases = fields.flag("attention_bias", False) * (query_rank + rank + rotary + width)
    chosen, indexer = fields.whole("index_topk", default=0), None
    if chosen:
        index_width = fields.whole("index_head_dim")
        indexer = Indexer(fields.whole("index_n_heads"), index_width, chosen, vectors=2 * index_width)
        if not query_rank:
            raise fields.fault("q_lora_rank", "is missing, and the indexer's queries are made of it; add it")
    heads, values = fields.whole("num_attention_heads"), fields.whole("v_head_dim")
    return LatentAttention(
        heads, query_rank, rank, rotary, plain, values, chosen, indexer, vectors=query_rank + rank + biases
    )


def _indexed(fields: Fields, blocks: int) -> list[bool]:
    """Per block, whether it has an indexer of its own; others see the tokens that one before chose."""
    kinds = fields.words("indexer_types", blocks, ("full", "shared"))
    return [kind == "full" for kind in kinds] or [True] * blocks
