"""How wide an element is, as a configuration states it or a user wants it: of weights, activations and caches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chipweave.plain import short
from chipweave.workload.importers.hf.families import language_model
from chipweave.workload.importers.hf.fields import Fields
from chipweave.workload.precision import FORMATS, bits_of

TYPES = {"float64": 8, "float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2, "float8_e4m3fn": 1}
"""Bytes of an element of each type."""
EXPERTS = "mxfp4"
"""Of gpt-oss."""
REMEDY = "give --weights and --activations, or --bytes-per-element for both"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user wants instead of what the configuration says.

    Args:
        bytes_per_element: of everything alike.
        weights, activations, cache: a format, or bits; of caches and states what activations have, where nothing is
            said.
    """

    bytes_per_element: int | None = None
    weights: str | float | None = None
    activations: str | float | None = None
    cache: str | float | None = None

    @property
    def apart(self) -> bool:
        return any(each is not None for each in (self.weights, self.activations, self.cache))


@dataclass(frozen=True, slots=True)
class Widths:
    """
    Args:
        bytes_per_element: of everything, where no bits are said.
        stated: the type in the configuration, "" where none; note: what was decided, "" where nothing.
        weight_bits, activation_bits: 0: as `bytes_per_element` says.
        cache_share: bits of a cached element over those of an activation.
        expert_bits: of a weight of routed experts; 0: as of any weight.
    """

    bytes_per_element: int
    stated: str
    note: str
    weight_bits: float = 0.0
    activation_bits: float = 0.0
    cache_share: float = 1.0
    expert_bits: float = 0.0


def widths_of(config: Mapping[str, Any], wanted: Wanted) -> Widths:
    """How wide elements are.

    Raises:
        InputError: a type that is unknown, widths that one number cannot say unless they are given, or no format.
    """
    whole = Fields(config)
    fields = language_model(whole)
    name = "dtype" if fields.has("dtype") else "torch_dtype"
    stated = fields.text(name)
    owner = whole if whole.has("quantization_config") else fields
    given = wanted.bytes_per_element
    quantised = owner.has("quantization_config")
    if wanted.apart or (given is None and quantised and _only_experts(fields, owner)):
        return _apart(fields, name, owner, wanted)
    if quantised:
        return Widths(*_quantised(owner, stated, given))
    if given is not None or not stated:
        return Widths(given or 1, stated, "")
    return Widths(_bytes_of(fields, name, stated), stated, "")


def _only_experts(fields: Fields, owner: Fields) -> bool:
    """It is as gpt-oss is published: experts in blocks of 4 bits, all else in BF16, whether a type is stated or not."""
    quantised_by = owner.part("quantization_config").text("quant_method")
    return fields.text("model_type") == "gpt_oss" and quantised_by == EXPERTS


def _bytes_of(fields: Fields, name: str, stated: str) -> int:
    if stated not in TYPES:
        raise fields.fault(name, f"{short(stated)} is no type that is known ({', '.join(TYPES)}); {REMEDY}")
    return TYPES[stated]


def _apart(fields: Fields, name: str, owner: Fields, wanted: Wanted) -> Widths:
    """Of each its own: what is given, else what the configuration says of it."""
    stated, quantised, experts = fields.text(name), owner.has("quantization_config"), 0.0
    activations, weights, cache = wanted.activations, wanted.weights, wanted.cache
    plain = 2 if quantised else 1  # where nothing is said: what is not quantised in such files is BF16
    if stated and (activations is None or weights is None):
        plain = _bytes_of(fields, name, stated)
    activation_bits = 8.0 * plain if activations is None else bits_of(activations, "activations")
    called, weight_bits = stated, 8.0 * plain
    if weights is not None:
        weight_bits = bits_of(weights, "weights")
    elif quantised and _only_experts(fields, owner):
        experts = FORMATS[EXPERTS]
    elif quantised:
        each, called, _ = _quantised(owner, stated, None)
        weight_bits = 8.0 * each
    cache_bits = activation_bits if cache is None else bits_of(cache, "cache")
    note = f"bits: {weight_bits:g} of a weight, {activation_bits:g} of an activation, {cache_bits:g} of what is cached"
    note += f"; {experts:g} of a weight of experts" if experts else ""
    bytes_ = max(1, -int(-activation_bits // 8))
    return Widths(bytes_, called, note, weight_bits, activation_bits, cache_bits / activation_bits, experts)


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
        wrong = f"weights are quantised ({called}), to widths that are not read here; {REMEDY}, 1 or 2"
        raise owner.fault("quantization_config", wrong)
    here = f", though {stated} in the configuration" if stated else ""
    said = f"weights are quantised ({called}) to 1 byte; caches and activations are costed at the same{here}"
    return 1, called, said
