"""Operators that slide a window over a map: convolutions, pools, and resizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, legal_name
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor
from chipweave.workload.importers.view import Shape, View, ViewKind, fold, unary


def convolution(assembly: Assembly, call: Call, weight: int = 1, beside: Sequence[View] = ()) -> View | None:
    """Conv and its quantised forms, with the weights at position `weight`; None where sizes are unknown.

    Raises:
        InputError: the filter is larger than what it slides over.
    """
    _within(call, weight)
    found = _operands(call, weight)
    if found is None or len(found[1]) > 5:
        return None
    source, filter_, shape = found
    groups, axes = call.integer("group", 1), len(filter_) - 2
    _as_stated(call, filter_[2:])
    _agree(call, filter_[1] * groups, source[1])
    stride, dilation = _numbers(call, "strides", axes), _numbers(call, "dilations", axes)
    return assembly.convolution(
        call.name,
        _view(call.operand(0), source),
        _view(call.operand(weight), filter_),
        stride=stride,
        padding=_padding(call, source[2:], filter_[2:], stride, dilation, shape[2:]),
        dilation=dilation,
        groups=groups,
        shape=shape,
        beside=beside,
    )


def deformed_convolution(assembly: Assembly, call: Call) -> View | None:
    """A convolution whose taps are moved by activations, and weighted by further ones where there is a mask. Finding
    values between places costs nothing here, like every other resampling."""
    steering = [tensor.view for tensor in (call.operand(2), call.operand(4)) if tensor is not None]
    return convolution(assembly, call, beside=[view for view in steering if view.kind is ViewKind.ACTIVATION])


def causal_convolution(assembly: Assembly, call: Call) -> tuple[View, ...] | None:
    """A depthwise convolution of the places before each and its own, with those that an earlier run left in front;
    the second output are those that it leaves itself."""
    source, filter_, past = call.operand(0), call.operand(1), call.operand(3)
    if source is None or filter_ is None or not source.shape or not filter_.shape or len(source.shape) != 3:
        return None
    if len(filter_.shape) != 3:
        return None
    attributes = {"group": source.shape[1], "pads": [filter_.shape[2] - 1, 0]}
    beside = [past.view] if past is not None and past.is_activation else []
    view = convolution(assembly, replace(call, attributes=attributes, shapes=(source.shape,)), beside=beside)
    if view is None:
        return None
    return view, *(fold((source.view, *beside), shape) for shape in call.shapes[1:])


def transposed_convolution(assembly: Assembly, call: Call) -> View | None:
    found = _operands(call, 1)
    if found is None or len(found[1]) > 5:
        return None
    source, filter_, shape = found
    groups, axes = call.integer("group", 1), len(filter_) - 2
    _as_stated(call, filter_[2:])
    _agree(call, filter_[0], source[1])
    stride, dilation = _numbers(call, "strides", axes), _numbers(call, "dilations", axes)
    # What is cut off the front of the full output; the attribute `pads` does not say it for SAME or `output_shape`.
    pads = _numbers(call, "pads", 2 * axes, default=0)[:axes]
    if call.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or "output_shape" in call.attributes:
        full = [
            (size - 1) * s + d * (k - 1) + 1
            for size, s, d, k in zip(source[2:], stride, dilation, filter_[2:], strict=True)
        ]
        pads = [max(0, whole - out) // 2 for whole, out in zip(full, shape[2:], strict=True)]
    return assembly.transposed_convolution(
        call.name,
        _view(call.operand(0), source),
        _view(call.operand(1), filter_),
        stride=stride,
        padding=pads,
        dilation=dilation,
        groups=groups,
        shape=shape,
    )


def _within(call: Call, weight: int) -> None:
    source, filter_ = call.operand(0), call.operand(weight)
    if source is None or filter_ is None or source.shape is None or filter_.shape is None:
        return
    axes = len(source.shape) - 2
    if not 0 < axes == len(filter_.shape) - 2 or call.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return
    if 0 in source.shape[2:]:
        names = {1: "Y", 2: "YX"}.get(axes, "ZYX"[:axes])
        sized = ", ".join(f"{axis}={size}" for axis, size in zip(names, source.shape[2:], strict=False))
        raise InputError(
            f"'{legal_name(call.name)}': its input has {sized}, that is nothing; check the sizes of the network's "
            "inputs, or export the file again"
        )
    _fits(call, "filter", filter_.shape[2:], source.shape[2:])


def _fits(call: Call, what: str, kernel: Sequence[int], size: Sequence[int]) -> None:
    axes = len(size)
    pads, dilation = _numbers(call, "pads", 2 * axes, default=0), _numbers(call, "dilations", axes)
    padded = [length + pads[axis] + pads[axes + axis] for axis, length in enumerate(size)]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(need > there for need, there in zip(reach, padded, strict=True)):
        sizes = [" x ".join(map(str, each)) for each in (reach, padded)]
        raise InputError(
            f"'{legal_name(call.name)}': a {what} of {sizes[0]} does not fit into {sizes[1]}, its input with padding; "
            "check the sizes, or export the file again"
        )


def _as_stated(call: Call, kernel: Sequence[int]) -> None:
    stated = call.integers("kernel_shape")
    if stated and tuple(stated) != tuple(kernel):
        says, has = (" x ".join(map(str, each)) for each in (stated, kernel))
        raise InputError(
            f"'{legal_name(call.name)}': its kernel_shape says {says}, but its weights are of {has}; the file is "
            "damaged, export it again"
        )


def _agree(call: Call, expected: int, channels: int) -> None:
    if expected != channels:
        raise InputError(
            f"'{legal_name(call.name)}': the weights are for {expected} input channels, but {channels} come in; the "
            "file is damaged, export it again"
        )


def _operands(call: Call, weight: int) -> tuple[Shape, Shape, Shape] | None:
    """Shapes of the input, the filter and the output, where all are known."""
    source, filter_ = call.operand(0), call.operand(weight)
    if source is None or filter_ is None:
        return None
    if source.shape is None or filter_.shape is None or call.shape is None:
        return None
    if not 3 <= len(filter_.shape) == len(source.shape) == len(call.shape):
        return None
    return source.shape, filter_.shape, call.shape


def _view(tensor: OnnxTensor | None, shape: Shape) -> View:
    assert tensor is not None
    return replace(tensor.view, shape=shape)


def _numbers(call: Call, key: str, count: int, default: int = 1) -> list[int]:
    """One number for each axis.

    Raises:
        InputError: the attribute has another number of them.
    """
    values = call.integers(key) or [default] * count
    if len(values) != count:
        raise InputError(
            f"'{legal_name(call.name)}': {key} has {len(values)} numbers where {count} are needed; the file is "
            "damaged, export it again"
        )
    return values


def _padding(
    call: Call, size: Shape, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], out: Shape
) -> list[int]:
    """Elements before each axis; those after it follow from the output's size."""
    axes = len(size)
    mode = call.attributes.get("auto_pad", "NOTSET")
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        return [0] * axes if mode == "VALID" else _numbers(call, "pads", 2 * axes, default=0)[:axes]
    pads = []
    for length, k, s, d, o in zip(size, kernel, stride, dilation, out, strict=True):
        total = max(0, (o - 1) * s + d * (k - 1) + 1 - length)
        pads.append(total // 2 if mode == "SAME_UPPER" else total - total // 2)
    return pads


def pool(assembly: Assembly, call: Call) -> View | tuple[View, ...] | None:
    """Max, average and Lp pools over one to three axes; a third one unrolls like a convolution's.

    Raises:
        InputError: the window is larger than what it slides over.
    """
    source = call.operand(0)
    if source is None or source.shape is None or not 3 <= len(source.shape) <= 5:
        return None
    axes = len(source.shape) - 2
    if call.attributes.get("auto_pad", "NOTSET") in ("NOTSET", "VALID") and not call.integer("ceil_mode", 0):
        _fits(call, "window", _numbers(call, "kernel_shape", axes), source.shape[2:])
    if call.shape is None:
        return None
    kernel, stride = _numbers(call, "kernel_shape", axes), _numbers(call, "strides", axes)
    if max(kernel) == 1 and call.shape == source.shape:  # an adaptive pool to the size that is there already
        return assembly.fold(call.operator, (source.view,), call.shape)
    dilation = _numbers(call, "dilations", axes)
    padding = _padding(call, source.shape[2:], kernel, stride, dilation, call.shape[2:])
    view = assembly.pool(
        call.name,
        _view(source, _flat(source.shape, call.shape)),
        kernel=kernel[-2:],
        stride=stride[-2:],
        padding=padding[-2:],
        shape=_flat(call.shape, call.shape),
    )
    view = replace(view, shape=call.shape)
    return (view, *(unary(view, shape) for shape in call.shapes[1:]))  # positions of the maxima


def _flat(shape: Shape, out: Shape) -> Shape:
    """A map of two axes for every plane of the output, where there are three."""
    return shape if len(shape) < 5 else (shape[0] * out[2], shape[1], *shape[3:])


def global_pool(assembly: Assembly, call: Call) -> View | None:
    source = call.operand(0)
    if source is None or source.shape is None or not 3 <= len(source.shape) <= 5:
        return None
    return assembly.global_pool(call.name, _view(source, _as_map(source.shape)), call.shape)


def reduction(assembly: Assembly, call: Call) -> View | None:
    """A mean or maximum over all axes of a map is a global pool; over others it belongs to a norm."""
    source = call.operand(0)
    axes = call.integers("axes", 1)
    if source is None or source.shape is None or axes is None or len(source.shape) not in (4, 5):
        return _folded(assembly, call)
    rank = len(source.shape)
    if sorted(axis % rank for axis in axes) != list(range(2, rank)):
        return _folded(assembly, call)
    return assembly.global_pool(call.name, _view(source, _as_map(source.shape)), call.shape)


def _as_map(shape: Shape) -> Shape:
    return shape if len(shape) < 5 else (*shape[:2], shape[2] * shape[3], shape[4])


def resize(assembly: Assembly, call: Call) -> View | None:
    """A resize of the axes after the channels, or of those before them where the last axis keeps its size."""
    source = call.operand(0)
    if source is None or source.shape is None or call.shape is None or not 3 <= len(source.shape) <= 5:
        return None
    before, after = source.shape, call.shape
    if before == after:
        return _folded(assembly, call)
    if before[:2] != after[:2]:
        if before[0] != after[0] or before[-1] != after[-1]:
            return None
        before, after = _channels_first(before), _channels_first(after)
    view = assembly.upsample(call.name, _view(source, _as_map(before)), _as_map(after))
    return replace(view, shape=call.shape)


def _channels_first(shape: Shape) -> Shape:
    return shape[0], shape[-1], *shape[1:-1]


def _folded(assembly: Assembly, call: Call) -> View:
    assembly.folded[call.operator] += 1
    return fold(call.views, call.shape)
