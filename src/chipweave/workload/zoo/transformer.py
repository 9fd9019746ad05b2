"""Transformers: GPT-2, BERT, LLaMA and Emformer.

Shapes are for one sequence and a full (not incremental) pass. Layer norms, soft-max, biases and embedding look-ups are
folded away; attention is two matmuls per block, batched over the heads.
"""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require

HUGGING_FACE = "transformers 5.23 configuration, torch.export; exact"
MOST_BLOCKS = 1000


def gpt2(sequence: int = 128, blocks: int = 12, width: int = 768) -> Model:
    return _gpt2("gpt2", sequence, blocks, width)


def gpt2_medium(sequence: int = 128, blocks: int = 24, width: int = 1024) -> Model:
    return _gpt2("gpt2_medium", sequence, blocks, width)


def gpt2_large(sequence: int = 128, blocks: int = 36, width: int = 1280) -> Model:
    return _gpt2("gpt2_large", sequence, blocks, width)


def gpt2_xl(sequence: int = 128, blocks: int = 48, width: int = 1600) -> Model:
    return _gpt2("gpt2_xl", sequence, blocks, width)


def bert_base(sequence: int = 128, blocks: int = 12, width: int = 768) -> Model:
    return _bert("bert_base", sequence, blocks, width)


def bert_large(sequence: int = 128, blocks: int = 24, width: int = 1024) -> Model:
    return _bert("bert_large", sequence, blocks, width)


def llama_7b(sequence: int = 128, blocks: int = 32) -> Model:
    """LLaMA 7B: width 4096, 32 heads, a gated feed-forward of 11008."""
    require("llama_7b", minimum=1, sequence=sequence)
    require("llama_7b", minimum=1, maximum=MOST_BLOCKS, blocks=blocks)
    graph = Graph()
    x = network_input(4096, sequence)
    for block in range(blocks):
        name = f"model.layers.{block}"
        q, k, v = (graph.gemm(f"{name}.self_attn.{part}_proj", x, K=x.C) for part in "qkv")
        y = _attention(graph, f"{name}.self_attn", q, k, v, heads=32)
        x = graph.elementwise(name, x, graph.gemm(f"{name}.self_attn.o_proj", y, K=x.C))
        gate = graph.gemm(f"{name}.mlp.gate_proj", x, K=11008)
        up = graph.gemm(f"{name}.mlp.up_proj", x, K=11008)
        y = graph.elementwise(f"{name}.mlp", gate, up)
        x = graph.elementwise(name, x, graph.gemm(f"{name}.mlp.down_proj", y, K=x.C))
    graph.gemm("lm_head", x, K=32000)
    return graph.model("llama_7b", HUGGING_FACE)


def emformer_em24l(sequence: int = 128, blocks: int = 24) -> Model:
    """Emformer (Shi et al. 2021), 24 layers: one segment of `sequence` frames, without left context or memory."""
    require("emformer_em24l", minimum=1, sequence=sequence)
    require("emformer_em24l", minimum=1, maximum=MOST_BLOCKS, blocks=blocks)
    graph = Graph()
    x = network_input(512, sequence)
    for block in range(blocks):
        name = f"l{block}"
        q = graph.gemm(f"{name}.q", x, K=x.C)
        key_value = graph.gemm(f"{name}.kv", x, K=2 * x.C)
        half = key_value.channels(x.C)
        y = _attention(graph, name, q, half, half, heads=8)
        x = graph.elementwise(f"{name}.add1", graph.gemm(f"{name}.out", y, K=x.C), x)
        y = graph.gemm(f"{name}.ff1", x, K=4 * x.C)
        x = graph.elementwise(f"{name}.add2", graph.gemm(f"{name}.ff2", y, K=x.C), x)
    source = "torchaudio 2.11 emformer.py at EM-24L, as XRBench ASR_EM_24L; approximate: no streaming context"
    return graph.model("emformer_em24l", source)


def _gpt2(name: str, sequence: int, blocks: int, width: int) -> Model:
    _require_blocks_of_64(name, sequence, blocks, width)
    graph = Graph()
    x = network_input(width, sequence)
    for block in range(blocks):
        label = f"transformer.h.{block}"
        qkv = graph.gemm(f"{label}.attn.c_attn", x, K=3 * width)
        y = _attention(graph, f"{label}.attn", None, qkv.channels(2 * width), qkv.channels(width), heads=width // 64)
        x = graph.elementwise(label, graph.gemm(f"{label}.attn.c_proj", y, K=width), x)
        y = graph.gemm(f"{label}.mlp.c_fc", x, K=4 * width)
        x = graph.elementwise(label, x, graph.gemm(f"{label}.mlp.c_proj", y, K=width))
    graph.gemm("lm_head", x, K=50257)
    return graph.model(name, HUGGING_FACE)


def _bert(name: str, sequence: int, blocks: int, width: int) -> Model:
    _require_blocks_of_64(name, sequence, blocks, width)
    graph = Graph()
    x = network_input(width, sequence)
    for block in range(blocks):
        label = f"encoder.layer.{block}"
        q, k, v = (graph.gemm(f"{label}.attention.self.{part}", x, K=width) for part in ("query", "key", "value"))
        y = _attention(graph, f"{label}.attention.self", q, k, v, heads=width // 64)
        y = graph.gemm(f"{label}.attention.output.dense", y, K=width)
        x = graph.elementwise(f"{label}.attention.output", y, x)
        y = graph.gemm(f"{label}.intermediate.dense", x, K=4 * width)
        x = graph.elementwise(f"{label}.output", graph.gemm(f"{label}.output.dense", y, K=width), x)
    return graph.model(name, HUGGING_FACE)


def _require_blocks_of_64(name: str, sequence: int, blocks: int, width: int) -> None:
    require(name, minimum=1, sequence=sequence)
    require(name, minimum=1, maximum=MOST_BLOCKS, blocks=blocks)
    require(name, minimum=64, step=64, width=width)  # heads of 64


def _attention(graph: Graph, name: str, q: Activation | None, k: Activation, v: Activation, heads: int) -> Activation:
    """Scores q k^T, then scores v. Where one layer makes q and k, `k` is the view of both and `q` is None."""
    sequence, inner = v.Y, v.C // heads
    scores = graph.matmul(f"{name}.qk", (k,) if q is None else (q, k), heads, sequence, inner, sequence)
    return graph.matmul(f"{name}.av", (scores, v), heads, sequence, sequence, inner)
