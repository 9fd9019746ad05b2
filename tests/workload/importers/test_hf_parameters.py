"""Parameters equal the published counts, and multiplications formulas written down from the architectures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chipweave.errors import InputError
from chipweave.workload.importers.hf import import_hf
from chipweave.workload.importers.hf.families import decoder_of
from chipweave.workload.importers.hf.parameters import parameters

PUBLISHED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "reference/hf/published.json").read_text("utf-8")
)
"""By name: the number of parameters, and what the public configuration says of the sizes."""
CONTEXT = 1000


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_equal_the_published_count(name: str) -> None:
    assert parameters(decoder_of(PUBLISHED[name]["config"])) == PUBLISHED[name]["parameters"]


@pytest.mark.parametrize("name", ["gpt2", "llama-3.1-8b", "gemma-3-1b", "glm-4-9b", "phi-2"])
def test_costed_weights_and_what_no_layer_has_are_all_parameters(name: str) -> None:
    """Of dense models: embeddings that no layer reads, norms, biases and positions are what is missing."""
    config = PUBLISHED[name]["config"]
    decoder = decoder_of(config)
    model = import_hf(config, phase="decode", context=5).model
    vectors = decoder.vectors + sum(b.vectors + sum(part.vectors for part in b.parts) for b in decoder.blocks)
    table = 0 if decoder.tied else decoder.vocabulary * decoder.width
    assert model.weight_elements + table + vectors == PUBLISHED[name]["parameters"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_step_chains(name: str) -> None:
    """A model checks its own shapes. Decode of B sequences has B times the MACs of one, but for experts."""
    config = PUBLISHED[name]["config"] | {"num_hidden_layers": 2}
    config |= {key: 2 for key in ("n_layer", "num_layers") if key in config}
    config |= {"text_config": config["text_config"] | {"num_hidden_layers": 2}} if "text_config" in config else {}
    config |= {"hybrid_override_pattern": "M*E-", "num_hidden_layers": 4} if name.startswith("nemotron") else {}
    for context in (0, 1, 2, 3, 300):
        for tokens in (1, 2, 5, 200):
            import_hf(config, phase="prefill", prompt=tokens, context=context, batch=2)
        one, three = (import_hf(config, phase="decode", context=context, batch=batch).model for batch in (1, 3))
        fixed = sum(layer.macs for layer in one.layers if ".experts." in layer.name)
        mixed = sum(layer.macs for layer in three.layers if ".experts." in layer.name)
        assert three.macs - mixed == 3 * (one.macs - fixed)
        assert three.input_elements == 3 * one.input_elements


@pytest.mark.parametrize(
    ("name", "allowed"), [("gemma-3-27b", 131072), ("chatglm3-6b", 8192), ("falcon-40b", 2048), ("qwen1-7b", 8192)]
)
def test_a_context_beyond_what_a_model_was_made_for(name: str, allowed: int) -> None:
    """Also where its configuration leaves that to the library that reads it, or has a name of its own for it."""
    config = PUBLISHED[name]["config"]
    import_hf(config, phase="decode", context=allowed - 1, bytes_per_element=1)
    with pytest.raises(InputError, match=f"more than the {allowed} that"):
        import_hf(config, phase="decode", context=allowed, bytes_per_element=1)


def test_windows_where_nothing_is_said() -> None:
    """Mistral has one of 4,096 tokens then, and none where the configuration says so."""
    plain = {key: value for key, value in PUBLISHED["mistral-7b"]["config"].items() if key != "sliding_window"}
    for config, seen in ((plain, 4097), (plain | {"sliding_window": None}, 9001)):
        assert import_hf(config, phase="decode", context=9000).model.macs == dense_macs(config, [seen] * 32)


def dense_macs(config: dict[str, Any], tokens_seen: list[int]) -> int:
    """Of one decoded token: every matrix of blocks and the head once, and per block two products with what is seen."""
    d, heads, kv = config["hidden_size"], config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim", d // heads)
    block = 2 * d * heads * head + 2 * d * kv * head + 3 * d * config["intermediate_size"]
    attention = sum(2 * heads * head * seen for seen in tokens_seen)
    return config["num_hidden_layers"] * block + attention + d * config["vocab_size"]


@pytest.mark.parametrize("name", ["llama-2-7b", "llama-3.1-70b", "qwen2.5-7b", "qwen3-32b", "glm-4-9b", "phi-3.5-mini"])
def test_macs_of_a_dense_decode(name: str) -> None:
    config = PUBLISHED[name]["config"]
    seen = [CONTEXT + 1] * config["num_hidden_layers"]
    assert import_hf(config, phase="decode", context=CONTEXT).model.macs == dense_macs(config, seen)


def test_macs_of_windows() -> None:
    """Five of six blocks of Gemma 3 see 512 earlier tokens; all of Mistral's see 4096; every other one of Gemma 2."""
    config = PUBLISHED["gemma-3-1b"]["config"]
    seen = [CONTEXT + 1 if (block + 1) % 6 == 0 else 513 for block in range(26)]
    assert import_hf(config, phase="decode", context=CONTEXT).model.macs == dense_macs(config, seen)
    config = PUBLISHED["mistral-7b"]["config"]
    assert import_hf(config, phase="decode", context=9000).model.macs == dense_macs(config, [4097] * 32)
    config = PUBLISHED["gemma-2-2b"]["config"]
    assert import_hf(config, phase="decode", context=6000).model.macs == dense_macs(config, [4097, 6001] * 13)


