"""Sizes of the network's inputs: those in the file, and those that are bound from outside."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chipweave.errors import InputError, did_you_mean
from chipweave.workload.importers.onnx.tensor import LARGEST_SIZE, legal_shape
from chipweave.workload.importers.view import Shape

if TYPE_CHECKING:
    from onnx import TensorShapeProto, ValueInfoProto

BATCH_NAMES = ("N", "B", "n", "b", "bs")
"""Besides every name with `batch` in it: what exporters call the first axis."""

MOST_SHOWN = 12
"""Dimensions that a message names."""


def bound_shapes(
    inputs: Sequence[ValueInfoProto], dims: Mapping[str, int], path: str
) -> tuple[dict[str, Shape], dict[str, int]]:
    """The shape of every input, and the symbolic dimensions that were taken as 1 because they are a batch.

    Args:
        dims: of symbolic dimensions, by their name or as INPUT:AXIS; the latter also overrules sizes in the file.

    Raises:
        InputError: sizes that are missing (with the command line that gives them), out of range, or of nothing.
    """
    unused = set(dims)
    problems: list[str] = []
    missing: dict[str, str] = {}
    batches: dict[str, int] = {}
    shapes: dict[str, Shape] = {}
    for value in inputs:
        sizes: list[int] = []
        for axis, name in enumerate(_axes(value, dims)):
            place = f"{value.name}:{axis}"
            keys = [key for key in (place, name) if isinstance(key, str) and key in dims]
            unused.difference_update(keys)
            if keys:
                size = dims[keys[0]]
                if not 1 <= size <= LARGEST_SIZE:
                    problems.append(f"--dim {keys[0]}={size} is out of range; give 1 to {LARGEST_SIZE}")
            elif isinstance(name, int):
                size = name
            elif _is_batch(axis, name):
                size = batches[name] = 1
            else:
                size = 1
                missing.setdefault(name or place, f"axis {axis} of '{value.name}'")
            sizes.append(size)
        if not value.type.tensor_type.HasField("shape") and not sizes:
            missing.setdefault(f"{value.name}:0", f"every axis of '{value.name}', which has no shape at all")
        shapes[value.name] = legal_shape(sizes, f"input '{value.name}'")
    known = {key for value in inputs for key in _names(value)}
    problems += [
        f"--dim {key}={dims[key]}: the file has no such dimension{did_you_mean(key, sorted(known))}"
        for key in sorted(unused)
    ]
    if missing:
        shown = list(missing.items())[:MOST_SHOWN]
        what = ", ".join(f"{key} ({place})" for key, place in shown) + ", ..." * (len(missing) > MOST_SHOWN)
        flags = " ".join("--dim " + shlex.quote(f"{key}=SIZE") for key, _ in shown)
        problems.append(
            f"{path}: sizes are missing: {what}; give them: chipweave import onnx {shlex.quote(path)} {flags}"
        )
    if problems:
        raise InputError(problems, path=path)
    return shapes, batches


def _is_batch(axis: int, name: str) -> bool:
    """Of the first axis, or (as in the states of recurrent layers, and caches) of one that is called nothing else."""
    if axis:
        return name.lower() in ("batch", "batch_size", "batchsize")
    return "batch" in name.lower() or name in BATCH_NAMES


def _axes(value: ValueInfoProto, dims: Mapping[str, int]) -> list[int | str]:
    """A size or a symbol for each axis; of an input without a shape, as many axes as `dims` has sizes for."""
    tensor = value.type.tensor_type
    if tensor.HasField("shape"):
        return [_size(dim) for dim in tensor.shape.dim]
    count = 0
    while f"{value.name}:{count}" in dims:
        count += 1
    return [""] * count


def _size(dim: TensorShapeProto.Dimension) -> int | str:
    return dim.dim_value if dim.HasField("dim_value") and dim.dim_value != -1 else dim.dim_param


def _names(value: ValueInfoProto) -> list[str]:
    sizes = [_size(dim) for dim in value.type.tensor_type.shape.dim]
    return [size if isinstance(size, str) and size else f"{value.name}:{axis}" for axis, size in enumerate(sizes)]


def declared_shape(value: ValueInfoProto, dims: Mapping[str, int]) -> tuple[int, Shape | None]:
    """Element type and shape that a file claims for a tensor between nodes; None where not every size is bound."""
    tensor = value.type.tensor_type
    sizes = [_size(dim) for dim in tensor.shape.dim]
    bound = [size if isinstance(size, int) else dims.get(size, -1) for size in sizes]
    legal = tensor.HasField("shape") and all(0 <= size <= LARGEST_SIZE for size in bound)
    return tensor.elem_type, tuple(bound) if legal else None
