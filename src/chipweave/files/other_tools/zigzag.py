"""ZigZag's workloads: a YAML list of layers, each an equation over loops, with the layers that it reads.

The workloads of older versions are Python programs; they are not read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, NoReturn

from pydantic import BeforeValidator, ConfigDict, Field

from chipweave.errors import InputError
from chipweave.files.validate import Location, Problems, Spec, shown
from chipweave.files.yaml import parse_yaml_list
from chipweave.workload.importers.assembly import LARGEST_BOUND, MOST_LAYERS, Assembly, Imported
from chipweave.workload.importers.chain import BATCH_IN_FILE, reading
from chipweave.workload.importers.loop_nest import LoopNest, Window, append_nest
from chipweave.workload.importers.view import View, network_input

_TENSOR = r"\s*(\w+)\s*((?:\[\w*\]\s*)+)"
_EQUATION = re.compile(rf"{_TENSOR}(\+?)\s*={_TENSOR}([*+]){_TENSOR}")
_RELATION = re.compile(r"\s*(\w+)\s*=\s*(?:(\d{1,9})\s*\*\s*)?(\w+)\s*\+\s*(?:(\d{1,9})\s*\*\s*)?(\w+)\s*")
_BATCH = "B"

Size = Annotated[int, Field(ge=1, le=LARGEST_BOUND)]
Names = Annotated[list[str], Field(max_length=32)]


def _nothing(value: Any) -> Any:
    """A key without a value is as good as none."""
    return [] if value is None else value


class _Layer(Spec):
    """What is read of a layer; mappings and the like are no part of a network."""

    model_config = ConfigDict(extra="ignore")

    id: int
    name: str | None = None
    operator_type: str
    equation: Annotated[str, Field(max_length=1000)]
    dimension_relations: Annotated[Names, BeforeValidator(_nothing)] = Field(default_factory=list)
    loop_dims: Names
    loop_sizes: Annotated[list[Size], Field(max_length=32)]
    operand_precision: dict[str, Annotated[int, Field(ge=0, le=512)]] = Field(default_factory=dict)
    operand_source: dict[str, int] = Field(default_factory=dict)
    pr_loop_dims: Annotated[Names, BeforeValidator(_nothing)] = Field(default_factory=list)
    pr_loop_sizes: Annotated[list[Size], BeforeValidator(_nothing)] = Field(default_factory=list)
    padding: Annotated[
        list[Annotated[list[Annotated[int, Field(ge=0, le=LARGEST_BOUND)]], Field(min_length=2, max_length=2)]],
        BeforeValidator(_nothing),
    ] = Field(default_factory=list)


def is_workload(text: str) -> bool:
    """True where a text is a list whose entries have equations."""
    return all(re.search(form, text, re.MULTILINE) for form in (r"^- ", r"^[- ] *equation:"))


def import_workload(text: str, path: str, *, name: str, bytes_per_element: int | None = None) -> Imported:
    """The layers of a workload, with the edges that `operand_source` gives.

    Raises:
        InputError: `path:line: problem; remedy`.
    """
    data = parse_yaml_list(text, path)
    problems = Problems(path, data)
    if not 1 <= len(data) <= MOST_LAYERS:
        problems.add((), f"has {len(data):,} layers; 1 to {MOST_LAYERS:,} are read")
    specs = [problems.check(_Layer, item, (i,)) for i, item in enumerate(data)]
    problems.raise_any()
    assembly = Assembly()
    made: dict[int, View] = {}
    for i, spec in enumerate(specs):
        assert spec is not None
        if spec.id in made:
            problems.add((i, "id"), f"{spec.id} is the id of another layer too; give each its own")
        try:
            made[spec.id] = _append(assembly, spec, made, problems, (i,))
        except InputError as error:
            if error.path:
                raise
            for text in error.problems:
                problems.add((i,), text)
        problems.raise_any()
    return assembly.finish(name, "ZigZag workload", bytes_per_element)


def _append(assembly: Assembly, spec: _Layer, made: Mapping[int, View], problems: Problems, at: Location) -> View:
    """The layer of `spec`; raises with the problem where there is one."""
    sizes = _sizes(spec, problems, at)
    windows = _windows(spec, sizes, problems, at)
    problems.raise_any()
    output, operands, sign, accumulates = _equation(spec, [*sizes, *windows], problems, at)
    views = {operand: _view(spec, operand, made, problems, at) for operand in operands}
    problems.raise_any()
    name = spec.name or f"{spec.operator_type}_{spec.id}"
    unreduced = set().union(*operands.values()) <= set(output)
    scaled = not accumulates or not all(operands.values())  # by constants, one of each channel or one alone
    elementwise = sign == "+" or (unreduced and (scaled or all(view is not None for view in views.values())))
    first, second = _in_order(operands, windows, views)
    if sizes.get(_BATCH, 1) > 1 and _BATCH in (output if elementwise else operands[first]):
        assembly.notes.append(BATCH_IN_FILE)
    if elementwise:
        return _elementwise(assembly, spec, name, [sizes[axis] for axis in output], views)
    nest = LoopNest(
        sizes,
        frozenset(output),
        frozenset(operands[first]) - windows.keys(),
        frozenset(operands[second]),
        tuple(windows[axis] for axis in _vertical_first(operands[first]) if axis in windows),
    )
    if "pool" in spec.operator_type.lower() or (nest.windows and nest.second <= {w.filter for w in nest.windows}):
        return _pool(assembly, spec.operator_type, name, nest, views[first])
    types = [spec.operand_precision.get(operand) for operand in (first, second)]
    assembly.element_types.update(f"{bits}-bit" for bits in types if bits)
    return append_nest(assembly, name, nest, views[first], views[second])


def _refuse(problems: Problems, at: Location, text: str) -> NoReturn:
    problems.add(at, text)
    problems.raise_any()
    raise AssertionError(text)


def _equation(
    spec: _Layer, known: Collection[str], problems: Problems, at: Location
) -> tuple[list[str], dict[str, list[str]], str, bool]:
    """The axes of the output and of each operand, the sign between these, and whether they are added up."""
    found = _EQUATION.fullmatch(spec.equation)
    if found is None or found[4] == found[7]:
        _refuse(
            problems, (*at, "equation"), f"{shown(spec.equation)} is none of the form O[k]+=W[k][c]*I[c]; write it so"
        )
    output, operands = _axes(found[2]), {found[4]: _axes(found[5]), found[7]: _axes(found[8])}
    for i, text in enumerate(spec.dimension_relations):
        if (axis := text.partition("=")[0].strip()).upper() in output:
            wrong = f"{shown(text)} gives {axis}, which is an axis of the output"
            remedy = "give that of the input, such as ix=1*ox+1*fx, and the sizes of the output"
            _refuse(problems, (*at, "dimension_relations", i), f"{wrong}; {remedy}")
    unknown = next((axis for axes in (output, *operands.values()) for axis in axes if axis not in known), None)
    if unknown is not None:
        _refuse(problems, (*at, "equation"), f"{unknown} is no loop; give its size, or its dimension relation")
    return output, operands, found[6], found[3] == "+"


def _in_order(
    operands: Mapping[str, list[str]], windows: Collection[str], views: Mapping[str, View | None]
) -> tuple[str, str]:
    """The operand that windows slide over, else the one that is made by a layer, else I; and the other."""
    left, right = operands
    ranks = {
        operand: (any(axis in windows for axis in axes), views[operand] is not None, operand == "I")
        for operand, axes in operands.items()
    }
    return (right, left) if ranks[right] > ranks[left] else (left, right)


def _sizes(spec: _Layer, problems: Problems, at: Location) -> dict[str, int]:
    dims = [dim.upper() for dim in spec.loop_dims]
    if len(dims) != len(spec.loop_sizes):
        _refuse(
            problems, (*at, "loop_sizes"), f"has {len(spec.loop_sizes)} sizes for {len(dims)} loops; give one for each"
        )
    twice = next((dim for dim in dims if dims.count(dim) > 1), None)
    if twice is not None:
        _refuse(problems, (*at, "loop_dims"), f"{twice} is there twice; give each loop a name of its own")
    return dict(zip(dims, spec.loop_sizes, strict=True))


def _axes(text: str) -> list[str]:
    return [axis.upper() for axis in re.findall(r"\[(\w+)\]", text)]


def _windows(spec: _Layer, sizes: Mapping[str, int], problems: Problems, at: Location) -> dict[str, Window]:
    """By the axis of the input that each gives: `ix=2*ox+1*fx` is IX."""
    given = {dim.upper(): i for i, dim in enumerate(spec.pr_loop_dims)}
    windows = {}
    for i, text in enumerate(spec.dimension_relations):
        found = _RELATION.fullmatch(text)
        place: Location = (*at, "dimension_relations", i)
        if found is None:
            problems.add(place, f"{shown(text)} is none of the form ix=2*ox+1*fx; write it so")
            continue
        axis, stride, out, dilation, filter_ = found.groups()
        unknown = next((loop for loop in (out, filter_) if loop.upper() not in sizes), None)
        if unknown is not None:
            problems.add(place, f"{shown(unknown)} is none of the loop_dims; add it there with its size")
            continue
        position = given.get(axis.upper(), LARGEST_BOUND)
        size = spec.pr_loop_sizes[position] if position < len(spec.pr_loop_sizes) else 0
        padding = spec.padding[position][0] if position < len(spec.padding) and size else 0
        windows[axis.upper()] = Window(
            out.upper(), filter_.upper(), int(stride or 1), int(dilation or 1), size, padding
        )
    return windows


def _vertical_first(axes: list[str]) -> list[str]:
    """IY before IX; others as they stand."""
    return sorted(axes, key=lambda axis: axis.endswith("X"))


def _view(spec: _Layer, operand: str, made: Mapping[int, View], problems: Problems, at: Location) -> View | None:
    """What an operand is made of; None for constants and for the network's input."""
    source = spec.operand_source.get(operand, spec.id)
    if source == spec.id:
        return None
    if source not in made:
        problems.add(
            (*at, "operand_source", operand), f"{source} is the id of no layer before this one; name one of those"
        )
        return None
    return made[source]


def _elementwise(
    assembly: Assembly, spec: _Layer, name: str, shape: list[int], views: Mapping[str, View | None]
) -> View:
    """A sum or the like; an operand without a source is a constant, or the network's input where no other has one."""
    whole = tuple(shape)
    found = [view for view in views.values() if view is not None] or [network_input("input", whole)]
    return assembly.elementwise(spec.operator_type, name, found, whole)


def _pool(assembly: Assembly, operator: str, name: str, nest: LoopNest, source: View | None) -> View:
    batch = nest.sizes.get(_BATCH, 1)
    channels = nest.times(nest.first - {_BATCH})
    view = reading(source, (batch, channels, *nest.reach))
    if not nest.windows:
        return assembly.leave_out(f"{operator} without windows", [view], None)
    return assembly.pool(
        name, view,
        kernel=[nest.sizes[window.filter] for window in nest.windows],
        stride=[window.stride for window in nest.windows], padding=[window.padding for window in nest.windows],
        shape=(batch, channels, *(nest.sizes[window.out] for window in nest.windows)),
    )  # fmt: skip
