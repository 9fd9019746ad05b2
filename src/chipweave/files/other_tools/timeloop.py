"""Timeloop's problems: a YAML file for each layer, or a folder of them.

A problem has a shape (dimensions, and which of them index each data space) and an instance (their sizes). The shape
is written out, or named: `cnn-layer` and `gemm` come with Timeloop. Older files write `data-spaces` and `read-write`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field

from chipweave.errors import InputError
from chipweave.files.presets import natural_order
from chipweave.files.validate import Location, Problems, Spec, shown
from chipweave.files.yaml import LinedMapping, parse_yaml, quoted, read_text
from chipweave.workload.importers.assembly import LARGEST_BOUND, Assembly, Imported
from chipweave.workload.importers.chain import NO_EDGES
from chipweave.workload.importers.loop_nest import LoopNest, Window, append_nest
from chipweave.workload.importers.view import View

MOST_FILES = 10_000
"""In a folder; a network has some hundreds of layers."""

_INCLUDE = re.compile(r"""^[ \t]*\{\{ *include_text\( *['"]([^'"\n]+)['"] *\) *\}\}[ \t]*$""", re.MULTILINE)
"""The one template expression that is read: published layers share their shape by it."""
_TEMPLATE = re.compile(r"\{\{|\{%")
_MERGE = "<<<"
"""Timeloop's front end: the mapping under this key, overlaid level by level with the keys beside it."""


class _Open(Spec):
    """Keys that are not read are no business of ours."""

    model_config = ConfigDict(extra="ignore")


class _Coefficient(_Open):
    name: str
    default: Annotated[int, Field(ge=1, le=LARGEST_BOUND)] = 1


Term = list[str]
"""A dimension, and the name of its coefficient where it has one."""


def _terms(axis: Any) -> Any:
    """`K` stands for `[[K]]`."""
    return [[axis]] if isinstance(axis, str) else axis


_Axis = Annotated[list[Annotated[Term, Field(min_length=1, max_length=2)]], BeforeValidator(_terms)]


class _DataSpace(_Open):
    name: str
    projection: Annotated[list[_Axis], Field(max_length=32)]
    read_write: Annotated[bool, Field(validation_alias=AliasChoices("read_write", "read-write"))] = False

    @property
    def dimensions(self) -> frozenset[str]:
        return frozenset(term[0] for axis in self.projection for term in axis)


class _Shape(_Open):
    name: str = ""
    dimensions: Annotated[list[str], Field(min_length=1, max_length=32)]
    coefficients: Annotated[list[_Coefficient], Field(max_length=32)] = Field(default_factory=list)
    data_spaces: Annotated[
        list[_DataSpace],
        Field(min_length=3, max_length=8, validation_alias=AliasChoices("data_spaces", "data-spaces")),
    ]


def _space(name: str, *axes: Any, read_write: bool = False) -> dict[str, Any]:
    return {"name": name, "projection": list(axes), "read_write": read_write}


_CNN_LAYER = {
    "dimensions": list("RSPQCKN"),
    "coefficients": [{"name": name} for name in ("Wstride", "Hstride", "Wdilation", "Hdilation")],
    "data_spaces": [
        _space("Weights", *"CKRS"),
        _space("Inputs", *"NC", [["R", "Wdilation"], ["P", "Wstride"]], [["S", "Hdilation"], ["Q", "Hstride"]]),
        _space("Outputs", *"NKQP", read_write=True),
    ],
}
_GEMM = {
    "dimensions": list("MNK"),
    "data_spaces": [_space("A", *"MK"), _space("B", *"NK"), _space("Z", *"MN", read_write=True)],
}
_NAMED = {"cnn_layer": _CNN_LAYER, "gemm": _GEMM, "gemm_abz": _GEMM}
"""The shapes that come with Timeloop, by name (the published `gemm` also adds a matrix, which costs nothing here)."""


@dataclass(frozen=True)
class _Problem:
    """A problem with what its shape says.

    Args:
        given: the mapping that holds the sizes, as it stands in the file; `at` is its place there.
        notes: what of it is not taken as Timeloop takes it.
    """

    shape: _Shape
    given: Mapping[str, Any]
    at: Location


def import_problems(path: Path, *, name: str, bytes_per_element: int | None = None) -> Imported:
    """The layer in a Timeloop problem, or of a folder of problems the layers in the order of their files' names.

    Layers become a chain: problems have no edges. Sizes are those of outputs and filters; of its input a layer reads
    what its windows reach, padding included.

    Raises:
        InputError: `path:line: problem; remedy`.
    """
    files = _files_in(path) if os.path.isdir(path) else [path]
    assembly = Assembly()
    before: View | None = None
    passed_over = []
    for file in files:
        text = read_text(file)
        if os.path.isdir(path) and not is_problem(text):
            passed_over.append(file.name)
            continue
        before = _append(assembly, file, _parsed(text, file), before)
    if len(passed_over) == len(files):
        raise InputError(f"{path}: no file in it has a `problem`; name a folder of Timeloop's problems")
    if passed_over:
        assembly.notes.append(f"{len(passed_over)} files without a `problem` are passed over, '{passed_over[0]}' first")
    if assembly.layer_count > 1:
        assembly.notes.append(NO_EDGES)
    return assembly.finish(
        name, "Timeloop problem" + ("s (in order of name)" if os.path.isdir(path) else ""), bytes_per_element
    )