def test_macs_of_prefill() -> None:
    """Three sequences of 7 tokens: every matrix of the blocks 21 times, the head 3 times, the square of 7."""
    config = PUBLISHED["llama-3.1-8b"]["config"]
    model = import_hf(config, phase="prefill", prompt=7, batch=3).model
    block = 4096 * 4096 * 2 + 2 * 4096 * 1024 + 3 * 4096 * 14336
    assert model.macs == 21 * 32 * block + 3 * 32 * 2 * 4096 * 7 * 7 + 3 * 4096 * 128256


MOE = {
    "mixtral-8x7b": (2, 3 * 4096 * 14336),
    "qwen3-30b-a3b": (8, 3 * 2048 * 768),
    "qwen3-235b-a22b": (8, 3 * 4096 * 1536),
    "gpt-oss-20b": (4, 3 * 2880 * 2880),
}
"""Experts that a token takes, and the weights of one."""


@pytest.mark.parametrize("name", MOE)
def test_macs_of_experts(name: str) -> None:
    """One token takes as many experts as it takes, and each has one row."""
    config, (chosen, each) = PUBLISHED[name]["config"], MOE[name]
    d, heads, kv = config["hidden_size"], config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim", d // heads)
    experts = config.get("num_experts", config.get("num_local_experts"))
    layers = config["num_hidden_layers"]
    block = 2 * d * heads * head + 2 * d * kv * head + d * experts + chosen * each
    window = config.get("sliding_window") or CONTEXT
    seen = layers * (CONTEXT + 1) if window >= CONTEXT else layers // 2 * (CONTEXT + window + 2)
    expected = layers * block + 2 * heads * head * seen + d * config["vocab_size"]
    assert import_hf(config, phase="decode", context=CONTEXT).model.macs == expected


def test_macs_of_latent_attention() -> None:
    """DeepSeek-V3. Absorbed: 128 heads times a vector of 576 and one of 512 for each token; else 192 and 128."""
    config = PUBLISHED["deepseek-v3"]["config"]
    d, heads = 7168, 128
    made = d * 1536 + 1536 * heads * 192 + d * 576 + heads * 128 * d
    up = 512 * heads * (128 + 128)
    dense, expert = 3 * d * 18432, 3 * d * 2048
    rest = 61 * made + 3 * dense + 58 * (9 * expert + d * 256) + d * 129280
    absorbed = rest + 61 * (up + heads * (576 + 512) * (CONTEXT + 1))
    expanded = rest + 61 * (CONTEXT + 1) * (up + heads * (192 + 128))
    one = {"phase": "decode", "context": CONTEXT}
    assert import_hf(config, **one).model.macs == absorbed
    assert import_hf(config, **one, absorbed=False).model.macs == expanded
    assert import_hf(config, phase="prefill", prompt=1, context=CONTEXT).model.macs == expanded


def test_macs_of_mamba() -> None:
    """Mamba-2, one token: the matrices, 4 taps of 1792 channels, and twice the state of 24 heads of 64 x 128."""
    config = PUBLISHED["mamba2-130m"]["config"]
    block = 768 * (1536 + 1792 + 24) + 1536 * 768 + 4 * 1792 + 2 * 24 * 64 * 128
    assert import_hf(config, phase="decode", context=CONTEXT).model.macs == 24 * block + 768 * 50288


def test_macs_of_mamba_in_chunks() -> None:
    """Of 512 tokens, two chunks of 256: c b^T of the group; per head that times x, x^T b, and c times the state."""
    config = PUBLISHED["mamba2-130m"]["config"]
    chunk = 256 * 256 * 128 + 24 * (256 * 256 * 64 + 2 * 256 * 64 * 128)
    block = 512 * (768 * (1536 + 1792 + 24) + 1536 * 768 + 4 * 1792) + 2 * chunk
    assert import_hf(config, phase="prefill", prompt=512).model.macs == 24 * block + 768 * 50288


def test_macs_of_chosen_tokens() -> None:
    """DeepSeek-V3 with the indexer of V3.2, which takes 500 of 1,000: its matrices, 64 heads of 128 times all keys."""
    plain = PUBLISHED["deepseek-v3"]["config"]
    config = plain | {"index_topk": 500, "index_n_heads": 64, "index_head_dim": 128}
    before = import_hf(plain, phase="decode", context=CONTEXT).model.macs
    indexer = 1536 * 64 * 128 + 7168 * (128 + 64) + 64 * 128 * (CONTEXT + 1)
    fewer = 128 * (576 + 512) * (CONTEXT - 500)
    assert import_hf(config, phase="decode", context=CONTEXT).model.macs == before + 61 * (indexer - fewer)
    assert parameters(decoder_of(config)) - parameters(decoder_of(plain)) == 61 * (
        1536 * 64 * 128 + 7168 * (128 + 64) + 2 * 128
    )


def test_macs_of_the_delta_rule() -> None:
    """Qwen 3.5 27B's sizes, two blocks: one with 48 states of 128 x 128, which are recalled, written and read."""
    config = {
        "model_type": "qwen3_5_text",
        "hidden_size": 5120,
        "intermediate_size": 17408,
        "num_hidden_layers": 2,
        "layer_types": ["linear_attention", "full_attention"],
        "num_attention_heads": 24,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 48,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "vocab_size": 248320,
    }
    channels, inner = 2 * 16 * 128 + 48 * 128, 48 * 128
    delta = 5120 * (channels + inner + 2 * 48) + 4 * channels + 3 * 48 * 128 * 128 + inner * 5120
    full = 5120 * 256 * (2 * 24 + 2 * 4) + 24 * 256 * 5120 + 2 * 24 * 256 * (CONTEXT + 1)
    expected = delta + full + 2 * 3 * 5120 * 17408 + 5120 * 248320
    assert import_hf(config, phase="decode", context=CONTEXT).model.macs == expected
