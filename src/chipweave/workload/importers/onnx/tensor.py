"""Tensors of an ONNX graph, and one node with all that its translation looks at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chipweave.errors import InputError
from chipweave.workload.importers.view import Shape, View, ViewKind, constant, control, network_input

if TYPE_CHECKING:
    import numpy as np
    from onnx import TensorProto, TypeProto

MOST_KNOWN = 4096
"""Elements of a constant whose values are followed: shapes, axes, indices."""

MOST_AXES = 64
LARGEST_SIZE = 2**31 - 1
"""Of one axis; as of a layer's loops."""

_STEERING = frozenset(("INT32", "INT64", "UINT32", "UINT64", "INT16", "UINT16", "BOOL", "STRING"))
"""Element types of tokens, masks, positions and sizes. Integers of 8 bits and less are quantised activations."""


@dataclass(frozen=True, slots=True)
class OnnxTensor:
    """What is known of a tensor before a run.

    Args:
        view: what it is made of, with its shape.
        element: ONNX's code of the element type; 0 where it is not known.
        values: of a small constant.
        stored: the type that is kept where `element` is only computed with, as behind a DequantizeLinear; else 0.
        entries: of a sequence of tensors whose length is known; None of a tensor.
    """

    view: View
    element: int = 0
    values: np.ndarray[Any, Any] | None = None
    stored: int = 0
    entries: tuple[OnnxTensor, ...] | None = None

    @property
    def shape(self) -> Shape | None:
        return self.view.shape

    @property
    def integers(self) -> list[int] | None:
        """The values of a small constant as a list."""
        if self.values is None or self.values.dtype.kind not in "iub":
            return None
        return [int(value) for value in self.values.ravel()]

    @property
    def is_activation(self) -> bool:
        return self.view.kind is ViewKind.ACTIVATION


@dataclass(frozen=True)
class Call:
    """One node: its operator with what goes in, and the shapes of what comes out.

    Args:
        operator: the name; `domain:name` outside ONNX's own.
        name: for the layers it makes.
        inputs: None where an operand is left out.
        shapes: of the outputs; None where one is not known.
    """

    operator: str
    name: str
    inputs: tuple[OnnxTensor | None, ...]
    attributes: Mapping[str, Any]
    shapes: tuple[Shape | None, ...]

    @property
    def shape(self) -> Shape | None:
        return self.shapes[0]

    @property
    def views(self) -> tuple[View, ...]:
        return tuple(tensor.view for tensor in self.inputs if tensor is not None)

    def operand(self, position: int) -> OnnxTensor | None:
        return self.inputs[position] if position < len(self.inputs) else None

    def integers(self, key: str, position: int = -1) -> list[int] | None:
        """An attribute, or (as in later versions of an operator) an operand at `position` with known values."""
        if key in self.attributes:
            value = self.attributes[key]
            numbers = value if isinstance(value, list) else [value]
            return numbers if all(isinstance(number, int) for number in numbers) else None
        tensor = self.operand(position) if position >= 0 else None
        return None if tensor is None else tensor.integers

    def integer(self, key: str, default: int) -> int:
        value = self.attributes.get(key, default)
        return value if isinstance(value, int) else default


def domain_of(domain: str) -> str:
    """Of an operator set; ONNX's own has two names."""
    return "" if domain == "ai.onnx" else domain


def steers(element: int) -> bool:
    """Whether a network input of this type is made of tokens, masks or positions."""
    from onnx import TensorProto

    return any(element == TensorProto.DataType.Value(name) for name in _STEERING)


def input_tensor(name: str, element: int, shape: Shape) -> OnnxTensor:
    """An input of the network."""
    return OnnxTensor(control(shape) if steers(element) else network_input(name, shape), element)


def stored_tensor(proto: TensorProto, where: str) -> OnnxTensor:
    """An initialiser or the value of an attribute; its values only where they are few and in the file.

    Raises:
        InputError: sizes that no tensor has.
    """
    shape = legal_shape(proto.dims, where)
    return OnnxTensor(constant(shape), proto.data_type, _values(proto, shape))


def _values(proto: TensorProto, shape: Shape) -> np.ndarray[Any, Any] | None:
    from onnx import TensorProto, numpy_helper

    if math.prod(shape) > MOST_KNOWN or proto.data_location == TensorProto.EXTERNAL:
        return None
    try:
        values: np.ndarray[Any, Any] = numpy_helper.to_array(proto)
    except Exception:  # of other types than numpy has, or left behind with the weights
        return None
    return values if values.shape == shape and values.dtype.kind in "iufb" else None


def element_names(tensors: Iterable[OnnxTensor | None]) -> Iterator[str]:
    """The element types of the activations and weights among the operands of a layer, as NumPy and PyTorch call them.

    Biases, scales and zero points have an axis at most.
    """
    from onnx import TensorProto

    usual = {"float": "float32", "double": "float64"}
    for tensor in tensors:
        if tensor is None or tensor.view.kind is ViewKind.CONTROL or len(tensor.shape or ()) < 2:
            continue
        element = tensor.stored or tensor.element
        if element in TensorProto.DataType.values() and element:
            name = TensorProto.DataType.Name(element).lower()
            yield usual.get(name, name)


def dequantized(call: Call) -> int:
    """The type that the operand of a DequantizeLinear is stored in; 0 for other operators."""
    source = call.operand(0) if call.operator == "DequantizeLinear" else None
    return source.element if source is not None else 0


def legal_shape(sizes: Sequence[int], where: str) -> Shape:
    """
    Raises:
        InputError: more axes, or larger or smaller ones, than tensors have.
    """
    shape = tuple(sizes)
    if len(shape) > MOST_AXES:
        raise InputError(f"{where} has {len(shape)} axes; at most {MOST_AXES} are read, check the file")
    wrong = [size for size in shape if not 0 <= size <= LARGEST_SIZE]
    if wrong:
        raise InputError(f"{where} has an axis of {wrong[0]} elements; sizes are 0 to {LARGEST_SIZE}, check the file")
    return shape


def type_of(tensor: OnnxTensor) -> TypeProto:
    """As ONNX describes it."""
    from onnx import TensorProto, TypeProto

    proto = TypeProto()
    proto.tensor_type.elem_type = tensor.element or TensorProto.FLOAT
    if tensor.shape is not None:
        proto.tensor_type.shape.SetInParent()
        for size in tensor.shape:
            proto.tensor_type.shape.dim.add().dim_value = size
    return proto
