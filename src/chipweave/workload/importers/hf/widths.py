"""How many bytes an element has, as a configuration states it. A model has one width, of weights and activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chipweave.plain import short
from chipweave.workload.importers.hf.families import language_model
from chipweave.workload.importers.hf.fields import Fields

TYPES = {"float64": 8, "float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2, "float8_e4m3fn": 1}
"""Bytes of an element of each type."""
REMEDY = "a model has one whole number of bytes for weights, caches and activations alike: give --bytes-per-element"


def width_of(config: Mapping[str, Any], given: int | None) -> tuple[int, str, str]:
    """Bytes of an element, the type that the configuration states ("" where none), and a note ("" where none).

    Args:
        given: what the user wants instead.

    Raises:
        InputError: a type that is unknown, or widths that one number cannot say, unless one is given.
    """
    whole = Fields(config)
    fields = language_model(whole)
    name = "dtype" if fields.has("dtype") else "torch_dtype"
    stated = fields.text(name)
    owner = whole if whole.has("quantization_config") else fields
    if owner.has("quantization_config"):
        return _quantised(owner, stated, given)
    if given is not None or not stated:
        return given or 1, stated, ""
    if stated not in TYPES:
        raise fields.fault(name, f"{short(stated)} is no type that is known ({', '.join(TYPES)}); {REMEDY}")
    return TYPES[stated], stated, ""


def _quantised(owner: Fields, stated: str, given: int | None) -> tuple[int, str, str]:
    part = owner.part("quantization_config")
    method = part.text("quant_method") or "of no name"
    algorithm = part.text("quant_algo")
    eight_bits = (method == "fp8" and algorithm != "MIXED_PRECISION") or algorithm == "FP8"
    called = f"{method} {algorithm}".strip()
    if given is not None:
        said = f"the configuration is quantised ({called}); what is given is taken for everything"
        return given, called, said
    if not eight_bits:
        wrong = f"weights are quantised ({called}) beside wider activations, which no one width says; {REMEDY} 1 or 2"
        raise owner.fault("quantization_config", wrong)
    here = f", though {stated} in the configuration" if stated else ""
    said = f"weights are quantised ({called}) to 1 byte; caches and activations are costed at the same{here}"
    return 1, called, said
