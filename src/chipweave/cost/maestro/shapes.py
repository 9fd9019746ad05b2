"""Layers in MAESTRO's terms: a type, dimension sizes without padding, and how often it runs."""

from __future__ import annotations

from chipweave.cost.maestro.engine import layer_row
from chipweave.workload.layer import Layer, Op

Shape = tuple[int, ...]
"""A row of `engine.Batch.layers`: equal shapes cost the same."""


def shape_of(layer: Layer, *, depthwise_type: bool = True, gemm_type: bool = False) -> tuple[Shape, int]:
    """The shape MAESTRO costs for `layer`, and the number of times it runs, one after another.

    MAESTRO pads nothing and has no dilation: the input is taken as large as the output needs, (out - 1) * stride + R.
    A matmul is `groups` GEMMs; a grouped convolution `groups` smaller ones; a GEMM is a 1x1 convolution over a column
    of its rows; a transposed convolution slides over the input that has not been upsampled.

    Args:
        depthwise_type: depthwise layers as one DSCONV; otherwise as convolutions of one channel each.
        gemm_type: GEMM and matmul as MAESTRO's own type (M rows, K inner, N columns).
    """
    copies = layer.N * layer.groups
    K, C = layer.K // layer.groups, layer.C // layer.groups
    if layer.op in (Op.GEMM, Op.MATMUL):
        rows = layer.Y * layer.X
        if gemm_type:
            return tuple(layer_row("GEMM", {"M": rows, "K": C, "N": K})), copies
        return tuple(layer_row("CONV", {"K": K, "C": C, "R": 1, "S": 1, "Y": rows, "X": 1})), copies
    if layer.op is Op.TRANSPOSED:
        sizes = {"K": K, "C": C, "R": layer.R, "S": layer.S, "Y": layer.Y + layer.R - 1, "X": layer.X + layer.S - 1}
        return tuple(layer_row("TRCONV", sizes)), copies
    sizes = {
        "R": layer.R,
        "S": layer.S,
        "Y": (layer.out_y - 1) * layer.stride[0] + layer.R,
        "X": (layer.out_x - 1) * layer.stride[1] + layer.S,
    }
    if depthwise_type and layer.groups == layer.C == layer.K and layer.groups > 1:
        return tuple(layer_row("DSCONV", sizes | {"C": layer.C}, layer.stride)), layer.N
    return tuple(layer_row("CONV", sizes | {"K": K, "C": C}, layer.stride)), copies
