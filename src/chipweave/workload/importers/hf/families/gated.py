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
    """Also Mistral, whose window all blocks have."""
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    biased, hidden = fields.flag("attention_bias", False), fields.whole("intermediate_size")
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=True))
    attention = windowed(attention, window_of(fields) if fields.text("model_type") != "llama" else 0)
    dense = FeedForward(hidden, vectors=fields.flag("mlp_bias", False) * (2 * hidden + width))
    return _normed(fields, (Block((attention, dense), vectors=2 * width),) * fields.blocks())


def qwen2(fields: Fields) -> Decoder:
    """Also MiMo; blocks from `max_window_layers` on have the window, where one is used."""
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    biased = fields.flag("attention_bias", True)
    attention = replace(attention, vectors=biased * bias(attention, width, queries=True, output=False))
    return _dense(fields, attention, qwen_windows(fields))


def qwen3(fields: Fields) -> Decoder:
    return _dense(fields, qwen3_attention(fields), qwen_windows(fields))


def qwen3_attention(fields: Fields) -> Attention:
    """Queries and keys have norms, one for all heads each."""
    width, attention = fields.whole("hidden_size"), grouped_query(fields, 128)
    biased = fields.flag("attention_bias", False)
    vectors = 2 * attention.key_width + biased * bias(attention, width, queries=True, output=True)
    return replace(attention, vectors=vectors)


def qwen_windows(fields: Fields) -> tuple[int, ...]:
    """Per block its window; 0: none."""
    blocks, used = fields.blocks(), fields.flag("use_sliding_window", False)
    first = fields.whole("max_window_layers", default=blocks, least=0)
    sliding = sliding_by_type(fields, blocks, [used and block >= first for block in range(blocks)])
    return tuple(window_of(fields) if each else 0 for each in sliding)


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
    return _gemma(fields, fields.whole("sliding_window_pattern", default=6), window=4096, head_norms=True)


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


def _glm(fields: Fields, norms: int) -> Decoder:
    width, attention = fields.whole("hidden_size"), grouped_query(fields, 128)
    biased = fields.flag("attention_bias", False)
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
