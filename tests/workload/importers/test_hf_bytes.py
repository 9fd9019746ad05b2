"""What a step moves from and to DRAM, to the byte, through the evaluator: worked by hand on tiny models."""

from __future__ import annotations

from typing import Any

import pytest

import chipweave
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.importers.hf import import_hf
from chipweave.workload.importers.hf.routing import Routing
from chipweave.workload.model import Model

LLAMA = {
    "model_type": "llama",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "vocab_size": 10,
}
GROUPED = LLAMA | {"num_attention_heads": 4, "num_key_value_heads": 1}
SLIDING = LLAMA | {"model_type": "mistral", "sliding_window": 2}
EXPERTS = LLAMA | {"model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2}
LATENT = {
    "model_type": "deepseek_v3",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "q_lora_rank": 4,
    "kv_lora_rank": 6,
    "qk_rope_head_dim": 2,
    "qk_nope_head_dim": 4,
    "v_head_dim": 4,
    "intermediate_size": 16,
    "moe_intermediate_size": 4,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "first_k_dense_replace": 2,
    "num_hidden_layers": 2,
    "vocab_size": 10,
}
INDEXED = LATENT | {"model_type": "deepseek_v32", "index_topk": 2, "index_n_heads": 2, "index_head_dim": 3}
MAMBA = {
    "model_type": "mamba2",
    "hidden_size": 8,
    "num_heads": 4,
    "head_dim": 4,
    "expand": 2,
    "n_groups": 1,
    "state_size": 5,
    "conv_kernel": 4,
    "num_hidden_layers": 2,
    "vocab_size": 10,
}
DELTA = {
    "model_type": "qwen3_5_text",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "intermediate_size": 16,
    "linear_num_key_heads": 1,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 3,
    "linear_value_head_dim": 4,
    "linear_conv_kernel_dim": 4,
    "layer_types": ["linear_attention", "full_attention"],
    "num_hidden_layers": 2,
    "vocab_size": 10,
}

HAND: list[tuple[str, dict[str, Any], dict[str, Any], int, int]] = [
    # a token's embedding, 8; per layer keys and values of 3 tokens, 8 each | a key and a value a layer, 10 logits
    ("two layers, two heads, context 3", LLAMA, {"phase": "decode", "context": 3}, 8 + 2 * 2 * 3 * 8, 2 * 2 * 8 + 10),
    ("five sequences", LLAMA, {"phase": "decode", "context": 3, "batch": 5}, 5 * 104, 5 * 42),
    # one head of keys and values, 2 wide, read once for four heads of queries
    ("multi-query", GROUPED, {"phase": "decode", "context": 3}, 8 + 2 * 2 * 3 * 2, 2 * 2 * 2 + 10),
    ("window of 2", SLIDING, {"phase": "decode", "context": 3}, 8 + 2 * 2 * 2 * 8, 2 * 2 * 8 + 10),
    # nothing cached; the logits of the last token alone
    ("prefill of 4", LLAMA, {"phase": "prefill", "prompt": 4}, 4 * 8, 2 * 2 * 4 * 8 + 10),
    ("prefill of 4 after 3", LLAMA, {"phase": "prefill", "prompt": 4, "context": 3}, 32 + 96, 2 * 2 * 4 * 8 + 10),
    # of a window, no more is stored than it holds
    ("prefill of 4 in a window", SLIDING, {"phase": "prefill", "prompt": 4}, 4 * 8, 2 * 2 * 2 * 8 + 10),
    # a latent vector of 6 and a turning key of 2, read once, as keys and as values
    ("latent", LATENT, {"phase": "decode", "context": 3}, 8 + 2 * 3 * 8, 2 * 8 + 10),
    ("latent, expanded", LATENT, {"phase": "decode", "context": 3, "absorbed": False}, 8 + 2 * 3 * 8, 2 * 8 + 10),
    # the indexer reads 3 keys of 3 to choose 2 tokens, whose latent vectors are read
    ("chosen tokens", INDEXED, {"phase": "decode", "context": 3}, 8 + 2 * (3 * 3 + 2 * 8), 2 * (3 + 8) + 10),
    # per layer 3 tokens of 16 + 2 x 5 channels, and a state of 4 x 4 x 5 | one token's channels, the state
    ("state space", MAMBA, {"phase": "decode", "context": 9}, 8 + 2 * (3 * 26 + 80), 2 * (26 + 80) + 10),
    # 3 tokens of 2 x 3 + 8 channels and 2 states of 3 x 4; a cache of 9 keys and values, 4 wide
    ("delta rule", DELTA, {"phase": "decode", "context": 9}, 8 + 3 * 14 + 24 + 2 * 9 * 4, 14 + 24 + 2 * 4 + 10),
    ("experts", EXPERTS, {"phase": "decode", "context": 3}, 104, 42),
]


def moved(model: Model) -> Any:
    result = chipweave.schedule(model, "mesh-16", scheduler="standalone")
    ((pipeline,),) = (window.pipelines for window in result.evaluation.windows)
    (stage,) = pipeline.stages
    return stage.bytes_


@pytest.mark.parametrize(("config", "step", "load", "store"), [row[1:] for row in HAND], ids=[row[0] for row in HAND])
def test_bytes_of_a_step(config: dict[str, Any], step: dict[str, Any], load: int, store: int) -> None:
    model = import_hf(config, **step).model
    bytes_ = moved(model)
    assert (bytes_.load, bytes_.store, bytes_.spill, bytes_.again) == (load, store, 0, 0)
    assert bytes_.weights == model.weight_elements


EVEN = [row for row in HAND if row[1] is not INDEXED]
"""Whose caches have an even number of channels; half of an odd number is rounded up."""


@pytest.mark.parametrize(("config", "step", "load", "store"), [row[1:] for row in EVEN], ids=[row[0] for row in EVEN])
def test_bytes_of_a_step_whose_widths_differ(
    config: dict[str, Any], step: dict[str, Any], load: int, store: int
) -> None:
    """Weights of 4 bits, activations of 16, caches and states of 8. Embeddings are 8 numbers a row, and logits 10 a
    sequence; what is loaded and stored beside these is cached."""
    model = import_hf(config, **step, weights="int4", activations="fp16", cache="fp8").model
    sequences = step.get("batch", 1)
    embeddings, logits = 8 * sequences * step.get("prompt", 1), 10 * sequences
    bytes_ = moved(model)
    assert (bytes_.load, bytes_.store) == (load + embeddings, store + logits)
    assert model.macs == import_hf(config, **step).model.macs
    assert bytes_.weights == sum(-(-layer.weight_elements // 2) for layer in model.layers)


def test_experts_of_gpt_oss_are_narrower_than_the_rest() -> None:
    """Per block attention of 4 x 8 x 8 and a router of 8 x 4 in 16 bits, two experts of 3 x 8 x 16 in 4.25; the head
    in 16. Activations and caches have 16, or what is wanted."""
    config = EXPERTS | {"model_type": "gpt_oss", "head_dim": 4, "quantization_config": {"quant_method": "mxfp4"}}
    for options, width in (({}, 2), ({"activations": "fp8"}, 1), ({"cache": "bf16"}, 2)):
        bytes_ = moved(import_hf(config, phase="decode", context=3, **options).model)
        assert bytes_.weights == 2 * 2 * (4 * 64 + 32) + 2 * 80 + 2 * 3 * 4.25 / 8 * 2 * 8 * 16
        cached = 2 if "cache" in options else width
        assert (bytes_.load, bytes_.store) == (8 * width + 96 * cached, 10 * width + 32 * cached)
    alike = import_hf(config, phase="decode", context=3, bytes_per_element=1).model
    assert moved(alike).weights == 2 * (288 + 768) + 80


@pytest.mark.parametrize("width", [1, 2])
def test_only_weights_of_touched_experts_move(width: int) -> None:
    """Attention 4 x 8 x 8, a router of 8 x 4, experts of 3 x 8 x 16; a token takes 2, nine tokens touch all 4."""
    for batch, used in ((1, 2), (9, 4)):
        model = import_hf(EXPERTS, phase="decode", context=3, batch=batch, bytes_per_element=width).model
        assert moved(model).weights == width * (2 * (4 * 64 + 32 + used * 3 * 8 * 16) + 80)
    certain = Routing(shares=(1.0, 1.0, 0.0, 0.0), label="as given")
    model = import_hf(EXPERTS, phase="decode", context=3, batch=9, routing=certain).model
    assert moved(model).weights == 2 * (4 * 64 + 32 + 2 * 3 * 8 * 16) + 80


@pytest.mark.parametrize("partition", [Partition.INPUT_SHARED, Partition.WEIGHT_SHARED])
def test_a_region_reads_a_cache_once(partition: Partition) -> None:
    model = import_hf(LLAMA, phase="decode", context=3, batch=4).model
    stage = Stage(0, len(model.layers) - 1, (0, 1), (partition,) * len(model.layers))
    schedule = Schedule((Window((Pipeline(0, (stage,), 1),)),))
    bytes_ = chipweave.evaluate(schedule, model, "mesh-16").evaluation.windows[0].pipelines[0].stages[0].bytes_
    assert (bytes_.load, bytes_.store) == (4 * 104, 4 * 42)


def test_each_stage_reads_its_own_caches() -> None:
    model = import_hf(LLAMA, phase="decode", context=3).model
    second = next(number for number, layer in enumerate(model.layers) if layer.name.startswith("layers.1."))
    stages = (Stage(0, second - 1, (0,)), Stage(second, len(model.layers) - 1, (1,)))
    schedule = Schedule((Window((Pipeline(0, stages, 1),)),))
    first, last = chipweave.evaluate(schedule, model, "mesh-16").evaluation.windows[0].pipelines[0].stages
    assert (first.bytes_.load, first.bytes_.store, first.bytes_.forward) == (8 + 48, 16, 8)
    assert (last.bytes_.load, last.bytes_.store) == (48, 16 + 10)
