"""Inputs of a graph that are weights: what an export without parameters makes of them (docs/import.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chipweave.errors import InputError, did_you_mean
from chipweave.workload.importers.onnx.tensor import steers

if TYPE_CHECKING:
    from onnx import NodeProto, ValueInfoProto

_ENDINGS = ("weight", "bias", "gamma", "beta", "running_mean", "running_var", "weight_g", "weight_v", "kernel")
_OF_RECURRENT = re.compile(r"(weight|bias)_[hi]h(_l\d+(_reverse)?)?|weight_hr(_l\d+(_reverse)?)?")
_BEGINNINGS = ("onnx::Conv_", "onnx::MatMul_", "onnx::Gemm_")
"""Of names: what PyTorch's two exporters call parameters that they do not store."""

_ALWAYS = {
    "Conv": (1, 2),
    "ConvInteger": (1,),
    "QLinearConv": (3, 8),
    "ConvTranspose": (1, 2),
    "DeformConv": (1, 3),
    "BatchNormalization": (1, 2, 3, 4),
    "LayerNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "PRelu": (1,),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), (1, 2, 3, 7)),
}
_BESIDE_OTHERS = {"Gemm": (1, 2), "MatMul": (1,), "MatMulInteger": (1,), "QLinearMatMul": (3,)}
_OF_VECTORS = {"Add": (0, 1), "Mul": (0, 1)}
"""Places where operators take their weights: in every network, or in one that has other inputs that are weights, or
inputs with a batch beside those without; biases and scales among the latter, which are vectors."""

_PASSES = ("Transpose", "Reshape", "Cast", "DequantizeLinear", "Identity", "Unsqueeze", "Squeeze")
"""Operators through which weights reach the one that takes them."""


def parameters_among(
    inputs: Sequence[ValueInfoProto], nodes: Sequence[NodeProto], stated: Sequence[str] | None
) -> frozenset[str]:
    """Names of inputs that are weights: by their names, or by the places where alone they are read.

    Args:
        stated: the inputs that are none, if that is known: then all others are weights.

    Raises:
        InputError: an input is stated that the graph does not have.
    """
    names = [value.name for value in inputs]
    if stated is not None:
        unknown = [name for name in stated if name not in names]
        if unknown:
            raise InputError(f"--inputs {unknown[0]}: the file has no such input{did_you_mean(unknown[0], names)}")
        return frozenset(names) - frozenset(stated)
    fixed = [value for value in inputs if _may_be_weights(value)]
    uses = _uses(nodes)
    found = {value.name for value in fixed if _called(value.name) or _read_at(uses.get(value.name, []), _ALWAYS)}
    if found or any(_has_batch(value) for value in inputs):
        for value in fixed:
            places = {**_ALWAYS, **_BESIDE_OTHERS, **(_OF_VECTORS if _rank(value) == 1 else {})}
            if _rank(value) <= 2 and _read_at(uses.get(value.name, []), places):
                found.add(value.name)
    return frozenset(found) if len(found) < len(names) else frozenset()


def _may_be_weights(value: ValueInfoProto) -> bool:
    """Of known size, without a batch, and no numbers that steer."""
    sizes = [dim.HasField("dim_value") and dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim]
    return bool(sizes) and all(sizes) and not steers(value.type.tensor_type.elem_type)


def _has_batch(value: ValueInfoProto) -> bool:
    """Several axes, the first of open size, and no numbers that steer."""
    sizes = value.type.tensor_type.shape.dim
    steering = steers(value.type.tensor_type.elem_type)
    return len(sizes) > 1 and not sizes[0].HasField("dim_value") and not steering


def _rank(value: ValueInfoProto) -> int:
    return len(value.type.tensor_type.shape.dim)


def _called(name: str) -> bool:
    last = name.replace("/", ".").rsplit(".", 1)[-1]
    return name.startswith(_BEGINNINGS) or (
        last in _ENDINGS or last.endswith(("_weight", "_bias")) or _OF_RECURRENT.fullmatch(last) is not None
    )


def _uses(nodes: Sequence[NodeProto]) -> dict[str, list[tuple[str, int]]]:
    """Per tensor the operators that read it, and at which place; those that only rearrange it are passed through."""
    found: dict[str, list[tuple[str, int]]] = {}
    for node in reversed(nodes):
        for place, name in enumerate(node.input):
            through = found.get(node.output[0]) if node.output and node.op_type in _PASSES and not place else None
            found.setdefault(name, []).extend(through or [(node.op_type, place)])
    return found


def _read_at(uses: Sequence[tuple[str, int]], places: Mapping[str, Sequence[int]]) -> bool:
    return bool(uses) and all(place in places.get(operator, ()) for operator, place in uses)
