"""Types and sizes of what a node makes, as ONNX's own rules have them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chipweave.workload.importers.onnx.tensor import LARGEST_SIZE, OnnxTensor, domain_of, type_of
from chipweave.workload.importers.view import Shape

if TYPE_CHECKING:
    from onnx import NodeProto, TypeProto

LONGEST_REASON = 200
"""Characters of ONNX's own words."""

_PREFIX = re.compile(r"^\[\w+\] *(\(op_type:[^)]*\): *)?(\[\w+\] *)?")

Known = tuple[int, Shape | None]
"""Element type (0: unknown) and shape."""


def inferred(
    node: NodeProto, inputs: Sequence[OnnxTensor | None], versions: Mapping[str, int]
) -> tuple[list[Known], str]:
    """Per output of a node, what follows from its inputs; nothing for operators that ONNX does not define. And why
    ONNX refuses the operands, where it does.

    Args:
        versions: of the operator sets, by domain.
    """
    found, reason = _types(node, inputs, versions)
    return [_known(found[name]) if name in found else (0, None) for name in node.output], reason


def _types(
    node: NodeProto, inputs: Sequence[OnnxTensor | None], versions: Mapping[str, int]
) -> tuple[dict[str, TypeProto], str]:
    from onnx import defs, helper, numpy_helper, shape_inference

    domain = domain_of(node.domain)
    if domain not in versions or any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        return {}, ""
    given = {name: tensor for name, tensor in zip(node.input, inputs, strict=True) if tensor is not None}
    data = {name: numpy_helper.from_array(t.values) for name, t in given.items() if t.values is not None}
    types = {name: type_of(tensor) for name, tensor in given.items()}
    sets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    try:
        schema = defs.get_schema(node.op_type, versions[domain], domain)
    except Exception:  # of a class that moved between versions of onnx: the operator is not ONNX's
        return {}, ""
    reason = ""
    for given_types in (types, _of_one_width(types)):
        try:
            return shape_inference.infer_node_outputs(schema, node, given_types, data, None, sets), ""
        except Exception as error:  # of several classes too: operands that do not fit
            reason = reason or _PREFIX.sub("", " ".join(str(error).split()))[:LONGEST_REASON]
    return {}, reason


def _of_one_width(types: Mapping[str, TypeProto]) -> dict[str, TypeProto]:
    """The operands with all floating-point numbers as wide as the first one's: files mix them; sizes do not change."""
    from onnx import TensorProto

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
    first = next((each.tensor_type.elem_type for each in types.values() if each.tensor_type.elem_type in floats), 0)
    made = {}
    for name, each in types.items():
        made[name] = type(each)()
        made[name].CopyFrom(each)
        if each.tensor_type.elem_type in floats:
            made[name].tensor_type.elem_type = first
    return made


def _known(proto: TypeProto) -> Known:
    if not proto.HasField("tensor_type"):
        return 0, None
    tensor = proto.tensor_type
    sizes: list[Any] = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    legal = tensor.HasField("shape") and all(0 <= size <= LARGEST_SIZE for size in sizes)
    return tensor.elem_type, tuple(sizes) if legal else None
