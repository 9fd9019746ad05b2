"""Sizes where ONNX's own shape rules err: what its runtimes make instead (docs/import.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.view import Shape


def corrected_shape(call: Call) -> Shape | None:
    """Of the first output, where the rules that come with ONNX are known to be wrong; None elsewhere.

    A pool in ceil mode has no window that starts in the padding behind the map, or behind the map where there is no
    padding (onnx#5741; the rules say so from version 22 on, and not for VALID); with SAME padding it has a window for
    every stride, ceil mode or not. A transposed convolution with SAME padding makes its input's size times the stride,
    whatever `output_padding` says (onnx#4299); one with a stated `output_shape` has that, smaller than its input or
    not. STFT is one-sided unless told otherwise.
    """
    rule = _RULES.get(call.operator)
    operands = call.inputs[:2]
    if rule is None or any(tensor is not None and tensor.shape is None for tensor in operands):
        return None
    try:
        return rule(call)
    except (IndexError, ValueError, ZeroDivisionError):
        return None


def _of(call: Call, position: int) -> Shape:
    tensor = call.operand(position)
    if tensor is None or tensor.shape is None:
        raise ValueError
    return tensor.shape


def _pool(call: Call) -> Shape | None:
    return pooled(call) if call.integer("ceil_mode", 0) else None


def pooled(call: Call) -> Shape:
    """What a pool makes.

    Raises:
        IndexError, ValueError, ZeroDivisionError: attributes do not fit the input, or sizes are not known.
    """
    source = _of(call, 0)
    axes, mode = len(source) - 2, call.attributes.get("auto_pad", "NOTSET")
    kernel, pads = call.integers("kernel_shape") or [], [0] * 2 * axes
    stride, dilation = call.integers("strides") or [1] * axes, call.integers("dilations") or [1] * axes
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        return source[0], source[1], *(-(-size // s) for size, s in zip(source[2:], stride, strict=True))
    if mode == "NOTSET":
        pads = call.integers("pads") or pads
    ends = zip(source[2:], kernel, stride, dilation, pads[:axes], pads[axes:], strict=True)
    return source[0], source[1], *_windows(ends, bool(call.integer("ceil_mode", 0)))


def _windows(ends: Iterable[tuple[int, int, int, int, int, int]], up: bool) -> Iterable[int]:
    for size, kernel, stride, dilation, before, after in ends:
        room = size + before + after - dilation * (kernel - 1) - 1
        count = (-(-room // stride) if up else room // stride) + 1
        yield count - 1 if up and (count - 1) * stride >= size + before else count


def _transposed(call: Call) -> Shape | None:
    source, filter_ = _of(call, 0), _of(call, 1)
    channels, stated = filter_[1] * call.integer("group", 1), call.integers("output_shape")
    if stated is not None:
        stated = stated[2:] if len(stated) == len(source) else stated  # runtimes take batch and channels along
        return (source[0], channels, *stated) if len(stated) == len(source) - 2 and min(stated) > 0 else None
    if call.attributes.get("auto_pad", "NOTSET") not in ("SAME_UPPER", "SAME_LOWER"):
        return None
    stride = call.integers("strides") or [1] * (len(source) - 2)
    return source[0], channels, *(size * s for size, s in zip(source[2:], stride, strict=True))


def _short_time_fourier(call: Call) -> Shape | None:
    signal, window = _of(call, 0), call.operand(2)
    step, length = _number(call, 1), _number(call, 3)
    if not length and window is not None and window.shape:
        length = window.shape[0]
    if not step or not length:
        return None
    rows = length // 2 + 1 if call.integer("onesided", 1) else length
    return signal[0], (signal[1] - length) // step + 1, rows, 2


def _number(call: Call, position: int) -> int:
    """A scalar operand; 0 where it is left out or not known."""
    tensor = call.operand(position)
    values = tensor.integers if tensor is not None else None
    return values[0] if values else 0


_RULES: dict[str, Callable[[Call], Shape | None]] = {
    "MaxPool": _pool,
    "AveragePool": _pool,
    "LpPool": _pool,
    "ConvTranspose": _transposed,
    "STFT": _short_time_fourier,
}
