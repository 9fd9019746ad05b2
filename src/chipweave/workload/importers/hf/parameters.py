"""How many parameters a decoder has: every matrix from its sizes, and the vectors beside them."""

from __future__ import annotations

from collections import Counter

from chipweave.workload.importers.hf.decoder import (
    Attention,
    Block,
    Decoder,
    DeltaRule,
    Experts,
    FeedForward,
    LatentAttention,
    Part,
    StateSpace,
)


def parameters(decoder: Decoder) -> int:
    """All of them: embeddings (once where they are tied), blocks, norms and biases."""
    tables = decoder.vocabulary * (decoder.embedding or decoder.width) * (1 if decoder.tied else 2)
    tables += 2 * decoder.embedding * decoder.width
    blocks = sum(count * of_block(block, decoder.width) for block, count in Counter(decoder.blocks).items())
    return tables + blocks + decoder.vectors


def of_block(block: Block, width: int) -> int:
    return block.vectors + sum(matrices(part, width) + vectors(part) for part in block.parts)


def vectors(part: Part) -> int:
    """Parameters of a part that are in no matrix."""
    indexer = part.indexer if isinstance(part, LatentAttention) else None
    return part.vectors + (indexer.vectors if indexer else 0)


def matrices(part: Part, width: int) -> int:
    """Entries of all matrices of a part, the filters of short convolutions among them."""
    match part:
        case Attention():
            queries, values = part.heads * part.key_width, part.heads * part.value_width
            keys_and_values = part.kv_heads * (part.key_width + part.value_width)
            return width * (queries * (2 if part.gated else 1) + keys_and_values + values)
        case LatentAttention():
            return _latent(part, width)
        case FeedForward():
            return (3 if part.gated else 2) * width * part.hidden
        case Experts():
            return _experts(part, width)
        case StateSpace():
            return width * (part.inner + part.channels + part.heads + part.inner) + part.channels * part.kernel
        case DeltaRule():
            return width * (part.channels + 2 * part.inner + 2 * part.value_heads) + part.channels * part.kernel


def _latent(part: LatentAttention, width: int) -> int:
    queries = part.heads * (part.plain_width + part.rotary)
    made = width * part.query_rank + part.query_rank * queries if part.query_rank else width * queries
    down, up = width * (part.rank + part.rotary), part.rank * part.heads * (part.plain_width + part.value_width)
    total = made + down + up + part.heads * part.value_width * width
    if part.indexer is not None:
        indexer = part.indexer
        total += part.query_rank * indexer.heads * indexer.width + width * (indexer.width + indexer.heads)
    return total


def _experts(part: Experts, width: int) -> int:
    matrices_each = 3 if part.gated else 2
    routed = part.count * matrices_each * (part.latent or width) * part.hidden
    shared = matrices_each * width * part.shared + (width if part.shared_gate else 0)
    return width * part.count + routed + shared + 2 * width * part.latent
