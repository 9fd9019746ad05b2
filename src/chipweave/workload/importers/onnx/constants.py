"""Values that are known before a run: the sizes, axes and indices that exporters compute inside the graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from typing import Any

from chipweave.workload.importers.onnx.tensor import MOST_KNOWN


def evaluate(operator: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> list[Any] | None:
    """The outputs of an operator whose operands are known arrays (None: left out); None where it is not among those
    followed, its operands are odd, or its outputs would be large.

    Operands have at most `MOST_KNOWN` elements, and so has each output.
    """
    import numpy as np

    function = _functions().get(operator)
    if function is None:
        return None
    try:
        with np.errstate(all="ignore"):
            made = function(attributes, *inputs)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
        return None
    outputs = [np.asarray(array) for array in (made if isinstance(made, list) else [made])]
    return outputs if all(array.size <= MOST_KNOWN and array.dtype.kind in "iufb" for array in outputs) else None


@cache
def _functions() -> dict[str, Callable[..., Any]]:
    """Operator -> function of attributes and operands. All outputs are small where all operands are, or checked."""
    import numpy as np

    def broadcast(function: Any) -> Callable[..., Any]:
        def apply(_: Mapping[str, Any], *operands: Any) -> Any:
            _small(np.broadcast_shapes(*(array.shape for array in operands)))
            return function(*operands)

        return apply

    elementwise = {
        "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Equal": np.equal, "Less": np.less,
        "LessOrEqual": np.less_equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Not": np.logical_not,
        "And": np.logical_and, "Or": np.logical_or, "Neg": np.negative, "Abs": np.abs, "Floor": np.floor,
        "Ceil": np.ceil, "Sqrt": np.sqrt, "Where": np.where, "Identity": np.asarray, "Round": np.round,
        "Mod": np.mod, "Div": _divided, "Max": _largest, "Min": _smallest, "Xor": np.logical_xor, "Pow": _power,
        "Sum": lambda *parts: reduce(np.add, parts), "Sign": np.sign, "Exp": np.exp, "Log": np.log,
        "Reciprocal": np.reciprocal, "Relu": lambda a: np.maximum(a, 0).astype(a.dtype),
    }  # fmt: skip
    return {name: broadcast(function) for name, function in elementwise.items()} | {
        "Cast": _cast,
        "Gather": lambda attributes, a, index: np.take(a, index, axis=int(attributes.get("axis", 0))),
        "Concat": _concatenated,
        "Unsqueeze": lambda attributes, a, axes=None: _unsqueezed(a, attributes.get("axes", axes)),
        "Squeeze": lambda attributes, a, axes=None: _squeezed(a, attributes.get("axes", axes)),
        "Reshape": _reshaped,
        "Slice": _sliced,
        "Transpose": lambda attributes, a: np.transpose(a, attributes.get("perm")),
        "Flatten": lambda attributes, a: a.reshape(math.prod(a.shape[: int(attributes.get("axis", 1))]), -1),
        "Range": _range,
        "Expand": lambda _, a, shape: _repeated(a, shape),
        "ConstantOfShape": _filled,
        "ReduceProd": lambda attributes, a, axes=None: _reduced(np.prod, attributes, a, axes),
        "ReduceSum": lambda attributes, a, axes=None: _reduced(np.sum, attributes, a, axes),
        "ReduceMax": lambda attributes, a, axes=None: _reduced(np.max, attributes, a, axes),
        "ReduceMin": lambda attributes, a, axes=None: _reduced(np.min, attributes, a, axes),
        "ReduceMean": lambda attributes, a, axes=None: _reduced(np.mean, attributes, a, axes),
        "Split": _split,
        "Clip": lambda attributes, a, low=None, high=None: _clipped(
            a, attributes.get("min", low), attributes.get("max", high)
        ),
        "CastLike": lambda _, a, like: a.astype(like.dtype),
        "Tile": lambda _, a, times: np.tile(a, _small_product(a.shape, times)),
        "CumSum": _summed_up,
        "NonZero": lambda _, a: np.array(np.nonzero(a), np.int64),
        "GatherElements": lambda attributes, a, index: np.take_along_axis(a, index, int(attributes.get("axis", 0))),
        "GatherND": _gathered,
        "ScatterND": _scattered,
        "OneHot": _one_hot,
        "TopK": _largest_of,
        "ArgMax": lambda attributes, a: _position(np.argmax, attributes, a),
        "ArgMin": lambda attributes, a: _position(np.argmin, attributes, a),
    }


def _divided(a: Any, b: Any) -> Any:
    import numpy as np

    if a.dtype.kind not in "iu":
        return np.divide(a, b)
    if not np.all(b):
        raise ZeroDivisionError
    quotient = np.abs(a) // np.abs(b)  # integers are cut towards zero
    return (quotient * np.sign(a) * np.sign(b)).astype(a.dtype)


def _power(a: Any, b: Any) -> Any:
    import numpy as np

    return np.power(a.astype(np.float64), b).astype(a.dtype)


def _clipped(a: Any, low: Any = None, high: Any = None) -> Any:
    import numpy as np

    above = a if low is None else np.maximum(a, low)
    return (above if high is None else np.minimum(above, high)).astype(a.dtype)


def _small_product(sizes: Any, times: Any) -> tuple[int, ...]:
    """How often each axis is repeated, where what comes out is small."""
    counts = _axes(times)
    _small([size * count for size, count in zip(sizes, counts, strict=True)])
    return counts


def _summed_up(attributes: Mapping[str, Any], a: Any, axis: Any) -> Any:
    import numpy as np

    if attributes.get("exclusive", 0) or attributes.get("reverse", 0):
        raise ValueError
    return np.cumsum(a, int(axis.reshape(()).item())).astype(a.dtype)


def _gathered(attributes: Mapping[str, Any], a: Any, index: Any) -> Any:
    if attributes.get("batch_dims", 0):
        raise ValueError
    return a[tuple(index[..., at] for at in range(index.shape[-1]))]


def _scattered(attributes: Mapping[str, Any], a: Any, index: Any, updates: Any) -> Any:
    if attributes.get("reduction", "none") != "none":
        raise ValueError
    made = a.copy()
    made[tuple(index[..., at] for at in range(index.shape[-1]))] = updates
    return made


def _one_hot(attributes: Mapping[str, Any], index: Any, depth: Any, values: Any) -> Any:
    import numpy as np

    count = int(depth.reshape(()).item())
    _small((*index.shape, count))
    axis = int(attributes.get("axis", -1))
    behind = index.ndim - axis % (index.ndim + 1)
    hot = np.expand_dims(index % count, axis) == np.arange(count).reshape([-1] + [1] * behind)
    return np.where(hot, values[1], values[0]).astype(values.dtype)


def _largest_of(attributes: Mapping[str, Any], a: Any, count: Any = None) -> Any:
    import numpy as np

    axis, first = int(attributes.get("axis", -1)), attributes.get("k") if count is None else count.reshape(()).item()
    sign = -1 if attributes.get("largest", 1) else 1
    order = np.argsort(sign * a.astype(np.float64), axis=axis, kind="stable").take(range(int(first or 0)), axis)
    return [np.take_along_axis(a, order, axis), order.astype(np.int64)]


def _position(function: Any, attributes: Mapping[str, Any], a: Any) -> Any:
    import numpy as np

    if attributes.get("select_last_index", 0):
        raise ValueError
    made = function(a, axis=int(attributes.get("axis", 0)), keepdims=bool(attributes.get("keepdims", 1)))
    return np.asarray(made, np.int64)


def _largest(*arrays: Any) -> Any:
    import numpy as np

    return reduce(np.maximum, arrays)


def _smallest(*arrays: Any) -> Any:
    import numpy as np

    return reduce(np.minimum, arrays)


def _concatenated(attributes: Mapping[str, Any], *parts: Any) -> Any:
    import numpy as np

    _small([sum(array.size for array in parts)])
    return np.concatenate(parts, axis=int(attributes["axis"]))


def _cast(attributes: Mapping[str, Any], a: Any, *_: Any) -> Any:
    import numpy as np
    from onnx import helper

    kind = np.dtype(helper.tensor_dtype_to_np_dtype(int(attributes["to"])))
    if kind.kind not in "iufb":
        raise TypeError
    return a.astype(kind)


def _axes(axes: Any) -> tuple[int, ...]:
    return tuple(int(axis) for axis in axes)


def _unsqueezed(a: Any, axes: Any) -> Any:
    import numpy as np

    return np.expand_dims(a, _axes(axes))


def _squeezed(a: Any, axes: Any) -> Any:
    import numpy as np

    return np.squeeze(a, None if axes is None else _axes(axes))


def _reshaped(attributes: Mapping[str, Any], a: Any, shape: Any = None) -> Any:
    sizes = [int(size) for size in attributes.get("shape", shape)]
    if not attributes.get("allowzero", 0):
        sizes = [a.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return a.reshape(sizes)


def _sliced(attributes: Mapping[str, Any], a: Any, starts: Any = None, ends: Any = None, axes: Any = None,
            steps: Any = None) -> Any:  # fmt: skip
    starts, ends = attributes.get("starts", starts), attributes.get("ends", ends)
    axes = attributes.get("axes", axes)
    which = _axes(range(len(starts)) if axes is None else axes)
    strides = _axes([1] * len(which) if steps is None else steps)
    index = [slice(None)] * a.ndim
    for axis, start, end, step in zip(which, _axes(starts), _axes(ends), strides, strict=True):
        low, count, step = bounds(start, end, step, a.shape[axis])
        stop: int | None = low + count * step
        index[axis] = slice(low, None if step < 0 and stop is not None and stop < 0 else stop, step)
    return a[tuple(index)]


def bounds(start: int, end: int, step: int, size: int) -> tuple[int, int, int]:
    """The first index, the number of entries, and the step of a slice of an axis of `size` entries."""
    first, last, step = slice(start, end, step).indices(size)
    if step < 0 and end < -size:  # ONNX writes "to the very beginning" as a large negative number
        last = -1
    return first, len(range(first, last, step)), step


def _range(_: Mapping[str, Any], start: Any, limit: Any, delta: Any) -> Any:
    import numpy as np

    first, last, step = (array.reshape(()).item() for array in (start, limit, delta))
    if (last - first) / step > MOST_KNOWN:
        raise ValueError
    return np.arange(first, last, step, dtype=start.dtype)


def _repeated(a: Any, shape: Any) -> Any:
    import numpy as np

    sizes = np.broadcast_shapes(a.shape, _small(shape))
    return np.broadcast_to(a, _small(sizes))


def _filled(attributes: Mapping[str, Any], shape: Any) -> Any:
    import numpy as np

    value = attributes.get("value")
    single = np.zeros(1, np.float32) if value is None else value.values
    return np.full(_small(shape), single.ravel()[0], single.dtype)


def _small(shape: Any) -> tuple[int, ...]:
    sizes = _axes(shape)
    if math.prod(sizes) > MOST_KNOWN:
        raise ValueError
    return sizes


def _reduced(function: Any, attributes: Mapping[str, Any], a: Any, axes: Any) -> Any:
    axes = attributes.get("axes", axes)
    if axes is None and attributes.get("noop_with_empty_axes", 0):
        return a
    chosen = None if axes is None else _axes(axes)
    return function(a, axis=chosen, keepdims=bool(attributes.get("keepdims", 1))).astype(a.dtype)


def _split(attributes: Mapping[str, Any], a: Any, lengths: Any = None) -> Any:
    import numpy as np

    lengths = attributes.get("split", lengths)
    if lengths is None:
        raise ValueError
    return list(np.split(a, np.cumsum(_axes(lengths))[:-1], axis=int(attributes.get("axis", 0))))
