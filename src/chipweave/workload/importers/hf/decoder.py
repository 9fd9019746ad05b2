"""What a decoder is made of: differences between architectures as data.

Every matrix of a part is a layer of the network that is costed. `vectors` are the parameters that are not: norms,
biases, sinks and the like.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attention:
    """Multi-head, grouped-query or multi-query attention.

    Args:
        heads, kv_heads: of queries; of keys and values.
        key_width, value_width: of one head.
        window: earlier tokens that a token sees beside itself; 0: all.
        gated: the output is multiplied with a gate, which the queries' projection makes beside them.
    """

    heads: int
    kv_heads: int
    key_width: int
    value_width: int
    window: int = 0
    gated: bool = False
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class Indexer:
    """Small heads that choose which tokens attention sees (DeepSeek V3.2).

    Args:
        heads, width: of its queries; there is one head of keys.
        chosen: tokens that each token sees at most.
    """

    heads: int
    width: int
    chosen: int
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek V2): keys and values of all heads are made of one latent vector a token.

    Args:
        query_rank: of the queries' latent vector; 0: queries are made at once.
        rank: of the latent vector; rotary: width of the key that turns with the position, one for all heads.
        plain_width: of the keys' part that does not turn; value_width: of one head.
        chosen: tokens that each token sees at most; 0: all.
        indexer: chooses them in this block; None: as an earlier block chose.
    """

    heads: int
    query_rank: int
    rank: int
    rotary: int
    plain_width: int
    value_width: int
    chosen: int = 0
    indexer: Indexer | None = None
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class FeedForward:
    """Up to `hidden` and down again; `gated`: the product of two of these on the way."""

    hidden: int
    gated: bool = True
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class Experts:
    """Many small feed-forward networks, of which each token takes a few.

    Args:
        count, chosen: experts; how many of them a token takes.
        hidden: of one expert; gated: as in `FeedForward`.
        shared: hidden width of what every token takes beside them; 0: nothing.
        shared_gate: that has a gate of one value a token.
        latent: the experts' own width, with projections there and back; 0: that of the model.
    """

    count: int
    chosen: int
    hidden: int
    gated: bool = True
    shared: int = 0
    shared_gate: bool = False
    latent: int = 0
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class StateSpace:
    """A Mamba-2 mixer: per head a state of `head_width` x `state` numbers that decays and is added to.

    Args:
        groups: of heads that share what is written and read with.
        kernel: tokens of the short convolution before; chunk: tokens that prefill takes together.
    """

    heads: int
    head_width: int
    groups: int
    state: int
    kernel: int
    chunk: int
    vectors: int = 0

    @property
    def inner(self) -> int:
        return self.heads * self.head_width

    @property
    def channels(self) -> int:
        """Of the short convolution."""
        return self.inner + 2 * self.groups * self.state


@dataclass(frozen=True, slots=True)
class DeltaRule:
    """A gated delta net: per value head a state of `key_width` x `value_width` numbers that is corrected.

    Args:
        key_heads, value_heads: value heads share keys and queries in groups.
        kernel, chunk: as in `StateSpace`.
    """

    key_heads: int
    value_heads: int
    key_width: int
    value_width: int
    kernel: int
    chunk: int
    vectors: int = 0

    @property
    def inner(self) -> int:
        return self.value_heads * self.value_width

    @property
    def channels(self) -> int:
        return 2 * self.key_heads * self.key_width + self.inner


Part = Attention | LatentAttention | FeedForward | Experts | StateSpace | DeltaRule


@dataclass(frozen=True, slots=True)
class Block:
    """Parts one after another, each added to what came in; `parallel`: all of them read what came in."""

    parts: tuple[Part, ...]
    parallel: bool = False
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class Decoder:
    """A language model.

    Args:
        family: the configuration's `model_type`.
        positions: tokens that it was made for; 0: the configuration says none.
        tied: the last product has the embeddings as weights.
        vectors: parameters outside of the blocks, beside one table of embeddings and the last product's weights.
        left_out: what the configuration has beside the decoder, which is not imported, in words.
        embedding: width of embeddings, with projections to that of the model and back (OPT-350M); 0: the same.
    """

    family: str
    width: int
    vocabulary: int
    blocks: tuple[Block, ...]
    positions: int
    tied: bool
    vectors: int
    left_out: tuple[str, ...] = ()
    embedding: int = 0
