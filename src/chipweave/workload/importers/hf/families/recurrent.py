"""Decoders with states of fixed size, alone or beside attention: Mamba-2, Nemotron-H, Qwen 3.5."""

from __future__ import annotations

from dataclasses import replace

from chipweave.workload.importers.hf.decoder import Block, Decoder, DeltaRule, Experts, FeedForward, Part, StateSpace
from chipweave.workload.importers.hf.families.common import FULL, bias, decoder, grouped_query
from chipweave.workload.importers.hf.families.gated import qwen3_attention
from chipweave.workload.importers.hf.families.mixtures import counted_experts
from chipweave.workload.importers.hf.fields import Fields

LINEAR = "linear_attention"
MIXERS = {"M": "mamba", "E": "moe", "*": "attention", "-": "mlp"}
SAME = {LINEAR: "mamba", FULL: "attention"}
"""What newer configurations call two of them."""
DELTA_CHUNK = 64


def mamba2(fields: Fields) -> Decoder:
    width, heads = fields.whole("hidden_size"), fields.whole("num_heads")
    head_width, expand = fields.whole("head_dim"), fields.whole("expand", default=2)
    if heads * head_width != expand * width:
        raise fields.fault("num_heads", f"{heads} heads of {head_width} are not {expand} x {width} wide; correct one")
    mixer = _mixer(fields, heads, head_width, fields.whole("state_size"), fields.flag("use_bias", False))
    block = Block((mixer,), vectors=width)
    return decoder(fields, (block,) * fields.blocks(), tied=False, vectors=width)


