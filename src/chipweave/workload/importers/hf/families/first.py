"""The first decoders: layer norms and biases everywhere, and feed-forward networks without gates."""

from __future__ import annotations

from dataclasses import replace

from chipweave.workload.importers.hf.decoder import Attention, Decoder, FeedForward
from chipweave.workload.importers.hf.families.common import bias, decoder, even_share, grouped_query, repeated
from chipweave.workload.importers.hf.fields import Fields


def gpt2(fields: Fields) -> Decoder:
    width, heads = fields.whole("n_embd", "hidden_size"), fields.whole("n_head", "num_attention_heads")
    positions = fields.whole("n_positions", "max_position_embeddings", default=1024)
    parts = _biased(width, heads, heads, width // heads, fields.whole("n_inner", default=4 * width))
    even_share(fields, "n_embd", heads)
    blocks = repeated(parts, 4 * width, fields.blocks("n_layer", "num_hidden_layers"))
    return replace(decoder(fields, blocks, tied=True, vectors=positions * width + 2 * width), positions=positions)


def opt(fields: Fields) -> Decoder:
    width, heads = fields.whole("hidden_size"), fields.whole("num_attention_heads")
    embedding, positions = fields.whole("word_embed_proj_dim", default=width), fields.whole("max_position_embeddings")
    biased, norm = fields.flag("enable_bias", True), 2 * width * fields.flag("layer_norm_elementwise_affine", True)
    last = fields.flag("do_layer_norm_before", True) and not fields.flag("_remove_final_layer_norm", False)
    head = even_share(fields, "hidden_size", heads)
    parts = _biased(width, heads, heads, head, fields.whole("ffn_dim"), biased, biased)
    blocks = repeated(parts, 2 * norm, fields.blocks())
    made = decoder(fields, blocks, tied=True, vectors=(positions + 2) * width + norm * last)
    return replace(made, embedding=embedding if embedding != width else 0)


def bloom(fields: Fields) -> Decoder:
    width, heads = fields.whole("hidden_size", "n_embed"), fields.whole("n_head", "num_attention_heads")
    parts = _biased(width, heads, heads, even_share(fields, "hidden_size", heads), 4 * width)
    blocks = repeated(parts, 4 * width, fields.blocks("n_layer", "num_hidden_layers"))
    return decoder(fields, blocks, tied=True, vectors=4 * width)


def gpt_neox(fields: Fields) -> Decoder:
    width, heads = fields.whole("hidden_size"), fields.whole("num_attention_heads")
    biased = fields.flag("attention_bias", True)
    head = even_share(fields, "hidden_size", heads)
    parts = _biased(width, heads, heads, head, fields.whole("intermediate_size"), biased)
    parallel = fields.flag("use_parallel_residual", True)
    return decoder(fields, repeated(parts, 4 * width, fields.blocks(), parallel), tied=False, vectors=2 * width)


def falcon(fields: Fields) -> Decoder:
    """Its first names are RefinedWebModel (7B) and RefinedWeb (40B), whose blocks are the newer ones."""
    width, heads = fields.whole("hidden_size"), fields.whole("num_attention_heads", "n_head")
    new = fields.flag("new_decoder_architecture", fields.text("model_type") == "RefinedWeb")
    several = fields.whole("num_kv_heads", "n_head_kv", default=heads)
    kv_heads = several if new else 1 if fields.flag("multi_query", True) else heads
    parallel = new or fields.flag("parallel_attn", True)
    norms = fields.whole("num_ln_in_parallel_attn", default=2) if new else 1 if parallel else 2
    biased = fields.flag("bias", False)
    hidden = fields.whole("ffn_hidden_size", default=4 * width)
    parts = _biased(width, heads, kv_heads, even_share(fields, "hidden_size", heads), hidden, biased, biased)
    blocks = repeated(parts, 2 * width * norms, fields.blocks("num_hidden_layers", "n_layer"), parallel)
    return decoder(fields, blocks, tied=True, vectors=2 * width)


def phi(fields: Fields) -> Decoder:
    width, attention = fields.whole("hidden_size"), grouped_query(fields)
    hidden, norms = fields.whole("intermediate_size"), 4 * attention.key_width * fields.flag("qk_layernorm", False)
    attention = replace(attention, vectors=norms + bias(attention, width, queries=True, output=True))
    parts = (attention, FeedForward(hidden, False, hidden + width))
    vectors = 2 * width + fields.whole("vocab_size")
    return decoder(fields, repeated(parts, 2 * width, fields.blocks(), True), tied=False, vectors=vectors)


def _biased(
    width: int,
    heads: int,
    kv_heads: int,
    head_width: int,
    hidden: int,
    attention_bias: bool = True,
    feed_forward_bias: bool = True,
) -> tuple[Attention, FeedForward]:
    plain = Attention(heads, kv_heads, head_width, head_width)
    attention = replace(plain, vectors=attention_bias * bias(plain, width, queries=True, output=True))
    return attention, FeedForward(hidden, False, feed_forward_bias * (hidden + width))
