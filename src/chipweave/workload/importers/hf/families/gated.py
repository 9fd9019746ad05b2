"""Decoders with gated feed-forward networks and root-mean-square norms, without experts: Llama and its kin."""

from __future__ import annotations

from dataclasses import replace

from chipweave.workload.importers.hf.decoder import Attention, Block, Decoder, FeedForward
from chipweave.workload.importers.hf.families.common import (
    bias,
    decoder,
    grouped_query,
    sliding_by_type,
    window_of,
    windowed,
)
from chipweave.workload.importers.hf.fields import Fields


def llama(fields: Fields) -> Decoder:
    return _llama(fields, 0)


def mistral(fields: Fields) -> Decoder:
    """All blocks have the window; one that says nothing has 4,096 tokens, one that says null none."""
    return _llama(fields, window_of(fields, 0 if "sliding_window" in fields.data else 4096))


def _llama(fields: Fields, window: int) -> Decoder:
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    biased, hidden = fields.flag("attention_bias", False), fields.whole("intermediate_size")
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=True))
    dense = FeedForward(hidden, vectors=fields.flag("mlp_bias", False) * (2 * hidden + width))
    return _normed(fields, (Block((windowed(attention, window), dense), vectors=2 * width),) * fields.blocks())


def qwen(fields: Fields) -> Decoder:
    """The first Qwen: `intermediate_size` is that of both products up together."""
    width, heads = fields.whole("hidden_size"), fields.whole("num_attention_heads")
    if not fields.flag("no_bias", True):
        raise fields.fault("no_bias", "is false; biases of all products are not known in qwen; correct it")
    head = fields.whole("kv_channels", default=128)
    attention = Attention(heads, heads, head, head, vectors=3 * heads * head)
    dense = FeedForward(fields.whole("intermediate_size") // 2)
    return _normed(fields, (Block((attention, dense), vectors=2 * width),) * fields.blocks())


def chatglm(fields: Fields) -> Decoder:
    """ChatGLM 2 and 3, and GLM 4 as it was published first."""
    fields.refuse("add_bias_linear", "biases of all products are not known in chatglm; leave it out")
    fields.refuse("apply_residual_connection_post_layernorm", "residuals behind norms are not imported; leave it out")
    width, heads = fields.whole("hidden_size"), fields.whole("num_attention_heads")
    grouped = fields.flag("multi_query_attention", False)
    kv_heads, head = fields.whole("multi_query_group_num") if grouped else heads, fields.whole("kv_channels")
    plain = Attention(heads, kv_heads, head, head)
    biased = fields.flag("add_qkv_bias", False) or fields.flag("add_bias_linear", False)
    attention = replace(plain, vectors=biased * bias(plain, width, queries=True, output=False))
    dense = FeedForward(fields.whole("ffn_hidden_size"))
    blocks = (Block((attention, dense), vectors=2 * width),) * fields.blocks("num_layers", "num_hidden_layers")
    return _normed(fields, blocks)


def qwen2(fields: Fields) -> Decoder:
    """Also MiMo; blocks from `max_window_layers` on have the window, where one is used."""
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    biased = fields.flag("attention_bias", True)
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=False))
    return _dense(fields, attention, qwen_windows(fields))


def qwen3(fields: Fields) -> Decoder:
    return _dense(fields, qwen3_attention(fields), qwen_windows(fields))


def qwen3_attention(fields: Fields, head_width: int | None = 128) -> Attention:
    """Queries and keys have norms, one for all heads each; `head_width`: where the configuration does not say."""
    width, attention = fields.whole("hidden_size"), grouped_query(fields, head_width)
    biased = fields.flag("attention_bias", False)
    vectors = 2 * attention.key_width + biased * bias(attention, width, queries=True, output=True)
    return replace(attention, vectors=vectors)


def qwen_windows(fields: Fields) -> tuple[int, ...]:
    """Per block its window; 0: none."""
    blocks, used = fields.blocks(), fields.flag("use_sliding_window", False)
    first = fields.whole("max_window_layers", default=blocks, least=0)
    sliding = sliding_by_type(fields, blocks, [used and block >= first for block in range(blocks)])
    wide = window_of(fields, 4096) if any(sliding) else 0
    return tuple(wide if each else 0 for each in sliding)


def phi3(fields: Fields) -> Decoder:
    attention = grouped_query(fields)
    return _dense(fields, attention, (window_of(fields),) * fields.blocks())


def gemma(fields: Fields) -> Decoder:
    width, attention = fields.whole("hidden_size"), grouped_query(fields, 256)
    biased = fields.flag("attention_bias", False)
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=True))
    return _dense(fields, attention, (0,) * fields.blocks(), tied=True)


def gemma2(fields: Fields) -> Decoder:
    """Every other block has a window."""
    return _gemma(fields, pattern=2, window=4096, head_norms=False)


def gemma3(fields: Fields) -> Decoder:
    """Every sixth block sees everything; queries and keys have norms."""
    pattern = fields.whole("sliding_window_pattern", "_sliding_window_pattern", default=6)
    return _gemma(fields, pattern, window=4096, head_norms=True)


def _gemma(fields: Fields, pattern: int, window: int, head_norms: bool) -> Decoder:
    width, blocks = fields.whole("hidden_size"), fields.blocks()
    data = {"num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 262208} if head_norms else {}
    fields = Fields({**data, **fields.data}, fields.place)
    attention = grouped_query(fields, 256)
    biased = fields.flag("attention_bias", False) * bias(attention, width, queries=True, output=True)
    attention = replace(attention, vectors=biased + 2 * attention.key_width * head_norms)
    sliding = sliding_by_type(fields, blocks, [bool((block + 1) % pattern) for block in range(blocks)])
    wide = window_of(fields, window)
    return _dense(fields, attention, tuple(wide if each else 0 for each in sliding), tied=True, norms=4)


def glm(fields: Fields) -> Decoder:
    return _glm(fields, norms=2)


def glm4(fields: Fields) -> Decoder:
    return _glm(fields, norms=4)


def glm4v(fields: Fields) -> Decoder:
    """The part of GLM 4.1V that reads and writes: heads share the width evenly, and queries, keys and values have
    biases."""
    return _glm(fields, norms=4, head_width=None, biased=True)


def _glm(fields: Fields, norms: int, head_width: int | None = 128, biased: bool = False) -> Decoder:
    width, attention = fields.whole("hidden_size"), grouped_query(fields, head_width)
    biased = fields.flag("attention_bias", biased)
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=False))
    return _dense(fields, attention, (0,) * fields.blocks(), norms=norms)


def _dense(
    fields: Fields, attention: Attention, windows: tuple[int, ...], *, tied: bool = False, norms: int = 2
) -> Decoder:
    """Blocks that differ in their windows alone."""
    dense, vectors = FeedForward(fields.whole("intermediate_size")), norms * fields.whole("hidden_size")
    blocks = [Block((windowed(attention, window), dense), vectors=vectors) for window in windows]
    return _normed(fields, tuple(blocks), tied)


def _normed(fields: Fields, blocks: tuple[Block, ...], tied: bool = False) -> Decoder:
    """Blocks and a norm behind them."""
    return decoder(fields, blocks, tied=tied, vectors=fields.whole("hidden_size"))
