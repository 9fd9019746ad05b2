"""What the families of decoders have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chipweave.workload.importers.hf.decoder import Attention, Block, Decoder, Part
from chipweave.workload.importers.hf.fields import Fields

FULL, SLIDING = "full_attention", "sliding_attention"
LENGTHS = ("max_position_embeddings", "n_positions", "seq_length", "max_sequence_length")
"""Names by which a configuration says how many tokens the model was made for."""
POSITIONS = {"falcon": 2048, "RefinedWeb": 2048, "RefinedWebModel": 2048, "gemma3_text": 131072, "llama": 2048}
"""Of configurations that may be published without: what `transformers` takes then."""


def bias(part: Attention, width: int, *, queries: bool, output: bool) -> int:
    """Biases of the projections to queries, keys and values, and of the one from all heads."""
    made = part.heads * part.key_width * (2 if part.gated else 1)
    made += part.kv_heads * (part.key_width + part.value_width)
    return made * queries + width * output


def grouped_query(fields: Fields, head_width: int | None = None) -> Attention:
    """Attention by the usual names; `head_width`: where the configuration does not say."""
    heads = fields.whole("num_attention_heads")
    kv_heads = fields.whole("num_key_value_heads", default=heads)
    if heads % kv_heads:
        raise fields.fault("num_key_value_heads", f"{kv_heads} does not divide num_attention_heads {heads}; correct it")
    known = fields.has("head_dim") or head_width is not None
    width = fields.whole("head_dim", default=head_width) if known else even_share(fields, "hidden_size", heads)
    return Attention(heads, kv_heads, width, width)


def even_share(fields: Fields, name: str, heads: int) -> int:
    width = fields.whole(name, "hidden_size", "n_embd", "n_embed")
    if width % heads:
        raise fields.fault(name, f"{width} is not a multiple of the {heads} heads; correct it, or add head_dim")
    return width // heads


def windowed(part: Attention, window: int) -> Attention:
    return replace(part, window=window)


def decoder(
    fields: Fields, blocks: Sequence[Block], *, tied: bool, vectors: int, left_out: Sequence[str] = ()
) -> Decoder:
    """A decoder by the usual names.

    Args:
        tied: where the configuration does not say.
        vectors: parameters outside of blocks; see `Decoder`.
    """
    return Decoder(
        fields.text("model_type"),
        fields.whole("hidden_size", "n_embd", "n_embed"),
        fields.whole("vocab_size", "padded_vocab_size"),
        tuple(blocks),
        fields.whole(*LENGTHS, default=POSITIONS.get(fields.text("model_type"), 0)),
        fields.flag("tie_word_embeddings", tied),
        vectors,
        (*left_out, *_predictors(fields)),
    )


def _predictors(fields: Fields) -> list[str]:
    """Modules that predict further tokens are no part of the step of the next one."""
    names = ("num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers")
    return ["the modules that predict further tokens"] if any(fields.data.get(name) for name in names) else []


def repeated(parts: Sequence[Part], vectors: int, times: int, parallel: bool = False) -> tuple[Block, ...]:
    """Equal blocks."""
    return (Block(tuple(parts), parallel, vectors),) * times


def window_of(fields: Fields, default: int = 0) -> int:
    """Of sliding attention; 0 where it has none."""
    return fields.whole("sliding_window", default=default, least=0)


def sliding_by_type(fields: Fields, blocks: int, otherwise: Sequence[bool]) -> tuple[bool, ...]:
    """Which blocks have a window: as `layer_types` says, or `otherwise`."""
    kinds = fields.words("layer_types", blocks, (FULL, SLIDING))
    return tuple(kind == SLIDING for kind in kinds) or tuple(otherwise)