def _files_in(folder: Path) -> list[Path]:
    found = [entry for entry in folder.iterdir() if entry.suffix.lower() in (".yaml", ".yml") and entry.is_file()]
    if not 1 <= len(found) <= MOST_FILES:
        count = f"has {len(found):,} YAML files, at most {MOST_FILES:,} are read" if found else "has no YAML file"
        raise InputError(f"{folder}: {count}; name a folder with a file for each layer")
    return sorted(found, key=lambda file: natural_order(file.name))


def is_problem(text: str) -> bool:
    """True where a text has a mapping `problem` at its left edge, as Timeloop's have and chipweave's have not."""
    return re.search(r"^problem:", text, re.MULTILINE) is not None


def _parsed(text: str, file: Path) -> LinedMapping:
    """The data of a file, with what it includes."""
    folder = Path(os.path.realpath(file)).parent
    included = []
    for found in _INCLUDE.finditer(text):
        other, line = folder / found[1], text.count("\n", 0, found.start()) + 1
        if other.suffix not in (".yaml", ".yml") or not Path(os.path.realpath(other)).is_relative_to(folder.parent):
            raise InputError(
                f"{file}:{line}: includes {quoted(found[1])}; only YAML files beside it or in the folder above are read"
            )
        included.append((read_text(other), str(file.parent / found[1])))
    text = _INCLUDE.sub("", text)
    if template := _TEMPLATE.search(text):
        line = text.count("\n", 0, template.start()) + 1
        raise InputError(
            f"{file}:{line}: has a template expression; give the file as Timeloop's front end writes it out, "
            "parsed-processed-input.yaml"
        )
    return parse_yaml(text, str(file), included, tags=True)


def _append(assembly: Assembly, file: Path, data: LinedMapping, before: View | None) -> View:
    problems = Problems(str(file), data)
    problem = _problem(data, problems)
    problems.raise_any()
    assert problem is not None
    nest = _nest(problem, problems)
    problems.raise_any()
    assert nest is not None
    if "densities" in problem.given or "commonDensity" in problem.given:
        assembly.notes.append("densities are not costed: layers that have them count as dense")
    for key in problem.given:
        if (coefficient := _misspelt(key, problem.shape)) is not None:
            assembly.notes.append(f"{key} is taken for {coefficient}; Timeloop itself passes over it")
    try:
        return append_nest(assembly, file.stem, nest, before)
    except InputError as error:
        for text in error.problems:
            problems.add(problem.at, text)
        problems.raise_any()
        raise


def _problem(data: LinedMapping, problems: Problems) -> _Problem | None:
    raw = data.get("problem")
    if not isinstance(raw, LinedMapping):
        problems.add((), "has no mapping `problem`; name a file with a Timeloop problem")
        return None
    whole = _merged(raw)
    shape = whole.get("shape")
    if shape is None and (other := next((key for key in ("ops", "io", "dimensions") if key in whole), None)):
        problems.add(("problem", other), "is of several operators, or of another tool than Timeloop; write each as a "
                     "problem with a `shape` and an `instance`")  # fmt: skip
        return None
    if shape is None or isinstance(shape, str):
        named = _NAMED.get(re.sub(r"\.(ya?ml|cfg)$", "", (shape or "cnn_layer").lower()).replace("-", "_"))
        if named is None:
            text = f"{shown(shape)} is no shape that is known; write it out, or name cnn-layer, gemm or gemm_ABZ"
            problems.add(("problem", "shape"), text)
            return None
        spec: _Shape | None = _Shape.model_validate(named)
    else:
        spec = problems.check(_Shape, shape, ("problem", "shape"))
    inner = whole.get("instance", whole)
    at: Location = ("problem", "instance") if "instance" in raw else ("problem",)
    if not isinstance(inner, Mapping):
        problems.add(at, f"{shown(inner)} is no mapping of dimensions to sizes; write C: 64 and the like")
    return None if spec is None or not isinstance(inner, Mapping) else _Problem(spec, inner, at)


