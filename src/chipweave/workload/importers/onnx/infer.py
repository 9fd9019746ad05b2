"""Types and sizes of what a node makes, as ONNX's own rules have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chipweave.workload.importers.onnx.tensor import LARGEST_SIZE, Tensor, domain_of, type_of
from chipweave.workload.importers.view import Shape

if TYPE_CHECKING:
    from onnx import NodeProto, TypeProto

Known = tuple[int, Shape | None]
"""Element type (0: unknown) and shape."""


def inferred(node: NodeProto, inputs: Sequence[Tensor | None], versions: Mapping[str, int]) -> list[Known]:
    """Per output of a node, what follows from its inputs; nothing for operators that ONNX does not define.

    Args:
        versions: of the operator sets, by domain.
    """
    found = _types(node, inputs, versions)
    return [_known(found[name]) if name in found else (0, None) for name in node.output]


def _types(node: NodeProto, inputs: Sequence[Tensor | None], versions: Mapping[str, int]) -> dict[str, TypeProto]:
    from onnx import defs, helper, numpy_helper, shape_inference

    domain = domain_of(node.domain)
    if domain not in versions or any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        return {}
    given = {name: tensor for name, tensor in zip(node.input, inputs, strict=True) if tensor is not None}
    data = {name: numpy_helper.from_array(t.values) for name, t in given.items() if t.values is not None}
    types = {name: type_of(tensor) for name, tensor in given.items()}
    sets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    try:
        schema = defs.get_schema(node.op_type, versions[domain], domain)
        made: dict[str, TypeProto] = shape_inference.infer_node_outputs(schema, node, types, data, None, sets)
    except Exception:  # unknown operators and operands that do not fit: the size stays unknown, and that is reported
        return {}
    return made


def _known(proto: TypeProto) -> Known:
    if not proto.HasField("tensor_type"):
        return 0, None
    tensor = proto.tensor_type
    sizes: list[Any] = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    legal = tensor.HasField("shape") and all(0 <= size <= LARGEST_SIZE for size in sizes)
    return tensor.elem_type, tuple(sizes) if legal else None
