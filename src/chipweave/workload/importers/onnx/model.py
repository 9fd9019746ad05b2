"""From an ONNX file to a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, Imported, counted, legal_name
from chipweave.workload.importers.view import Shape, constant

if TYPE_CHECKING:
    from onnx import ModelProto

    from chipweave.workload.importers.onnx.given import Values

INSTALL = "pip install 'chipweave[onnx]'"


def read_onnx(
    path: str | Path,
    dims: Mapping[str, int] | None = None,
    *,
    strict: bool = False,
    name: str = "",
    bytes_per_element: int | None = None,
    inputs: Sequence[str] | None = None,
    values: Values | None = None,
) -> Imported:
    """As `isolated.import_onnx`, in this process: damaged operators may crash it."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise InputError(f"ONNX files need the package 'onnx' ({error}); install it: {INSTALL}") from None
    from chipweave.workload.importers.onnx.weightless import read_weightless

    model = read_weightless(path)
    assembly = Assembly()
    producer = f"{model.producer_name} {model.producer_version}".strip()
    source = f"ONNX file {Path(path).name}" + (f", made by {producer}" if producer else "")
    unknown = ""
    try:
        unknown = _translate(model, str(path), assembly, Known(dims or {}, values or {}, inputs))
        made = assembly.finish(name or Path(path).stem, legal_name(source), bytes_per_element)
    except InputError as error:
        if error.path:
            raise
        problems = [*error.problems, *[unknown] * bool(unknown)]
        raise InputError([f"{path}: {problem}" for problem in problems], path=str(path)) from None
    if strict and made.unsupported:
        listed = counted(made.unsupported)
        raise InputError(f"{path}: not costed: {listed}; without --strict their outputs count as made of their inputs")
    return made


@dataclass(frozen=True)
class Known:
    """What the user says of the network's inputs: sizes and values, and which they are."""

    dims: Mapping[str, int]
    values: Values
    inputs: Sequence[str] | None


def _translate(model: ModelProto, path: str, assembly: Assembly, known: Known) -> str:
    """Adds the layers to `assembly`; returns what is to say about sizes that are not known."""
    from chipweave.workload.importers.onnx.dims import bound_shapes, declared_shape
    from chipweave.workload.importers.onnx.given import given_values
    from chipweave.workload.importers.onnx.graph import OnnxWalk, Scope, Tensors, named, weight_names
    from chipweave.workload.importers.onnx.order import reads
    from chipweave.workload.importers.onnx.parameters import parameters_among
    from chipweave.workload.importers.onnx.tensor import OnnxTensor, domain_of, input_tensor, legal_shape, stored_tensor

    graph = model.graph
    if not graph.node:
        raise InputError("has no graph of nodes; the file is truncated or no ONNX model, export it again")
    if not model.opset_import:
        raise InputError("names no operator set (opset_import); the file is truncated, export it again")
    tensors: Tensors = {proto.name: stored_tensor(proto, f"'{proto.name}'") for proto in graph.initializer}
    for sparse in graph.sparse_initializer:
        shape = legal_shape(sparse.dims, f"'{sparse.values.name}'")
        tensors[sparse.values.name] = OnnxTensor(constant(shape), sparse.values.data_type)
    read = {name for node in graph.node for name in reads(node)}
    inputs = [value for value in graph.input if value.name not in tensors and value.name in read]
    parameters = parameters_among(inputs, graph.node, known.inputs)
    dims = known.dims
    shapes, batches = bound_shapes(inputs, dims, path)
    values = given_values([value for value in inputs if value.name not in parameters], shapes, known.values)
    for value in inputs:
        element, shape = value.type.tensor_type.elem_type, shapes[value.name]
        weight = value.name in parameters
        tensors[value.name] = (
            OnnxTensor(constant(shape), element) if weight else input_tensor(value.name, element, shape)
        )
        tensors[value.name] = replace(tensors[value.name], values=values.get(value.name))
    tensors = {name: named(tensor, name) for name, tensor in tensors.items()}
    kept = tuple(name for name in tensors if name not in shapes or name in parameters)
    weights = weight_names(graph.node, kept)
    assembly.notes += _notes({name: shape for name, shape in shapes.items() if name not in parameters}, batches)
    assembly.notes += _on_parameters(parameters, [name for name in shapes if name not in parameters])
    overruled = any(":" in key for key in dims)
    between = () if overruled else (*graph.value_info, *graph.output)
    declared = {value.name: declared_shape(value, {**batches, **dims}) for value in between}
    functions = {(domain_of(f.domain), f.name, f.overload): f for f in model.functions}
    walk = OnnxWalk(assembly, functions, declared)
    versions = {domain_of(entry.domain): entry.version for entry in model.opset_import}
    walk.run(graph.node, tensors, Scope(versions, weights=weights))
    if walk.overruled:
        more = f", and {len(walk.overruled) - 1} more" if len(walk.overruled) > 1 else ""
        assembly.notes.append(
            f"sizes follow from the operators where the file states others: {walk.overruled[0]}{more}"
        )
    if not walk.unknown:
        return ""
    more = f" and {len(walk.unknown) - 1} more" if len(walk.unknown) > 1 else ""
    note = f"no size is known of what {walk.unknown[0]}{more} makes; layers that read it are not costed"
    assembly.notes.append(note)
    return note


def _on_parameters(parameters: Collection[str], others: Sequence[str]) -> list[str]:
    if not parameters:
        return []
    first = min(parameters)
    return [
        f"{len(parameters)} inputs of the file are taken as weights, '{first}' among them; --inputs {','.join(others)} "
        "says that those are all inputs that are none"
    ]


def _notes(shapes: Mapping[str, Shape], batches: Mapping[str, int]) -> list[str]:
    notes = [
        f"the dimension '{name}' is taken as 1: a model is of one sample, and schedules give it a batch; "
        f"--dim '{name}=SIZE' sets another"
        for name in batches
    ]
    for name, shape in shapes.items():
        if len(shape) > 1 and shape[0] > 1:
            notes.append(
                f"the first axis of input '{name}' has {shape[0]} entries; if it is a batch, one sample of the model "
                "is all of them: better bind it to 1, and give the batch to the scenario"
            )
    return notes
