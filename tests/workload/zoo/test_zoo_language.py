"""Language models of the zoo are those whose parameters are held to published counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chipweave.workload.importers.hf import import_hf
from chipweave.workload.zoo import build_model, language

PUBLISHED = json.loads((Path(__file__).parents[2] / "reference/hf/published.json").read_text("utf-8"))
SAME = [
    ("llama3_8b_decode", language.LLAMA_3_8B, "llama-3.1-8b"),
    ("llama3_70b_decode", language.LLAMA_3_70B, "llama-3.1-70b"),
    ("mixtral_8x7b_decode", language.MIXTRAL_8X7B, "mixtral-8x7b"),
    ("deepseek_v3_decode", language.DEEPSEEK_V3, "deepseek-v3"),
    ("gpt2_large_decode", language.GPT_2_LARGE, "gpt2-large"),
]


@pytest.mark.parametrize(("model", "config", "name"), SAME)
def test_sizes_are_those_of_the_public_configuration(model: str, config: Mapping[str, Any], name: str) -> None:
    step = {"phase": "decode", "context": 7, "batch": 2, "bytes_per_element": 1}
    built, imported = build_model(model, context=7, batch=2), import_hf(PUBLISHED[name]["config"], **step).model
    assert (built.layers, built.edges) == (imported.layers, imported.edges)
    assert import_hf(config, **step).parameters == PUBLISHED[name]["parameters"]


def test_prefill_and_decode_have_the_same_weights() -> None:
    """Of 600 tokens prefill has 600 times the products of the blocks; the last product is of one token in both."""
    decode, prefill = build_model("llama3_8b_decode"), build_model("llama3_8b_prefill", prompt=600)
    head = 4096 * 128256
    assert decode.weight_elements == prefill.weight_elements
    products = {layer.name: layer.macs for layer in decode.layers if layer.weight_elements}
    assert sum(products.values()) - head == sum(
        layer.macs // 600 for layer in prefill.layers if layer.name in products and layer.name != "lm_head"
    )
