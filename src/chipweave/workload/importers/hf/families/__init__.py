"""Every family of decoders by the configuration's `model_type`, and those that are refused, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chipweave.errors import did_you_mean
from chipweave.plain import short
from chipweave.workload.importers.hf.decoder import Decoder
from chipweave.workload.importers.hf.families import first, gated, latent, mixtures, recurrent
from chipweave.workload.importers.hf.fields import Fields

FAMILIES: dict[str, Callable[[Fields], Decoder]] = {
    "RefinedWeb": first.falcon,
    "RefinedWebModel": first.falcon,
    "bloom": first.bloom,
    "chatglm": gated.chatglm,
    "deepseek": mixtures.deepseek,
    "deepseek_v2": latent.deepseek_v2,
    "deepseek_v3": latent.deepseek_v3,
    "deepseek_v32": latent.deepseek_v3,
    "falcon": first.falcon,
    "gemma": gated.gemma,
    "gemma2": gated.gemma2,
    "gemma3_text": gated.gemma3,
    "glm": gated.glm,
    "glm4": gated.glm4,
    "glm4_moe": mixtures.glm4_moe,
    "glm4_moe_lite": latent.glm4_moe_lite,
    "glm4v_moe_text": mixtures.glm4_moe,
    "glm4v_text": gated.glm4v,
    "glm_moe_dsa": latent.deepseek_v3,
    "gpt2": first.gpt2,
    "gpt_neox": first.gpt_neox,
    "gpt_oss": mixtures.gpt_oss,
    "kimi_k2": latent.deepseek_v3,
    "llama": gated.llama,
    "llama4_text": mixtures.llama4,
    "mamba2": recurrent.mamba2,
    "mimo": gated.qwen2,
    "minimax_m2": mixtures.minimax_m2,
    "ministral3": gated.mistral,
    "mistral": gated.mistral,
    "mixtral": mixtures.mixtral,
    "nemotron_h": recurrent.nemotron_h,
    "opt": first.opt,
    "phi": first.phi,
    "phi3": gated.phi3,
    "phimoe": mixtures.phimoe,
    "qwen": gated.qwen,
    "qwen2": gated.qwen2,
    "qwen2_5_vl": gated.qwen2,
    "qwen2_5_vl_text": gated.qwen2,
    "qwen2_moe": mixtures.qwen2_moe,
    "qwen2_vl": gated.qwen2,
    "qwen2_vl_text": gated.qwen2,
    "qwen3": gated.qwen3,
    "qwen3_5_moe_text": recurrent.qwen3_5_moe,
    "qwen3_5_text": recurrent.qwen3_5,
    "qwen3_moe": mixtures.qwen3_moe,
    "qwen3_next": recurrent.qwen3_5_moe,
    "qwen3_vl_moe_text": mixtures.qwen3_vl_moe,
    "qwen3_vl_text": gated.qwen3,
}
"""Functions from a configuration to what it describes."""

BOTH = "attention beside states, in one block or with blocks that share weights, is not modelled"
MAMBA_1 = "the first Mamba's scan, a state for each channel with widths of its own, is not modelled"
REFUSED = {
    "bamba": BOTH,
    "deepseek_ref": "attention over compressed tokens and several residual streams are not modelled",
    "deepseek_v4": "attention over compressed tokens and several residual streams are not modelled",
    "falcon_h1": BOTH,
    "falcon_mamba": MAMBA_1,
    "gemma3n_text": "its residual streams beside each other and embeddings in every block are not modelled",
    "gemma4_text": "its experts beside a dense network, and keys that are values too, are not modelled",
    "granitemoehybrid": BOTH,
    "jamba": f"{MAMBA_1}, nor beside attention",
    "kimi_linear": "its linear attention and residuals over blocks are not modelled",
    "mamba": MAMBA_1,
    "mimo_v2_flash": "heads of another size in blocks with a window are not modelled",
    "minimax_m3": "its attention over chosen blocks of tokens is not modelled",
    "minimax_m3_vl": "its attention over chosen blocks of tokens is not modelled",
    "mllama_text_model": "attention to pictures, in blocks between the others, is not modelled",
    "nemotron-nas": "its blocks differ by a search, and some have no attention",
    "phi3small": "its attention over blocks of tokens is not modelled",
    "step3p7": "how its heads differ between layers is not known",
    "zamba": BOTH,
    "zamba2": BOTH,
}
"""Families that are known, and not imported."""

BESIDE = {
    "vision_config": "the part that sees pictures",
    "audio_config": "the part that hears",
    "speech_config": "the part that hears",
}
"""Parts of a configuration beside the language model, which are left out."""
OF_THE_WHOLE = ("tie_word_embeddings", "torch_dtype", "dtype")
"""Fields that a language model has from the model that it is a part of, where it does not state them itself."""


def decoder_of(config: Mapping[str, Any]) -> Decoder:
    """The decoder that a configuration describes, checked as far as it is read.

    Raises:
        InputError: an architecture that is not known, a field that is missing or of another kind; with `fields`.
    """
    whole = Fields(config)
    fields, beside = language_model(whole), [words for name, words in BESIDE.items() if config.get(name)]
    family = fields.text("model_type") or whole.text("model_type")
    if not family:
        if whole.has("ssm_cfg") and whole.part("ssm_cfg").text("layer") == "Mamba2":
            return recurrent.mamba2_by_its_authors(whole)
        raise fields.fault("model_type", "is missing; it says which architecture this is")
    if family in REFUSED:
        raise fields.fault("model_type", f"{short(family)} is not imported: {REFUSED[family]}")
    if family not in FAMILIES:
        near = did_you_mean(family, FAMILIES)
        known = "" if near.startswith("; known") else f"; known: {', '.join(FAMILIES)}"
        raise fields.fault("model_type", f"{short(family)} is no architecture that is known{near}{known}")
    made = FAMILIES[family](fields)
    return replace(made, family=family, left_out=(*beside, *made.left_out))


def language_model(whole: Fields) -> Fields:
    """The fields of the language model, which may be one part of several."""
    name = next((name for name in ("text_config", "llm_config", "language_config") if whole.has(name)), "")
    if not name:
        return whole
    part = whole.part(name)
    inherited = {key: whole.data[key] for key in OF_THE_WHOLE if whole.has(key) and not part.has(key)}
    return Fields({**part.data, **inherited}, part.place)