def mamba2_by_its_authors(fields: Fields) -> Decoder:
    """A configuration without a family, as the authors of Mamba-2 publish them."""
    fields.refuse("attn_layer_idx", "attention beside Mamba-2 is not imported; leave it out")
    fields.refuse("d_intermediate", "feed-forward networks beside Mamba-2 are not imported; leave it out")
    mixer, width = fields.part("ssm_cfg"), fields.whole("d_model")
    expand, head_width = mixer.whole("expand", default=2), mixer.whole("headdim", default=64)
    multiple = fields.whole("pad_vocab_size_multiple", default=8)
    renamed = {
        "model_type": "mamba2",
        "hidden_size": width,
        "num_hidden_layers": fields.blocks("n_layer"),
        "num_heads": expand * width // head_width,
        "head_dim": head_width,
        "expand": expand,
        "state_size": mixer.whole("d_state", default=128),
        "n_groups": mixer.whole("ngroups", default=1),
        "conv_kernel": mixer.whole("d_conv", default=4),
        "chunk_size": mixer.whole("chunk_size", default=256),
        "vocab_size": -(-fields.whole("vocab_size") // multiple) * multiple,
        "tie_word_embeddings": fields.flag("tie_embeddings", True),
    }
    return mamba2(Fields(renamed, fields.place))


def _mixer(fields: Fields, heads: int, head_width: int, state: int, biased: bool, chunk: int = 256) -> StateSpace:
    plain = StateSpace(
        heads,
        head_width,
        fields.whole("n_groups", "mamba_n_groups", default=8),
        state,
        fields.whole("conv_kernel", "mamba_d_conv", default=4),
        fields.whole("chunk_size", "mamba_chunk_size", default=chunk),
    )
    biases = plain.channels * fields.flag("use_conv_bias", True)
    biases += biased * (plain.inner + plain.channels + heads + fields.whole("hidden_size"))
    return replace(plain, vectors=3 * heads + plain.inner + biases)


def nemotron_h(fields: Fields) -> Decoder:
    """Every block is one part alone: a Mamba-2 mixer, attention, a feed-forward network, or experts."""
    fields.refuse("sliding_window", "windows are not known in nemotron_h; leave it out")
    width = fields.whole("hidden_size")
    kinds = _kinds(fields)
    made: dict[str, Part] = {kind: _part(fields, kind, width) for kind in dict.fromkeys(kinds)}
    blocks = [Block((made[kind],), vectors=width) for kind in kinds]
    return decoder(fields, blocks, tied=False, vectors=width)


def _kinds(fields: Fields) -> list[str]:
    pattern = fields.text("hybrid_override_pattern")
    if not pattern:
        name = "layers_block_type" if fields.has("layers_block_type") else "layer_types"
        listed = fields.data.get(name) or ()
        kinds = fields.words(name, len(listed) if isinstance(listed, list | tuple) else 0, (*MIXERS.values(), *SAME))
        if not kinds:
            raise fields.fault("hybrid_override_pattern", "is missing, and so is layers_block_type; add one")
        return [SAME.get(kind, kind) for kind in kinds]
    unknown = set(pattern) - set(MIXERS)
    if unknown:
        raise fields.fault("hybrid_override_pattern", f"has '{min(unknown)}'; known: {' '.join(MIXERS)}")
    if len(pattern) != fields.blocks():
        raise fields.fault("hybrid_override_pattern", f"has {len(pattern)} layers, num_hidden_layers says otherwise")
    return [MIXERS[letter] for letter in pattern]


def _part(fields: Fields, kind: str, width: int) -> Part:
    if kind == "mamba":
        heads, head_width = fields.whole("mamba_num_heads"), fields.whole("mamba_head_dim")
        biased = fields.flag("mamba_proj_bias", False)
        return _mixer(fields, heads, head_width, fields.whole("ssm_state_size"), biased, 128)
    if kind == "attention":
        attention = grouped_query(fields)
        biased = fields.flag("attention_bias", False)
        return replace(attention, vectors=biased * bias(attention, width, queries=True, output=True))
    if kind == "mlp":
        hidden = fields.whole("intermediate_size")
        return FeedForward(hidden, False, fields.flag("mlp_bias", False) * (hidden + width))
    count, chosen = counted_experts(fields, "n_routed_experts")
    shared = fields.whole("moe_shared_expert_intermediate_size", default=0, least=0)
    latent = fields.whole("moe_latent_size", default=0, least=0)
    hidden = fields.whole("moe_intermediate_size")
    return Experts(count, chosen, hidden, False, shared, latent=latent, vectors=count)


def qwen3_5(fields: Fields) -> Decoder:
    return _hybrid(fields, FeedForward(fields.whole("intermediate_size")))


def qwen3_5_moe(fields: Fields) -> Decoder:
    """Also Qwen3-Next."""
    count, chosen = counted_experts(fields, "num_experts")
    shared = fields.whole("shared_expert_intermediate_size")
    hidden = fields.whole("moe_intermediate_size")
    return _hybrid(fields, Experts(count, chosen, hidden, shared=shared, shared_gate=True))


def _hybrid(fields: Fields, feed_forward: Part) -> Decoder:
    """Three blocks with the delta rule to each with attention, which has a gate."""
    width, count = fields.whole("hidden_size"), fields.blocks()
    attention = replace(qwen3_attention(fields), gated=fields.flag("attn_output_gate", True))
    every = fields.whole("full_attention_interval", default=4)
    kinds = fields.words("layer_types", count, (FULL, LINEAR))
    full = [kind == FULL for kind in kinds] or [(number + 1) % every == 0 for number in range(count)]
    value_heads, value_width = fields.whole("linear_num_value_heads"), fields.whole("linear_value_head_dim")
    delta = DeltaRule(
        fields.whole("linear_num_key_heads"),
        value_heads,
        fields.whole("linear_key_head_dim"),
        value_width,
        fields.whole("linear_conv_kernel_dim", default=4),
        DELTA_CHUNK,
        vectors=2 * value_heads + value_width,
    )
    blocks = [Block((attention if each else delta, feed_forward), vectors=2 * width) for each in full]
    return decoder(fields, blocks, tied=False, vectors=width)
