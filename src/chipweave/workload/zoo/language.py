"""Language models in service: a step of decode, or prefill, of some that are well known.

Sizes are those of the public configurations. Elements have one byte, as FP8 has; `chipweave import hf` sets others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import require

MOST_BLOCKS = 1000
MOST_TOKENS = 131072

LLAMA_3 = {
    "model_type": "llama",
    "num_key_value_heads": 8,
    "max_position_embeddings": MOST_TOKENS,
    "vocab_size": 128256,
}
LLAMA_3_8B = LLAMA_3 | {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}
LLAMA_3_70B = LLAMA_3 | {
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
}
MIXTRAL_8X7B = {
    "model_type": "mixtral",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 32768,
    "vocab_size": 32000,
}
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3",
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "first_k_dense_replace": 3,
    "max_position_embeddings": 163840,
    "vocab_size": 129280,
}

GPT_2_LARGE = {
    "model_type": "gpt2",
    "hidden_size": 1280,
    "num_hidden_layers": 36,
    "num_attention_heads": 20,
    "max_position_embeddings": 1024,
    "vocab_size": 50257,
}

CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "llama3_8b": LLAMA_3_8B,
    "llama3_70b": LLAMA_3_70B,
    "mixtral_8x7b": MIXTRAL_8X7B,
    "deepseek_v3": DEEPSEEK_V3,
    "gpt2_large": GPT_2_LARGE,
}
"""By name, as `chipweave serve` takes them."""


def llama3_8b_decode(context: int = 2048, batch: int = 1, blocks: int = 32) -> Model:
    return _decode("llama3_8b_decode", LLAMA_3_8B, context, batch, blocks)


def llama3_8b_prefill(prompt: int = 512, batch: int = 1, blocks: int = 32) -> Model:
    return _prefill("llama3_8b_prefill", LLAMA_3_8B, prompt, batch, blocks)


def llama3_70b_decode(context: int = 2048, batch: int = 1, blocks: int = 80) -> Model:
    return _decode("llama3_70b_decode", LLAMA_3_70B, context, batch, blocks)


def mixtral_8x7b_decode(context: int = 2048, batch: int = 8, blocks: int = 32) -> Model:
    return _decode("mixtral_8x7b_decode", MIXTRAL_8X7B, context, batch, blocks)


def deepseek_v3_decode(context: int = 2048, batch: int = 32, blocks: int = 61) -> Model:
    return _decode("deepseek_v3_decode", DEEPSEEK_V3, context, batch, blocks)


def gpt2_large_decode(context: int = 192, batch: int = 1, blocks: int = 36) -> Model:
    return _decode("gpt2_large_decode", GPT_2_LARGE, context, batch, blocks)


def _decode(name: str, config: Mapping[str, Any], context: int, batch: int, blocks: int) -> Model:
    require(name, minimum=0, maximum=_positions(config) - 1, context=context)
    return _step(name, config, {"phase": "decode", "context": context, "batch": batch}, blocks)


def _prefill(name: str, config: Mapping[str, Any], prompt: int, batch: int, blocks: int) -> Model:
    require(name, minimum=1, maximum=_positions(config), prompt=prompt)
    return _step(name, config, {"phase": "prefill", "prompt": prompt, "batch": batch}, blocks)


def _positions(config: Mapping[str, Any]) -> int:
    return int(config["max_position_embeddings"])


def _step(name: str, config: Mapping[str, Any], step: Mapping[str, Any], blocks: int) -> Model:
    from chipweave.workload.importers.hf import import_hf  # which takes the builder from this package

    require(name, minimum=1, maximum=MOST_BLOCKS, blocks=blocks)
    require(name, minimum=1, maximum=1024, batch=step["batch"])
    model = import_hf({**config, "num_hidden_layers": blocks}, **step, name=name).model
    return public(model)


def public(model: Model) -> Model:
    """A model of one of these configurations, with its source."""
    return replace(model, source=f"the public {model.source}; exact")