def _merged(data: LinedMapping) -> LinedMapping:
    """`data` over what stands under its `<<<`, level by level."""
    base = data.get(_MERGE)
    made = LinedMapping(data.line)
    for layer in ([base] if isinstance(base, LinedMapping) else []) + [data]:
        for key, value in layer.items():
            if key == _MERGE:
                continue
            under = made.get(key)
            if isinstance(value, LinedMapping) and isinstance(under, LinedMapping):
                both = LinedMapping(value.line)
                both.update({_MERGE: under} | value)
                both.lines = {**under.lines, **value.lines}
                value = _merged(both)
            made[key] = value
            made.lines[key] = layer.lines[key]
    return made


def _nest(problem: _Problem, problems: Problems) -> LoopNest | None:
    shape = problem.shape
    sizes = {dimension: _size(problem, dimension, None, problems) for dimension in shape.dimensions}
    coefficients = {each.name: _size(problem, each.name, each.default, problems) for each in shape.coefficients}
    spaces = _roles(shape, problems)
    unknown = sorted(set().union(*(space.dimensions for space in shape.data_spaces)) - set(sizes))
    if unknown:
        problems.add(("problem", "shape"), f"a projection names {shown(unknown[0])}, which is none of the dimensions")
    if spaces is None or unknown:
        return None
    output, first, second = spaces
    windows = []
    for axis in first.projection:
        if len(axis) > 1 or len(axis[0]) > 1:
            window = _window(axis, output, coefficients)
            if window is None:
                what = " + ".join("*".join(term) for term in axis)
                problems.add(("problem", "shape"), f"{shown(first.name)} is indexed by {what}; an axis is read that is "
                             "one dimension, or a sum of one of the outputs and one of the weights")  # fmt: skip
                return None
            windows.append(window)
    if len(windows) > 3:
        problems.add(("problem", "shape"), f"{len(windows)} axes have windows; at most three are read")
        return None
    # Timeloop calls coefficients of the vertical axis H...; without such names the order is that of the projection,
    # as it is where a volume's depth comes first
    if len(windows) < 3:
        windows.sort(key=lambda found: not found[1].startswith("H"))
    plain = frozenset(axis[0][0] for axis in first.projection if len(axis) == 1 and len(axis[0]) == 1)
    return LoopNest(sizes, output.dimensions, plain, second.dimensions, tuple(window for window, _ in windows))


def _size(problem: _Problem, key: str, default: int | None, problems: Problems) -> int:
    """The number that the instance gives; 1 with the problem added where it gives none."""
    given = problem.given
    near = next((k for k in given if _misspelt(k, problem.shape) == key), None)
    value = given.get(near or key, default)
    if type(value) is int and 1 <= value <= LARGEST_BOUND:
        return value
    if value is None:
        problems.add(problem.at, f"has no size of dimension {key}; add it, 1 if there is none")
    else:
        problems.add(
            (*problem.at, near or key), f"{shown(value)} is no whole number from 1 to {LARGEST_BOUND}; write one"
        )
    return 1


def _misspelt(key: str, shape: _Shape) -> str | None:
    """The coefficient that a key differs from in upper and lower case alone."""
    names = [coefficient.name for coefficient in shape.coefficients]
    return None if key in names else next((name for name in names if name.lower() == key.lower()), None)


def _roles(shape: _Shape, problems: Problems) -> tuple[_DataSpace, _DataSpace, _DataSpace] | None:
    """Output, first operand and weights: what has windows is the first operand, else what is called like weights is
    none, else the order decides. An operand indexed as the output is only added to it."""
    written = [space for space in shape.data_spaces if space.read_write]
    read = [space for space in shape.data_spaces if not space.read_write]
    if len(written) == 1:
        read = [space for space in read if len(read) == 2 or space.dimensions != written[0].dimensions]
    if len(written) != 1 or len(read) != 2:
        problems.add(("problem", "shape", "data_spaces"),
                     f"{len(written)} are written and {len(read)} read; an operator of one output (read_write: true) "
                     "and two operands is read")  # fmt: skip
        return None
    first, second = read
    if _windowed(second) or (not _windowed(first) and first.name.lower().startswith(("w", "filter", "kernel"))):
        first, second = second, first
    return written[0], first, second


def _windowed(space: _DataSpace) -> bool:
    return any(len(axis) > 1 for axis in space.projection)


def _window(axis: Sequence[Term], output: _DataSpace, values: Mapping[str, int]) -> tuple[Window, str] | None:
    """The window of an axis, and the name of its stride; None where it is of another form."""
    if len(axis) != 2 or any(len(term) == 2 and term[1] not in values for term in axis):
        return None
    outs = [term for term in axis if term[0] in output.dimensions]
    filters = [term for term in axis if term[0] not in output.dimensions]
    if len(outs) != 1 or len(filters) != 1:
        return None
    (out, *stride), (filter_, *dilation) = outs[0], filters[0]
    factors = [values[name[0]] if name else 1 for name in (stride, dilation)]
    return Window(out, filter_, *factors), (stride or dilation or [""])[0]
