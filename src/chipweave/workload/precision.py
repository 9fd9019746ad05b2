"""Formats of numbers by the bits of one element, scales of blocks included."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from chipweave.errors import InputError, did_you_mean
from chipweave.plain import short
from chipweave.workload.layer import MOST_BITS

FORMATS: Mapping[str, float] = MappingProxyType(
    {
        "fp32": 32.0,
        "fp16": 16.0,
        "bf16": 16.0,
        "int16": 16.0,
        "fp8": 8.0,
        "int8": 8.0,
        "fp6": 6.0,
        "fp4": 4.0,
        "int4": 4.0,
        "int2": 2.0,
        "mxfp8": 8.25,
        "mxfp6": 6.25,
        "mxfp4": 4.25,
        "nvfp4": 4.5,
        "blockfp8": 8.5,
        "blockfp4": 4.5,
    }
)
"""`mx`: 32 elements share a scale of 8 bits (OCP Microscaling Formats, 1.0, 2023); `nvfp4`: 16 share one of 8 bits
(NVIDIA, Blackwell; the one of the whole tensor is left out); `blockfp`: 16 share an exponent of 8 bits (Tenstorrent,
documentation of data formats)."""


def bits_of(given: str | float, what: str) -> float:
    """Bits of an element, given as a format or as a number; `what` has them.

    Raises:
        InputError: no format, or no number of bits that an element may have.
    """
    text = str(given).strip().lower()
    if text in FORMATS:
        return FORMATS[text]
    try:
        bits = math.nan if isinstance(given, bool) else float(text)
    except ValueError:
        near = did_you_mean(text, FORMATS)
        raise InputError(f"{what}: {short(text)} is no format{near}; give one, or bits") from None
    if not 0 < bits <= MOST_BITS:
        raise InputError(f"{what}: {short(text)} is no number of bits up to {MOST_BITS}; give one, or a format")
    return bits
