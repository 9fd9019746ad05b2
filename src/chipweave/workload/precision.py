"""Formats of numbers by the bits of one element, scales of blocks included."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
