"""Values of a network's inputs that the user knows: what branches and loops depend on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chipweave.errors import InputError, did_you_mean
from chipweave.workload.importers.onnx.tensor import MOST_KNOWN
from chipweave.workload.importers.view import Shape

if TYPE_CHECKING:
    import numpy as np
    from onnx import ValueInfoProto

Values = Mapping[str, Sequence[float]]


def given_values(
    inputs: Sequence[ValueInfoProto], shapes: Mapping[str, Shape], values: Values
) -> dict[str, np.ndarray[Any, Any]]:
    """The values of inputs as arrays of their types and shapes; a single one stands for all entries.

    Raises:
        InputError: no such input, one that is not made of numbers, or values that it cannot have.
    """
    import numpy as np
    from onnx import helper

    kinds = {value.name: value.type.tensor_type.elem_type for value in inputs}
    arrays = {}
    for name, numbers in values.items():
        if name not in kinds:
            raise InputError(f"--value {name}: the file has no such input{did_you_mean(name, sorted(kinds))}")
        try:
            kind = np.dtype(helper.tensor_dtype_to_np_dtype(kinds[name]))
        except KeyError:
            kind = np.dtype(object)
        size = math.prod(shapes[name])
        if kind.kind not in "iufb" or size > MOST_KNOWN:
            what = f"{size} entries" if size > MOST_KNOWN else "none of them"
            raise InputError(f"--value {name}: values are of up to {MOST_KNOWN} numbers; this input has {what}")
        if len(numbers) not in (1, size):
            raise InputError(f"--value {name}: {len(numbers)} values are given for {size} entries; give one, or all")
        if not all(_is_one(number, kind) for number in numbers):
            raise InputError(f"--value {name}={','.join(map(str, numbers[:4]))}: is no {kind.name}; give such numbers")
        arrays[name] = np.array([*numbers] if len(numbers) == size else [numbers[0]] * size, kind).reshape(shapes[name])
    return arrays


def _is_one(number: float, kind: np.dtype[Any]) -> bool:
    """Whether a number is one of this type."""
    import numpy as np

    if kind.kind == "f":
        return True
    if not math.isfinite(number) or number != int(number):
        return False
    lowest, highest = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    return bool(lowest <= number <= highest)
